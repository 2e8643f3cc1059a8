//! A loaded model: checked tensors over the bytes of a file.

use std::path::{Path, PathBuf};

use noctule_kernels::block::{GgmlType, Matrix};

use crate::error::{Error, ErrorKind};
use crate::ggml::{self, Parsed};
use crate::header::Header;
use crate::hparams::Hparams;
use crate::mel::MelFilters;
use crate::source::Source;
use crate::tensor::{TensorInfo, WeightType};
use crate::vocab::Vocab;

/// More replaced characters than this in a vocabulary are a damaged conversion: OpenAI's have a
/// handful, damaged ones more than a thousand.
const REPLACED_TOKENS: usize = 100;

/// A Whisper model, checked when opened. Weights stay where they are, in the type they have; the
/// model lends them as bytes.
///
/// It is `Send` and `Sync`, so that threads and sessions share one model.
#[derive(Debug)]
pub struct Model {
    name: String,
    path: Option<PathBuf>,
    source: Source,
    header: Header,
    tensors: Vec<TensorInfo>,
    /// Positions in `tensors`, sorted by name.
    by_name: Vec<usize>,
    weight_type: WeightType,
    notes: Vec<String>,
}

impl Model {
    /// Opens a legacy ggml file and maps it into memory. Its name is the file's without the
    /// extension. Reading the header takes milliseconds; weights are read when they are used.
    ///
    /// The file must not be changed in place while the model lives (replacing it by a rename, as
    /// package managers and this crate's writers do, is fine): a changed byte would be a changed
    /// weight, and a file cut short ends the program with a bus error.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if the file cannot be opened or mapped, [`ErrorKind::NotAFile`] for a
    /// directory, pipe or device, and every other kind if the content is not a whole and consistent
    /// Whisper model.
    pub fn open(path: &Path) -> Result<Model, Error> {
        let stem = path.file_stem().unwrap_or(path.as_os_str());
        let name = stem.to_string_lossy().into_owned();
        let source = Source::map(path)?;
        Model::build(name, Some(path.to_path_buf()), source)
    }

    /// Reads a model that is part of the program.
    ///
    /// # Errors
    /// If the bytes are not a whole and consistent Whisper model.
    pub fn from_static(name: &str, bytes: &'static [u8]) -> Result<Model, Error> {
        Model::build(name.to_string(), None, Source::Static(bytes))
    }

    /// Reads a model from memory and keeps the bytes.
    ///
    /// # Errors
    /// If the bytes are not a whole and consistent Whisper model.
    pub fn from_vec(name: &str, bytes: Vec<u8>) -> Result<Model, Error> {
        Model::build(name.to_string(), None, Source::Owned(bytes))
    }

    fn build(name: String, path: Option<PathBuf>, source: Source) -> Result<Model, Error> {
        let file = path.as_ref().map_or_else(|| name.clone(), |p| p.display().to_string());
        let Parsed { header, tensors } = ggml::parse(&source).map_err(|kind| Error::new(file.clone(), kind))?;
        let weight_type = WeightType::of(tensors.iter()).ok_or_else(|| Error::new(file, ErrorKind::NoWeights))?;
        let mut by_name: Vec<usize> = (0..tensors.len()).collect();
        by_name.sort_unstable_by(|&a, &b| tensors[a].name.cmp(&tensors[b].name));
        let notes = notes(&header.hparams, &header.vocab, weight_type);
        Ok(Model { name, path, source, header, tensors, by_name, weight_type, notes })
    }

    /// The file's name without folder and extension, or the name that was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path that was opened; `None` for bytes from memory.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Bytes of the whole file.
    pub fn size_bytes(&self) -> u64 {
        self.source.len() as u64
    }

    /// The whole file.
    pub fn file(&self) -> &[u8] {
        &self.source
    }

    /// Everything before the tensors; a copy of it with another file type heads a quantised model.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The dimensions.
    pub fn hparams(&self) -> &Hparams {
        &self.header.hparams
    }

    /// The vocabulary.
    pub fn vocab(&self) -> &Vocab {
        &self.header.vocab
    }

    /// The mel filters that the model was trained with.
    pub fn mel_filters(&self) -> &MelFilters {
        &self.header.filters
    }

    /// The type of the matrices, convolutions and vectors left out.
    pub fn weight_type(&self) -> WeightType {
        self.weight_type
    }

    /// Oddities that do not keep the model from working, as sentences for a person: a file type
    /// that contradicts the tensors, a vocabulary that lost bytes, types that stock whisper.cpp
    /// cannot read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// All tensors in the order of the file.
    pub fn tensors(&self) -> impl Iterator<Item = &TensorInfo> {
        self.tensors.iter()
    }

    /// The tensor with this name. Every name of [`crate::names::expected`] is there.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        let found = self.by_name.binary_search_by(|&i| self.tensors[i].name.as_str().cmp(name));
        found.ok().map(|i| &self.tensors[self.by_name[i]])
    }

    /// The data of a tensor as they lie in the file, not aligned to anything.
    ///
    /// # Panics
    /// If `t` belongs to another, larger model.
    pub fn bytes(&self, t: &TensorInfo) -> &[u8] {
        &self.source[t.range()]
    }

    /// The tensor as a matrix: see [`TensorInfo::rows_cols`] for its shape.
    ///
    /// # Panics
    /// If `t` belongs to another model or was changed.
    pub fn matrix(&self, t: &TensorInfo) -> Matrix<'_> {
        let (rows, cols) = t.rows_cols();
        match Matrix::new(t.ty, rows, cols, self.bytes(t)) {
            Ok(matrix) => matrix,
            Err(error) => panic!("tensor {} is not of this model: {error}", t.name),
        }
    }

    /// The values of a tensor of any type as f32, in the order of the file (fastest dimension
    /// first). For biases, norms, convolutions and tests; large matrices are better read by row.
    ///
    /// # Panics
    /// If `t` belongs to another model or was changed.
    pub fn f32s(&self, t: &TensorInfo) -> Vec<f32> {
        let matrix = self.matrix(t);
        let mut values = vec![0.0; t.elements()];
        // Blocks never straddle rows, so the rows together are whole blocks too.
        noctule_kernels::block::unpack_f32(matrix.ty(), matrix.bytes(), &mut values);
        values
    }
}

/// Sentences about what is odd.
fn notes(hparams: &Hparams, vocab: &Vocab, weights: WeightType) -> Vec<String> {
    let mut notes = Vec::new();
    let said = GgmlType::from_ftype(hparams.ftype_base());
    match weights {
        WeightType::Uniform(ty) if ty.ftype().is_none() => {
            notes.push(format!("no file type stands for {ty}; stock whisper.cpp cannot read this file"));
        }
        WeightType::Uniform(ty) if said != Some(ty) => notes.push(format!(
            "the header's file type {} means {}, but the weights are {ty}; the weights' own type is \
             used (stock whisper.cpp trusts the header)",
            hparams.ftype,
            said.map_or("nothing", GgmlType::name),
        )),
        WeightType::Uniform(_) => {}
        WeightType::Mixed(ty) => notes.push(format!(
            "the weights have several types, most of them {ty}; stock whisper.cpp cannot read this file"
        )),
    }
    let replaced = vocab.count_replaced();
    if replaced > REPLACED_TOKENS {
        notes.push(format!(
            "{replaced} tokens of the vocabulary lost bytes in an old conversion (U+FFFD in their place); \
             Chinese, Japanese and other text outside the Latin alphabet will be damaged, use a newer file"
        ));
    }
    notes
}
