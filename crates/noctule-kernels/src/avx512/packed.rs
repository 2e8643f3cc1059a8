//! Products of a few rows that read packed weights: codes go from the file's bytes into words and never to memory.
//!
//! Codes keep the order in which masks and shifts take them out of their bytes, and activations lie likewise
//! ([`Layout::Runs`], [`Layout::Quads`]). The codes that share a lane are of one group.

use super::int8::totals;
use crate::block::tables::IQ4_VALUES;
use crate::block::{GgmlType, iq, k};
use crate::table::{GemvPacked, Layout, PackedProducts};
use std::arch::x86_64::*;

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
        for i in (0..g.m).step_by(5) {
            match g.m - i {
                1 => few::<P, 1>(g, i),
                2 => few::<P, 2>(g, i),
                3 => few::<P, 3>(g, i),
                4 => few::<P, 4>(g, i),
                _ => few::<P, 5>(g, i),
            }
        }
    }
}

/// All weights, `M` rows of activations from `i` on.
///
/// # Safety
/// As for [`gemv`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi2,f16c")]
unsafe fn few<P: Packed, const M: usize>(g: &GemvPacked, i: usize) {
    // SAFETY: the operands have the shapes that `GemvPacked` states.
    unsafe {
        for j in (0..g.n).step_by(4) {
            let some = (g.n - j).min(4);
            // Four rows are added up over their lanes together.
            let mut sums = [[_mm512_setzero_ps(); 4]; M];
            for n in 0..some {
                let row = row::<P, M>(g, g.w.add((j + n) * g.row_bytes), i);
                sums.iter_mut().zip(row).for_each(|(sums, sum)| sums[n] = sum);
            }
            for (c, &sums) in sums.iter().enumerate() {
                let result = _mm_mul_ps(_mm_set1_ps(*g.x_scale.add(i + c)), totals(sums));
                let wanted = ((1u32 << some) - 1) as u8;
                _mm_mask_storeu_ps(g.out.add((i + c) * g.out_stride + j), wanted, result);
            }
        }
    }
}

/// One row of weights, `M` rows of activations from `i` on: their sums over the lanes.
///
/// # Safety
/// As for [`gemv`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi2,f16c")]
unsafe fn row<P: Packed, const M: usize>(g: &GemvPacked, row: *const u8, i: usize) -> [__m512; M] {
    // SAFETY: the operands have the shapes that `GemvPacked` states.
    unsafe {
        let groups = g.k / P::GROUP;
        let own_groups = P::LEN / P::GROUP;
        let mut acc = [_mm512_setzero_ps(); M];
        for number in 0..g.k / P::LEN {
            let block = row.add(number * P::BYTES);
            let factors = P::factors(block);
            if P::OFFSETS {
                let own = ((1u32 << own_groups) - 1) as u16;
                for (c, acc) in acc.iter_mut().enumerate() {
                    let sums = g.x_sum.add((i + c) * groups + number * own_groups);
                    *acc = _mm512_fmadd_ps(factors.offset, _mm512_maskz_loadu_ps(own, sums), *acc);
                }
            }
            let x = g.x.add(i * g.k + number * P::LEN);
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
            dot = _mm512_dpwssd_epi32(dot, codes[1], _mm512_loadu_si512(x.add(32).cast()));
            if P::TERMS == 4 {
                dot = _mm512_dpwssd_epi32(dot, codes[2], _mm512_loadu_si512(x.add(64).cast()));
                dot = _mm512_dpwssd_epi32(dot, codes[3], _mm512_loadu_si512(x.add(96).cast()));
            }
            *acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, *acc);
        }
    }
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

// Bodies and no closures: those would be compiled without the tier's instructions.
macro_rules! packed {
    ($name:ident, $len:literal weights in $bytes:literal bytes, groups of $group:literal, $layout:expr, offsets: $offsets:literal,
     factors($block:ident) $factors:block, codes($at:ident, $step:ident) $codes:block) => {
        struct $name;
        impl Packed for $name {
            const LEN: usize = $len;
            const BYTES: usize = $bytes;
            const GROUP: usize = $group;
            const LAYOUT: Layout = $layout;
            const OFFSETS: bool = $offsets;
            #[inline(always)]
            unsafe fn factors($block: *const u8) -> Factors {
                // SAFETY: passed on to the caller.
                unsafe { $factors }
            }
            #[inline(always)]
            unsafe fn codes<const $step: usize>($at: *const u8) -> [__m512i; 4] {
                // SAFETY: passed on to the caller.
                unsafe { $codes }
            }
        }
    };
}

