//! A few rows of activations as 16-bit integers, row after row.

use super::Compute;
use crate::buffer::{Borrowed, cut};
use crate::view::Rows;

/// A few rows of activations as integers of 16 bits: 8 bits change more words in decoding than the rounding of many
/// rows does, and where memory is the limit their arithmetic is free.
pub(super) struct Rounded<'a> {
    buffer: Borrowed<'a>,
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

    /// `[rows][k]`, as [`GemvI8`](crate::table::GemvI8) wants them.
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
    /// Rounds rows; `x.cols()` is a multiple of 32.
    pub(super) fn round(&self, x: Rows<'_>) -> Rounded<'_> {
        let (rows, k) = (x.rows(), x.cols());
        assert!(k.is_multiple_of(32), "{k} is no whole number of groups");
        let lens = parts(k);
        let mut buffer = self.operands.take();
        let mut rest = buffer.floats(lens.iter().sum::<usize>() * rows);
        let integers = as_integers(cut(&mut rest, lens[0] * rows));
        let scales = cut(&mut rest, rows);
        let sums16 = cut(&mut rest, lens[2] * rows);
        let sums32 = cut(&mut rest, lens[3] * rows);
        for (i, scale) in scales.iter_mut().enumerate() {
            let integers = &mut integers[i * k..][..k];
            let sums = &mut sums16[i * lens[2]..][..lens[2]];
            // SAFETY: `kernels` checked the tier.
            *scale = unsafe { (self.kernels.round)(x.row(i), integers, sums) };
            for (sum, &[low, high]) in sums32[i * lens[3]..].iter_mut().zip(sums.as_chunks::<2>().0) {
                *sum = low + high;
            }
            if self.kernels.halves {
                halve(integers);
            }
        }
        Rounded { buffer, rows, k }
    }
}

/// Floats as twice as many integers.
fn as_integers(floats: &mut [f32]) -> &mut [i16] {
    // SAFETY: any bytes are integers and any integers are floats; the length in bytes is the same.
    unsafe { std::slice::from_raw_parts_mut(floats.as_mut_ptr().cast(), floats.len() * 2) }
}

/// An integer within ±127·255 as `(h, l)` within ±127: 255·h + l.
fn halves(x: i16) -> (i8, i8) {
    let x = i32::from(x);
    // 257 / 2¹⁶ is so near to 1 / 255 that no quotient is off.
    let upper = (x * 257 + (1 << 15)) >> 16;
    (upper as i8, (x - 255 * upper) as i8)
}

/// Replaces a row by its upper bytes and then its lower ones.
fn halve(row: &mut [i16]) {
    let parts: Vec<(i8, i8)> = row.iter().map(|&x| halves(x)).collect();
    // SAFETY: any bytes are integers; the length in bytes is the same.
    let bytes = unsafe { std::slice::from_raw_parts_mut(row.as_mut_ptr().cast::<i8>(), 2 * row.len()) };
    let (upper, lower) = bytes.split_at_mut(row.len());
    for ((upper, lower), part) in upper.iter_mut().zip(lower).zip(parts) {
        (*upper, *lower) = part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generic::math::LARGEST;

    #[test]
    fn two_bytes_hold_every_integer() {
        for x in -LARGEST..=LARGEST {
            let (upper, lower) = halves(x);
            assert!(upper != i8::MIN && lower != i8::MIN, "{x}");
            assert_eq!(255 * i32::from(upper) + i32::from(lower), i32::from(x));
        }
    }
}
