//! Codes of packed weights as vectors of words.

use super::factors::number;
use crate::block::tables::IQ4_VALUES;
use std::arch::x86_64::*;

/// All words `x`.
#[inline(always)]
pub(super) unsafe fn words(x: i16) -> __m512i {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_set1_epi16(x) }
}

/// Words shifted down by a constant.
#[inline(always)]
pub(super) unsafe fn shifted(x: __m512i, by: usize) -> __m512i {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_srlv_epi16(x, words(by as i16)) }
}

/// Codes of as many bits as `mask` has, from bit `from` of each byte on: those of bytes at even and at odd places.
#[inline(always)]
pub(super) unsafe fn masked(bytes: __m512i, from: usize, mask: i16) -> [__m512i; 4] {
    // SAFETY: the caller promises the tier.
    unsafe {
        let even = _mm512_and_si512(shifted(bytes, from), words(mask));
        let odd = _mm512_and_si512(shifted(bytes, from + 8), words(mask));
        [even, odd, _mm512_setzero_si512(), _mm512_setzero_si512()]
    }
}

/// Twice 16 bytes.
#[inline(always)]
unsafe fn beside(first: *const u8, second: *const u8) -> __m256i {
    // SAFETY: the caller promises the tier and 16 bytes at both places.
    unsafe {
        let first = _mm256_castsi128_si256(_mm_loadu_si128(first.cast()));
        _mm256_inserti128_si256::<1>(first, _mm_loadu_si128(second.cast()))
    }
}

/// The nibbles of four times 16 bytes, so many bytes apart: low ones of bytes at even places, high ones of these, both of
/// bytes at odd places.
#[inline(always)]
pub(super) unsafe fn nibbles(first: *const u8, apart: usize) -> [__m512i; 4] {
    // SAFETY: the caller promises the tier and 16 bytes at all places.
    unsafe {
        let low = beside(first, first.add(apart));
        let high = beside(first.add(2 * apart), first.add(3 * apart));
        let bytes = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
        let [even_low, odd_low, ..] = masked(bytes, 0, 15);
        let [even_high, odd_high, ..] = masked(bytes, 4, 15);
        [even_low, even_high, odd_low, odd_high]
    }
}

/// Adds 16 to the codes of four blocks whose bits, 32 at the start of each of `apart` bytes, are set.
#[inline(always)]
pub(super) unsafe fn with_fifth_bits(codes: [__m512i; 4], first: *const u8, apart: usize) -> [__m512i; 4] {
    // SAFETY: the caller promises the tier and four bytes at all places.
    unsafe {
        let low = number::<u32>(first) | number::<u32>(first.add(apart)) << 32;
        let high = number::<u32>(first.add(2 * apart)) | number::<u32>(first.add(3 * apart)) << 32;
        [
            with_bits(codes[0], low, high, 0x0000_5555_0000_5555),
            with_bits(codes[1], low, high, 0x5555_0000_5555_0000),
            with_bits(codes[2], low, high, 0x0000_aaaa_0000_aaaa),
            with_bits(codes[3], low, high, 0xaaaa_0000_aaaa_0000),
        ]
    }
}

/// Adds 16 to the codes whose bits are set, which stand at the given places of two words.
#[inline(always)]
unsafe fn with_bits(codes: __m512i, low: u64, high: u64, places: u64) -> __m512i {
    // SAFETY: the caller promises the tier.
    unsafe {
        let bits = _pext_u64(low, places) as u32 | (_pext_u64(high, places) as u32) << 16;
        _mm512_mask_add_epi16(codes, bits, codes, words(16))
    }
}

/// Codes whose lowest bits are those of `low`, `own` of them in each byte, and whose upper ones, `more` of them, come from 32
/// bytes: from bit `places.0` of each on for the first 32, from bit `places.1` on for the others. As words, those at even and
/// those at odd places.
#[inline(always)]
pub(super) unsafe fn with_upper_bits(
    low: __m512i,
    own: i32,
    from: *const u8,
    places: (usize, usize),
    more: i32,
) -> [__m512i; 4] {
    // SAFETY: the caller promises the tier and 32 bytes.
    unsafe {
        let twice = _mm512_broadcast_i64x4(_mm256_loadu_si256(from.cast()));
        // A rotation never moves these bits out of their bytes.
        let (first, second) = (places.0 as i32 - own, places.1 as i32 - own);
        let by = _mm512_inserti64x4::<1>(_mm512_set1_epi32(first & 31), _mm256_set1_epi32(second & 31));
        let upper = _mm512_rorv_epi32(twice, by);
        // Where the mask is set low, elsewhere upper.
        let codes = _mm512_ternarylogic_epi32::<0xca>(_mm512_set1_epi8((1 << own) - 1), low, upper);
        masked(_mm512_and_si512(codes, _mm512_set1_epi8((1 << (own + more)) - 1)), 0, 255)
    }
}

/// Signed bytes at even and at odd places.
#[inline(always)]
pub(super) unsafe fn signed(codes: __m512i) -> [__m512i; 4] {
    // SAFETY: the caller promises the tier.
    unsafe {
        let zero = _mm512_setzero_si512();
        [_mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(codes)), _mm512_srai_epi16::<8>(codes), zero, zero]
    }
}

/// The numbers that nibbles of twice 16 bytes stand for in the `iq4` types: each time low nibbles and then high ones.
#[inline(always)]
pub(super) unsafe fn looked_up(first: *const u8, second: *const u8) -> __m512i {
    // SAFETY: the caller promises the tier and 16 bytes at both places; the table has 16 bytes.
    unsafe {
        let bytes = _mm512_castsi256_si512(beside(first, second));
        let twice = _mm512_permutexvar_epi64(_mm512_set_epi64(3, 2, 3, 2, 1, 0, 1, 0), bytes);
        const HIGH: i64 = 0x0004_0004_0004_0004;
        let nibbles = _mm512_srlv_epi16(twice, _mm512_set_epi64(HIGH, HIGH, 0, 0, HIGH, HIGH, 0, 0));
        let table = _mm512_broadcast_i32x4(_mm_loadu_si128(IQ4_VALUES.as_ptr().cast()));
        _mm512_shuffle_epi8(table, _mm512_and_si512(nibbles, _mm512_set1_epi8(15)))
    }
}
