//! Products of many rows in `f32`.
//!
//! First the activations are interleaved for the tier's tile, then each task unpacks a strip of
//! weight rows, transposed, and runs the tile over all rows of activations.

use super::Compute;
use super::linear::{Product, Strip, strips};
use crate::buffer::cut;
use crate::generic::gemm::Tile;
use crate::view::{Rows, SharedRows};

/// Rows of activations that a task works on at a time, so that its sums stay in cache.
const BLOCK: usize = 96;

/// Weight rows that are unpacked before they are transposed.
const UNPACKED: usize = 8;

/// The longest strip, in weight rows.
const LONGEST: usize = 192;

impl Compute {
    pub(super) fn linear_f32(&self, x: Rows<'_>, products: &mut [Product<'_>]) {
        let f32 = self.kernels.f32;
        let mut operand = self.operands.take();
        let a = operand.floats(x.rows().next_multiple_of(f32.mr) * x.cols());
        self.interleave(x, a);
        let a = &*a;
        let outs: Vec<SharedRows> = products.iter_mut().map(|p| p.out.share()).collect();
        let strips = strips(products, self.threads(), 4, f32.nr, LONGEST);
        let products = &*products;
        self.pool.run(strips.len(), |task| {
            let strip = strips[task];
            self.strip_f32(a, &products[strip.product], strip, outs[strip.product]);
        });
    }

    /// Rows as panels of the tile's height: `[rows / mr][k][mr]`, zeros below the last row.
    fn interleave(&self, x: Rows<'_>, a: &mut [f32]) {
        let mr = self.kernels.f32.mr;
        let k = x.cols();
        self.par_chunks_mut(a, (mr * k).max(1), |panel, a| {
            let from = panel * mr;
            let rows = mr.min(x.rows() - from);
            if rows < mr {
                a.fill(0.0);
            }
            self.transpose((x.rows_from(from), x.stride()), (rows, k), (a, mr));
        });
    }

    fn strip_f32(&self, a: &[f32], product: &Product<'_>, strip: Strip, out: SharedRows) {
        let f32 = self.kernels.f32;
        let k = product.weights.cols();
        let width = strip.len.next_multiple_of(f32.nr);
        let mut scratch = self.scratch.take();
        let mut rest = scratch.floats(width * k + UNPACKED * k + BLOCK.next_multiple_of(f32.mr) * width);
        let b = cut(&mut rest, width * k);
        let rows = cut(&mut rest, UNPACKED * k);
        let c = rest;
        self.unpack_columns(product, strip, rows, b);
        let m = out.rows();
        let step = (BLOCK / f32.mr * f32.mr).max(f32.mr);
        for from in (0..m).step_by(step) {
            let rows = step.min(m - from);
            self.block_f32(&a[from * k..], b, k, rows, strip.len, c);
            for i in 0..rows {
                // SAFETY: `kernels` checked the tier; strips are disjoint columns of the output,
                // which stays borrowed until the operation ends.
                unsafe {
                    let out = out.part(from + i, strip.from, strip.len);
                    let sums = &mut c[i * width..][..strip.len];
                    (self.kernels.finish)(sums, product.finish(strip.from, strip.len), out);
                }
            }
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
                            lda: f32.mr,
                            b: b.as_ptr().add(j * k + from * f32.nr),
                            ldb: f32.nr,
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
}
