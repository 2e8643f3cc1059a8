//! Types of one or two bits per weight with one scale for a whole block.
//!
//! Layouts: `block_tq1_0`, `block_tq2_0`, `block_q1_0` and `block_q2_0` in `ggml-common.h`; see the
//! variants of [`GgmlType`](super::GgmlType).

use super::k::bit_pairs;
use super::{f16_at, part, spread_bits};

/// The runs of `tq1_0`: first byte, number of bytes, base-3 digits in a byte.
const TQ1_0_RUNS: [(usize, usize, u32); 3] = [(0, 32, 5), (32, 16, 5), (48, 4, 4)];

/// Each run stores its bytes' leading digits first, one byte after another, then the second
/// digits, and so on. A byte is the fraction `0.d₁d₂d₃d₄d₅` in base 3, scaled by 256 and rounded
/// up, so that the top of `3·byte` is the leading digit.
#[inline(always)]
pub(super) fn tq1_0(block: &[u8; 54], q: &mut [i8; 256], scale: &mut [f32; 8]) {
    *scale = [f16_at(block, 52); 8];
    let mut rest = &mut q[..];
    for (first, len, digits) in TQ1_0_RUNS {
        for n in 0..digits {
            let shift = 3u8.pow(n);
            let (out, after) = rest.split_at_mut(len);
            rest = after;
            for (q, &byte) in out.iter_mut().zip(&block[first..first + len]) {
                let fraction = byte.wrapping_mul(shift);
                *q = ((u16::from(fraction) * 3) >> 8) as i8 - 1;
            }
        }
    }
}

#[inline(always)]
pub(super) fn tq2_0(block: &[u8; 66], q: &mut [i8; 256], scale: &mut [f32; 8]) {
    *scale = [f16_at(block, 64); 8];
    bit_pairs(part(block, 0), q);
    for q in q {
        *q -= 1;
    }
}

#[inline(always)]
pub(super) fn q1_0(block: &[u8; 18], q: &mut [i8; 128], scale: &mut [f32; 4]) {
    *scale = [f16_at(block, 0); 4];
    for (q, &bits) in q.as_chunks_mut::<8>().0.iter_mut().zip(&block[2..]) {
        for (q, bit) in q.iter_mut().zip(spread_bits(bits).to_le_bytes()) {
            *q = bit as i8 * 2 - 1;
        }
    }
}

#[inline(always)]
pub(super) fn q2_0(block: &[u8; 18], q: &mut [i8; 64], scale: &mut [f32; 2]) {
    *scale = [f16_at(block, 0); 2];
    for (q, &byte) in q.as_chunks_mut::<4>().0.iter_mut().zip(&block[2..]) {
        for (i, q) in q.iter_mut().enumerate() {
            *q = (byte >> (2 * i) & 3) as i8 - 1;
        }
    }
}
