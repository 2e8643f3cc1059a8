//! Integer products of a few rows with AVX-512: weights are widened to 16 bits, so that `vpmaddwd` multiplies them with
//! whole activations.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use super::Avx512;
use crate::generic::int8::{self, Int8Simd};
use crate::table::GemvI8;
use std::arch::x86_64::*;

/// # Safety
/// The processor has the tier, and all elements that `g` names are valid.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(crate) unsafe fn gemv(g: &GemvI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::gemv::<Avx512>(g) }
}

// SAFETY: the functions are those of the tier.
unsafe impl Int8Simd for Avx512 {
    type Floats = Avx512;
    const ROWS: usize = 5;

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
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
    // SAFETY: the operands have the shapes that `GemvI8` states.
    unsafe {
        let (w, x) = (g.w.add(j * g.k), g.x.add(i * g.k));
        let w_scale = g.w_scale.add(j * (g.k / g.group));
        let mut acc = [_mm512_setzero_ps(); M];
        // Lanes of the lower half take the first of two scales.
        let halves = _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
        for step in 0..g.k / 32 {
            let codes = _mm512_cvtepi8_epi16(_mm256_loadu_si256(w.add(32 * step).cast()));
            let scale = if g.group == 32 {
                _mm512_set1_ps(*w_scale.add(step))
            } else {
                let pair = w_scale.add(2 * step).cast::<f64>().read_unaligned();
                _mm512_permutevar_ps(_mm512_castpd_ps(_mm512_set1_pd(pair)), halves)
            };
            for c in 0..M {
                let dot = _mm512_madd_epi16(codes, _mm512_loadu_si512(x.add(c * g.k + 32 * step).cast()));
                acc[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, acc[c]);
            }
        }
        for (c, &acc) in acc.iter().enumerate() {
            int8::put::<Avx512>(g, j, i + c, acc);
        }
    }
}
