//! The journal of an evaluation: the truth, from which every table and page is made.
//!
//! A file of JSON lines that only grows. The plan (what was asked for, engines, models, recordings, cells) is written aside
//! and appears whole; then comes a line for each measurement that begins and each that has ended, on the disk before
//! anything else happens. A power cut loses at most the running measurement; a torn last line is cut off.

mod line;
mod record;

pub use line::{Torn, from_line, to_line};
pub use record::{EngineRecord, Evaluation, FORMAT, Intent, Outcome, Record, Session, Text, Unit};

use crate::Error;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The journal's name in the folder of an evaluation.
pub const NAME: &str = "journal.jsonl";

/// A journal that is being written. No other process can write it meanwhile.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Bytes that are sound.
    len: u64,
}

/// What a journal file holds.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// Every sound record.
    pub records: Vec<Record>,
    /// What was wrong, for people.
    pub warnings: Vec<String>,
    /// Bytes up to the end of the last sound record.
    len: u64,
}

impl Journal {
    /// Refuses a folder that has a journal already.
    ///
    /// # Errors
    /// That it has one, and what to do.
    pub fn refuse(folder: &Path) -> Result<(), Error> {
        let path = folder.join(NAME);
        if !path.exists() {
            return Ok(());
        }
        let problem = format!(
            "an evaluation is here already: go on with it by --resume {}, or choose another folder",
            folder.display()
        );
        Err(Error::Journal { path, problem })
    }

    /// Writes a new journal with these records into `folder`, which is made if it is missing.
    ///
    /// # Errors
    /// If there is one already, or the disk refuses.
    pub fn create(folder: &Path, records: &[Record]) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
        Self::refuse(folder)?;
        let path = folder.join(NAME);
        let aside = folder.join(format!("{NAME}.part"));
        let mut text = String::new();
        for record in records {
            text += &to_line(record).map_err(|error| Error::io("write", &path)(error.into()))?;
        }
        let written = File::create(&aside).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&aside, &path)
        });
        if let Err(error) = written {
            let _ = fs::remove_file(&aside);
            return Err(Error::io("write", &path)(error));
        }
        sync_folder(folder);
        Ok(Self::open(folder)?.0)
    }

    /// Opens the journal of `folder` to go on with it; a torn end is cut off.
    ///
    /// # Errors
    /// If there is none, it is no journal, or another process writes it.
    pub fn open(folder: &Path) -> Result<(Self, Content), Error> {
        let path = folder.join(NAME);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(unread("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let problem = "another process is measuring into it: wait for its end".into();
                return Err(Error::Journal { path, problem });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
        }
        let content = read(&path)?;
        let mut journal = Self { file, path, len: content.len };
        journal.cut()?;
        Ok((journal, content))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record and waits until it is on the disk.
    ///
    /// # Errors
    /// If the disk refuses; the journal then ends with the record before.
    pub fn append(&mut self, record: &Record) -> Result<(), Error> {
        let line = to_line(record).map_err(|error| Error::io("write", &self.path)(error.into()))?;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.len += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half a line would look like a power cut. If even that fails, opening it again cuts it off.
                let _ = self.cut();
                Err(Error::io("write", &self.path)(error))
            }
        }
    }

    fn cut(&mut self) -> Result<(), Error> {
        let cut = self.file.set_len(self.len).and_then(|()| self.file.seek(SeekFrom::Start(self.len)));
        cut.map(drop).map_err(Error::io("write", &self.path))
    }
}

/// A rename lasts when its folder is on the disk; some file systems cannot do that, and the file is safe all the same.
fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Why a journal could not be read: most often there is none.
fn unread(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| match source.kind() {
        io::ErrorKind::NotFound => {
            let problem = "there is no journal; name a folder that 'noctule eval' wrote (what ended before it measured is begun anew)";
            Error::Journal { path, problem: problem.into() }
        }
        _ => Error::Io { action, path, source },
    }
}

