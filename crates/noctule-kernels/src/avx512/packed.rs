//! Products of a few rows that read packed weights: codes go from the file's bytes into words and never to memory.
//!
//! Weights are taken 64 at a time, as two vectors of words: those at even and those at odd places, as
//! [`Layout::EvenOdd`](crate::table::Layout) has the activations. A lane then sums up four weights that follow each other.

use super::Avx512;
use crate::block::tables::IQ4_VALUES;
use crate::block::{GgmlType, iq, k};
use crate::simd::Simd;
use crate::table::GemvPacked;
use std::arch::x86_64::*;

/// How far ahead weights are asked for, in bytes.
const AHEAD: usize = 4096;

/// The products of a type's packed weights, where there are some.
pub(crate) fn products(ty: GgmlType) -> Option<unsafe fn(&GemvPacked)> {
    Some(match ty {
        GgmlType::Q4_0 => gemv::<Q4_0>,
        GgmlType::Q4_1 => gemv::<Q4_1>,
        GgmlType::Q5_0 => gemv::<Q5_0>,
        GgmlType::Q5_1 => gemv::<Q5_1>,
        GgmlType::Q8_0 => gemv::<Q8_0>,
        GgmlType::IQ4_NL => gemv::<Iq4Nl>,
        GgmlType::IQ4_XS => gemv::<Iq4Xs>,
        GgmlType::Q2_K => gemv::<Q2K>,
        GgmlType::Q3_K => gemv::<Q3K>,
        GgmlType::Q4_K => gemv::<Q4K>,
        GgmlType::Q5_K => gemv::<Q5K>,
        GgmlType::Q6_K => gemv::<Q6K>,
        _ => return None,
    })
}

/// # Safety
/// The processor has the tier; the weights are of type `P`, and all elements that `g` names are valid.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi2,f16c")]
unsafe fn gemv<P: Packed>(g: &GemvPacked) {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut i = 0;
        while i < g.m {
            let rows = (g.m - i).min(5);
            for j in 0..g.n {
                let row = g.w.add(j * g.row_bytes);
                if i == 0 {
                    for line in (0..g.row_bytes).step_by(64) {
                        Avx512::prefetch(row.wrapping_add(AHEAD + line));
                    }
                }
                match rows {
                    1 => few::<P, 1>(g, row, j, i),
                    2 => few::<P, 2>(g, row, j, i),
                    3 => few::<P, 3>(g, row, j, i),
                    4 => few::<P, 4>(g, row, j, i),
                    _ => few::<P, 5>(g, row, j, i),
                }
            }
            i += rows;
        }
    }
}

/// One row of weights, `M` rows of activations from `i` on.
///
/// # Safety
/// As for [`gemv`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi2,f16c")]
unsafe fn few<P: Packed, const M: usize>(g: &GemvPacked, row: *const u8, j: usize, i: usize) {
    // SAFETY: the operands have the shapes that `GemvPacked` states.
    unsafe {
        let groups = g.k / P::GROUP;
        let some = (1u32 << (P::LEN / P::GROUP)) - 1;
        let mut acc = [_mm512_setzero_ps(); M];
        for number in 0..g.k / P::LEN {
            let block = row.add(number * P::BYTES);
            let factors = P::factors(block);
            if P::MIN {
                for (c, acc) in acc.iter_mut().enumerate() {
                    let sums = g.x_sum.add((i + c) * groups + number * (P::LEN / P::GROUP));
                    *acc = _mm512_fmadd_ps(factors.min, _mm512_maskz_loadu_ps(some as u16, sums), *acc);
                }
            }
            for step in 0..P::LEN / 64 {
                let (even, odd) = P::codes(block, step);
                let scale = _mm512_permutexvar_ps(order::<P>(step), factors.scale);
                for (c, acc) in acc.iter_mut().enumerate() {
                    let x = g.x.add((i + c) * g.k + number * P::LEN + 64 * step);
                    let dot = _mm512_madd_epi16(even, _mm512_loadu_si512(x.cast()));
                    let dot = _mm512_dpwssd_epi32(dot, odd, _mm512_loadu_si512(x.add(32).cast()));
                    *acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, *acc);
                }
            }
        }
        for (c, acc) in acc.into_iter().enumerate() {
            *g.out.add((i + c) * g.out_stride + j) = *g.x_scale.add(i + c) * _mm512_reduce_add_ps(acc);
        }
    }
}

