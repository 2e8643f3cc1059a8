//! Clips through the float model, with an ear at every product.

use super::{Importance, Inputs};
use crate::error::Error;
use crate::plan;
use crate::speech::{Clip, SAMPLES_PER_POSITION, options, prompt};
use noctule::Transcriber;
use noctule::tokenizer::Tokenizer;
use noctule_kernels::{Matrix, Observer, Rows};
use noctule_model::Model;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Whose words the decoder hears itself say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Its own, and those of the reference where there is one.
    #[default]
    Both,
    /// Its own.
    Free,
    /// Those of the reference; clips without one are refused.
    Forced,
}

/// A model that listens.
pub struct Calibration {
    transcriber: Transcriber,
    ear: Arc<Ear>,
    importance: Importance,
}

impl std::fmt::Debug for Calibration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calibration").field("importance", &self.importance).finish_non_exhaustive()
    }
}

impl Calibration {
    /// Goes on from `importance`, which may have heard clips before.
    ///
    /// # Errors
    /// [`Error::Importance`] if it is of another model.
    pub fn new(mut transcriber: Transcriber, importance: Importance) -> Result<Calibration, Error> {
        if !importance.tensors.is_empty() {
            importance.check(transcriber.model())?;
        }
        let ear = Arc::new(Ear::new(transcriber.model()));
        transcriber.observe(Some(ear.clone()));
        Ok(Calibration { transcriber, ear, importance })
    }

    /// What was heard so far.
    pub fn importance(&self) -> &Importance {
        &self.importance
    }

    /// Listens to one clip; returns the words heard.
    ///
    /// # Errors
    /// [`Error::Engine`] if the transcription fails, [`Error::Clip`] if the mode asks for a text that there is not
    /// or the clip was heard before.
    pub fn hear(&mut self, clip: &Clip, mode: Mode) -> Result<String, Error> {
        let refuse = |problem: &str| Err(Error::Clip { clip: clip.name.clone(), problem: problem.into() });
        if self.importance.clips.contains(&clip.name) {
            return refuse("it was heard before");
        }
        self.ear.clear();
        let mut words = String::new();
        let mut language = clip.language.clone().unwrap_or_else(|| "en".into());
        let mut encoded = false;
        if mode != Mode::Forced {
            let transcript = self.transcriber.transcribe(&clip.samples, &options(clip.language.as_deref()), &mut ())?;
            words = transcript.text();
            language.clone_from(&transcript.language);
            encoded = self.transcriber.phases().windows == 1;
        }
        match &clip.text {
            Some(text) if mode != Mode::Free => self.force(&clip.samples, text, &language, encoded),
            None if mode == Mode::Forced => return refuse("there is no text to go with it"),
            _ => {}
        }
        self.ear.give(&mut self.importance);
        self.importance.clips.insert(clip.name.clone());
        Ok(words)
    }

    /// Ends the listening.
    pub fn finish(self) -> Importance {
        self.importance
    }

    /// The reference's tokens through the decoder. Longer clips than a window would need to be cut where their text
    /// is cut, so of those the decoder hears its own words only. `encoded` says that the engine has heard the clip
    /// just now, in one window.
    fn force(&mut self, samples: &[f32], text: &str, language: &str, encoded: bool) {
        let model = self.transcriber.model();
        let window = model.hparams().n_audio_ctx * SAMPLES_PER_POSITION;
        let mut tokens = prompt(model, language);
        tokens.extend(Tokenizer::new(model.vocab()).encode(&format!(" {}", text.trim())));
        let most = model.hparams().n_text_ctx;
        if samples.len() > window || tokens.len() > most {
            return;
        }
        if !encoded {
            self.transcriber.log_mel(samples);
            self.transcriber.encode(0);
        }
        self.transcriber.logits(&tokens);
    }
}

/// Sums up what enters each matrix of a model.
struct Ear {
    /// The tensors' names and the addresses of their bytes.
    tensors: HashMap<usize, String>,
    heard: Mutex<HashMap<usize, Inputs>>,
}

impl Ear {
    fn new(model: &Model) -> Ear {
        let tensors = plan::matrices(model).map(|t| (model.bytes(t).as_ptr().addr(), t.name.clone())).collect();
        Ear { tensors, heard: Mutex::default() }
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, HashMap<usize, Inputs>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clear(&self) {
        self.heard().clear();
    }

    fn give(&self, importance: &mut Importance) {
        for (address, inputs) in self.heard().drain() {
            importance.tensors.entry(self.tensors[&address].clone()).or_default().add(&inputs);
        }
    }
}

impl Observer for Ear {
    fn product(&self, weights: &Matrix<'_>, x: Rows<'_>) {
        let address = weights.bytes().as_ptr().addr();
        if !self.tensors.contains_key(&address) {
            return;
        }
        let mut heard = self.heard();
        let inputs = heard.entry(address).or_default();
        inputs.rows += x.rows() as u64;
        inputs.sums.resize(x.cols(), 0.0);
        inputs.squares.resize(x.cols(), 0.0);
        for i in 0..x.rows() {
            for ((sum, square), &x) in inputs.sums.iter_mut().zip(&mut inputs.squares).zip(x.row(i)) {
                *sum += f64::from(x);
                *square += f64::from(x) * f64::from(x);
            }
        }
    }
}
