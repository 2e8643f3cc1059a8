//! Loads of the network for measuring it.

use super::PrecisionArg;
use clap::Args;
use noctule::Streams;
use std::path::PathBuf;

/// Arguments of `bench`: the defaults are whisper-bench's loads.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Name of an installed model or path of a ggml file.
    #[arg(short, long, value_name = "MODEL")]
    pub model: PathBuf,
    /// Threads [default: all processors, at most 4].
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Arithmetic [default: fast for quantised models, accurate for others].
    #[arg(long, value_name = "HOW")]
    pub precision: Option<PrecisionArg>,
    /// How weights are read: a row after the other, or several rows in turn [default: as is best on processors that are known].
    #[arg(long, value_name = "HOW", value_parser = streams)]
    pub streams: Option<Streams>,
    /// Silent windows of full length through the encoder.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub windows: u16,
    /// Tokens of one text through the decoder, one at a time.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub singles: u16,
    /// Batches of five tokens through the decoder.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub batches: u16,
    /// Prompts of 256 tokens through the decoder.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub prompts: u16,
    /// Let the first run of each load count too.
    #[arg(long)]
    pub no_warm_up: bool,
}

fn streams(name: &str) -> Result<Streams, String> {
    Streams::named(name).ok_or_else(|| format!("use {}", Streams::ALL.map(Streams::name).join(" or ")))
}
