//! GGUF versions 2 and 3 (github.com/ggml-org/ggml, docs/gguf.md) with a Whisper inside: tensors under OpenAI's or
//! Hugging Face's names, dimensions from their shapes, heads from `whisper.*.attention.head_count`, tokens from
//! `tokenizer.ggml.tokens` in the byte-level alphabet of GPT-2.

use noctule_kernels::block::GgmlType;

use super::checkpoint::{Checkpoint, Dtype, Found, Heads};
use super::vocabulary;
use crate::cursor::Cursor;
use crate::error::{ErrorKind, printable};
use crate::source::Source;

/// No file of any model has as many.
const MAX_ENTRIES: u64 = 100_000;
const MAX_TEXT: u64 = 16 << 20;

/// What the metadata say.
#[derive(Default)]
struct Metadata {
    architecture: Option<String>,
    alignment: Option<u64>,
    heads: Heads,
    tokens: Option<Vec<Vec<u8>>>,
}

fn malformed(cursor: &Cursor<'_>, problem: impl Into<String>) -> ErrorKind {
    ErrorKind::Malformed { format: "GGUF", offset: cursor.offset() as u64, problem: problem.into() }
}

/// Opens the file.
pub(super) fn open(source: Source, shown: String) -> Result<Checkpoint, ErrorKind> {
    let mut cursor = Cursor::new(&source);
    cursor.take(4, &|| "the magic number".into())?;
    let version = number(&mut cursor, 4)?;
    if !(2..=3).contains(&version) {
        return Err(malformed(&cursor, format!("version {version}; 2 and 3 are read")));
    }
    let (tensors, entries) = (number(&mut cursor, 8)?, number(&mut cursor, 8)?);
    if tensors > MAX_ENTRIES || entries > MAX_ENTRIES {
        return Err(malformed(&cursor, format!("{tensors} tensors and {entries} entries; {MAX_ENTRIES} are allowed")));
    }
    let metadata = metadata(&mut cursor, entries)?;
    if metadata.architecture.as_deref().is_some_and(|architecture| architecture != "whisper") {
        let architecture = printable(metadata.architecture.unwrap_or_default().as_bytes());
        return Err(malformed(&cursor, format!("the architecture is {architecture}, not whisper")));
    }
    let found = infos(&mut cursor, tensors, metadata.alignment.unwrap_or(32))?;
    let mut checkpoint = Checkpoint::new("GGUF", shown);
    checkpoint.set_heads(metadata.heads);
    if let Some(tokens) = metadata.tokens {
        checkpoint.set_tokens(tokens);
    }
    checkpoint.add_file(source, found)?;
    Ok(checkpoint)
}

fn number(cursor: &mut Cursor<'_>, bytes: usize) -> Result<u64, ErrorKind> {
    let taken = cursor.take(bytes as u64, &|| "a number".into())?;
    let mut wide = [0; 8];
    wide[..bytes].copy_from_slice(taken);
    Ok(u64::from_le_bytes(wide))
}

fn text<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], ErrorKind> {
    let length = number(cursor, 8)?;
    if length > MAX_TEXT {
        return Err(malformed(cursor, format!("a text of {length} bytes")));
    }
    cursor.take(length, &|| "a text".into())
}

