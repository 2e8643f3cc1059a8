//! The products of activations and weights: what enters, and which way it takes.

use super::out::Out;
use super::{Compute, Input, Operand, Precision};
use crate::block::{GgmlType, Matrix};
use crate::generic::gemv::MAX_M;
use crate::generic::math::{Finish, Gelu};
use crate::view::Rows;
use std::sync::PoisonError;

/// What happens to a finished sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// GELU with the error function, as [`Compute::gelu`]; under [`Precision::Fast`], unless the operand was
    /// [loaded accurately](Compute::load_accurate), its tanh form, which is off by less than 6e-4.
    Gelu,
}

/// One of the products of [`Compute::linear`] or [`Compute::multiply`].
#[derive(Debug)]
pub struct Product<'a> {
    /// n rows of k weights.
    pub weights: Matrix<'a>,
    /// n floats that are added to every row.
    pub bias: Option<&'a [f32]>,
    /// What happens after the bias.
    pub activation: Activation,
    /// Whether the result is added to `out` (a residual connection) instead of replacing it.
    pub add: bool,
    /// Whether weights keep 16 bits where they are rounded and the operand is fine.
    pub fine: bool,
    /// m rows of n results.
    pub out: Out<'a>,
}

impl<'a> Product<'a> {
    /// `out = x · weightsᵀ`.
    pub fn new(weights: Matrix<'a>, out: impl Into<Out<'a>>) -> Self {
        Self { weights, bias: None, activation: Activation::None, add: false, fine: false, out: out.into() }
    }

    /// Adds a bias where there is one.
    #[must_use]
    pub fn bias(mut self, bias: Option<&'a [f32]>) -> Self {
        self.bias = bias;
        self
    }

    /// Applies GELU after the bias.
    #[must_use]
    pub fn gelu(mut self) -> Self {
        self.activation = Activation::Gelu;
        self
    }

    /// Keeps 16 bits of everything that is rounded, if the operand does.
    #[must_use]
    pub fn fine(mut self, fine: bool) -> Self {
        self.fine = fine;
        self
    }

    /// Adds the result to what `out` holds.
    #[must_use]
    pub fn add(mut self) -> Self {
        self.add = true;
        self
    }

    /// What happens to columns `from..from + len` of a row.
    pub(super) fn finish(&self, from: usize, len: usize, precision: Precision) -> Finish<'a> {
        let gelu = match (self.activation, precision) {
            (Activation::None, _) => Gelu::None,
            (Activation::Gelu, Precision::Fast) => Gelu::Near,
            (Activation::Gelu, Precision::Accurate) => Gelu::Exact,
        };
        Finish { bias: self.bias.map(|bias| &bias[from..from + len]), gelu }
    }

    pub(super) fn check(&self, rows: usize, cols: usize) {
        let (n, k) = (self.weights.rows(), self.weights.cols());
        assert_eq!(cols, k, "inputs of {n} x {k} weights");
        assert_eq!(self.out.shape(), (rows, n), "outputs of {n} x {k} weights");
        if let Some(bias) = self.bias {
            assert_eq!(bias.len(), n, "bias of {n} x {k} weights");
        }
    }
}

pub(super) fn is_float(ty: GgmlType) -> bool {
    matches!(ty, GgmlType::F32 | GgmlType::F16 | GgmlType::BF16)
}

impl Compute {
    /// Several products that share an input: `outᵢ (+)= act(x · Wᵢᵀ + biasᵢ)`.
    ///
    /// `x` is m × k, `Wᵢ` nᵢ × k, `outᵢ` m × nᵢ rows of floats. The weights are streamed once and keep every bit that
    /// the file has. Under [`Precision::Fast`] and for quantised weights the input is rounded once for all products,
    /// to 16 bits; from 64 (AVX-512) or 128 rows (AVX2) on, where floats take less time, it is not. For many rows under
    /// [`Precision::Accurate`], and for rows that several calls multiply, there is [`multiply`](Self::multiply).
    ///
    /// Under [`Precision::Accurate`] a result is off from the exact product of the same weights by
    /// at most `(k + 4) · 2⁻²⁴ · Σ|x·w|`.
    ///
    /// # Panics
    /// When shapes do not fit together, or an output is no rows of floats.
    pub fn linear(&self, x: Rows<'_>, products: &mut [Product<'_>]) {
        self.linear_as(self.precision, x, products);
    }

    /// As [`linear`](Self::linear) under [`Precision::Accurate`].
    ///
    /// # Panics
    /// When shapes do not fit together, or an output is no rows of floats.
    pub fn linear_accurate(&self, x: Rows<'_>, products: &mut [Product<'_>]) {
        self.linear_as(Precision::Accurate, x, products);
    }

    fn linear_as(&self, precision: Precision, x: Rows<'_>, products: &mut [Product<'_>]) {
        for product in &*products {
            product.check(x.rows(), x.cols());
        }
        if x.rows() == 0 {
            return;
        }
        let integers = precision == Precision::Fast
            && x.rows() < self.kernels.many
            && products.iter().any(|p| !is_float(p.weights.ty()));
        if x.rows() > MAX_M && !integers {
            let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut operand: Operand = spare.unwrap_or_default();
            self.load_accurate(Input::Rows(x), &mut operand);
            self.multiply(&operand, products);
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(operand);
        } else {
            self.show(x, products);
            self.linear_few(precision, x, products);
        }
    }
}

/// A run of weight rows of one product, the work of one task.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    /// Which product.
    pub(super) product: usize,
    /// First weight row.
    pub(super) from: usize,
    /// Weight rows.
    pub(super) len: usize,
}

/// Strips for each thread.
const PER_THREAD: usize = 4;

/// Cuts all products into strips of whole steps (one for each product), some for each thread and none much
/// longer than `longest`.
pub(super) fn strips(products: &[Product<'_>], threads: usize, steps: &[usize], longest: usize) -> Vec<Strip> {
    let total: usize = products.iter().map(|p| p.weights.rows()).sum();
    let wanted = if threads == 1 { 1 } else { threads * PER_THREAD };
    let mut strips = Vec::new();
    for (product, (p, &step)) in products.iter().zip(steps).enumerate() {
        let len = total.div_ceil(wanted).next_multiple_of(step).min(longest - longest % step).max(step);
        for from in (0..p.weights.rows()).step_by(len) {
            let len = len.min(p.weights.rows() - from);
            strips.push(Strip { product, from, len });
        }
    }
    strips
}
