//! How the audio is read.

use super::values;
use clap::Args;
use noctule_audio::ffmpeg::FfmpegUse;
use noctule_audio::pcm::Pcm;

/// What the bytes are and who decodes them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// Read raw samples without a header, such as s16le:16000:1; formats are u8, s16le, s16be, s24le,
    /// s32le, f32le, f64le, mulaw and alaw.
    #[arg(long, value_name = "FORMAT:RATE:CHANNELS")]
    pub pcm: Option<Pcm>,
    /// When to let ffmpeg decode: for what noctule cannot read itself, never, or always.
    #[arg(long, value_name = "WHEN", default_value_t, value_parser = values::ffmpeg_use())]
    pub ffmpeg: FfmpegUse,
}
