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

/// The base instructions and the dot product.
struct Dotprod;

// SAFETY: the functions are those of the tier.
unsafe impl Int8Simd for Dotprod {
    type Floats = Neon;
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
#[target_feature(enable = "neon,dotprod")]
unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
    // SAFETY: the operands have the shapes that `GemvI8` states.
    unsafe {
        let (w, x) = (g.w.add(j * g.k), g.x.cast::<i8>().add(2 * i * g.k));
        let w_scale = g.w_scale.add(j * (g.k / g.group));
        let zero = vdupq_n_s32(0);
        let mut acc = [vdupq_n_f32(0.0); M];
        for step in 0..g.k / 32 {
            let (low, high) = (vld1q_s8(w.add(32 * step)), vld1q_s8(w.add(32 * step + 16)));
            for (r, acc) in acc.iter_mut().enumerate() {
                let upper = x.add(2 * r * g.k + 32 * step);
                let lower = upper.add(g.k);
                let (first, second) = (sdot(zero, low, vld1q_s8(upper)), sdot(zero, low, vld1q_s8(lower)));
                let (upper, lower) = (vld1q_s8(upper.add(16)), vld1q_s8(lower.add(16)));
                if g.group == 32 {
                    let (first, second) = (sdot(first, high, upper), sdot(second, high, lower));
                    let dot = vcvtq_f32_s32(vmlaq_n_s32(second, first, 255));
                    *acc = vfmaq_n_f32(*acc, dot, *w_scale.add(step));
                } else {
                    let dot = vcvtq_f32_s32(vmlaq_n_s32(second, first, 255));
                    *acc = vfmaq_n_f32(*acc, dot, *w_scale.add(2 * step));
                    let dot = vmlaq_n_s32(sdot(zero, high, lower), sdot(zero, high, upper), 255);
                    *acc = vfmaq_n_f32(*acc, vcvtq_f32_s32(dot), *w_scale.add(2 * step + 1));
                }
            }
        }
        for (r, &acc) in acc.iter().enumerate() {
            int8::put::<Neon>(g, j, i + r, acc);
        }
    }
}
