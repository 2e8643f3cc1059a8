//! The types, each from its bytes to factors and codes.

use super::codes::{looked_up, masked, nibbles, shifted, signed, with_fifth_bits, with_upper_bits};
use super::factors::{eight, half, k_factors, q3_k_scales, scales, scales_and_minima, scales_less, times};
use super::{Factors, Packed};
use crate::block::iq;
use crate::table::Layout;
use std::arch::x86_64::*;

// Bodies and no closures: those would be compiled without the tier's instructions.
macro_rules! packed {
    ($name:ident, $len:literal weights in $bytes:literal bytes, groups of $group:literal, $layout:expr, offsets: $offsets:literal,
     factors($block:ident) $factors:block, codes($at:ident, $step:ident) $codes:block) => {
        pub(super) struct $name;
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
        let codes = _mm512_cvtepu8_epi32(q3_k_scales(b));
        scales_less(times(half(b.add(108)), _mm512_sub_epi32(codes, _mm512_set1_epi32(32))), 4.0)
    },
    codes(b, STEP) {
        with_upper_bits(shifted(_mm512_loadu_si512(b.add(32).cast()), 2 * STEP), 2, b, (STEP, STEP + 4), 1)
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
        with_upper_bits(low, 4, b.add(16), (first, first + 2), 1)
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
        let first = 4 * second;
        with_upper_bits(low, 4, b.add(128 + 32 * half), (first, first + 2), 2)
    }
);
