//! Unpacking with NEON.

use core::arch::aarch64::*;

use crate::block::unpack::{self, Decode};
use crate::block::wide::{Vectors, Wide};
use crate::block::{GgmlType, TINY, check_groups, check_len};

/// [`unpack_f32`](crate::block::unpack_f32) with the same bits.
///
/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(crate) unsafe fn unpack_f32(ty: GgmlType, bytes: &[u8], out: &mut [f32]) {
    check_len(ty, bytes, out.len());
    // SAFETY: this function enables the instructions of `uint8x16x2_t`'s operations.
    unsafe { unpack::values::<Vectors<uint8x16x2_t>>(ty, bytes, out) }
}

/// [`unpack_i8`](crate::block::unpack_i8) with the same bits.
///
/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(crate) unsafe fn unpack_i8(ty: GgmlType, bytes: &[u8], q: &mut [i8], scale: &mut [f32], min: &mut [f32]) {
    check_groups(ty, bytes, q.len(), scale.len(), min.len());
    // SAFETY: this function enables the instructions of `uint8x16x2_t`'s operations.
    unsafe { unpack::codes::<Vectors<uint8x16x2_t>>(ty, bytes, q, scale, min) }
}

impl Wide for uint8x16x2_t {
    #[inline(always)]
    unsafe fn load(from: &[u8; 32]) -> Self {
        // SAFETY: the array is 32 bytes long.
        unsafe { Self(vld1q_u8(from.as_ptr()), vld1q_u8(from.as_ptr().add(16))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: &mut [i8; 32]) {
        // SAFETY: the array is 32 bytes long.
        unsafe {
            vst1q_u8(to.as_mut_ptr().cast(), self.0);
            vst1q_u8(to.as_mut_ptr().add(16).cast(), self.1);
        }
    }

    #[inline(always)]
    unsafe fn nibbles(from: &[u8; 16]) -> Self {
        // SAFETY: the array is 16 bytes long.
        unsafe {
            let x = vld1q_u8(from.as_ptr());
            Self(vandq_u8(x, vdupq_n_u8(15)), vshrq_n_u8::<4>(x))
        }
    }

    #[inline(always)]
    unsafe fn splat(x: u8) -> Self {
        // SAFETY: the caller promises NEON.
        unsafe { Self(vdupq_n_u8(x), vdupq_n_u8(x)) }
    }

    #[inline(always)]
    unsafe fn spread(bits: u32) -> Self {
        // SAFETY: the caller promises NEON.
        unsafe {
            let bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
            let bits = vreinterpret_u8_u32(vdup_n_u32(bits));
            let low = vextq_u8::<8>(vdupq_lane_u8::<0>(bits), vdupq_lane_u8::<1>(bits));
            let high = vextq_u8::<8>(vdupq_lane_u8::<2>(bits), vdupq_lane_u8::<3>(bits));
            Self(vtstq_u8(low, bit), vtstq_u8(high, bit))
        }
    }

    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        // SAFETY: the caller promises NEON.
        unsafe { Self(vandq_u8(self.0, other.0), vandq_u8(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: the caller promises NEON.
        unsafe { Self(vorrq_u8(self.0, other.0), vorrq_u8(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: the caller promises NEON.
        unsafe { Self(vsubq_u8(self.0, other.0), vsubq_u8(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn at_least(self, low: i8) -> Self {
        // SAFETY: the caller promises NEON.
        unsafe {
            let low = vdupq_n_s8(low);
            let first = vmaxq_s8(vreinterpretq_s8_u8(self.0), low);
            let second = vmaxq_s8(vreinterpretq_s8_u8(self.1), low);
            Self(vreinterpretq_u8_s8(first), vreinterpretq_u8_s8(second))
        }
    }

    #[inline(always)]
    unsafe fn shl<const N: i32>(self) -> Self {
        // SAFETY: the caller promises NEON.
        unsafe { Self(vshlq_n_u8::<N>(self.0), vshlq_n_u8::<N>(self.1)) }
    }

    #[inline(always)]
    unsafe fn shr<const N: i32>(self) -> Self {
        // SAFETY: the caller promises NEON.
        unsafe { Self(vshrq_n_u8::<N>(self.0), vshrq_n_u8::<N>(self.1)) }
    }

    #[inline(always)]
    unsafe fn test(self, mask: u8) -> Self {
        // SAFETY: the caller promises NEON.
        unsafe {
            let mask = vdupq_n_u8(mask);
            Self(vtstq_u8(self.0, mask), vtstq_u8(self.1, mask))
        }
    }

    #[inline(always)]
    unsafe fn lookup(self, table: &[i8; 16]) -> Self {
        // SAFETY: the table is 16 bytes long; the caller promises NEON.
        unsafe {
            let table = vld1q_u8(table.as_ptr().cast());
            Self(vqtbl1q_u8(table, self.0), vqtbl1q_u8(table, self.1))
        }
    }

    #[inline(always)]
    unsafe fn half(bits: u16) -> f32 {
        // SAFETY: the caller promises NEON.
        unsafe { vgetq_lane_f32::<0>(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(bits)))) }
    }

    #[inline(always)]
    unsafe fn f16(bytes: &[u8], out: &mut [f32]) {
        let (inputs, outputs) = (bytes.as_chunks::<32>().0, out.as_chunks_mut::<16>().0);
        for (bytes, out) in inputs.iter().zip(outputs) {
            // SAFETY: 32 bytes are read and 16 floats written; the caller promises NEON.
            unsafe {
                let (from, to) = (bytes.as_ptr(), out.as_mut_ptr());
                let first = vreinterpretq_f16_u8(vld1q_u8(from));
                let second = vreinterpretq_f16_u8(vld1q_u8(from.add(16)));
                vst1q_f32(to, vcvt_f32_f16(vget_low_f16(first)));
                vst1q_f32(to.add(4), vcvt_high_f32_f16(first));
                vst1q_f32(to.add(8), vcvt_f32_f16(vget_low_f16(second)));
                vst1q_f32(to.add(12), vcvt_high_f32_f16(second));
            }
        }
        let done = out.len() / 16 * 16;
        // SAFETY: `Scalar` needs no instructions.
        unsafe { unpack::Scalar::f16(&bytes[2 * done..], &mut out[done..]) }
    }

    #[inline(always)]
    unsafe fn quantize(x: &[f32; 32], q: &mut [i8; 32]) -> f32 {
        // SAFETY: loads and stores stay inside the arrays; the caller promises NEON.
        unsafe {
            let x = x.as_ptr();
            // Bit patterns of magnitudes order as integers; those above infinity are NaNs.
            let infinity = vdupq_n_u32(f32::INFINITY.to_bits());
            let mut largest = vdupq_n_u32(0);
            for i in 0..8 {
                let x = vreinterpretq_u32_f32(vabsq_f32(vld1q_f32(x.add(4 * i))));
                largest = vmaxq_u32(largest, vandq_u32(x, vcleq_u32(x, infinity)));
            }
            let largest = f32::from_bits(vmaxvq_u32(largest));
            if largest < TINY {
                q.fill(0);
                return 0.0;
            }
            let inverse = 127.0 / largest;
            for (i, q) in q.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                let low = round(vld1q_f32(x.add(8 * i)), inverse);
                let high = round(vld1q_f32(x.add(8 * i + 4)), inverse);
                vst1_s8(q.as_mut_ptr(), vqmovn_s16(vcombine_s16(low, high)));
            }
            largest / 127.0
        }
    }
}

/// `x · inverse` to the nearest integer; a NaN gives 0.
///
/// # Safety
/// The processor has NEON.
#[inline(always)]
unsafe fn round(x: float32x4_t, inverse: f32) -> int16x4_t {
    // SAFETY: the caller promises NEON.
    unsafe { vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(x, inverse))) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn agrees_with_scalar() {
        // SAFETY: every processor of this architecture that runs a hosted target has NEON.
        unsafe { crate::block::unpack::check::agrees(super::unpack_f32, super::unpack_i8) }
    }
}
