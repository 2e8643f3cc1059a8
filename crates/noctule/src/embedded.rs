//! The model that is part of the binary, so that a first transcription needs no download.

use noctule_model::{Error, Model};

/// OpenAI's `tiny.en` (MIT licence, see models/README.md), quantised to q5_0.
static TINY_EN: &[u8] = include_bytes!("../models/tiny.en-q5_0.bin");

/// Opens the embedded English model. It stays in the binary's own pages.
///
/// # Errors
/// The bytes in the binary are damaged.
pub fn embedded_model() -> Result<Model, Error> {
    Model::from_static("tiny.en-q5_0", TINY_EN)
}
