//! Which model, which types, and where the files go.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `quantize`.
#[derive(Debug, Args)]
pub struct QuantizeArgs {
    /// The model to make smaller: a name in the store, or a ggml file, whose weights are f16, bf16 or f32.
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Types of the weights or names of mixes; each makes a file MODEL-TYPE.bin.
    #[arg(value_name = "TYPE", required_unless_present_any = ["target_size", "target_bpw"])]
    pub types: Vec<String>,
    /// Write the files into this folder, which is made if it is missing [default: the model's; of a name in the store, the store].
    #[arg(short, long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Replace files that are there already.
    #[arg(long)]
    pub overwrite: bool,
    /// Keep errors away from the weights that matter by this file of `noctule imatrix`.
    #[arg(long, value_name = "FILE")]
    pub imatrix: Option<PathBuf>,
    /// Refuse what stock whisper.cpp cannot read; a type whose blocks do not divide all rows is replaced as a whole.
    #[arg(long)]
    pub compatible: bool,

    /// Make the best mix of types in a file of at most this many megabytes (of 1,000,000 bytes).
    #[arg(long, value_name = "MB", value_parser = positive, conflicts_with = "target_bpw", help_heading = "Mixes by measurement")]
    pub target_size: Option<f64>,
    /// Make the best mix of types of at most this many bits per weight of the matrices.
    #[arg(long, value_name = "BITS", value_parser = positive, help_heading = "Mixes by measurement")]
    pub target_bpw: Option<f64>,
    /// How much each matrix bears: read from here if it is there, else measured on --audio and written here.
    #[arg(long, value_name = "FILE", help_heading = "Mixes by measurement")]
    pub sensitivity: Option<PathBuf>,
    /// Passages of the speech (up to 30 s each) that matrices are measured on.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Mixes by measurement")]
    pub passages: u16,

    /// Speech to measure on: files, folders, patterns, manifests (JSON lines with audio, language).
    #[arg(short, long, value_name = "SET", num_args = 1.., help_heading = "Quality")]
    pub audio: Vec<PathBuf>,
    /// Language of the speech, where a manifest does not say another [default: the model tells].
    #[arg(short, long, value_name = "CODE", help_heading = "Quality")]
    pub language: Option<String>,
    /// Measure the written files on --audio against MODEL, and print a table.
    #[arg(long, requires = "audio", help_heading = "Quality")]
    pub report: bool,
    /// Write nothing: TYPE… are quantised files, which are measured on --audio against MODEL.
    #[arg(long, requires = "audio", conflicts_with_all = ["target_size", "target_bpw", "output_dir", "compatible"], help_heading = "Quality")]
    pub compare: bool,
    /// Draw bits per weight against divergence into this SVG file.
    #[arg(long, value_name = "FILE", help_heading = "Quality")]
    pub svg: Option<PathBuf>,

    /// Print what was written as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Threads [default: all processors].
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// No progress bar and no notices.
    #[arg(short, long)]
    pub quiet: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if value > 0.0 && f64::is_finite(value) => Ok(value),
        _ => Err("a number above 0 is needed".into()),
    }
}

/// What the options do not say.
pub const AFTER: &str = "\
Types, with bits per weight:
  as whisper-quantize makes them, to the last bit:
    q8_0 8.5   q6_k 6.6   q5_1 6   q5_0 5.5   q5_k 5.5   q4_1 5   q4_0 4.5
    q4_k 4.5   q3_k 3.4   q2_k 2.6
  beyond them:
    f16 16   bf16 16   iq4_nl 4.5   nvfp4 4.5   iq4_xs 4.25   mxfp4 4.25   iq3_s 3.4
    iq3_xxs 3.1   iq2_s 2.6   iq2_xs 2.3   iq2_xxs 2.1   iq1_m 1.75   iq1_s 1.6
    q2_0 2.25   tq2_0 2.1   tq1_0 1.7   q1_0 1.1 (these four are for models trained for them)
  mixes of them, by what a matrix bears (of base, bits per weight):
    q5_k_m 5.9   q4_k_m 5.0   iq4_m 4.4   q3_k_m 4.0   iq3_m 3.8   iq2_m 3.0
  Rows that are not whole blocks of a type get the nearest type that fits; the
  summary says so, and whether stock whisper.cpp can read the file.

noctule quantize IN.bin OUT.bin TYPE works as whisper-quantize does and replaces
OUT.bin.

Exit codes:
  0  all written    1  a file could not be read or written    2  wrong usage";
