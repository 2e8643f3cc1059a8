//! What a caller may ask of a session.

use crate::endpoint::EndpointOptions;
use crate::pace::PaceOptions;
use crate::policy::PolicyKind;
use noctule::options::{LanguageChoice, Task};

/// How much of the encoder is used for audio that does not fill it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Positions {
    /// All of it, whatever the length: what stock models are trained for.
    Full,
    /// As much as there is audio, and this many positions (20 ms) more: for models fine-tuned to it.
    Margin(usize),
    /// At least so many; as much as there is audio where that is more.
    AtLeast(usize),
}

impl Positions {
    /// Positions for `samples` of audio in a model of `all`.
    pub fn of(self, samples: usize, all: usize) -> usize {
        let heard = samples.div_ceil(2 * noctule::mel::HOP);
        let wanted = match self {
            Self::Full => all,
            Self::Margin(margin) => heard + margin,
            Self::AtLeast(least) => least.max(heard),
        };
        wanted.clamp(1, all)
    }
}

/// All choices of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionOptions {
    /// When words stand.
    pub policy: PolicyKind,
    /// AlignAtt: words attended to within the last seconds of the audio wait.
    pub front: f64,
    /// How often to compute.
    pub pace: PaceOptions,
    /// What counts as speech.
    pub endpoint: EndpointOptions,
    /// Language spoken.
    pub language: LanguageChoice,
    /// Transcribe or translate.
    pub task: Task,
    /// Beams while somebody speaks.
    pub beam_size: usize,
    /// Beams when an utterance is over.
    pub final_beam_size: usize,
    /// How much of the encoder to use.
    pub positions: Positions,
    /// Text to set the scene: spelling of names, style.
    pub prompt: Option<String>,
    /// Most tokens of earlier text that the decoder is shown.
    pub context_tokens: usize,
    /// Most audio that is heard at once, seconds; at most the model's 30.
    pub longest: f64,
    /// How much audio of what was said before is heard again with what follows, seconds.
    pub carry: f64,
    /// Forbid tokens that are no speech (brackets, notes of music).
    pub suppress_non_speech: bool,
    /// Probability of no speech above which an unlikely text is silence.
    pub no_speech: f32,
    /// Mean log-probability below which a text is unlikely.
    pub logprob: f32,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            policy: PolicyKind::AlignAtt,
            front: 0.6,
            pace: PaceOptions::default(),
            endpoint: EndpointOptions::default(),
            language: LanguageChoice::Auto,
            task: Task::Transcribe,
            beam_size: 5,
            final_beam_size: 5,
            positions: Positions::Full,
            prompt: None,
            context_tokens: 64,
            longest: 24.0,
            carry: 12.0,
            suppress_non_speech: true,
            no_speech: 0.6,
            logprob: -1.0,
        }
    }
}
