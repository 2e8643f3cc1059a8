//! Scales and offsets of packed weights as vectors.

use super::Factors;
use crate::block::k;
use std::arch::x86_64::*;

/// A little-endian number, wherever it lies.
#[inline(always)]
pub(super) unsafe fn number<T: Into<u64>>(from: *const u8) -> u64 {
    // SAFETY: the caller promises its bytes; every caller names an integer.
    unsafe { from.cast::<T>().read_unaligned() }.into()
}

/// The value of a binary16.
#[inline(always)]
pub(super) unsafe fn half(from: *const u8) -> f32 {
    // SAFETY: the caller promises the tier and two bytes.
    unsafe { _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(number::<u16>(from) as i32))) }
}

/// Integers times a float.
#[inline(always)]
pub(super) unsafe fn times(factor: f32, codes: __m512i) -> __m512 {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_mul_ps(_mm512_set1_ps(factor), _mm512_cvtepi32_ps(codes)) }
}

/// Eight floats and eight zeros.
#[inline(always)]
pub(super) unsafe fn eight(x: &[f32; 8]) -> __m512 {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_zextps256_ps512(_mm256_loadu_ps(x.as_ptr())) }
}

/// The scales of four blocks of so many bytes, each of which starts with one.
#[inline(always)]
pub(super) unsafe fn scales(blocks: *const u8, bytes: usize) -> __m512 {
    // SAFETY: the caller promises the tier and four blocks.
    unsafe {
        let (a, b) = (number::<u16>(blocks), number::<u16>(blocks.add(bytes)));
        let (c, d) = (number::<u16>(blocks.add(2 * bytes)), number::<u16>(blocks.add(3 * bytes)));
        let all = (a | b << 16) | (c << 32 | d << 48);
        _mm512_zextps128_ps512(_mm_cvtph_ps(_mm_cvtsi64_si128(all as i64)))
    }
}

/// Scales of codes that stand for as much less.
#[inline(always)]
pub(super) unsafe fn scales_less(scale: __m512, less: f32) -> Factors {
    // SAFETY: the caller promises the tier.
    unsafe { Factors { scale, offset: _mm512_mul_ps(scale, _mm512_set1_ps(-less)) } }
}

/// Scales and offsets of four blocks of so many bytes, each of which starts with both.
#[inline(always)]
pub(super) unsafe fn scales_and_minima(blocks: *const u8, bytes: usize) -> Factors {
    // SAFETY: the caller promises the tier and four blocks.
    unsafe {
        let (a, b) = (number::<u32>(blocks), number::<u32>(blocks.add(bytes)));
        let (c, d) = (number::<u32>(blocks.add(2 * bytes)), number::<u32>(blocks.add(3 * bytes)));
        let all = _mm_set_epi64x((c | d << 32) as i64, (a | b << 32) as i64);
        let all = _mm512_zextps256_ps512(_mm256_cvtph_ps(all));
        let scale =
            _mm512_maskz_permutexvar_ps(0xf, _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 4, 2, 0), all);
        let offset =
            _mm512_maskz_permutexvar_ps(0xf, _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 5, 3, 1), all);
        Factors { scale, offset }
    }
}

/// Bytes of 16, or zeros where an index is negative.
#[inline(always)]
unsafe fn chosen(bytes: __m128i, indices: [i8; 16]) -> __m128i {
    // SAFETY: the caller promises the tier.
    unsafe { _mm_shuffle_epi8(bytes, _mm_loadu_si128(indices.as_ptr().cast())) }
}

/// [`k::q3_k_scales`](crate::block::k::q3_k_scales).
#[inline(always)]
pub(super) unsafe fn q3_k_scales(block: *const u8) -> __m128i {
    // SAFETY: the caller promises the tier and a block, which ends with these 16 bytes.
    unsafe {
        let end = _mm_loadu_si128(block.add(94).cast());
        let low = chosen(end, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9]);
        let low = _mm_srlv_epi64(low, _mm_set_epi64x(4, 0));
        let high = chosen(end, [10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13, 10, 11, 12, 13]);
        let high = _mm_rorv_epi32(high, _mm_set_epi32(2, 0, 30, 28));
        let codes = _mm_ternarylogic_epi32::<0xca>(_mm_set1_epi8(15), low, high);
        _mm_and_si128(codes, _mm_set1_epi8(63))
    }
}

/// Scales and offsets of `q4_k` and `q5_k`. Plain integers take their codes apart, because the vectors' shifts and shuffles
/// have enough to do with the weights.
#[inline(always)]
pub(super) unsafe fn k_factors(block: *const u8) -> Factors {
    // SAFETY: the caller promises the tier and a block.
    unsafe {
        let [scales, minima] = k::six_bits(&*block.cast());
        let scales = _mm512_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(scales)));
        let minima = _mm512_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(minima)));
        Factors { scale: times(half(block), scales), offset: times(-half(block.add(2)), minima) }
    }
}
