//! Where the time of a run went.

use std::ops::AddAssign;
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
    /// Attempts that ended in a loop.
    pub looped: usize,
    /// Attempts that failed otherwise, mostly by their mean log-probability.
    pub improbable: usize,
    /// Runs of the decoder's network, which are a part of `decode`; the rest of it is choosing tokens.
    pub passes: Passes,
}

/// Runs of the decoder's network by the number of tokens that one run takes, as whisper.cpp counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Passes {
    /// One token: greedy decoding.
    pub single: Pass,
    /// 2 to 15 tokens: one for each beam or sample.
    pub batch: Pass,
    /// 16 tokens and more: prompts with earlier text.
    pub prompt: Pass,
}

/// Runs of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pass {
    /// Wall-clock time of all of them.
    pub time: Duration,
    /// Tokens that went through.
    pub tokens: usize,
    /// Rows of logits that came out: tokens to choose.
    pub choices: usize,
}

impl Passes {
    /// Adds a run with so many tokens.
    pub(crate) fn add(&mut self, tokens: usize, choices: usize, time: Duration) {
        let pass = match tokens {
            0 | 1 => &mut self.single,
            2..=15 => &mut self.batch,
            _ => &mut self.prompt,
        };
        pass.time += time;
        pass.tokens += tokens;
        pass.choices += choices;
    }
}

impl AddAssign for Passes {
    fn add_assign(&mut self, other: Self) {
        self.single += other.single;
        self.batch += other.batch;
        self.prompt += other.prompt;
    }
}

impl AddAssign for Pass {
    fn add_assign(&mut self, other: Self) {
        self.time += other.time;
        self.tokens += other.tokens;
        self.choices += other.choices;
    }
}

impl AddAssign for Phases {
    /// Phases of one transcription after another.
    fn add_assign(&mut self, other: Self) {
        self.mel += other.mel;
        self.encode += other.encode;
        self.decode += other.decode;
        self.windows += other.windows;
        self.steps += other.steps;
        self.tokens += other.tokens;
        self.fallbacks += other.fallbacks;
        self.looped += other.looped;
        self.improbable += other.improbable;
        self.passes += other.passes;
    }
}

/// Adds the time that `work` takes to `total`.
pub(crate) fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *total += start.elapsed();
    result
}
