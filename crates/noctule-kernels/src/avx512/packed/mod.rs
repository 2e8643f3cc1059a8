//! Products of a few rows that read packed weights: codes go from the file's bytes into vectors and never to memory.
//!
//! Codes are bytes without signs, and what they stand for less is an offset; activations of 16 bits are two bytes each,
//! so that a product of words is two of bytes, and codes need not be widened. They keep the order in which masks and
//! shifts take them out of the file's bytes, and activations lie likewise ([`Layout::Eights`]). The eight codes that share a
//! lane are of one group.

mod codes;
mod factors;
mod types;

use super::int8::totals;
use crate::block::GgmlType;
use crate::streams::Streams;
use crate::table::{AHEAD, GemvPacked, Layout, PackedProducts};
use std::arch::x86_64::*;
use types::{Iq4Nl, Iq4Xs, Q2K, Q3K, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};

/// The products of a type's packed weights, where there are some.
pub(crate) fn products(ty: GgmlType) -> Option<PackedProducts> {
    Some(match ty {
        GgmlType::Q4_0 => of::<Q4_0>(),
        GgmlType::Q4_1 => of::<Q4_1>(),
        GgmlType::Q5_0 => of::<Q5_0>(),
        GgmlType::Q5_1 => of::<Q5_1>(),
        GgmlType::Q8_0 => of::<Q8_0>(),
        GgmlType::IQ4_NL => of::<Iq4Nl>(),
        GgmlType::IQ4_XS => of::<Iq4Xs>(),
        GgmlType::Q2_K => of::<Q2K>(),
        GgmlType::Q3_K => of::<Q3K>(),
        GgmlType::Q4_K => of::<Q4K>(),
        GgmlType::Q5_K => of::<Q5K>(),
        GgmlType::Q6_K => of::<Q6K>(),
        _ => return None,
    })
}

fn of<P: Packed>() -> PackedProducts {
    PackedProducts { len: P::LEN, layout: Layout::Eights(P::ORDER), multiply: gemv::<P> }
}

/// # Safety
/// The processor has the tier; the weights are of type `P`, and all elements that `g` names are valid.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi2,f16c")]
unsafe fn gemv<P: Packed>(g: &GemvPacked) {
    // SAFETY: passed on to the caller; there are `m` rows.
    unsafe {
        match g.m {
            1 => few::<P, 1>(g),
            2 => few::<P, 2>(g),
            3 => few::<P, 3>(g),
            4 => few::<P, 4>(g),
            5 => few::<P, 5>(g),
            m => panic!("{m} rows of activations, 1 to 5 allowed"),
        }
    }
}

/// All weights, `M` rows of activations.
///
/// # Safety
/// As for [`gemv`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi2,f16c")]
unsafe fn few<P: Packed, const M: usize>(g: &GemvPacked) {
    // SAFETY: the operands have the shapes that `GemvPacked` states.
    unsafe {
        for j in (0..g.n).step_by(4) {
            let some = (g.n - j).min(4);
            // Four rows are added up over their lanes together.
            let mut sums = [[_mm512_setzero_ps(); 4]; M];
            for n in 0..some {
                let row = row::<P, M>(g, g.w.add((j + n) * g.row_bytes));
                sums.iter_mut().zip(row).for_each(|(sums, sum)| sums[n] = sum);
            }
            for (c, &sums) in sums.iter().enumerate() {
                let result = _mm_mul_ps(_mm_set1_ps(*g.x_scale.add(c)), totals(sums));
                let wanted = ((1u32 << some) - 1) as u8;
                _mm_mask_storeu_ps(g.out.add(c * g.out_stride + j), wanted, result);
            }
        }
    }
}

