//! The loops around the integer products of a few rows, written once and compiled for every tier.

use crate::simd::Simd;
use crate::table::GemvI8;

/// What a tier contributes: one or some rows of weights against a few rows of activations.
///
/// # Safety
/// Every function of an implementation requires that the processor has the instructions of its
/// tier, and is meant to be inlined into a function that enables them.
pub(crate) unsafe trait Int8Simd {
    /// The tier's floats.
    type Floats: Simd;
    /// The most rows of activations that [`few`](Self::few) takes.
    const ROWS: usize;
    /// The rows of weights that [`together`](Self::together) takes: the activations are loaded once for all of them.
    const TOGETHER: usize = 1;

    /// Computes `out[i..i + M][j]`.
    unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize);

    /// Computes `out[i..i + M][j..j + TOGETHER]`.
    #[inline(always)]
    unsafe fn together<const M: usize>(g: &GemvI8, j: usize, i: usize) {
        for j in j..j + Self::TOGETHER {
            // SAFETY: passed on to the caller.
            unsafe { Self::few::<M>(g, j, i) };
        }
    }
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
            match rows {
                1 => columns::<T, 1>(g, i),
                2 => columns::<T, 2>(g, i),
                3 => columns::<T, 3>(g, i),
                4 => columns::<T, 4>(g, i),
                _ => columns::<T, 5>(g, i),
            }
            i += rows;
        }
    }
}

/// All rows of weights against `M` rows of activations from `i` on.
///
/// # Safety
/// As for [`gemv`], with so many rows.
#[inline(always)]
unsafe fn columns<T: Int8Simd, const M: usize>(g: &GemvI8, i: usize) {
    let mut j = 0;
    while j < g.n {
        let count = if g.n - j < T::TOGETHER { 1 } else { T::TOGETHER };
        // SAFETY: passed on to the caller; `count` rows are left.
        unsafe { if count == 1 { T::few::<M>(g, j, i) } else { T::together::<M>(g, j, i) } }
        if i == 0 {
            // The packed weights that are unpacked next arrive while these are multiplied.
            for line in (0..count * g.row_bytes).step_by(64) {
                // SAFETY: a prefetch cannot fault; the caller promises the tier.
                unsafe { T::Floats::prefetch(g.next.wrapping_add(j * g.row_bytes + line)) };
            }
        }
        j += count;
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
