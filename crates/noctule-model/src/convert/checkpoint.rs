//! Named tensors of one or more files, whatever their format.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use noctule_kernels::block::GgmlType;

use super::{gguf, hugging_face, rename, safetensors, torch};
use crate::error::{Error, ErrorKind, Shape, TensorProblem, printable};
use crate::hparams::Hparams;
use crate::names::Expected;
use crate::source::Source;

/// The type of values in a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dtype {
    F64,
    F32,
    F16,
    BF16,
    /// A type of ggml with blocks.
    Ggml(GgmlType),
}

impl Dtype {
    /// Bytes of `count` values; `None` where that overflows or cuts a block.
    pub(super) fn bytes(self, count: u64) -> Option<u64> {
        match self {
            Dtype::F64 => count.checked_mul(8),
            Dtype::F32 => count.checked_mul(4),
            Dtype::F16 | Dtype::BF16 => count.checked_mul(2),
            Dtype::Ggml(ty) => {
                let block = ty.block_len() as u64;
                count.is_multiple_of(block).then(|| (count / block).checked_mul(ty.block_bytes() as u64))?
            }
        }
    }
}

/// One tensor and where its bytes are.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The name that the source gives it.
    pub original: String,
    pub dtype: Dtype,
    /// Slowest dimension first, as PyTorch has it.
    pub shape: Vec<usize>,
    /// Which of the checkpoint's files.
    pub file: usize,
    pub range: Range<usize>,
}

impl Found {
    pub(super) fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What is known of heads besides the tensors.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heads {
    pub audio: Option<usize>,
    pub text: Option<usize>,
}

/// A checkpoint: files, tensors by name, and the token texts if it has them.
pub(super) struct Checkpoint {
    kind: &'static str,
    files: Vec<Source>,
    tensors: BTreeMap<String, Found>,
    heads: Heads,
    tokens: Option<Vec<Vec<u8>>>,
    shown: String,
}

impl Checkpoint {
    pub(super) fn new(kind: &'static str, shown: String) -> Self {
        let (files, tensors, heads) = (Vec::new(), BTreeMap::new(), Heads::default());
        Checkpoint { kind, files, tensors, heads, tokens: None, shown }
    }

    /// Opens a file or directory of any format that is understood.
    pub(super) fn open(path: &Path) -> Result<Checkpoint, Error> {
        let shown = path.display().to_string();
        if path.is_dir() {
            return hugging_face::open(path);
        }
        let source = Source::map(path)?;
        let error = |kind| Error::new(shown.clone(), kind);
        if source.starts_with(b"GGUF") {
            gguf::open(source, shown.clone()).map_err(error)
        } else if source.starts_with(b"PK\x03\x04") {
            torch::open(source, shown.clone()).map_err(error)
        } else if source.get(8) == Some(&b'{') {
            let mut checkpoint = Checkpoint::new("safetensors", shown.clone());
            let tensors = safetensors::parse(&source).map_err(error)?;
            checkpoint.add_file(source, tensors).map_err(error)?;
            let beside = path.parent().map(|folder| folder.join("config.json")).filter(|config| config.is_file());
            if beside.is_some() {
                hugging_face::describe(&mut checkpoint, path.parent().unwrap_or(Path::new(".")))?;
            }
            Ok(checkpoint)
        } else {
            let found = if source.starts_with(b"\x80\x02") {
                "it is a PyTorch file of before version 1.6; load it with torch.load and save it again".to_string()
            } else {
                crate::sniff::describe(&source)
            };
            Err(error(ErrorKind::NotGgml { found }))
        }
    }

    /// Adds a file and its tensors; a name that is there already is an error.
    pub(super) fn add_file(&mut self, source: Source, tensors: Vec<(String, Found)>) -> Result<(), ErrorKind> {
        let file = self.files.len();
        self.files.push(source);
        for (name, found) in tensors {
            let tensor = printable(name.as_bytes());
            if self.tensors.insert(name, Found { file, ..found }).is_some() {
                return Err(ErrorKind::Tensor { tensor, offset: 0, problem: TensorProblem::Duplicate });
            }
        }
        Ok(())
    }

    pub(super) fn set_heads(&mut self, heads: Heads) {
        self.heads = heads;
    }

    pub(super) fn set_tokens(&mut self, tokens: Vec<Vec<u8>>) {
        self.tokens = Some(tokens);
    }

    pub(super) fn take_tokens(&mut self) -> Option<Vec<Vec<u8>>> {
        self.tokens.take()
    }

    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (&String, &Found)> {
        self.tensors.iter()
    }

    /// Gives every tensor OpenAI's name; returns those that have no place in a file, with the reason.
    pub(super) fn rename(&mut self) -> Result<Vec<(String, String)>, Error> {
        let mut left_out = Vec::new();
        let mut renamed: BTreeMap<String, Found> = BTreeMap::new();
        let mut output = None;
        for (name, found) in std::mem::take(&mut self.tensors) {
            match rename::from_hugging_face(&name) {
                rename::Place::Tensor(new) => {
                    if renamed.insert(new.clone(), found).is_some() {
                        let kind = ErrorKind::Tensor { tensor: new, offset: 0, problem: TensorProblem::Duplicate };
                        return Err(Error::new(self.shown.clone(), kind));
                    }
                }
                rename::Place::Output => output = Some(found),
                rename::Place::Nowhere(reason) => left_out.push((name, reason.to_string())),
            }
        }
        self.tensors = renamed;
        if let Some(output) = output {
            self.check_tied(&output).map_err(|kind| Error::new(self.shown.clone(), kind))?;
            left_out.push((output.original, "the same as decoder.token_embedding.weight".into()));
        }
        Ok(left_out)
    }

