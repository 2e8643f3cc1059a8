//! Integer products of a few rows with AVX-512's two-way dot product of words.
//!
//! Codes at even and at odd places are widened apart, which takes shifts only, and meet activations that lie likewise:
//! the sums of four codes that follow each other, of one group, then share a lane.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use super::Avx512;
use crate::generic::int8::{self, Int8Simd};
use crate::table::GemvI8;
use std::arch::x86_64::*;

/// # Safety
/// The processor has the tier, and all elements that `g` names are valid.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(crate) unsafe fn gemv(g: &GemvI8) {
    // SAFETY: passed on to the caller.
    unsafe { int8::gemv::<Avx512>(g) }
}

/// Rows of weights that share loaded activations.
const TOGETHER: usize = 4;

// SAFETY: the functions are those of the tier.
unsafe impl Int8Simd for Avx512 {
    type Floats = Avx512;
    const ROWS: usize = 5;
    const TOGETHER: usize = TOGETHER;

    #[inline(always)]
    unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize) {
        // SAFETY: passed on to the caller.
        unsafe {
            let sums = sums::<1, M>(g, j, i);
            let zero = _mm512_setzero_ps();
            for (c, &[sum]) in sums.iter().enumerate() {
                // Lanes are added up in the order in which those of four rows are: no bit depends on a row's place.
                let total = _mm_cvtss_f32(totals([sum, zero, zero, zero]));
                *g.out.add((i + c) * g.out_stride + j) = *g.x_scale.add(i + c) * total;
            }
        }
    }

    #[inline(always)]
    unsafe fn together<const M: usize>(g: &GemvI8, j: usize, i: usize) {
        // SAFETY: passed on to the caller.
        unsafe {
            let mut all = [[_mm512_setzero_ps(); TOGETHER]; M];
            // More sums at a time do not fit the registers.
            if M <= 2 {
                all = sums::<TOGETHER, M>(g, j, i);
            } else {
                for half in [0, 2] {
                    for (all, sums) in all.iter_mut().zip(sums::<2, M>(g, j + half, i)) {
                        all[half..half + 2].copy_from_slice(&sums);
                    }
                }
            }
            for (c, &sums) in all.iter().enumerate() {
                let result = _mm_mul_ps(_mm_set1_ps(*g.x_scale.add(i + c)), totals(sums));
                _mm_storeu_ps(g.out.add((i + c) * g.out_stride + j), result);
            }
        }
    }
}

/// The sums over the lanes of four vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
pub(super) fn totals(v: [__m512; 4]) -> __m128 {
    let v = v.map(|v| _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v)));
    let v = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v))
}

/// Sums, each over its lanes still, of `N` rows of weights from `j` on and `M` rows of activations from `i` on.
///
/// # Safety
/// As for [`gemv`], with so many rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn sums<const N: usize, const M: usize>(g: &GemvI8, j: usize, i: usize) -> [[__m512; N]; M] {
    // SAFETY: the operands have the shapes that `GemvI8` states.
    unsafe {
        let mut acc = [[_mm512_setzero_ps(); N]; M];
        products(g, j, i, &mut acc);
        if !g.w_min.is_null() {
            offsets(g, j, i, &mut acc);
        }
        acc
    }
}

/// Adds scales times products of codes.
///
/// # Safety
/// As for [`sums`].
#[inline(always)]
unsafe fn products<const N: usize, const M: usize>(g: &GemvI8, j: usize, i: usize, acc: &mut [[__m512; N]; M]) {
    // SAFETY: passed on to the caller; what a mask leaves out is not read.
    unsafe {
        let (k, groups) = (g.k, g.k / g.group);
        let mut at = At { w: g.w.add(j * k), w_scale: g.w_scale.add(j * groups), x: g.x.add(i * k), k, groups };
        // The scale that each lane, four codes, takes.
        let order = if g.group == 32 {
            _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)
        } else {
            _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0)
        };
        let spread = |scales| _mm512_permutevar_ps(_mm512_broadcast_f32x4(scales), order);
        for _ in 0..k / 64 {
            at.step::<N, M>(
                acc,
                |codes| _mm512_loadu_si512(codes.cast()),
                |x| (_mm512_loadu_si512(x.cast()), _mm512_loadu_si512(x.add(32).cast())),
                // No more are read than there are.
                |scales| match g.group {
                    32 => spread(_mm_castpd_ps(_mm_load_sd(scales.cast()))),
                    _ => spread(_mm_loadu_ps(scales)),
                },
            );
            at.w = at.w.add(64);
            at.x = at.x.add(64);
            at.w_scale = at.w_scale.add(64 / g.group);
        }
        if k % 64 != 0 {
            at.step::<N, M>(
                acc,
                |codes| _mm512_zextsi256_si512(_mm256_loadu_si256(codes.cast())),
                |x| {
                    let half = |x: *const i16| _mm512_zextsi256_si512(_mm256_loadu_si256(x.cast()));
                    (half(x), half(x.add(16)))
                },
                |scales| spread(_mm_maskz_loadu_ps(if g.group == 32 { 1 } else { 3 }, scales)),
            );
        }
    }
}

/// Where the operands of the next codes lie.
struct At {
    w: *const i8,
    w_scale: *const f32,
    x: *const i16,
    k: usize,
    groups: usize,
}

impl At {
    /// Adds the products of up to 64 codes of each row, read by the functions that are given.
    ///
    /// # Safety
    /// As for [`sums`]; so many codes are left in the rows.
    #[inline(always)]
    unsafe fn step<const N: usize, const M: usize>(
        &self,
        acc: &mut [[__m512; N]; M],
        codes: impl Fn(*const i8) -> __m512i,
        activations: impl Fn(*const i16) -> (__m512i, __m512i),
        scales: impl Fn(*const f32) -> __m512,
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            let zero = _mm512_setzero_si512();
            let (mut even, mut odd, mut scale) = ([zero; N], [zero; N], [_mm512_setzero_ps(); N]);
            for n in 0..N {
                let codes = codes(self.w.add(n * self.k));
                even[n] = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(codes));
                odd[n] = _mm512_srai_epi16::<8>(codes);
                scale[n] = scales(self.w_scale.add(n * self.groups));
            }
            for c in 0..M {
                let (x_even, x_odd) = activations(self.x.add(c * self.k));
                for n in 0..N {
                    let dot = _mm512_dpwssd_epi32(_mm512_madd_epi16(even[n], x_even), odd[n], x_odd);
                    acc[c][n] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale[n], acc[c][n]);
                }
            }
        }
    }
}

/// Adds the offsets of the groups times the sums of their activations.
///
/// # Safety
/// As for [`sums`].
#[inline(always)]
unsafe fn offsets<const N: usize, const M: usize>(g: &GemvI8, j: usize, i: usize, acc: &mut [[__m512; N]; M]) {
    let groups = g.k / g.group;
    for b in (0..groups).step_by(16) {
        let lanes = ((1u32 << (groups - b).min(16)) - 1) as u16;
        for c in 0..M {
            // SAFETY: passed on to the caller; what the mask leaves out is not read.
            unsafe {
                let x = _mm512_maskz_loadu_ps(lanes, g.x_sum.add((i + c) * groups + b));
                for n in 0..N {
                    let min = _mm512_maskz_loadu_ps(lanes, g.w_min.add((j + n) * groups + b));
                    acc[c][n] = _mm512_fmadd_ps(min, x, acc[c][n]);
                }
            }
        }
    }
}
