//! From exact integer sums to floats: what follows a block of integer products.

use crate::simd::Simd;

/// A block of integer sums and the factors that make numbers of it.
pub(crate) struct Scale {
    /// Integer sums, `[rows][columns]`, `raw_stride` apart.
    pub(crate) raw: *const i32,
    pub(crate) raw_stride: usize,
    pub(crate) rows: usize,
    /// Whole vectors.
    pub(crate) columns: usize,
    /// One factor a row, `row_stride` floats apart.
    pub(crate) row_scale: *const f32,
    pub(crate) row_stride: usize,
    /// One factor a column.
    pub(crate) column_scale: *const f32,
    /// What each row of `out` is multiplied by before the sums are added; null replaces `out`.
    pub(crate) keep: *const f32,
    /// Result, row after row, `out_stride` apart.
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
    /// Whether `keep` counts as 1 where it is null and `out` has sums already.
    pub(crate) add: bool,
}

/// `out[i][j] = keep[i]·out[i][j] + raw[i][j]·(row_scale[i]·column_scale[j])`.
///
/// # Safety
/// The processor has the tier of `S`, and all elements that `s` names are valid.
#[inline(always)]
pub(crate) unsafe fn scale<S: Simd>(s: &Scale) {
    // SAFETY: passed on to the caller.
    unsafe {
        for i in 0..s.rows {
            let raw = s.raw.add(i * s.raw_stride);
            let out = s.out.add(i * s.out_stride);
            let factor = S::splat(*s.row_scale.add(i * s.row_stride));
            let keep = if s.keep.is_null() { S::zero() } else { S::splat(*s.keep.add(i)) };
            for j in (0..s.columns).step_by(S::LANES) {
                let scale = S::mul(factor, S::load(s.column_scale.add(j)));
                let sum = S::from_i32(raw.add(j));
                let value = if !s.keep.is_null() {
                    S::fma(sum, scale, S::mul(keep, S::load(out.add(j))))
                } else if s.add {
                    S::fma(sum, scale, S::load(out.add(j)))
                } else {
                    S::mul(sum, scale)
                };
                S::store(out.add(j), value);
            }
        }
    }
}
