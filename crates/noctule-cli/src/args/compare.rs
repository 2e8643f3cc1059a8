//! Which two evaluations, and by how much the second may be worse.

use super::values;
use clap::{Args, ValueEnum};

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The evaluation before: its folder or its journal; FOLDER@MODEL or FOLDER@ENGINE/MODEL for some of its rows.
    #[arg(value_name = "BASELINE")]
    pub baseline: String,
    /// The evaluation after, or other rows of the same.
    #[arg(value_name = "CANDIDATE")]
    pub candidate: String,

    /// What to compare.
    #[arg(long, value_name = "MEASURE", value_enum, value_delimiter = ',', default_value = "words,time,memory")]
    pub only: Vec<MeasureArg>,
    /// By how many points more words may be wrong (0.5: 11.5 % after 11.0 %).
    #[arg(long, value_name = "POINTS", default_value = "0.5", value_parser = values::not_negative)]
    pub words: f32,
    /// By how many per cent times may be longer.
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = values::not_negative)]
    pub time: f32,
    /// By how many per cent the peak of the memory may be higher.
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = values::not_negative)]
    pub memory: f32,

    /// Print the comparison as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MeasureArg {
    /// Wrong words, and words where nobody speaks.
    Words,
    /// Wall-clock time.
    Time,
    /// Peak of the memory.
    Memory,
}

/// What the options do not say.
pub const AFTER: &str = "\
Rows of the same engine, model and settings meet. A figure passes if the whole 95 %
interval of its change stays within the limit, it is a regression if it is beyond the
limit and not by accident, and inconclusive otherwise: measure more recordings or
repeats. Words are compared recording by recording; so the recordings must be the
same, and times and memory need the same machine (--only words does not).

  noctule eval --output-dir before        # … the change …
  noctule eval --output-dir after
  noctule compare before after
  noctule compare out@base out@base-q5_0  # what a type costs

Exit codes:
  0  nothing is worse    1  they cannot be compared    2  wrong usage
  3  something is worse  4  the measurements do not tell";
