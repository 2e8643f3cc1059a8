//! Measuring: one process for each measurement, started by a small one, watched, and judged.
//!
//! An [`Evaluator`] goes through the cells of a plan and appends what it finds to the journal. Under it,
//! [`Launcher`] starts the spawner, which is this program again with a hidden verb that calls [`spawn`]; the spawner starts
//! a stage ([`become_engine`]) that limits itself and becomes the engine. Three processes, because each counts for the
//! next: the kernel adds the peak memory of whoever calls `exec` to the program that follows, so an engine may be started
//! by something small only, and what a process has waited for is all that its children took, so the spawner has one child.

mod accuracy;
mod divergence;
mod evaluator;
mod launcher;
mod once;
mod request;
mod state;
mod status;
mod timing;
mod watch;

#[cfg(target_os = "linux")]
mod spawner;
#[cfg(target_os = "linux")]
mod stage;

pub use evaluator::{End, Evaluator, Plan, Setup, Watcher};
pub use launcher::Launcher;
pub use request::{Exit, Killed, Reply, Request, Usage};
pub use state::Done;
pub(crate) use state::repeats;
pub(crate) use status::last_line;
pub use status::{Status, judge};

use std::ffi::OsString;
use std::process::ExitCode;

/// The spawner: runs the request on standard input; `stage` are the words that start [`become_engine`] in this program.
pub fn spawn(stage: &[OsString]) -> ExitCode {
    #[cfg(target_os = "linux")]
    return spawner::run(stage);
    #[cfg(not(target_os = "linux"))]
    return unsupported(stage);
}

/// The stage: becomes the command in `words`.
pub fn become_engine(words: &[OsString]) -> ExitCode {
    #[cfg(target_os = "linux")]
    return stage::run(words);
    #[cfg(not(target_os = "linux"))]
    return unsupported(words);
}

#[cfg(not(target_os = "linux"))]
fn unsupported(_words: &[OsString]) -> ExitCode {
    eprintln!("measurements need Linux: processes are watched through /proc");
    ExitCode::FAILURE
}
