//! Integer products of a few rows with `sdot`: activations are two bytes, each of which meets the codes on its own.
//!
//! The intrinsic is not stable in Rust 1.94, so the instruction is written as assembly.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use crate::generic::int8::{self, Int8Simd};
use crate::neon::Neon;
use crate::table::GemvI8;
use std::arch::aarch64::*;
use std::arch::asm;

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

/// # Safety
/// The processor has the tier, and all elements that `g` names are valid.
#[target_feature(enable = "neon,dotprod")]
pub(crate) unsafe fn gemv(g: &GemvI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::gemv::<Dotprod>(g) }
}

/// Rows of weights that share loaded activations.
const TOGETHER: usize = 4;

/// The base instructions and the dot product.
struct Dotprod;

// SAFETY: the functions are those of the tier.
unsafe impl Int8Simd for Dotprod {
    type Floats = Neon;
    const ROWS: usize = 5;
    const TOGETHER: usize = TOGETHER;

    #[inline(always)]
    unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
        // SAFETY: passed on to the caller.
        unsafe {
            let sums = if g.group == 32 { alone::<1, M>(g, j, i) } else { alone::<2, M>(g, j, i) };
            for (i, sum) in (i..).zip(sums) {
                *g.out.add(i * g.out_stride + j) = *g.x_scale.add(i) * sum;
            }
        }
    }

    #[inline(always)]
    unsafe fn together<const M: usize>(g: &GemvI8, j: usize, i: usize) {
        // SAFETY: passed on to the caller.
        unsafe {
            let sums = if g.group == 32 { fours::<1, M>(g, j, i) } else { fours::<2, M>(g, j, i) };
            for (i, sums) in (i..).zip(sums) {
                vst1q_f32(g.out.add(i * g.out_stride + j), vmulq_n_f32(sums, *g.x_scale.add(i)));
            }
        }
    }
}

/// One row of weights, of which 32 have `GROUPS` scales, `M` rows of activations from `i` on: their sums, the same to the
/// bit as those of [`fours`], so that no result depends on how weights are cut for the threads.
///
/// # Safety
/// As for [`gemv`], with so many rows.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn alone<const GROUPS: usize, const M: usize>(g: &GemvI8, j: usize, i: usize) -> [f32; M] {
    let mut acc = [0.0; M];
    // SAFETY: the operands have the shapes that `GemvI8` states.
    unsafe {
        let groups = g.k / 32 * GROUPS;
        let (w, x) = (g.w.add(j * g.k), g.x.cast::<i8>().add(64 * i));
        for group in 0..groups {
            let (step, half) = (group / GROUPS, group % GROUPS);
            for (c, acc) in acc.iter_mut().enumerate() {
                let mut dot = vdupq_n_s32(0);
                for at in (16 * half..32).step_by(16).take(2 / GROUPS) {
                    let codes = vld1q_s8(w.add(32 * step + at));
                    let x = x.add(64 * (step * g.m + c) + at);
                    let upper = sdot(vdupq_n_s32(0), codes, vld1q_s8(x));
                    dot = vaddq_s32(dot, sdot(vshlq_n_s32::<8>(upper), codes, vld1q_s8(x.add(32))));
                }
                *acc = (vaddvq_s32(dot) as f32).mul_add(*g.w_scale.add(j * groups + group), *acc);
                if !g.w_min.is_null() {
                    let sum = *g.x_sum.add((i + c) * groups + group);
                    *acc = sum.mul_add(*g.w_min.add(j * groups + group), *acc);
                }
            }
        }
    }
    acc
}

