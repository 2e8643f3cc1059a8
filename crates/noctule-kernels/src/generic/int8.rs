//! The loops around the integer products, written once and compiled for every tier.

use crate::simd::Simd;
use crate::table::GemvI8;

/// What a tier contributes: one row of weights against a few rows of activations.
///
/// # Safety
/// Every function of an implementation requires that the processor has the instructions of its
/// tier, and is meant to be inlined into a function that enables them.
pub(crate) unsafe trait Int8Simd {
    /// The tier's floats.
    type Floats: Simd;
    /// The most rows of activations that [`few`](Self::few) takes.
    const ROWS: usize;

    /// Computes `out[i..i + M][j]`.
    unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize);
}

/// Computes a few rows.
///
/// # Safety
/// The processor has the tier, and all elements that `g` names are valid.
#[inline(always)]
pub(crate) unsafe fn gemv<T: Int8Simd>(g: &GemvI8) {
    // SAFETY: passed on to the caller; every block stays within `n` and `m`.
    unsafe {
        let mut i = 0;
        while i < g.m {
            let rows = (g.m - i).min(T::ROWS);
            for j in 0..g.n {
                match rows {
                    1 => T::few::<1>(g, j, i),
                    2 => T::few::<2>(g, j, i),
                    3 => T::few::<3>(g, j, i),
                    4 => T::few::<4>(g, j, i),
                    _ => T::few::<5>(g, j, i),
                }
                if i == 0 {
                    // The packed weights that are unpacked next arrive while these are multiplied.
                    for line in (0..g.row_bytes).step_by(64) {
                        T::Floats::prefetch(g.next.wrapping_add(j * g.row_bytes + line));
                    }
                }
            }
            i += rows;
        }
    }
}

/// Puts the sum of row `i` and weight row `j` to its place: lanes of `sum`, and what the weights' offsets add.
///
/// # Safety
/// The processor has the tier of `S`, and all elements that `g` names are valid.
#[inline(always)]
pub(crate) unsafe fn put<S: Simd>(g: &GemvI8, j: usize, i: usize, mut sum: S::V) {
    // SAFETY: passed on to the caller.
    unsafe {
        if !g.w_min.is_null() {
            let groups = g.k / g.group;
            let (min, x) = (g.w_min.add(j * groups), g.x_sum.add(i * groups));
            let whole = groups - groups % S::LANES;
            for b in (0..whole).step_by(S::LANES) {
                sum = S::fma(S::load(min.add(b)), S::load(x.add(b)), sum);
            }
            if whole < groups {
                let part = |from: *const f32| from.wrapping_add(whole);
                let (min, x) = (S::load_part(part(min), groups - whole), S::load_part(part(x), groups - whole));
                sum = S::fma(min, x, sum);
            }
        }
        *g.out.add(i * g.out_stride + j) = *g.x_scale.add(i) * S::sum(sum);
    }
}
