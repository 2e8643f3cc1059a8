//! Samples that wait on the disk: first in, first out.
//!
//! The [ring](crate::ring) puts here what comes in while more than a minute waits already. The file has no name where the system allows
//! that, and vanishes with the program.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes of a sample.
const WIDTH: u64 = 4;

/// A queue in a temporary file. Nothing is opened before the first sample.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    file: Option<File>,
    /// Bytes from the start of the file.
    read: u64,
    written: u64,
    /// Most bytes of the file.
    most: u64,
}

impl Spool {
    /// In `folder`, of at most `most` bytes.
    pub fn new(folder: &Path, most: u64) -> Self {
        Self { folder: folder.to_path_buf(), file: None, read: 0, written: 0, most }
    }

    /// Samples that wait.
    pub fn len(&self) -> u64 {
        (self.written - self.read) / WIDTH
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.read == self.written
    }

    /// Appends all of `samples` or none.
    ///
    /// # Errors
    /// The file cannot be made or written, mostly because the disk is full, or would be too long.
    pub fn push(&mut self, samples: &[f32]) -> io::Result<()> {
        let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
        if self.written + bytes.len() as u64 > self.most {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the temporary file is as long as it may be"));
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.folder)?),
        };
        file.seek(SeekFrom::Start(self.written))?;
        file.write_all(&bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Takes the next samples out, at most `count`, and appends them to `out`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn pull(&mut self, count: usize, out: &mut Vec<f32>) -> io::Result<()> {
        let count = (count as u64).min(self.len());
        let Some(file) = self.file.as_mut().filter(|_| count > 0) else { return Ok(()) };
        let mut bytes = vec![0; (count * WIDTH) as usize];
        file.seek(SeekFrom::Start(self.read))?;
        file.read_exact(&mut bytes)?;
        out.extend(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        self.read += bytes.len() as u64;
        if self.read == self.written {
            (self.read, self.written) = (0, 0);
            file.set_len(0)?;
        }
        Ok(())
    }

    /// Gives up what waits.
    pub fn clear(&mut self) {
        (self.file, self.read, self.written) = (None, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_out_as_they_went_in() {
        let mut spool = Spool::new(&std::env::temp_dir(), 1 << 20);
        let samples: Vec<f32> = (0..1000).map(|i| (i as f32).sin()).chain([f32::NAN, 1e30]).collect();
        let mut out = Vec::new();
        for part in samples.chunks(100) {
            spool.push(part).unwrap();
            spool.pull(70, &mut out).unwrap();
        }
        assert_eq!(spool.len() as usize, samples.len() - out.len());
        spool.pull(usize::MAX, &mut out).unwrap();
        let bits = |all: &[f32]| all.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&out), bits(&samples));
        assert!(spool.is_empty() && spool.file.as_ref().unwrap().metadata().unwrap().len() == 0, "space comes back");
    }

    #[test]
    fn it_has_an_end() {
        let mut spool = Spool::new(&std::env::temp_dir(), 400);
        spool.push(&[0.5; 100]).unwrap();
        assert_eq!(spool.push(&[0.5; 1]).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(spool.len(), 100);
        spool.pull(100, &mut Vec::new()).unwrap();
        spool.push(&[0.5; 100]).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there() {
        let mut spool = Spool::new(Path::new("/nonexistent/folder"), 400);
        assert!(spool.push(&[0.0]).is_err());
        assert!(spool.is_empty());
        spool.pull(1, &mut Vec::new()).unwrap();
    }
}
