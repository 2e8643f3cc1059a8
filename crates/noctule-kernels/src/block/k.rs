//! The K types: 256 weights whose groups have quantised scales under one float scale.
//!
//! Layouts: `block_q2_K` … `block_q8_K` in `ggml-common.h`; see the variants of
//! [`GgmlType`](super::GgmlType).

use super::{f16_at, part, u32_at};

/// Two numbers of 16 bits that follow each other.
#[inline(always)]
fn f16_pair(block: &[u8], at: usize) -> [f32; 2] {
    [f16_at(block, at), f16_at(block, at + 2)]
}

#[inline(always)]
pub(super) fn q2_k(block: &[u8; 84], q: &mut [i8; 256], scale: &mut [f32; 16], min: &mut [f32; 16]) {
    q2_k_factors(block, f16_pair(block, 80), scale, min);
    bit_pairs(part(block, 16), q);
}

/// Scales and offsets of `q2_k`, whose two numbers at byte 80 are given as floats.
#[inline(always)]
pub(super) fn q2_k_factors(block: &[u8; 84], [d, dmin]: [f32; 2], scale: &mut [f32; 16], min: &mut [f32; 16]) {
    for (g, &packed) in block[..16].iter().enumerate() {
        scale[g] = d * f32::from(packed & 15);
        min[g] = -(dmin * f32::from(packed >> 4));
    }
}

#[inline(always)]
pub(super) fn q3_k(block: &[u8; 110], q: &mut [i8; 256], scale: &mut [f32; 16]) {
    q3_k_factors(block, f16_at(block, 108), scale);
    bit_pairs(part(block, 32), q);
    for (plane, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (q, &high) in q.iter_mut().zip(&block[..32]) {
            *q += ((high >> plane) & 1) as i8 * 4 - 4;
        }
    }
}

/// Scales of `q3_k`; `d` is the number at byte 108.
#[inline(always)]
pub(super) fn q3_k_factors(block: &[u8; 110], d: f32, scale: &mut [f32; 16]) {
    for (scale, code) in scale.iter_mut().zip(q3_k_scales(block)) {
        *scale = d * f32::from(code as i8 - 32);
    }
}

/// Codes of the scales of `q3_k`, 32 more than they stand for: the low nibbles of 8 bytes, then their high ones; bits 4 and 5
/// of scale `4·p + i` are bit pair `p` of byte `8 + i`.
#[inline(always)]
pub(crate) fn q3_k_scales(block: &[u8; 110]) -> [u8; 16] {
    let (first, second, high) = (u32_at(block, 96), u32_at(block, 100), u32_at(block, 104));
    let lows = [first, second, first >> 4, second >> 4];
    let mut codes = [0; 16];
    for (p, (low, codes)) in lows.into_iter().zip(codes.as_chunks_mut::<4>().0).enumerate() {
        *codes = ((low & 0x0f0f_0f0f) | (high >> (2 * p) & 0x0303_0303) << 4).to_le_bytes();
    }
    codes
}

/// Four weights of each byte, in planes of 32: byte `32·h + l` holds weights `128·h + 32·j + l`.
#[inline(always)]
pub(super) fn bit_pairs(bytes: &[u8; 64], q: &mut [i8; 256]) {
    for (bytes, q) in bytes.as_chunks::<32>().0.iter().zip(q.as_chunks_mut::<128>().0) {
        for (j, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            for (q, byte) in q.iter_mut().zip(bytes) {
                *q = ((byte >> (2 * j)) & 3) as i8;
            }
        }
    }
}

#[inline(always)]
pub(super) fn q4_k(block: &[u8; 144], q: &mut [i8; 256], scale: &mut [f32; 8], min: &mut [f32; 8]) {
    scales_and_minima(part(block, 0), f16_pair(block, 0), scale, min);
    nibble_planes(&block[16..], q);
}

