//! What this board is.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Measure instead how many threads are best for the encoder and for the decoder and how weights are read fastest, and
    /// remember it: noctule then does so, with the threads where --threads is not given.
    #[arg(long)]
    pub tune: bool,
    /// Measure with this model: a name in the store or a ggml file [default: the embedded one].
    #[arg(short, long, value_name = "MODEL", requires = "tune")]
    pub model: Option<PathBuf>,
    /// Print everything as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What the options do not say.
pub const AFTER: &str = "\
Speed is measured for a second or two, that of each type with one thread. Memory of a model is that of five beams and a
whole window; the time of an hour is an estimate from the two figures of speed, as in
noctule eval --dry-run, and noctule eval measures it.

--tune takes half a minute (a larger model longer) and wants a machine that does nothing else. It takes the
fewest threads within 3 % of the fastest, and the way to read weights (one row after
the other, or several in turn) that is 3 % faster than the usual one; it depends on the
type of weights, so name the model that you use. What it finds is remembered for this
processor and number of cores in noctule/threads.json in $XDG_STATE_HOME or
~/.local/state; remove that file to forget it.

Exit codes:
  0  told, whatever was found    1  it could not be told";
