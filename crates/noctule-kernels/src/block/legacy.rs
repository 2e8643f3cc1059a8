//! The first block types of ggml: 32 weights with one scale, and perhaps one offset.
//!
//! Layouts: `block_q4_0` … `block_q8_1` in `ggml-common.h`; see the variants of
//! [`GgmlType`](super::GgmlType).

use super::{f16_at, u32_at};

/// Low nibbles of 16 bytes first, then the high ones.
#[inline(always)]
fn nibbles(bytes: &[u8], q: &mut [i8; 32]) {
    for (j, &byte) in bytes.iter().enumerate() {
        q[j] = (byte & 15) as i8;
        q[j + 16] = (byte >> 4) as i8;
    }
}

#[inline(always)]
pub(super) fn q4_0(block: &[u8; 18], q: &mut [i8; 32], scale: &mut [f32; 1]) {
    *scale = [f16_at(block, 0)];
    nibbles(&block[2..], q);
    for q in q {
        *q -= 8;
    }
}

#[inline(always)]
pub(super) fn q4_1(block: &[u8; 20], q: &mut [i8; 32], scale: &mut [f32; 1], min: &mut [f32; 1]) {
    *scale = [f16_at(block, 0)];
    *min = [f16_at(block, 2)];
    nibbles(&block[4..], q);
}

#[inline(always)]
pub(super) fn q5_0(block: &[u8; 22], q: &mut [i8; 32], scale: &mut [f32; 1]) {
    *scale = [f16_at(block, 0)];
    nibbles(&block[6..], q);
    let high = u32_at(block, 2);
    for (j, q) in q.iter_mut().enumerate() {
        *q += ((high >> j) & 1) as i8 * 16 - 16;
    }
}

#[inline(always)]
pub(super) fn q5_1(block: &[u8; 24], q: &mut [i8; 32], scale: &mut [f32; 1], min: &mut [f32; 1]) {
    *scale = [f16_at(block, 0)];
    *min = [f16_at(block, 2)];
    nibbles(&block[8..], q);
    let high = u32_at(block, 4);
    for (j, q) in q.iter_mut().enumerate() {
        *q += ((high >> j) & 1) as i8 * 16;
    }
}

#[inline(always)]
pub(super) fn q8_0(block: &[u8; 34], q: &mut [i8; 32], scale: &mut [f32; 1], lowest: i8) {
    *scale = [f16_at(block, 0)];
    for (q, &byte) in q.iter_mut().zip(&block[2..]) {
        *q = (byte as i8).max(lowest);
    }
}

#[inline(always)]
pub(super) fn q8_1(block: &[u8; 36], q: &mut [i8; 32], scale: &mut [f32; 1], lowest: i8) {
    *scale = [f16_at(block, 0)];
    for (q, &byte) in q.iter_mut().zip(&block[4..]) {
        *q = (byte as i8).max(lowest);
    }
}
