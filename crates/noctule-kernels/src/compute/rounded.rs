//! A few rows of activations as 16-bit integers.

use super::Compute;
use crate::buffer::{Borrowed, cut};
use crate::table::Layout;
use crate::view::Rows;

/// A few rows of activations as integers of 16 bits: 8 bits change more words in decoding than the rounding of many
/// rows does, and where memory is the limit their arithmetic is free.
pub(super) struct Rounded<'a> {
    buffer: Borrowed<'a>,
    layout: Layout,
    rows: usize,
    k: usize,
}

/// Floats of each part of a [`Rounded`] row: integers, scale, sums of 16, sums of 32.
fn parts(k: usize) -> [usize; 4] {
    [k / 2, 1, k / 16, k / 32]
}

impl Rounded<'_> {
    /// Integers in a row: a multiple of 32.
    pub(super) fn k(&self) -> usize {
        self.k
    }

    fn part(&self, index: usize) -> &[f32] {
        let parts = parts(self.k).map(|len| len * self.rows);
        let from: usize = parts[..index].iter().sum();
        &self.buffer.as_floats()[from..from + parts[index]]
    }

    /// How the integers lie.
    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// As [`GemvI8`](crate::table::GemvI8) wants them.
    pub(super) fn integers(&self) -> *const i16 {
        self.part(0).as_ptr().cast()
    }

    /// `[rows]`.
    pub(super) fn scales(&self) -> &[f32] {
        self.part(1)
    }

    /// Sums of the integers of each group, `[rows][k / group]`.
    pub(super) fn sums(&self, group: usize) -> &[f32] {
        self.part(if group == 16 { 2 } else { 3 })
    }
}

