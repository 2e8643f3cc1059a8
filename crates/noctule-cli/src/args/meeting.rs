//! A meeting that is recorded while it is heard.

use clap::Args;
use std::path::PathBuf;

/// What to keep.
#[derive(Debug, Args)]
#[command(next_help_heading = "Meetings")]
pub struct MeetingArgs {
    /// Record what is heard as NAME.flac, and write NAME.txt, NAME.srt and NAME.json when it ends.
    #[arg(long, value_name = "NAME", conflicts_with = "list_devices")]
    pub meeting: Option<PathBuf>,
    /// Finish the meeting NAME, which was interrupted: write down what was recorded and not written down yet.
    #[arg(long, requires = "meeting", conflicts_with_all = ["audio", "device", "recorder"])]
    pub resume: bool,
    /// Go on with the meeting NAME, which was interrupted: what is heard now is recorded behind what is there, after what
    /// was not written down yet.
    #[arg(long = "continue", requires = "meeting", conflicts_with = "resume")]
    pub go_on: bool,
    /// Hear the recording again with this model, a name in the store or a ggml file, in idle time and when the meeting has
    /// ended: later, with better words.
    #[arg(long, value_name = "MODEL", requires = "meeting")]
    pub refine: Option<PathBuf>,
}
