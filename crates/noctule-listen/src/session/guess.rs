//! The hypothesis behind the words that stand.

use crate::policy::Guess;
use noctule::live::Continued;
use noctule::transcript::Token;

/// Words that may still change, as the model heard them last.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub words: Vec<TailWord>,
    /// Samples of the stretch that were heard.
    pub heard: usize,
    pub no_speech_prob: f32,
    /// Whether the model said that nothing follows.
    pub complete: bool,
    /// The language that the model heard, where none was known, and its probability.
    pub language: Option<(usize, f32)>,
}

/// One of them. Times are seconds in the stretch.
#[derive(Debug, Clone)]
pub(super) struct TailWord {
    pub guess: Guess,
    pub start: f64,
    pub tokens: Vec<Token>,
}

/// No word lasts longer before and after the moments at which the model looks, seconds: the rest is a pause, which the time warp
/// gives to one of its neighbours.
const ONSET: f64 = 0.5;
const FADE: f64 = 0.7;

impl TailWord {
    /// Words of what the model wrote.
    pub fn all(continued: &Continued) -> Vec<Self> {
        let words = continued.words.iter();
        words
            .map(|word| {
                let tokens = &continued.tokens[word.tokens.clone()];
                let first = tokens.iter().map(|token| token.attended).fold(f64::INFINITY, f64::min);
                let last = tokens.iter().map(|token| token.attended).fold(0.0, f64::max);
                let start = word.start.max(first.min(word.end) - ONSET);
                let end = word.end.min(last.max(word.start) + FADE).max(start);
                Self {
                    guess: Guess { text: word.text.clone(), end, attended: last, probability: word.probability },
                    start,
                    tokens: tokens.iter().map(|token| Token { id: token.id, logprob: token.logprob }).collect(),
                }
            })
            .collect()
    }
}
