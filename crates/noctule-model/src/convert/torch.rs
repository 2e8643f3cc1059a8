//! PyTorch's checkpoint since version 1.6: a zip archive with a pickle and one entry of raw values a storage.

use std::collections::BTreeMap;
use std::ops::Range;

use super::checkpoint::{Checkpoint, Found, Heads};
use super::pickle::{self, Tensor, Tree, Value};
use super::zip;
use crate::error::{ErrorKind, printable};
use crate::source::Source;

/// Dictionaries in which trainers keep the weights.
const INNER: [&str; 4] = ["model_state_dict", "state_dict", "model", "module"];

fn malformed(offset: usize, problem: impl Into<String>) -> ErrorKind {
    ErrorKind::Malformed { format: "PyTorch checkpoint", offset: offset as u64, problem: problem.into() }
}

/// Opens the archive: OpenAI's `{"dims", "model_state_dict"}` or a bare dictionary of tensors.
pub(super) fn open(source: Source, shown: String) -> Result<Checkpoint, ErrorKind> {
    let entries = zip::entries(&source)?;
    let pickle = entries.iter().find(|(name, _)| name.ends_with("data.pkl"));
    let (name, range) = pickle.ok_or_else(|| malformed(0, "a zip archive without data.pkl, which no checkpoint is"))?;
    let folder = name.strip_suffix("data.pkl").unwrap_or_default().to_string();
    if let Some(order) = entries.get(&format!("{folder}byteorder"))
        && source[order.clone()] != *b"little"
    {
        return Err(malformed(order.start, "it was saved on a big-endian machine"));
    }
    let tree = pickle::read(&source[range.clone()], range.start)?;
    let (state, heads) = state(&tree).ok_or_else(|| malformed(range.start, "it holds no dictionary of tensors"))?;
    let mut tensors = Vec::with_capacity(state.len());
    for (name, tensor) in state {
        let found = place(&name, tensor, &folder, &entries, range.start)?;
        tensors.push((name, found));
    }
    let mut checkpoint = Checkpoint::new("PyTorch checkpoint", shown);
    checkpoint.add_file(source, tensors)?;
    checkpoint.set_heads(heads);
    Ok(checkpoint)
}

/// Names and tensors, and the heads that OpenAI's `dims` give.
fn state(tree: &Tree) -> Option<(Vec<(String, &Tensor)>, Heads)> {
    let outer = tree.pairs(&tree.root)?;
    let of = |key: &str| outer.iter().find(|(name, _)| &**name == key).map(|(_, value)| *value);
    let dims = of("dims").and_then(|dims| tree.pairs(dims)).unwrap_or_default();
    let head = |key: &str| match dims.iter().find(|(name, _)| &**name == key) {
        Some((_, Value::Int(n))) => usize::try_from(*n).ok(),
        _ => None,
    };
    let heads = Heads { audio: head("n_audio_head"), text: head("n_text_head") };
    let inner = INNER.iter().find_map(|key| tree.pairs(of(key)?)).unwrap_or(outer);
    let tensors: Vec<(String, &Tensor)> = inner
        .into_iter()
        .filter_map(|(name, value)| match value {
            Value::Tensor(tensor) => Some((name.to_string(), &**tensor)),
            _ => None,
        })
        .collect();
    (!tensors.is_empty()).then_some((tensors, heads))
}

/// Where a tensor's values lie in the file.
fn place(
    name: &str,
    tensor: &Tensor,
    folder: &str,
    entries: &BTreeMap<String, Range<usize>>,
    at: usize,
) -> Result<Found, ErrorKind> {
    let wrong = |problem: &str| malformed(at, format!("tensor {}: {problem}", printable(name.as_bytes())));
    let dtype = tensor.storage.dtype.ok_or_else(|| wrong("its type is none of floating point"))?;
    let entry = entries.get(&format!("{folder}data/{}", tensor.storage.key));
    let entry = entry.ok_or_else(|| wrong("its values are not in the archive"))?;
    if tensor.shape.len() > 4 || tensor.stride.len() != tensor.shape.len() {
        return Err(wrong("a shape that no weight has"));
    }
    let mut step = 1u64;
    for (&n, &stride) in tensor.shape.iter().zip(&tensor.stride).rev() {
        if n != 1 && stride != step {
            return Err(wrong("its values are not one after the other; save it with .contiguous()"));
        }
        step = step.checked_mul(n).ok_or_else(|| wrong("a shape that overflows"))?;
    }
    let end = tensor.offset.checked_add(step).filter(|&end| end <= tensor.storage.count);
    let bytes = |count| dtype.bytes(count).and_then(|bytes| usize::try_from(bytes).ok());
    let (Some(end), Some(start)) = (end.and_then(bytes), bytes(tensor.offset)) else {
        return Err(wrong("it is larger than its storage"));
    };
    if end > entry.len() {
        return Err(wrong("its storage is larger than the entry of the archive; fetch the file again"));
    }
    Ok(Found {
        original: name.to_string(),
        dtype,
        shape: tensor.shape.iter().map(|&n| n as usize).collect(),
        file: 0,
        range: entry.start + start..entry.start + end,
    })
}
