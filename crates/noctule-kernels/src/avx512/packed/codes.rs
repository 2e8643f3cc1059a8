//! Codes of packed weights as vectors of bytes, without signs.

use super::factors::number;
use crate::block::tables::IQ4_VALUES;
use std::arch::x86_64::*;

/// All bytes `x`.
#[inline(always)]
unsafe fn bytes(x: u8) -> __m512i {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_set1_epi8(x as i8) }
}

/// Bytes shifted down by a constant; the bits that come from above are those of a neighbour.
#[inline(always)]
pub(super) unsafe fn shifted(x: __m512i, by: usize) -> __m512i {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_srlv_epi16(x, _mm512_set1_epi16(by as i16)) }
}

/// Codes of as many bits as `mask` has, from bit `from` of each byte on.
#[inline(always)]
pub(super) unsafe fn masked(x: __m512i, from: usize, mask: u8) -> __m512i {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_and_si512(shifted(x, from), bytes(mask)) }
}

/// Two vectors, each of two groups of 32 codes, as one of the first and one of the second halves of the four groups.
#[inline(always)]
pub(super) unsafe fn halves(first: __m512i, second: __m512i) -> [__m512i; 2] {
    // SAFETY: the caller promises the tier.
    unsafe { [_mm512_shuffle_i64x2::<0x88>(first, second), _mm512_shuffle_i64x2::<0xdd>(first, second)] }
}

/// The order of eights that [`halves`] leaves, of vectors of the given runs of 32.
pub(super) const fn order_of_halves<const N: usize>(runs: &[u8]) -> [u8; N] {
    let mut order = [0; N];
    let mut at = 0;
    while at < N {
        let (half, run, eight) = (at % 16 / 8, at % 8 / 2, at % 2);
        order[at] = 4 * runs[at / 16 * 4 + run] + (2 * half + eight) as u8;
        at += 1;
    }
    order
}

/// Two vectors, each of four groups of 16 codes, as one of the first and one of the second halves of the eight groups.
#[inline(always)]
pub(super) unsafe fn halves_of_16(first: __m512i, second: __m512i) -> [__m512i; 2] {
    // SAFETY: the caller promises the tier.
    unsafe { [_mm512_unpacklo_epi64(first, second), _mm512_unpackhi_epi64(first, second)] }
}

/// The order of eights that [`halves_of_16`] leaves, of vectors of the given runs of 32.
pub(super) const fn order_of_halves_of_16<const N: usize>(runs: &[u8]) -> [u8; N] {
    let mut order = [0; N];
    let mut at = 0;
    while at < N {
        let (half, lane, second) = (at % 16 / 8, at % 8 / 2, at % 2);
        order[at] = 4 * runs[at / 16 * 4 + 2 * second + lane / 2] + (lane % 2 * 2 + half) as u8;
        at += 1;
    }
    order
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

/// Four times 16 bytes, so many bytes apart.
#[inline(always)]
unsafe fn four(first: *const u8, apart: usize) -> __m512i {
    // SAFETY: the caller promises the tier and 16 bytes at all places.
    unsafe {
        let low = beside(first, first.add(apart));
        let high = beside(first.add(2 * apart), first.add(3 * apart));
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
    }
}

/// The nibbles of four times 16 bytes, so many bytes apart: low ones, high ones.
#[inline(always)]
pub(super) unsafe fn nibbles(first: *const u8, apart: usize) -> [__m512i; 2] {
    // SAFETY: passed on to the caller.
    unsafe {
        let all = four(first, apart);
        [masked(all, 0, 15), masked(all, 4, 15)]
    }
}

/// As [`nibbles`], each with a fifth bit on top: those of a block are in the 32 bits before its bytes.
#[inline(always)]
pub(super) unsafe fn nibbles_and_bits(first: *const u8, apart: usize) -> [__m512i; 2] {
    // SAFETY: the caller promises the tier, and 16 bytes at and four before all places.
    unsafe {
        let all = four(first, apart);
        let bits = first.sub(4);
        let low = number::<u32>(bits) | number::<u32>(bits.add(apart)) << 32;
        let high = number::<u32>(bits.add(2 * apart)) | number::<u32>(bits.add(3 * apart)) << 32;
        const FIRST: u64 = 0x0000_ffff_0000_ffff;
        let first = _pext_u64(low, FIRST) | _pext_u64(high, FIRST) << 32;
        let second = _pext_u64(low, !FIRST) | _pext_u64(high, !FIRST) << 32;
        [with_bits(all, first), with_bits(shifted(all, 4), second)]
    }
}

/// Low nibbles, and 16 where a bit is set.
#[inline(always)]
unsafe fn with_bits(all: __m512i, bits: u64) -> __m512i {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_ternarylogic_epi32::<0xea>(all, bytes(15), _mm512_maskz_mov_epi8(bits, bytes(16))) }
}

