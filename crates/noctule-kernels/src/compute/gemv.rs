//! Products of a few rows: each weight is read from memory once and meets all rows.

use super::linear::{Product, Strip, is_float, strips};
use super::out::SharedOut;
use super::{Compute, Precision};
use crate::block::{GgmlType, Matrix, group_len, has_min};
use crate::buffer::cut;
use crate::generic::gemv::{Float, Gemv, MAX_M};
use crate::table::{GemvI8, GemvPacked, PackedProducts};
use crate::view::Rows;

use super::rounded::Rounded;

/// How many weight rows are unpacked together: they stay in the nearest cache, and are whole fours, which some tiers
/// multiply together.
fn unpacked_rows(k: usize, most: usize) -> usize {
    (most / k.max(1) / 4 * 4).clamp(4, 16)
}

/// The most weights that are unpacked together, as floats and as codes.
const FLOATS: usize = 4096;
const CODES: usize = 8192;

/// For more rows than these it is better to unpack weights once for all of them.
const PACKED: usize = 5;

/// The longest strip, in weight rows.
const LONGEST: usize = 1024;

impl Compute {
    pub(super) fn linear_few(&self, precision: Precision, x: Rows<'_>, products: &mut [Product<'_>]) {
        let outs: Vec<SharedOut> = products.iter_mut().map(|p| p.out.share(self, p.add)).collect();
        let strips = strips(products, self.threads(), &vec![16; products.len()], LONGEST);
        let products = &*products;
        let mut rounded: Vec<Rounded<'_>> = Vec::new();
        for product in products.iter().filter(|product| precision == Precision::Fast && !is_float(product.weights.ty()))
        {
            let layout =
                self.packed_products(product, x.rows()).map_or(self.kernels.layout, |products| products.layout);
            if rounded.iter().all(|rounded| rounded.layout() != layout) {
                rounded.push(self.round(x, layout));
            }
        }
        self.pool.run(strips.len(), |task| {
            let strip = strips[task];
            let product = &products[strip.product];
            let ty = product.weights.ty();
            let m = x.rows();
            let mut scratch = self.scratch.take();
            let (sums, rest) =
                scratch.floats(m * strip.len + self.unpacked_len(ty, x.cols())).split_at_mut(m * strip.len);
            let rounded_as = |layout| rounded.iter().find(|rounded| rounded.layout() == layout).expect("rounded");
            match self.packed_products(product, m) {
                _ if precision == Precision::Accurate || is_float(ty) => self.few_f32(x, product, strip, rest, sums),
                Some(products) => self.few_packed(products, (rounded_as(products.layout), m), product, strip, sums),
                None => self.few_int8((rounded_as(self.kernels.layout), m), product, strip, rest, sums),
            }
            for sums in sums.chunks_exact_mut(strip.len) {
                // SAFETY: `kernels` checked the tier.
                unsafe { (self.kernels.finish)(sums, product.finish(strip.from, strip.len, precision)) };
            }
            // SAFETY: strips are disjoint columns of the output, which stays borrowed until the operation ends.
            unsafe { self.put_out(outs[strip.product], (0, m), (strip.from, strip.len), sums, strip.len) };
        });
    }

    /// What multiplies the packed weights of a product with `m` rows, where that is better than to unpack them.
    fn packed_products(&self, product: &Product<'_>, m: usize) -> Option<PackedProducts> {
        let products = (self.kernels.packed)(product.weights.ty())?;
        (m <= PACKED && product.weights.cols().is_multiple_of(products.len)).then_some(products)
    }

    /// Floats of scratch that unpacking takes.
    fn unpacked_len(&self, ty: GgmlType, k: usize) -> usize {
        if is_float(ty) { 0 } else { unpacked_rows(k, FLOATS).max(unpacked_rows(k, CODES)) * k }
    }

    fn few_f32(&self, x: Rows<'_>, product: &Product<'_>, strip: Strip, unpacked: &mut [f32], sums: &mut [f32]) {
        let weights = &product.weights;
        let (k, ty) = (weights.cols(), weights.ty());
        assert!(sums.len() >= x.rows() * strip.len);
        let step = if is_float(ty) { strip.len } else { unpacked_rows(k, FLOATS) };
        for j in (0..strip.len).step_by(step) {
            let n = step.min(strip.len - j);
            let bytes = rows(weights, strip.from + j, n);
            let (float, w) = match ty {
                GgmlType::F16 => (Float::F16, bytes.as_ptr()),
                GgmlType::BF16 => (Float::Bf16, bytes.as_ptr()),
                GgmlType::F32 => (Float::F32, bytes.as_ptr()),
                _ => {
                    // Rows are whole blocks, so several unpack like a long one.
                    // SAFETY: `kernels` checked the tier.
                    unsafe { (self.kernels.unpack_f32)(ty, bytes, &mut unpacked[..n * k]) };
                    (Float::F32, unpacked.as_ptr().cast())
                }
            };
            for i in (0..x.rows()).step_by(MAX_M) {
                let call = Gemv {
                    w,
                    row_bytes: k * float.bytes(),
                    n,
                    k,
                    x: x.row(i).as_ptr(),
                    x_stride: x.stride(),
                    m: MAX_M.min(x.rows() - i),
                    streams: self.kernels.streams,
                    out: sums[i * strip.len + j..].as_mut_ptr(),
                    out_stride: strip.len,
                };
                // SAFETY: `kernels` checked the tier; the weight rows and the views are valid.
                unsafe { (self.kernels.gemv)(float, &call) };
            }
        }
    }

    fn few_int8(
        &self,
        (x, m): (&Rounded<'_>, usize),
        product: &Product<'_>,
        strip: Strip,
        mut rest: &mut [f32],
        sums: &mut [f32],
    ) {
        let weights = &product.weights;
        let ty = weights.ty();
        let k = weights.cols();
        let group = group_len(ty);
        let groups = k / group;
        assert!(k == x.k() && sums.len() >= m * strip.len);
        let step = unpacked_rows(k, CODES);
        let scale = cut(&mut rest, step * groups);
        let min = cut(&mut rest, step * groups);
        let q = as_codes(cut(&mut rest, step * k / 4));
        for j in (0..strip.len).step_by(step) {
            let n = step.min(strip.len - j);
            let bytes = rows(weights, strip.from + j, n);
            let (scale, min) = (&mut scale[..n * groups], &mut min[..n * groups]);
            // SAFETY: `kernels` checked the tier.
            unsafe { (self.kernels.unpack_i8)(ty, bytes, &mut q[..n * k], scale, min) };
            let call = GemvI8 {
                k,
                group,
                w: q.as_ptr(),
                w_scale: scale.as_ptr(),
                w_min: if has_min(ty) { min.as_ptr() } else { std::ptr::null() },
                n,
                x: x.integers(),
                x_scale: x.scales().as_ptr(),
                x_sum: x.sums(group).as_ptr(),
                m,
                out: sums[j..].as_mut_ptr(),
                out_stride: strip.len,
                next: bytes.as_ptr_range().end,
                row_bytes: weights.row_bytes(),
            };
            // SAFETY: `kernels` checked the tier; all arrays have the shapes that `GemvI8` states.
            unsafe { (self.kernels.gemv_i8)(&call) };
        }
    }

    /// The products of a strip of packed weights.
    fn few_packed(
        &self,
        products: PackedProducts,
        (x, m): (&Rounded<'_>, usize),
        product: &Product<'_>,
        strip: Strip,
        sums: &mut [f32],
    ) {
        let weights = &product.weights;
        assert!(weights.cols() == x.k() && x.layout() == products.layout && sums.len() >= m * strip.len);
        let call = GemvPacked {
            k: x.k(),
            w: rows(weights, strip.from, strip.len).as_ptr(),
            row_bytes: weights.row_bytes(),
            n: strip.len,
            x: x.integers(),
            x_scale: x.scales().as_ptr(),
            x_sum: x.sums(group_len(weights.ty())).as_ptr(),
            m,
            streams: self.kernels.streams,
            out: sums.as_mut_ptr(),
            out_stride: strip.len,
        };
        // SAFETY: the tier's own table has these products; all arrays have the shapes that `GemvPacked` states.
        unsafe { (products.multiply)(&call) };
    }
}

/// The bytes of `n` rows of weights.
fn rows<'a>(weights: &Matrix<'a>, from: usize, n: usize) -> &'a [u8] {
    &weights.bytes()[from * weights.row_bytes()..][..n * weights.row_bytes()]
}

/// Floats as four times as many codes.
fn as_codes(floats: &mut [f32]) -> &mut [i8] {
    // SAFETY: any bytes are codes and any codes are floats; the length in bytes is the same.
    unsafe { std::slice::from_raw_parts_mut(floats.as_mut_ptr().cast(), floats.len() * 4) }
}
