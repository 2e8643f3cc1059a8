//! What was typed: the command line as types, nothing decided yet.
//!
//! The words of the user enter (after [`crate::short_forms`]), a [`Cli`] leaves;
//! [`crate::plan`] makes of it what it means. Defaults shown here are those of
//! the engine's [`Options`](noctule::Options).

mod bench;
mod compare;
mod decoding;
mod doctor;
mod eval;
mod imatrix;
mod input;
mod listen;
mod meeting;
mod models;
mod output;
mod quantize;
mod recommend;
mod speech;
pub mod values;
pub mod whisper_cpp;

pub use bench::BenchArgs;
pub use compare::{CompareArgs, MeasureArg};
pub use decoding::{ContextArgs, DecodingArgs, EngineArgs, PrecisionArg, SearchArgs};
pub use doctor::DoctorArgs;
pub use eval::{Budget, EvalArgs, EvalModeArg, TaskArg, TierArg};
pub use imatrix::{ImatrixArgs, ModeArg};
pub use input::InputArgs;
pub use listen::ListenArgs;
pub use meeting::MeetingArgs;
pub use models::{ConvertArgs, FormatArg, ListArgs, ModelArgs, ModelsArgs, ModelsVerb, NameArgs, PullArgs, TypeArg};
pub use output::{BesideArgs, OutputArgs};
pub use quantize::QuantizeArgs;
pub use recommend::RecommendArgs;
pub use speech::SpeechArgs;

use clap::{Args, Parser, Subcommand};
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
    /// Write down what is being said: microphone or standard input, live.
    #[command(after_long_help = listen::AFTER)]
    Listen(Box<ListenArgs>),
    /// Make a model smaller: its weights in other types.
    #[command(after_long_help = quantize::AFTER)]
    Quantize(QuantizeArgs),
    /// Learn from speech which weights matter.
    #[command(after_long_help = imatrix::AFTER)]
    Imatrix(ImatrixArgs),
    /// Measure which model, type and thread count this board should run, with evidence.
    #[command(after_long_help = eval::AFTER)]
    Eval(Box<EvalArgs>),
    /// Choose a model that fits a budget, from an evaluation or for a bare board.
    #[command(after_long_help = recommend::AFTER)]
    Recommend(RecommendArgs),
    /// Tell whether an evaluation is worse than an earlier one.
    #[command(after_long_help = compare::AFTER)]
    Compare(CompareArgs),
    /// Say what this board is, what fits it, and what stands in its way.
    #[command(after_long_help = doctor::AFTER)]
    Doctor(DoctorArgs),
    /// Fetch, look at, check, convert and remove models.
    Models(ModelsArgs),
    /// Time the network without audio; one JSON object.
    #[command(hide = true)]
    Bench(BenchArgs),
    /// Do as whisper.cpp's whisper-cli does, with its flags and its lines.
    #[command(disable_help_flag = true, after_long_help = whisper_cpp::cli_usage())]
    WhisperCli(FaceArgs),
    /// Do as whisper.cpp's whisper-bench does.
    #[command(disable_help_flag = true, after_long_help = whisper_cpp::bench_usage())]
    WhisperBench(FaceArgs),
    /// Do as whisper.cpp's whisper-quantize does: IN OUT TYPE.
    #[command(disable_help_flag = true)]
    WhisperQuantize(FaceArgs),
}

/// Words that another program's rules read.
#[derive(Debug, Args)]
pub struct FaceArgs {
    /// Flags and files of that program.
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<std::ffi::OsString>,
}

const AFTER_TRANSCRIBE: &str = "\
Where the text goes:
  Without -f, the text goes to standard output while it is decided, one line a
  segment; on a terminal each line starts with its times. One -f without -o
  writes that format to standard output. With -o nothing but --json goes there.
  A file is written under another name and renamed when it is complete; one that
  is there already is replaced (--skip-existing leaves it). Inputs whose names
  differ by their extension only keep it: x.wav.srt and x.mp3.srt.

Settings:
  Every option can stand in the configuration file under its long name
  (threads = 4, format = [\"srt\", \"json\"], vad = true), and in the environment
  (NOCTULE_THREADS=4, NOCTULE_FORMAT=srt,json, NOCTULE_VAD=1). The command line
  counts more than the environment, which counts more than the file.
  --no-FLAG takes back a flag, as in --no-vad.

Exit codes:
  0  all done    1  a file failed or is incomplete (the others are done)    2  wrong usage

Times (--offset, --duration) are seconds, 1m30s or hh:mm:ss. whisper-cli's short
forms of these options (-bs 5, -nt, -sow, -osrt …) are understood.";

/// Arguments of `transcribe`.
#[derive(Debug, Args)]
pub struct TranscribeArgs {
    /// Audio files, folders of them, or quoted patterns such as 'talks/*.mp3'; `-` reads one file from standard input.
    #[arg(value_name = "AUDIO", required = true)]
    pub audio: Vec<PathBuf>,

    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub beside: BesideArgs,
    #[command(flatten)]
    pub decoding: DecodingArgs,
    #[command(flatten)]
    pub speech: SpeechArgs,

    /// Name the speaker of each segment by the louder channel of a stereo recording.
    #[arg(long, help_heading = "Speakers")]
    pub diarize: bool,
    /// Mark changes of speaker (needs a tinydiarize model).
    #[arg(long, help_heading = "Speakers")]
    pub tinydiarize: bool,

    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Where options come from when the command line does not give them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// Read options from this file [default: noctule/config.toml in $XDG_CONFIG_HOME or ~/.config].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read no configuration file.
    #[arg(long)]
    pub no_config: bool,
}

/// Options that mean nothing without another one: (option, what it needs).
pub const NEEDS: [(&str, &str); 10] = [
    ("vad-model", "vad"),
    ("vad-threshold", "vad"),
    ("vad-min-speech-duration-ms", "vad"),
    ("vad-min-silence-duration-ms", "vad"),
    ("vad-max-speech-duration-s", "vad"),
    ("vad-speech-pad-ms", "vad"),
    ("vad-samples-overlap", "vad"),
    ("carry-prompt", "prompt"),
    ("grammar-rule", "grammar"),
    ("grammar-penalty", "grammar"),
];

/// Options that exclude each other.
pub const EXCLUDES: [(&str, &str); 3] =
    [("diarize", "tinydiarize"), ("overwrite", "skip-existing"), ("output-dir", "output-file")];
