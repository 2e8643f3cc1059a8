//! Which model, which types, and where the files go.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `quantize`.
#[derive(Debug, Args)]
pub struct QuantizeArgs {
    /// The model to make smaller: a ggml file whose weights are f16, bf16 or f32.
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Types of the weights; each makes a file MODEL-TYPE.bin.
    #[arg(value_name = "TYPE", required = true)]
    pub types: Vec<String>,
    /// Write the files into this folder, which is made if it is missing [default: the model's].
    #[arg(short, long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Replace files that are there already.
    #[arg(long)]
    pub overwrite: bool,
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
  Rows that are not whole blocks of a type get the nearest type that fits; the
  summary says so, and whether stock whisper.cpp can read the file.

noctule quantize IN.bin OUT.bin TYPE works as whisper-quantize does and replaces
OUT.bin.

Exit codes:
  0  all written    1  a file could not be read or written    2  wrong usage";
