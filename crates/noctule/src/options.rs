//! What a caller may ask of a transcription. Names and, where they are sound,
//! defaults are those of OpenAI's package and of whisper.cpp's command line.

use crate::grammar::Grammar;
use std::sync::Arc;

/// Language of the speech.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LanguageChoice {
    /// Let the model tell from the first window.
    #[default]
    Auto,
    /// An ISO code known to [`crate::language`] ("en", "de").
    Fixed(String),
}

/// What to write down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Task {
    /// The words in the language that was spoken.
    #[default]
    Transcribe,
    /// The words in English.
    Translate,
}

/// When to give up on a decoding attempt and try the next temperature.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// Entropy (nats) of the last 32 tokens below which text counts as a loop. whisper.cpp: 2.4.
    pub entropy: f32,
    /// Mean log-probability below which an attempt has failed. -1.0.
    pub logprob: f32,
    /// Probability of no speech above which a failed window is silence. 0.6.
    pub no_speech: f32,
    /// zlib compression ratio above which text counts as a loop. OpenAI: 2.4.
    pub compression_ratio: f32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { entropy: 2.4, logprob: -1.0, no_speech: 0.6, compression_ratio: 2.4 }
    }
}

/// How tokens are chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Beams at temperature 0; 1 is greedy.
    pub beam_size: usize,
    /// Independent samples at temperatures above 0.
    pub best_of: usize,
    /// Beam search goes on until `round(beam_size × patience)` hypotheses are finished.
    pub patience: f32,
    /// `None`: rank by mean log-probability. `Some(α)`: by sum over ((5+length)/6)^α (Wu et al. 2016).
    pub length_penalty: Option<f32>,
    /// First temperature.
    pub temperature: f32,
    /// Step to the next temperature after a failure, up to 1.
    pub temperature_inc: f32,
    /// Try further temperatures when an attempt fails.
    pub fallback: bool,
    /// Seed of the sampler at temperatures above 0.
    pub seed: u64,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            beam_size: 5,
            best_of: 5,
            patience: 1.0,
            length_penalty: None,
            temperature: 0.0,
            temperature_inc: 0.2,
            fallback: true,
            seed: 0,
        }
    }
}

/// What the decoder may see of earlier text.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// Text to set the scene: spelling of names, style.
    pub prompt: Option<String>,
    /// Put the prompt in front of every window, not only of the first.
    pub carry_prompt: bool,
    /// Condition a window on the text before it.
    pub previous_text: bool,
    /// At most this many tokens of prompt and previous text (the model's own limit is half its text context).
    pub max_tokens: usize,
}

impl Default for Context {
    fn default() -> Self {
        Self { prompt: None, carry_prompt: false, previous_text: true, max_tokens: 224 }
    }
}

/// All choices of one transcription.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Language spoken.
    pub language: LanguageChoice,
    /// Transcribe or translate.
    pub task: Task,
    /// Beams, temperatures, seed.
    pub search: Search,
    /// When an attempt has failed.
    pub thresholds: Thresholds,
    /// Prompt and previous text.
    pub context: Context,
    /// Decode timestamp tokens. Without them a window is one segment.
    pub timestamps: bool,
    /// One segment a window, whatever the timestamps say.
    pub single_segment: bool,
    /// Latest first timestamp of a window, seconds.
    pub max_initial_timestamp: f64,
    /// Stop after this many text tokens a window; 0 is no limit.
    pub max_tokens: usize,
    /// Align words to the audio.
    pub word_timestamps: bool,
    /// Split segments to this many characters; 0 is no limit.
    pub max_len: usize,
    /// Split between words, not between tokens.
    pub split_on_word: bool,
    /// Forbid a blank or nothing as the first token.
    pub suppress_blank: bool,
    /// Forbid tokens that are no speech (brackets, notes of music).
    pub suppress_non_speech: bool,
    /// Forbid tokens whose text this pattern matches as a whole.
    pub suppress_regex: Option<SuppressPattern>,
    /// Keep to a grammar.
    pub grammar: Option<GrammarRule>,
    /// How much of a window the encoder works on.
    pub audio_ctx: AudioContext,
    /// Mark speaker turns of a tinydiarize model.
    pub tinydiarize: bool,
}

/// How much of a window of 30 s the encoder works on. Models are trained on whole windows, silence and all, and fewer
/// positions are less work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AudioContext {
    /// The whole window.
    #[default]
    Full,
    /// So many positions of 20 ms in every window.
    Positions(usize),
    /// Where a recording ends before its window does: the rest of the recording and a little silence. Text that loops, is
    /// improbable or leaves sound over is thrown away, and the whole window heard.
    Auto,
}

/// A grammar and how strictly to keep to it.
#[derive(Debug, Clone, PartialEq)]
pub struct GrammarRule {
    /// The parsed grammar.
    pub grammar: Arc<Grammar>,
    /// Subtracted from the log-probability of a token that the grammar does not allow.
    pub penalty: f32,
}

/// A compiled suppression pattern; equal when the source text is.
#[derive(Debug, Clone)]
pub struct SuppressPattern(regex::bytes::Regex, String);

impl SuppressPattern {
    /// Compiles `pattern`; a token is forbidden when the pattern matches its whole text.
    ///
    /// # Errors
    /// The pattern is not a regular expression.
    pub fn new(pattern: &str) -> Result<Self, regex::Error> {
        let whole = regex::bytes::Regex::new(&format!("^(?:{pattern})$"))?;
        Ok(Self(whole, pattern.to_owned()))
    }

    /// Whether the pattern covers all of `text`.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for SuppressPattern {
    fn eq(&self, other: &Self) -> bool {
        self.1 == other.1
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            language: LanguageChoice::Auto,
            task: Task::Transcribe,
            search: Search::default(),
            thresholds: Thresholds::default(),
            context: Context::default(),
            timestamps: true,
            single_segment: false,
            max_initial_timestamp: 1.0,
            max_tokens: 0,
            word_timestamps: false,
            max_len: 0,
            split_on_word: false,
            suppress_blank: true,
            suppress_non_speech: false,
            suppress_regex: None,
            grammar: None,
            audio_ctx: AudioContext::Full,
            tinydiarize: false,
        }
    }
}
