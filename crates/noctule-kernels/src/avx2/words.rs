//! Sixteen-bit integers with AVX2.

use super::Avx2;
use crate::words::Words;
use std::arch::x86_64::*;

// SAFETY: AVX2 has every instruction used; each function touches the elements that the trait states.
unsafe impl Words for Avx2 {
    type W = __m256i;
    const WORDS: usize = 16;

    #[inline(always)]
    unsafe fn largest(from: *const i32) -> i32 {
        // SAFETY: the caller promises the tier and 64 integers.
        unsafe {
            let mut top = _mm256_loadu_si256(from.cast());
            for i in 1..8 {
                top = _mm256_max_epi32(top, _mm256_loadu_si256(from.add(8 * i).cast()));
            }
            let four = _mm_max_epi32(_mm256_castsi256_si128(top), _mm256_extracti128_si256::<1>(top));
            let two = _mm_max_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
            _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
        }
    }
    #[inline(always)]
    unsafe fn narrow(from: *const i32, top: i32, shift: i32) -> __m256i {
        // SAFETY: the caller promises the tier and sixteen integers.
        unsafe {
            // One subtraction takes the highest score away and adds what rounding needs.
            let half = if shift > 0 { 1 << (shift - 1) } else { 0 };
            let top = _mm256_set1_epi32(top - half);
            let (right, left) = (_mm_cvtsi32_si128(shift.max(0)), _mm_cvtsi32_si128((-shift).max(0)));
            let mut low = _mm256_sub_epi32(_mm256_loadu_si256(from.cast()), top);
            let mut high = _mm256_sub_epi32(_mm256_loadu_si256(from.add(8).cast()), top);
            if shift < 0 {
                let least = _mm256_set1_epi32(LEAST);
                low = _mm256_sll_epi32(_mm256_max_epi32(low, least), left);
                high = _mm256_sll_epi32(_mm256_max_epi32(high, least), left);
            }
            let (low, high) = (_mm256_sra_epi32(low, right), _mm256_sra_epi32(high, right));
            _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(low, high))
        }
    }
    #[inline(always)]
    unsafe fn splat(x: i16) -> __m256i {
        // SAFETY: the caller promises the tier.
        unsafe { _mm256_set1_epi16(x) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller promises the tier.
        unsafe { _mm256_adds_epi16(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller promises the tier.
        unsafe { _mm256_mulhrs_epi16(a, b) }
    }
    #[inline(always)]
    unsafe fn whole(x: __m256i) -> __m256i {
        // SAFETY: the caller promises the tier.
        unsafe {
            _mm256_max_epi16(
                _mm256_srai_epi16::<10>(_mm256_adds_epi16(x, _mm256_set1_epi16(512))),
                _mm256_set1_epi16(-15),
            )
        }
    }
    #[inline(always)]
    unsafe fn fraction(x: __m256i) -> __m256i {
        // SAFETY: the caller promises the tier.
        unsafe { _mm256_slli_epi16::<6>(x) }
    }
    #[inline(always)]
    unsafe fn lower(a: __m256i, n: __m256i) -> __m256i {
        // There are no shifts of single words: the halves of each double word are shifted one after the other.
        // SAFETY: the caller promises the tier.
        unsafe {
            let mask = _mm256_set1_epi32(0xffff);
            let n = _mm256_sub_epi16(_mm256_setzero_si256(), n);
            let low = _mm256_srlv_epi32(_mm256_and_si256(a, mask), _mm256_and_si256(n, mask));
            let high = _mm256_srlv_epi32(_mm256_andnot_si256(mask, a), _mm256_srli_epi32::<16>(n));
            _mm256_blend_epi16::<0b1010_1010>(low, high)
        }
    }
    #[inline(always)]
    unsafe fn store(to: *mut u8, w: __m256i, flip: u8) {
        // SAFETY: the caller promises the tier and room for sixteen bytes.
        unsafe {
            let bytes = _mm256_and_si256(w, _mm256_set1_epi16(255));
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
            _mm_storeu_si128(to.cast(), _mm_xor_si128(bytes, _mm_set1_epi8(flip as i8)));
        }
    }
    #[inline(always)]
    unsafe fn total(w: __m256i) -> i32 {
        // SAFETY: the caller promises the tier.
        unsafe {
            let eight = _mm256_madd_epi16(w, _mm256_set1_epi16(1));
            let four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256::<1>(eight));
            let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
            _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
        }
    }
}

/// Scores this far below the highest count as this far: shifted left by up to ten bits they still fit.
const LEAST: i32 = -(1 << 21);
