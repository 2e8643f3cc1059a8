//! 64-bit ARM with its base vector instructions.

pub(crate) mod int8;
pub(crate) mod unpack;

use crate::block::f32_to_f16;
use crate::simd::Simd;
use std::arch::aarch64::*;

/// Four floats in a `q` register.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

// SAFETY: NEON has every instruction used; each function touches four elements.
unsafe impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;

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
        unsafe {
            let mut floats = [0f32; 4];
            vst1q_f32(floats.as_mut_ptr(), v);
            to.cast::<[u16; 4]>().write_unaligned(floats.map(f32_to_f16));
        }
    }
    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: the caller promises the tier.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    unsafe fn sum(v: float32x4_t) -> f32 {
        // SAFETY: the caller promises the tier.
        unsafe { vaddvq_f32(v) }
    }
}
