//! A file's samples, decoded where they are needed.

use crate::file::{ReadOptions, Reader};
use crate::{AudioError, SAMPLE_RATE};
use std::path::{Path, PathBuf};

/// How far back reading costs nothing: 60 s.
const RECENT: usize = 60 * SAMPLE_RATE as usize;
/// Samples by which the memory for them grows before it is tidied up.
const SLACK: usize = 4 * SAMPLE_RATE as usize;

/// A file that is read forward, mostly.
///
/// The last 60 s stay in memory (4 MB). Reading further back decodes the file
/// again, from there where its format allows that, else from its start.
pub struct Tape {
    path: PathBuf,
    options: ReadOptions,
    /// First sample of the stretch, from the start of the file.
    first: u64,
    reader: Option<Reader<'static>>,
    recent: Vec<f32>,
    /// Where `recent` begins in the stretch.
    start: u64,
}

impl Tape {
    /// The stretch of `path` that begins at `options.offset_s`. Nothing is opened yet.
    pub fn new(path: &Path, options: &ReadOptions) -> Self {
        // As `file` rounds it; a float-to-integer `as` saturates.
        let first = (options.offset_s * f64::from(SAMPLE_RATE)).round() as u64;
        // It ends where the caller stops.
        let options = ReadOptions { duration_s: None, keep_stereo: false, ..options.clone() };
        Self { path: path.to_path_buf(), options, first, reader: None, recent: Vec::new(), start: 0 }
    }

    /// Fills `out` with the samples of the stretch from `start` on.
    ///
    /// # Errors
    /// As [`Reader`]; [`AudioError::Changed`] if the file is now shorter.
    pub fn read(&mut self, start: u64, out: &mut [f32]) -> Result<(), AudioError> {
        if self.reader.is_none() || start < self.start {
            self.reader = Some(self.open(start)?);
            self.recent.clear();
            self.start = start;
        }
        let end = start + out.len() as u64;
        while self.end() < end {
            let block = match &mut self.reader {
                Some(reader) => reader.next_block()?,
                None => None,
            };
            let Some(block) = block else {
                return Err(AudioError::Changed { path: self.path.clone() });
            };
            self.recent.extend_from_slice(block);
            self.tidy(start);
        }
        let at = (start - self.start) as usize;
        out.copy_from_slice(&self.recent[at..at + out.len()]);
        Ok(())
    }

    fn open(&self, start: u64) -> Result<Reader<'static>, AudioError> {
        let offset_s = (self.first + start) as f64 / f64::from(SAMPLE_RATE);
        Reader::open(&self.path, &ReadOptions { offset_s, ..self.options.clone() })
    }

    fn end(&self) -> u64 {
        self.start + self.recent.len() as u64
    }

    /// Forgets what is long past, but nothing from `needed` on.
    fn tidy(&mut self, needed: u64) {
        if self.recent.len() > RECENT + SLACK {
            let old = (self.recent.len() - RECENT) as u64;
            let old = old.min(needed.saturating_sub(self.start));
            self.recent.drain(..old as usize);
            self.start += old;
        }
    }
}
