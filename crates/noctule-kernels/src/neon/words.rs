//! Sixteen-bit integers with NEON.

use super::Neon;
use crate::words::Words;
use std::arch::aarch64::*;

// SAFETY: NEON has every instruction used; each function touches the elements that the trait states.
unsafe impl Words for Neon {
    type W = int16x8_t;
    const WORDS: usize = 8;

    #[inline(always)]
    unsafe fn largest(from: *const i32) -> i32 {
        // SAFETY: the caller promises the tier and 64 integers.
        unsafe {
            let mut top = vmaxq_s32(vld1q_s32(from), vld1q_s32(from.add(4)));
            for i in (8..64).step_by(4) {
                top = vmaxq_s32(top, vld1q_s32(from.add(i)));
            }
            vmaxvq_s32(top)
        }
    }
    #[inline(always)]
    unsafe fn narrow(from: *const i32, top: i32, shift: i32) -> int16x8_t {
        // SAFETY: the caller promises the tier and eight integers.
        unsafe {
            let (top, shift) = (vdupq_n_s32(top), vdupq_n_s32(-shift));
            // A rounding shift by a negative number goes to the right.
            let low = vqrshlq_s32(vsubq_s32(vld1q_s32(from), top), shift);
            let high = vqrshlq_s32(vsubq_s32(vld1q_s32(from.add(4)), top), shift);
            vqmovn_high_s32(vqmovn_s32(low), high)
        }
    }
    #[inline(always)]
    unsafe fn splat(x: i16) -> int16x8_t {
        // SAFETY: the caller promises the tier.
        unsafe { vdupq_n_s16(x) }
    }
    #[inline(always)]
    unsafe fn add(a: int16x8_t, b: int16x8_t) -> int16x8_t {
        // SAFETY: the caller promises the tier.
        unsafe { vqaddq_s16(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: int16x8_t, b: int16x8_t) -> int16x8_t {
        // SAFETY: the caller promises the tier.
        unsafe { vqrdmulhq_s16(a, b) }
    }
    #[inline(always)]
    unsafe fn whole(x: int16x8_t) -> int16x8_t {
        // Shifts by more than the width give 0 here, as the least that other tiers shift by does.
        // SAFETY: the caller promises the tier.
        unsafe { vrshrq_n_s16::<10>(x) }
    }
    #[inline(always)]
    unsafe fn fraction(x: int16x8_t) -> int16x8_t {
        // SAFETY: the caller promises the tier.
        unsafe { vshlq_n_s16::<6>(x) }
    }
    #[inline(always)]
    unsafe fn lower(a: int16x8_t, n: int16x8_t) -> int16x8_t {
        // SAFETY: the caller promises the tier.
        unsafe { vshlq_s16(a, n) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut u8, w: int16x8_t, flip: u8) {
        // SAFETY: the caller promises the tier and room for eight bytes.
        unsafe { vst1_u8(to, veor_u8(vmovn_u16(vreinterpretq_u16_s16(w)), vdup_n_u8(flip))) }
    }
    #[inline(always)]
    unsafe fn total(w: int16x8_t) -> i32 {
        // SAFETY: the caller promises the tier.
        unsafe { vaddlvq_s16(w) }
    }
}
