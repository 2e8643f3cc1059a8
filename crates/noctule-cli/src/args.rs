//! What was typed: the command line as types, nothing decided yet.
//!
//! The words of the user enter (after [`crate::short_forms`]), a [`Cli`] leaves;
//! [`crate::plan`] makes of it what it means. Defaults shown here are those of
//! the engine's [`Options`](noctule::Options).

mod decoding;
mod speech;
pub mod values;

pub use decoding::{ContextArgs, DecodingArgs, EngineArgs, PrecisionArg, SearchArgs};
pub use speech::SpeechArgs;

use clap::{Args, Parser, Subcommand};
use noctule::format::Format;
use std::path::PathBuf;

/// Speech to text for small computers: Whisper in pure Rust.
#[derive(Debug, Parser)]
#[command(name = "noctule", disable_version_flag = true, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// Print the version.
    #[arg(short = 'V', long)]
    pub version: bool,
    /// With --version: print version, CPU tier and features as JSON.
    #[arg(long, requires = "version")]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write down what is said in audio files.
    #[command(after_long_help = AFTER_TRANSCRIBE)]
    Transcribe(Box<TranscribeArgs>),
}

const AFTER_TRANSCRIBE: &str = "\
Where the text goes:
  Without -f, the text goes to standard output while it is decided, one line a
  segment; on a terminal each line starts with its times. One -f without -o
  writes that format to standard output. With -o nothing but --json goes there.
  Audio: WAV, FLAC and MP3 of any rate and number of channels.

Exit codes:
  0  all done    1  a file failed or is incomplete (the others are done)    2  wrong usage

Times (--offset, --duration) are seconds, 1m30s or hh:mm:ss. whisper-cli's short
forms of these options (-bs 5, -nt, -sow …) are understood.";

/// Arguments of `transcribe`.
#[derive(Debug, Args)]
pub struct TranscribeArgs {
    /// Audio files; `-` reads one from standard input.
    #[arg(value_name = "AUDIO", required = true)]
    pub audio: Vec<PathBuf>,

    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub decoding: DecodingArgs,
    #[command(flatten)]
    pub speech: SpeechArgs,

    /// Name the speaker of each segment by the louder channel of a stereo recording.
    #[arg(long, conflicts_with = "tinydiarize", help_heading = "Speakers")]
    pub diarize: bool,
    /// Mark changes of speaker (needs a tinydiarize model).
    #[arg(long, help_heading = "Speakers")]
    pub tinydiarize: bool,
}

/// Where the result goes and in what form.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Formats, separated by commas; several need --output-dir.
    #[arg(short, long, value_name = "FORMAT", value_delimiter = ',', value_parser = values::formats())]
    pub format: Vec<Format>,
    /// Write STEM.FORMAT of each file into this folder, which is made if it is missing.
    #[arg(short, long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Print one JSON object a line and file, in the order of the arguments.
    #[arg(long)]
    pub json: bool,
    /// Go on where an interrupted run of the same files and options stopped; the result is the same.
    #[arg(long)]
    pub resume: bool,
    /// Print no notices and no progress; warnings and errors stay.
    #[arg(short, long, visible_alias = "no-prints")]
    pub quiet: bool,
}
