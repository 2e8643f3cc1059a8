//! What was understood of a meeting so far, on the disk as soon as it stands.
//!
//! A file of JSON lines: what the text depends on, then one line for each segment, each forced to the disk before the next is
//! looked for. A line that a crash has torn is left out, with everything behind it.

use noctule::Segment;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Version of the lines.
const FORMAT: u32 = 1;

/// What the text depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    format: u32,
    /// The model that listened.
    pub model: String,
}

impl Head {
    /// For a model of this name.
    pub fn new(model: &str) -> Self {
        Self { format: FORMAT, model: model.to_owned() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Segment(Box<Segment>),
    Language(String),
}

/// What an interrupted meeting has left.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What it depended on.
    pub head: Head,
    /// The language, once it was known.
    pub language: Option<String>,
    /// Segments, in order.
    pub segments: Vec<Segment>,
}

/// Why there are no minutes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is there already.
    #[error("{} is there already: it belongs to a meeting that was interrupted", .0.display())]
    Exists(PathBuf),
    /// Another program writes it.
    #[error("{} is being written by another program", .0.display())]
    Busy(PathBuf),
    /// It is something else.
    #[error("{}: these are no minutes of a meeting", .0.display())]
    Other(PathBuf),
    /// It cannot be used.
    #[error("cannot use {}: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
}

/// Minutes that are being written, or worked on.
#[derive(Debug)]
pub struct Minutes {
    file: File,
    path: PathBuf,
}

impl Minutes {
    /// Begins a new file.
    ///
    /// # Errors
    /// If there is one, or it cannot be written.
    pub fn begin(path: &Path, head: &Head) -> Result<Self, Error> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists(path.to_path_buf()),
            _ => Error::Io(path.to_path_buf(), error),
        };
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
        let mut minutes = Self { file, path: path.to_path_buf() };
        minutes.lock()?;
        minutes.append(head).map_err(failed)?;
        Ok(minutes)
    }

    /// Opens what an interrupted meeting has left; nobody else may while the result lives.
    ///
    /// # Errors
    /// If there is none, it cannot be read, is something else, or is being written.
    pub fn reopen(path: &Path) -> Result<(Self, Found), Error> {
        let failed = |error| Error::Io(path.to_path_buf(), error);
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let minutes = Self { file, path: path.to_path_buf() };
        minutes.lock()?;
        let found = parse(&bytes).ok_or_else(|| Error::Other(path.to_path_buf()))?;
        Ok((minutes, found))
    }

    fn lock(&self) -> Result<(), Error> {
        match self.file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Error::Busy(self.path.clone())),
            // A file system without locks: two at once are the user's affair.
            Err(TryLockError::Error(_)) | Ok(()) => Ok(()),
        }
    }

    /// Writes down a segment and waits until it is on the disk.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn segment(&mut self, segment: &Segment) -> io::Result<()> {
        self.append(&Line::Segment(Box::new(segment.clone())))
    }

    /// Writes down the language.
    ///
    /// # Errors
    /// As [`segment`](Self::segment).
    pub fn language(&mut self, code: &str) -> io::Result<()> {
        self.append(&Line::Language(code.to_owned()))
    }

    fn append(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(value)?;
        bytes.push(b'\n');
        self.file.write_all(&bytes)?;
        self.file.sync_data()
    }

    /// Removes them: the transcript is where it should be.
    ///
    /// # Errors
    /// If the system does not let it.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// `None` without a sound head.
fn parse(bytes: &[u8]) -> Option<Found> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let head: Head = serde_json::from_slice(lines.next()?).ok()?;
    let mut found = Found { head, language: None, segments: Vec::new() };
    for line in lines {
        match serde_json::from_slice(line) {
            Ok(Line::Segment(segment)) => found.segments.push(*segment),
            Ok(Line::Language(code)) => found.language = Some(code),
            Err(_) => break,
        }
    }
    (found.head.format == FORMAT).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(id: usize) -> Segment {
        Segment {
            id,
            start: id as f64,
            end: id as f64 + 0.1 + 0.2,
            text: format!(" « {id} »\n"),
            tokens: Vec::new(),
            avg_logprob: -0.123_456_79,
            no_speech_prob: 1e-12,
            compression_ratio: 1.0,
            temperature: 0.0,
            words: Vec::new(),
            speaker: None,
            speaker_turn_next: false,
            doubt: None,
        }
    }

    #[test]
    fn a_torn_line_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut minutes = Minutes::begin(&path, &Head::new("tiny.en")).unwrap();
        minutes.segment(&segment(0)).unwrap();
        minutes.language("en").unwrap();
        minutes.segment(&segment(1)).unwrap();
        assert!(matches!(Minutes::reopen(&path), Err(Error::Busy(_))));
        drop(minutes);
        let whole = std::fs::read(&path).unwrap();
        let (_, found) = Minutes::reopen(&path).unwrap();
        assert_eq!(found.segments, [segment(0), segment(1)]);
        assert_eq!((found.language.as_deref(), found.head.model.as_str()), (Some("en"), "tiny.en"));
        let mut least = 0;
        for len in 0..whole.len() {
            std::fs::write(&path, &whole[..len]).unwrap();
            let count = Minutes::reopen(&path).map_or(0, |(_, found)| found.segments.len());
            assert!(count >= least && count < 2, "{len}: {count}");
            least = count;
        }
        assert_eq!(least, 1);
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        Minutes::begin(&path, &Head::new("base")).unwrap();
        assert!(matches!(Minutes::begin(&path, &Head::new("base")), Err(Error::Exists(_))));
        Minutes::reopen(&path).unwrap().0.remove().unwrap();
        assert!(matches!(Minutes::reopen(&path), Err(Error::Io(..))));
        std::fs::write(&path, "{}\n").unwrap();
        assert!(matches!(Minutes::reopen(&path), Err(Error::Other(_))));
    }
}