/// As [`alone`] for four rows of weights, one in each lane: four codes of each row share a vector, and meet four
/// activations of a lane. So nothing has to be added up over lanes.
///
/// # Safety
/// As for [`gemv`], with so many rows.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn fours<const GROUPS: usize, const M: usize>(g: &GemvI8, j: usize, i: usize) -> [float32x4_t; M] {
    let mut acc = [vdupq_n_f32(0.0); M];
    // SAFETY: the operands have the shapes that `GemvI8` states.
    unsafe {
        let groups = g.k / 32 * GROUPS;
        let x = g.x.cast::<i8>().add(64 * i);
        for step in 0..g.k / 32 {
            let w = g.w.add(j * g.k + 32 * step);
            let own = j * groups + GROUPS * step;
            let weights = Four::<GROUPS> {
                codes: [interleaved(w, g.k), interleaved(w.add(16), g.k)],
                scale: lanes(g.w_scale.wrapping_add(own), groups),
                min: if g.w_min.is_null() { None } else { Some(lanes(g.w_min.wrapping_add(own), groups)) },
            };
            let x = x.add(64 * step * g.m);
            let sums = g.x_sum.wrapping_add(i * groups + GROUPS * step);
            // Written out, because the compiler does not unroll loops around so much assembly, and keeps sums in memory.
            macro_rules! row {
                ($c:literal) => {
                    if $c < M {
                        add(&mut acc[$c], &weights, x.add(64 * $c), sums.wrapping_add($c * groups));
                    }
                };
            }
            row!(0);
            row!(1);
            row!(2);
            row!(3);
            row!(4);
        }
    }
    acc
}

/// 32 weights of four rows.
struct Four<const GROUPS: usize> {
    /// [`interleaved`].
    codes: [[int8x16_t; 4]; 2],
    /// A row in each lane.
    scale: [float32x4_t; GROUPS],
    min: Option<[float32x4_t; GROUPS]>,
}

/// `GROUPS` numbers of four rows, which are `stride` apart, a row in each lane.
///
/// # Safety
/// The processor has the tier; there are so many numbers in each row.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn lanes<const GROUPS: usize>(from: *const f32, stride: usize) -> [float32x4_t; GROUPS] {
    let mut all = [vdupq_n_f32(0.0); GROUPS];
    for (group, lanes) in all.iter_mut().enumerate() {
        // SAFETY: passed on to the caller.
        unsafe {
            let from = from.add(group);
            *lanes = vld1q_dup_f32(from);
            *lanes = vld1q_lane_f32::<1>(from.add(stride), *lanes);
            *lanes = vld1q_lane_f32::<2>(from.add(2 * stride), *lanes);
            *lanes = vld1q_lane_f32::<3>(from.add(3 * stride), *lanes);
        }
    }
    all
}

/// Adds to the sums of four rows what 32 weights of each and 32 activations, whose sums are `sums`, give.
///
/// # Safety
/// The processor has the tier; there are 64 bytes at `x` and, where weights have minima, `GROUPS` sums.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn add<const GROUPS: usize>(acc: &mut float32x4_t, weights: &Four<GROUPS>, x: *const i8, sums: *const f32) {
    // SAFETY: passed on to the caller.
    unsafe {
        for (group, &scale) in weights.scale.iter().enumerate() {
            let [upper, lower] =
                if GROUPS == 1 { of_32(&weights.codes, x) } else { of_16(&weights.codes[group], x.add(16 * group)) };
            *acc = vfmaq_f32(*acc, vcvtq_f32_s32(vaddq_s32(vshlq_n_s32::<8>(upper), lower)), scale);
            if let Some(min) = &weights.min {
                *acc = vfmaq_n_f32(*acc, min[group], *sums.add(group));
            }
        }
    }
}

