//! Samples of one input, and the speech in them.

use crate::failure::Failure;
use crate::plan::{Input, Speech};
use noctule_audio::file::{self, Audio, ReadOptions};
use noctule_audio::vad::{ConvWeights, SileroWeights, TimeMap, Vad, VadOptions, collect};
use noctule_model::silero;

/// Half a step of 16-bit audio: digital silence stays below it, any recording goes above.
const SILENCE: f32 = 1.0 / 65_536.0;

/// Left and right.
pub type Sides = (Vec<f32>, Vec<f32>);

/// Decoded audio at 16 kHz, cut to what was asked for.
pub struct Sound {
    /// Mono.
    pub samples: Vec<f32>,
    /// The two channels, when speakers are to be told apart.
    pub stereo: Option<Sides>,
    /// Seconds.
    pub duration_s: f64,
    /// What is missing or damaged.
    pub warnings: Vec<String>,
}

impl Sound {
    /// Reads an input.
    pub fn read(input: &Input, options: &ReadOptions) -> Result<Self, Failure> {
        let audio = match input {
            Input::Stdin => file::read_stream(std::io::stdin(), "standard input", options),
            Input::File(path) => file::read(path, options),
        };
        let Audio { samples, stereo, duration_s, warnings, .. } = audio.map_err(Failure::work)?;
        if options.keep_stereo && stereo.is_none() {
            return Err(Failure::work(format!(
                "{} has one channel: --diarize compares the two channels of a stereo recording",
                input.name()
            )));
        }
        Ok(Self { samples, stereo, duration_s, warnings })
    }

    /// Whether there is nothing to hear, in which case a model makes words up.
    pub fn is_silent(&self) -> bool {
        self.samples.iter().all(|x| x.abs() < SILENCE)
    }
}

/// A voice-activity detector with its options.
pub struct Detector {
    vad: Vad,
    options: VadOptions,
}

impl Detector {
    /// The detector that was asked for.
    pub fn new(speech: &Speech) -> Result<Self, Failure> {
        let vad = match &speech.model {
            None => Vad::earshot(),
            Some(path) => {
                let weights = silero::read(path).map_err(Failure::work)?;
                Vad::silero(silero_weights(weights)).map_err(Failure::work)?
            }
        };
        Ok(Self { vad, options: speech.options })
    }

    /// The speech in `samples`, one stretch behind the other, and the way back for its times.
    pub fn speech(&mut self, samples: &[f32]) -> (Vec<f32>, TimeMap) {
        let spans = self.vad.segments(samples, &self.options);
        collect(samples, &spans, &self.options)
    }
}

/// The reader's weights in the network's own struct; the layouts are the same.
fn silero_weights(from: silero::SileroWeights) -> SileroWeights {
    SileroWeights {
        stft_basis: from.stft,
        encoder: from.encoder.map(|layer| ConvWeights { weight: layer.weight, bias: layer.bias }),
        lstm_weight_ih: from.lstm_input,
        lstm_weight_hh: from.lstm_hidden,
        lstm_bias_ih: from.lstm_input_bias,
        lstm_bias_hh: from.lstm_hidden_bias,
        output_weight: from.output,
        output_bias: vec![from.output_bias],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quietest_recording_is_not_silence() {
        let sound = |samples| Sound { samples, stereo: None, duration_s: 0.0, warnings: Vec::new() };
        assert!(sound(vec![0.0; 100]).is_silent());
        assert!(sound(Vec::new()).is_silent());
        assert!(!sound(vec![0.0, -1.0 / 32_768.0, 0.0]).is_silent());
    }
}
