//! Where the time of a run went.

use std::time::{Duration, Instant};

/// Durations and counts of one transcription.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Phases {
    /// Log-mel spectrogram.
    pub mel: Duration,
    /// Encoder and the projection to cross-attention keys and values.
    pub encode: Duration,
    /// Prompts, decoding steps, search and word alignment.
    pub decode: Duration,
    /// Windows encoded.
    pub windows: usize,
    /// Batched decoder steps, prompts included: whatever the number of beams, one step is one pass.
    pub steps: usize,
    /// Tokens in the text that was kept.
    pub tokens: usize,
    /// Attempts beyond the first of each window.
    pub fallbacks: usize,
}

/// Adds the time that `work` takes to `total`.
pub(crate) fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *total += start.elapsed();
    result
}
