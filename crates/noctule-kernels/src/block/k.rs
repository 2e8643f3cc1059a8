//! The K types: 256 weights whose groups have quantised scales under one float scale.
//!
//! Layouts: `block_q2_K` … `block_q8_K` in `ggml-common.h`; see the variants of
//! [`GgmlType`](super::GgmlType).

use super::{f16_at, u32_at};

#[inline(always)]
pub(super) fn q2_k(block: &[u8; 84], q: &mut [i8; 256], scale: &mut [f32; 16], min: &mut [f32; 16]) {
    let (d, dmin) = (f16_at(block, 80), f16_at(block, 82));
    for (g, &packed) in block[..16].iter().enumerate() {
        scale[g] = d * f32::from(packed & 15);
        min[g] = -(dmin * f32::from(packed >> 4));
    }
    bit_pairs(&block[16..80], q);
}

#[inline(always)]
pub(super) fn q3_k(block: &[u8; 110], q: &mut [i8; 256], scale: &mut [f32; 16]) {
    let d = f16_at(block, 108);
    for (scale, code) in scale.iter_mut().zip(q3_k_scales(&block[96..108])) {
        *scale = d * f32::from(code);
    }
    bit_pairs(&block[32..96], q);
    for (plane, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (q, &high) in q.iter_mut().zip(&block[..32]) {
            *q += ((high >> plane) & 1) as i8 * 4 - 4;
        }
    }
}

/// Sixteen scales, already less their bias of 32: the low nibbles of the first 8 bytes, then the
/// high ones; bits 4 and 5 of scale `4·p + i` are bit pair `p` of byte `8 + i`.
#[inline(always)]
pub(crate) fn q3_k_scales(packed: &[u8]) -> [i8; 16] {
    std::array::from_fn(|g| {
        let low = (packed[g % 8] >> (4 * (g / 8))) & 15;
        let high = (packed[8 + g % 4] >> (2 * (g / 4))) & 3;
        (low | high << 4) as i8 - 32
    })
}

/// Four weights of each byte, in planes of 32: byte `32·h + l` holds weights `128·h + 32·j + l`.
#[inline(always)]
fn bit_pairs(bytes: &[u8], q: &mut [i8; 256]) {
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
    scales_and_minima(&block[..16], scale, min);
    nibble_planes(&block[16..], q);
}

#[inline(always)]
pub(super) fn q5_k(block: &[u8; 176], q: &mut [i8; 256], scale: &mut [f32; 8], min: &mut [f32; 8]) {
    scales_and_minima(&block[..16], scale, min);
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

/// The head of `q4_k` and `q5_k`: `d`, `dmin` and twelve bytes of 6-bit scales and minima.
#[inline(always)]
pub(crate) fn scales_and_minima(head: &[u8], scale: &mut [f32; 8], min: &mut [f32; 8]) {
    let (d, dmin) = (f16_at(head, 0), f16_at(head, 2));
    let packed = &head[4..16];
    for g in 0..8 {
        let (s, m) = if g < 4 {
            (packed[g] & 63, packed[g + 4] & 63)
        } else {
            ((packed[g + 4] & 15) | (packed[g - 4] >> 6 << 4), (packed[g + 4] >> 4) | (packed[g] >> 6 << 4))
        };
        scale[g] = d * f32::from(s);
        min[g] = -(dmin * f32::from(m));
    }
}

#[inline(always)]
pub(super) fn q6_k(block: &[u8; 210], q: &mut [i8; 256], scale: &mut [f32; 16]) {
    let d = f16_at(block, 208);
    for (scale, &code) in scale.iter_mut().zip(&block[192..208]) {
        *scale = d * f32::from(code as i8);
    }
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

#[inline(always)]
pub(super) fn q8_k(block: &[u8; 292], q: &mut [i8; 256], scale: &mut [f32; 8]) {
    *scale = [f32::from_bits(u32_at(block, 0)); 8];
    for (q, &byte) in q.iter_mut().zip(&block[4..260]) {
        *q = byte as i8;
    }
}