/// Sixteen codes of four rows, `stride` bytes apart: four of the first row, of the second, the third, the fourth, and so on.
///
/// # Safety
/// The processor has the tier; there are so many codes in each row.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn interleaved(rows: *const i8, stride: usize) -> [int8x16_t; 4] {
    // SAFETY: passed on to the caller.
    let rows: [int32x4_t; 4] = std::array::from_fn(|n| vreinterpretq_s32_s8(unsafe { vld1q_s8(rows.add(n * stride)) }));
    let wide = |pair: int32x4_t| vreinterpretq_s64_s32(pair);
    let first = [wide(vtrn1q_s32(rows[0], rows[1])), wide(vtrn2q_s32(rows[0], rows[1]))];
    let second = [wide(vtrn1q_s32(rows[2], rows[3])), wide(vtrn2q_s32(rows[2], rows[3]))];
    [
        vreinterpretq_s8_s64(vtrn1q_s64(first[0], second[0])),
        vreinterpretq_s8_s64(vtrn1q_s64(first[1], second[1])),
        vreinterpretq_s8_s64(vtrn2q_s64(first[0], second[0])),
        vreinterpretq_s8_s64(vtrn2q_s64(first[1], second[1])),
    ]
}

/// Sixteen codes of four rows times the upper and the lower bytes of sixteen activations, as assembly.
macro_rules! products {
    ($a:literal, $b:literal, $c:literal, $d:literal, $upper:literal, $lower:literal) => {
        concat!(
            products!(@lane "0", $a, $upper, $lower),
            products!(@lane "1", $b, $upper, $lower),
            products!(@lane "2", $c, $upper, $lower),
            products!(@lane "3", $d, $upper, $lower),
        )
    };
    (@lane $lane:literal, $codes:literal, $upper:literal, $lower:literal) => {
        concat!(
            "sdot {upper:v}.4s, {", $codes, ":v}.16b, {", $upper, ":v}.4b[", $lane, "]\n",
            "sdot {lower:v}.4s, {", $codes, ":v}.16b, {", $lower, ":v}.4b[", $lane, "]\n",
        )
    };
}

/// The products of 32 codes of four rows with the upper and with the lower bytes of 32 activations. In one piece, because
/// the compiler would mix those of several activations and run out of registers.
///
/// # Safety
/// The processor has the tier; there are 64 bytes at `x`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn of_32([first, second]: &[[int8x16_t; 4]; 2], x: *const i8) -> [int32x4_t; 2] {
    let (mut upper, mut lower) = (vdupq_n_s32(0), vdupq_n_s32(0));
    // SAFETY: the function enables the instructions; the caller promises the bytes.
    unsafe {
        asm!(
            "ldp {h0:q}, {h1:q}, [{x}]",
            "ldp {l0:q}, {l1:q}, [{x}, #32]",
            products!("a0", "b0", "c0", "d0", "h0", "l0"),
            products!("a1", "b1", "c1", "d1", "h1", "l1"),
            x = in(reg) x, h0 = out(vreg) _, h1 = out(vreg) _, l0 = out(vreg) _, l1 = out(vreg) _,
            upper = inout(vreg) upper, lower = inout(vreg) lower,
            a0 = in(vreg) first[0], b0 = in(vreg) first[1], c0 = in(vreg) first[2], d0 = in(vreg) first[3],
            a1 = in(vreg) second[0], b1 = in(vreg) second[1], c1 = in(vreg) second[2], d1 = in(vreg) second[3],
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    [upper, lower]
}

/// As [`of_32`] for sixteen codes and activations.
///
/// # Safety
/// The processor has the tier; there are 16 upper bytes at `x` and as many lower ones 32 bytes behind.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn of_16(codes: &[int8x16_t; 4], x: *const i8) -> [int32x4_t; 2] {
    let (mut upper, mut lower) = (vdupq_n_s32(0), vdupq_n_s32(0));
    // SAFETY: the function enables the instructions; the caller promises the bytes.
    unsafe {
        asm!(
            "ldr {h:q}, [{x}]",
            "ldr {l:q}, [{x}, #32]",
            products!("a", "b", "c", "d", "h", "l"),
            x = in(reg) x, h = out(vreg) _, l = out(vreg) _, upper = inout(vreg) upper, lower = inout(vreg) lower,
            a = in(vreg) codes[0], b = in(vreg) codes[1], c = in(vreg) codes[2], d = in(vreg) codes[3],
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    [upper, lower]
}
