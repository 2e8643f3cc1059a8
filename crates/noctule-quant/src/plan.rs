//! Which tensor gets which type.
//!
//! A model and a type enter, a [`Plan`] leaves. As in whisper-quantize every matrix is quantised and
//! nothing else: positions, biases and norms keep their values. Convolutions become f16, which is
//! the only type that stock whisper.cpp reads there. A matrix whose rows are not whole blocks of the
//! type gets the nearest type that fits: see [`fitting`].

use noctule_kernels::block::GgmlType;
use noctule_model::{Header, Model, Role, TensorInfo};

use crate::encode;
use crate::error::Error;
use crate::importance::Importance;
use GgmlType::*;

/// The version of ggml's block formats in a file type, in thousands (`GGML_QNT_VERSION`).
const VERSION: u32 = 2000;

/// What becomes of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The tensor's name.
    pub name: String,
    /// Its type in the source.
    pub from: GgmlType,
    /// Its type in the result.
    pub to: GgmlType,
    /// Values in the tensor.
    pub elements: usize,
    /// Values in a row.
    pub cols: usize,
    /// Whether `to` stands in for the plan's type, whose blocks do not divide the rows.
    pub fallback: bool,
    /// Whether it is one of the matrices, which quantisation makes smaller.
    pub matrix: bool,
}

impl Choice {
    /// Bytes of the tensor in the result.
    fn bytes(&self) -> u64 {
        let row = self.to.row_bytes(self.cols).expect("plans choose types that fit the rows");
        (self.elements / self.cols) as u64 * row as u64
    }
}

/// The types of a whole file.
#[derive(Debug, Clone)]
pub struct Plan {
    name: String,
    choices: Vec<Choice>,
    /// What errors in each tensor's columns count; empty where nobody has listened.
    importance: Vec<Option<Vec<f32>>>,
}

/// What models of one size have in common: "base, 512 wide, 6 + 6 layers".
pub(crate) fn size_of(model: &Model) -> String {
    let h = model.hparams();
    format!("{}, {} wide, {} + {} layers", h.display_name(), h.n_audio_state, h.n_audio_layer, h.n_text_layer)
}

/// The tensors that quantisation makes smaller.
pub fn matrices(model: &Model) -> impl Iterator<Item = &TensorInfo> {
    model.tensors().filter(|tensor| tensor.role == Role::Matrix)
}

impl Plan {
    /// Plans `model` in `ty`, for each tensor in the order of the file.
    ///
    /// # Errors
    /// [`Error::Type`] if `ty` is not one of [`encode::TYPES`], [`Error::AlreadyQuantised`] if the
    /// model's matrices are not f32, f16 or bf16.
    pub fn new(model: &Model, ty: GgmlType) -> Result<Plan, Error> {
        Plan::mixed(model, ty.name(), |_| ty)
    }

