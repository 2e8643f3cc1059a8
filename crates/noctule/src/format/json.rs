//! The full record of a run as one JSON object.
//!
//! Times are rounded to the millisecond. `language_probability` is there when
//! the language was detected; a segment's `speaker`, `speaker_turn_next` and `doubt` are
//! there when they say something. A score that is no finite number is `null`.
//! All other keys are always there, in the order of the structs below.

use super::Document;
use crate::report::{Kernels, Memory, Model, Timing};
use crate::transcript::{Doubt, Segment, Speaker, Word};
use serde::{Serialize, Serializer};
use std::io::{self, Write};

/// One object and a line end.
pub(super) fn write_json(document: &Document<'_>, writer: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *writer, document)?;
    writeln!(writer)
}

/// The object of `transcribe --json`.
impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let transcript = self.transcript;
        DocumentJson {
            file: self.file,
            model: self.model,
            language: &transcript.language,
            language_probability: transcript.language_probability,
            duration_s: round(transcript.duration),
            text: transcript.text(),
            segments: transcript.segments.iter().map(SegmentJson::from).collect(),
            timing: self.timing,
            memory: self.memory,
            kernels: self.kernels,
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct DocumentJson<'a> {
    file: &'a str,
    model: &'a Model,
    language: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_probability: Option<f32>,
    duration_s: f64,
    text: String,
    segments: Vec<SegmentJson<'a>>,
    timing: &'a Timing,
    memory: Memory,
    kernels: &'a Kernels,
}

#[derive(Serialize)]
struct SegmentJson<'a> {
    id: usize,
    start: f64,
    end: f64,
    text: &'a str,
    tokens: Vec<u32>,
    avg_logprob: f32,
    no_speech_prob: f32,
    compression_ratio: f32,
    temperature: f32,
    words: Vec<WordJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<Speaker>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    speaker_turn_next: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    doubt: Option<Doubt>,
}

#[derive(Serialize)]
struct WordJson<'a> {
    word: &'a str,
    start: f64,
    end: f64,
    probability: f32,
}

impl<'a> From<&'a Segment> for SegmentJson<'a> {
    fn from(segment: &'a Segment) -> Self {
        Self {
            id: segment.id,
            start: round(segment.start),
            end: round(segment.end),
            text: &segment.text,
            tokens: segment.tokens.iter().map(|token| token.id).collect(),
            avg_logprob: segment.avg_logprob,
            no_speech_prob: segment.no_speech_prob,
            compression_ratio: segment.compression_ratio,
            temperature: segment.temperature,
            words: segment.words.iter().map(WordJson::from).collect(),
            speaker: segment.speaker,
            speaker_turn_next: segment.speaker_turn_next,
            doubt: segment.doubt,
        }
    }
}

impl<'a> From<&'a Word> for WordJson<'a> {
    fn from(word: &'a Word) -> Self {
        let Word { start, end, probability, .. } = *word;
        Self { word: &word.word, start: round(start), end: round(end), probability }
    }
}

/// Seconds to the millisecond; 0 for what is no finite number, and never a negative zero.
fn round(seconds: f64) -> f64 {
    let rounded = (seconds * 1000.0).round() / 1000.0 + 0.0;
    if rounded.is_finite() { rounded } else { 0.0 }
}
