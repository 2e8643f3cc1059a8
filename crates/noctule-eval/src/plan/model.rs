//! What is known of a model without running it. This crate reads no model files: whoever calls it does.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One model of the grid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Its name in tables: "base-q4_k".
    pub name: String,
    /// The model that it was made from: "base".
    pub family: String,
    /// Type of its weights as it was asked for: "q4_k".
    pub weights: String,
    /// Where it is.
    pub place: Place,
    /// Bytes of the file, known or computed.
    pub size_bytes: u64,
    /// SHA-256 of the file; empty if there is none yet.
    pub sha256: String,
    /// How many tensors have each type.
    pub types: BTreeMap<String, u64>,
    /// Why stock whisper.cpp cannot read it.
    pub obstacle: Option<String>,
    /// Whether it knows English only.
    pub english_only: bool,
    /// Its dimensions.
    pub dims: Dims,
    /// Memory of a run above the weights with one beam, bytes.
    pub working_bytes: u64,
    /// What every further beam adds, bytes.
    pub beam_bytes: u64,
    /// The float model that it was made from, where it is at hand.
    pub source: Option<PathBuf>,
}

/// Where a model is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the engine itself.
    #[default]
    Embedded,
    /// In this file.
    File(PathBuf),
    /// Nowhere yet, but it can be had: how.
    Wanted(String),
    /// Nowhere: why, and what to do.
    Missing(String),
    /// It cannot exist: why.
    Impossible(String),
}

/// Dimensions of a Whisper model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dims {
    /// Encoder positions of a window.
    pub n_audio_ctx: u64,
    /// Width of the encoder.
    pub n_audio_state: u64,
    /// Layers of the encoder.
    pub n_audio_layer: u64,
    /// Width of the decoder.
    pub n_text_state: u64,
    /// Layers of the decoder.
    pub n_text_layer: u64,
    /// Tokens.
    pub n_vocab: u64,
    /// Bands of the spectrogram.
    pub n_mels: u64,
}

impl Dims {
    /// Multiply-adds of the encoder for one window of `positions`, keys and values for the decoder included.
    pub fn encoder_macs(&self, positions: u64) -> f64 {
        let (t, d, f) = (positions as f64, self.n_audio_state as f64, self.n_mels as f64);
        let convolutions = 2.0 * t * 3.0 * f * d + t * 3.0 * d * d;
        let layer = 12.0 * d * d * t + 2.0 * t * t * d;
        let cross = 2.0 * d * self.n_text_state as f64 * t * self.n_text_layer as f64;
        convolutions + layer * self.n_audio_layer as f64 + cross
    }

    /// Weights that the decoder reads for one token.
    pub fn decoder_weights(&self) -> f64 {
        let d = self.n_text_state as f64;
        14.0 * d * d * self.n_text_layer as f64 + self.n_vocab as f64 * d
    }

    /// All weights of the matrices, about.
    pub fn weights(&self) -> f64 {
        let (a, d) = (self.n_audio_state as f64, self.n_text_state as f64);
        let encoder = 12.0 * a * a * self.n_audio_layer as f64;
        encoder + 16.0 * d * d * self.n_text_layer as f64 + self.n_vocab as f64 * d
    }
}

impl ModelFacts {
    /// Memory that a run is expected to take, bytes.
    pub fn memory_bytes(&self, beams: u32) -> u64 {
        self.size_bytes + self.working_bytes + self.beam_bytes * u64::from(beams.saturating_sub(1))
    }

    /// Its file; `None` for the one that the engine brings.
    pub fn path(&self) -> Option<&std::path::Path> {
        match &self.place {
            Place::File(path) => Some(path),
            _ => None,
        }
    }

    /// Whether it understands a language; what is not known counts as understood.
    pub fn speaks(&self, language: Option<&str>) -> bool {
        !self.english_only || language.is_none_or(|code| code == "en")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Dims = Dims {
        n_audio_ctx: 1500,
        n_audio_state: 512,
        n_audio_layer: 6,
        n_text_state: 512,
        n_text_layer: 6,
        n_vocab: 51_865,
        n_mels: 80,
    };

    #[test]
    fn dimensions_of_base() {
        // By hand: 0.37 + 1.18 + 6 · (4.72 + 2.30) + 4.72 thousand million.
        let macs = BASE.encoder_macs(1500) / 1e9;
        assert!((macs - 48.4).abs() < 0.2, "{macs}");
        // 72 million parameters, of which the positions and the convolutions are not counted here.
        assert!((BASE.weights() / 1e6 - 70.6).abs() < 1.0, "{}", BASE.weights());
        assert!(BASE.encoder_macs(750) < BASE.encoder_macs(1500) / 2.0);
    }

    #[test]
    fn beams_and_languages() {
        let model = ModelFacts { size_bytes: 100, working_bytes: 10, beam_bytes: 3, ..ModelFacts::default() };
        assert_eq!((model.memory_bytes(1), model.memory_bytes(5)), (110, 122));
        let english = ModelFacts { english_only: true, ..ModelFacts::default() };
        assert!(
            model.speaks(Some("de"))
                && !english.speaks(Some("de"))
                && english.speaks(None)
                && english.speaks(Some("en"))
        );
    }
}