/// Codes whose lowest bits are those of `low`, `own` of them in each byte, and whose upper ones, `more` of them, come from 32
/// bytes: from bit `places.0` of each on for the first 32, from bit `places.1` on for the others.
#[inline(always)]
pub(super) unsafe fn with_upper_bits(
    low: __m512i,
    own: i32,
    from: *const u8,
    places: (usize, usize),
    more: i32,
) -> __m512i {
    // SAFETY: the caller promises the tier and 32 bytes.
    unsafe {
        let twice = _mm512_broadcast_i64x4(_mm256_loadu_si256(from.cast()));
        // A rotation never moves these bits out of their bytes.
        let (first, second) = (places.0 as i32 - own, places.1 as i32 - own);
        let by = _mm512_inserti64x4::<1>(_mm512_set1_epi32(first & 31), _mm256_set1_epi32(second & 31));
        let upper = _mm512_rorv_epi32(twice, by);
        // Where the mask is set low, elsewhere upper.
        let codes = _mm512_ternarylogic_epi32::<0xca>(bytes((1 << own) - 1), low, upper);
        _mm512_and_si512(codes, bytes((1 << (own + more)) - 1))
    }
}

/// What the codes of [`above`] and [`looked_up`] stand for less.
pub(super) const ABOVE: f32 = 128.0;

/// Twice 32 signed bytes, from −127 on, and 128.
#[inline(always)]
pub(super) unsafe fn above(first: *const u8, second: *const u8) -> __m512i {
    // SAFETY: the caller promises the tier and 32 bytes at both places.
    unsafe {
        let first = _mm512_castsi256_si512(_mm256_loadu_si256(first.cast()));
        let both = _mm512_inserti64x4::<1>(first, _mm256_loadu_si256(second.cast()));
        _mm512_max_epu8(_mm512_xor_si512(both, bytes(0x80)), bytes(1))
    }
}

/// The numbers, and 128, that nibbles of twice 16 bytes stand for in the `iq4` types: each time low nibbles and then high
/// ones.
#[inline(always)]
pub(super) unsafe fn looked_up(first: *const u8, second: *const u8) -> __m512i {
    // SAFETY: the caller promises the tier and 16 bytes at both places; the table has 16 bytes.
    unsafe {
        let pairs = _mm512_castsi256_si512(beside(first, second));
        let twice = _mm512_permutexvar_epi64(_mm512_set_epi64(3, 2, 3, 2, 1, 0, 1, 0), pairs);
        const HIGH: i64 = 0x0004_0004_0004_0004;
        let nibbles = _mm512_srlv_epi16(twice, _mm512_set_epi64(HIGH, HIGH, 0, 0, HIGH, HIGH, 0, 0));
        let table = _mm512_broadcast_i32x4(_mm_loadu_si128(IQ4_VALUES.as_ptr().cast()));
        _mm512_shuffle_epi8(_mm512_xor_si512(table, bytes(0x80)), _mm512_and_si512(nibbles, bytes(15)))
    }
}
