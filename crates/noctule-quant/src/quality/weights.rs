//! The error of the weights themselves, tensor by tensor.

use crate::error::Error;
use crate::importance::Importance;
use crate::plan;
use noctule_kernels::GgmlType;
use noctule_kernels::block::unpack_f32;
use noctule_model::Model;

/// How far one matrix of a candidate is from the source's.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorError {
    /// The tensor.
    pub tensor: String,
    /// Its type in the candidate.
    pub ty: GgmlType,
    /// Weights in it.
    pub elements: usize,
    /// Σ (candidate − source)² · importance over Σ source² · importance; every column counts 1 where there is none.
    pub relative: f64,
}

/// The error of every matrix of `candidate`.
///
/// # Errors
/// [`Error::Mismatch`] if the models' shapes differ.
pub fn tensor_errors(
    source: &Model,
    candidate: &Model,
    importance: Option<&Importance>,
) -> Result<Vec<TensorError>, Error> {
    let mut errors = Vec::new();
    for tensor in plan::matrices(source) {
        let (rows, cols) = tensor.rows_cols();
        let other = candidate.tensor(&tensor.name).filter(|other| other.rows_cols() == (rows, cols));
        let Some(other) = other else {
            let (source, candidate) = (source.name().to_owned(), candidate.name().to_owned());
            return Err(Error::Mismatch { source_model: source, candidate, tensor: tensor.name.clone() });
        };
        let (truth, packed) = (source.matrix(tensor), candidate.matrix(other));
        let weights = importance.and_then(|i| i.columns(&tensor.name)).unwrap_or_else(|| vec![1.0; cols]);
        let (mut a, mut b) = (vec![0.0; cols], vec![0.0; cols]);
        let (mut error, mut power) = (0.0, 0.0);
        for row in 0..rows {
            unpack_f32(truth.ty(), truth.row(row), &mut a);
            unpack_f32(packed.ty(), packed.row(row), &mut b);
            let (e, p) = weighted(&a, &b, &weights);
            error += e;
            power += p;
        }
        let relative = if power > 0.0 { error / power } else { 0.0 };
        errors.push(TensorError {
            tensor: tensor.name.clone(),
            ty: packed.ty(),
            elements: tensor.elements(),
            relative,
        });
    }
    Ok(errors)
}

/// Weighted sums of squared differences, and of the squares of the first.
pub(crate) fn weighted(truth: &[f32], other: &[f32], weights: &[f32]) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    for ((&a, &b), &w) in truth.iter().zip(other).zip(weights) {
        let (a, off, w) = (f64::from(a), f64::from(b - a), f64::from(w));
        sums.0 += w * off * off;
        sums.1 += w * a * a;
    }
    sums
}
