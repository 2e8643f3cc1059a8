//! Integer products of a few rows with the base instructions of 64-bit ARM: weights are widened to 16 bits, so that
//! `smlal` multiplies them with whole activations.

use super::Neon;
use crate::generic::int8::{self, Int8Simd};
use crate::table::GemvI8;
use std::arch::aarch64::*;

/// # Safety
/// The processor has the tier, and all elements that `g` names are valid.
#[target_feature(enable = "neon")]
pub(crate) unsafe fn gemv(g: &GemvI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::gemv::<Neon>(g) }
}

// SAFETY: the functions are those of the tier.
unsafe impl Int8Simd for Neon {
    type Floats = Neon;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
        // SAFETY: passed on to the caller.
        unsafe { few::<M>(g, j, i) }
    }
}

/// Sums of the products of sixteen codes and integers.
///
/// # Safety
/// The processor has the tier, and `x` sixteen integers.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn dot16(low: int16x8_t, high: int16x8_t, x: *const i16) -> int32x4_t {
    // SAFETY: passed on to the caller.
    let (first, second) = unsafe { (vld1q_s16(x), vld1q_s16(x.add(8))) };
    let sums = vmull_s16(vget_low_s16(low), vget_low_s16(first));
    let sums = vmlal_high_s16(sums, low, first);
    let sums = vmlal_s16(sums, vget_low_s16(high), vget_low_s16(second));
    vmlal_high_s16(sums, high, second)
}

/// One row of weights, `M` rows of activations from `i` on.
///
/// # Safety
/// As for [`gemv`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
    // SAFETY: the operands have the shapes that `GemvI8` states.
    unsafe {
        let (w, x) = (g.w.add(j * g.k), g.x.add(i * g.k));
        let w_scale = g.w_scale.add(j * (g.k / g.group));
        let mut acc = [vdupq_n_f32(0.0); M];
        for step in 0..g.k / 32 {
            let (first, second) = (vld1q_s8(w.add(32 * step)), vld1q_s8(w.add(32 * step + 16)));
            let (a, b) = (vmovl_s8(vget_low_s8(first)), vmovl_high_s8(first));
            let (c, d) = (vmovl_s8(vget_low_s8(second)), vmovl_high_s8(second));
            for (r, acc) in acc.iter_mut().enumerate() {
                let x = x.add(r * g.k + 32 * step);
                let (first, second) = (dot16(a, b, x), dot16(c, d, x.add(16)));
                if g.group == 32 {
                    let dot = vcvtq_f32_s32(vaddq_s32(first, second));
                    *acc = vfmaq_n_f32(*acc, dot, *w_scale.add(step));
                } else {
                    *acc = vfmaq_n_f32(*acc, vcvtq_f32_s32(first), *w_scale.add(2 * step));
                    *acc = vfmaq_n_f32(*acc, vcvtq_f32_s32(second), *w_scale.add(2 * step + 1));
                }
            }
        }
        for (r, &acc) in acc.iter().enumerate() {
            int8::put::<Neon>(g, j, i + r, acc);
        }
    }
}
