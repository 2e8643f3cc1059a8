//! One candidate text of a window while it grows, and the verdict on it.
//!
//! The bookkeeping follows whisper.cpp's, so that greedy decoding ends at the
//! same token: timestamps move the end of the window, end-of-text or the end
//! of the audio completes it.

use crate::grammar::GrammarState;
use crate::repetition::{Loop, LoopRules};
use noctule_model::Vocab;

/// Mel frames (10 ms) in one step of a timestamp token (20 ms).
pub(crate) const FRAMES_PER_TIMESTAMP: usize = 2;

/// Less audio than this many frames is not worth another window.
pub(crate) const MIN_FRAMES: usize = 10;

/// Why an attempt does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The text repeats itself.
    Repetition,
    /// Text ended without a closing timestamp in the middle of the audio.
    NoTimestamp,
    /// The token limit came before half of the window was covered.
    TooLong,
    /// Mean log-probability under the threshold.
    LowProbability,
}

/// Whether a hypothesis still grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Completed,
    Failed(Failure),
}

/// What the bookkeeping must know of the window. Lengths are mel frames.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// First frame of the window.
    pub seek: usize,
    /// Frame after the last of the audio.
    pub end: usize,
    /// Frames that the encoder saw.
    pub frames: usize,
    /// Whether timestamp tokens are decoded.
    pub timestamps: bool,
    /// One segment, ending with the window.
    pub single_segment: bool,
    /// Text token limit of the user; 0 is none.
    pub max_tokens: usize,
    /// Token limit of the model's text context.
    pub limit: usize,
    /// When text counts as a loop.
    pub loops: LoopRules,
}

/// A candidate: tokens with log-probabilities, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Hypothesis {
    pub tokens: Vec<u32>,
    pub logprobs: Vec<f32>,
    /// Sum of `logprobs`.
    pub sum: f64,
    /// Cells of the prompt and of every token that has been run.
    pub cells: Vec<u32>,
    /// Frames of the window that the text covers.
    pub delta: usize,
    pub has_timestamp: bool,
    /// Tokens that count: up to the last timestamp, or all.
    pub result_len: usize,
    pub state: State,
    pub grammar: Option<GrammarState>,
    /// First token of the loop that ended this text.
    pub loop_start: Option<usize>,
}

impl Hypothesis {
    pub fn new(bounds: &Bounds, cells: Vec<u32>, grammar: Option<GrammarState>) -> Self {
        Self {
            tokens: Vec::new(),
            logprobs: Vec::new(),
            sum: 0.0,
            cells,
            delta: bounds.frames,
            has_timestamp: false,
            result_len: 0,
            state: State::Running,
            grammar,
            loop_start: None,
        }
    }

    /// Appends `token` and decides whether the text is complete or has failed.
    pub fn push(&mut self, token: u32, logprob: f32, vocab: &Vocab, bounds: &Bounds) {
        self.tokens.push(token);
        self.logprobs.push(logprob);
        self.sum += f64::from(logprob);
        if token > vocab.beg() {
            self.delta = FRAMES_PER_TIMESTAMP * (token - vocab.beg()) as usize;
            self.result_len = self.tokens.len();
            self.has_timestamp = true;
        }
        if let Some(grammar) = &mut self.grammar
            && token < vocab.eot()
        {
            grammar.accept(vocab.token(token));
        }
        self.state = self.verdict(token, vocab, bounds);
    }

    fn verdict(&mut self, token: u32, vocab: &Vocab, bounds: &Bounds) -> State {
        let at_end = bounds.seek + self.delta + MIN_FRAMES >= bounds.end;
        let over_limit = bounds.max_tokens > 0 && self.tokens.len() > bounds.max_tokens;
        if token == vocab.eot() || over_limit || (self.has_timestamp && at_end) {
            if self.result_len == 0 && bounds.timestamps && !at_end && !over_limit {
                self.accept_all(bounds);
                return State::Failed(Failure::NoTimestamp);
            }
            if self.result_len == 0 || bounds.single_segment || !bounds.timestamps {
                self.result_len = self.tokens.len();
            }
            if bounds.single_segment || !bounds.timestamps {
                self.delta = bounds.frames;
            }
            return State::Completed;
        }
        if let Some(found) = bounds.loops.check(vocab, &self.tokens) {
            if let Loop::Periodic { length, .. } = found {
                self.loop_start = Some(self.tokens.len() - length);
            }
            self.accept_all(bounds);
            return State::Failed(Failure::Repetition);
        }
        if self.tokens.len() == bounds.limit {
            if self.result_len == 0 || self.delta < bounds.frames / 2 {
                self.accept_all(bounds);
                return State::Failed(Failure::TooLong);
            }
            return State::Completed;
        }
        State::Running
    }

    /// Lets every token count when no timestamp says where the text stops being
    /// sure: the attempt failed, but it may be the best there is.
    fn accept_all(&mut self, bounds: &Bounds) {
        if !self.has_timestamp {
            self.result_len = self.tokens.len();
            self.delta = bounds.frames;
        }
    }

    /// Shortens a looping text to what was said and timed before the loop began.
    /// `false`, and nothing changed, when that is less than `least` frames.
    pub fn salvage(&mut self, vocab: &Vocab, least: usize) -> bool {
        let Some(start) = self.loop_start else { return false };
        let Some(last) = self.tokens[..start].iter().rposition(|t| *t > vocab.beg()) else { return false };
        let delta = FRAMES_PER_TIMESTAMP * (self.tokens[last] - vocab.beg()) as usize;
        if delta < least {
            return false;
        }
        (self.result_len, self.delta) = (last + 1, delta);
        true
    }

    /// Mean log-probability of the tokens that count.
    pub fn avg_logprob(&self) -> f32 {
        let kept = &self.logprobs[..self.result_len];
        if kept.is_empty() {
            return f32::NEG_INFINITY;
        }
        (kept.iter().map(|p| f64::from(*p)).sum::<f64>() / kept.len() as f64) as f32
    }

    /// What hypotheses are ranked by: the mean, or the sum over the length penalty
    /// of Wu et al. 2016 (arXiv 1609.08144, equation 14).
    pub fn score(&self, length_penalty: Option<f32>) -> f64 {
        let kept = &self.logprobs[..self.result_len];
        if kept.is_empty() {
            return f64::NEG_INFINITY;
        }
        let sum: f64 = kept.iter().map(|p| f64::from(*p)).sum();
        match length_penalty {
            None => sum / kept.len() as f64,
            Some(alpha) => sum / ((5.0 + kept.len() as f64) / 6.0).powf(f64::from(alpha)),
        }
    }
}
