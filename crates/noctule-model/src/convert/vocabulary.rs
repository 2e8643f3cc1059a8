//! Token texts from the files that tokenisers have.
//!
//! A ggml file, GPT-2's `vocab.json`, `tokenizer.json` or a `.tiktoken` file enters; the bytes of every ordinary token
//! leave, in the order of their ids.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::header::Header;
use crate::hparams::Hparams;
use crate::source::Source;

/// No vocabulary file is larger.
const MAX_BYTES: u64 = 256 << 20;

/// The tokens of a vocabulary for a model with these dimensions.
pub(super) fn read(path: &Path, hparams: &Hparams) -> Result<Vec<Vec<u8>>, Error> {
    let shown = path.display().to_string();
    let error = |kind| Error::new(shown.clone(), kind);
    let source = Source::map(path)?;
    if source.starts_with(b"lmgg") {
        let header = Header::from_bytes(&shown, &source)?;
        if header.hparams.is_multilingual() != hparams.is_multilingual() {
            let problem =
                "it is the vocabulary of the other kind: English where all languages are needed, or the reverse";
            return Err(error(ErrorKind::Vocabulary { offset: 0, problem: problem.into() }));
        }
        return Ok((0..header.vocab.n_text() as u32).map(|id| header.vocab.token(id).to_vec()).collect());
    }
    let tokens = match source.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => from_json(&source, hparams),
        _ => from_tiktoken(&source, hparams),
    };
    tokens.map_err(|problem| error(ErrorKind::Vocabulary { offset: 0, problem }))
}

/// Ordinary tokens of a model.
fn n_text(hparams: &Hparams) -> usize {
    if hparams.is_multilingual() { 50257 } else { 50256 }
}

/// `{"token": id}`, or `tokenizer.json` with that at `model.vocab`.
fn from_json(bytes: &[u8], hparams: &Hparams) -> Result<Vec<Vec<u8>>, String> {
    let json: Value = serde_json::from_slice(bytes).map_err(|error| format!("this is not JSON: {error}"))?;
    let vocab = json.pointer("/model/vocab").unwrap_or(&json);
    let Value::Object(vocab) = vocab else { return Err("there is no object of tokens".into()) };
    let mut tokens: Vec<Option<Vec<u8>>> = vec![None; n_text(hparams)];
    for (token, id) in vocab {
        let id = id.as_u64().ok_or_else(|| format!("the id of token {} is no number", token.escape_default()))?;
        if let Some(place) = usize::try_from(id).ok().and_then(|id| tokens.get_mut(id)) {
            let bytes = byte_level(token);
            *place = Some(bytes.ok_or_else(|| format!("token {id} is not in GPT-2's alphabet of bytes"))?);
        }
    }
    complete(tokens)
}

/// Lines of a token in base 64 and its id.
fn from_tiktoken(bytes: &[u8], hparams: &Hparams) -> Result<Vec<Vec<u8>>, String> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| "neither a ggml file, nor JSON, nor a .tiktoken file".to_string())?;
    let mut tokens: Vec<Option<Vec<u8>>> = vec![None; n_text(hparams)];
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let wrong = || format!("line {} is no token of a .tiktoken file", number + 1);
        let (token, id) = line.split_once(' ').ok_or_else(wrong)?;
        let id: usize = id.trim().parse().map_err(|_| wrong())?;
        if let Some(place) = tokens.get_mut(id) {
            *place = Some(base64(token).ok_or_else(wrong)?);
        }
    }
    complete(tokens)
}

fn complete(tokens: Vec<Option<Vec<u8>>>) -> Result<Vec<Vec<u8>>, String> {
    let count = tokens.len();
    // The last token of the multilingual vocabulary is the empty one, and not every file lists it.
    let complete = |(id, token): (usize, Option<Vec<u8>>)| match token {
        None if id == 50256 => Some(Vec::new()),
        token => token,
    };
    let tokens: Vec<Option<Vec<u8>>> = tokens.into_iter().enumerate().map(complete).collect();
    match tokens.iter().position(Option::is_none) {
        Some(id) => Err(format!("token {id} is missing; a model of this kind has {count}")),
        None => Ok(tokens.into_iter().flatten().collect()),
    }
}

/// The bytes that a token of GPT-2's alphabet stands for (OpenAI's GPT-2, `bytes_to_unicode`): printable Latin-1
/// characters are themselves, the 68 other bytes are the characters from U+0100 on. `None` for any other character.
pub(super) fn byte_level(token: &str) -> Option<Vec<u8>> {
    let mut others = (0..=255u8).filter(|&byte| !is_itself(byte));
    let table: Vec<u8> = others.by_ref().collect();
    let byte = |c: char| match u32::from(c) {
        code @ 0..=255 if is_itself(code as u8) => Some(code as u8),
        code => table.get(code.checked_sub(256)? as usize).copied(),
    };
    token.chars().map(byte).collect()
}

/// The token of GPT-2's alphabet that stands for these bytes.
pub(super) fn to_byte_level(bytes: &[u8]) -> String {
    let place = |byte: u8| (0..byte).filter(|&byte| !is_itself(byte)).count() as u32;
    let character = |&byte: &u8| if is_itself(byte) { Some(byte.into()) } else { char::from_u32(256 + place(byte)) };
    bytes.iter().filter_map(character).collect()
}

fn is_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)
}

/// RFC 4648, section 4.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

/// Reads a small text file with a limit.
pub(super) fn text(path: &Path) -> Result<Vec<u8>, Error> {
    let error = |kind| Error::new(path.display().to_string(), kind);
    let io = |source| error(ErrorKind::Io { action: "read", source });
    let length = fs::metadata(path).map_err(io)?.len();
    if length > MAX_BYTES {
        let problem = format!("{length} bytes are too many for it");
        return Err(error(ErrorKind::Malformed { format: "JSON", offset: 0, problem }));
    }
    fs::read(path).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_there_and_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(byte_level(&to_byte_level(&all)), Some(all));
        assert_eq!(to_byte_level(b" the\n"), "\u{120}the\u{10a}");
        assert_eq!(byte_level("\u{4e00}"), None);
        assert_eq!(base64("SGVsbG8="), Some(b"Hello".to_vec()));
        assert_eq!(base64("IQ=="), Some(b"!".to_vec()));
        assert_eq!(base64("é"), None);
    }
}
