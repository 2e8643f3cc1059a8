//! Recordings of any length in bounded memory: a file or standard input
//! enters, its samples leave stretch by stretch, as often as they are needed.
//!
//! Stands between [`crate::file`] and the recogniser, which needs a recording
//! twice: once as a whole ([`survey`]: its length, whether there is anything to
//! hear, where the speech is) and once window by window. A [`Tape`] decodes a
//! file anew for each pass and keeps the last minute; a [`SampleSpool`] keeps the
//! samples of a stream that comes only once in a temporary file.

mod spool;
mod survey;
mod tape;

pub use spool::{SampleSpool, SampleSpoolWriter, temporary_folder};
pub use survey::{Survey, survey};
pub use tape::Tape;

use crate::AudioError;

/// Samples that can be read again.
pub enum Stored {
    /// Decoded from a file.
    Tape(Box<Tape>),
    /// Kept in a temporary file.
    Spool(SampleSpool),
}

impl Stored {
    /// Fills `out` with the samples from `start` on.
    ///
    /// # Errors
    /// Those of [`Tape::read`] and [`SampleSpool::read`].
    pub fn read(&mut self, start: u64, out: &mut [f32]) -> Result<(), AudioError> {
        match self {
            Self::Tape(tape) => tape.read(start, out),
            Self::Spool(spool) => spool.read(start, out),
        }
    }
}
