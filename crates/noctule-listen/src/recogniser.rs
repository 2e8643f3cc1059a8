//! What a session needs of a speech model, so that it can be tested with a
//! scripted one.

use noctule::live::{Continued, Request};
use noctule::options::{LanguageChoice, Task};
use noctule::{Error, Options, Transcriber};

/// A model that hears a stretch of audio and writes down what is said in it.
pub trait Recogniser {
    /// Encoder positions (20 ms each) of the longest stretch.
    fn positions(&self) -> usize;

    /// The language, where it is known beforehand: its position in [`LANGUAGES`](noctule::language::LANGUAGES).
    ///
    /// # Errors
    /// The model does not know the language, or not the task.
    fn language(&self, choice: &LanguageChoice, task: Task) -> Result<Option<usize>, Error>;

    /// Tokens of `text`.
    fn tokens(&self, text: &str) -> Vec<u32>;

    /// As [`Transcriber::hear`].
    fn hear(&mut self, samples: &[f32], loudest: Option<f32>, positions: usize) -> f32;

    /// As [`Transcriber::heard_language`].
    fn heard_language(&mut self) -> (usize, f32);

    /// As [`Transcriber::proceed`].
    ///
    /// # Errors
    /// As there.
    fn proceed(&mut self, request: &Request) -> Result<Continued, Error>;
}

impl Recogniser for Transcriber {
    fn positions(&self) -> usize {
        Self::positions(self)
    }

    fn language(&self, choice: &LanguageChoice, task: Task) -> Result<Option<usize>, Error> {
        self.check(&Options { language: choice.clone(), task, ..Options::default() })?;
        Ok(match choice {
            LanguageChoice::Fixed(code) => noctule::language::index_of(code),
            LanguageChoice::Auto => (!self.model().vocab().is_multilingual()).then_some(0),
        })
    }

    fn tokens(&self, text: &str) -> Vec<u32> {
        noctule::tokenizer::Tokenizer::new(self.model().vocab()).encode(text)
    }

    fn hear(&mut self, samples: &[f32], loudest: Option<f32>, positions: usize) -> f32 {
        Self::hear(self, samples, loudest, positions)
    }

    fn heard_language(&mut self) -> (usize, f32) {
        Self::heard_language(self)
    }

    fn proceed(&mut self, request: &Request) -> Result<Continued, Error> {
        Self::proceed(self, request, &mut || false)
    }
}