impl Compute {
    /// Rounds rows; `x.cols()` is a multiple of 32, and of what the layout takes together.
    pub(super) fn round(&self, x: Rows<'_>, layout: Layout) -> Rounded<'_> {
        let (rows, k) = (x.rows(), x.cols());
        assert!(k.is_multiple_of(32), "{k} is no whole number of groups");
        let lens = parts(k);
        let mut buffer = self.operands.take();
        let mut rest = buffer.floats(lens.iter().sum::<usize>() * rows + k / 2);
        let integers = as_integers(cut(&mut rest, lens[0] * rows));
        let scales = cut(&mut rest, rows);
        let sums16 = cut(&mut rest, lens[2] * rows);
        let sums32 = cut(&mut rest, lens[3] * rows);
        let row = as_integers(rest);
        for (i, scale) in scales.iter_mut().enumerate() {
            let sums = &mut sums16[i * lens[2]..][..lens[2]];
            // SAFETY: `kernels` checked the tier.
            *scale = unsafe { (self.kernels.round)(x.row(i), row, sums) };
            for (sum, &[low, high]) in sums32[i * lens[3]..].iter_mut().zip(sums.as_chunks::<2>().0) {
                *sum = low + high;
            }
            match layout {
                Layout::Words => integers[i * k..][..k].copy_from_slice(row),
                Layout::Runs => pair_runs(row, &mut integers[i * k..][..k]),
                Layout::Eights(order) => eights(row, &mut integers[i * k..][..k], order),
                Layout::Bytes => halve(row, integers, rows, i),
            }
        }
        Rounded { buffer, layout, rows, k }
    }
}

/// Floats as twice as many integers.
fn as_integers(floats: &mut [f32]) -> &mut [i16] {
    // SAFETY: any bytes are integers and any integers are floats; the length in bytes is the same.
    unsafe { std::slice::from_raw_parts_mut(floats.as_mut_ptr().cast(), floats.len() * 2) }
}

/// An integer within ±127·255 as bytes `(h, l)`: 256·h + l.
fn halves(x: i16) -> (i8, i8) {
    // The sum does not overflow: the integers end before 32,640.
    (((x + 128) >> 8) as i8, x as i8)
}

/// Puts row `i` of `rows` to its places as [`Layout::Bytes`] says.
fn halve(row: &[i16], to: &mut [i16], rows: usize, i: usize) {
    let places = to.as_chunks_mut::<32>().0.iter_mut().skip(i).step_by(rows);
    for (row, to) in row.as_chunks::<32>().0.iter().zip(places) {
        let (upper, lower) = to.split_at_mut(16);
        put_halves(row, upper, lower);
    }
}

/// Puts a row to its places as [`Layout::Runs`] says.
fn pair_runs(row: &[i16], to: &mut [i16]) {
    for (row, to) in row.chunks(64).zip(to.chunks_mut(64)) {
        let (even, odd) = to.split_at_mut(to.len() / 2);
        part(row, even, odd);
    }
}

/// Puts a row to its places as [`Layout::Eights`] says.
fn eights(row: &[i16], to: &mut [i16], order: &[u8]) {
    let len = 8 * order.len();
    for (row, to) in row.chunks_exact(len).zip(to.chunks_exact_mut(len)) {
        let (row, _) = row.as_chunks::<8>();
        for (order, to) in order.chunks_exact(16).zip(to.chunks_exact_mut(128)) {
            let (upper, lower) = to.split_at_mut(64);
            let places = upper.chunks_exact_mut(4).zip(lower.chunks_exact_mut(4));
            for (&eight, (upper, lower)) in order.iter().zip(places) {
                put_halves(&row[usize::from(eight)], upper, lower);
            }
        }
    }
}

/// Integers as upper and lower bytes, two of which take the place of an integer.
fn put_halves(row: &[i16], upper: &mut [i16], lower: &mut [i16]) {
    for (pair, (upper, lower)) in row.as_chunks::<2>().0.iter().zip(upper.iter_mut().zip(lower)) {
        let [first, second] = pair.map(halves);
        *upper = i16::from_ne_bytes([first.0 as u8, second.0 as u8]);
        *lower = i16::from_ne_bytes([first.1 as u8, second.1 as u8]);
    }
}

/// Parts what stands at even places from what stands at odd ones.
fn part(row: &[i16], even: &mut [i16], odd: &mut [i16]) {
    for (&[first, second], (even, odd)) in row.as_chunks().0.iter().zip(even.iter_mut().zip(odd)) {
        (*even, *odd) = (first, second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generic::math::LARGEST;

    #[test]
    fn runs_are_paired() {
        let row: [i16; 96] = std::array::from_fn(|i| i as i16);
        let mut to = [0; 96];
        pair_runs(&row, &mut to);
        let places = |from: i16, len: i16| (0..2).flat_map(move |odd| (0..len / 2).map(move |i| from + 2 * i + odd));
        assert!(to.into_iter().eq(places(0, 64).chain(places(64, 32))), "{to:?}");
    }

    #[test]
    fn eights_are_in_order() {
        let order: [u8; 32] = std::array::from_fn(|i| (i * 5 % 32) as u8);
        let row: [i16; 512] = std::array::from_fn(|i| (63 * i) as i16 - 16_000);
        let mut to = [0; 512];
        eights(&row, &mut to, &order);
        let bytes: Vec<u8> = to.iter().flat_map(|x| x.to_ne_bytes()).collect();
        for (i, &x) in row.iter().enumerate() {
            let eight = order.iter().position(|&eight| usize::from(eight) == i % 256 / 8).expect("one of 32");
            let at = i / 256 * 512 + eight / 16 * 256 + eight % 16 * 8 + i % 8;
            let (upper, lower) = (i32::from(bytes[at] as i8), i32::from(bytes[at + 128] as i8));
            assert_eq!(256 * upper + lower, i32::from(x), "place {i}");
        }
    }

    #[test]
    fn halves_of_all_rows_lie_together() {
        let rows: [[i16; 64]; 3] = std::array::from_fn(|i| std::array::from_fn(|p| (1000 * i + 300 * p) as i16));
        let mut to = [0; 3 * 64];
        rows.iter().enumerate().for_each(|(i, row)| halve(row, &mut to, 3, i));
        let bytes: Vec<i8> = to.iter().flat_map(|x| x.to_ne_bytes().map(|byte| byte as i8)).collect();
        for (i, row) in rows.iter().enumerate() {
            for (p, &x) in row.iter().enumerate() {
                let at = (p / 32 * 3 + i) * 64 + p % 32;
                assert_eq!(256 * i32::from(bytes[at]) + i32::from(bytes[at + 32]), i32::from(x), "row {i}, place {p}");
            }
        }
    }

    #[test]
    fn two_bytes_hold_every_integer() {
        for x in -LARGEST..=LARGEST {
            let (upper, lower) = halves(x);
            assert_eq!(256 * i32::from(upper) + i32::from(lower), i32::from(x));
        }
    }
}