packed!(Q4_0, 128 weights in 72 bytes, groups of 32, Layout::Quads, offsets: true,
    factors(b) { scales_less(scales(b, 18), 8.0) },
    codes(b, STEP) { nibbles(b.add(2), 18) }
);
packed!(Q4_1, 128 weights in 80 bytes, groups of 32, Layout::Quads, offsets: true,
    factors(b) { scales_and_minima(b, 20) },
    codes(b, STEP) { nibbles(b.add(4), 20) }
);
packed!(Q5_0, 128 weights in 88 bytes, groups of 32, Layout::Quads, offsets: true,
    factors(b) { scales_less(scales(b, 22), 16.0) },
    codes(b, STEP) { with_fifth_bits(nibbles(b.add(6), 22), b.add(2), 22) }
);
packed!(Q5_1, 128 weights in 96 bytes, groups of 32, Layout::Quads, offsets: true,
    factors(b) { scales_and_minima(b, 24) },
    codes(b, STEP) { with_fifth_bits(nibbles(b.add(8), 24), b.add(4), 24) }
);
packed!(Q8_0, 128 weights in 136 bytes, groups of 32, Layout::Runs(1), offsets: false,
    factors(b) { Factors { scale: scales(b, 34), offset: _mm512_setzero_ps() } },
    codes(b, STEP) {
        let b = b.add(68 * STEP);
        let low = _mm512_castsi256_si512(_mm256_loadu_si256(b.add(2).cast()));
        let codes = _mm512_inserti64x4::<1>(low, _mm256_loadu_si256(b.add(36).cast()));
        signed(_mm512_max_epi8(codes, _mm512_set1_epi8(-127)))
    }
);
packed!(Iq4Nl, 128 weights in 72 bytes, groups of 32, Layout::Runs(1), offsets: false,
    factors(b) { Factors { scale: scales(b, 18), offset: _mm512_setzero_ps() } },
    codes(b, STEP) { signed(looked_up(b.add(36 * STEP + 2), b.add(36 * STEP + 20))) }
);
packed!(Iq4Xs, 256 weights in 136 bytes, groups of 32, Layout::Runs(1), offsets: false,
    factors(b) {
        let mut scale = [0.0; 8];
        iq::iq4_xs_scales(&*b.cast(), half(b), &mut scale);
        Factors { scale: eight(&scale), offset: _mm512_setzero_ps() }
    },
    codes(b, STEP) { signed(looked_up(b.add(8 + 32 * STEP), b.add(24 + 32 * STEP))) }
);
packed!(Q2K, 256 weights in 84 bytes, groups of 16, Layout::Runs(4), offsets: true,
    factors(b) {
        let both = _mm_loadu_si128(b.cast());
        let scales = _mm_and_si128(both, _mm_set1_epi8(15));
        let minima = _mm_and_si128(_mm_srli_epi16::<4>(both), _mm_set1_epi8(15));
        let scale = times(half(b.add(80)), _mm512_cvtepu8_epi32(scales));
        Factors { scale, offset: times(-half(b.add(82)), _mm512_cvtepu8_epi32(minima)) }
    },
    codes(b, STEP) { masked(_mm512_loadu_si512(b.add(16).cast()), 2 * STEP, 3) }
);
packed!(Q3K, 256 weights in 110 bytes, groups of 16, Layout::Runs(4), offsets: true,
    factors(b) {
        let codes = _mm512_cvtepu8_epi32(_mm_loadu_si128(k::q3_k_scales(&*b.cast()).as_ptr().cast()));
        scales_less(times(half(b.add(108)), _mm512_sub_epi32(codes, _mm512_set1_epi32(32))), 4.0)
    },
    codes(b, STEP) {
        let low = _mm512_and_si512(shifted(_mm512_loadu_si512(b.add(32).cast()), 2 * STEP), _mm512_set1_epi8(3));
        with_planes(low, b, (STEP, STEP + 4), 2)
    }
);
packed!(Q4K, 256 weights in 144 bytes, groups of 32, Layout::Runs(2), offsets: true,
    factors(b) { k_factors(b) },
    codes(b, STEP) { masked(_mm512_loadu_si512(b.add(16 + 64 * (STEP / 2)).cast()), 4 * (STEP % 2), 15) }
);
packed!(Q5K, 256 weights in 176 bytes, groups of 32, Layout::Runs(2), offsets: true,
    factors(b) { k_factors(b) },
    codes(b, STEP) {
        let low = shifted(_mm512_loadu_si512(b.add(48 + 64 * (STEP / 2)).cast()), 4 * (STEP % 2));
        let first = 4 * (STEP / 2) + STEP % 2;
        with_planes(_mm512_and_si512(low, _mm512_set1_epi8(15)), b.add(16), (first, first + 2), 4)
    }
);
packed!(Q6K, 256 weights in 210 bytes, groups of 16, Layout::Runs(1), offsets: true,
    factors(b) {
        let codes = _mm512_cvtepi8_epi32(_mm_loadu_si128(b.add(192).cast()));
        scales_less(times(half(b.add(208)), codes), 32.0)
    },
    codes(b, STEP) {
        let (half, second) = (STEP / 2, STEP % 2);
        let low = shifted(_mm512_loadu_si512(b.add(64 * half).cast()), 4 * second);
        let low = _mm512_and_si512(low, _mm512_set1_epi8(15));
        let pairs = _mm512_broadcast_i64x4(_mm256_loadu_si256(b.add(128 + 32 * half).cast()));
        let by = _mm512_inserti64x4::<1>(words(4 * second as i16), _mm256_set1_epi16(4 * second as i16 + 2));
        let pairs = _mm512_and_si512(_mm512_srlv_epi16(pairs, by), _mm512_set1_epi8(3));
        masked(_mm512_or_si512(low, _mm512_slli_epi16::<4>(pairs)), 0, 255)
    }
);

