//! The thread counts and the way to read weights that `noctule doctor --tune` found best, remembered for the machine that they were
//! measured on.

use crate::cmd::state_folder;
use crate::failure::Failure;
use noctule::Streams;
use noctule_eval::board::{Board, Root};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What was found, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// The processor and how many of its cores a program may use: a home folder may be carried to another board.
    cpu: String,
    cores: usize,
    /// The model that was measured.
    model: String,
    /// Threads for the encoder.
    pub encode_threads: usize,
    /// Threads for the decoder.
    pub decode_threads: usize,
    /// How weights are read; a file may be of a program that did not measure it.
    #[serde(default)]
    streams: Option<String>,
}

impl Tuned {
    /// A finding of this machine.
    pub fn here(model: String, encode_threads: usize, decode_threads: usize, streams: Streams) -> Self {
        let (cpu, cores) = machine();
        Self { cpu, cores, model, encode_threads, decode_threads, streams: Some(streams.name().to_owned()) }
    }

    /// How weights are read fastest, if that was found.
    pub fn streams(&self) -> Option<Streams> {
        self.streams.as_deref().and_then(Streams::named)
    }
}

fn machine() -> (String, usize) {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    (Board::cpu(&Root::default()), cores)
}

fn file() -> Result<PathBuf, Failure> {
    Ok(state_folder()?.join("threads.json"))
}

/// What was remembered for this machine. A file of another machine, or one that cannot be read, is as good as none.
pub fn read() -> Option<Tuned> {
    let text = fs::read_to_string(file().ok()?).ok()?;
    let tuned: Tuned = serde_json::from_str(&text).ok()?;
    let sound = 1..=256;
    let fits = sound.contains(&tuned.encode_threads) && sound.contains(&tuned.decode_threads);
    (fits && (tuned.cpu.clone(), tuned.cores) == machine()).then_some(tuned)
}

/// Remembers; returns the file.
///
/// # Errors
/// [`Failure::Work`] if the folder or the disk does not take it.
pub fn write(tuned: &Tuned) -> Result<PathBuf, Failure> {
    let path = file()?;
    let text = serde_json::to_string_pretty(tuned).map_err(Failure::work)?;
    let fail =
        |error| Failure::work(format!("cannot write {}: {error}; XDG_STATE_HOME names another place", path.display()));
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(fail)?;
    let mut aside = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    aside.write_all(format!("{text}\n").as_bytes()).and_then(|()| aside.as_file().sync_all()).map_err(fail)?;
    aside.persist(&path).map_err(|error| fail(error.error))?;
    Ok(path)
}
