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
            if g.group == 32 {
                for (c, sum) in alone::<M>(g, j, i).into_iter().enumerate() {
                    int8::put::<Neon>(g, j, i + c, first(sum));
                }
            } else {
                for (c, [sum]) in of_sixteen::<1, M>(g, j, i).into_iter().enumerate() {
                    int8::put::<Neon>(g, j, i + c, sum);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn together<const M: usize>(g: &GemvI8, j: usize, i: usize) {
        // SAFETY: passed on to the caller.
        unsafe {
            if g.group == 32 {
                for (c, sums) in fours::<M>(g, j, i).into_iter().enumerate() {
                    let mut each = [0.0; TOGETHER];
                    vst1q_f32(each.as_mut_ptr(), sums);
                    for (n, sum) in each.into_iter().enumerate() {
                        int8::put::<Neon>(g, j + n, i + c, first(sum));
                    }
                }
            } else {
                for j in [j, j + 2] {
                    for (c, sums) in of_sixteen::<2, M>(g, j, i).into_iter().enumerate() {
                        for (n, sum) in sums.into_iter().enumerate() {
                            int8::put::<Neon>(g, j + n, i + c, sum);
                        }
                    }
                }
            }
        }
    }
}

/// The upper and the lower bytes of 32 activations.
type Halves = [[int8x16_t; 2]; 2];

/// # Safety
/// The processor has the tier; there are 64 bytes.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn load(x: *const i8) -> Halves {
    // SAFETY: passed on to the caller.
    let int8x16x4_t(a, b, c, d) = unsafe { vld1q_s8_x4(x) };
    [[a, b], [c, d]]
}

/// Sums of the products of 32 codes and activations, a quarter of them in each lane.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn products(codes: &[int8x16_t; 2], x: &Halves) -> int32x4_t {
    let upper = sdot(sdot(vdupq_n_s32(0), codes[0], x[0][0]), codes[1], x[0][1]);
    sdot(sdot(vshlq_n_s32::<8>(upper), codes[0], x[1][0]), codes[1], x[1][1])
}

/// A sum in the first lane, and zeros.
#[inline]
#[target_feature(enable = "neon")]
fn first(sum: f32) -> float32x4_t {
    vsetq_lane_f32::<0>(sum, vdupq_n_f32(0.0))
}

/// One row of weights in groups of 32, `M` rows of activations from `i` on: their sums, the same to the bit as those of
/// [`fours`], so that no result depends on how weights are cut for the threads.
///
/// # Safety
/// As for [`gemv`], with so many rows.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn alone<const M: usize>(g: &GemvI8, j: usize, i: usize) -> [f32; M] {
    let mut acc = [0.0; M];
    // SAFETY: the operands have the shapes that `GemvI8` states.
    unsafe {
        let (w, scales) = (g.w.add(j * g.k), g.w_scale.add(j * (g.k / 32)));
        for step in 0..g.k / 32 {
            let codes = [vld1q_s8(w.add(32 * step)), vld1q_s8(w.add(32 * step + 16))];
            for (c, acc) in acc.iter_mut().enumerate() {
                let dot = products(&codes, &load(g.x.cast::<i8>().add(64 * (step * g.m + i + c))));
                *acc = (vaddvq_s32(dot) as f32).mul_add(*scales.add(step), *acc);
            }
        }
    }
    acc
}

/// As [`alone`] for four rows of weights, one in each lane. Lanes are added up as long as they are integers, because
/// conversions are slow.
///
/// # Safety
/// As for [`gemv`], with so many rows.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn fours<const M: usize>(g: &GemvI8, j: usize, i: usize) -> [float32x4_t; M] {
    let mut acc = [vdupq_n_f32(0.0); M];
    // SAFETY: the operands have the shapes that `GemvI8` states.
    unsafe {
        let groups = g.k / 32;
        let (mut w, mut scales) = (g.w.add(j * g.k), g.w_scale.add(j * groups));
        let mut x = g.x.cast::<i8>().add(64 * i);
        for _ in 0..groups {
            let codes: [[int8x16_t; 2]; 4] =
                std::array::from_fn(|n| [vld1q_s8(w.add(n * g.k)), vld1q_s8(w.add(n * g.k + 16))]);
            let scale = vld1q_dup_f32(scales);
            let scale = vld1q_lane_f32::<1>(scales.add(groups), scale);
            let scale = vld1q_lane_f32::<2>(scales.add(2 * groups), scale);
            let scale = vld1q_lane_f32::<3>(scales.add(3 * groups), scale);
            for (c, acc) in acc.iter_mut().enumerate() {
                let x = load(x.add(64 * c));
                let first = vpaddq_s32(products(&codes[0], &x), products(&codes[1], &x));
                let second = vpaddq_s32(products(&codes[2], &x), products(&codes[3], &x));
                *acc = vfmaq_f32(*acc, vcvtq_f32_s32(vpaddq_s32(first, second)), scale);
            }
            w = w.add(32);
            scales = scales.add(1);
            x = x.add(64 * g.m);
        }
    }
    acc
}

/// As [`alone`] for `N` rows of weights in groups of 16.
///
/// # Safety
/// As for [`gemv`], with so many rows.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn of_sixteen<const N: usize, const M: usize>(g: &GemvI8, j: usize, i: usize) -> [[float32x4_t; N]; M] {
    let mut acc = [[vdupq_n_f32(0.0); N]; M];
    // SAFETY: the operands have the shapes that `GemvI8` states.
    unsafe {
        let groups = g.k / 16;
        let (mut w, mut scales) = (g.w.add(j * g.k), g.w_scale.add(j * groups));
        let mut x = g.x.cast::<i8>().add(64 * i);
        for _ in 0..g.k / 32 {
            let codes: [[int8x16_t; 2]; N] =
                std::array::from_fn(|n| [vld1q_s8(w.add(n * g.k)), vld1q_s8(w.add(n * g.k + 16))]);
            let scale: [float32x4_t; N] = std::array::from_fn(|n| {
                let scales = scales.add(n * groups);
                vcombine_f32(vld1_dup_f32(scales), vld1_dup_f32(scales.add(1)))
            });
            for (c, acc) in acc.iter_mut().enumerate() {
                let [upper, lower] = load(x.add(64 * c));
                for (n, acc) in acc.iter_mut().enumerate() {
                    let dots = [0, 1].map(|half| {
                        let dot = sdot(vdupq_n_s32(0), codes[n][half], upper[half]);
                        sdot(vshlq_n_s32::<8>(dot), codes[n][half], lower[half])
                    });
                    *acc = vfmaq_f32(*acc, vcvtq_f32_s32(vpaddq_s32(dots[0], dots[1])), scale[n]);
                }
            }
            w = w.add(32);
            scales = scales.add(2);
            x = x.add(64 * g.m);
        }
    }
    acc
}
