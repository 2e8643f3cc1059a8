//! Integer products with `sdot`: sixteen multiplications in one instruction.
//!
//! The intrinsic is not stable in Rust 1.94, so the instruction is written as assembly.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use crate::generic::int8::{self, Int8Simd};
use crate::neon::{self, Neon};
use crate::table::{GemvI8, Int8, TileI8};
use std::arch::aarch64::*;
use std::arch::asm;

const MR: usize = 8;
const NR: usize = 4;

pub(crate) const INT8: Int8 = Int8 { mr: MR, nr: NR, unit: 4, wide: false, tile, gemv };

/// Adds to each lane the products of its four codes.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot(mut acc: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the function enables the instruction, which touches registers only.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {a:v}.16b, {b:v}.16b",
            acc = inout(vreg) acc, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    acc
}

/// Adds to each lane the products of its four codes and the four codes of one lane of `rows`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot_lane<const LANE: i32>(mut acc: int32x4_t, columns: int8x16_t, rows: int8x16_t) -> int32x4_t {
    // SAFETY: the function enables the instruction, which touches registers only.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {columns:v}.16b, {rows:v}.4b[{lane}]",
            acc = inout(vreg) acc, columns = in(vreg) columns, rows = in(vreg) rows,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    acc
}

/// # Safety
/// The processor has the tier, and all elements that the tile names are valid.
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile(t: &TileI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::tile::<Dotprod>(t) }
}

/// # Safety
/// The processor has the tier, and all elements that `g` names are valid.
#[target_feature(enable = "neon,dotprod")]
unsafe fn gemv(g: &GemvI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::gemv::<Dotprod>(g) }
}

/// The base instructions and the dot product.
struct Dotprod;

// SAFETY: the functions are those of the tier.
unsafe impl Int8Simd for Dotprod {
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
        unsafe { neon::int8::few::<M>(g, j, i, |acc, a, b| sdot(acc, a, b)) }
    }
}

/// # Safety
/// As for [`tile`].
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile_of<const GROUP: usize, const MIN: bool>(t: &TileI8) {
    // SAFETY: the operands have the shapes that `TileI8` states.
    unsafe {
        let mut sums = [vdupq_n_f32(0.0); MR];
        for g in 0..t.groups {
            let mut dots = [vdupq_n_s32(0); MR];
            let (a, b) = (t.a.cast::<i8>().add(g * GROUP * MR), t.b.cast::<i8>().add(g * GROUP * NR));
            for sixteen in 0..GROUP / 16 {
                let (a, b) = (a.add(sixteen * 16 * MR), b.add(sixteen * 16 * NR));
                for unit in 0..4 {
                    let columns = vld1q_s8(b.add(unit * 4 * NR));
                    let (top, bottom) = (vld1q_s8(a.add(unit * 4 * MR)), vld1q_s8(a.add(unit * 4 * MR + 16)));
                    dots[0] = sdot_lane::<0>(dots[0], columns, top);
                    dots[1] = sdot_lane::<1>(dots[1], columns, top);
                    dots[2] = sdot_lane::<2>(dots[2], columns, top);
                    dots[3] = sdot_lane::<3>(dots[3], columns, top);
                    dots[4] = sdot_lane::<0>(dots[4], columns, bottom);
                    dots[5] = sdot_lane::<1>(dots[5], columns, bottom);
                    dots[6] = sdot_lane::<2>(dots[6], columns, bottom);
                    dots[7] = sdot_lane::<3>(dots[7], columns, bottom);
                }
            }
            let b_scale = vld1q_f32(t.b_scale.add(g * NR));
            let a_scale = t.a_scale.add(g * GROUP / 32 * MR);
            let (top, bottom) = (vld1q_f32(a_scale), vld1q_f32(a_scale.add(4)));
            let scales = [
                vmulq_laneq_f32::<0>(b_scale, top),
                vmulq_laneq_f32::<1>(b_scale, top),
                vmulq_laneq_f32::<2>(b_scale, top),
                vmulq_laneq_f32::<3>(b_scale, top),
                vmulq_laneq_f32::<0>(b_scale, bottom),
                vmulq_laneq_f32::<1>(b_scale, bottom),
                vmulq_laneq_f32::<2>(b_scale, bottom),
                vmulq_laneq_f32::<3>(b_scale, bottom),
            ];
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = vfmaq_f32(*sum, vcvtq_f32_s32(dots[r]), scales[r]);
            }
        }
        if MIN {
            neon::int8::add_offsets(&mut sums, t);
        }
        neon::int8::store(&sums, t);
    }
}
