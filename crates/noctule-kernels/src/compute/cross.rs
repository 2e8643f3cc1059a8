//! The decoder's cross-attention to the encoder's output.

use super::Compute;
use super::keys::{KeyForm, Keys};
use super::values::{ValueForm, Values};
use crate::buffer::cut;
use crate::generic::codes::{Encoded, place};
use crate::generic::cross::{Cross, TILE};
use crate::generic::scale::Scale;
use crate::generic::weigh::KEYS;
use crate::table::{Block8, Sums};
use crate::view::{Rows, RowsMut, SharedRows};
use std::ops::Range;

/// Where the softmax weights of some heads go, for the alignment of words.
#[derive(Debug)]
pub struct CrossWeights<'a> {
    /// The heads that are wanted.
    pub heads: &'a [usize],
    /// `[head][row][t]`, in the order of `heads`.
    pub out: &'a mut [f32],
}

/// Rows of one task: their scores stay in a cache.
const TOGETHER: usize = 32;

/// One head of some rows, the work of one task.
struct Part {
    head: usize,
    /// Which rows of the queries and of the output.
    rows: Range<usize>,
}

/// A pointer that tasks write disjoint parts through.
#[derive(Clone, Copy)]
struct SharedFloats(*mut f32);
// SAFETY: each task writes its own rows of its head's part.
unsafe impl Send for SharedFloats {}
// SAFETY: as for Send.
unsafe impl Sync for SharedFloats {}

impl SharedFloats {
    /// # Safety
    /// `from + len` floats exist and no other live slice covers any of these.
    unsafe fn part<'a>(self, from: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: passed on to the caller.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(from), len) }
    }
}

impl Compute {
    /// Cross-attention of all rows of `q` (beams, or the tokens of a prompt) in one pass over the
    /// keys and values: softmax(q · kᵀ / √depth) · v for each head, sums in `f32`. Where keys and values have
    /// 8 bits, queries and softmax weights have 16.
    ///
    /// `q` and `out` are m × (heads · depth). `weights` asks for the softmax weights of some heads.
    ///
    /// # Panics
    /// When shapes do not fit together or a wanted head does not exist.
    pub fn attention_cross(
        &self,
        q: Rows<'_>,
        keys: &Keys,
        values: &Values,
        mut out: RowsMut<'_>,
        weights: Option<CrossWeights<'_>>,
    ) {
        let (m, t, heads, depth) = (q.rows(), keys.len(), keys.heads(), keys.depth());
        let width = heads * depth;
        assert_eq!(q.cols(), width, "attention_cross: queries");
        assert_eq!((values.len(), values.width()), (t, width), "attention_cross: values");
        assert_eq!((out.rows(), out.cols()), (m, width), "attention_cross: output");
        let (wanted, wanted_out) = match weights {
            Some(weights) => {
                let len = weights.heads.len() * m * t;
                assert_eq!(weights.out.len(), len, "attention_cross: weights");
                assert!(weights.heads.iter().all(|&head| head < heads));
                (weights.heads, weights.out)
            }
            None => (&[][..], &mut [][..]),
        };
        let wanted_out = SharedFloats(wanted_out.as_mut_ptr());
        let out = out.share();
        if m == 0 || t == 0 {
            return;
        }
        let stride = t.next_multiple_of(KEYS);
        // Parts of a head follow each other, so that its keys and values stay in cache.
        let parts = m.div_ceil(TOGETHER);
        self.pool.run(heads * parts, |task| {
            let from = task % parts * TOGETHER;
            let part = Part { head: task / parts, rows: from..(from + TOGETHER).min(m) };
            let mut scratch = self.scratch.take();
            let scores = scratch.floats(part.rows.len() * stride);
            match (keys.form(), values.form()) {
                (KeyForm::F16, ValueForm::F16) => self.cross_half(q, keys, values, &part, scores, out),
                (KeyForm::Int8(_), ValueForm::Int8(_)) => self.cross_int8(q, keys, values, &part, scores, out),
                _ => panic!("keys and values of different precisions"),
            }
            for (place, _) in wanted.iter().enumerate().filter(|&(_, &head)| head == part.head) {
                for (i, scores) in part.rows.clone().zip(scores.chunks_exact(stride)) {
                    // SAFETY: the length was checked, and each task owns its rows of its head's places.
                    let to = unsafe { wanted_out.part((place * m + i) * t, t) };
                    to.copy_from_slice(&scores[..t]);
                }
            }
        });
    }

