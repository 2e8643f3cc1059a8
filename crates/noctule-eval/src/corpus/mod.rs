//! Recordings and what was said in them.
//!
//! Names of files and folders enter; [`Utterance`]s leave, each with its reference where there is one, its length, and
//! the digest of what an engine will hear. Understood are trees of LibriSpeech, manifests of JSON lines (NeMo's and this
//! project's), Kaldi folders, tables (Common Voice, FLEURS, Hugging Face's audiofolder, any CSV or TSV with a header), STM, folders
//! of audio with or without `.txt` beside it, and single files. What has no reference can be timed and probed, not scored.

mod find;
mod folder;
mod kaldi;
mod librispeech;
mod manifest;
mod prepare;
pub mod probe;
mod sample;
mod stm;
mod table;

pub use find::{Entry, find};
pub use prepare::{Corpus, Utterance, Wanted, prepare};
pub use sample::{Tier, sample};

use std::path::Path;

/// What this crate asks whoever can decode audio: it knows none itself.
pub trait Sounds {
    /// The length of a recording, seconds.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn duration_s(&self, path: &Path) -> Result<f64, String>;

    /// Writes a stretch of a recording (seconds), or all of it, to a WAV file of 16 kHz, one channel, 16 bits; returns its length.
    ///
    /// # Errors
    /// Why it cannot be read or written.
    fn extract(&self, path: &Path, span: Option<(f64, f64)>, wav: &Path) -> Result<f64, String>;
}

/// Endings by which audio in folders is known, in lower case.
const ENDINGS: [&str; 16] = [
    "wav", "wave", "flac", "mp3", "ogg", "oga", "opus", "m4a", "m4b", "aac", "mp4", "mov", "mkv", "mka", "webm", "aiff",
];

fn is_audio(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}
