//! The encoder's self-attention: every position attends to every position.

use super::Compute;
use super::keys::{KeyForm, Keys};
use super::many::lcm;
use super::operand::{Codes, Form, Operand, SharedOperand};
use super::values::{ValueForm, Values};
use crate::buffer::cut;
use crate::generic::gemm::Tile;
use crate::generic::transpose::Transpose;
use crate::generic::weigh::{KEYS, Weigh};
use crate::table::{Block8, Scaled, Sums};

/// Keys that one pass in floats scores before their values are added, so that the scores stay in cache.
const FLOAT_KEYS: usize = 128;

/// About how many queries a task works on.
const QUERIES: usize = 48;

/// What all tasks of one attention share.
struct Attend<'a> {
    q: &'a Operand,
    keys: &'a Keys,
    values: &'a Values,
    heads: usize,
    depth: usize,
    t: usize,
}

impl Compute {
    /// Bidirectional self-attention: softmax(q · kᵀ / √depth) · v for each head, over exactly the positions that exist.
    /// The result, as many rows as there are queries, is the operand of a product; `fine` as for [`load`](Self::load).
    ///
    /// Under [`Precision::Accurate`](super::Precision::Accurate) everything is `f32`, in one pass with a running
    /// maximum (Milakov and Gimelshein, arXiv:1805.02867). Under [`Precision::Fast`](super::Precision::Fast) queries,
    /// keys, values and softmax weights have 8 bits, the weights relative to the highest score of 64 keys.
    ///
    /// # Panics
    /// When queries, keys and values have different heads, positions or precisions, or there are no positions.
    pub fn attention(&self, q: &Operand, keys: &Keys, values: &Values, fine: bool, out: &mut Operand) {
        let (heads, depth, t) = (keys.heads(), keys.depth(), keys.len());
        assert!(t > 0 && values.len() == t && values.depth() == depth, "attention: keys and values");
        assert!(q.head().depth == depth && q.cols() == heads * q.head().stride, "attention: queries");
        self.reserve(out, q.rows(), heads * depth, fine);
        let attend = Attend { q, keys, values, heads, depth, t };
        let shared = out.share();
        let unit = match q.form() {
            Form::F32 { width } => lcm(width, shared.row_step()),
            Form::Int8(_) => lcm(self.kernels.int8.mr, shared.row_step()),
        };
        let step = (QUERIES / unit * unit).max(unit);
        self.pool.run(q.rows().div_ceil(step), |task| {
            let from = task * step;
            let rows = step.min(q.rows() - from);
            match (q.form(), keys.form(), values.form()) {
                (Form::F32 { width }, KeyForm::F32 { mr }, ValueForm::F32 { .. }) => {
                    self.attend_f32(&attend, (width, mr), from, rows, shared);
                }
                (Form::Int8(codes), KeyForm::Int8(_), ValueForm::Int8(_)) => {
                    self.attend_int8(&attend, codes, from, rows, shared);
                }
                _ => panic!("queries, keys and values of different precisions"),
            }
        });
    }

