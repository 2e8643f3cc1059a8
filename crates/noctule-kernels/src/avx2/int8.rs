//! Integer products of a few rows with AVX2: weights are widened to 16 bits, so that `vpmaddwd` multiplies them with
//! whole activations.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use super::Avx2;
use crate::generic::int8::{self, Int8Simd};
use crate::table::GemvI8;
use std::arch::x86_64::*;

/// # Safety
/// The processor has the tier, and all elements that `g` names are valid.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn gemv(g: &GemvI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::gemv::<Avx2>(g) }
}

// SAFETY: the functions are those of the tier.
unsafe impl Int8Simd for Avx2 {
    type Floats = Avx2;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
        // SAFETY: passed on to the caller.
        unsafe { few::<M>(g, j, i) }
    }
}

/// One row of weights, `M` rows of activations from `i` on.
///
/// # Safety
/// As for [`gemv`].
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
    // SAFETY: the operands have the shapes that `GemvI8` states.
    unsafe {
        let (w, x) = (g.w.add(j * g.k), g.x.add(i * g.k));
        let w_scale = g.w_scale.add(j * (g.k / g.group));
        let mut acc = [_mm256_setzero_ps(); M];
        for step in 0..g.k / 32 {
            let low = _mm256_cvtepi8_epi16(_mm_loadu_si128(w.add(32 * step).cast()));
            let high = _mm256_cvtepi8_epi16(_mm_loadu_si128(w.add(32 * step + 16).cast()));
            for c in 0..M {
                let x = x.add(c * g.k + 32 * step);
                let first = _mm256_madd_epi16(low, _mm256_loadu_si256(x.cast()));
                let second = _mm256_madd_epi16(high, _mm256_loadu_si256(x.add(16).cast()));
                if g.group == 32 {
                    let scale = _mm256_set1_ps(*w_scale.add(step));
                    acc[c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(first, second)), scale, acc[c]);
                } else {
                    let scale = _mm256_set1_ps(*w_scale.add(2 * step));
                    acc[c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(first), scale, acc[c]);
                    let scale = _mm256_set1_ps(*w_scale.add(2 * step + 1));
                    acc[c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(second), scale, acc[c]);
                }
            }
        }
        for (c, &acc) in acc.iter().enumerate() {
            int8::put::<Avx2>(g, j, i + c, acc);
        }
    }
}
