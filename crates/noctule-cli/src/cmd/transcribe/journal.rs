//! What is finished of a long file, on disk after every window, so that an
//! interrupted run can go on.
//!
//! The engine's [checkpoints](noctule::Checkpoint) enter, a [`Resume`] leaves
//! when the same file is transcribed again. One file of lines for each input,
//! in the user's state folder: a header that says what the work depends on,
//! then a line for each window, appended and on the disk before the next window
//! begins. A line that a crash has torn is left out.

use super::identity::{Identity, fnv1a};
use crate::failure::Failure;
use noctule::{Checkpoint, Resume, Segment};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A journal that is being kept.
pub struct Journal {
    file: File,
    path: PathBuf,
    identity: Identity,
    /// The header of this run is in the file; before the first window an older run's lines may be there.
    begun: bool,
    found: Option<Resume>,
}

/// One line: a window.
#[derive(Serialize, Deserialize)]
struct Window {
    checkpoint: Checkpoint,
    segments: Vec<Segment>,
    /// [`noctule::Word::token_count`] of all words, which their own form leaves out.
    word_tokens: Vec<usize>,
}

/// Why there is no journal.
#[derive(Debug)]
pub enum Unavailable {
    /// Another run works on the same input.
    Busy,
    /// The folder or the file cannot be used.
    Io(PathBuf, io::Error),
}

impl Journal {
    /// Opens the journal of `input` in `folder`, which is made if it is missing.
    pub fn open(folder: &Path, input: &Path, identity: Identity) -> Result<Self, Unavailable> {
        let absolute = input.canonicalize().unwrap_or_else(|_| input.to_path_buf());
        let path = folder.join(format!("{:016x}.jsonl", fnv1a(absolute.as_os_str().as_encoded_bytes())));
        let failed = |error| Unavailable::Io(path.clone(), error);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut file = private().open(&path).map_err(failed)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(Unavailable::Busy),
            // A file system without locks: two runs at once are the user's affair.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let Some(old) = Old::parse(&bytes) else {
            return Ok(Self { file, path, identity, begun: false, found: None });
        };
        let Old { identity: theirs, found, len } = old;
        let same = theirs == identity;
        if same {
            file.set_len(len).and_then(|()| file.seek(SeekFrom::End(0)).map(drop)).map_err(failed)?;
        }
        let mut journal = Self { file, path, identity, begun: same, found };
        if !same {
            journal.identity.differs_from = Some(Box::new(theirs));
        }
        Ok(journal)
    }

    /// How much an earlier run has done, seconds, if it can be resumed.
    pub fn done_s(&self) -> Option<f64> {
        self.found.as_ref().filter(|_| self.begun).map(|found| found.checkpoint.seconds())
    }

    /// What an earlier run has found.
    ///
    /// # Errors
    /// It was another input, model or setting: the first difference, in words.
    pub fn resume(&mut self) -> Result<Option<Resume>, String> {
        match (&self.identity.differs_from, &self.found) {
            (Some(theirs), Some(_)) => Err(self.identity.difference(theirs)),
            _ => Ok(self.found.take()),
        }
    }

    /// Lets the next window replace what an earlier run has left.
    pub fn start_again(&mut self) {
        (self.begun, self.found) = (false, None);
    }

    /// Appends a window and waits until it is on the disk.
    pub fn append(&mut self, checkpoint: &Checkpoint, segments: &[Segment]) -> io::Result<()> {
        let mut bytes = Vec::new();
        if !self.begun {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            line(&mut bytes, &self.identity)?;
        }
        let words = segments.iter().flat_map(|segment| &segment.words);
        let word_tokens = words.map(|word| word.token_count).collect();
        line(&mut bytes, &Window { checkpoint: checkpoint.clone(), segments: segments.to_vec(), word_tokens })?;
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        self.begun = true;
        Ok(())
    }

    /// Removes it: the result is where it should be.
    pub fn remove(self) {
        // What stays of it costs a few kilobytes and fits no later change of the input.
        let _ = fs::remove_file(&self.path);
    }
}

/// What a journal file holds.
struct Old {
    identity: Identity,
    /// `None` when no window was finished.
    found: Option<Resume>,
    /// Bytes that are sound.
    len: u64,
}

impl Old {
    /// `None` for a file without a sound header.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let header = lines.next()?;
        let mut old = Self { identity: serde_json::from_slice(header).ok()?, found: None, len: header.len() as u64 };
        let mut segments = Vec::new();
        for line in lines {
            let Ok(mut window) = serde_json::from_slice::<Window>(line) else { break };
            let mut counts = window.word_tokens.iter();
            for word in window.segments.iter_mut().flat_map(|segment| &mut segment.words) {
                word.token_count = counts.next().copied().unwrap_or(0);
            }
            segments.append(&mut window.segments);
            if segments.len() != window.checkpoint.segments() {
                // A line in between is missing.
                break;
            }
            old.found = Some(Resume { checkpoint: window.checkpoint, segments: Vec::new() });
            old.len += line.len() as u64;
        }
        if let Some(found) = &mut old.found {
            segments.truncate(found.checkpoint.segments());
            found.segments = segments;
        }
        Some(old)
    }
}

fn line(bytes: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *bytes, value)?;
    bytes.push(b'\n');
    Ok(())
}

/// Reading and writing, for the user alone: the text may be confidential.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Where journals are kept: `$XDG_STATE_HOME/noctule/journals`, by default
/// under `~/.local/state` (XDG base directory specification 0.8), on Windows under `%LOCALAPPDATA%`.
pub fn folder() -> Result<PathBuf, Failure> {
    let named = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let local = if cfg!(windows) { named("LOCALAPPDATA") } else { None };
    let home = || std::env::home_dir().map(|home| home.join(".local/state"));
    let state = named("XDG_STATE_HOME").or(local).or_else(home);
    let state = state.ok_or_else(|| Failure::work("there is no home folder: set XDG_STATE_HOME"))?;
    Ok(state.join("noctule").join("journals"))
}
