//! Which models, types and threads are measured, on what, and how carefully.

use super::values;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of `eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Models: names, files, or ranges such as tiny..small [default: the embedded model].
    #[arg(value_name = "MODEL")]
    pub models: Vec<String>,
    /// Folder for the journal and the report, which is made [default: noctule-eval-DATE].
    #[arg(short, long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,

    /// Types that each float model is measured in, made where they are missing: q8_0,q4_k, a range q2_k..q8_0, `all` (the
    /// ten of whisper-quantize), `source` for the model itself [default: models as they are].
    #[arg(long, value_name = "LIST", help_heading = "Grid")]
    pub types: Option<String>,
    /// Threads to time: 1,2,4, 1-4, 1-8*2 [default: 1 and all processors].
    #[arg(short, long, value_name = "RANGE", help_heading = "Grid")]
    pub threads: Option<String>,
    /// Beams [default: each engine's own number].
    #[arg(long, value_name = "RANGE", help_heading = "Grid")]
    pub beam_size: Option<String>,
    /// Encoder positions [default: all].
    #[arg(long, value_name = "RANGE", help_heading = "Grid")]
    pub audio_ctx: Option<String>,
    /// Arithmetic of noctule: accurate, fast or both [default: what each model takes].
    #[arg(long, value_name = "HOW", value_delimiter = ',', help_heading = "Grid")]
    pub precision: Vec<super::PrecisionArg>,
    /// How engines decode: as a product does, with beams and second attempts, or bare, which shows the weights.
    #[arg(long, value_name = "MODE", value_delimiter = ',', default_value = "product", help_heading = "Grid")]
    pub mode: Vec<EvalModeArg>,
    /// Engines: noctule, whisper-cli (in PATH), or files that describe a command (docs/EVALUATION.md).
    #[arg(long, value_name = "ENGINE", value_delimiter = ',', default_value = "noctule", help_heading = "Grid")]
    pub engine: Vec<String>,

    /// Sets of recordings: folders, manifests, tables, STM, Kaldi, LibriSpeech [default: thirteen clips in the program].
    #[arg(short, long, value_name = "SET", num_args = 1.., help_heading = "Recordings")]
    pub audio: Vec<PathBuf>,
    /// How much of them: one minute, eight minutes, half an hour, all [default: smoke of the program's own clips, else quick].
    #[arg(long, value_name = "TIER", help_heading = "Recordings")]
    pub tier: Option<TierArg>,
    /// Language of recordings whose set says none.
    #[arg(short, long, value_name = "CODE", help_heading = "Recordings")]
    pub language: Option<String>,
    /// Recordings that time is measured on: one of eleven seconds or so, then the longest.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=20), help_heading = "Recordings")]
    pub clips: u8,
    /// Decides samples and orders.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Recordings")]
    pub seed: u64,

    /// What to measure: words, times, distance of the probabilities from the float model's.
    #[arg(
        long,
        value_name = "TASK",
        value_delimiter = ',',
        default_value = "accuracy,timing",
        help_heading = "Measurement"
    )]
    pub tasks: Vec<TaskArg>,
    /// Timing runs of each cell at least.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000), help_heading = "Measurement")]
    pub repeats: u16,
    /// And at most, while the interval is wider than --half-width.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=1000), help_heading = "Measurement")]
    pub most_repeats: u16,
    /// Half-width of a time's interval that is narrow enough, per cent.
    #[arg(long, value_name = "PERCENT", default_value_t = 3.0, value_parser = values::positive, help_heading = "Measurement")]
    pub half_width: f32,
    /// Stop measuring after this time [default: 150 s with the program's own clips, else none].
    #[arg(long, value_name = "TIME|none", value_parser = budget, help_heading = "Measurement")]
    pub budget: Option<Budget>,
    /// Longest time of one run [default: ten times what is expected].
    #[arg(long, value_name = "TIME", value_parser = values::positive_time, help_heading = "Measurement")]
    pub timeout: Option<f64>,
    /// Memory that an engine may have.
    #[arg(long, value_name = "SIZE", value_parser = values::memory, help_heading = "Measurement")]
    pub memory_limit: Option<u64>,
    /// Also try what is expected not to fit the memory.
    #[arg(long, help_heading = "Measurement")]
    pub try_anyway: bool,
    /// Start timing runs below this temperature, °C [default: 60 on a Raspberry Pi].
    #[arg(long, value_name = "CELSIUS", value_parser = values::positive, help_heading = "Measurement")]
    pub cool_to: Option<f32>,
    /// Neither fetch nor quantise models that are missing.
    #[arg(long, help_heading = "Measurement")]
    pub no_pull: bool,

    /// Show what would be measured and how long it would take, and stop.
    #[arg(long, help_heading = "Evaluation")]
    pub dry_run: bool,
    /// Go on with the evaluation in this folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = GRID, help_heading = "Evaluation")]
    pub resume: Option<PathBuf>,
    /// Write the report of this folder again, from its journal.
    #[arg(long, value_name = "DIR", conflicts_with_all = GRID, conflicts_with = "resume", help_heading = "Evaluation")]
    pub report: Option<PathBuf>,
    /// Take energy from the record of a power meter (CSV: time, watts).
    #[arg(long, value_name = "FILE", help_heading = "Evaluation")]
    pub meter: Option<PathBuf>,
    /// Audio in the page, so that it can be heard anywhere: at most this much; more is linked.
    #[arg(long, value_name = "SIZE", default_value = "8M", value_parser = values::memory, help_heading = "Evaluation")]
    pub embed_audio: u64,

    /// Print the result as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// No progress and no notices.
    #[arg(short, long)]
    pub quiet: bool,
}

/// What a journal says already.
const GRID: [&str; 9] =
    ["models", "output_dir", "types", "threads", "beam_size", "audio_ctx", "audio", "tier", "dry_run"];

/// A limit of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// None.
    Endless,
    /// This many seconds.
    Seconds(f64),
}

fn budget(text: &str) -> Result<Budget, String> {
    match text {
        "none" => Ok(Budget::Endless),
        _ => values::positive_time(text).map(Budget::Seconds),
    }
}

/// How much of the recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TierArg {
    /// One minute.
    Smoke,
    /// Eight minutes.
    Quick,
    /// Half an hour.
    Standard,
    /// All.
    Full,
}

/// How engines decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvalModeArg {
    /// With beams and second attempts.
    Product,
    /// The most probable token each time.
    Bare,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TaskArg {
    /// Words.
    Accuracy,
    /// Times, memory, energy.
    Timing,
    /// Distance from the float model.
    Divergence,
}

/// What the options do not say.
pub const AFTER: &str = "\
Every measurement runs in a process of its own: a crash, a loop or an engine that
takes all memory is a row with a status. What was measured is in the journal of
the folder at once; Ctrl-C leaves a report of what is there, and
  noctule eval --resume DIR
goes on, after a power cut too. The folder gets report.html (one page that needs
no network), report.md, cells.csv, utterances.csv, report.json and the journal.

Without MODEL and --audio, the embedded model and the program's own clips tell in
two or three minutes what this board can do.

Exit codes:
  0  the report is written    1  stopped, or it could not be written    2  wrong usage";
