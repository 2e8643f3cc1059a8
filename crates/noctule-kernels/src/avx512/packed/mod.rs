//! Products of a few rows that read packed weights: codes go from the file's bytes into words and never to memory.
//!
//! Codes keep the order in which masks and shifts take them out of their bytes, and activations lie likewise
//! ([`Layout::Runs`], [`Layout::Quads`]). The codes that share a lane are of one group.

mod codes;
mod factors;
mod types;

use super::int8::totals;
use crate::block::GgmlType;
use crate::table::{GemvPacked, Layout, PackedProducts};
use std::arch::asm;
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
    PackedProducts { len: P::LEN, layout: P::LAYOUT, multiply: gemv::<P> }
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

/// How far ahead, in bytes, blocks are asked for where they are so long that memory and not arithmetic decides.
const AHEAD: usize = 4096;

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
            if P::BYTES > 3 * P::LEN / 4 {
                for line in (0..P::BYTES).step_by(64) {
                    _mm_prefetch::<_MM_HINT_T0>(block.wrapping_add(AHEAD + line).cast());
                }
            }
            let factors = P::factors(block);
            if P::OFFSETS {
                let own = ((1u32 << own_groups) - 1) as u16;
                for (c, acc) in acc.iter_mut().enumerate() {
                    let sums = g.x_sum.add(c * groups + number * own_groups);
                    *acc = _mm512_fmadd_ps(factors.offset, _mm512_maskz_loadu_ps(own, sums), *acc);
                }
            }
            let x = g.x.add(number * P::LEN);
            step::<P, M, 0>(g, block, x, factors.scale, &mut acc);
            if P::LEN > 32 * P::TERMS {
                step::<P, M, 1>(g, block, x, factors.scale, &mut acc);
            }
            if P::LEN > 64 * P::TERMS {
                step::<P, M, 2>(g, block, x, factors.scale, &mut acc);
                step::<P, M, 3>(g, block, x, factors.scale, &mut acc);
            }
        }
        acc
    }
}

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
        let scale = _mm512_permutexvar_ps(order::<P>(STEP), scale);
        for (c, acc) in acc.iter_mut().enumerate() {
            let x = x.add(c * g.k + 32 * P::TERMS * STEP);
            let mut dot = _mm512_madd_epi16(codes[0], _mm512_loadu_si512(x.cast()));
            dot = dpwssd(dot, codes[1], x.add(32));
            if P::TERMS == 4 {
                dot = dpwssd(dot, codes[2], x.add(64));
                dot = dpwssd(dot, codes[3], x.add(96));
            }
            *acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, *acc);
        }
    }
}

/// Adds to each lane the products of its two words. As assembly, because the compiler makes two instructions of the
/// intrinsic, whose sums are ready earlier and take another slot of the vector units.
///
/// # Safety
/// The processor has the tier; there are 32 words at `x`.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn dpwssd(mut acc: __m512i, a: __m512i, x: *const i16) -> __m512i {
    // SAFETY: 64 bytes are read, the rest are registers.
    unsafe {
        asm!(
            "vpdpwssd {acc}, {a}, zmmword ptr [{x}]",
            acc = inout(zmm_reg) acc, a = in(zmm_reg) a, x = in(reg) x,
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    acc
}

/// Which of a block's scales each lane takes in a step.
///
/// # Safety
/// The processor has the tier.
#[inline(always)]
unsafe fn order<P: Packed>(step: usize) -> __m512i {
    // SAFETY: passed on to the caller.
    unsafe {
        match P::LAYOUT {
            Layout::Runs(distance) => {
                // A run in each half of the lanes.
                let first = step / distance * 2 * distance + step % distance;
                let per_run = if P::GROUP == 32 { 1 } else { 2 };
                let within = _mm256_set_epi32(1, 1, 1, 1, 0, 0, 0, 0);
                let within = if P::GROUP == 32 { _mm256_setzero_si256() } else { within };
                let low = _mm256_add_epi32(_mm256_set1_epi32((per_run * first) as i32), within);
                let high = _mm256_add_epi32(_mm256_set1_epi32((per_run * (first + distance)) as i32), within);
                _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
            }
            _ => _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0),
        }
    }
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
    /// How activations lie.
    const LAYOUT: Layout;
    /// Whether offsets are anything but zeros.
    const OFFSETS: bool;
    /// Vectors of 32 words of a step, whose products share a sum.
    const TERMS: usize = if matches!(Self::LAYOUT, Layout::Quads) { 4 } else { 2 };

    unsafe fn factors(block: *const u8) -> Factors;
    /// The codes of a step as words, [`TERMS`](Self::TERMS) vectors.
    unsafe fn codes<const STEP: usize>(block: *const u8) -> [__m512i; 4];
}
