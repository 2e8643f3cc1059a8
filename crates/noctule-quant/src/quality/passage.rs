//! Stretches of speech no longer than a window, with the words that the float model hears.

use crate::error::Error;
use crate::speech::{self, Clip};
use noctule::Transcriber;
use noctule::tokenizer::Tokenizer;
use noctule::transcript::Doubt;

/// A stretch of speech.
#[derive(Debug, Clone)]
pub struct Passage {
    /// 16 kHz mono, at most a window.
    pub samples: Vec<f32>,
    /// Prompt, words, end of transcript.
    pub tokens: Vec<u32>,
    /// How many of the tokens are the prompt.
    pub prompt: usize,
    /// The words as text.
    pub text: String,
    /// ISO code of the language.
    pub language: String,
}

impl Passage {
    /// The tokens after the prompt.
    pub fn spoken(&self) -> &[u32] {
        &self.tokens[self.prompt..]
    }
}

/// Shorter remainders of a clip are left out, samples: half a second.
const SHORTEST: usize = 8_000;

/// Cuts `clip` into windows and lets `transcriber` write down each. A clip of one window in which it hears nothing, or
/// loops, has the words of its text if that is known; other such windows are left out.
///
/// # Errors
/// Those of the engine.
pub fn passages(transcriber: &mut Transcriber, clip: &Clip) -> Result<Vec<Passage>, Error> {
    let window = transcriber.model().hparams().n_audio_ctx * speech::SAMPLES_PER_POSITION;
    let mut passages = Vec::new();
    for samples in clip.samples.chunks(window).filter(|samples| samples.len() >= SHORTEST) {
        let options = speech::options(clip.language.as_deref());
        let transcript = transcriber.transcribe(samples, &options, &mut ())?;
        let model = transcriber.model();
        let mut text = transcript.text();
        let mut tokens = speech::prompt(model, &transcript.language);
        let prompt = tokens.len();
        tokens.extend(transcript.segments.iter().filter(|s| s.is_shown()).flat_map(|s| &s.tokens).map(|t| t.id));
        if let Some(known) = clip.text.as_deref().filter(|_| tokens.len() == prompt && clip.samples.len() <= window) {
            tokens.extend(Tokenizer::new(model.vocab()).encode(&format!(" {}", known.trim())));
            text = known.to_owned();
        }
        tokens.truncate(model.hparams().n_text_ctx - 1);
        if tokens.len() == prompt {
            continue;
        }
        tokens.push(model.vocab().eot());
        passages.push(Passage { samples: samples.to_vec(), tokens, prompt, text, language: transcript.language });
    }
    Ok(passages)
}

/// What `transcriber` makes of a passage by itself, and whether it looped.
pub(super) fn transcribed(transcriber: &mut Transcriber, passage: &Passage) -> Result<(String, bool), Error> {
    let options = speech::options(Some(&passage.language));
    let transcript = transcriber.transcribe(&passage.samples, &options, &mut ())?;
    let looped = transcript.segments.iter().any(|segment| segment.doubt == Some(Doubt::Repetition));
    let all: String = transcript.segments.iter().map(|segment| segment.text.as_str()).collect();
    Ok((all, looped))
}
