//! Where a transcription stands between two windows, so that another run can go
//! on from there and come to the same result, bit for bit.
//!
//! The [`transcriber`](crate::transcriber) hands a [`Checkpoint`] with the
//! segments of each window to [`Events::checkpoint`](crate::Events::checkpoint);
//! whoever keeps them gives them back as [`Resume`].

use crate::segment::FRAME;
use crate::transcriber::History;
use crate::transcript::Segment;
use serde::{Deserialize, Serialize};

/// The state of a run after a window. Nothing in it depends on the windows
/// before but through these fields; sampling seeds come from the position.
///
/// It fits only the same samples, model, options and arithmetic: whoever stores
/// it must see to that. Floats must come back as they were (serde_json:
/// feature `float_roundtrip`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// First mel frame (10 ms) of the next window.
    pub(crate) seek: usize,
    /// Index of the language, once it is known.
    pub(crate) language: Option<usize>,
    /// Its probability, if it was detected.
    pub(crate) language_probability: Option<f32>,
    pub(crate) history: History,
    /// Base-10 logarithm of the largest mel power so far, see [`MelMaximum`](crate::mel::MelMaximum).
    pub(crate) loudest: f32,
    /// End of the last aligned word, seconds.
    pub(crate) last_speech: f64,
    /// Segments so far.
    pub(crate) segments: usize,
}

impl Checkpoint {
    /// How much of the audio is done, seconds.
    pub fn seconds(&self) -> f64 {
        self.seek as f64 * FRAME
    }

    /// How many segments there were so far.
    pub fn segments(&self) -> usize {
        self.segments
    }
}

/// A run that was interrupted: where it stood and what it had found.
#[derive(Debug, Clone, PartialEq)]
pub struct Resume {
    /// The last checkpoint.
    pub checkpoint: Checkpoint,
    /// All segments up to it, as [`Events::checkpoint`](crate::Events::checkpoint) gave them.
    pub segments: Vec<Segment>,
}
