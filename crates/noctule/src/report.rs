//! What one run cost and with what it ran: time, memory, kernels, model.
//!
//! The [`transcriber`](crate::transcriber) and the command that runs it fill
//! these; [`format`](crate::format) writes them beside the transcript.

use serde::{Serialize, Serializer};

/// The model file that was used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Model {
    /// Name in the model store or the file's stem ("base-q5_1").
    pub name: String,
    /// Type of the large matrices ("f16", "q5_1"), "mixed" where they differ.
    #[serde(rename = "type")]
    pub kind: String,
    /// Size of the file, bytes.
    pub size_bytes: u64,
}

/// Where the time went, wall-clock seconds (written to the microsecond), and how much was done in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Timing {
    /// Opening the model and preparing its weights.
    #[serde(serialize_with = "micro")]
    pub load_s: f64,
    /// Reading, decoding and resampling the audio as a whole, and listening for its
    /// loudest moment and for speech.
    #[serde(serialize_with = "micro")]
    pub audio_s: f64,
    /// The log-mel spectrogram.
    #[serde(serialize_with = "micro")]
    pub mel_s: f64,
    /// The encoder, cross-attention keys and values included.
    #[serde(serialize_with = "micro")]
    pub encode_s: f64,
    /// The decoder with its rules and its search.
    #[serde(serialize_with = "micro")]
    pub decode_s: f64,
    /// Of that, prompts with earlier text.
    #[serde(serialize_with = "micro")]
    pub prompt_s: f64,
    /// From the start of the run to the last segment.
    #[serde(serialize_with = "micro")]
    pub total_s: f64,
    /// From the start of the run to the first segment; `None` without any.
    #[serde(serialize_with = "micro_if_any")]
    pub first_text_s: Option<f64>,
    /// Windows that went through the encoder.
    pub encoder_windows: usize,
    /// Tokens of the texts that were kept, timestamps included.
    pub decoded_tokens: usize,
    /// Batched passes of the decoder, prompts included: one pass serves all beams.
    pub decoder_steps: usize,
    /// Attempts beyond the first of each window.
    pub fallbacks: usize,
    /// [`Timing::total_s`] over the length of the audio: below 1 is faster than speech.
    #[serde(serialize_with = "micro")]
    pub real_time_factor: f64,
}

impl Timing {
    /// Sets [`Timing::real_time_factor`] for `audio_seconds` of audio; 0 for empty audio.
    pub fn set_real_time_factor(&mut self, audio_seconds: f64) {
        self.real_time_factor = if audio_seconds > 0.0 { self.total_s / audio_seconds } else { 0.0 };
    }
}

/// Memory of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Largest resident set so far, bytes; 0 where the system does not tell.
    pub peak_rss_bytes: u64,
}

/// The arithmetic that was used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Kernels {
    /// Instruction tier ("scalar", "dotprod", "avx2").
    pub tier: String,
    /// Threads of the pool, the caller included.
    pub threads: usize,
    /// "accurate" or "fast".
    pub precision: String,
}

/// Rounds to 10⁻⁶, which keeps the shortest decimal form free of clock noise.
fn micro<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((value * 1e6).round() / 1e6)
}

fn micro_if_any<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => micro(value, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timing_is_written_to_the_microsecond() {
        let mut timing = Timing { total_s: 2.000_000_04, mel_s: 0.003_25, ..Timing::default() };
        timing.set_real_time_factor(11.0);
        let json = serde_json::to_value(&timing).unwrap();
        assert_eq!(json["total_s"], 2.0);
        assert_eq!(json["mel_s"], 0.003_25);
        assert_eq!(json["real_time_factor"], 0.181_818);
    }

    #[test]
    fn empty_audio_has_no_real_time_factor() {
        let mut timing = Timing { total_s: 1.0, ..Timing::default() };
        timing.set_real_time_factor(0.0);
        assert_eq!(timing.real_time_factor, 0.0);
    }

    #[test]
    fn the_model_type_is_called_type() {
        let model = Model { name: "base".into(), kind: "q5_1".into(), size_bytes: 7 };
        assert_eq!(serde_json::to_string(&model).unwrap(), r#"{"name":"base","type":"q5_1","size_bytes":7}"#);
    }
}
