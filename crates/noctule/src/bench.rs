//! What the network costs on this machine, without audio: the loads of whisper-bench, for comparing with it.
//!
//! A [`Transcriber`] and [`Loads`] enter, [`Phases`] leave: the encoder over silent windows of full length, the decoder
//! with one token at a time, with five, and with 256.

use crate::decoder::Batch;
use crate::error::Error;
use crate::timing::{Passes, Phases, timed};
use crate::transcriber::Transcriber;
use crate::weights::Net;

/// Tokens of one prompt; a shorter text context bounds them.
const LONG: usize = 256;
/// Tokens of one batch, as the beams of a search would bring them.
const BATCH: usize = 5;

/// What to run. The default is what whisper-bench runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loads {
    /// Run one window, one prompt and one batch before anything counts.
    pub warm_up: bool,
    /// Windows through the encoder.
    pub windows: usize,
    /// Tokens of one text, one at a time, at most what the text context holds.
    pub singles: usize,
    /// Batches of five tokens.
    pub batches: usize,
    /// Prompts of 256 tokens.
    pub prompts: usize,
}

impl Default for Loads {
    fn default() -> Self {
        Self { warm_up: true, windows: 1, singles: 256, batches: 64, prompts: 16 }
    }
}

impl Transcriber {
    /// Runs the loads. `cancelled` is asked between them. The decoder needs a window to attend to: where none is asked
    /// for, one is encoded that does not count.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn bench(&mut self, loads: &Loads, cancelled: &mut dyn FnMut() -> bool) -> Result<Phases, Error> {
        let mut go_on = || if cancelled() { Err(Error::Cancelled) } else { Ok(()) };
        let hparams = self.model.hparams();
        let (long, batch) = (LONG.min(hparams.n_text_ctx), BATCH.min(hparams.n_text_ctx));
        let singles = loads.singles.min(hparams.n_text_ctx);
        let silence = vec![0.0; 2 * hparams.n_audio_ctx * hparams.n_mels];
        let mut phases = Phases::default();
        let decodes = singles + loads.batches + loads.prompts > 0;
        if loads.warm_up || (decodes && loads.windows == 0) {
            self.encode_mel(&silence);
        }
        if loads.warm_up {
            for count in [long, batch] {
                go_on()?;
                self.run_tokens(count, &mut Vec::new());
            }
        }
        self.state.decoder.passes = Passes::default();
        for _ in 0..loads.windows {
            go_on()?;
            timed(&mut phases.encode, || {
                self.encode_mel(&silence);
            });
        }
        phases.windows = loads.windows;
        let mut text = Vec::new();
        for _ in 0..singles {
            go_on()?;
            self.run_tokens(1, &mut text);
        }
        for (count, times) in [(batch, loads.batches), (long, loads.prompts)] {
            for _ in 0..times {
                go_on()?;
                self.run_tokens(count, &mut Vec::new());
            }
        }
        phases.passes = self.state.decoder.passes;
        let Passes { single, batch, prompt } = phases.passes;
        phases.decode = single.time + batch.time + prompt.time;
        phases.steps = singles + loads.batches + loads.prompts;
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
        if crate::testing::too_much() {
            return;
        }
        let mut transcriber = Transcriber::new(crate::embedded_model().unwrap(), Config::default()).unwrap();
        let phases = transcriber.bench(&Loads::default(), &mut || false).unwrap();
        let Passes { single, batch, prompt } = phases.passes;
        assert_eq!((single.tokens, batch.tokens, prompt.tokens), (256, 5 * 64, 256 * 16));
        assert_eq!((single.choices, batch.choices, prompt.choices), (256, 64, 16));
        assert!(single.time.min(batch.time).min(prompt.time).min(phases.encode).as_nanos() > 0);
        let buffers = transcriber.buffers();
        let h = transcriber.model().hparams();
        // A byte each, both keys and values; padding to whole blocks and scales are allowed for.
        let cross = (2 * h.n_audio_ctx * h.n_text_state * h.n_text_layer) as u64;
        assert!((cross..cross * 6 / 5).contains(&buffers.cross_kv), "{buffers:?}");
        // Two bytes each, of 256 tokens at least.
        let own = (2 * 2 * 256 * h.n_text_state * h.n_text_layer) as u64;
        assert!((own..2 * own).contains(&buffers.self_kv), "{buffers:?}");
        assert!(buffers.total() > buffers.cross_kv + buffers.self_kv, "{buffers:?}");
        assert!(matches!(transcriber.bench(&Loads::default(), &mut || true), Err(Error::Cancelled)));
    }

    #[test]
    fn only_what_is_asked_for_is_run() {
        if crate::testing::too_much() {
            return;
        }
        let mut transcriber = Transcriber::new(crate::embedded_model().unwrap(), Config::default()).unwrap();
        let nothing = Loads { warm_up: false, windows: 0, singles: 0, batches: 0, prompts: 0 };
        assert_eq!(transcriber.bench(&nothing, &mut || false).unwrap(), Phases::default());
        assert_eq!(transcriber.buffers().encoder, 0, "nothing was encoded");
        let few = Loads { singles: 2, batches: 1, ..nothing };
        let phases = transcriber.bench(&few, &mut || false).unwrap();
        let Passes { single, batch, prompt } = phases.passes;
        assert_eq!((phases.windows, single.tokens, batch.tokens, prompt.tokens), (0, 2, 5, 0));
        assert!(phases.encode.is_zero() && !single.time.is_zero());
        let encode = Loads { windows: 1, ..nothing };
        let phases = transcriber.bench(&encode, &mut || false).unwrap();
        assert!(phases.windows == 1 && !phases.encode.is_zero() && phases.decode.is_zero());
    }
}
