//! Products of many rows: each task unpacks a strip of weight rows once and multiplies it with all rows of
//! the operand, a block at a time, whose results go where the product wants them.

use super::columns::{Against, Columns, TOGETHER};
use super::linear::{Product, Strip, strips};
use super::operand::{Codes, Form, Operand};
use super::out::SharedOut;
use super::{Compute, Precision};
use crate::buffer::cut;
use crate::generic::gemm::Tile;
use crate::table::{Block8, Scaled, Sums};
use crate::view::Rows;

/// Weight rows that are unpacked before they are transposed.
const UNPACKED: usize = 8;

/// The longest strip of floats and of integers, in weight rows.
const LONGEST: (usize, usize) = (192, 256);

/// Which terms of activations and weights are multiplied: the first ones, and, where both operands of a product are fine,
/// each first one with what the other's rounding lost.
const PAIRS: [(usize, usize); 3] = [(0, 0), (1, 0), (0, 1)];

/// The same where a fine operand's second term is words: those of the weights are their only term.
const WORDS: [(usize, usize); 1] = [(1, 0)];

impl Compute {
    /// Several products that share an operand: `outᵢ (+)= act(x · Wᵢᵀ + biasᵢ)`.
    ///
    /// Under [`Precision::Fast`](super::Precision::Fast) the weights, too, are rounded to 8 bits in groups of up to 256
    /// (to 16 where product and operand are fine). Under [`Precision::Accurate`](super::Precision::Accurate) a result is
    /// off from the exact product of the same weights by at most `(k + 4) · 2⁻²⁴ · Σ|x·w|`.
    ///
    /// # Panics
    /// When shapes do not fit together.
    pub fn multiply(&self, x: &Operand, products: &mut [Product<'_>]) {
        self.multiply_rows(x, 0..x.rows(), products);
    }

    /// As [`multiply`](Self::multiply) for some rows of the operand, the first of which is a multiple of 48; the
    /// outputs have as many.
    ///
    /// # Panics
    /// When shapes do not fit together.
    pub fn multiply_rows(&self, x: &Operand, rows: std::ops::Range<usize>, products: &mut [Product<'_>]) {
        assert!(rows.end <= x.rows() && rows.start.is_multiple_of(48), "rows {rows:?} of {}", x.rows());
        products.iter().for_each(|product| product.check(rows.len(), x.cols()));
        if self.observer.is_some() {
            let seen = self.rows_of(x, rows.clone());
            self.show(Rows::new(&seen, rows.len(), x.cols()), products);
        }
        if rows.is_empty() {
            return;
        }
        let outs: Vec<SharedOut> = products.iter_mut().map(|p| p.out.share(self, p.add)).collect();
        let products = &*products;
        let (unit, longest) = match x.form() {
            Form::F32 { .. } => (self.kernels.f32.nr, LONGEST.0),
            Form::Int8(_) => (self.kernels.int8.nr, LONGEST.1),
        };
        let steps: Vec<usize> = outs.iter().map(|out| lcm(unit, out.column_step())).collect();
        let strips = strips(products, self.threads(), &steps, longest);
        self.pool.run(strips.len(), |task| {
            let strip = strips[task];
            let work =
                Work { x, rows: rows.clone(), product: &products[strip.product], strip, out: outs[strip.product] };
            match x.form() {
                Form::F32 { width } => self.strip_f32(&work, width),
                Form::Int8(codes) => self.strip_int8(&work, codes),
            }
        });
    }

    /// One strip in floats.
    fn strip_f32(&self, work: &Work<'_>, mr: usize) {
        let f32 = self.kernels.f32;
        let (strip, k) = (work.strip, work.x.cols());
        let width = strip.len.next_multiple_of(f32.nr);
        let step = work.block_rows(mr, 96);
        let mut scratch = self.scratch.take();
        let mut rest = scratch.floats(width * k + UNPACKED * k + step * width);
        let b = cut(&mut rest, width * k);
        let unpacked = cut(&mut rest, UNPACKED * k);
        let c = rest;
        self.unpack_columns(work.product, strip, unpacked, b);
        let a = work.x.floats();
        for from in work.rows.clone().step_by(step) {
            let rows = step.min(work.rows.end - from);
            self.block_f32(&a[from * k..], b, k, rows, strip.len, c);
            self.deliver(work, from - work.rows.start, rows, c, width);
        }
    }

    /// Weight rows as panels of the tile's width: `[rows / nr][k][nr]`, zeros beyond the last.
    fn unpack_columns(&self, product: &Product<'_>, strip: Strip, rows: &mut [f32], b: &mut [f32]) {
        let nr = self.kernels.f32.nr;
        let weights = &product.weights;
        let (k, ty) = (weights.cols(), weights.ty());
        for (p, panel) in b.chunks_exact_mut((nr * k).max(1)).enumerate() {
            if (p + 1) * nr > strip.len {
                panel.fill(0.0);
            }
            let end = nr.min(strip.len - p * nr);
            for j in (0..end).step_by(UNPACKED) {
                let count = UNPACKED.min(end - j);
                for (r, row) in rows.chunks_exact_mut(k.max(1)).take(count).enumerate() {
                    let bytes = weights.row(strip.from + p * nr + j + r);
                    // SAFETY: `kernels` checked the tier.
                    unsafe { (self.kernels.unpack_f32)(ty, bytes, row) };
                }
                self.transpose((rows, k), (count, k), (&mut panel[j..], nr));
            }
        }
    }

    /// Sums of some rows of activations and one strip: `c` is `[rows][strip, padded]`.
    fn block_f32(&self, a: &[f32], b: &[f32], k: usize, rows: usize, columns: usize, c: &mut [f32]) {
        let f32 = self.kernels.f32;
        let ldc = columns.next_multiple_of(f32.nr);
        let padded = rows.next_multiple_of(f32.mr);
        assert!(a.len() >= padded * k && b.len() >= ldc * k && c.len() >= padded * ldc);
        for from in (0..k.max(1)).step_by(f32.depth) {
            let depth = f32.depth.min(k - from);
            for j in (0..columns).step_by(f32.nr) {
                let width = f32.nr.min(columns - j).next_multiple_of(f32.lanes);
                for i in (0..padded).step_by(f32.mr) {
                    // SAFETY: `kernels` checked the tier; the assertion covers every panel.
                    unsafe {
                        let tile = Tile {
                            k: depth,
                            a: a.as_ptr().add(i * k + from * f32.mr),
                            b: b.as_ptr().add(j * k + from * f32.nr),
                            c: c.as_mut_ptr().add(i * ldc + j),
                            ldc,
                            accumulate: from > 0,
                        };
                        (f32.tile)(width, &tile);
                    }
                }
            }
        }
    }

    /// One strip in integers.
    fn strip_int8(&self, work: &Work<'_>, codes: Codes) {
        let int8 = self.kernels.int8;
        let _session = int8.begin();
        let strip = work.strip;
        let fine = work.product.fine && codes.terms > 1;
        let words = int8.words.filter(|_| fine);
        // Which terms are multiplied with which, bytes of a number, and what multiplies them.
        let (pairs, bytes, multiply, columns) = match words {
            Some(words) => (&WORDS[..], 2, words, Columns::of_words(int8, codes.grouping)),
            None => {
                let terms = if fine { codes.terms } else { 1 };
                let columns = Columns::new(int8, codes.grouping, terms, Against::Rows);
                (&PAIRS[..2 * terms - 1], 1, int8.block, columns)
            }
        };
        let width = strip.len.next_multiple_of(int8.nr);
        // Rows of one group that fill half of the nearest cache.
        let step = work.block_rows(int8.mr, self.caches.level1 / 2 / (bytes * codes.grouping.len));
        let (code_len, scale_len) = columns.lens(strip.len);
        let mut scratch = self.scratch.take();
        // Rows a power of two apart would meet in a few sets of the cache.
        let stride = width + 16;
        let c_len = step.next_multiple_of(int8.mr) * stride;
        let mut rest = scratch.floats(code_len + 2 * scale_len + columns.scratch() + c_len);
        let packed = columns.place(strip.len, &mut rest);
        let lines = cut(&mut rest, columns.scratch());
        let c = rest;
        let weights = &work.product.weights;
        for j in (0..strip.len).step_by(TOGETHER) {
            let read = |r: usize, row: &mut [f32]| {
                let (row, padding) = row.split_at_mut(weights.cols());
                padding.fill(0.0);
                // SAFETY: `kernels` checked the tier.
                unsafe { (self.kernels.unpack_f32)(weights.ty(), weights.row(strip.from + j + r), row) };
            };
            // SAFETY: `packed` has room for the strip, which is this task's.
            unsafe { self.pack_columns(&columns, packed, (j, TOGETHER.min(strip.len - j)), read, lines) };
        }
        // SAFETY: the rest of the last panel is this task's, too.
        unsafe { self.pack_nothing(&columns, packed, strip.len..width) };
        let (a, a_scale) = work.x.codes();
        let (b_panel, factors) = columns.panel_steps();
        for from in work.rows.clone().step_by(step) {
            let rows = step.min(work.rows.end - from);
            let panels = rows.div_ceil(int8.mr);
            let a = a.wrapping_add(from / int8.mr * codes.panel());
            let mut add = false;
            for group in 0..codes.grouping.groups() {
                for &(term, column_term) in pairs {
                    let (b, b_scale, init) = columns.group(packed, 0, column_term, group);
                    let block = Block8 {
                        k: bytes * codes.grouping.len,
                        a: a.wrapping_add(codes.group_at(term, group)),
                        a_row: codes.row(),
                        a_panel: codes.panel(),
                        panels,
                        rows: panels * int8.mr,
                        b,
                        b_panel,
                        columns: width / int8.nr,
                        factors,
                        init,
                        to: Sums::Scaled(Scaled {
                            row_scale: a_scale.wrapping_add(codes.scales_at(term, group) + from),
                            column_scale: b_scale,
                            keep: std::ptr::null(),
                            add,
                            out: c.as_mut_ptr(),
                            stride,
                        }),
                    };
                    // SAFETY: `kernels` checked the tier; the operand has whole panels, `packed` the strip's
                    // columns, and `c` room for a block.
                    unsafe { multiply(&block) };
                    add = true;
                }
            }
            self.deliver(work, from - work.rows.start, rows, c, stride);
        }
    }

    /// Finishes a block of sums and brings it to its place.
    fn deliver(&self, work: &Work<'_>, from: usize, rows: usize, c: &mut [f32], width: usize) {
        let strip = work.strip;
        let precision = match work.x.form() {
            Form::F32 { .. } => Precision::Accurate,
            Form::Int8(_) => Precision::Fast,
        };
        for i in 0..rows {
            let sums = &mut c[i * width..][..strip.len];
            // SAFETY: `kernels` checked the tier.
            unsafe { (self.kernels.finish)(sums, work.product.finish(strip.from, strip.len, precision)) };
        }
        // SAFETY: strips are disjoint columns of the output, which stays borrowed until the operation ends.
        unsafe { self.put_out(work.out, (from, rows), (strip.from, strip.len), c, width) };
    }
}

/// What a task works on.
struct Work<'a> {
    x: &'a Operand,
    /// Rows of the operand; the first of them is the first of the output.
    rows: std::ops::Range<usize>,
    product: &'a Product<'a>,
    strip: Strip,
    out: SharedOut,
}

impl Work<'_> {
    /// Rows that are multiplied before their results are delivered: whole panels, about `wanted`.
    fn block_rows(&self, mr: usize, wanted: usize) -> usize {
        let step = lcm(mr, self.out.row_step());
        (wanted / step * step).max(step)
    }
}

pub(super) fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}
