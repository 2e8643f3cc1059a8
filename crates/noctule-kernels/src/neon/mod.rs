//! 64-bit ARM with its base vector instructions.

pub(crate) mod block8;
mod dots;
pub(crate) mod int8;
pub(crate) mod unpack;
mod words;

use crate::simd::Simd;
use std::arch::aarch64::*;

/// Four floats in a `q` register.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

// SAFETY: NEON has every instruction used; each function touches four elements.
unsafe impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;
    const STEPS: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vdupq_n_f32(0.0) }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    unsafe fn splat4(from: *const f32) -> [float32x4_t; 4] {
        // SAFETY: the caller promises the tier and four floats. One load, then lanes of it, which
        // multiplications take without a copy.
        unsafe {
            let four = Self::load(from);
            [
                vdupq_laneq_f32::<0>(four),
                vdupq_laneq_f32::<1>(four),
                vdupq_laneq_f32::<2>(four),
                vdupq_laneq_f32::<3>(four),
            ]
        }
    }
    const AHEAD: usize = 4096;
    const SEVERAL: bool = true;
    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        // SAFETY: a prefetch cannot fault and changes no register.
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{}]", in(reg) from, options(readonly, nostack, preserves_flags));
        }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> float32x4_t {
        // SAFETY: the caller promises the tier and four floats; bytes need no alignment.
        unsafe { vreinterpretq_f32_u8(vld1q_u8(from.cast())) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: float32x4_t) {
        // SAFETY: the caller promises the tier and room for four floats.
        unsafe { vst1q_u8(to.cast(), vreinterpretq_u8_f32(v)) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u8) -> float32x4_t {
        // SAFETY: the caller promises the tier and eight bytes.
        unsafe { vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(from))) }
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> float32x4_t {
        // SAFETY: the caller promises the tier and eight bytes.
        unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vreinterpret_u16_u8(vld1_u8(from)))) }
    }
    #[inline(always)]
    unsafe fn store_f16(to: *mut u16, v: float32x4_t) {
        // SAFETY: the caller promises the tier and room for four numbers.
        unsafe { vst1_u8(to.cast(), vreinterpret_u8_f16(vcvt_f16_f32(v))) }
    }
    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vdivq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn abs(v: float32x4_t) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vabsq_f32(v) }
    }
    #[inline(always)]
    unsafe fn from_i32(from: *const i32) -> float32x4_t {
        // SAFETY: the caller promises the tier and four integers.
        unsafe { vcvtq_f32_s32(vld1q_s32(from)) }
    }
    #[inline(always)]
    unsafe fn fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vminq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vmaxq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn scale(v: float32x4_t, n: float32x4_t) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe {
            let n = vshlq_n_s32::<23>(vreinterpretq_s32_f32(n));
            vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(v), n))
        }
    }
    #[inline(always)]
    unsafe fn top(v: float32x4_t) -> f32 {
        // SAFETY: the caller promises the tier.
        unsafe { vmaxvq_f32(v) }
    }
    #[inline(always)]
    unsafe fn store_codes(to: *mut i8, n: float32x4_t) {
        // SAFETY: the caller promises the tier and room for four codes.
        unsafe {
            let half = vmovn_u32(vreinterpretq_u32_f32(n));
            let bytes = vmovn_u16(vcombine_u16(half, half));
            let four = vget_lane_u32::<0>(vreinterpret_u32_u8(bytes));
            to.cast::<u32>().write_unaligned(four);
        }
    }
    #[inline(always)]
    unsafe fn store_codes4(to: *mut i8, n: [float32x4_t; 4]) {
        // SAFETY: the caller promises the tier and room for sixteen codes.
        unsafe {
            let low = vuzp1q_u16(vreinterpretq_u16_f32(n[0]), vreinterpretq_u16_f32(n[1]));
            let high = vuzp1q_u16(vreinterpretq_u16_f32(n[2]), vreinterpretq_u16_f32(n[3]));
            let codes = vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
            vst1q_s8(to, vreinterpretq_s8_u8(codes));
        }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller promises the tier and a square of four rows on both sides.
        unsafe {
            let [a, b, c, d] = [0, 1, 2, 3].map(|i| Self::load(from.add(i * from_stride)));
            let pairs = |x, y| {
                let (even, odd) = (vtrn1q_f32(x, y), vtrn2q_f32(x, y));
                (vreinterpretq_f64_f32(even), vreinterpretq_f64_f32(odd))
            };
            let ((ab_even, ab_odd), (cd_even, cd_odd)) = (pairs(a, b), pairs(c, d));
            let columns = [
                vtrn1q_f64(ab_even, cd_even),
                vtrn1q_f64(ab_odd, cd_odd),
                vtrn2q_f64(ab_even, cd_even),
                vtrn2q_f64(ab_odd, cd_odd),
            ];
            for (j, &column) in columns.iter().enumerate() {
                Self::store(to.add(j * to_stride), vreinterpretq_f32_f64(column));
            }
        }
    }
    const SQUARE: usize = 4;
    #[inline(always)]
    unsafe fn sum(v: float32x4_t) -> f32 {
        // SAFETY: the caller promises the tier.
        unsafe { vaddvq_f32(v) }
    }
    #[inline(always)]
    unsafe fn sum4(v: [float32x4_t; 4]) -> [f32; 4] {
        let [a, b, c, d] = v;
        let mut sums = [0.0; 4];
        // SAFETY: the caller promises the tier.
        unsafe { vst1q_f32(sums.as_mut_ptr(), vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d))) };
        sums
    }
}
