//! What quantising cost, measured on speech without knowing what was said.
//!
//! The float model transcribes each passage; then float model and candidate are both forced along those words
//! (teacher forcing), and at every token the candidate's distribution over the vocabulary is compared with the float
//! model's: [`Divergence`]. KL divergence sees what word errors are too coarse to see; on the words themselves see
//! [`Divergence::words_differing`]. Source of the method: llama.cpp's perplexity tool (`--kl-divergence`) and
//! "Accuracy is Not All You Need" (Dutta et al., arXiv:2407.09141).

mod divergence;
mod passage;
mod weights;

pub use divergence::Divergence;
pub use passage::{Passage, passages};
pub(crate) use weights::weighted;
pub use weights::{TensorError, tensor_errors};

use crate::error::Error;
use crate::speech::Clip;
use noctule::Transcriber;
use noctule_kernels::{Matrix, Observer, Rows};
use passage::transcribed;
use std::sync::{Arc, Mutex, PoisonError};

/// The float model and what it thinks of a passage.
#[derive(Debug)]
pub struct Judge {
    transcriber: Transcriber,
    layers: Arc<Layers>,
}

/// What a model thinks of a passage.
pub(crate) struct View {
    /// Log-probabilities after each token from the last of the prompt on, tokens × vocabulary.
    pub log_probs: Vec<f32>,
    /// The input of each encoder layer but the first, then the encoder's output: rows of features.
    pub layers: Vec<Vec<f32>>,
    /// Width of the features.
    pub width: usize,
}

impl Judge {
    /// Judges by `transcriber`, whose model is the one that the candidates were made from.
    pub fn new(mut transcriber: Transcriber) -> Judge {
        let layers = Arc::new(Layers::of(transcriber.model()));
        transcriber.observe(Some(layers.clone()));
        Judge { transcriber, layers }
    }

    /// The engine that judges.
    pub fn transcriber(&mut self) -> &mut Transcriber {
        &mut self.transcriber
    }

    /// Cuts a clip into passages with the words that the float model hears in them.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn passages(&mut self, clip: &Clip) -> Result<Vec<Passage>, Error> {
        passages(&mut self.transcriber, clip)
    }

    pub(crate) fn view(&mut self, passage: &Passage) -> View {
        view(&mut self.transcriber, &self.layers, passage)
    }
}

/// A quantised model on trial.
#[derive(Debug)]
pub struct Candidate {
    judge: Judge,
    /// What was found so far.
    pub found: Divergence,
}

impl Candidate {
    /// A candidate about which nothing is known.
    pub fn new(transcriber: Transcriber) -> Candidate {
        Candidate { judge: Judge::new(transcriber), found: Divergence::default() }
    }

    /// The engine on trial.
    pub fn transcriber(&mut self) -> &mut Transcriber {
        self.judge.transcriber()
    }
}

/// Puts all candidates to one passage. With `free` each also transcribes it by itself, which finds loops.
///
/// # Errors
/// Those of the engine.
pub fn compare(judge: &mut Judge, candidates: &mut [Candidate], passage: &Passage, free: bool) -> Result<(), Error> {
    if passage.tokens.len() <= passage.prompt {
        return Ok(());
    }
    let truth = judge.view(passage);
    for candidate in candidates {
        let view = candidate.judge.view(passage);
        candidate.found.add(&truth, &view, passage.spoken());
        if free {
            let (text, looped) = transcribed(candidate.judge.transcriber(), passage)?;
            candidate.found.add_text(&passage.text, &text, looped);
        }
    }
    Ok(())
}

fn view(transcriber: &mut Transcriber, layers: &Layers, passage: &Passage) -> View {
    layers.clear();
    transcriber.log_mel(&passage.samples);
    let last = transcriber.encode(0);
    let width = transcriber.model().hparams().n_audio_state;
    let log_probs = log_probs(transcriber, passage);
    let mut features = layers.take();
    features.push(last);
    View { log_probs, layers: features, width }
}

/// Log-probabilities after each token from the last of the prompt on, for the audio that was encoded last.
pub(crate) fn log_probs(transcriber: &mut Transcriber, passage: &Passage) -> Vec<f32> {
    let n_vocab = transcriber.model().hparams().n_vocab;
    // The last token predicts nothing that is known.
    let logits = transcriber.logits(&passage.tokens[..passage.tokens.len() - 1]);
    let mut log_probs = logits[(passage.prompt - 1) * n_vocab..].to_vec();
    log_probs.chunks_exact_mut(n_vocab).for_each(|row| transcriber.compute().log_softmax(row));
    log_probs
}

/// Keeps what enters each encoder layer but the first.
#[derive(Debug)]
struct Layers {
    /// Addresses of the query weights of layers 1, 2, ….
    queries: Vec<usize>,
    seen: Mutex<Vec<Vec<f32>>>,
}

impl Layers {
    fn of(model: &noctule_model::Model) -> Layers {
        let names = (1..model.hparams().n_audio_layer).map(|i| format!("encoder.blocks.{i}.attn.query.weight"));
        let queries = names.filter_map(|name| model.tensor(&name)).map(|t| model.bytes(t).as_ptr().addr()).collect();
        Layers { queries, seen: Mutex::default() }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Vec<Vec<f32>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clear(&self) {
        self.seen().clear();
    }

    fn take(&self) -> Vec<Vec<f32>> {
        std::mem::take(&mut self.seen())
    }
}

impl Observer for Layers {
    fn product(&self, weights: &Matrix<'_>, x: Rows<'_>) {
        if self.queries.contains(&weights.bytes().as_ptr().addr()) {
            self.seen().push((0..x.rows()).flat_map(|i| x.row(i)).copied().collect());
        }
    }
}
