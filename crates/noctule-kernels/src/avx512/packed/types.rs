//! The types, each from its bytes to factors and codes.

use super::codes::{
    ABOVE, above, halves, halves_of_16, looked_up, masked, nibbles, nibbles_and_bits, order_of_halves,
    order_of_halves_of_16, shifted, with_upper_bits,
};
use super::factors::{eight, half, k_factors, q3_k_scales, scales, scales_and_minima, scales_less, times};
use super::{Factors, Packed};
use crate::block::iq;
use std::arch::x86_64::*;

/// Four groups of 32 as they follow each other, by halves.
const IN_TURN: [u8; 16] = order_of_halves(&[0, 1, 2, 3]);
/// The same, twice.
const IN_TURN_TWICE: [u8; 32] = order_of_halves(&[0, 1, 2, 3, 4, 5, 6, 7]);
/// Low nibbles of 64 bytes are of groups 0 and 2, high ones of 1 and 3.
const BY_NIBBLES: [u8; 32] = order_of_halves(&[0, 2, 1, 3, 4, 6, 5, 7]);
/// A pair of bits of 64 bytes is of groups a half of the block apart.
const BY_PAIRS: [u8; 32] = order_of_halves_of_16(&[0, 4, 1, 5, 2, 6, 3, 7]);
/// Low nibbles of 64 bytes are of groups 0 and 1, high ones of 2 and 3 of a half of the block.
const BY_NIBBLES_OF_16: [u8; 32] = order_of_halves_of_16(&[0, 1, 2, 3, 4, 5, 6, 7]);

// Bodies and no closures: those would be compiled without the tier's instructions.
macro_rules! packed {
    ($name:ident, $len:literal weights in $bytes:literal bytes, groups of $group:literal, $order:expr,
     factors($block:ident) $factors:block, codes($at:ident, $step:ident) $codes:block) => {
        pub(super) struct $name;
        impl Packed for $name {
            const LEN: usize = $len;
            const BYTES: usize = $bytes;
            const GROUP: usize = $group;
            const ORDER: &'static [u8] = &$order;
            #[inline(always)]
            unsafe fn factors($block: *const u8) -> Factors {
                // SAFETY: passed on to the caller.
                unsafe { $factors }
            }
            #[inline(always)]
            unsafe fn codes<const $step: usize>($at: *const u8) -> [__m512i; 2] {
                // SAFETY: passed on to the caller.
                unsafe { $codes }
            }
        }
    };
}

packed!(Q4_0, 128 weights in 72 bytes, groups of 32, IN_TURN,
    factors(b) { scales_less(scales(b, 18), 8.0) },
    codes(b, STEP) { nibbles(b.add(2), 18) }
);
packed!(Q4_1, 128 weights in 80 bytes, groups of 32, IN_TURN,
    factors(b) { scales_and_minima(b, 20) },
    codes(b, STEP) { nibbles(b.add(4), 20) }
);
packed!(Q5_0, 128 weights in 88 bytes, groups of 32, IN_TURN,
    factors(b) { scales_less(scales(b, 22), 16.0) },
    codes(b, STEP) { nibbles_and_bits(b.add(6), 22) }
);
packed!(Q5_1, 128 weights in 96 bytes, groups of 32, IN_TURN,
    factors(b) { scales_and_minima(b, 24) },
    codes(b, STEP) { nibbles_and_bits(b.add(8), 24) }
);
packed!(Q8_0, 128 weights in 136 bytes, groups of 32, IN_TURN,
    factors(b) { scales_less(scales(b, 34), ABOVE) },
    codes(b, STEP) { halves(above(b.add(2), b.add(36)), above(b.add(70), b.add(104))) }
);
packed!(Iq4Nl, 128 weights in 72 bytes, groups of 32, IN_TURN,
    factors(b) { scales_less(scales(b, 18), ABOVE) },
    codes(b, STEP) { halves(looked_up(b.add(2), b.add(20)), looked_up(b.add(38), b.add(56))) }
);
packed!(Iq4Xs, 256 weights in 136 bytes, groups of 32, IN_TURN_TWICE,
    factors(b) {
        let mut scale = [0.0; 8];
        iq::iq4_xs_scales(&*b.cast(), half(b), &mut scale);
        scales_less(eight(&scale), ABOVE)
    },
    codes(b, STEP) {
        let b = b.add(8 + 64 * STEP);
        halves(looked_up(b, b.add(16)), looked_up(b.add(32), b.add(48)))
    }
);
packed!(Q2K, 256 weights in 84 bytes, groups of 16, BY_PAIRS,
    factors(b) {
        let both = _mm_loadu_si128(b.cast());
        let scales = _mm_and_si128(both, _mm_set1_epi8(15));
        let minima = _mm_and_si128(_mm_srli_epi16::<4>(both), _mm_set1_epi8(15));
        let scale = times(half(b.add(80)), _mm512_cvtepu8_epi32(scales));
        Factors { scale, offset: times(-half(b.add(82)), _mm512_cvtepu8_epi32(minima)) }
    },
    codes(b, STEP) {
        let pairs = _mm512_loadu_si512(b.add(16).cast());
        halves_of_16(masked(pairs, 4 * STEP, 3), masked(pairs, 4 * STEP + 2, 3))
    }
);
packed!(Q3K, 256 weights in 110 bytes, groups of 16, BY_PAIRS,
    factors(b) {
        let codes = _mm512_cvtepu8_epi32(q3_k_scales(b));
        scales_less(times(half(b.add(108)), _mm512_sub_epi32(codes, _mm512_set1_epi32(32))), 4.0)
    },
    codes(b, STEP) {
        let pairs = _mm512_loadu_si512(b.add(32).cast());
        let (first, second) = (2 * STEP, 2 * STEP + 1);
        halves_of_16(
            with_upper_bits(shifted(pairs, 2 * first), 2, b, (first, first + 4), 1),
            with_upper_bits(shifted(pairs, 2 * second), 2, b, (second, second + 4), 1),
        )
    }
);
packed!(Q4K, 256 weights in 144 bytes, groups of 32, BY_NIBBLES,
    factors(b) { k_factors(b) },
    codes(b, STEP) {
        let pairs = _mm512_loadu_si512(b.add(16 + 64 * STEP).cast());
        halves(masked(pairs, 0, 15), masked(pairs, 4, 15))
    }
);
packed!(Q5K, 256 weights in 176 bytes, groups of 32, BY_NIBBLES,
    factors(b) { k_factors(b) },
    codes(b, STEP) {
        let pairs = _mm512_loadu_si512(b.add(48 + 64 * STEP).cast());
        let first = 4 * STEP;
        halves(
            with_upper_bits(pairs, 4, b.add(16), (first, first + 2), 1),
            with_upper_bits(shifted(pairs, 4), 4, b.add(16), (first + 1, first + 3), 1),
        )
    }
);
packed!(Q6K, 256 weights in 210 bytes, groups of 16, BY_NIBBLES_OF_16,
    factors(b) {
        let codes = _mm512_cvtepi8_epi32(_mm_loadu_si128(b.add(192).cast()));
        scales_less(times(half(b.add(208)), codes), 32.0)
    },
    codes(b, STEP) {
        let pairs = _mm512_loadu_si512(b.add(64 * STEP).cast());
        let upper = b.add(128 + 32 * STEP);
        halves_of_16(
            with_upper_bits(pairs, 4, upper, (0, 2), 2),
            with_upper_bits(shifted(pairs, 4), 4, upper, (4, 6), 2),
        )
    }
);
