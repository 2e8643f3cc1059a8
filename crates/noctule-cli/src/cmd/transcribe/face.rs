//! How a run looks to whom it talks: its own way, or another program's.

use crate::failure::Failure;
use crate::plan::Input;
use noctule::format::Format;
use noctule::{Segment, Transcriber};
use std::path::Path;

/// Hears what a run does and may print it in another manner. All methods have defaults that change nothing, so `()` is
/// `transcribe`'s own face.
pub trait Face {
    /// The model is ready.
    ///
    /// # Errors
    /// What cannot be done with this model; it ends the run.
    fn loaded(&mut self, _transcriber: &Transcriber) -> Result<(), Failure> {
        Ok(())
    }

    /// A recording of this length, seconds, is about to be transcribed.
    fn begins(&mut self, _transcriber: &Transcriber, _input: &Input, _duration_s: f64) {}

    /// The language that was heard, with the model's probability for it.
    fn language(&mut self, _code: &'static str, _probability: f32) {}

    /// What standard output gets of a segment, in the file's own times; `None` is `transcribe`'s own line.
    fn segment(&mut self, _segment: &Segment) -> Option<String> {
        None
    }

    /// `done` of `total` seconds are behind us.
    fn progress(&mut self, _done: f64, _total: f64) {}

    /// Whether no more of this recording is wanted.
    fn has_enough(&self) -> bool {
        false
    }

    /// The recording is through, or was left.
    fn ended(&mut self, _transcriber: &Transcriber) {}

    /// A file is written.
    fn written(&mut self, _path: &Path, _format: Format) {}
}

impl Face for () {}
