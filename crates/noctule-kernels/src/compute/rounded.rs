//! A few rows of activations as integers, row after row.

use super::Compute;
use super::gemv::as_codes;
use crate::buffer::{Borrowed, cut};
use crate::generic::math::GROUP;
use crate::view::Rows;

/// A few rows of activations as integers. Each becomes two rows of codes: the row rounded to 8 bits,
/// and what that lost, rounded to 8 bits with scales of its own. The two hold about 16 bits, for
/// twice the arithmetic where memory is the limit; 8 bits alone change more words than the
/// rounding of many rows does.
pub(super) struct Rounded<'a> {
    buffer: Borrowed<'a>,
    rows: usize,
    k: usize,
}

/// Floats of each part of a [`Rounded`] row: codes, scales, sums of 16, sums of 32.
fn parts(k: usize) -> [usize; 4] {
    [k / 4, k / 32, k / 16, k / 32]
}

impl Rounded<'_> {
    /// Rows of codes: two for each row of activations.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Codes in a row: a multiple of 32.
    pub(super) fn k(&self) -> usize {
        self.k
    }

    fn part(&self, index: usize) -> &[f32] {
        let parts = parts(self.k).map(|len| len * self.rows);
        let from: usize = parts[..index].iter().sum();
        &self.buffer.as_floats()[from..from + parts[index]]
    }

    /// `[rows][k]`.
    pub(super) fn codes(&self) -> &[i8] {
        let floats = self.part(0);
        // SAFETY: any bytes are codes; the length in bytes is the same.
        unsafe { std::slice::from_raw_parts(floats.as_ptr().cast(), floats.len() * 4) }
    }

    /// `[rows][k / 32]`.
    pub(super) fn scales(&self) -> &[f32] {
        self.part(1)
    }

    /// Scale times the sum of the codes, `[rows][k / group]`.
    pub(super) fn sums(&self, group: usize) -> &[f32] {
        self.part(if group == 16 { 2 } else { 3 })
    }
}

impl Compute {
    /// Rounds rows; `x.cols()` is a multiple of 32.
    pub(super) fn round(&self, x: Rows<'_>) -> Rounded<'_> {
        let (rows, k) = (2 * x.rows(), x.cols());
        assert!(k.is_multiple_of(GROUP), "{k} is no whole number of groups");
        let lens = parts(k);
        let mut buffer = self.operands.take();
        let mut rest = buffer.floats(lens.iter().sum::<usize>() * rows);
        let codes = as_codes(cut(&mut rest, lens[0] * rows));
        let scales = cut(&mut rest, lens[1] * rows);
        let sums16 = cut(&mut rest, lens[2] * rows);
        let sums32 = cut(&mut rest, lens[3] * rows);
        let mut sums = vec![0; k / 16];
        let mut lost = vec![0.0; k];
        for i in 0..rows {
            let codes = &mut codes[i * k..][..k];
            let scales = &mut scales[i * lens[1]..][..lens[1]];
            let from = if i % 2 == 0 { x.row(i / 2) } else { &lost };
            // SAFETY: `kernels` checked the tier.
            unsafe { (self.kernels.quantize)(from, codes, scales, &mut sums) };
            if i % 2 == 0 {
                subtract(x.row(i / 2), codes, scales, &mut lost);
            }
            for (g, &[low, high]) in sums.as_chunks::<2>().0.iter().enumerate() {
                sums16[i * lens[2] + 2 * g] = scales[g] * low as f32;
                sums16[i * lens[2] + 2 * g + 1] = scales[g] * high as f32;
                sums32[i * lens[3] + g] = scales[g] * (low + high) as f32;
            }
        }
        Rounded { buffer, rows, k }
    }
}

/// What is left of `x` without the numbers that codes and scales stand for.
pub(super) fn subtract(x: &[f32], codes: &[i8], scales: &[f32], rest: &mut [f32]) {
    let groups = x.chunks(GROUP).zip(codes.chunks(GROUP)).zip(scales);
    for (rest, ((x, q), &scale)) in rest.chunks_mut(GROUP).zip(groups) {
        for ((rest, x), &q) in rest.iter_mut().zip(x).zip(q) {
            *rest = x - f32::from(q) * scale;
        }
    }
}
