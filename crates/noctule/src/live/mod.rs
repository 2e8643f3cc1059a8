//! What live transcription asks of the engine: hear the audio that there is so
//! far, and go on from the text that stands already.
//!
//! Enters: a few seconds of 16 kHz samples, and the tokens that were written
//! down for them before. Leaves: the tokens that come next, where the decoder
//! looked while it wrote each of them, and words with times. The same audio is
//! heard again and again while it grows; what was said about it is given as a
//! prefix, so that it cannot change and costs no decoding.
//!
//! This is beside the [`transcriber`](crate::transcriber)'s loop and made of
//! the same parts. When text is sure enough to keep is decided elsewhere
//! (crate `noctule-listen`).

mod attend;
mod hear;
mod proceed;

pub(crate) use attend::Attention;

use crate::options::Task;
use crate::words::SECONDS_PER_FRAME;

/// What is asked of [`Transcriber::proceed`](crate::Transcriber::proceed).
#[derive(Debug, Clone, PartialEq)]
pub struct Request<'a> {
    /// Tokens of text before the audio that is heard; the decoder sees the last of them.
    pub context: &'a [u32],
    /// Position of the language in [`LANGUAGES`](crate::language::LANGUAGES); 0 for English-only models.
    pub language: usize,
    /// What to write down.
    pub task: Task,
    /// Text tokens that stand for the beginning of the audio.
    pub prefix: &'a [u32],
    /// Beams; 1 is greedy.
    pub beam_size: usize,
    /// Most tokens to add.
    pub max_tokens: usize,
    /// Forbid tokens that are no speech (brackets, notes of music).
    pub suppress_non_speech: bool,
}

/// One token behind the prefix.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveToken {
    /// Vocabulary id, a text token.
    pub id: u32,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// Where the alignment heads looked when it was written, seconds from the start of the audio.
    pub attended: f64,
}

/// One word behind the prefix, placed in the audio.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveWord {
    /// The word with its leading blank, if it has one.
    pub text: String,
    /// Its tokens, as positions in [`Continued::tokens`].
    pub tokens: std::ops::Range<usize>,
    /// Start, seconds from the start of the audio.
    pub start: f64,
    /// End, seconds from the start of the audio.
    pub end: f64,
    /// Mean probability of its tokens.
    pub probability: f32,
}

/// How a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The model says that nothing follows.
    EndOfText,
    /// [`Request::max_tokens`], or the model's own limit.
    Limit,
    /// It repeats itself; the repetition is left out.
    Loop,
}

/// What comes behind the prefix.
#[derive(Debug, Clone, PartialEq)]
pub struct Continued {
    /// The tokens, without the end of text.
    pub tokens: Vec<LiveToken>,
    /// The same as words.
    pub words: Vec<LiveWord>,
    /// How the text ended.
    pub end: End,
    /// Probability that the audio holds no speech, read at the start-of-transcript token.
    pub no_speech_prob: f32,
    /// Mean log-probability of the tokens and the end of text; 0 where there are none.
    pub avg_logprob: f32,
}

/// Seconds of `position` of the encoder.
fn seconds(position: usize) -> f64 {
    position as f64 * SECONDS_PER_FRAME
}
