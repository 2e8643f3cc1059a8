//! Single passes through the network, for comparing, calibrating and measuring it.
//!
//! [`Transcriber::transcribe`] is built from the same parts; these stop halfway:
//! after the encoder, or at the logits of given tokens.

use crate::decoder::Batch;
use crate::mel::MelMaximum;
use crate::transcriber::{State, Transcriber};
use crate::weights::Net;
use noctule_kernels::{Input, Observer, Operand, Rows};
use std::sync::Arc;

impl Transcriber {
    /// Shows the input of every further product of activations and weights to `observer`, or to nobody. A product's
    /// weights are bytes of [`model`](Self::model), but for those of the convolutions.
    pub fn observe(&mut self, observer: Option<Arc<dyn Observer>>) {
        self.compute.observe(observer);
    }

    /// Log-mel frames of 16 kHz `samples`, see [`mel`](crate::mel).
    pub fn log_mel(&mut self, samples: &[f32]) -> &crate::mel::Mel {
        let (mel, compute) = (&mut self.state.mel, &self.compute);
        mel.start(samples.len() as u64, MelMaximum::Running);
        let all = 0..mel.n_frames();
        mel.fill(&self.mel, &mut &*samples, all, &|data, chunk, work| compute.par_chunks_mut(data, chunk, work))
            .expect("a slice gives all its samples");
        mel.set_maximum(MelMaximum::Global(mel.loudest()));
        &self.state.mel
    }

    /// Encodes the 30 s window that starts at mel frame `start` (10 ms each) of
    /// the last [`log_mel`](Self::log_mel) and keeps it for [`logits`](Self::logits).
    /// Returns features, `n_audio_ctx × n_audio_state`.
    pub fn encode(&mut self, start: usize) -> Vec<f32> {
        let hparams = self.model.hparams();
        let positions = hparams.n_audio_ctx;
        let state = &mut self.state;
        state.mel.window(start, 2 * positions, state.encoder.mel_buffer(positions, hparams.n_mels));
        self.features()
    }

    /// Like [`encode`](Self::encode) for log-mel `frames` of the caller's own, `2·n_audio_ctx × n_mels`.
    ///
    /// # Panics
    /// `frames` has another size.
    pub fn encode_mel(&mut self, frames: &[f32]) -> Vec<f32> {
        let hparams = self.model.hparams();
        let buffer = self.state.encoder.mel_buffer(hparams.n_audio_ctx, hparams.n_mels);
        let end = buffer.len() - hparams.n_mels;
        buffer[..hparams.n_mels].fill(0.0);
        buffer[end..].fill(0.0);
        buffer[hparams.n_mels..end].copy_from_slice(frames);
        self.features()
    }

    fn features(&mut self) -> Vec<f32> {
        self.state.release();
        let net = Net { model: &self.model, weights: &self.weights, compute: &self.compute };
        let State { encoder, cross, .. } = &mut self.state;
        let positions = self.model.hparams().n_audio_ctx;
        encoder.run(net, positions);
        let rows = encoder.rows(net, positions);
        cross.fill(net, encoder.finish(net, positions));
        encoder.forget();
        rows
    }

    /// Takes `features` as [`encode`](Self::encode) gives them for [`logits`](Self::logits), without the encoder.
    ///
    /// # Panics
    /// `features` are no whole rows of `n_audio_state`.
    pub fn attend(&mut self, features: &[f32]) {
        let width = self.model.hparams().n_audio_state;
        assert!(features.len().is_multiple_of(width) && !features.is_empty(), "{} features", features.len());
        let net = Net { model: &self.model, weights: &self.weights, compute: &self.compute };
        let mut operand = Operand::default();
        let rows = Rows::new(features, features.len() / width, width);
        self.compute.load(Input::Rows(rows), false, &mut operand);
        self.state.cross.fill(net, &operand);
    }

    /// Logits after each of `tokens` from the start of a sequence, `tokens.len() × n_vocab`,
    /// for the audio of the last [`encode`](Self::encode). No rule has touched them.
    ///
    /// # Panics
    /// No tokens, more tokens than the text context holds, or an id outside the vocabulary.
    pub fn logits(&mut self, tokens: &[u32]) -> &[f32] {
        let hparams = self.model.hparams();
        assert!((1..=hparams.n_text_ctx).contains(&tokens.len()), "{} tokens", tokens.len());
        let state = &mut self.state;
        state.cells.clear();
        let cells: Vec<u32> = tokens.iter().map(|_| state.cells.take()).collect();
        let lists: Vec<&[u32]> = (1..=cells.len()).map(|n| &cells[..n]).collect();
        let positions: Vec<usize> = (0..tokens.len()).collect();
        let batch = Batch { tokens, positions: &positions, cells: &lists, wanted: &positions };
        let net = Net { model: &self.model, weights: &self.weights, compute: &self.compute };
        state.decoder.run(net, &mut state.cells, &state.cross, &batch, None)
    }
}
