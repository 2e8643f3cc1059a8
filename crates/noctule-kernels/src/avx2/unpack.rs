//! Unpacking with AVX2 and F16C.

use core::arch::x86_64::*;

use crate::block::unpack::{self, Decode};
use crate::block::wide::{Vectors, Wide};
use crate::block::{GgmlType, TINY, check_groups, check_len};

/// [`unpack_f32`](crate::block::unpack_f32) with the same bits.
///
/// # Safety
/// The processor has AVX2 and F16C.
#[target_feature(enable = "avx2,f16c")]
pub(crate) unsafe fn unpack_f32(ty: GgmlType, bytes: &[u8], out: &mut [f32]) {
    check_len(ty, bytes, out.len());
    // SAFETY: this function enables the instructions of `__m256i`'s operations.
    unsafe { unpack::values::<Vectors<__m256i>>(ty, bytes, out) }
}

/// [`unpack_i8`](crate::block::unpack_i8) with the same bits.
///
/// # Safety
/// The processor has AVX2 and F16C.
#[target_feature(enable = "avx2,f16c")]
pub(crate) unsafe fn unpack_i8(ty: GgmlType, bytes: &[u8], q: &mut [i8], scale: &mut [f32], min: &mut [f32]) {
    check_groups(ty, bytes, q.len(), scale.len(), min.len());
    // SAFETY: this function enables the instructions of `__m256i`'s operations.
    unsafe { unpack::codes::<Vectors<__m256i>>(ty, bytes, q, scale, min) }
}

impl Wide for __m256i {
    #[inline(always)]
    unsafe fn load(from: &[u8; 32]) -> Self {
        // SAFETY: the array is 32 bytes long; the load needs no alignment.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: &mut [i8; 32]) {
        // SAFETY: the array is 32 bytes long; the store needs no alignment.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), self) }
    }

    #[inline(always)]
    unsafe fn nibbles(from: &[u8; 16]) -> Self {
        // SAFETY: the array is 16 bytes long; the caller promises AVX2.
        unsafe {
            let x = _mm_loadu_si128(from.as_ptr().cast());
            let both = _mm256_set_m128i(_mm_srli_epi16::<4>(x), x);
            _mm256_and_si256(both, _mm256_set1_epi8(15))
        }
    }