/// Reads a journal: a file, or the one of a folder.
///
/// # Errors
/// If it cannot be read, or is no journal of a version that this program knows.
pub fn read(path: &Path) -> Result<Content, Error> {
    let path = if path.is_dir() { path.join(NAME) } else { path.to_path_buf() };
    let bytes = fs::read(&path).map_err(unread("read", &path))?;
    let mut content = Content::default();
    let mut at = 0u64;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        at += line.len() as u64;
        match from_line::<Record>(line) {
            Ok(record) if line.ends_with(b"\n") => {
                content.records.push(record);
                content.len = at;
            }
            Ok(_) | Err(Torn::Checksum) if at == bytes.len() as u64 => {
                content.warnings.push(format!("line {} was cut off by a crash and is left out", index + 1));
            }
            Ok(_) | Err(Torn::Checksum) => {
                content.warnings.push(format!("line {} is damaged and is left out", index + 1));
            }
            Err(Torn::Content(why)) => {
                content.warnings.push(format!("line {} is not understood and is left out: {why}", index + 1));
                content.len = at;
            }
        }
    }
    match content.records.first() {
        Some(Record::Evaluation(head)) if head.format <= FORMAT => Ok(content),
        Some(Record::Evaluation(head)) => {
            let problem = format!("it has format {}, and this program knows {FORMAT}: use a newer one", head.format);
            Err(Error::Journal { path, problem })
        }
        _ => {
            let problem = "this is no journal of an evaluation: its first line does not say what was asked for".into();
            Err(Error::Journal { path, problem })
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::plan::{Grid, Speed};
    use crate::run::{Status, Usage};

    pub fn head() -> Record {
        Record::Evaluation(Box::new(Evaluation {
            format: FORMAT,
            tool: "noctule 0".into(),
            created: "2026-11-26T10:00:00Z".into(),
            words: vec!["noctule".into(), "eval".into()],
            grid: Grid::default(),
            board: crate::board::Board::default(),
            speed: Speed::default(),
            clips: Vec::new(),
            corpus_hash: "c".into(),
        }))
    }

    pub fn outcome(cell: &str, unit: Unit, wall_s: f64) -> Outcome {
        Outcome {
            cell: cell.into(),
            unit,
            status: Status::Ok,
            detail: String::new(),
            span: [0.1 + 0.2, 1e9],
            clock_step_s: None,
            started_hot: None,
            usage: Usage { wall_s, ..Usage::default() },
            board: crate::board::BoardUse::default(),
            phases: crate::engine::Phases::default(),
            tier: None,
            precision: None,
            texts: vec![Text { utterance: "u".into(), text: Some("« a\nb »".into()), ..Text::default() }],
            divergence: std::collections::BTreeMap::new(),
            stderr: String::new(),
        }
    }

    fn result(i: u32) -> Record {
        Record::Outcome(Box::new(outcome("c", Unit::Run(i, 0), f64::from(i))))
    }

    #[test]
    fn records_are_there_again_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(folder.path(), &[head()]).unwrap();
        for i in 0..3 {
            journal.append(&result(i)).unwrap();
        }
        assert!(Journal::open(folder.path()).unwrap_err().to_string().contains("another process"));
        assert!(Journal::create(folder.path(), &[head()]).unwrap_err().to_string().contains("--resume"));
        drop(journal);
        let whole = fs::read(folder.path().join(NAME)).unwrap();
        let all = [head(), result(0), result(1), result(2)];
        assert_eq!(read(folder.path()).unwrap().records, all);
        let lines: Vec<usize> = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1).collect();
        for cut in (lines[0]..whole.len()).step_by(7) {
            fs::write(folder.path().join(NAME), &whole[..cut]).unwrap();
            let (mut journal, content) = Journal::open(folder.path()).unwrap();
            let sound = lines.iter().filter(|end| **end <= cut).count();
            assert_eq!(content.records, all[..sound], "cut at {cut}");
            if cut % 197 == 0 {
                journal.append(&result(9)).unwrap();
                drop(journal);
                assert_eq!(read(folder.path()).unwrap().records[sound], result(9), "cut at {cut}");
            }
        }
        for cut in 0..lines[0] {
            fs::write(folder.path().join(NAME), &whole[..cut]).unwrap();
            assert!(read(folder.path()).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_line_costs_that_line_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(folder.path(), &[head()]).unwrap();
        (0..3).for_each(|i| journal.append(&result(i)).unwrap());
        drop(journal);
        let path = folder.path().join(NAME);
        let text = fs::read_to_string(&path).unwrap().replacen("\"wall_s\":1.0", "\"wall_s\":7.0", 1);
        fs::write(&path, text).unwrap();
        let content = read(&path).unwrap();
        assert_eq!(content.records, [head(), result(0), result(2)]);
        assert!(content.warnings[0].contains("line 3 is damaged"), "{:?}", content.warnings);
        let newer = to_line(&serde_json::json!({"record": "dream", "of": 1})).unwrap();
        fs::write(&path, fs::read_to_string(&path).unwrap() + &newer).unwrap();
        let content = read(&path).unwrap();
        assert!(content.records.len() == 3 && content.warnings[1].contains("not understood"));
    }

    #[test]
    fn what_is_no_journal_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        assert!(read(folder.path()).unwrap_err().to_string().contains(NAME));
        fs::write(&path, "{\"a\": 1}\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("no journal"));
        let Record::Evaluation(mut future) = head() else { unreachable!() };
        future.format = FORMAT + 1;
        fs::write(&path, to_line(&Record::Evaluation(future)).unwrap()).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("newer"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(folder.path(), &[head()]).unwrap();
        journal.append(&result(0)).unwrap();
        let before = fs::read(folder.path().join(NAME)).unwrap();
        // Every write to it says that the disk is full.
        journal.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = journal.append(&result(1)).unwrap_err().to_string();
        assert!(error.contains("--resume") && error.contains("free some space"), "{error}");
        drop(journal);
        assert_eq!(fs::read(folder.path().join(NAME)).unwrap(), before);
    }
}