/// All words `x`.
#[inline(always)]
unsafe fn words(x: i16) -> __m512i {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_set1_epi16(x) }
}

/// A little-endian number, wherever it lies.
#[inline(always)]
unsafe fn number<T: Into<u64>>(from: *const u8) -> u64 {
    // SAFETY: the caller promises its bytes; every caller names an integer.
    unsafe { from.cast::<T>().read_unaligned() }.into()
}

/// The value of a binary16.
#[inline(always)]
unsafe fn half(from: *const u8) -> f32 {
    // SAFETY: the caller promises the tier and two bytes.
    unsafe { _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(number::<u16>(from) as i32))) }
}

/// Integers times a float.
#[inline(always)]
unsafe fn times(factor: f32, codes: __m512i) -> __m512 {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_mul_ps(_mm512_set1_ps(factor), _mm512_cvtepi32_ps(codes)) }
}

/// Eight floats and eight zeros.
#[inline(always)]
unsafe fn eight(x: &[f32; 8]) -> __m512 {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_zextps256_ps512(_mm256_loadu_ps(x.as_ptr())) }
}

/// The scales of four blocks of so many bytes, each of which starts with one.
#[inline(always)]
unsafe fn scales(blocks: *const u8, bytes: usize) -> __m512 {
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
unsafe fn scales_less(scale: __m512, less: f32) -> Factors {
    // SAFETY: the caller promises the tier.
    unsafe { Factors { scale, offset: _mm512_mul_ps(scale, _mm512_set1_ps(-less)) } }
}

/// Scales and offsets of four blocks of so many bytes, each of which starts with both.
#[inline(always)]
unsafe fn scales_and_minima(blocks: *const u8, bytes: usize) -> Factors {
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

/// Scales and offsets of `q4_k` and `q5_k`.
#[inline(always)]
unsafe fn k_factors(block: *const u8) -> Factors {
    // SAFETY: the caller promises the tier and a block.
    unsafe {
        let [scales, minima] = k::six_bits(&*block.cast());
        let scales = _mm512_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(scales)));
        let minima = _mm512_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(minima)));
        Factors { scale: times(half(block), scales), offset: times(-half(block.add(2)), minima) }
    }
}

/// Words shifted down by a constant.
#[inline(always)]
unsafe fn shifted(x: __m512i, by: usize) -> __m512i {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_srlv_epi16(x, words(by as i16)) }
}

/// Codes of as many bits as `mask` has, from bit `from` of each byte on: those of bytes at even and at odd places.
#[inline(always)]
unsafe fn masked(bytes: __m512i, from: usize, mask: i16) -> [__m512i; 4] {
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
unsafe fn nibbles(first: *const u8, apart: usize) -> [__m512i; 4] {
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
unsafe fn with_fifth_bits(codes: [__m512i; 4], first: *const u8, apart: usize) -> [__m512i; 4] {
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

/// Bytes whose bit `bit` is taken from 32 bytes: from bit `planes.0` of each for the first 32, from bit `planes.1` for the
/// others. As words, those at even and those at odd places.
#[inline(always)]
unsafe fn with_planes(low: __m512i, from: *const u8, planes: (usize, usize), bit: usize) -> [__m512i; 4] {
    // SAFETY: the caller promises the tier and 32 bytes.
    unsafe {
        let twice = _mm512_broadcast_i64x4(_mm256_loadu_si256(from.cast()));
        // A rotation never moves these bits out of their bytes.
        let (first, second) = (planes.0 as i32 - bit as i32, planes.1 as i32 - bit as i32);
        let by = _mm512_inserti64x4::<1>(_mm512_set1_epi32(first & 31), _mm256_set1_epi32(second & 31));
        let high = _mm512_rorv_epi32(twice, by);
        // low | high & mask
        let codes = _mm512_ternarylogic_epi32::<0xf8>(low, high, _mm512_set1_epi8(1 << bit));
        masked(codes, 0, 255)
    }
}

/// Signed bytes at even and at odd places.
#[inline(always)]
unsafe fn signed(codes: __m512i) -> [__m512i; 4] {
    // SAFETY: the caller promises the tier.
    unsafe {
        let zero = _mm512_setzero_si512();
        [_mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(codes)), _mm512_srai_epi16::<8>(codes), zero, zero]
    }
}

/// The numbers that nibbles of twice 16 bytes stand for in the `iq4` types: each time low nibbles and then high ones.
#[inline(always)]
unsafe fn looked_up(first: *const u8, second: *const u8) -> __m512i {
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
