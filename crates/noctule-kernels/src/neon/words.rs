//! Sixteen-bit integers with NEON, two vectors at a time: their bytes fill one.

use super::Neon;
use crate::words::Words;
use std::arch::aarch64::*;

/// Does `$f` to both vectors of each argument.
macro_rules! both {
    ($f:ident$(::<$n:literal>)?($a:expr $(, $b:expr)?)) => {
        ($f$(::<$n>)?($a.0 $(, $b.0)?), $f$(::<$n>)?($a.1 $(, $b.1)?))
    };
}

/// Eight integers less `top`, shifted by `shift`, saturated to 16 bits.
///
/// # Safety
/// The processor has NEON, and eight integers are there.
#[inline(always)]
unsafe fn narrow(from: *const i32, top: int32x4_t, shift: int32x4_t) -> int16x8_t {
    // SAFETY: passed on to the caller.
    unsafe {
        let low = vqrshlq_s32(vsubq_s32(vld1q_s32(from), top), shift);
        let high = vqrshlq_s32(vsubq_s32(vld1q_s32(from.add(4)), top), shift);
        vqmovn_high_s32(vqmovn_s32(low), high)
    }
}

/// The low bytes of all integers, exclusive-or `flip`.
///
/// # Safety
/// The processor has NEON.
#[inline(always)]
unsafe fn bytes(w: (int16x8_t, int16x8_t), flip: u8) -> uint8x16_t {
    // SAFETY: passed on to the caller.
    unsafe { veorq_u8(vuzp1q_u8(vreinterpretq_u8_s16(w.0), vreinterpretq_u8_s16(w.1)), vdupq_n_u8(flip)) }
}

// SAFETY: NEON has every instruction used; each function touches the elements that the trait states.
unsafe impl Words for Neon {
    type W = (int16x8_t, int16x8_t);
    const WORDS: usize = 16;

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
    unsafe fn narrow(from: *const i32, top: i32, shift: i32) -> Self::W {
        // SAFETY: the caller promises the tier and sixteen integers.
        unsafe {
            // A rounding shift by a negative number goes to the right.
            let (top, shift) = (vdupq_n_s32(top), vdupq_n_s32(-shift));
            (narrow(from, top, shift), narrow(from.add(8), top, shift))
        }
    }
    #[inline(always)]
    unsafe fn splat(x: i16) -> Self::W {
        // SAFETY: the caller promises the tier.
        unsafe { (vdupq_n_s16(x), vdupq_n_s16(x)) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::W, b: Self::W) -> Self::W {
        // SAFETY: the caller promises the tier.
        unsafe { both!(vqaddq_s16(a, b)) }
    }
    #[inline(always)]
    unsafe fn mul(a: Self::W, b: Self::W) -> Self::W {
        // SAFETY: the caller promises the tier.
        unsafe { both!(vqrdmulhq_s16(a, b)) }
    }
    #[inline(always)]
    unsafe fn whole(x: Self::W) -> Self::W {
        // Shifts by more than the width give 0 here, as the least that other tiers shift by does.
        // SAFETY: the caller promises the tier.
        unsafe { both!(vrshrq_n_s16::<10>(x)) }
    }
    #[inline(always)]
    unsafe fn fraction(x: Self::W) -> Self::W {
        // SAFETY: the caller promises the tier.
        unsafe { both!(vshlq_n_s16::<6>(x)) }
    }
    #[inline(always)]
    unsafe fn lower(a: Self::W, n: Self::W) -> Self::W {
        // SAFETY: the caller promises the tier.
        unsafe { both!(vshlq_s16(a, n)) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut u8, w: Self::W, flip: u8) {
        // SAFETY: the caller promises the tier and room for sixteen bytes.
        unsafe { vst1q_u8(to, bytes(w, flip)) }
    }
    #[inline(always)]
    unsafe fn store_parts(to: *mut u8, apart: usize, w: Self::W, flip: u8) {
        // SAFETY: the caller promises the tier and room for eight bytes in both places.
        unsafe {
            let bytes = bytes(w, flip);
            vst1_u8(to, vget_low_u8(bytes));
            vst1_u8(to.add(apart), vget_high_u8(bytes));
        }
    }
    #[inline(always)]
    unsafe fn total(w: Self::W) -> i32 {
        // SAFETY: the caller promises the tier.
        unsafe { vaddlvq_s16(vqaddq_s16(w.0, w.1)) }
    }
}
