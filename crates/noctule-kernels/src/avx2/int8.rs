//! Integer products with AVX2.
//!
//! The tile works on codes widened to 16 bits: `vpmaddwd` and an addition do sixteen
//! multiplications, as many as an 8-bit `vpmaddubsw` with the repairs that signs and saturation
//! ask for, and nothing can overflow. The few-row product does use `vpmaddubsw`, on magnitudes of
//! weights and activations that took over their signs: 2 · 127 · 127 fits 16 bits.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use super::Avx2;
use crate::generic::int8::{self, Int8Simd};
use crate::table::{GemvI8, Int8, TileI8};
use std::arch::x86_64::*;

const MR: usize = 4;
const NR: usize = 16;

pub(crate) const INT8: Int8 = Int8 { mr: MR, nr: NR, unit: 2, wide: true, tile, gemv };

/// # Safety
/// The processor has the tier, and all elements that the tile names are valid.
#[target_feature(enable = "avx2,fma")]
unsafe fn tile(t: &TileI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::tile::<Avx2>(t) }
}

/// # Safety
/// The processor has the tier, and all elements that `g` names are valid.
#[target_feature(enable = "avx2,fma")]
unsafe fn gemv(g: &GemvI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::gemv::<Avx2>(g) }
}

// SAFETY: the functions are those of the tier.
unsafe impl Int8Simd for Avx2 {
    type Floats = Avx2;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn tile<const GROUP: usize, const MIN: bool>(t: &TileI8) {
        // SAFETY: passed on to the caller.
        unsafe { tile_of::<MIN>(t) }
    }
    #[inline(always)]
    unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
        // SAFETY: passed on to the caller.
        unsafe { few::<M>(g, j, i) }
    }
}

/// # Safety
/// As for [`tile`].
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn tile_of<const MIN: bool>(t: &TileI8) {
    // SAFETY: the operands have the shapes that `TileI8` states.
    unsafe {
        let mut sums = [[_mm256_setzero_ps(); 2]; MR];
        for g in 0..t.groups {
            let mut dots = [[_mm256_setzero_si256(); 2]; MR];
            let mut a = t.a.cast::<i32>().add(g * t.group / 2 * MR);
            let mut b = t.b.cast::<__m256i>().add(g * t.group / 2 * 2);
            // A loop of unknown length stays a loop: unrolled, its registers would not suffice.
            for _ in 0..t.group / 2 {
                let low = _mm256_loadu_si256(b);
                let high = _mm256_loadu_si256(b.add(1));
                for (r, dot) in dots.iter_mut().enumerate() {
                    let x = _mm256_set1_epi32(a.add(r).read_unaligned());
                    dot[0] = _mm256_add_epi32(dot[0], _mm256_madd_epi16(low, x));
                    dot[1] = _mm256_add_epi32(dot[1], _mm256_madd_epi16(high, x));
                }
                a = a.add(MR);
                b = b.add(2);
            }
            let b_scale = t.b_scale.add(g * NR);
            let a_scale = t.a_scale.add(g * t.group / 32 * MR);
            for half in 0..2 {
                let b_scale = _mm256_loadu_ps(b_scale.add(8 * half));
                for r in 0..MR {
                    let scale = _mm256_mul_ps(b_scale, _mm256_set1_ps(*a_scale.add(r)));
                    let dot = _mm256_cvtepi32_ps(dots[r][half]);
                    sums[r][half] = _mm256_fmadd_ps(dot, scale, sums[r][half]);
                }
                if MIN {
                    let b_min = _mm256_loadu_ps(t.b_min.add(g * NR + 8 * half));
                    for (r, sum) in sums.iter_mut().enumerate() {
                        let a_sum = _mm256_set1_ps(*t.a_sum.add(g * MR + r));
                        sum[half] = _mm256_fmadd_ps(a_sum, b_min, sum[half]);
                    }
                }
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            _mm256_storeu_ps(t.c.add(r * t.ldc), sum[0]);
            _mm256_storeu_ps(t.c.add(r * t.ldc + 8), sum[1]);
        }
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
        let groups = g.k / g.group;
        let w_scale = g.w_scale.add(j * groups);
        let mut acc = [_mm256_setzero_ps(); M];
        for step in 0..g.k / 32 {
            let w = _mm256_loadu_si256(g.w.add(j * g.k + step * 32).cast());
            let magnitude = _mm256_abs_epi8(w);
            // One scale for all lanes, or one for each half.
            let w_scale = if g.group == 32 {
                _mm256_set1_ps(*w_scale.add(step))
            } else {
                let low = _mm_set1_ps(*w_scale.add(2 * step));
                _mm256_set_m128(_mm_set1_ps(*w_scale.add(2 * step + 1)), low)
            };
            for (c, acc) in acc.iter_mut().enumerate() {
                let x = _mm256_loadu_si256(g.x.add((i + c) * g.k + step * 32).cast());
                let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(x, w));
                let dot = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
                let x_scale = _mm256_set1_ps(*g.x_scale.add((i + c) * (g.k / 32) + step));
                let scale = _mm256_mul_ps(w_scale, x_scale);
                *acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale, *acc);
            }
        }
        for (c, &acc) in acc.iter().enumerate() {
            let four = _mm_add_ps(_mm256_castps256_ps128(acc), _mm256_extractf128_ps::<1>(acc));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            let sum = _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)));
            *g.out.add((i + c) * g.out_stride + j) = sum + int8::offsets(g, j, i + c);
        }
    }
}