/// One row of weights, `M` rows of activations: their sums over the lanes.
///
/// # Safety
/// As for [`gemv`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi2,f16c")]
unsafe fn row<P: Packed, const M: usize>(g: &GemvPacked, row: *const u8) -> [__m512; M] {
    // SAFETY: the operands have the shapes that `GemvPacked` states.
    unsafe {
        let groups = g.k / P::GROUP;
        let own_groups = P::LEN / P::GROUP;
        let mut acc = [_mm512_setzero_ps(); M];
        for number in 0..g.k / P::LEN {
            let block = row.add(number * P::BYTES);
            // Of blocks that are so long memory and not arithmetic decides everywhere.
            if P::BYTES > 3 * P::LEN / 4 || g.streams == Streams::Several {
                for line in (0..P::BYTES).step_by(64) {
                    _mm_prefetch::<_MM_HINT_T0>(block.wrapping_add(AHEAD + line).cast());
                }
            }
            let factors = P::factors(block);
            let own = ((1u32 << own_groups) - 1) as u16;
            for (c, acc) in acc.iter_mut().enumerate() {
                let sums = g.x_sum.add(c * groups + number * own_groups);
                *acc = _mm512_fmadd_ps(factors.offset, _mm512_maskz_loadu_ps(own, sums), *acc);
            }
            let x = g.x.add(number * P::LEN);
            step::<P, M, 0>(g, block, x, factors.scale, &mut acc);
            if P::LEN > STEP_LEN {
                step::<P, M, 1>(g, block, x, factors.scale, &mut acc);
            }
        }
        acc
    }
}

/// Weights that a step multiplies: two vectors of bytes.
const STEP_LEN: usize = 128;

/// Adds what one step of a block gives.
///
/// # Safety
/// As for [`gemv`]; `x` are the activations of the whole block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi2,f16c")]
unsafe fn step<P: Packed, const M: usize, const STEP: usize>(
    g: &GemvPacked,
    block: *const u8,
    x: *const i16,
    scale: __m512,
    acc: &mut [__m512; M],
) {
    // SAFETY: passed on to the caller.
    unsafe {
        let codes = P::codes::<STEP>(block);
        let scale = _mm512_permutexvar_ps(groups_of::<P>(STEP), scale);
        for (c, acc) in acc.iter_mut().enumerate() {
            // Upper bytes of the activations, then lower ones.
            let x: *const i8 = x.add(c * g.k + STEP_LEN * STEP).cast();
            let mut dot = dpbusd(_mm512_setzero_si512(), codes[0], x);
            dot = dpbusd(dot, codes[1], x.add(64));
            dot = _mm512_slli_epi32::<8>(dot);
            dot = dpbusd(dot, codes[0], x.add(128));
            dot = dpbusd(dot, codes[1], x.add(192));
            *acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, *acc);
        }
    }
}

/// Adds to each lane the products of its four codes and the activations at `x`.
///
/// # Safety
/// The processor has the tier; there are 64 bytes at `x`.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn dpbusd(acc: __m512i, codes: __m512i, x: *const i8) -> __m512i {
    // SAFETY: passed on to the caller.
    unsafe { _mm512_dpbusd_epi32(acc, codes, _mm512_loadu_si512(x.cast())) }
}

/// Which of a block's scales each lane takes in a step.
///
/// # Safety
/// The processor has the tier.
#[inline(always)]
unsafe fn groups_of<P: Packed>(step: usize) -> __m512i {
    // SAFETY: passed on to the caller.
    unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(P::GROUPS[step].as_ptr().cast())) }
}

/// The groups of eights of weights that stand in `order`, two lanes an eight: those of both vectors of a step are of the
/// same groups.
const fn groups(order: &[u8], group: usize) -> [[u8; 16]; 2] {
    let mut groups = [[0; 16]; 2];
    let mut at = 0;
    while at < order.len() {
        let (step, lane) = (at / 16, at % 8 * 2);
        let own = order[at] / (group / 8) as u8;
        assert!(at % 16 < 8 || groups[step][lane] == own);
        (groups[step][lane], groups[step][lane + 1]) = (own, own);
        at += 1;
    }
    groups
}

/// Scales of a block's groups, and what is added to every weight of a group, with zeros behind them.
struct Factors {
    scale: __m512,
    offset: __m512,
}

/// A type whose packed weights can be multiplied.
///
/// # Safety
/// Every function requires that the processor has the tier and that the block is valid, and is meant to be inlined into
/// one that enables the tier's instructions.
trait Packed {
    /// Weights that share [`Factors`], and their bytes.
    const LEN: usize;
    const BYTES: usize;
    /// Weights in a group: 16 or 32.
    const GROUP: usize;
    /// Where activations lie: see [`Layout::Eights`].
    const ORDER: &'static [u8];
    /// The scale of each lane, step by step.
    const GROUPS: [[u8; 16]; 2] = groups(Self::ORDER, Self::GROUP);

    unsafe fn factors(block: *const u8) -> Factors;
    /// The codes of a step, without signs: two vectors of bytes, in the order of [`ORDER`](Self::ORDER).
    unsafe fn codes<const STEP: usize>(block: *const u8) -> [__m512i; 2];
}