#[inline(always)]
pub(super) fn q5_k(block: &[u8; 176], q: &mut [i8; 256], scale: &mut [f32; 8], min: &mut [f32; 8]) {
    scales_and_minima(part(block, 0), f16_pair(block, 0), scale, min);
    nibble_planes(&block[48..], q);
    for (plane, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (q, &high) in q.iter_mut().zip(&block[16..48]) {
            *q += ((high >> plane) & 1) as i8 * 16;
        }
    }
}

/// Two planes of 32 weights from each 32 bytes: the low nibbles, then the high ones.
#[inline(always)]
fn nibble_planes(bytes: &[u8], q: &mut [i8; 256]) {
    for (bytes, q) in bytes.as_chunks::<32>().0.iter().zip(q.as_chunks_mut::<64>().0) {
        for (l, &byte) in bytes.iter().enumerate() {
            q[l] = (byte & 15) as i8;
            q[l + 32] = (byte >> 4) as i8;
        }
    }
}

/// Scales and offsets of `q4_k` and `q5_k` from their `head`; `d` and `dmin` are given as floats.
#[inline(always)]
pub(super) fn scales_and_minima(head: &[u8; 16], [d, dmin]: [f32; 2], scale: &mut [f32; 8], min: &mut [f32; 8]) {
    let [scales, minima] = six_bits(head);
    for (scale, code) in scale.iter_mut().zip(scales) {
        *scale = d * f32::from(code);
    }
    for (min, code) in min.iter_mut().zip(minima) {
        *min = -(dmin * f32::from(code));
    }
}

/// Codes of the scales and of the minima in the head of `q4_k` and `q5_k`: `d`, `dmin`, then three words of four bytes. The
/// low six bits of the first two are those of groups 0 to 3; the nibbles of the third are the low bits of those of groups
/// 4 to 7 (scales low, minima high), whose upper bits are the top bits of the first two.
#[inline(always)]
pub(crate) fn six_bits(head: &[u8; 16]) -> [[u8; 8]; 2] {
    let (a, b, c) = (u32_at(head, 4), u32_at(head, 8), u32_at(head, 12));
    let top = |word: u32| (word >> 6 & 0x0303_0303) << 4;
    let both = |low: u32, high: u32| (u64::from(low) | u64::from(high) << 32).to_le_bytes();
    [both(a & 0x3f3f_3f3f, c & 0x0f0f_0f0f | top(a)), both(b & 0x3f3f_3f3f, c >> 4 & 0x0f0f_0f0f | top(b))]
}

#[inline(always)]
pub(super) fn q6_k(block: &[u8; 210], q: &mut [i8; 256], scale: &mut [f32; 16]) {
    q6_k_factors(block, f16_at(block, 208), scale);
    for (half, q) in q.as_chunks_mut::<128>().0.iter_mut().enumerate() {
        let low = &block[64 * half..][..64];
        let high = &block[128 + 32 * half..][..32];
        for l in 0..32 {
            for j in 0..4 {
                let nibble = (low[l + 32 * (j % 2)] >> (4 * (j / 2))) & 15;
                let pair = (high[l] >> (2 * j)) & 3;
                q[l + 32 * j] = (nibble | pair << 4) as i8 - 32;
            }
        }
    }
}

/// Scales of `q6_k`; `d` is the number at byte 208.
#[inline(always)]
pub(super) fn q6_k_factors(block: &[u8; 210], d: f32, scale: &mut [f32; 16]) {
    for (scale, &code) in scale.iter_mut().zip(&block[192..208]) {
        *scale = d * f32::from(code as i8);
    }
}

#[inline(always)]
pub(super) fn q8_k(block: &[u8; 292], q: &mut [i8; 256], scale: &mut [f32; 8], lowest: i8) {
    *scale = [f32::from_bits(u32_at(block, 0)); 8];
    for (q, &byte) in q.iter_mut().zip(&block[4..260]) {
        *q = (byte as i8).max(lowest);
    }
}