    /// A part with keys and values in binary16. `scores` become the softmax weights.
    fn cross_half(&self, q: Rows<'_>, keys: &Keys, values: &Values, part: &Part, scores: &mut [f32], out: SharedRows) {
        let (head, m, t, depth) = (part.head, part.rows.len(), keys.len(), keys.depth());
        let padded = depth.next_multiple_of(16);
        let stride = t.next_multiple_of(KEYS);
        let mut scratch = self.scratch.take();
        let mut rest = scratch.floats(2 * m * padded);
        let (queries, result) = (cut(&mut rest, m * padded), rest);
        let scale = 1.0 / (depth as f32).sqrt();
        for (i, to) in queries.chunks_exact_mut(padded).enumerate() {
            let (to, padding) = to.split_at_mut(depth);
            let row = &q.row(part.rows.start + i)[head * depth..][..depth];
            to.iter_mut().zip(row).for_each(|(to, &x)| *to = scale * x);
            padding.fill(0.0);
        }
        let input = Cross {
            q: queries,
            rows: m,
            depth: padded,
            t,
            stride,
            k: &as_halves(keys.head(head))[..t.next_multiple_of(TILE) * padded],
            v: &as_halves(values.head(head))[..t * padded],
            streams: self.kernels.streams,
        };
        // SAFETY: `kernels` checked the tier.
        unsafe { (self.kernels.cross)(&input, scores, result) };
        for i in 0..m {
            // SAFETY: each task owns its head's columns of its rows, and the output stays borrowed until
            // the operation ends.
            let to = unsafe { out.part(part.rows.start + i, head * depth, depth) };
            to.copy_from_slice(&result[i * padded..][..depth]);
        }
    }

