//! The first block types of ggml: 32 weights with one scale, and perhaps one offset.
//!
//! Blocks of weights enter, packed blocks leave. Without importance the bytes are those of ggml's
//! `quantize_row_q4_0_ref` … `quantize_row_q8_0_ref` (ggml-quants.c, whisper.cpp v1.9.3): the scale
//! follows from the extremes of the block, nothing is searched. With importance eight blocks are
//! searched side by side. Blocks outside a group of eight are searched with zeros beside them.

use super::k::put_f16;
use super::search::{self, Found, LANES, Lanes, Steps};

/// Weights in a block.
pub(super) const LEN: usize = 32;

/// How the codes of a block are made and where they lie.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Bits of a code: 4 or 5.
    bits: u8,
    /// Whether codes count from the least value; otherwise from minus half of their range.
    offset: bool,
}

pub(super) const Q4_0: Layout = Layout { bits: 4, offset: false };
pub(super) const Q4_1: Layout = Layout { bits: 4, offset: true };
pub(super) const Q5_0: Layout = Layout { bits: 5, offset: false };
pub(super) const Q5_1: Layout = Layout { bits: 5, offset: true };

impl Layout {
    /// Bytes of a block.
    fn bytes(self) -> usize {
        2 + 2 * usize::from(self.offset) + 4 * usize::from(self.bits == 5) + 16
    }

    /// One block without importance.
    pub(super) fn encode(self, x: &[f32; LEN], out: &mut [u8]) {
        let levels = f32::from(1u8 << self.bits);
        let (scale, zero, shift, from) = if self.offset {
            let (min, max) = extremes(x);
            ((max - min) / (levels - 1.0), min, 0.5, min)
        } else {
            let max = x.iter().fold(0.0f32, |max, &x| if max.abs() < x.abs() { x } else { max });
            (max / -(levels / 2.0), 0.0, levels / 2.0 + 0.5, 0.0)
        };
        let inverse = if scale != 0.0 { 1.0 / scale } else { 0.0 };
        let codes = x.map(|x| (((x - zero) * inverse + shift) as u8).min((1 << self.bits) - 1));
        self.put(scale, from, &codes, out);
    }

    /// A row of blocks; each weight's error counts as much as `weights` says.
    pub(super) fn encode_weighted(self, x: &[f32], weights: &[f32], out: &mut [u8]) {
        let chunks = x.chunks(LEN * LANES).zip(weights.chunks(LEN * LANES));
        for ((x, w), out) in chunks.zip(out.chunks_mut(self.bytes() * LANES)) {
            let found = self.search(&search::side_by_side(x), &search::side_by_side(w));
            let bias = if self.offset { 0.0 } else { f32::from(1u8 << (self.bits - 1)) };
            for (g, out) in out.chunks_exact_mut(self.bytes()).enumerate() {
                let mut codes = [0; LEN];
                for (code, lanes) in codes.iter_mut().zip(&found.codes) {
                    *code = (lanes[g] + bias) as u8;
                }
                self.put(found.scale[g], -found.min[g], &codes, out);
            }
        }
    }

    fn search(self, x: &[Lanes; LEN], w: &[Lanes; LEN]) -> Found<LEN> {
        let levels = f32::from(1u8 << self.bits);
        if self.offset {
            let steps = Steps { top: levels - 1.0, first: -0.9, step: 0.05, steps: 36 };
            search::affine::<LEN, false>(x, w, &steps)
        } else {
            search::symmetric::<LEN>(x, w, levels / 2.0)
        }
    }

    fn put(self, scale: f32, min: f32, codes: &[u8; LEN], out: &mut [u8]) {
        put_f16(out, 0, scale);
        let mut at = 2;
        if self.offset {
            put_f16(out, at, min);
            at += 2;
        }
        if self.bits == 5 {
            let high = codes.iter().rev().fold(0u32, |high, code| high << 1 | u32::from(code >> 4));
            out[at..at + 4].copy_from_slice(&high.to_le_bytes());
            at += 4;
        }
        put_nibbles(codes, &mut out[at..at + 16]);
    }
}

/// Low nibbles of the first half of the codes, high nibbles of the second.
pub(super) fn put_nibbles(codes: &[u8], out: &mut [u8]) {
    let (first, second) = codes.split_at(codes.len() / 2);
    for ((byte, first), second) in out.iter_mut().zip(first).zip(second) {
        *byte = first & 15 | (second & 15) << 4;
    }
}

fn extremes(x: &[f32; LEN]) -> (f32, f32) {
    let least = x.iter().fold(f32::MAX, |min, &x| if x < min { x } else { min });
    let most = x.iter().fold(-f32::MAX, |max, &x| if x > max { x } else { max });
    (least, most)
}

/// One block of `q8_0`: importance would change nothing worth having at 8 bits.
pub(super) fn q8_0(x: &[f32; LEN], out: &mut [u8]) {
    let amax = x.iter().fold(0.0f32, |amax, x| amax.max(x.abs()));
    let scale = amax / 127.0;
    let inverse = if scale != 0.0 { 1.0 / scale } else { 0.0 };
    put_f16(out, 0, scale);
    for (byte, x) in out[2..].iter_mut().zip(x) {
        *byte = (x * inverse).round() as i8 as u8;
    }
}
