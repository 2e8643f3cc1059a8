//! The safetensors format: a length of eight bytes, JSON with names, types, shapes and places, then the data
//! (github.com/huggingface/safetensors, README, "Format").

use noctule_kernels::block::GgmlType;
use serde_json::Value;

use super::checkpoint::{Dtype, Found};
use crate::error::{ErrorKind, printable};

/// The reference reader's limit, bytes.
const MAX_HEADER: u64 = 100_000_000;

fn malformed(offset: u64, problem: impl Into<String>) -> ErrorKind {
    ErrorKind::Malformed { format: "safetensors", offset, problem: problem.into() }
}

/// The tensors of a file; their file number is not set.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<(String, Found)>, ErrorKind> {
    let Some(head) = bytes.first_chunk::<8>() else {
        return Err(malformed(0, "shorter than the length of its header"));
    };
    let length = u64::from_le_bytes(*head);
    if length > MAX_HEADER || length > (bytes.len() - 8) as u64 {
        let most = MAX_HEADER.min(bytes.len() as u64 - 8);
        return Err(malformed(0, format!("a header of {length} bytes; at most {most} can be")));
    }
    let (header, data) = bytes[8..].split_at(length as usize);
    let start = 8 + length as usize;
    let json: Value = serde_json::from_slice(header).map_err(|error| malformed(8, format!("header: {error}")))?;
    let Value::Object(entries) = json else { return Err(malformed(8, "the header is no JSON object")) };
    let mut tensors = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        if name == "__metadata__" {
            continue;
        }
        let wrong = |problem: &str| malformed(8, format!("tensor {}: {problem}", printable(name.as_bytes())));
        let dtype = match entry["dtype"].as_str() {
            Some("F64") => Dtype::F64,
            Some("F32") => Dtype::F32,
            Some("F16") => Dtype::F16,
            Some("BF16") => Dtype::BF16,
            other => {
                let ty = printable(other.unwrap_or("none").as_bytes());
                return Err(wrong(&format!("type {ty}; F64, F32, F16 and BF16 are read")));
            }
        };
        let numbers = |value: &Value| -> Option<Vec<u64>> { value.as_array()?.iter().map(Value::as_u64).collect() };
        let shape = numbers(&entry["shape"]).filter(|shape| shape.len() <= 4).ok_or_else(|| wrong("no shape"))?;
        let Some([from, to]) = numbers(&entry["data_offsets"]).and_then(|o| <[u64; 2]>::try_from(o).ok()) else {
            return Err(wrong("no data_offsets"));
        };
        let count = shape.iter().try_fold(1u64, |product, &n| product.checked_mul(n));
        let needed = count.and_then(|count| dtype.bytes(count)).ok_or_else(|| wrong("a shape that overflows"))?;
        if from > to || to > data.len() as u64 || to - from != needed {
            return Err(wrong(&format!("bytes {from} to {to} of {} where type and shape need {needed}", data.len())));
        }
        let found = Found {
            original: name.clone(),
            dtype,
            shape: shape.iter().map(|&n| n as usize).collect(),
            file: 0,
            range: start + from as usize..start + to as usize,
        };
        tensors.push((name, found));
    }
    Ok(tensors)
}

/// The head of a file with these tensors in this order: name, type, shape (slowest first), bytes.
pub(super) fn header(tensors: &[(String, GgmlType, Vec<usize>, u64)]) -> Vec<u8> {
    let mut entries = serde_json::Map::new();
    entries.insert("__metadata__".into(), serde_json::json!({ "format": "pt" }));
    let mut at = 0;
    for (name, ty, shape, bytes) in tensors {
        let dtype = match ty {
            GgmlType::F16 => "F16",
            GgmlType::BF16 => "BF16",
            _ => "F32",
        };
        entries.insert(
            name.clone(),
            serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, at + bytes] }),
        );
        at += bytes;
    }
    let mut json = Value::Object(entries).to_string().into_bytes();
    // The data begin at a multiple of eight.
    while !json.len().is_multiple_of(8) {
        json.push(b' ');
    }
    let mut head = (json.len() as u64).to_le_bytes().to_vec();
    head.append(&mut json);
    head
}