    /// All heads of some queries, in floats. `nr` queries lie side by side.
    fn attend_f32(&self, a: &Attend<'_>, (nr, mr): (usize, usize), from: usize, rows: usize, out: SharedOperand) {
        let f32 = self.kernels.f32;
        let (depth, width) = (a.depth, a.heads * a.depth);
        let stride = depth.next_multiple_of(mr);
        let keys_padded = FLOAT_KEYS.next_multiple_of(mr);
        let mut scratch = self.scratch.take();
        let mut rest = scratch.floats((depth + keys_padded + stride + 2) * nr + rows * width);
        let queries = cut(&mut rest, depth * nr);
        let scores = cut(&mut rest, keys_padded * nr);
        let values = cut(&mut rest, stride * nr);
        let (top, sum) = (cut(&mut rest, nr), cut(&mut rest, nr));
        let mixed = rest;
        let scale = 1.0 / (depth as f32).sqrt();
        for (head, first) in (0..a.heads).flat_map(|head| (0..rows).step_by(nr).map(move |first| (head, first))) {
            let count = nr.min(rows - first);
            let columns = count.next_multiple_of(f32.lanes);
            let packed = &a.q.floats()[(from + first) * width + head * depth * nr..][..depth * nr];
            queries.iter_mut().zip(packed).for_each(|(to, x)| *to = scale * x);
            scores.fill(0.0);
            values.fill(0.0);
            top.fill(f32::MIN);
            sum.fill(0.0);
            let k = &a.keys.head(0)[head * depth * mr..];
            let v = a.values.head(head);
            for key in (0..a.t).step_by(keys_padded) {
                let keys = keys_padded.min(a.t - key);
                for i in (0..keys).step_by(mr) {
                    let tile = Tile {
                        k: depth,
                        a: k[(key + i) * width..][..depth * mr].as_ptr(),
                        b: queries.as_ptr(),
                        c: scores[i * nr..][..mr * nr].as_mut_ptr(),
                        ldc: nr,
                        accumulate: false,
                    };
                    // SAFETY: `kernels` checked the tier; the operands are whole panels.
                    unsafe { (f32.tile)(columns, &tile) };
                }
                // SAFETY: `kernels` checked the tier.
                unsafe { (self.kernels.columns)(&mut scores[..keys * nr], top, sum, values) };
                for d in (0..stride).step_by(mr) {
                    let tile = Tile {
                        k: keys,
                        a: v[d * a.t + key * mr..][..keys * mr].as_ptr(),
                        b: scores.as_ptr(),
                        c: values[d * nr..][..mr * nr].as_mut_ptr(),
                        ldc: nr,
                        accumulate: true,
                    };
                    // SAFETY: `kernels` checked the tier; the operands are whole panels.
                    unsafe { (f32.tile)(columns, &tile) };
                }
            }
            sum.iter_mut().for_each(|sum| *sum = 1.0 / *sum);
            for row in values.chunks_exact_mut(nr) {
                row.iter_mut().zip(&*sum).for_each(|(x, &factor)| *x *= factor);
            }
            let transpose = Transpose {
                from: values.as_ptr(),
                from_stride: nr,
                rows: depth,
                cols: count,
                to: mixed[first * width + head * depth..].as_mut_ptr(),
                to_stride: width,
            };
            // SAFETY: `kernels` checked the tier; the head's columns of these rows lie inside `mixed`.
            unsafe { (self.kernels.transpose)(&transpose) };
        }
        // SAFETY: tasks put different rows; the output stays borrowed until the operation ends.
        unsafe { self.put(out, from, 0, mixed, (rows, width), width) };
    }

    /// All heads of some queries, in integers.
    fn attend_int8(&self, a: &Attend<'_>, codes: Codes, from: usize, rows: usize, out: SharedOperand) {
        let int8 = self.kernels.int8;
        let _session = int8.begin();
        let width = a.heads * a.depth;
        let panels = rows.div_ceil(int8.mr);
        let padded = panels * int8.mr;
        let depth = a.depth.next_multiple_of(int8.nr);
        let lanes = padded.next_multiple_of(16);
        let mut scratch = self.scratch.take();
        let raw_len = padded * KEYS;
        let mut rest = scratch.floats(raw_len + padded * KEYS / 4 + padded * depth + 4 * lanes + rows * width);
        let raw = cut(&mut rest, raw_len);
        let weights = cut(&mut rest, padded * KEYS / 4);
        let sums = cut(&mut rest, padded * depth);
        let (top, sum) = (cut(&mut rest, lanes), cut(&mut rest, lanes));
        let (keep, unit) = (cut(&mut rest, lanes), cut(&mut rest, lanes));
        let mixed = rest;
        for head in 0..a.heads {
            sums.fill(0.0);
            top.fill(f32::MIN);
            sum.fill(0.0);
            for block in 0..a.t.div_ceil(KEYS) {
                let place = Place { head, from, rows, panels, depth };
                let mut state = Running { top, sum, keep, unit };
                self.attend_block(a, &codes, &place, block, raw, weights, sums, &mut state);
            }
            for (i, sums) in sums.chunks_exact(depth).take(rows).enumerate() {
                let factor = 1.0 / sum[i];
                let to = &mut mixed[i * width + head * a.depth..][..a.depth];
                to.iter_mut().zip(sums).for_each(|(to, x)| *to = factor * x);
            }
        }
        // SAFETY: tasks put different rows; the output stays borrowed until the operation ends.
        unsafe { self.put(out, from, 0, mixed, (rows, width), width) };
    }

