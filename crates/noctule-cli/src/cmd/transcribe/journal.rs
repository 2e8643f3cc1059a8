//! What is finished of a long file, on disk after every window, so that an
//! interrupted run can go on.
//!
//! The engine's [checkpoints](noctule::Checkpoint) enter, a [`Resume`] leaves
//! when the same file is transcribed again. One file of lines for each input,
//! in the user's state folder: a header that says what the work depends on,
//! then a line for each window, appended and on the disk before the next window
//! begins. A line that a crash has torn is left out.

use super::identity::{Identity, fnv1a};
use crate::cmd::state_folder;
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

/// Where journals are kept.
pub fn folder() -> Result<PathBuf, Failure> {
    Ok(state_folder()?.join("journals"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checkpoints as the engine writes them, `segments` after each.
    fn window(seek: usize, before: usize, count: usize) -> String {
        let segments: Vec<_> = (before..before + count)
            .map(|id| {
                serde_json::json!({
                    "id": id, "start": 0.1 + 0.2, "end": 1e-7, "text": format!(" « {id} »\n"), "tokens": [],
                    "avg_logprob": -0.123_456_79, "no_speech_prob": 1e-12, "compression_ratio": 1.0, "temperature": 0.2,
                    "words": [{ "word": " a", "start": 0.3, "end": 0.4, "probability": 0.5 }],
                })
            })
            .collect();
        let checkpoint = serde_json::json!({
            "seek": seek, "language": 0, "language_probability": null, "history": { "fixed": [], "rolling": [1, 2] },
            "loudest": 1.5, "last_speech": 0.4, "segments": before + count,
        });
        let record =
            serde_json::json!({ "checkpoint": checkpoint, "segments": segments, "word_tokens": vec![3; count] });
        format!("{record}\n")
    }

    fn header(identity: &Identity) -> String {
        serde_json::to_string(identity).unwrap() + "\n"
    }

    fn parsed(text: &[u8]) -> Option<(usize, f64, u64)> {
        let old = Old::parse(text)?;
        let found = old.found.as_ref();
        Some((found.map_or(0, |f| f.segments.len()), found.map_or(0.0, |f| f.checkpoint.seconds()), old.len))
    }

    #[test]
    fn a_torn_line_is_left_out_wherever_it_is_torn() {
        let head = header(&Identity::default());
        let (first, second) = (window(2000, 0, 2), window(4500, 2, 1));
        let whole = format!("{head}{first}{second}");
        for cut in 0..=whole.len() {
            let (one, two) = (head.len() + first.len(), whole.len());
            let expected = match cut {
                _ if cut == two => Some((3, 45.0, two as u64)),
                _ if cut >= one => Some((2, 20.0, one as u64)),
                _ if cut >= head.len() => Some((0, 0.0, head.len() as u64)),
                _ => None,
            };
            assert_eq!(parsed(&whole.as_bytes()[..cut]), expected, "cut at {cut}");
        }
        // A power cut may leave zeros.
        let zeros = [format!("{head}{first}").as_bytes(), &[0; 500], b"\n", second.as_bytes()].concat();
        assert_eq!(parsed(&zeros), Some((2, 20.0, (head.len() + first.len()) as u64)));
        // A missing line ends what can be trusted.
        let gap = format!("{head}{first}{}", window(9000, 5, 1));
        assert_eq!(parsed(gap.as_bytes()), Some((2, 20.0, (head.len() + first.len()) as u64)));
        assert_eq!(parsed(b"\x00\xff\n"), None);
    }

    #[test]
    fn what_is_written_is_found_again() {
        let folder = std::env::temp_dir().join(format!("noctule-journal-{}", std::process::id()));
        let input = folder.join("talk.wav");
        let open = || Journal::open(&folder, &input, Identity::default()).unwrap();
        let record: Window = serde_json::from_str(&window(2000, 0, 2)).unwrap();
        let mut journal = open();
        assert_eq!((journal.done_s(), journal.resume()), (None, Ok(None)));
        assert!(matches!(Journal::open(&folder, &input, Identity::default()), Err(Unavailable::Busy)));
        let mut segments = record.segments;
        segments.iter_mut().flat_map(|s| &mut s.words).for_each(|word| word.token_count = 3);
        journal.append(&record.checkpoint, &segments).unwrap();
        drop(journal);

        let mut journal = open();
        assert_eq!(journal.done_s(), Some(20.0));
        let found = journal.resume().unwrap().unwrap();
        assert_eq!((&found.segments, &found.checkpoint), (&segments, &record.checkpoint));
        assert_eq!(found.segments[0].start, 0.1 + 0.2);
        drop(journal);

        // Started again, but interrupted before the first window: the old one is still there.
        let mut journal = open();
        journal.start_again();
        drop(journal);
        assert_eq!(open().done_s(), Some(20.0));
        let mut journal = open();
        journal.start_again();
        journal.append(&record.checkpoint, &segments).unwrap();
        drop(journal);
        let mut journal = open();
        assert_eq!(journal.resume().unwrap().unwrap().segments.len(), 2);
        journal.remove();
        assert_eq!(open().done_s(), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
