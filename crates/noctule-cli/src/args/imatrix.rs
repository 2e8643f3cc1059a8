//! Which model listens to what.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of `imatrix`.
#[derive(Debug, Args)]
pub struct ImatrixArgs {
    /// The model that listens, f16, bf16 or f32: the one that will be quantised.
    #[arg(value_name = "MODEL", required_unless_present_any = ["merge", "show"])]
    pub model: Option<PathBuf>,
    /// Speech to listen to: files, folders, patterns, manifests (JSON lines with audio, text, language).
    #[arg(short, long, value_name = "SET", num_args = 1.., required_unless_present_any = ["merge", "show"])]
    pub audio: Vec<PathBuf>,
    /// Where the importance goes.
    #[arg(short, long, value_name = "FILE", required_unless_present = "show")]
    pub output: Option<PathBuf>,
    /// Language of the speech, where a manifest does not say another [default: the model tells].
    #[arg(short, long, value_name = "CODE")]
    pub language: Option<String>,
    /// Whose words the decoder hears itself say: its own, the manifest's, or both.
    #[arg(long, value_enum, default_value_t)]
    pub mode: ModeArg,
    /// Go on with FILE, leaving out the clips that it has heard.
    #[arg(long)]
    pub resume: bool,
    /// Add up these files of importance instead of listening.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["model", "audio", "resume"])]
    pub merge: Vec<PathBuf>,
    /// Print what a file of importance holds, instead of listening.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "audio", "resume", "merge", "output"])]
    pub show: Option<PathBuf>,
    /// Print the statistics as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Threads [default: all processors, at most four].
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// No progress bar and no notices.
    #[arg(short, long)]
    pub quiet: bool,
}

/// Whose words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// Its own, and the manifest's where it has them.
    #[default]
    Both,
    /// Its own.
    Free,
    /// The manifest's; clips without text are refused.
    Forced,
}

/// What the options do not say.
pub const AFTER: &str = "\
The model transcribes each clip, and what enters each of its matrices is summed up
by column. `noctule quantize --imatrix FILE` then keeps the errors of the weights
away from the columns that matter. FILE is a safetensors file, rewritten after
every tenth clip and when you stop with Ctrl-C.

Ten minutes of speech of the kind that the model will hear are plenty; speech that
you want to measure the model on afterwards should not be among them.

Exit codes:
  0  done    1  a file could not be read or written    2  wrong usage";
