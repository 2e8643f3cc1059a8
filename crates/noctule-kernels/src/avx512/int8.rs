//! Integer products with the four-way dot product of AVX-512 VNNI.
//!
//! `vpdpbusd` multiplies unsigned by signed bytes. In the tile the weights are made unsigned by a
//! bias of 128, and each sum starts at −128 times the sum of its activations. In the few-row
//! product the magnitudes of the weights are unsigned and their signs go to the activations.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use super::Avx512;
use crate::generic::int8::{self, Int8Simd};
use crate::table::{GemvI8, Int8, TileI8};
use std::arch::x86_64::*;

const MR: usize = 16;
const NR: usize = 16;

pub(crate) const INT8: Int8 = Int8 { mr: MR, nr: NR, unit: 4, wide: false, tile, gemv };

/// # Safety
/// The processor has the tier, and all elements that the tile names are valid.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn tile(t: &TileI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::tile::<Avx512>(t) }
}

/// # Safety
/// The processor has the tier, and all elements that `g` names are valid.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn gemv(g: &GemvI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::gemv::<Avx512>(g) }
}

// SAFETY: the functions are those of the tier.
unsafe impl Int8Simd for Avx512 {
    type Floats = Avx512;
    const ROWS: usize = 5;

    #[inline(always)]
    unsafe fn tile<const GROUP: usize, const MIN: bool>(t: &TileI8) {
        // SAFETY: passed on to the caller.
        unsafe { if GROUP == 16 { tile_of::<16, 4, MIN>(t) } else { tile_of::<32, 8, MIN>(t) } }
    }
    #[inline(always)]
    unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
        // SAFETY: passed on to the caller.
        unsafe { few::<M>(g, j, i) }
    }
}

/// `QUADS` is `GROUP / 4`.
///
/// # Safety
/// As for [`tile`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn tile_of<const GROUP: usize, const QUADS: usize, const MIN: bool>(t: &TileI8) {
    // SAFETY: the operands have the shapes that `TileI8` states.
    unsafe {
        let bias = _mm512_set1_epi8(-128);
        let mut sums = [_mm512_setzero_ps(); MR];
        for g in 0..t.groups {
            let mut b = [_mm512_setzero_si512(); QUADS];
            for (u, b) in b.iter_mut().enumerate() {
                *b = _mm512_xor_si512(_mm512_loadu_si512(t.b.add((g * QUADS + u) * 4 * NR).cast()), bias);
            }
            let b_scale = _mm512_loadu_ps(t.b_scale.add(g * NR));
            let a = t.a.cast::<i32>().add(g * QUADS * MR);
            let a_scale = t.a_scale.add(g * GROUP / 32 * MR);
            let a_shift = t.a_shift.add(g * MR);
            for (r, sum) in sums.iter_mut().enumerate() {
                let mut dot = _mm512_set1_epi32(*a_shift.add(r));
                for (u, &b) in b.iter().enumerate() {
                    let x = _mm512_set1_epi32(a.add(u * MR + r).read_unaligned());
                    dot = _mm512_dpbusd_epi32(dot, b, x);
                }
                let scale = _mm512_mul_ps(b_scale, _mm512_set1_ps(*a_scale.add(r)));
                *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, *sum);
            }
            if MIN {
                let b_min = _mm512_loadu_ps(t.b_min.add(g * NR));
                for (r, sum) in sums.iter_mut().enumerate() {
                    let a_sum = _mm512_set1_ps(*t.a_sum.add(g * MR + r));
                    *sum = _mm512_fmadd_ps(a_sum, b_min, *sum);
                }
            }
        }
        for (r, &sum) in sums.iter().enumerate() {
            _mm512_storeu_ps(t.c.add(r * t.ldc), sum);
        }
    }
}

/// One row of weights, `M` rows of activations from `i` on.
///
/// # Safety
/// As for [`gemv`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
    // SAFETY: the operands have the shapes that `GemvI8` states, and masks keep loads inside them.
    unsafe {
        let groups = g.k / g.group;
        let mut acc = [_mm512_setzero_ps(); M];
        // Sixteen weight groups are one vector of scales.
        for first in (0..groups).step_by(16) {
            let count = (groups - first).min(16);
            let mask = (0xffff_u32 >> (16 - count)) as u16;
            let mut scales = [_mm512_setzero_ps(); M];
            let mut x_scales = [_mm512_setzero_ps(); M];
            for (c, x_scale) in x_scales.iter_mut().enumerate() {
                let from = g.x_scale.add((i + c) * (g.k / 32));
                *x_scale = if g.group == 32 {
                    _mm512_maskz_loadu_ps(mask, from.add(first))
                } else {
                    // Two weight groups share the scale of 32 activations.
                    let half = (0xff_u32 >> (8 - count.div_ceil(2))) as u16;
                    let pairs = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
                    let loaded = _mm512_maskz_loadu_ps(half, from.add(first / 2));
                    _mm512_permutexvar_ps(pairs, loaded)
                };
            }
            let at = j * groups + first;
            let w_scale = _mm512_maskz_loadu_ps(mask, g.w_scale.add(at));
            for c in 0..M {
                scales[c] = _mm512_mul_ps(w_scale, x_scales[c]);
            }
            if !g.w_min.is_null() {
                let min = _mm512_maskz_loadu_ps(mask, g.w_min.add(at));
                for (c, acc) in acc.iter_mut().enumerate() {
                    let from = g.x_sum.add((i + c) * groups + first);
                    *acc = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, from), min, *acc);
                }
            }
            // A vector of 64 codes spans 64 / group groups: 16 lanes of four codes each.
            let per_vector = 64 / g.group;
            let lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
            let mut index = if g.group == 32 { _mm512_srli_epi32::<3>(lanes) } else { _mm512_srli_epi32::<2>(lanes) };
            let codes = count * g.group;
            for from in (0..codes).step_by(64) {
                let bytes = (codes - from).min(64);
                let mask = u64::MAX >> (64 - bytes);
                let at = first * g.group + from;
                let w = _mm512_maskz_loadu_epi8(mask, g.w.add(j * g.k + at));
                let negative = _mm512_movepi8_mask(w);
                let magnitude = _mm512_abs_epi8(w);
                for c in 0..M {
                    let zero = _mm512_setzero_si512();
                    let x = _mm512_maskz_loadu_epi8(mask, g.x.add((i + c) * g.k + at));
                    let signed = _mm512_mask_sub_epi8(x, negative, zero, x);
                    let dot = _mm512_dpbusd_epi32(zero, magnitude, signed);
                    let scale = _mm512_permutexvar_ps(index, scales[c]);
                    acc[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, acc[c]);
                }
                index = _mm512_add_epi32(index, _mm512_set1_epi32(per_vector as i32));
            }
        }
        for (c, &acc) in acc.iter().enumerate() {
            *g.out.add((i + c) * g.out_stride + j) = _mm512_reduce_add_ps(acc);
        }
    }
}
