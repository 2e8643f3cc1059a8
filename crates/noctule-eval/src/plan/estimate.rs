//! How long a run will take, before anything is measured.
//!
//! load + windows · encoder + tokens · step, with the encoder bound by arithmetic and the step by reading weights. Two
//! figures of the machine are enough; where nobody has measured them, those of a slow core are taken.

use super::model::ModelFacts;
use crate::engine::Settings;
use serde::{Deserialize, Serialize};

/// What the machine can do, per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Multiply-adds of the encoder's products, one thread.
    pub macs: f64,
    /// Bytes of weights that the decoder reads, one thread.
    pub bytes: f64,
    /// How much faster all processors are than one.
    pub scaling: f64,
    /// Processors.
    pub cores: u32,
}

impl Default for Speed {
    fn default() -> Self {
        // A Cortex-A72 without anything special.
        Self { macs: 4e9, bytes: 1.5e9, scaling: 3.0, cores: 4 }
    }
}

/// A window, seconds; Whisper moves on a little less than that where speech does not end with it.
const WINDOW_S: f64 = 30.0;
/// Tokens of a second of speech: 2.5 words of 1.35 tokens, and times.
const TOKENS_A_SECOND: f64 = 3.8;
/// Reading a model, bytes per second, and starting a process, seconds.
const LOAD_RATE: f64 = 4e8;
const START_S: f64 = 0.05;
/// Share of the peak that real products reach, attention and all.
const EFFICIENCY: f64 = 0.6;
/// A further beam costs this much of the first.
const BEAM_SHARE: f64 = 0.35;
/// Beams that engines take without being told.
pub const USUAL_BEAMS: u32 = 5;

impl Speed {
    fn gain(&self, threads: u32) -> f64 {
        let cores = f64::from(self.cores.max(1));
        let share = (f64::from(threads.max(1)) - 1.0).min(cores - 1.0) / (cores - 1.0).max(1.0);
        1.0 + (self.scaling.max(1.0) - 1.0) * share
    }

    /// Seconds that a run over recordings of these lengths takes, in one process.
    pub fn seconds(&self, model: &ModelFacts, settings: &Settings, lengths: impl IntoIterator<Item = f64>) -> f64 {
        let positions = settings.audio_ctx.map_or(model.dims.n_audio_ctx, u64::from);
        let gain = self.gain(settings.threads.unwrap_or(self.cores));
        let encode = model.dims.encoder_macs(positions) / (self.macs * EFFICIENCY * gain);
        let bits = 8.0 * model.size_bytes as f64 / model.dims.weights().max(1.0);
        let token = model.dims.decoder_weights() * bits / 8.0 / (self.bytes * gain);
        let beams = match settings.mode {
            crate::engine::Mode::Bare => 1,
            crate::engine::Mode::Product => settings.beam_size.unwrap_or(USUAL_BEAMS),
        };
        let step = token * (1.0 + BEAM_SHARE * f64::from(beams - 1));
        let one = |seconds: f64| (seconds / WINDOW_S).ceil().max(1.0) * encode + seconds * TOKENS_A_SECOND * step;
        START_S + model.size_bytes as f64 / LOAD_RATE + lengths.into_iter().map(one).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Dims;
    use super::*;

    fn base() -> ModelFacts {
        let dims = Dims {
            n_audio_ctx: 1500,
            n_audio_state: 512,
            n_audio_layer: 6,
            n_text_state: 512,
            n_text_layer: 6,
            n_vocab: 51_865,
            n_mels: 80,
        };
        ModelFacts { dims, size_bytes: 59_707_625, ..ModelFacts::default() }
    }

    #[test]
    fn estimates_are_of_the_right_size() {
        // Notes of a Raspberry Pi 4: base-q5_1 takes 14.4 s for 11 s of audio with 4 threads.
        let settings = Settings { threads: Some(4), ..Settings::default() };
        let seconds = Speed::default().seconds(&base(), &settings, [11.0]);
        assert!((5.0..30.0).contains(&seconds), "{seconds}");
    }

    #[test]
    fn more_of_anything_takes_longer() {
        let (speed, base) = (Speed::default(), base());
        let of = |settings: &Settings, length: f64| speed.seconds(&base, settings, [length]);
        let one = Settings { threads: Some(1), ..Settings::default() };
        let four = Settings { threads: Some(4), ..Settings::default() };
        let greedy = Settings { beam_size: Some(1), ..four.clone() };
        let short = Settings { audio_ctx: Some(750), ..four.clone() };
        assert!(of(&one, 10.0) > of(&four, 10.0));
        assert!(of(&greedy, 10.0) < of(&four, 10.0));
        assert!(of(&short, 10.0) < of(&four, 10.0));
        assert!(of(&four, 40.0) > of(&four, 29.0));
        assert_eq!(speed.gain(4), speed.gain(400));
    }
}