    #[inline(always)]
    unsafe fn splat(x: u8) -> Self {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_set1_epi8(x as i8) }
    }

    #[inline(always)]
    unsafe fn spread(bits: u32) -> Self {
        // SAFETY: the caller promises AVX2.
        unsafe {
            const ONES: i64 = 0x0101_0101_0101_0101;
            let bytes = _mm256_set_epi64x(3 * ONES, 2 * ONES, ONES, 0);
            let repeated = _mm256_shuffle_epi8(_mm256_set1_epi32(bits as i32), bytes);
            let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
            _mm256_cmpeq_epi8(_mm256_and_si256(repeated, bit), bit)
        }
    }

    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_and_si256(self, other) }
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_or_si256(self, other) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_sub_epi8(self, other) }
    }

    #[inline(always)]
    unsafe fn at_least(self, low: i8) -> Self {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_max_epi8(self, _mm256_set1_epi8(low)) }
    }

    #[inline(always)]
    unsafe fn shl<const N: i32>(self) -> Self {
        // SAFETY: the caller promises AVX2.
        unsafe {
            let kept = _mm256_set1_epi8((0xffu8 << N) as i8);
            _mm256_and_si256(_mm256_slli_epi16::<N>(self), kept)
        }
    }

    #[inline(always)]
    unsafe fn shr<const N: i32>(self) -> Self {
        // SAFETY: the caller promises AVX2.
        unsafe {
            let kept = _mm256_set1_epi8((0xffu8 >> N) as i8);
            _mm256_and_si256(_mm256_srli_epi16::<N>(self), kept)
        }
    }

    #[inline(always)]
    unsafe fn test(self, mask: u8) -> Self {
        // SAFETY: the caller promises AVX2; the mask has one bit, so equality with it means that
        // the bit is set.
        unsafe {
            let mask = _mm256_set1_epi8(mask as i8);
            _mm256_cmpeq_epi8(_mm256_and_si256(self, mask), mask)
        }
    }

    #[inline(always)]
    unsafe fn lookup(self, table: &[i8; 16]) -> Self {
        // SAFETY: the table is 16 bytes long; the caller promises AVX2.
        unsafe {
            let table = _mm_loadu_si128(table.as_ptr().cast());
            _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), self)
        }
    }

    #[inline(always)]
    unsafe fn half(bits: u16) -> f32 {
        // SAFETY: the caller promises F16C.
        unsafe { _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits)))) }
    }

    #[inline(always)]
    unsafe fn f16(bytes: &[u8], out: &mut [f32]) {
        let (inputs, outputs) = (bytes.as_chunks::<16>().0, out.as_chunks_mut::<8>().0);
        for (bytes, out) in inputs.iter().zip(outputs) {
            // SAFETY: 16 bytes are read and 8 floats written; the caller promises F16C.
            unsafe {
                let halves = _mm_loadu_si128(bytes.as_ptr().cast());
                _mm256_storeu_ps(out.as_mut_ptr(), _mm256_cvtph_ps(halves));
            }
        }
        let done = out.len() / 8 * 8;
        // SAFETY: `Scalar` needs no instructions.
        unsafe { unpack::Scalar::f16(&bytes[2 * done..], &mut out[done..]) }
    }

    #[inline(always)]
    unsafe fn quantize(x: &[f32; 32], q: &mut [i8; 32]) -> f32 {
        // SAFETY: loads and stores stay inside the arrays; the caller promises AVX2.
        unsafe {
            let x = x.as_ptr();
            let x =
                [_mm256_loadu_ps(x), _mm256_loadu_ps(x.add(8)), _mm256_loadu_ps(x.add(16)), _mm256_loadu_ps(x.add(24))];
            let largest = largest(x);
            if largest < TINY {
                q.fill(0);
                return 0.0;
            }
            let inverse = _mm256_set1_ps(127.0 / largest);
            let low = _mm256_packs_epi32(round(x[0], inverse), round(x[1], inverse));
            let high = _mm256_packs_epi32(round(x[2], inverse), round(x[3], inverse));
            let codes = _mm256_packs_epi16(low, high);
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            _mm256_permutevar8x32_epi32(codes, order).store(q);
            largest / 127.0
        }
    }
}

/// The largest magnitude; a NaN counts as nothing.
///
/// # Safety
/// The processor has AVX.
#[inline(always)]
unsafe fn largest(x: [__m256; 4]) -> f32 {
    // SAFETY: the caller promises AVX.
    unsafe {
        let sign = _mm256_set1_ps(-0.0);
        let mut max = _mm256_setzero_ps();
        for x in x {
            // `max` gives its second operand where either is a NaN, and `max` never is one.
            max = _mm256_max_ps(_mm256_andnot_ps(sign, x), max);
        }
        let max = _mm_max_ps(_mm256_castps256_ps128(max), _mm256_extractf128_ps::<1>(max));
        let max = _mm_max_ps(max, _mm_movehl_ps(max, max));
        let max = _mm_max_ss(max, _mm_movehdup_ps(max));
        _mm_cvtss_f32(max)
    }
}

/// `x · inverse` to the nearest integer; a NaN gives 0.
///
/// # Safety
/// The processor has AVX.
#[inline(always)]
unsafe fn round(x: __m256, inverse: __m256) -> __m256i {
    // SAFETY: the caller promises AVX.
    unsafe {
        let y = _mm256_mul_ps(x, inverse);
        let numbers = _mm256_cmp_ps::<_CMP_ORD_Q>(y, y);
        _mm256_cvtps_epi32(_mm256_and_ps(y, numbers))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn agrees_with_scalar() {
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c") {
            // SAFETY: the processor has what these functions need.
            unsafe { crate::block::unpack::check::agrees(super::unpack_f32, super::unpack_i8) }
        }
    }
}
