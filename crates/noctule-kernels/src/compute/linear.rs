//! The products of activations and weights: what enters, and which way it takes.

use super::{Compute, Precision};
use crate::block::{GgmlType, Matrix};
use crate::generic::gemv::MAX_M;
use crate::generic::math::Finish;
use crate::view::{Rows, RowsMut};

/// What happens to a finished sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// GELU with the error function, as [`Compute::gelu`].
    Gelu,
}

/// One of the products of [`Compute::linear`].
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
    /// m rows of n floats.
    pub out: RowsMut<'a>,
}

impl<'a> Product<'a> {
    /// `out = x · weightsᵀ`.
    pub fn new(weights: Matrix<'a>, out: RowsMut<'a>) -> Self {
        Self { weights, bias: None, activation: Activation::None, add: false, out }
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

    /// Adds the result to what `out` holds.
    #[must_use]
    pub fn add(mut self) -> Self {
        self.add = true;
        self
    }

    /// What happens to columns `from..from + len` of a row.
    pub(super) fn finish(&self, from: usize, len: usize) -> Finish<'a> {
        Finish {
            bias: self.bias.map(|bias| &bias[from..from + len]),
            gelu: self.activation == Activation::Gelu,
            add: self.add,
        }
    }

    fn check(&self, x: &Rows<'_>) {
        let (n, k) = (self.weights.rows(), self.weights.cols());
        assert_eq!(x.cols(), k, "linear: inputs of {n} x {k} weights");
        assert_eq!((self.out.rows(), self.out.cols()), (x.rows(), n), "linear: outputs of {n} x {k} weights");
        if let Some(bias) = self.bias {
            assert_eq!(bias.len(), n, "linear: bias of {n} x {k} weights");
        }
    }
}

pub(super) fn is_float(ty: GgmlType) -> bool {
    matches!(ty, GgmlType::F32 | GgmlType::F16 | GgmlType::BF16)
}

impl Compute {
    /// Several products that share an input: `outᵢ (+)= act(x · Wᵢᵀ + biasᵢ)`.
    ///
    /// `x` is m × k, `Wᵢ` nᵢ × k, `outᵢ` m × nᵢ. Up to eight rows stream the weights once and are
    /// bound by memory; more rows unpack strips of weights and are bound by arithmetic. Under
    /// [`Precision::Fast`] the input is rounded once for all products, to about 16 bits for up to
    /// eight rows and to 8 bits for more; weights of `f32`, `f16` and `bf16` are rounded to integers
    /// in groups of 32 only where there are more than eight rows.
    ///
    /// Under [`Precision::Accurate`] a result is off from the exact product of the same weights by
    /// at most `(k + 4) · 2⁻²⁴ · Σ|x·w|`.
    ///
    /// # Panics
    /// When shapes do not fit together.
    pub fn linear(&self, x: Rows<'_>, products: &mut [Product<'_>]) {
        self.linear_as(self.precision, 1, x, products);
    }

    /// As [`linear`](Self::linear); under [`Precision::Fast`] the input is rounded to 16 bits however
    /// many rows it has, for twice the arithmetic.
    ///
    /// # Panics
    /// When shapes do not fit together.
    pub fn linear_fine(&self, x: Rows<'_>, products: &mut [Product<'_>]) {
        self.linear_as(self.precision, 2, x, products);
    }

    /// As [`linear`](Self::linear) under [`Precision::Accurate`].
    ///
    /// # Panics
    /// When shapes do not fit together.
    pub fn linear_accurate(&self, x: Rows<'_>, products: &mut [Product<'_>]) {
        self.linear_as(Precision::Accurate, 1, x, products);
    }

    /// `terms` is how many codes an activation of many rows becomes under [`Precision::Fast`].
    fn linear_as(&self, precision: Precision, terms: usize, x: Rows<'_>, products: &mut [Product<'_>]) {
        for product in &*products {
            product.check(&x);
        }
        if x.rows() == 0 {
            return;
        }
        self.show(x, products);
        if x.rows() <= MAX_M {
            self.linear_few(precision, x, products);
        } else if precision == Precision::Fast {
            self.linear_int8(x, terms, products);
        } else {
            self.linear_f32(x, products);
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

/// Cuts all products into strips of whole `unit`s, some `per_thread` for each thread and none
/// longer than `longest`.
pub(super) fn strips(
    products: &[Product<'_>],
    threads: usize,
    per_thread: usize,
    unit: usize,
    longest: usize,
) -> Vec<Strip> {
    let total: usize = products.iter().map(|p| p.weights.rows()).sum();
    let wanted = if threads == 1 { 1 } else { threads * per_thread };
    let len = total.div_ceil(wanted).next_multiple_of(unit);
    let len = len.min(longest - longest % unit).max(unit);
    let mut strips = Vec::with_capacity(total.div_ceil(len) + products.len());
    for (product, p) in products.iter().enumerate() {
        for from in (0..p.weights.rows()).step_by(len) {
            let len = len.min(p.weights.rows() - from);
            strips.push(Strip { product, from, len });
        }
    }
    strips
}
