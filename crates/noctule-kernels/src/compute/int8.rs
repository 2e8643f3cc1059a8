//! The products of many rows of activations, rounded to 8 bits.
//!
//! As in `gemm`, activations are interleaved first and strips of weights are unpacked by the
//! tasks; both are integers here, with their scales beside them.

use super::Compute;
use super::gemv::as_codes;
use super::linear::{Product, Strip, strips};
use super::panel::{Panel, scatter};
use super::rounded::subtract;
use crate::block::{group_len, has_min};
use crate::buffer::cut;
use crate::generic::math::GROUP;
use crate::table::TileI8;
use crate::view::{Rows, SharedRows};

/// Rows of activations that a task works on at a time, so that its sums stay in cache.
const BLOCK: usize = 96;

/// The longest strip, in weight rows.
const LONGEST: usize = 256;

impl Compute {
    /// `terms` is 1 or, for activations of 16 bits, 2; see [`Rounded`](super::rounded::Rounded).
    pub(super) fn linear_int8(&self, x: Rows<'_>, terms: usize, products: &mut [Product<'_>]) {
        let int8 = self.kernels.int8;
        let layout = Panel::new(int8, x.cols(), terms);
        let mut operand = self.operands.take();
        let panels = x.rows().div_ceil(int8.mr);
        let a = operand.floats(panels * terms * layout.len);
        self.interleave_codes(x, &layout, a);
        let a = &*a;
        let outs: Vec<SharedRows> = products.iter_mut().map(|p| p.out.share()).collect();
        let strips = strips(products, self.threads(), 4, int8.nr, LONGEST);
        let products = &*products;
        self.pool.run(strips.len(), |task| {
            let strip = strips[task];
            let out = outs[strip.product];
            self.strip_int8(&layout, a, &products[strip.product], strip, out);
        });
    }

    /// Rounds and interleaves panels of rows, all terms of a panel one behind the other; rows beyond
    /// the last are zero.
    fn interleave_codes(&self, x: Rows<'_>, layout: &Panel, a: &mut [f32]) {
        let int8 = self.kernels.int8;
        let k = layout.k;
        self.par_chunks_mut(a, (layout.terms * layout.len).max(1), |panel, a| {
            let mut scratch = self.scratch.take();
            let mut rest = scratch.floats(k / 4 + k / GROUP + k / 16 + k);
            let row = as_codes(cut(&mut rest, k / 4));
            let row_scales = cut(&mut rest, k / GROUP);
            let sums = as_integers(cut(&mut rest, k / 16));
            let lost = &mut rest[..x.cols()];
            for r in 0..int8.mr {
                let i = panel * int8.mr + r;
                if i == x.rows() {
                    // What the remaining rows hold reaches no output.
                    break;
                }
                for (term, a) in a.chunks_exact_mut(layout.len).enumerate() {
                    let mut a = layout.split_mut(a);
                    let from = if term == 0 { x.row(i) } else { &*lost };
                    row[x.cols()..].fill(0);
                    // SAFETY: `kernels` checked the tier.
                    unsafe { (self.kernels.quantize)(from, &mut row[..x.cols()], row_scales, sums) };
                    scatter(int8.unit, int8.wide, row, r, int8.mr, a.codes);
                    a.put_scales(r, int8.mr, sums, row_scales);
                    if term + 1 < layout.terms {
                        subtract(x.row(i), row, row_scales, lost);
                    }
                }
            }
        });
    }

    fn strip_int8(&self, layout: &Panel, a: &[f32], product: &Product<'_>, strip: Strip, out: SharedRows) {
        let int8 = self.kernels.int8;
        let ty = product.weights.ty();
        let group = group_len(ty);
        let (k, groups) = (layout.k, layout.k / group);
        let width = strip.len.next_multiple_of(int8.nr);
        let code_floats = k * layout.code_bytes / 4;
        let mut scratch = self.scratch.take();
        // The sums of the second term stand behind all those of the first.
        let term_len = BLOCK.next_multiple_of(int8.mr) * width;
        let sums_len = layout.terms * term_len;
        let mut rest = scratch.floats(width * (code_floats + 2 * groups) + sums_len + int8.nr * (k / 4 + 2 * groups));
        let b = cut(&mut rest, width * code_floats);
        let b_scale = cut(&mut rest, width * groups);
        let b_min = cut(&mut rest, width * groups);
        let c = cut(&mut rest, sums_len);
        self.unpack_codes(product, strip, k, rest, as_codes(b), b_scale, b_min);
        let m = out.rows();
        let step = (BLOCK / int8.mr * int8.mr).max(int8.mr);
        for from in (0..m).step_by(step) {
            let rows = step.min(m - from);
            for j in (0..strip.len).step_by(int8.nr) {
                for (i, term) in (0..rows).step_by(int8.mr).flat_map(|i| (0..layout.terms).map(move |term| (i, term))) {
                    let panel = (from + i) / int8.mr * layout.terms + term;
                    let a = layout.split(&a[panel * layout.len..][..layout.len]);
                    let tile = TileI8 {
                        groups,
                        group,
                        a: a.codes.as_ptr(),
                        a_scale: a.scales.as_ptr(),
                        a_sum: a.sums(group).as_ptr(),
                        a_shift: a.shifts(group).as_ptr(),
                        b: b[j * code_floats..].as_ptr().cast(),
                        b_scale: b_scale[j * groups..].as_ptr(),
                        b_min: if has_min(ty) { b_min[j * groups..].as_ptr() } else { std::ptr::null() },
                        c: c[term * term_len + i * width + j..].as_mut_ptr(),
                        ldc: width,
                    };
                    // SAFETY: `kernels` checked the tier; every operand is a whole panel, and `c`
                    // holds whole tiles.
                    unsafe { (int8.tile)(&tile) };
                }
            }
            let (c, second) = c.split_at_mut(term_len);
            for i in 0..rows {
                let sums = &mut c[i * width..][..strip.len];
                if layout.terms == 2 {
                    sums.iter_mut().zip(&second[i * width..]).for_each(|(sum, more)| *sum += more);
                }
                // SAFETY: `kernels` checked the tier; strips are disjoint columns of the output,
                // which stays borrowed until the operation ends.
                unsafe {
                    let out = out.part(from + i, strip.from, strip.len);
                    (self.kernels.finish)(sums, product.finish(strip.from, strip.len), out);
                }
            }
        }
    }

    /// Weight rows as panels of the tile's width, codes and scales.
    #[allow(clippy::too_many_arguments)]
    fn unpack_codes(
        &self,
        product: &Product<'_>,
        strip: Strip,
        k: usize,
        scratch: &mut [f32],
        b: &mut [i8],
        b_scale: &mut [f32],
        b_min: &mut [f32],
    ) {
        let int8 = self.kernels.int8;
        let weights = &product.weights;
        let ty = weights.ty();
        let group = group_len(ty);
        let (groups, cols) = (k / group, weights.cols());
        let nr = int8.nr;
        let mut rest = scratch;
        let rows = cut(&mut rest, nr * k / 4);
        let scale = cut(&mut rest, nr * groups);
        let min = cut(&mut rest, nr * groups);
        let panels = b.chunks_exact_mut((nr * k * if int8.wide { 2 } else { 1 }).max(1));
        let scales = b_scale.chunks_exact_mut((nr * groups).max(1));
        let mins = b_min.chunks_exact_mut((nr * groups).max(1));
        for (p, ((panel, b_scale), b_min)) in panels.zip(scales).zip(mins).enumerate() {
            let count = nr.min(strip.len - p * nr);
            let first = strip.from + p * nr;
            let codes = as_codes(rows);
            codes[count * k..].fill(0);
            scale[count * groups..].fill(0.0);
            min[count * groups..].fill(0.0);
            if cols == k {
                // Rows of whole groups unpack like one long row.
                let bytes = &weights.bytes()[first * weights.row_bytes()..][..count * weights.row_bytes()];
                let (scale, min) = (&mut scale[..count * groups], &mut min[..count * groups]);
                // SAFETY: `kernels` checked the tier.
                unsafe { (self.kernels.unpack_i8)(ty, bytes, &mut codes[..count * k], scale, min) };
            } else {
                let used = cols.div_ceil(group);
                for r in 0..count {
                    let q = &mut codes[r * k..][..k];
                    let (scale, min) = (&mut scale[r * groups..][..groups], &mut min[r * groups..][..groups]);
                    let (now_scale, now_min) = (&mut scale[..used], &mut min[..used]);
                    // SAFETY: `kernels` checked the tier.
                    unsafe { (self.kernels.unpack_i8)(ty, weights.row(first + r), &mut q[..cols], now_scale, now_min) };
                    q[cols..].fill(0);
                    scale[used..].fill(0.0);
                    min[used..].fill(0.0);
                }
            }
            self.transpose((scale, groups), (nr, groups), (b_scale, nr));
            if has_min(ty) {
                self.transpose((min, groups), (nr, groups), (b_min, nr));
            }
            if int8.unit == 4 && !int8.wide {
                // Four codes are as wide as a float.
                self.transpose((rows, k / 4), (nr, k / 4), (as_floats(panel), nr));
            } else {
                for (r, row) in as_codes(rows).chunks_exact(k.max(1)).enumerate() {
                    scatter(int8.unit, int8.wide, row, r, nr, as_bytes(panel));
                }
            }
        }
    }
}

/// A quarter as many floats as codes, which start where a float may.
fn as_floats(codes: &mut [i8]) -> &mut [f32] {
    // SAFETY: any four codes are a float.
    let (head, floats, tail) = unsafe { codes.align_to_mut() };
    assert!(head.is_empty() && tail.is_empty(), "codes that are no floats");
    floats
}

fn as_bytes(codes: &mut [i8]) -> &mut [u8] {
    // SAFETY: any byte is valid as either.
    unsafe { std::slice::from_raw_parts_mut(codes.as_mut_ptr().cast(), codes.len()) }
}

fn as_integers(floats: &mut [f32]) -> &mut [i32] {
    // SAFETY: any four bytes are valid as either.
    unsafe { std::slice::from_raw_parts_mut(floats.as_mut_ptr().cast(), floats.len()) }
}
