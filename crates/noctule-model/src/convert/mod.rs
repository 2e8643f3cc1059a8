//! Checkpoints of other programs to our file, and back.
//!
//! OpenAI's `.pt`, a directory of Hugging Face, a safetensors or a GGUF file enters; a legacy ggml file leaves, or the
//! other way a directory with safetensors. The readers refuse what they do not understand, by name and place: nothing of
//! a file is executed, unpacked, or followed out of its folder. Every tensor is mapped to one of
//! [`crate::names::expected`] or reported.

mod checkpoint;
mod export;
mod gguf;
mod hugging_face;
mod lora;
mod pickle;
mod rename;
mod safetensors;
mod torch;
mod vocabulary;
mod zip;

use std::path::Path;

use noctule_kernels::block::{self, GgmlType, f16_to_f32, f32_to_f16};

use crate::error::{Error, ErrorKind, TensorProblem};
use crate::header::Header;
use crate::hparams::{FTYPE_VERSION_FACTOR, Hparams};
use crate::names::{self, Expected, Role};
use crate::synthetic;
use crate::vocab::Vocab;
use crate::write::FileWriter;
use checkpoint::{Checkpoint, Dtype};

pub use export::to_safetensors;

/// The type that matrices and convolutions get; everything else becomes f32, as in published files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// 16-bit floats; what has more digits is rounded to nearest.
    F16,
    /// 32-bit floats: exactly what the source has.
    F32,
    /// The source's own type where a file can have it (GGUF), f16 otherwise.
    Keep,
}

/// What a conversion takes besides the checkpoint.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Type of the matrices.
    pub target: Target,
    /// Where the token texts come from when the checkpoint has none: a ggml file, `vocab.json`, or a `.tiktoken` file.
    pub vocab: Option<&'a Path>,
    /// A LoRA adapter of PEFT to merge: its directory.
    pub lora: Option<&'a Path>,
}

/// What a conversion did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Kind of the source: "OpenAI checkpoint", "GGUF", "safetensors".
    pub source: &'static str,
    /// Tensors written, as (name in the source, name in the file).
    pub mapped: Vec<(String, String)>,
    /// Tensors of the source that are not in the file, and why.
    pub left_out: Vec<(String, String)>,
    /// Weights that a LoRA adapter has changed.
    pub merged: usize,
    /// The dimensions.
    pub hparams: Hparams,
}

/// Converts a checkpoint to a legacy ggml file at `target`, whole or not at all.
///
/// # Errors
/// If the source is malformed, is no Whisper, has tensors that nothing is known of, lacks some, or has no vocabulary and
/// none is given; if a value does not fit f16; or if writing fails.
pub fn to_ggml(source: &Path, settings: Settings<'_>, target: &Path) -> Result<Report, Error> {
    let mut checkpoint = Checkpoint::open(source)?;
    let left_out = checkpoint.rename()?;
    let error = |kind| Error::new(source.display().to_string(), kind);
    let mut hparams = checkpoint.hparams().map_err(error)?;
    let adapter = settings.lora.map(lora::Adapter::open).transpose()?;
    if let Some(adapter) = &adapter {
        adapter.check(&checkpoint)?;
    }
    let expected = names::expected(&hparams);
    checkpoint.check(&expected).map_err(error)?;
    let tokens = match (settings.vocab, checkpoint.take_tokens()) {
        (Some(path), _) => vocabulary::read(path, &hparams)?,
        (None, Some(tokens)) => tokens,
        (None, None) => return Err(error(ErrorKind::NoVocabulary { n_vocab: hparams.n_vocab })),
    };
    let n_text = if hparams.is_multilingual() { 50257 } else { 50256 };
    let vocab = Vocab::from_tokens(&hparams, tokens.iter().take(n_text).map(Vec::as_slice)).map_err(error)?;
    let types: Vec<GgmlType> = expected.iter().map(|e| wanted(&checkpoint, e, settings.target)).collect();
    hparams.ftype = file_type(&expected, &types);
    let filters = synthetic::slaney_filters(hparams.n_mels);
    let header = Header { hparams: hparams.clone(), filters, vocab };

    let mut writer = FileWriter::create(target, &header)?;
    let (mut mapped, mut merged) = (Vec::new(), 0);
    for (tensor, &ty) in expected.iter().zip(&types) {
        let found = checkpoint.get(&tensor.name).map_err(error)?;
        mapped.push((found.original.clone(), tensor.name.clone()));
        let packed = match found.dtype {
            Dtype::Ggml(own) if own == ty && own.block_len() > 1 => checkpoint.bytes(found).to_vec(),
            _ => {
                let mut values = checkpoint.values(found);
                if let Some(adapter) = &adapter {
                    merged += usize::from(adapter.add_to(tensor, &mut values)?);
                }
                pack(tensor, &values, ty).map_err(error)?
            }
        };
        writer.tensor(&tensor.name, ty, &packed)?;
    }
    writer.finish()?;
    Ok(Report { source: checkpoint.kind(), mapped, left_out, merged, hparams })
}

/// The type that a tensor gets.
fn wanted(checkpoint: &Checkpoint, tensor: &Expected, target: Target) -> GgmlType {
    let own = checkpoint.get(&tensor.name).map(|found| found.dtype);
    match (tensor.role, target, own) {
        (Role::Vector | Role::Positional, ..) => GgmlType::F32,
        (_, Target::F32, _) => GgmlType::F32,
        (Role::Matrix, Target::Keep, Ok(Dtype::Ggml(ty))) => ty,
        (_, Target::Keep, Ok(Dtype::F32)) => GgmlType::F32,
        _ => GgmlType::F16,
    }
}

/// The header's number for the type that most values have.
fn file_type(expected: &[Expected], types: &[GgmlType]) -> u32 {
    let matrices = expected.iter().zip(types).filter(|(tensor, _)| tensor.role == Role::Matrix);
    let largest = matrices.max_by_key(|(tensor, _)| tensor.ne.iter().product::<usize>());
    let ty = largest.map_or(GgmlType::F16, |(_, &ty)| ty);
    let version = if ty.block_len() > 1 { 2 * FTYPE_VERSION_FACTOR } else { 0 };
    version + ty.ftype().unwrap_or(1)
}

/// Values as the bytes of a file.
fn pack(tensor: &Expected, values: &[f32], ty: GgmlType) -> Result<Vec<u8>, ErrorKind> {
    let problem = |problem| ErrorKind::Tensor { tensor: tensor.name.clone(), offset: 0, problem };
    if let Some(at) = values.iter().position(|x| !x.is_finite()) {
        return Err(problem(TensorProblem::NotFinite { at }));
    }
    match ty {
        GgmlType::F32 => Ok(values.iter().flat_map(|x| x.to_le_bytes()).collect()),
        GgmlType::F16 => {
            let halves: Vec<u16> = values.iter().map(|&x| f32_to_f16(x)).collect();
            match halves.iter().position(|&h| !f16_to_f32(h).is_finite()) {
                Some(at) => Err(problem(TensorProblem::TooLarge { at })),
                None => Ok(halves.iter().flat_map(|h| h.to_le_bytes()).collect()),
            }
        }
        _ => Err(problem(TensorProblem::TypeNotAllowed {
            found: ty.name(),
            reason: "a quantised tensor keeps its type only unchanged; convert to f16 or f32",
        })),
    }
}

/// The values of packed bytes of a ggml type.
fn unpacked(ty: GgmlType, bytes: &[u8], count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    block::unpack_f32(ty, bytes, &mut values);
    values
}
