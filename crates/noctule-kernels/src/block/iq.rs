//! The IQ types: weights looked up in fixed grids, or in sixteen uneven values.
//!
//! Layouts: `block_iq1_s` … `block_iq4_xs` in `ggml-common.h`; see the variants of
//! [`GgmlType`](super::GgmlType). Each type but the last two stores indices of grid points, short
//! vectors of small integers; the 2- and 3-bit grids hold magnitudes, with signs stored apart.

use super::tables::{IQ1_GRID, IQ2_S_GRID, IQ2_XS_GRID, IQ2_XXS_GRID, IQ3_S_GRID, IQ3_XXS_GRID, IQ4_VALUES};
use super::{f16_at, f16_to_f32, part, spread_bits, u16_at, u32_at};

/// Eight signs from seven bits: the eighth makes the number of negative ones even.
#[inline(always)]
fn even_signs(index: u32) -> u8 {
    let low = (index & 127) as u8;
    low | ((low.count_ones() as u8 & 1) << 7)
}

/// Writes one grid point of eight magnitudes (none of them zero), lowest byte first, negating
/// where `signs` has a bit set.
#[inline(always)]
fn signed(grid: u64, signs: u8, q: &mut [i8; 8]) {
    let negative = spread_bits(signs);
    // No byte carries into the next: a magnitude is at least 1, so its complement is below 255.
    let codes = (grid ^ (negative * 0xff)) + negative;
    for (q, code) in q.iter_mut().zip(codes.to_le_bytes()) {
        *q = code as i8;
    }
}

/// The two halves of eight weights that the 3-bit grids store as two points.
#[inline(always)]
fn pair(first: u32, second: u32) -> u64 {
    u64::from(first) | u64::from(second) << 32
}

/// The scale of the 2-bit types: `d·(½ + code)/4`.
#[inline(always)]
fn quarter(d: f32, code: u8) -> f32 {
    d * (0.5 + f32::from(code)) * 0.25
}

#[inline(always)]
pub(super) fn iq2_xxs(block: &[u8; 66], q: &mut [i8; 256], scale: &mut [f32; 8]) {
    let d = f16_at(block, 0);
    for (g, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let indices = &block[2 + 8 * g..][..4];
        let word = u32_at(block, 6 + 8 * g);
        scale[g] = quarter(d, (word >> 28) as u8);
        for (l, q) in q.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let grid = IQ2_XXS_GRID[usize::from(indices[l])];
            signed(grid, even_signs(word >> (7 * l)), q);
        }
    }
}

#[inline(always)]
pub(super) fn iq2_xs(block: &[u8; 74], q: &mut [i8; 256], scale: &mut [f32; 16]) {
    let d = f16_at(block, 0);
    nibble_scales(d, &block[66..], scale);
    for (l, q) in q.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let word = u16_at(block, 2 + 2 * l);
        let grid = IQ2_XS_GRID[usize::from(word & 511)];
        signed(grid, even_signs(u32::from(word >> 9)), q);
    }
}

#[inline(always)]
pub(super) fn iq2_s(block: &[u8; 82], q: &mut [i8; 256], scale: &mut [f32; 16]) {
    let d = f16_at(block, 0);
    nibble_scales(d, &block[74..], scale);
    for (l, q) in q.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let high = usize::from(block[66 + l / 4] >> (2 * (l % 4)) & 3);
        let index = usize::from(block[2 + l]) | high << 8;
        signed(IQ2_S_GRID[index], block[34 + l], q);
    }
}

/// Sixteen 4-bit scales from eight bytes, low nibble first.
#[inline(always)]
fn nibble_scales(d: f32, packed: &[u8], scale: &mut [f32; 16]) {
    for (g, scale) in scale.iter_mut().enumerate() {
        *scale = quarter(d, packed[g / 2] >> (4 * (g % 2)) & 15);
    }
}

#[inline(always)]
pub(super) fn iq3_xxs(block: &[u8; 98], q: &mut [i8; 256], scale: &mut [f32; 8]) {
    let d = f16_at(block, 0);
    for (g, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let indices = &block[2 + 8 * g..][..8];
        let word = u32_at(block, 66 + 4 * g);
        scale[g] = d * (0.5 + (word >> 28) as f32) * 0.5;
        for (l, q) in q.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let grid = pair(IQ3_XXS_GRID[usize::from(indices[2 * l])], IQ3_XXS_GRID[usize::from(indices[2 * l + 1])]);
            signed(grid, even_signs(word >> (7 * l)), q);
        }
    }
}

