//! x86-64 with AVX-512 F, BW, DQ, VL and VNNI.

pub(crate) mod block8;
pub(crate) mod int8;
pub(crate) mod packed;
mod words;

use crate::simd::Simd;
use std::arch::x86_64::*;

/// Sixteen floats in a `zmm` register.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

// SAFETY: AVX-512F has every instruction used; each function touches sixteen elements.
unsafe impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const MANY: usize = 64;
    const SEVERAL: bool = true;

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_setzero_ps() }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        // SAFETY: a prefetch cannot fault.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        // SAFETY: the caller promises the tier and sixteen floats.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_part(from: *const f32, len: usize) -> __m512 {
        // SAFETY: the caller promises the tier and so many floats.
        unsafe { _mm512_maskz_loadu_ps(((1u32 << len) - 1) as u16, from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: __m512) {
        // SAFETY: the caller promises the tier and room for sixteen floats.
        unsafe { _mm512_storeu_ps(to, v) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u8) -> __m512 {
        // SAFETY: the caller promises the tier and 32 bytes.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> __m512 {
        // SAFETY: the caller promises the tier and 32 bytes.
        unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        }
    }
    #[inline(always)]
    unsafe fn store_f16(to: *mut u16, v: __m512) {
        // SAFETY: the caller promises the tier and room for sixteen numbers.
        unsafe { _mm256_storeu_si256(to.cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v)) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn abs(v: __m512) -> __m512 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_abs_ps(v) }
    }
    #[inline(always)]
    unsafe fn from_i32(from: *const i32) -> __m512 {
        // SAFETY: the caller promises the tier and sixteen integers.
        unsafe { _mm512_cvtepi32_ps(_mm512_loadu_si512(from.cast())) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn scale(v: __m512, n: __m512) -> __m512 {
        // SAFETY: the caller promises the tier.
        unsafe {
            let n = _mm512_slli_epi32::<23>(_mm512_castps_si512(n));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(v), n))
        }
    }
    #[inline(always)]
    unsafe fn top(v: __m512) -> f32 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_reduce_max_ps(v) }
    }
    #[inline(always)]
    unsafe fn store_codes(to: *mut i8, n: __m512) {
        // SAFETY: the caller promises the tier and room for sixteen codes.
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_castps_si512(n))) }
    }
    #[inline(always)]
    unsafe fn store_codes4(to: *mut i8, n: [__m512; 4]) {
        // SAFETY: the caller promises the tier and room for 64 codes.
        unsafe {
            let low = _mm512_set1_epi32(255);
            let (a, b) = (_mm512_castps_si512(n[0]), _mm512_castps_si512(n[1]));
            let (c, d) = (_mm512_castps_si512(n[2]), _mm512_castps_si512(n[3]));
            let first = _mm512_packus_epi32(_mm512_and_si512(a, low), _mm512_and_si512(b, low));
            let second = _mm512_packus_epi32(_mm512_and_si512(c, low), _mm512_and_si512(d, low));
            let bytes = _mm512_packus_epi16(first, second);
            // Fours of each vector lie in turn.
            let order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
            _mm512_storeu_si512(to.cast(), _mm512_permutexvar_epi32(order, bytes));
        }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller promises the tier and a square of eight rows on both sides.
        unsafe { crate::avx2::transpose8(from, from_stride, to, to_stride) }
    }
    const SQUARE: usize = 8;
    #[inline(always)]
    unsafe fn sum(v: __m512) -> f32 {
        // SAFETY: the caller promises the tier.
        unsafe { _mm512_reduce_add_ps(v) }
    }
    #[inline(always)]
    unsafe fn sum4(v: [__m512; 4]) -> [f32; 4] {
        let mut sums = [0.0; 4];
        // SAFETY: the caller promises the tier.
        unsafe { _mm_storeu_ps(sums.as_mut_ptr(), int8::totals(v)) };
        sums
    }
}