/// Which of a block's scales each lane takes for weights `64·step ..`.
///
/// # Safety
/// The processor has the tier.
#[inline(always)]
unsafe fn order<P: Packed>(step: usize) -> __m512i {
    // SAFETY: passed on to the caller.
    unsafe {
        let lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        let first = _mm512_set1_epi32((64 / P::GROUP * step) as i32);
        let own = if P::GROUP == 32 { _mm512_srli_epi32::<3>(lanes) } else { _mm512_srli_epi32::<2>(lanes) };
        _mm512_add_epi32(first, own)
    }
}

/// Scales and offsets of a block's groups, zeros behind them.
struct Factors {
    scale: __m512,
    min: __m512,
}

/// A type whose packed weights can be multiplied.
///
/// # Safety
/// Every function requires that the processor has the tier and that the block is valid, and is meant to be inlined into
/// one that enables the tier's instructions.
trait Packed {
    /// Weights that share [`Factors`], a multiple of 64, and their bytes.
    const LEN: usize;
    const BYTES: usize;
    /// Weights in a group: 16 or 32.
    const GROUP: usize;
    /// Whether groups have offsets.
    const MIN: bool = false;

    unsafe fn factors(block: *const u8) -> Factors;
    /// Weights `64·step ..`, those at even and those at odd places, as words.
    unsafe fn codes(block: *const u8, step: usize) -> (__m512i, __m512i);
}

// Bodies and no closures: those would be compiled without the tier's instructions.
macro_rules! packed {
    ($name:ident, $len:literal weights in $bytes:literal bytes, groups of $group:literal, offsets: $min:literal,
     factors($block:ident) $factors:block, codes($at:ident, $step:ident) $codes:block) => {
        struct $name;
        impl Packed for $name {
            const LEN: usize = $len;
            const BYTES: usize = $bytes;
            const GROUP: usize = $group;
            const MIN: bool = $min;
            #[inline(always)]
            unsafe fn factors($block: *const u8) -> Factors {
                // SAFETY: passed on to the caller.
                unsafe { $factors }
            }
            #[inline(always)]
            unsafe fn codes($at: *const u8, $step: usize) -> (__m512i, __m512i) {
                // SAFETY: passed on to the caller.
                unsafe { $codes }
            }
        }
    };
}