#[inline(always)]
pub(super) fn iq3_s(block: &[u8; 110], q: &mut [i8; 256], scale: &mut [f32; 8]) {
    let d = f16_at(block, 0);
    for (g, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let code = block[106 + g / 2] >> (4 * (g % 2)) & 15;
        scale[g] = d * f32::from(1 + 2 * code);
        let high = usize::from(block[66 + g]);
        let index = |i: usize| usize::from(block[2 + 8 * g + i]) | (high >> i & 1) << 8;
        for (l, q) in q.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let grid = pair(IQ3_S_GRID[index(2 * l)], IQ3_S_GRID[index(2 * l + 1)]);
            signed(grid, block[74 + 4 * g + l], q);
        }
    }
}

/// The codes of `iq1_s` and `iq1_m` are eight times the weight under the scale, so that the shift
/// of ⅛ becomes 1: `8·point ± 1`.
#[inline(always)]
fn shifted(index: usize, negative: bool, q: &mut [i8; 8]) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x80 * ONES;
    let eightfold = (IQ1_GRID[index] & (0x1f * ONES)) << 3;
    let shift = if negative { 0xff * ONES } else { ONES };
    // Adds byte by byte: carries stop below the top bits, which are added apart.
    let codes = ((eightfold & !TOPS) + (shift & !TOPS)) ^ ((eightfold ^ shift) & TOPS);
    for (q, code) in q.iter_mut().zip(codes.to_le_bytes()) {
        *q = code as i8;
    }
}

#[inline(always)]
pub(super) fn iq1_s(block: &[u8; 50], q: &mut [i8; 256], scale: &mut [f32; 8]) {
    let d = f16_at(block, 0);
    for (g, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let word = u16_at(block, 34 + 2 * g);
        scale[g] = d * f32::from(2 * (word >> 12 & 7) + 1) * 0.125;
        for (l, q) in q.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let high = usize::from(word >> (3 * l) & 7);
            let index = usize::from(block[2 + 4 * g + l]) | high << 8;
            shifted(index, word & 0x8000 != 0, q);
        }
    }
}

#[inline(always)]
pub(super) fn iq1_m(block: &[u8; 56], q: &mut [i8; 256], scale: &mut [f32; 16]) {
    let words: [u16; 4] = std::array::from_fn(|i| u16_at(block, 48 + 2 * i));
    let d = words.iter().enumerate().fold(0, |d, (i, word)| d | (word >> 12) << (4 * i));
    let d = f16_to_f32(d);
    for (g, scale) in scale.iter_mut().enumerate() {
        let code = words[g / 4] >> (3 * (g % 4)) & 7;
        *scale = d * f32::from(2 * code + 1) * 0.125;
    }
    for (l, q) in q.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let nibble = block[32 + l / 2] >> (4 * (l % 2));
        let index = usize::from(block[l]) | usize::from(nibble & 7) << 8;
        shifted(index, nibble & 8 != 0, q);
    }
}

/// Sixteen bytes of indices for 32 weights, low nibbles first.
#[inline(always)]
fn looked_up(bytes: &[u8], q: &mut [i8; 32]) {
    for (j, &byte) in bytes.iter().enumerate() {
        q[j] = IQ4_VALUES[usize::from(byte & 15)];
        q[j + 16] = IQ4_VALUES[usize::from(byte >> 4)];
    }
}

#[inline(always)]
pub(super) fn iq4_nl(block: &[u8; 18], q: &mut [i8; 32], scale: &mut [f32; 1]) {
    *scale = [f16_at(block, 0)];
    looked_up(&block[2..], q);
}

#[inline(always)]
pub(super) fn iq4_xs(block: &[u8; 136], q: &mut [i8; 256], scale: &mut [f32; 8]) {
    iq4_xs_scales(part(block, 0), f16_at(block, 0), scale);
    for (q, bytes) in q.as_chunks_mut().0.iter_mut().zip(block[8..].as_chunks::<16>().0) {
        looked_up(bytes, q);
    }
}

/// The head of `iq4_xs`: `d`, which is given as a float, eight bit pairs, eight nibbles.
#[inline(always)]
pub(crate) fn iq4_xs_scales(head: &[u8; 8], d: f32, scale: &mut [f32; 8]) {
    let high = u16_at(head, 2);
    for (g, scale) in scale.iter_mut().enumerate() {
        let low = head[4 + g / 2] >> (4 * (g % 2)) & 15;
        let pair = (high >> (2 * g)) as u8 & 3;
        *scale = d * f32::from((low | pair << 4) as i8 - 32);
    }
}