    /// A part with keys and values of 8 bits. Queries and weights are two codes each, which lie in the tile
    /// as two rows. `scores` become the softmax weights.
    fn cross_int8(&self, q: Rows<'_>, keys: &Keys, values: &Values, part: &Part, scores: &mut [f32], out: SharedRows) {
        let (KeyForm::Int8(key_columns), ValueForm::Int8(value_columns)) = (keys.form(), values.form()) else {
            unreachable!("the caller checked the forms");
        };
        let int8 = self.kernels.int8;
        let _session = int8.begin();
        let (head, m, t, depth) = (part.head, part.rows.len(), keys.len(), keys.depth());
        let (k, nr) = (key_columns.grouping.k, int8.nr);
        let stride = t.next_multiple_of(KEYS);
        let panels = (2 * m).div_ceil(int8.mr);
        let rows = panels * int8.mr;
        let sums_width = depth.next_multiple_of(nr);
        let mut scratch = self.scratch.take();
        let code_len = rows * k.max(KEYS) / 4;
        let mut rest = scratch.floats(code_len + rows * nr + 2 * m + m * sums_width + k + k.max(2 * KEYS) / 4);
        let codes = cut(&mut rest, code_len);
        let raw: *mut i32 = cut(&mut rest, rows * nr).as_mut_ptr().cast();
        let factors = cut(&mut rest, 2 * m);
        let sums = cut(&mut rest, m * sums_width);
        let row = cut(&mut rest, k);
        // SAFETY: any bytes are codes; the length in bytes is the same.
        let line = unsafe { std::slice::from_raw_parts_mut(rest.as_mut_ptr().cast::<u8>(), k.max(2 * KEYS)) };
        let codes: *mut u8 = codes.as_mut_ptr().cast();
        let put = |line: &[u8], r: usize| {
            let (len, chunk) = (line.len(), int8.chunk.min(line.len()));
            // SAFETY: the row lies inside its panel, all of which have room for `len` codes a row.
            unsafe { place(line, codes.add(r / int8.mr * int8.mr * len + r % int8.mr * chunk), chunk, int8.mr) };
        };
        let factor = 1.0 / (depth as f32).sqrt();
        let offset = if int8.unsigned { 128 } else { 0 };
        for i in 0..m {
            row[..depth].copy_from_slice(&q.row(part.rows.start + i)[head * depth..][..depth]);
            row[depth..].fill(0.0);
            if key_columns.grouping.spread {
                // SAFETY: `kernels` checked the tier.
                unsafe { (self.kernels.spread)(row, k) };
            }
            for term in 0..2 {
                let scales = &mut factors[2 * i + term..][..1];
                let codes = &mut line[..k];
                let mut to = Encoded { codes, offset, scales, sums: &mut [], spread: false, last: term == 1 };
                // SAFETY: `kernels` checked the tier.
                unsafe { (self.kernels.encode)(row, k, &mut to) };
                put(&line[..k], 2 * i + term);
                factors[2 * i + term] *= factor;
            }
        }
        let block = |k: usize, (b, _, init): (*const u8, *const f32, *const i32)| Block8 {
            k,
            a: codes,
            a_row: int8.chunk.min(k),
            a_panel: int8.mr * k,
            panels,
            rows: 2 * m,
            b,
            b_panel: 0,
            columns: 1,
            factors: 0,
            init,
            to: Sums::Raw { out: raw, stride: nr },
        };
        let add_up = |factors: &[f32], column_scale: *const f32, out: &mut [f32], out_stride: usize, add: bool| {
            for term in 0..2 {
                let scale = Scale {
                    raw: raw.wrapping_add(term * nr),
                    raw_stride: 2 * nr,
                    rows: m,
                    columns: nr,
                    row_scale: factors[term..].as_ptr(),
                    row_stride: 2,
                    column_scale,
                    keep: std::ptr::null(),
                    out: out.as_mut_ptr(),
                    out_stride,
                    add: add || term == 1,
                };
                // SAFETY: `kernels` checked the tier; `out` has `m` rows of whole panels.
                unsafe { (self.kernels.scale)(&scale) };
            }
        };
        let packed = keys.packed(&key_columns, head);
        for j in (0..stride).step_by(nr) {
            let columns = key_columns.group(packed, j / nr, 0, 0);
            // SAFETY: `kernels` checked the tier; both operands are whole panels.
            unsafe { (int8.block)(&block(k, columns)) };
            add_up(factors, columns.1, &mut scores[j..], stride, false);
        }
        for scores in scores.chunks_exact_mut(stride).take(m) {
            // SAFETY: `kernels` checked the tier.
            unsafe { (self.kernels.softmax)(&mut scores[..t]) };
            scores[t..].fill(0.0);
        }
        for first in (0..t).step_by(KEYS) {
            for i in 0..m {
                let (high, low) = line[..2 * KEYS].split_at_mut(KEYS);
                // SAFETY: `kernels` checked the tier.
                let unit =
                    unsafe { (self.kernels.split16)(&scores[i * stride + first..][..KEYS], high, low, 128 - offset) };
                put(high, 2 * i);
                put(low, 2 * i + 1);
                (factors[2 * i], factors[2 * i + 1]) = (256.0 * unit, unit);
            }
            let packed = values.packed(&value_columns, head, first / KEYS);
            for j in (0..sums_width).step_by(nr) {
                let columns = value_columns.group(packed, j / nr, 0, 0);
                // SAFETY: `kernels` checked the tier; both operands are whole panels.
                unsafe { (int8.block)(&block(KEYS, columns)) };
                add_up(factors, columns.1, &mut sums[j..], sums_width, first > 0);
            }
        }
        for i in 0..m {
            // SAFETY: each task owns its head's columns of its rows, and the output stays borrowed until the operation ends.
            let to = unsafe { out.part(part.rows.start + i, head * depth, depth) };
            to.copy_from_slice(&sums[i * sums_width..][..depth]);
        }
    }
}

/// Floats as twice as many binary16 numbers.
fn as_halves(floats: &[f32]) -> &[u16] {
    // SAFETY: any bits are numbers; the length in bytes is the same.
    unsafe { std::slice::from_raw_parts(floats.as_ptr().cast(), 2 * floats.len()) }
}
