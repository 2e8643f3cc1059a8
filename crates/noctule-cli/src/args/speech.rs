//! Voice-activity detection; names and defaults are whisper.cpp's.

use super::values;
use clap::Args;
use std::path::PathBuf;

/// `--vad` and its fine adjustment.
#[derive(Debug, Args)]
#[command(next_help_heading = "Voice activity")]
pub struct SpeechArgs {
    /// Skip what is not speech; times stay those of the file.
    #[arg(long)]
    pub vad: bool,
    /// Silero model in whisper.cpp's ggml format; without it a small built-in detector.
    #[arg(long, value_name = "PATH")]
    pub vad_model: Option<PathBuf>,
    /// Probability from which a frame is speech.
    #[arg(
        long,
        value_name = "P",
        default_value_t = 0.5,
        value_parser = values::unit,
        allow_negative_numbers = true,
    )]
    pub vad_threshold: f32,
    /// Drop shorter speech, milliseconds.
    #[arg(long, value_name = "N", default_value_t = 250, allow_negative_numbers = true)]
    pub vad_min_speech_duration_ms: u32,
    /// A silence of this length ends speech, milliseconds.
    #[arg(long, value_name = "N", default_value_t = 100, allow_negative_numbers = true)]
    pub vad_min_silence_duration_ms: u32,
    /// Split longer speech, seconds [default: no limit].
    #[arg(long, value_name = "X", value_parser = values::positive, allow_negative_numbers = true)]
    pub vad_max_speech_duration_s: Option<f32>,
    /// Widen speech on both sides, milliseconds.
    #[arg(long, value_name = "N", default_value_t = 30, allow_negative_numbers = true)]
    pub vad_speech_pad_ms: u32,
    /// Keep this much audio behind speech, seconds.
    #[arg(
        long,
        value_name = "X",
        default_value_t = 0.1,
        value_parser = values::unit,
        allow_negative_numbers = true,
    )]
    pub vad_samples_overlap: f32,
}
