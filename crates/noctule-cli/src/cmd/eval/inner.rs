//! The two small processes between the evaluation and an engine: this program, started again with a hidden verb.

use noctule_eval::run::{Launcher, become_engine, spawn};
use std::ffi::OsString;
use std::process::ExitCode;

/// Starts an engine and watches it.
const SPAWN: &str = "eval-spawn";
/// Limits itself and becomes the engine.
const STAGE: &str = "eval-stage";

/// Does the work of an inner process if `words` ask for one. This comes before anything else is looked at: what these
/// processes touch is counted into the engine's memory.
pub fn inner_process(words: &[OsString]) -> Option<ExitCode> {
    let [program, verb, rest @ ..] = words else { return None };
    if verb == SPAWN {
        Some(spawn(&[this_program(program), STAGE.into()]))
    } else if verb == STAGE {
        Some(become_engine(rest))
    } else {
        None
    }
}

/// How measurements start.
pub fn launcher() -> Launcher {
    Launcher::new(vec![this_program(&OsString::from("noctule")), SPAWN.into()])
}

/// The file of this program, whatever it is called by.
fn this_program(called: &OsString) -> OsString {
    std::env::current_exe().map_or_else(|_| called.clone(), Into::into)
}
