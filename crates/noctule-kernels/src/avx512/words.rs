//! Sixteen-bit integers with AVX-512.

use super::Avx512;
use crate::words::Words;
use std::arch::x86_64::*;

/// Two vectors in one: in each 128 bits numbers of `$n` bits of `$a` and of `$b` in turn, each made of two by `$f`.
macro_rules! fold {
    ($f:ident, 32, $a:expr, $b:expr) => {{
        let (a, b) = ($a, $b);
        $f(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b))
    }};
    ($f:ident, 64, $a:expr, $b:expr) => {{
        let (a, b) = ($a, $b);
        $f(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b))
    }};
}

// SAFETY: AVX-512 F and BW have every instruction used; each function touches the elements that the trait states.
unsafe impl Words for Avx512 {
    type W = __m512i;
    const WORDS: usize = 32;
    const BY_FOURS: bool = true;

    #[inline(always)]
    unsafe fn largest(from: *const i32) -> i32 {
        // SAFETY: passed on to the caller.
        unsafe { _mm512_reduce_max_epi32(by_lanes(from)) }
    }
    #[inline(always)]
    unsafe fn largest_of_four(from: *const i32) -> [i32; 4] {
        // SAFETY: the caller promises the tier and four times 64 integers.
        unsafe {
            let first = fold!(_mm512_max_epi32, 32, by_lanes(from), by_lanes(from.add(64)));
            let second = fold!(_mm512_max_epi32, 32, by_lanes(from.add(128)), by_lanes(from.add(192)));
            let all = fold!(_mm512_max_epi32, 64, first, second);
            let half = _mm256_max_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64::<1>(all));
            numbers(_mm_max_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half)))
        }
    }
    #[inline(always)]
    unsafe fn narrow(from: *const i32, top: i32, shift: i32) -> __m512i {
        // SAFETY: the caller promises the tier and 32 integers.
        unsafe {
            // One subtraction takes the highest score away and adds what rounding needs.
            let half = if shift > 0 { 1 << (shift - 1) } else { 0 };
            let top = _mm512_set1_epi32(top - half);
            // Counts in every lane: one count for all takes an instruction more.
            let (right, left) = (_mm512_set1_epi32(shift.max(0)), _mm512_set1_epi32((-shift).max(0)));
            let mut low = _mm512_sub_epi32(_mm512_loadu_si512(from.cast()), top);
            let mut high = _mm512_sub_epi32(_mm512_loadu_si512(from.add(16).cast()), top);
            if shift < 0 {
                let least = _mm512_set1_epi32(LEAST);
                low = _mm512_sllv_epi32(_mm512_max_epi32(low, least), left);
                high = _mm512_sllv_epi32(_mm512_max_epi32(high, least), left);
            }
            // One instruction for both halves, which leaves their fours in turn: `store` puts them in order.
            _mm512_packs_epi32(_mm512_srav_epi32(low, right), _mm512_srav_epi32(high, right))
        }
    }
    #[inline(always)]
    unsafe fn splat(x: i16) -> __m512i {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_set1_epi16(x) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_adds_epi16(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_mulhrs_epi16(a, b) }
    }
    #[inline(always)]
    unsafe fn whole(x: __m512i) -> __m512i {
        // SAFETY: the caller promises the tier.
        unsafe {
            _mm512_max_epi16(
                _mm512_srai_epi16::<10>(_mm512_adds_epi16(x, _mm512_set1_epi16(512))),
                _mm512_set1_epi16(-15),
            )
        }
    }
    #[inline(always)]
    unsafe fn fraction(x: __m512i) -> __m512i {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_slli_epi16::<6>(x) }
    }
    #[inline(always)]
    unsafe fn lower(a: __m512i, n: __m512i) -> __m512i {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_srlv_epi16(a, _mm512_sub_epi16(_mm512_setzero_si512(), n)) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut u8, w: __m512i, flip: u8) {
        // SAFETY: the caller promises the tier and room for 32 bytes.
        unsafe {
            let order = _mm256_set_epi32(7, 5, 3, 1, 6, 4, 2, 0);
            let bytes = _mm256_permutevar8x32_epi32(_mm512_cvtepi16_epi8(w), order);
            _mm256_storeu_si256(to.cast(), _mm256_xor_si256(bytes, _mm256_set1_epi8(flip as i8)));
        }
    }
    #[inline(always)]
    unsafe fn total(w: __m512i) -> i32 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_reduce_add_epi32(pairs(w)) }
    }
    #[inline(always)]
    unsafe fn total_of_four(w: [__m512i; 4]) -> [i32; 4] {
        // SAFETY: the caller promises the tier.
        unsafe {
            let first = fold!(_mm512_add_epi32, 32, pairs(w[0]), pairs(w[1]));
            let second = fold!(_mm512_add_epi32, 32, pairs(w[2]), pairs(w[3]));
            let all = fold!(_mm512_add_epi32, 64, first, second);
            let half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64::<1>(all));
            numbers(_mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half)))
        }
    }
}

/// In each lane the largest of four of 64 integers.
///
/// # Safety
/// The processor has the tier, and 64 integers are there.
#[inline(always)]
unsafe fn by_lanes(from: *const i32) -> __m512i {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut top = _mm512_loadu_si512(from.cast());
        for i in 1..4 {
            top = _mm512_max_epi32(top, _mm512_loadu_si512(from.add(16 * i).cast()));
        }
        top
    }
}

/// Sums of two words.
///
/// # Safety
/// The processor has the tier.
#[inline(always)]
unsafe fn pairs(w: __m512i) -> __m512i {
    // SAFETY: passed on to the caller.
    unsafe { _mm512_madd_epi16(w, _mm512_set1_epi16(1)) }
}

/// The numbers of a vector.
///
/// # Safety
/// The processor has the tier.
#[inline(always)]
unsafe fn numbers(x: __m128i) -> [i32; 4] {
    let mut numbers = [0; 4];
    // SAFETY: passed on to the caller; the array is as long as a vector.
    unsafe { _mm_storeu_si128(numbers.as_mut_ptr().cast(), x) };
    numbers
}

/// Scores this far below the highest count as this far: shifted left by up to ten bits they still fit.
const LEAST: i32 = -(1 << 21);