packed!(Q4_0, 64 weights in 36 bytes, groups of 32, offsets: false,
    factors(b) { scales(b, 18) },
    codes(b, _step) {
        let (even, odd) = parted(nibbles(b.add(2), b.add(20)));
        (_mm512_sub_epi16(even, words(8)), _mm512_sub_epi16(odd, words(8)))
    }
);
packed!(Q4_1, 64 weights in 40 bytes, groups of 32, offsets: true,
    factors(b) { scales_and_minima(b, 20) },
    codes(b, _step) { parted(nibbles(b.add(4), b.add(24))) }
);
packed!(Q5_0, 64 weights in 44 bytes, groups of 32, offsets: false,
    factors(b) { scales(b, 22) },
    codes(b, _step) { less(16, parted(nibbles(b.add(6), b.add(28))), parted_bits(b.add(2), b.add(24))) }
);
packed!(Q5_1, 64 weights in 48 bytes, groups of 32, offsets: true,
    factors(b) { scales_and_minima(b, 24) },
    codes(b, _step) { more(16, parted(nibbles(b.add(8), b.add(32))), parted_bits(b.add(4), b.add(28))) }
);
packed!(Q8_0, 64 weights in 68 bytes, groups of 32, offsets: false,
    factors(b) { scales(b, 34) },
    codes(b, _step) {
        let low = _mm512_castsi256_si512(_mm256_loadu_si256(b.add(2).cast()));
        let codes = _mm512_inserti64x4::<1>(low, _mm256_loadu_si256(b.add(36).cast()));
        signed(_mm512_max_epi8(codes, _mm512_set1_epi8(-127)))
    }
);
packed!(Iq4Nl, 64 weights in 36 bytes, groups of 32, offsets: false,
    factors(b) { scales(b, 18) },
    codes(b, _step) { signed(looked_up(nibbles(b.add(2), b.add(20)))) }
);
packed!(Iq4Xs, 256 weights in 136 bytes, groups of 32, offsets: false,
    factors(b) {
        let mut scale = [0.0; 8];
        iq::iq4_xs_scales(&*b.cast(), half(b), &mut scale);
        Factors { scale: eight(&scale), min: _mm512_setzero_ps() }
    },
    codes(b, step) { signed(looked_up(nibbles(b.add(8 + 32 * step), b.add(24 + 32 * step)))) }
);
packed!(Q2K, 256 weights in 84 bytes, groups of 16, offsets: true,
    factors(b) {
        let (mut scale, mut min) = ([0.0; 16], [0.0; 16]);
        k::q2_k_factors(&*b.cast(), [half(b.add(80)), half(b.add(82))], &mut scale, &mut min);
        Factors { scale: _mm512_loadu_ps(scale.as_ptr()), min: _mm512_loadu_ps(min.as_ptr()) }
    },
    codes(b, step) { pairs(b.add(16), step) }
);
packed!(Q3K, 256 weights in 110 bytes, groups of 16, offsets: false,
    factors(b) {
        let mut scale = [0.0; 16];
        k::q3_k_factors(&*b.cast(), half(b.add(108)), &mut scale);
        Factors { scale: _mm512_loadu_ps(scale.as_ptr()), min: _mm512_setzero_ps() }
    },
    codes(b, step) { less(4, pairs(b.add(32), step), plane_bits(b, step)) }
);
packed!(Q4K, 256 weights in 144 bytes, groups of 32, offsets: true,
    factors(b) { k_factors(b) },
    codes(b, step) { parted(planes(b.add(16 + 32 * step), 0, 4)) }
);
packed!(Q5K, 256 weights in 176 bytes, groups of 32, offsets: true,
    factors(b) { k_factors(b) },
    codes(b, step) { more(16, parted(planes(b.add(48 + 32 * step), 0, 4)), plane_bits(b.add(16), step)) }
);
packed!(Q6K, 256 weights in 210 bytes, groups of 16, offsets: false,
    factors(b) {
        let mut scale = [0.0; 16];
        k::q6_k_factors(&*b.cast(), half(b.add(208)), &mut scale);
        Factors { scale: _mm512_loadu_ps(scale.as_ptr()), min: _mm512_setzero_ps() }
    },
    codes(b, step) {
        let (half, shift) = (step / 2, 4 * (step % 2) as i16);
        let low = _mm512_srlv_epi16(_mm512_loadu_si512(b.add(64 * half).cast()), words(shift));
        let low = _mm512_and_si512(low, _mm512_set1_epi8(15));
        let high = _mm512_and_si512(planes(b.add(128 + 32 * half), shift, shift + 2), _mm512_set1_epi8(3));
        let codes = _mm512_or_si512(low, _mm512_slli_epi16::<4>(high));
        let even = _mm512_and_si512(codes, words(0xff));
        (_mm512_sub_epi16(even, words(32)), _mm512_sub_epi16(_mm512_srli_epi16::<8>(codes), words(32)))
    }
);

/// All words `x`.
#[inline(always)]
unsafe fn words(x: i16) -> __m512i {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_set1_epi16(x) }
}

/// The value of a binary16.
#[inline(always)]
unsafe fn half(from: *const u8) -> f32 {
    // SAFETY: the caller promises the tier and two bytes.
    unsafe { _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(from.cast::<u16>().read_unaligned())))) }
}

