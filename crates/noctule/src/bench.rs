//! What the network costs on this machine, without audio: the loads of whisper-bench, for comparing with it.
//!
//! A [`Transcriber`] enters, [`Phases`] leave: the encoder over one silent window of full length, the decoder with one
//! token at a time, with five, and with 256.

use crate::decoder::Batch;
use crate::error::Error;
use crate::timing::{Passes, Phases, timed};
use crate::transcriber::Transcriber;
use crate::weights::Net;

/// Single tokens of one text, and tokens of one prompt; a shorter text context bounds both.
const LONG: usize = 256;
/// Tokens of one batch, as the beams of a search would bring them.
const BATCH: usize = 5;
/// Batches.
const BATCHES: usize = 64;
/// Prompts.
const PROMPTS: usize = 16;

impl Transcriber {
    /// Runs the loads, first some of them to warm up. `cancelled` is asked between them.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn bench(&mut self, cancelled: &mut dyn FnMut() -> bool) -> Result<Phases, Error> {
        let mut go_on = || if cancelled() { Err(Error::Cancelled) } else { Ok(()) };
        let hparams = self.model.hparams();
        let (long, batch) = (LONG.min(hparams.n_text_ctx), BATCH.min(hparams.n_text_ctx));
        let silence = vec![0.0; 2 * hparams.n_audio_ctx * hparams.n_mels];
        let mut phases = Phases::default();
        self.encode_mel(&silence);
        for count in [long, batch] {
            go_on()?;
            self.run_tokens(count, &mut Vec::new());
        }
        self.state.decoder.passes = Passes::default();
        timed(&mut phases.encode, || {
            self.encode_mel(&silence);
        });
        phases.windows = 1;
        let mut text = Vec::new();
        for _ in 0..long {
            go_on()?;
            self.run_tokens(1, &mut text);
        }
        for (count, times) in [(batch, BATCHES), (long, PROMPTS)] {
            for _ in 0..times {
                go_on()?;
                self.run_tokens(count, &mut Vec::new());
            }
        }
        phases.passes = self.state.decoder.passes;
        let Passes { single, batch, prompt } = phases.passes;
        phases.decode = single.time + batch.time + prompt.time;
        phases.steps = long + BATCHES + PROMPTS;
        Ok(phases)
    }

    /// Runs `count` tokens behind the cells of `text`, and adds theirs to it. Logits are computed for the last.
    fn run_tokens(&mut self, count: usize, text: &mut Vec<u32>) {
        let state = &mut self.state;
        if text.is_empty() {
            state.cells.clear();
        }
        let before = text.len();
        text.extend((0..count).map(|_| state.cells.take()));
        let lists: Vec<&[u32]> = (before + 1..=text.len()).map(|n| &text[..n]).collect();
        let positions: Vec<usize> = (before..text.len()).collect();
        let batch = Batch { tokens: &vec![0; count], positions: &positions, cells: &lists, wanted: &[count - 1] };
        let net = Net { model: &self.model, weights: &self.weights, compute: &self.compute };
        state.decoder.run(net, &mut state.cells, &state.cross, &batch, None);
    }
}

#[cfg(all(test, feature = "embedded-model"))]
mod tests {
    use super::*;
    use crate::transcriber::Config;

    #[test]
    fn every_load_is_timed_and_can_be_stopped() {
        let mut transcriber = Transcriber::new(crate::embedded_model().unwrap(), Config::default()).unwrap();
        let phases = transcriber.bench(&mut || false).unwrap();
        let Passes { single, batch, prompt } = phases.passes;
        assert_eq!((single.tokens, batch.tokens, prompt.tokens), (256, 320, 4096));
        assert_eq!((single.choices, batch.choices, prompt.choices), (256, 64, 16));
        assert!(single.time.min(batch.time).min(prompt.time).min(phases.encode).as_nanos() > 0);
        let buffers = transcriber.buffers();
        let h = transcriber.model().hparams();
        // A byte each, both keys and values; padding to whole blocks and scales are allowed for.
        let cross = (2 * h.n_audio_ctx * h.n_text_state * h.n_text_layer) as u64;
        assert!((cross..cross * 6 / 5).contains(&buffers.cross_kv), "{buffers:?}");
        assert!(buffers.self_kv >= (2 * 4 * 256 * h.n_text_state * h.n_text_layer) as u64, "{buffers:?}");
        assert!(buffers.total() > buffers.cross_kv + buffers.self_kv, "{buffers:?}");
        assert!(matches!(transcriber.bench(&mut || true), Err(Error::Cancelled)));
    }
}
