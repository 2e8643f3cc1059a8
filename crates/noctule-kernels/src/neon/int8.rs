//! Integer products with the base instructions of 64-bit ARM.
//!
//! Sixteen codes of a row stand side by side. `smull`, `smlal2` and `sadalp` multiply them in two
//! multiplier slots: codes are within ±127, so two products fit 16 bits.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use super::Neon;
use crate::generic::int8::{self, Int8Simd};
use crate::table::{GemvI8, Int8, TileI8};
use std::arch::aarch64::*;

const MR: usize = 4;
const NR: usize = 4;

pub(crate) const INT8: Int8 = Int8 { mr: MR, nr: NR, unit: 16, wide: false, tile, gemv };

/// # Safety
/// The processor has the tier, and all elements that the tile names are valid.
#[target_feature(enable = "neon")]
unsafe fn tile(t: &TileI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::tile::<Neon>(t) }
}

/// # Safety
/// The processor has the tier, and all elements that `g` names are valid.
#[target_feature(enable = "neon")]
unsafe fn gemv(g: &GemvI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::gemv::<Neon>(g) }
}

// SAFETY: the functions are those of the tier.
unsafe impl Int8Simd for Neon {
    type Floats = Neon;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn tile<const GROUP: usize, const MIN: bool>(t: &TileI8) {
        // SAFETY: passed on to the caller.
        unsafe { tile_of::<GROUP, MIN>(t) }
    }
    #[inline(always)]
    unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
        // SAFETY: passed on to the caller.
        unsafe { few::<M>(g, j, i, |acc, a, b| dot16(acc, a, b)) }
    }
}

/// Adds the products of sixteen codes, pair by pair.
#[inline]
#[target_feature(enable = "neon")]
fn dot16(acc: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    let low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
    vpadalq_s16(acc, vmlal_high_s8(low, a, b))
}

/// # Safety
/// As for [`tile`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn tile_of<const GROUP: usize, const MIN: bool>(t: &TileI8) {
    // SAFETY: the operands have the shapes that `TileI8` states.
    unsafe {
        let mut sums = [vdupq_n_f32(0.0); MR];
        for g in 0..t.groups {
            let mut dots = [[vdupq_n_s32(0); NR]; MR];
            let (a, b) = (t.a.cast::<i8>().add(g * GROUP * MR), t.b.cast::<i8>().add(g * GROUP * NR));
            for unit in 0..GROUP / 16 {
                let (a, b) = (a.add(unit * 16 * MR), b.add(unit * 16 * NR));
                let mut columns = [vdupq_n_s8(0); NR];
                for (j, column) in columns.iter_mut().enumerate() {
                    *column = vld1q_s8(b.add(16 * j));
                }
                for (r, dots) in dots.iter_mut().enumerate() {
                    let row = vld1q_s8(a.add(16 * r));
                    for (dot, &column) in dots.iter_mut().zip(&columns) {
                        *dot = dot16(*dot, row, column);
                    }
                }
            }
            let b_scale = vld1q_f32(t.b_scale.add(g * NR));
            let a_scale = vld1q_f32(t.a_scale.add(g * GROUP / 32 * MR));
            let a_scale: [f32; MR] = std::mem::transmute(a_scale);
            for (r, sum) in sums.iter_mut().enumerate() {
                let [a, b, c, d] = dots[r];
                let dot = vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
                let scale = vmulq_n_f32(b_scale, a_scale[r]);
                *sum = vfmaq_f32(*sum, vcvtq_f32_s32(dot), scale);
            }
        }
        if MIN {
            add_offsets(&mut sums, t);
        }
        store(&sums, t);
    }
}

/// Adds to a tile of four columns what the weights' offsets come to: in a loop of its own, since
/// beside the products of codes there are not enough registers for it.
///
/// # Safety
/// As for [`tile`], with `MR` rows.
#[inline(always)]
pub(crate) unsafe fn add_offsets<const MR: usize>(sums: &mut [float32x4_t; MR], t: &TileI8) {
    // SAFETY: the operands have the shapes that `TileI8` states.
    unsafe {
        for g in 0..t.groups {
            let b_min = vld1q_f32(t.b_min.add(g * NR));
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = vfmaq_n_f32(*sum, b_min, *t.a_sum.add(g * MR + r));
            }
        }
    }
}

/// Writes a tile of four columns to its place.
///
/// # Safety
/// As for [`tile`], with `MR` rows.
#[inline(always)]
pub(crate) unsafe fn store<const MR: usize>(sums: &[float32x4_t; MR], t: &TileI8) {
    for (r, &sum) in sums.iter().enumerate() {
        // SAFETY: the result has the shape that `TileI8` states.
        unsafe { vst1q_f32(t.c.add(r * t.ldc), sum) };
    }
}

/// One row of weights, `M` rows of activations from `i` on; `dot16` adds the products of sixteen codes.
///
/// # Safety
/// As for [`gemv`].
#[inline(always)]
pub(crate) unsafe fn few<const M: usize>(
    g: &GemvI8,
    j: usize,
    i: usize,
    dot16: impl Fn(int32x4_t, int8x16_t, int8x16_t) -> int32x4_t,
) {
    // SAFETY: the operands have the shapes that `GemvI8` states.
    unsafe {
        let groups = g.k / g.group;
        let w_scale = g.w_scale.add(j * groups);
        let mut acc = [vdupq_n_f32(0.0); M];
        for step in 0..g.k / 32 {
            let w = g.w.add(j * g.k + step * 32);
            let (low, high) = (vld1q_s8(w), vld1q_s8(w.add(16)));
            for (c, acc) in acc.iter_mut().enumerate() {
                let x = g.x.add((i + c) * g.k + step * 32);
                let x_scale = *g.x_scale.add((i + c) * (g.k / 32) + step);
                let (x_low, x_high) = (vld1q_s8(x), vld1q_s8(x.add(16)));
                let zero = vdupq_n_s32(0);
                if g.group == 32 {
                    let dot = dot16(dot16(zero, low, x_low), high, x_high);
                    *acc = vfmaq_n_f32(*acc, vcvtq_f32_s32(dot), x_scale * *w_scale.add(step));
                } else {
                    let first = vcvtq_f32_s32(dot16(zero, low, x_low));
                    let second = vcvtq_f32_s32(dot16(zero, high, x_high));
                    *acc = vfmaq_n_f32(*acc, first, x_scale * *w_scale.add(2 * step));
                    *acc = vfmaq_n_f32(*acc, second, x_scale * *w_scale.add(2 * step + 1));
                }
            }
        }
        for (c, &acc) in acc.iter().enumerate() {
            *g.out.add((i + c) * g.out_stride + j) = vaddvq_f32(acc) + int8::offsets(g, j, i + c);
        }
    }
}
