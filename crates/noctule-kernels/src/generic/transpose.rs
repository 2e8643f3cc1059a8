//! Transposition: how rows of activations, weights, queries and keys come to lie side by side.

use crate::scalar::Scalar;
use crate::simd::Simd;

/// A matrix and the place of its transpose.
pub(crate) struct Transpose {
    pub(crate) from: *const f32,
    /// Floats between rows of the matrix; they may overlap.
    pub(crate) from_stride: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) to: *mut f32,
    /// Floats between rows of the transpose.
    pub(crate) to_stride: usize,
}

/// `to[j·to_stride + i] = from[i·from_stride + j]` for `i < rows`, `j < cols`.
///
/// # Safety
/// The processor has the tier of `S`, and all elements that `t` names are valid.
#[inline(always)]
pub(crate) unsafe fn transpose<S: Simd>(t: &Transpose) {
    // SAFETY: passed on to the caller; squares lie inside the matrix.
    unsafe {
        let mut i = 0;
        while i + S::SQUARE <= t.rows {
            rows::<S>(t, i);
            i += S::SQUARE;
        }
        while i + Scalar::SQUARE <= t.rows {
            rows::<Scalar>(t, i);
            i += Scalar::SQUARE;
        }
        for i in i..t.rows {
            single(t, i, 0);
        }
    }
}

/// As many rows as a square of `S` has.
///
/// # Safety
/// As for [`transpose`].
#[inline(always)]
unsafe fn rows<S: Simd>(t: &Transpose, i: usize) {
    // SAFETY: passed on to the caller.
    unsafe {
        let from = t.from.add(i * t.from_stride);
        let mut j = 0;
        while j + S::SQUARE <= t.cols {
            let to = t.to.add(j * t.to_stride + i);
            S::transpose(from.add(j), t.from_stride, to, t.to_stride);
            j += S::SQUARE;
        }
        if j < t.cols {
            (i..i + S::SQUARE).for_each(|i| single(t, i, j));
        }
    }
}

/// # Safety
/// As for [`transpose`].
#[inline(always)]
unsafe fn single(t: &Transpose, i: usize, first: usize) {
    for j in first..t.cols {
        // SAFETY: passed on to the caller.
        unsafe { *t.to.add(j * t.to_stride + i) = *t.from.add(i * t.from_stride + j) };
    }
}
