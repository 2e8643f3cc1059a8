//! What this board is.

use clap::Args;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print everything as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What the options do not say.
pub const AFTER: &str = "\
Speed is measured for about a second. Memory of a model is that of five beams and a
whole window; the time of an hour is an estimate from the two figures of speed, as in
noctule eval --dry-run, and noctule eval measures it.

Exit codes:
  0  told, whatever was found    1  it could not be told";
