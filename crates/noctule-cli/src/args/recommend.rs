//! Which row of an evaluation a budget leads to.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `recommend`.
#[derive(Debug, Args)]
pub struct RecommendArgs {
    /// What is wanted, in words: "real time with 1 GB", "an hour's meeting within 10 minutes", "best words in 200 MB",
    /// "fastest with at most 12 % wrong" [default: the fewest wrong words].
    #[arg(value_name = "WISH")]
    pub wish: Vec<String>,
    /// The evaluation to choose from: its folder or its journal [default: published models, foretold for this board].
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Print the recommendation as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What the options do not say.
pub const AFTER: &str = "\
Limits hold for the upper ends of the 95 % intervals, memory with a margin of a
twentieth. Of what fits, the best is looked for; what is not significantly worse
counts as equally good, and of that the smallest file is taken, then the cooler
or quicker. A limit on something that was not measured excludes a row.

Without --from the published models are candidates, and a calibration of a few
seconds foretells their times on this board; noctule eval measures them.

Exit codes:
  0  something fits    1  nothing fits, or there is no evaluation    2  wrong usage";
