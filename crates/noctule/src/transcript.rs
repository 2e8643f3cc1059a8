//! What a transcription is made of: tokens, words, segments.
//!
//! The end of the path: the [`transcriber`](crate::transcriber) fills these, the
//! [`format`](crate::format) writers and every caller read them. Times are
//! seconds from the start of the audio, whatever was skipped in between.

use serde::{Deserialize, Serialize};

/// One sampled text token with what the decoder thought of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Vocabulary id.
    pub id: u32,
    /// Natural logarithm of the probability that the decoder gave this token
    /// after all rules, at temperature 1.
    pub logprob: f32,
}

/// One word, placed in time by cross-attention alignment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word with its leading blank, if it has one, and the punctuation that clings to it.
    pub word: String,
    /// Start, seconds.
    pub start: f64,
    /// End, seconds.
    pub end: f64,
    /// Mean probability of the word's tokens.
    pub probability: f32,
    /// How many of the segment's text tokens make up this word, in order.
    #[serde(skip)]
    pub token_count: usize,
}

/// Who speaks, as far as a stereo recording tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The left channel is clearly louder.
    Left,
    /// The right channel is clearly louder.
    Right,
    /// Neither channel stands out.
    Unknown,
}

/// Why a segment should not be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Every attempt ended in a repetition loop; this is the best that was left.
    /// Such text is kept out of captions.
    Repetition,
    /// Every attempt failed otherwise, mostly by its mean log-probability.
    LowProbability,
}

/// A stretch of speech with its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Position in the transcript, from 0.
    pub id: usize,
    /// Start, seconds.
    pub start: f64,
    /// End, seconds; never past the end of the audio.
    pub end: f64,
    /// The text as decoded, usually with a leading blank.
    pub text: String,
    /// Ids and log-probabilities of the text tokens (no timestamps, no specials).
    pub tokens: Vec<Token>,
    /// Mean log-probability of the decoding window's tokens.
    pub avg_logprob: f32,
    /// Probability that the window holds no speech, read at the start-of-transcript token.
    pub no_speech_prob: f32,
    /// Length of the window's text over its length compressed by zlib: high for loops.
    pub compression_ratio: f32,
    /// Sampling temperature that produced this segment.
    pub temperature: f32,
    /// Words with times; empty unless asked for.
    pub words: Vec<Word>,
    /// Speaker, when stereo diarisation was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<Speaker>,
    /// A tinydiarize model says that the speaker changes after this segment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub speaker_turn_next: bool,
    /// Set when no attempt passed the quality tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
}

/// Everything that one run of the transcriber found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    /// ISO code of the language spoken ("en"), detected or given.
    pub language: String,
    /// Probability of the detected language; `None` when it was given.
    pub language_probability: Option<f32>,
    /// Length of the audio, seconds.
    pub duration: f64,
    /// Segments in order of time.
    pub segments: Vec<Segment>,
}

impl Segment {
    /// Whether the segment belongs into text and captions: everything but loops.
    pub fn is_shown(&self) -> bool {
        self.doubt != Some(Doubt::Repetition)
    }
}

impl Transcript {
    /// The text of all [shown](Segment::is_shown) segments, joined and trimmed.
    pub fn text(&self) -> String {
        let joined: String = self.segments.iter().filter(|s| s.is_shown()).map(|s| s.text.as_str()).collect();
        joined.trim().to_owned()
    }
}