/// Bytes of a value of fixed length; 8 is a text, 9 a list.
fn width(ty: u64) -> Option<usize> {
    match ty {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

fn metadata(cursor: &mut Cursor<'_>, entries: u64) -> Result<Metadata, ErrorKind> {
    let mut metadata = Metadata::default();
    for _ in 0..entries {
        let key = text(cursor)?;
        let ty = number(cursor, 4)?;
        match (ty, width(ty)) {
            (8, _) => {
                let value = text(cursor)?;
                if key == b"general.architecture" {
                    metadata.architecture = Some(String::from_utf8_lossy(value).into_owned());
                }
            }
            (9, _) => {
                let texts = list(cursor)?;
                if key == b"tokenizer.ggml.tokens" {
                    metadata.tokens = Some(texts);
                }
            }
            (_, Some(bytes)) => {
                let value = number(cursor, bytes)?;
                match key {
                    b"general.alignment" => metadata.alignment = Some(value),
                    b"whisper.encoder.attention.head_count" => metadata.heads.audio = Some(value as usize),
                    b"whisper.decoder.attention.head_count" => metadata.heads.text = Some(value as usize),
                    _ => {}
                }
            }
            (_, None) => return Err(malformed(cursor, format!("a value of type {ty}"))),
        }
    }
    Ok(metadata)
}

/// A list; its texts as the bytes that they stand for, other values passed over.
fn list(cursor: &mut Cursor<'_>) -> Result<Vec<Vec<u8>>, ErrorKind> {
    let (ty, count) = (number(cursor, 4)?, number(cursor, 8)?);
    if let Some(bytes) = width(ty) {
        let all = count.checked_mul(bytes as u64).ok_or_else(|| malformed(cursor, "a list that overflows"))?;
        cursor.take(all, &|| "a list".into())?;
        return Ok(Vec::new());
    }
    if ty != 8 {
        return Err(malformed(cursor, "a list of lists"));
    }
    let mut texts = Vec::new();
    for _ in 0..count {
        let text = text(cursor)?;
        // A token that is not in the alphabet (a special one) is kept as it is.
        let bytes = std::str::from_utf8(text).ok().and_then(vocabulary::byte_level).unwrap_or_else(|| text.to_vec());
        texts.push(bytes);
    }
    Ok(texts)
}

fn infos(cursor: &mut Cursor<'_>, count: u64, alignment: u64) -> Result<Vec<(String, Found)>, ErrorKind> {
    if !alignment.is_power_of_two() || alignment > 1 << 20 {
        return Err(malformed(cursor, format!("an alignment of {alignment}")));
    }
    let mut raw = Vec::new();
    for _ in 0..count {
        let name = text(cursor)?;
        let name = std::str::from_utf8(name).map_err(|_| malformed(cursor, "a name that is not UTF-8"))?;
        let dimensions = number(cursor, 4)?;
        if dimensions > 4 {
            return Err(malformed(cursor, format!("tensor {}: {dimensions} dimensions", printable(name.as_bytes()))));
        }
        let mut shape = (0..dimensions).map(|_| number(cursor, 8)).collect::<Result<Vec<u64>, _>>()?;
        shape.reverse();
        let (ty, offset) = (number(cursor, 4)?, number(cursor, 8)?);
        raw.push((name.to_string(), shape, ty, offset, cursor.offset()));
    }
    let start = (cursor.offset() as u64).next_multiple_of(alignment);
    let end = (cursor.offset() + cursor.left()) as u64;
    let mut tensors = Vec::with_capacity(raw.len());
    for (name, shape, ty, offset, at) in raw {
        let wrong = |problem: String| {
            let problem = format!("tensor {}: {problem}", printable(name.as_bytes()));
            ErrorKind::Malformed { format: "GGUF", offset: at as u64, problem }
        };
        let known = u32::try_from(ty).ok().and_then(GgmlType::from_id).filter(|ty| ty.is_weight());
        let dtype = match known {
            Some(GgmlType::F32) => Dtype::F32,
            Some(GgmlType::F16) => Dtype::F16,
            Some(GgmlType::BF16) => Dtype::BF16,
            Some(ty) => Dtype::Ggml(ty),
            None => return Err(wrong(format!("type {ty} is not a ggml type that this program knows"))),
        };
        let count = shape.iter().try_fold(1u64, |product, &n| product.checked_mul(n));
        let bytes = count.and_then(|count| dtype.bytes(count));
        let from = start.checked_add(offset);
        let to = from.zip(bytes).and_then(|(from, bytes)| from.checked_add(bytes)).filter(|&to| to <= end);
        let (Some(from), Some(to)) = (from, to) else {
            return Err(wrong("its values lie outside the file; fetch it again".into()));
        };
        let found = Found {
            original: name.clone(),
            dtype,
            shape: shape.iter().map(|&n| n as usize).collect(),
            file: 0,
            range: from as usize..to as usize,
        };
        tensors.push((name, found));
    }
    Ok(tensors)
}
