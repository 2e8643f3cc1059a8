//! A stream that cannot seek, kept in a temporary file: bytes enter, any number
//! of readers leave, one after the other.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{ReadOptions, Reader};
use crate::AudioError;

/// Audio from a stream, in a temporary file without a name, which is gone when
/// this is dropped or the process ends in any other way (on Unix; elsewhere
/// when the process ends).
///
/// For containers that must be moved about in, and for reading twice.
#[derive(Debug)]
pub struct Spool {
    file: File,
    name: String,
}

impl Spool {
    /// Copies all of `stream`. `name` is what messages call it.
    ///
    /// # Errors
    /// [`AudioError::Spool`] if the temporary file cannot be written, such as
    /// for lack of space; [`AudioError::Read`] if the stream cannot be read.
    pub fn new(mut stream: impl Read, name: &str) -> Result<Self, AudioError> {
        let failed = |source| AudioError::Spool { name: name.into(), folder: std::env::temp_dir(), source };
        let mut file = tempfile::tempfile().map_err(failed)?;
        let mut buf = vec![0; 1 << 16];
        loop {
            match stream.read(&mut buf) {
                Ok(0) => break,
                Ok(n) => file.write_all(&buf[..n]).map_err(failed)?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(AudioError::Read { name: name.into(), source }),
            }
        }
        file.flush().map_err(failed)?;
        Ok(Self { file, name: name.into() })
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens a reader at the start. A reader that was opened before must not be
    /// used any more: the two would move the same file's position.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn reader(&self, options: &ReadOptions) -> Result<Reader<'static>, AudioError> {
        Reader::from_file(self, options)
    }

    /// The file, standing at its start.
    pub(super) fn rewound(&self) -> Result<File, AudioError> {
        let failed = |source| AudioError::Read { name: self.name.clone(), source };
        let mut file = self.file.try_clone().map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        Ok(file)
    }
}