/// Eight floats and eight zeros.
#[inline(always)]
unsafe fn eight(x: &[f32; 8]) -> __m512 {
    // SAFETY: the caller promises the tier.
    unsafe { _mm512_zextps256_ps512(_mm256_loadu_ps(x.as_ptr())) }
}

/// The scales of two blocks of so many bytes, each of which starts with one.
#[inline(always)]
unsafe fn scales(blocks: *const u8, bytes: usize) -> Factors {
    // SAFETY: the caller promises the tier and two blocks.
    unsafe {
        let first = u32::from(blocks.cast::<u16>().read_unaligned());
        let second = u32::from(blocks.add(bytes).cast::<u16>().read_unaligned());
        let both = _mm_cvtph_ps(_mm_cvtsi32_si128((first | second << 16) as i32));
        Factors { scale: _mm512_castps128_ps512(both), min: _mm512_setzero_ps() }
    }
}

/// Scales and offsets of two blocks of so many bytes, each of which starts with both.
#[inline(always)]
unsafe fn scales_and_minima(blocks: *const u8, bytes: usize) -> Factors {
    // SAFETY: the caller promises the tier and two blocks.
    unsafe {
        let first = u64::from(blocks.cast::<u32>().read_unaligned());
        let second = u64::from(blocks.add(bytes).cast::<u32>().read_unaligned());
        let all = _mm_cvtph_ps(_mm_cvtsi64_si128((first | second << 32) as i64));
        let scale = _mm512_castps128_ps512(_mm_shuffle_ps::<0b1000>(all, all));
        let min = _mm_maskz_shuffle_ps::<0b1101>(0b11, all, all);
        Factors { scale, min: _mm512_zextps128_ps512(min) }
    }
}

/// Scales and offsets of `q4_k` and `q5_k`.
#[inline(always)]
unsafe fn k_factors(block: *const u8) -> Factors {
    // SAFETY: the caller promises the tier and a block.
    unsafe {
        let (mut scale, mut min) = ([0.0; 8], [0.0; 8]);
        k::scales_and_minima(&*block.cast(), [half(block), half(block.add(2))], &mut scale, &mut min);
        Factors { scale: eight(&scale), min: eight(&min) }
    }
}

/// Nibbles of twice 16 bytes in the low halves of bytes: each time the low nibbles and then the high ones. What stands in
/// the high halves has no meaning.
#[inline(always)]
unsafe fn nibbles(first: *const u8, second: *const u8) -> __m512i {
    // SAFETY: the caller promises the tier and 16 bytes at both places.
    unsafe {
        let bytes = _mm256_castsi128_si256(_mm_loadu_si128(first.cast()));
        let bytes = _mm256_inserti128_si256::<1>(bytes, _mm_loadu_si128(second.cast()));
        let twice = _mm512_permutexvar_epi64(_mm512_set_epi64(3, 2, 3, 2, 1, 0, 1, 0), _mm512_castsi256_si512(bytes));
        const HIGH: i64 = 0x0004_0004_0004_0004;
        _mm512_srlv_epi16(twice, _mm512_set_epi64(HIGH, HIGH, 0, 0, HIGH, HIGH, 0, 0))
    }
}

/// 32 bytes twice, as words shifted down by so many bits.
#[inline(always)]
unsafe fn planes(from: *const u8, first: i16, second: i16) -> __m512i {
    // SAFETY: the caller promises the tier and 32 bytes.
    unsafe {
        let twice = _mm512_broadcast_i64x4(_mm256_loadu_si256(from.cast()));
        let by = _mm512_inserti64x4::<1>(_mm512_set1_epi16(first), _mm256_set1_epi16(second));
        _mm512_srlv_epi16(twice, by)
    }
}

/// The low nibbles of bytes at even and at odd places.
#[inline(always)]
unsafe fn parted(nibbles: __m512i) -> (__m512i, __m512i) {
    // SAFETY: the caller promises the tier.
    unsafe { (_mm512_and_si512(nibbles, words(15)), _mm512_and_si512(_mm512_srli_epi16::<8>(nibbles), words(15))) }
}

