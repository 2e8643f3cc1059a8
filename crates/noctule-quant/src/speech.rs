//! Speech that models are calibrated and compared on, and how they listen to it.

use noctule::Options;
use noctule::options::{Context, LanguageChoice, Search};
use noctule_model::Model;

/// Speech to listen to.
#[derive(Debug, Clone, Default)]
pub struct Clip {
    /// What tells it from others.
    pub name: String,
    /// 16 kHz mono.
    pub samples: Vec<f32>,
    /// What is said, where it is known.
    pub text: Option<String>,
    /// ISO code of the language; detected where it is not known.
    pub language: Option<String>,
}

/// 20 ms.
pub(crate) const SAMPLES_PER_POSITION: usize = 320;

/// Greedy, without a second try and without what was said before: every clip gives the same activations whatever
/// else is heard.
pub(crate) fn options(language: Option<&str>) -> Options {
    Options {
        language: language.map_or(LanguageChoice::Auto, |code| LanguageChoice::Fixed(code.to_owned())),
        search: Search { beam_size: 1, fallback: false, ..Search::default() },
        context: Context { previous_text: false, ..Context::default() },
        timestamps: false,
        ..Options::default()
    }
}

/// The tokens in front of a transcript without timestamps.
pub(crate) fn prompt(model: &Model, language: &str) -> Vec<u32> {
    let vocab = model.vocab();
    if !vocab.is_multilingual() {
        return vec![vocab.sot(), vocab.not_()];
    }
    let index = noctule::language::index_of(language).unwrap_or(0);
    vec![vocab.sot(), vocab.language(index), vocab.transcribe(), vocab.not_()]
}
