//! One module for each verb, and what they share.

pub mod bench;
pub mod compare;
pub mod doctor;
pub mod eval;
pub mod imatrix;
pub mod listen;
pub mod models;
pub mod progress;
pub mod quantize;
pub mod recommend;
pub mod transcribe;
pub mod whisper_cpp;

use crate::failure::Failure;
use std::path::PathBuf;

/// Where the program keeps what it would be a pity to lose: `$XDG_STATE_HOME/noctule`, by default
/// under `~/.local/state` (XDG base directory specification 0.8), on Windows under `%LOCALAPPDATA%`.
pub fn state_folder() -> Result<PathBuf, Failure> {
    let named = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let local = if cfg!(windows) { named("LOCALAPPDATA") } else { None };
    let home = || std::env::home_dir().map(|home| home.join(".local/state"));
    let state = named("XDG_STATE_HOME").or(local).or_else(home);
    let state = state.ok_or_else(|| Failure::work("there is no home folder: set XDG_STATE_HOME"))?;
    Ok(state.join("noctule"))
}
