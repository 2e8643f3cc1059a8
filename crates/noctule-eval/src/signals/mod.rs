//! Signs that a transcript was made up, or that the decoder went round in a loop.
//!
//! What an engine wrote enters, with what is known about the audio; numbers leave, and which of them cross their
//! [`Limits`]. They are signs and no verdicts: people repeat themselves too. They need no reference, but some say more
//! with one. Errors tell that a transcript is wrong, these tell how: a looping model is to be retried, a deaf one is
//! not.
//!
//! | signal | source of measure and limit |
//! |---|---|
//! | [`Signals::compression_ratio`] above 2.4 | `compression_ratio` and `compression_ratio_threshold` of openai-whisper, over 30 s |
//! | [`Signals::least_entropy`] below 2.4 nats | `whisper_sequence_score` and `entropy_thold` of whisper.cpp, over the last 32 tokens |
//! | [`Signals::repetition`] of up to six words, four times or more | ours; cf. the loops that A. Koenecke et al., "Careless Whisper" (2024), describe |
//! | [`Signals::words_per_second`] above 6 | ours: twice a fast reader |
//! | [`Signals::length_ratio`] outside 0.5 … 1.5 | ours |
//! | [`Signals::phrase`] that Whisper says to silence | M. Barański et al., "Investigation of Whisper ASR hallucinations induced by non-speech audio" (arXiv:2501.11378) |
//! | [`Signals::words`] where nobody speaks | the same |

mod loops;
mod phrases;
#[cfg(test)]
mod tests;

pub use loops::{Repetition, compression_ratio};

use crate::normalize::{BasicNormalizer, characters, words};
use serde::{Deserialize, Serialize};

/// Ratios of fewer words than these say nothing.
const LEAST_WORDS: usize = 5;

/// A transcript and what is known about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// What the engine wrote.
    pub text: &'a str,
    /// Its tokens, if the engine tells them, without timestamps and other special ones.
    pub tokens: Option<&'a [u32]>,
    /// Length of the audio, seconds.
    pub seconds: Option<f64>,
    /// What was said, if that is known; empty for a probe of silence or noise.
    pub reference: Option<&'a str>,
    /// The language is written without blanks between words: characters are counted instead.
    pub by_character: bool,
}

/// What was measured of a transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Words, or characters.
    pub words: usize,
    /// The largest [`compression_ratio`] of stretches of 100 words (200 characters), about what fits into 30 s, that
    /// overlap by half; the whole of a long text would compress better than its parts.
    pub compression_ratio: f64,
    /// The least entropy of any 32 tokens in a row, nats; of words where the engine tells no tokens. `None` for fewer.
    /// whisper.cpp looks at the last 32 of each window, which are among these.
    pub least_entropy: Option<f64>,
    /// The unit of up to six words that stands behind itself most often; `None` if none does.
    pub repetition: Option<Repetition>,
    /// `None` without a length, for characters, and for fewer than five words.
    pub words_per_second: Option<f64>,
    /// Words in parts of the reference's words; `None` without a reference of five words or more.
    pub length_ratio: Option<f64>,
    /// The known invention that was found, in lower case and without punctuation.
    pub phrase: Option<String>,
    /// Whether it is known that nobody speaks.
    pub silence: bool,
}

/// From where on a signal is raised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Compression ratio above.
    pub compression_ratio: f64,
    /// Entropy below, nats.
    pub entropy: f64,
    /// Repetitions from.
    pub repetitions: usize,
    /// Words per second above.
    pub words_per_second: f64,
    /// Length ratio below.
    pub shortest: f64,
    /// Length ratio above.
    pub longest: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compression_ratio: 2.4,
            entropy: 2.4,
            repetitions: 4,
            words_per_second: 6.0,
            shortest: 0.5,
            longest: 1.5,
        }
    }
}

/// What a transcript is suspected of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Signal {
    /// Compresses like a loop.
    Compression,
    /// Few different tokens.
    Entropy,
    /// The same words over and over.
    Repetition,
    /// More words than anybody speaks.
    Speed,
    /// Much shorter than what was said.
    Short,
    /// Much longer than what was said.
    Long,
    /// A known invention.
    Phrase,
    /// Words where nobody speaks.
    Silence,
}

impl Signals {
    /// Measures a transcript.
    pub fn of(evidence: &Evidence) -> Self {
        let said = units(evidence.text, evidence.by_character);
        let reference = evidence.reference.map(|text| units(text, evidence.by_character));
        let enough = said.len() >= LEAST_WORDS && !evidence.by_character;
        let seconds = evidence.seconds.filter(|&seconds| enough && seconds > 0.0);
        let of_reference = |reference: &Vec<String>| said.len() as f64 / reference.len() as f64;
        Self {
            words: said.len(),
            compression_ratio: loops::largest_ratio(evidence.text, evidence.by_character),
            least_entropy: match evidence.tokens {
                Some(tokens) => loops::least_entropy(tokens),
                None => loops::least_entropy(&said),
            },
            repetition: loops::repetition(&said),
            words_per_second: seconds.map(|seconds| said.len() as f64 / seconds),
            length_ratio: reference.as_ref().filter(|words| words.len() >= LEAST_WORDS).map(of_reference),
            phrase: phrases::invention(evidence.text, evidence.reference).map(str::to_string),
            silence: reference.is_some_and(|words| words.is_empty()),
        }
    }

    /// The signals that cross their limits, in the order of [`Signal`].
    pub fn raised(&self, limits: &Limits) -> Vec<Signal> {
        let above = |value: Option<f64>, limit: f64| value.is_some_and(|value| value > limit);
        let below = |value: Option<f64>, limit: f64| value.is_some_and(|value| value < limit);
        let all = [
            (Signal::Compression, self.compression_ratio > limits.compression_ratio),
            (Signal::Entropy, below(self.least_entropy, limits.entropy)),
            (Signal::Repetition, self.repetition.is_some_and(|found| found.times >= limits.repetitions)),
            (Signal::Speed, above(self.words_per_second, limits.words_per_second)),
            (Signal::Short, below(self.length_ratio, limits.shortest)),
            (Signal::Long, above(self.length_ratio, limits.longest)),
            (Signal::Phrase, self.phrase.is_some()),
            (Signal::Silence, self.silence && self.words > 0),
        ];
        all.into_iter().filter(|(_, raised)| *raised).map(|(signal, _)| signal).collect()
    }
}

/// Words without case and punctuation, or characters.
fn units(text: &str, by_character: bool) -> Vec<String> {
    if by_character {
        return characters(text);
    }
    words(&BasicNormalizer::default().normalize(text)).into_iter().map(str::to_string).collect()
}
