//! The encoder's self-attention: every position attends to every position.

use super::Compute;
use crate::buffer::cut;
use crate::generic::gemm::Tile;
use crate::generic::transpose::Transpose;
use crate::view::{Rows, RowsMut, SharedRows};

/// Keys that one pass scores before their values are added, so that the scores stay in cache.
const KEYS: usize = 128;

/// Keys and values of all heads, laid out for the tile.
struct Operands<'a> {
    /// `[heads][⌈t / mr⌉][depth][mr]`.
    keys: &'a [f32],
    /// `[heads][⌈depth / mr⌉][t][mr]`.
    values: &'a [f32],
    t: usize,
    depth: usize,
    mr: usize,
}

impl Operands<'_> {
    fn key_len(&self) -> usize {
        self.t.next_multiple_of(self.mr) * self.depth
    }

    fn value_stride(&self) -> usize {
        self.depth.next_multiple_of(self.mr)
    }
}

impl Compute {
    /// Bidirectional self-attention of `heads` heads: softmax(q · kᵀ / √depth) · v for each head,
    /// over exactly the rows that exist. The softmax is in `f32`, in one pass with a running
    /// maximum (Milakov and Gimelshein, arXiv:1805.02867).
    ///
    /// `q`, `k`, `v` and `out` are t × (heads · depth), head after head in a row.
    ///
    /// # Panics
    /// When shapes do not fit together.
    pub fn attention(&self, q: Rows<'_>, k: Rows<'_>, v: Rows<'_>, heads: usize, mut out: RowsMut<'_>) {
        let (t, width) = (k.rows(), q.cols());
        assert!(heads > 0 && width.is_multiple_of(heads), "{width} for {heads} heads");
        assert_eq!((k.cols(), v.rows(), v.cols()), (width, t, width), "attention: keys, values");
        assert_eq!((out.rows(), out.cols()), (q.rows(), width), "attention: output");
        if t == 0 {
            (0..out.rows()).for_each(|i| out.row_mut(i).fill(0.0));
            return;
        }
        let depth = width / heads;
        let mr = self.kernels.f32.mr;
        let key_len = t.next_multiple_of(mr) * depth;
        let value_len = t * depth.next_multiple_of(mr);
        let mut operand = self.operands.take();
        let operand = operand.floats(heads * (key_len + value_len));
        let (keys, values) = operand.split_at_mut(heads * key_len);
        self.pack_heads(k, v, heads, keys, values);
        let operands = Operands { keys, values, t, depth, mr };
        let nr = self.kernels.f32.nr;
        let blocks = q.rows().div_ceil(nr);
        let out = out.share();
        self.pool.run(heads * blocks, |task| {
            let (head, block) = (task / blocks, task % blocks);
            self.attend_block(q, &operands, head, block * nr, out);
        });
    }

    fn pack_heads(&self, k: Rows<'_>, v: Rows<'_>, heads: usize, keys: &mut [f32], values: &mut [f32]) {
        let mr = self.kernels.f32.mr;
        let depth = k.cols() / heads;
        let panels = k.rows().div_ceil(mr);
        self.par_chunks_mut(keys, depth * mr, |task, panel| {
            let (head, panel_index) = (task / panels, task % panels);
            let first = panel_index * mr;
            let rows = mr.min(k.rows() - first);
            if rows < mr {
                panel.fill(0.0);
            }
            let from = &k.rows_from(first)[head * depth..];
            self.transpose((from, k.stride()), (rows, depth), (panel, mr));
        });
        let parts = depth.div_ceil(mr);
        self.par_chunks_mut(values, k.rows() * mr, |task, panel| {
            let (head, from) = (task / parts, task % parts * mr);
            for (i, to) in panel.chunks_exact_mut(mr).enumerate() {
                let row = &v.row(i)[head * depth..][..depth];
                let (to, padding) = to.split_at_mut(mr.min(depth - from));
                to.copy_from_slice(&row[from..from + to.len()]);
                padding.fill(0.0);
            }
        });
    }

    /// One head and as many queries as the tile is wide, which lie side by side from here on.
    fn attend_block(&self, q: Rows<'_>, operands: &Operands<'_>, head: usize, from: usize, out: SharedRows) {
        let f32 = self.kernels.f32;
        let (depth, nr, mr) = (operands.depth, f32.nr, f32.mr);
        let stride = operands.value_stride();
        let queries = nr.min(q.rows() - from);
        let columns = queries.next_multiple_of(f32.lanes);
        let mut scratch = self.scratch.take();
        let keys_padded = KEYS.next_multiple_of(mr);
        let mut rest = scratch.floats((depth + keys_padded + stride + 2) * nr);
        let queries_t = cut(&mut rest, depth * nr);
        let scores = cut(&mut rest, keys_padded * nr);
        let values = cut(&mut rest, stride * nr);
        let (top, sum) = rest.split_at_mut(nr);
        let scale = 1.0 / (depth as f32).sqrt();
        queries_t.fill(0.0);
        let rows = &q.rows_from(from)[head * depth..];
        self.transpose((rows, q.stride()), (queries, depth), (queries_t, nr));
        queries_t.iter_mut().for_each(|x| *x *= scale);
        scores.fill(0.0);
        values.fill(0.0);
        top.fill(f32::MIN);
        sum.fill(0.0);
        let k = &operands.keys[head * operands.key_len()..][..operands.key_len()];
        let v = &operands.values[head * operands.t * stride..][..operands.t * stride];
        for first in (0..operands.t).step_by(keys_padded) {
            let keys = keys_padded.min(operands.t - first);
            for key in (0..keys).step_by(mr) {
                let tile = Tile {
                    k: depth,
                    a: k[(first + key) * depth..][..depth * mr].as_ptr(),
                    lda: mr,
                    b: queries_t.as_ptr(),
                    ldb: nr,
                    c: scores[key * nr..][..mr * nr].as_mut_ptr(),
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
                    a: v[d * operands.t + first * mr..][..keys * mr].as_ptr(),
                    lda: mr,
                    b: scores.as_ptr(),
                    ldb: nr,
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
            cols: queries,
            to: out.start(from, queries, head * depth, depth),
            to_stride: out.stride(),
        };
        // SAFETY: `kernels` checked the tier; each task owns this head's columns of its queries,
        // and the output stays borrowed until the operation ends.
        unsafe { (self.kernels.transpose)(&transpose) };
    }
}
