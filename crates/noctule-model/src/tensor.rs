//! A tensor as the file describes it, and the one type that a model's weights have, if they do.

use std::fmt;
use std::ops::Range;

use noctule_kernels::block::GgmlType;

use crate::names::Role;

/// The header of one tensor, checked, and where its data lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name, as in [`crate::names::expected`].
    pub name: String,
    /// The type of the values. Each tensor has its own; a file may mix them.
    pub ty: GgmlType,
    /// The dimensions, fastest first, at most four.
    pub ne: Vec<usize>,
    /// What the tensor is for.
    pub role: Role,
    pub(crate) range: Range<usize>,
}

impl TensorInfo {
    /// Values in the tensor.
    pub fn elements(&self) -> usize {
        self.ne.iter().product()
    }

    /// Where the data lie, in bytes from the beginning of the file. No alignment is promised: the
    /// format pads nothing.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Bytes of the data.
    pub fn size_bytes(&self) -> usize {
        self.range.len()
    }

    /// Rows and columns of the tensor as a matrix: the slowest dimension makes the rows, all others
    /// together the columns. A vector is one row. A convolution's `[3, in, out]` is `out` rows of
    /// `3 * in` values, the kernel position fastest.
    pub fn rows_cols(&self) -> (usize, usize) {
        match self.ne.split_last() {
            Some((rows, rest)) if !rest.is_empty() => (*rows, rest.iter().product()),
            _ => (1, self.elements()),
        }
    }
}

/// The type of a model's matrices (the tensors that quantisation touches).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightType {
    /// All have this type.
    Uniform(GgmlType),
    /// Several types occur; this one holds the most values.
    Mixed(GgmlType),
}

impl WeightType {
    /// The type that holds the most values.
    pub fn dominant(self) -> GgmlType {
        match self {
            WeightType::Uniform(ty) | WeightType::Mixed(ty) => ty,
        }
    }

    /// Counts values by type over the matrices; of equals the smaller id wins. `None` without
    /// matrices, which a checked model does not have.
    pub(crate) fn of<'a>(tensors: impl Iterator<Item = &'a TensorInfo>) -> Option<WeightType> {
        let mut counts: Vec<(GgmlType, usize)> = Vec::new();
        for t in tensors.filter(|t| t.role == Role::Matrix) {
            match counts.iter_mut().find(|(ty, _)| *ty == t.ty) {
                Some((_, n)) => *n += t.elements(),
                None => counts.push((t.ty, t.elements())),
            }
        }
        let &(ty, _) = counts.iter().max_by_key(|(ty, n)| (*n, std::cmp::Reverse(ty.id())))?;
        Some(if counts.len() == 1 { WeightType::Uniform(ty) } else { WeightType::Mixed(ty) })
    }
}

/// "q5_1", "f16", or "mixed".
impl fmt::Display for WeightType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            WeightType::Uniform(ty) => ty.name(),
            WeightType::Mixed(_) => "mixed",
        })
    }
}