    /// Plans `model` under a name of its own, with the type that `wanted` gives each matrix.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn mixed(model: &Model, name: &str, wanted: impl Fn(&TensorInfo) -> GgmlType) -> Result<Plan, Error> {
        let mut choices = Vec::new();
        for t in model.tensors() {
            let (_, cols) = t.rows_cols();
            let matrix = t.role == Role::Matrix;
            let ty = match t.role {
                Role::Matrix => wanted(t),
                Role::Convolution => F16,
                Role::Vector | Role::Positional => t.ty,
            };
            if matrix && !encode::TYPES.contains(&ty) {
                return Err(Error::Type { ty });
            }
            if matrix && !matches!(t.ty, F32 | F16 | BF16) {
                return Err(Error::AlreadyQuantised { model: model.name().to_owned(), ty: t.ty });
            }
            let to = if matrix { fitting(ty, cols) } else { ty };
            let fallback = to != ty;
            let (name, elements) = (t.name.clone(), t.elements());
            choices.push(Choice { name, from: t.ty, to, elements, cols, fallback, matrix });
        }
        let importance = vec![None; choices.len()];
        Ok(Plan { name: name.to_owned(), choices, importance })
    }

    /// Weighs errors by `importance`, which is of this model.
    #[must_use]
    pub fn weighed(mut self, importance: &Importance) -> Plan {
        self.importance = self.choices.iter().map(|choice| importance.columns(&choice.name)).collect();
        self
    }

    /// What errors in each column of the `number`th tensor count.
    pub(crate) fn importance(&self, number: usize) -> Option<&[f32]> {
        self.importance[number].as_deref()
    }

    /// Whether errors are weighed by what was heard.
    pub fn is_weighed(&self) -> bool {
        self.importance.iter().any(Option::is_some)
    }

    /// The type, or the name of the mix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What becomes of each tensor, in the order of the file.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// How many matrices have each type, the most frequent first.
    pub fn counts(&self) -> Vec<(GgmlType, usize)> {
        let mut counts: Vec<(GgmlType, usize)> = Vec::new();
        for choice in self.matrices() {
            match counts.iter_mut().find(|(ty, _)| *ty == choice.to) {
                Some((_, count)) => *count += 1,
                None => counts.push((choice.to, 1)),
            }
        }
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts
    }

    /// Bits of a matrix's weight on average, scales included.
    pub fn bits_per_weight(&self) -> f64 {
        let weights: usize = self.matrices().map(|choice| choice.elements).sum();
        let bits: f64 = self.matrices().map(|choice| choice.elements as f64 * choice.to.bits_per_weight()).sum();
        bits / weights as f64
    }

    /// Why stock whisper.cpp cannot read the file; `None` if it can. It gives all matrices the one
    /// type that the header's file type names (whisper.cpp v1.9.3, src/whisper.cpp).
    pub fn obstacle(&self) -> Option<String> {
        let counts = self.counts();
        if counts.len() > 1 {
            let types: Vec<&str> = counts.iter().map(|(ty, _)| ty.name()).collect();
            return Some(format!("its matrices have several types ({})", types.join(", ")));
        }
        let &(ty, _) = counts.first()?;
        ty.ftype().is_none().then(|| format!("ggml has no file type for {ty}"))
    }

    /// The header of the result.
    pub(crate) fn header(&self, model: &Model) -> Header {
        let mut header = model.header().clone();
        let matrix = self.counts().first().map_or(F16, |&(ty, _)| ty);
        let version = if matches!(matrix, F32 | F16 | BF16) { 0 } else { VERSION };
        // A file type that ggml does not have would end stock whisper.cpp with an assertion; with
        // f16's it finds that the sizes differ and says so.
        header.hparams.ftype = matrix.ftype().map_or(1, |ftype| version + ftype);
        header
    }

    /// Bytes of all tensors in the result.
    pub fn bytes(&self) -> u64 {
        self.choices.iter().map(Choice::bytes).sum()
    }

    /// Bytes of the matrices in the result.
    pub fn matrix_bytes(&self) -> u64 {
        self.matrices().map(Choice::bytes).sum()
    }

    fn matrices(&self) -> impl Iterator<Item = &Choice> {
        self.choices.iter().filter(|choice| choice.matrix)
    }
}

/// `ty`, or the nearest type with smaller blocks for rows of `cols` weights: the one of at least as
/// many bits that loses least beyond, in the end f16.
pub fn fitting(ty: GgmlType, cols: usize) -> GgmlType {
    let mut ty = ty;
    while !cols.is_multiple_of(ty.block_len()) {
        ty = match ty {
            Q6_K => Q8_0,
            Q5_K => Q5_0,
            TQ1_0 | TQ2_0 | Q1_0 => Q2_0,
            _ if ty.block_len() > 32 && ty.bits_per_weight() <= IQ4_NL.bits_per_weight() => NEAR_FOUR_BITS,
            _ => F16,
        };
    }
    ty
}

/// `ty`, or the nearest type that fits every matrix of `model`: stock whisper.cpp reads files of one type only.
pub fn uniform(model: &Model, ty: GgmlType) -> GgmlType {
    let mut ty = ty;
    while let Some(tensor) = matrices(model).find(|t| !t.rows_cols().1.is_multiple_of(ty.block_len())) {
        ty = fitting(ty, tensor.rows_cols().1);
    }
    ty
}

/// What stands in for every type of at most 4.5 bits: of the types with blocks of 32 it has the
/// least error at that size.
const NEAR_FOUR_BITS: GgmlType = IQ4_NL;
