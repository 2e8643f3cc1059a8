//! What a caller hears while a transcription runs.

use crate::checkpoint::Checkpoint;
use crate::transcript::Segment;

/// Receives segments and progress, and may stop the run. All methods have
/// defaults that do nothing, so `()` is a valid receiver.
pub trait Events {
    /// A segment is decided; its text and times will not change.
    fn segment(&mut self, _segment: &Segment) {}

    /// `done` of `total` seconds of audio are behind us.
    fn progress(&mut self, _done: f64, _total: f64) {}

    /// The language of the audio, with the model's probability for it.
    fn language(&mut self, _code: &'static str, _probability: f32) {}

    /// A window is finished: where the run stands, and the window's segments,
    /// which [`segment`](Self::segment) has given already.
    fn checkpoint(&mut self, _checkpoint: &Checkpoint, _segments: &[Segment]) {}

    /// Asked between decoding steps; `true` ends the run with [`Error::Cancelled`](crate::Error::Cancelled).
    fn cancelled(&mut self) -> bool {
        false
    }
}

impl Events for () {}