    /// Whisper's output layer is its token embedding; a file has no place for another.
    fn check_tied(&self, output: &Found) -> Result<(), ErrorKind> {
        let embedding = self.get("decoder.token_embedding.weight")?;
        if embedding.shape == output.shape && self.values(embedding) == self.values(output) {
            return Ok(());
        }
        let problem = TensorProblem::NotTied;
        Err(ErrorKind::Tensor { tensor: output.original.clone(), offset: output.range.start as u64, problem })
    }

    pub(super) fn get(&self, name: &str) -> Result<&Found, ErrorKind> {
        let missing =
            || ErrorKind::MissingTensors { first: name.to_string(), count: 1, expected: self.tensors.len() + 1 };
        self.tensors.get(name).ok_or_else(missing)
    }

    /// The dimensions, from the shapes of the tensors.
    pub(super) fn hparams(&self) -> Result<Hparams, ErrorKind> {
        let dimension = |name: &str, at: usize| {
            let shape = &self.get(name)?.shape;
            let problem = TensorProblem::Dimensions(shape.len() as i64);
            shape.get(at).copied().ok_or(ErrorKind::Tensor { tensor: name.to_string(), offset: 0, problem })
        };
        let layers = |prefix: &str| {
            let number = |name: &String| name.strip_prefix(prefix)?.split('.').next()?.parse::<usize>().ok();
            self.tensors.keys().filter_map(number).max().map_or(0, |last| last.saturating_add(1))
        };
        let width = dimension("encoder.conv1.weight", 0)?;
        let text_width = dimension("decoder.token_embedding.weight", 1)?;
        let hparams = Hparams {
            n_vocab: dimension("decoder.token_embedding.weight", 0)?,
            n_audio_ctx: dimension("encoder.positional_embedding", 0)?,
            n_audio_state: width,
            // Every published Whisper has heads of 64.
            n_audio_head: self.heads.audio.unwrap_or(width / 64),
            n_audio_layer: layers("encoder.blocks."),
            n_text_ctx: dimension("decoder.positional_embedding", 0)?,
            n_text_state: text_width,
            n_text_head: self.heads.text.unwrap_or(text_width / 64),
            n_text_layer: layers("decoder.blocks."),
            n_mels: dimension("encoder.conv1.weight", 1)?,
            ftype: 0,
        };
        hparams.check()?;
        Ok(hparams)
    }

    /// Checks that there is every tensor in its shape, and no other.
    pub(super) fn check(&self, expected: &[Expected]) -> Result<(), ErrorKind> {
        let missing: Vec<&Expected> = expected.iter().filter(|e| !self.tensors.contains_key(&e.name)).collect();
        if let Some(first) = missing.first() {
            let (first, count) = (first.name.clone(), missing.len());
            return Err(ErrorKind::MissingTensors { first, count, expected: expected.len() });
        }
        for (name, found) in &self.tensors {
            let error = |problem| {
                let tensor = printable(found.original.as_bytes());
                ErrorKind::Tensor { tensor, offset: found.range.start as u64, problem }
            };
            let tensor = expected.iter().find(|e| e.name == *name).ok_or_else(|| error(TensorProblem::Unknown))?;
            let squeezed = |dims: Vec<usize>| dims.into_iter().filter(|&n| n != 1).collect::<Vec<usize>>();
            let wanted = squeezed(tensor.ne.iter().rev().copied().collect());
            if squeezed(found.shape.clone()) != wanted {
                let shape = |dims: Vec<usize>| Shape(dims.into_iter().map(|n| n as i64).collect());
                let found = shape(found.shape.iter().rev().copied().collect());
                return Err(error(TensorProblem::Shape { found, expected: shape(tensor.ne.clone()) }));
            }
            let row = tensor.ne[0];
            if let Dtype::Ggml(ty) = found.dtype
                && !row.is_multiple_of(ty.block_len())
            {
                return Err(error(TensorProblem::Row { row, block: ty.block_len(), ty: ty.name() }));
            }
        }
        Ok(())
    }

    pub(super) fn bytes(&self, found: &Found) -> &[u8] {
        &self.files[found.file][found.range.clone()]
    }

    /// The values, slowest dimension first.
    pub(super) fn values(&self, found: &Found) -> Vec<f32> {
        let bytes = self.bytes(found);
        let count = found.elements();
        match found.dtype {
            Dtype::F64 => {
                let eight = |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32;
                bytes.chunks_exact(8).map(eight).collect()
            }
            Dtype::F32 => super::unpacked(GgmlType::F32, bytes, count),
            Dtype::F16 => super::unpacked(GgmlType::F16, bytes, count),
            Dtype::BF16 => super::unpacked(GgmlType::BF16, bytes, count),
            Dtype::Ggml(ty) => super::unpacked(ty, bytes, count),
        }
    }
}