/// Adds `by` to the codes whose bits are set.
#[inline(always)]
unsafe fn more(by: i16, codes: (__m512i, __m512i), bits: (u32, u32)) -> (__m512i, __m512i) {
    // SAFETY: the caller promises the tier.
    unsafe {
        let (even, odd) = codes;
        (_mm512_mask_add_epi16(even, bits.0, even, words(by)), _mm512_mask_add_epi16(odd, bits.1, odd, words(by)))
    }
}

/// Takes `by` from the codes whose bits are not set.
#[inline(always)]
unsafe fn less(by: i16, codes: (__m512i, __m512i), bits: (u32, u32)) -> (__m512i, __m512i) {
    // SAFETY: the caller promises the tier.
    unsafe {
        let (even, odd) = codes;
        (_mm512_mask_sub_epi16(even, !bits.0, even, words(by)), _mm512_mask_sub_epi16(odd, !bits.1, odd, words(by)))
    }
}

/// The bits of twice 32 at even and at odd places.
#[inline(always)]
unsafe fn parted_bits(first: *const u8, second: *const u8) -> (u32, u32) {
    // SAFETY: the caller promises the tier and four bytes at both places.
    unsafe {
        let first = u64::from(first.cast::<u32>().read_unaligned());
        let second = u64::from(second.cast::<u32>().read_unaligned());
        let bits = first | second << 32;
        (_pext_u64(bits, 0x5555_5555_5555_5555) as u32, _pext_u64(bits, 0xaaaa_aaaa_aaaa_aaaa) as u32)
    }
}

/// Bits `2·step` and `2·step + 1` of 32 bytes at even and at odd places.
#[inline(always)]
unsafe fn plane_bits(from: *const u8, step: usize) -> (u32, u32) {
    // SAFETY: the caller promises the tier and 32 bytes.
    unsafe {
        let twice = _mm512_broadcast_i64x4(_mm256_loadu_si256(from.cast()));
        (_mm512_test_epi16_mask(twice, bits(2 * step)), _mm512_test_epi16_mask(twice, bits(2 * step + 8)))
    }
}

/// 16 words with bit `shift` and 16 with the next one.
#[inline(always)]
unsafe fn bits(shift: usize) -> __m512i {
    // SAFETY: the caller promises the tier.
    unsafe {
        let (first, second) = ((1u16 << shift) as i16, (2u16 << shift) as i16);
        _mm512_inserti64x4::<1>(_mm512_set1_epi16(first), _mm256_set1_epi16(second))
    }
}

/// Two-bit codes `64·step ..` of 64 bytes, of which 32 hold four planes of 32.
#[inline(always)]
unsafe fn pairs(from: *const u8, step: usize) -> (__m512i, __m512i) {
    // SAFETY: the caller promises the tier and 64 bytes.
    unsafe {
        let first = 4 * (step % 2) as i16;
        let codes = planes(from.add(32 * (step / 2)), first, first + 2);
        (_mm512_and_si512(codes, words(3)), _mm512_and_si512(_mm512_srli_epi16::<8>(codes), words(3)))
    }
}

/// Signed bytes at even and at odd places.
#[inline(always)]
unsafe fn signed(codes: __m512i) -> (__m512i, __m512i) {
    // SAFETY: the caller promises the tier.
    unsafe { (_mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(codes)), _mm512_srai_epi16::<8>(codes)) }
}

/// The numbers that stand for low nibbles in the `iq4` types.
#[inline(always)]
unsafe fn looked_up(nibbles: __m512i) -> __m512i {
    // SAFETY: the caller promises the tier; the table has 16 bytes.
    unsafe {
        let table = _mm512_broadcast_i32x4(_mm_loadu_si128(IQ4_VALUES.as_ptr().cast()));
        _mm512_shuffle_epi8(table, _mm512_and_si512(nibbles, _mm512_set1_epi8(15)))
    }
}
