//! What a file is when it is not the one that was wanted, from its first bytes.
//!
//! Most bad models are good files of another kind; the message should say which, and what to do.

use crate::error::{ErrorKind, printable};

/// `0x67676d6c` ("ggml") in little-endian order.
pub(crate) const MAGIC: [u8; 4] = *b"lmgg";

/// Where Silero files of whisper.cpp have their name: after the magic and a length.
const SILERO_NAME: &[u8] = b"silero-16k";

/// Refuses anything that does not begin like a legacy ggml file of Whisper.
pub(crate) fn require_ggml(bytes: &[u8]) -> Result<(), ErrorKind> {
    if bytes.starts_with(&MAGIC) && !is_silero(bytes) {
        return Ok(());
    }
    Err(ErrorKind::NotGgml { found: describe(bytes) })
}

/// Whether the bytes begin like whisper.cpp's Silero file.
pub(crate) fn is_silero(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC) && bytes.get(8..).is_some_and(|rest| rest.starts_with(SILERO_NAME))
}

const CONVERT: &str = "convert it first, with 'noctule models convert'";

/// A sentence about the bytes.
pub(crate) fn describe(bytes: &[u8]) -> String {
    const KNOWN: [(&[u8], &str); 6] = [
        (b"ggml", "it is a big-endian ggml file; only little-endian files are read"),
        (b"fmgg", "it is a language model of an old ggml format (ggmf), not a Whisper model"),
        (b"tjgg", "it is a language model of an old ggml format (ggjt), not a Whisper model"),
        (b"\x1f\x8b", "it is compressed with gzip; unpack it first"),
        (b"version https://git-lfs", "it is a Git LFS pointer, not the model itself; fetch the file with git lfs pull"),
        (b"RIFF", "it is an audio file; the model is given with --model"),
    ];
    if bytes.is_empty() {
        return "it is empty; fetch it again".to_string();
    }
    if is_silero(bytes) {
        return "it is a Silero voice-activity model; that is given with --vad-model".to_string();
    }
    if bytes.starts_with(&MAGIC) {
        return "it is a ggml file of another kind".to_string();
    }
    if bytes.starts_with(b"GGUF") {
        return format!("it is a GGUF file; {CONVERT}");
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        return format!("it is a PyTorch checkpoint or another zip archive; {CONVERT}");
    }
    if bytes.get(8) == Some(&b'{') {
        return format!("it looks like a safetensors file; {CONVERT}");
    }
    if let Some((_, what)) = KNOWN.iter().find(|(start, _)| bytes.starts_with(start)) {
        return (*what).to_string();
    }
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"<") {
        return "it is a web page, probably the error message of a download; fetch it again".to_string();
    }
    format!("it begins with \"{}\" instead of \"lmgg\"", printable(&bytes[..bytes.len().min(4)]))
}