    /// One head, some queries and 64 keys.
    #[allow(clippy::too_many_arguments)]
    fn attend_block(
        &self,
        a: &Attend<'_>,
        codes: &Codes,
        place: &Place,
        block: usize,
        raw: &mut [f32],
        weights: &mut [f32],
        sums: &mut [f32],
        state: &mut Running<'_>,
    ) {
        let (KeyForm::Int8(key_columns), ValueForm::Int8(value_columns)) = (a.keys.form(), a.values.form()) else {
            unreachable!("the caller checked the forms");
        };
        let int8 = self.kernels.int8;
        let Place { head, from, rows, panels, depth } = *place;
        let (q, q_scale) = a.q.codes();
        let keys = a.keys.packed(&key_columns, head);
        let scores: *mut i32 = raw.as_mut_ptr().cast();
        let present = KEYS.min(a.t - block * KEYS);
        let (b, _, init) = key_columns.group(keys, block * KEYS / int8.nr, 0, 0);
        let (b_panel, factors) = key_columns.panel_steps();
        let product = Block8 {
            k: codes.grouping.len,
            a: q.wrapping_add(from / int8.mr * codes.panel() + codes.group_at(0, head)),
            a_row: codes.row(),
            a_panel: codes.panel(),
            panels,
            rows: panels * int8.mr,
            b,
            b_panel,
            columns: present.div_ceil(int8.nr),
            factors,
            init,
            to: Sums::Raw { out: scores, stride: KEYS },
        };
        // SAFETY: `kernels` checked the tier; queries and keys are whole panels.
        unsafe { (int8.block)(&product) };
        let chunk = int8.chunk.min(KEYS);
        let key_scale = key_columns.scale(keys, block * KEYS);
        let mut weigh = Weigh {
            rows,
            // SAFETY: the scores have just been written, one for each row and key.
            raw: unsafe { std::slice::from_raw_parts_mut(scores, panels * int8.mr * KEYS) },
            present,
            row_scale: q_scale.wrapping_add(codes.scales_at(0, head) + from),
            factor: key_scale * std::f32::consts::LOG2_E / (a.depth as f32).sqrt(),
            top: state.top,
            sum: state.sum,
            keep: state.keep,
            unit: state.unit,
            codes: weights.as_mut_ptr().cast(),
            flip: if int8.unsigned { 0 } else { 128 },
            rows_beside: int8.mr,
            chunk,
        };
        // SAFETY: `kernels` checked the tier; there is a scale for each row and room for its weights.
        unsafe { (self.kernels.weigh)(&mut weigh) };
        let values = a.values.packed(&value_columns, head, block);
        let (b, b_scale, init) = value_columns.group(values, 0, 0, 0);
        let (b_panel, factors) = value_columns.panel_steps();
        let product = Block8 {
            k: if present > 32 { KEYS } else { 32 },
            a: weights.as_ptr().cast(),
            a_row: chunk,
            a_panel: int8.mr * KEYS,
            panels,
            rows: panels * int8.mr,
            b,
            b_panel,
            columns: depth / int8.nr,
            factors,
            init,
            to: Sums::Scaled(Scaled {
                row_scale: state.unit.as_ptr(),
                column_scale: b_scale,
                keep: state.keep.as_ptr(),
                add: false,
                out: sums.as_mut_ptr(),
                stride: depth,
            }),
        };
        // SAFETY: `kernels` checked the tier; weights and values are whole panels, sums have a row for each query.
        unsafe { (int8.block)(&product) };
    }
}

/// Which part of an attention a block belongs to.
struct Place {
    head: usize,
    from: usize,
    rows: usize,
    panels: usize,
    /// Numbers of a head's sums: padded.
    depth: usize,
}

/// What a softmax over blocks of keys remembers for each query.
struct Running<'a> {
    top: &'a mut [f32],
    sum: &'a mut [f32],
    keep: &'a mut [f32],
    unit: &'a mut [f32],
}
