//! Where a model's bytes live: mapped, embedded in the program, or in memory.
//!
//! This module holds the crate's only unsafe code, the memory map.

use std::fs::{File, Metadata};
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use crate::error::{Error, ErrorKind};

/// Bytes that live as long as the model.
#[derive(Debug)]
pub(crate) enum Source {
    Mapped(Mmap),
    Static(&'static [u8]),
    Owned(Vec<u8>),
}

impl Deref for Source {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Source::Mapped(map) => map,
            Source::Static(bytes) => bytes,
            Source::Owned(bytes) => bytes,
        }
    }
}

impl Source {
    /// Maps a regular file for reading.
    pub(crate) fn map(path: &Path) -> Result<Source, Error> {
        let error = |kind| Error::new(path.display().to_string(), kind);
        let io = |action| move |source| ErrorKind::Io { action, source };
        // Opening a pipe would wait for its writer, so the kind is asked first, and again of what
        // was opened, as the path may have changed in between.
        refuse_irregular(&std::fs::metadata(path).map_err(io("open")).map_err(error)?).map_err(error)?;
        let file = File::open(path).map_err(io("open")).map_err(error)?;
        let metadata = file.metadata().map_err(io("read")).map_err(error)?;
        refuse_irregular(&metadata).map_err(error)?;
        if metadata.len() == 0 {
            return Ok(Source::Owned(Vec::new()));
        }
        // SAFETY: `Mmap::map` is unsafe because the bytes change, or vanish with SIGBUS, when the
        // file is changed in place or cut while mapped. No read can be made immune to that, so the
        // argument is about what such a change can do:
        // - The map is private to this type and only ever lent as `&[u8]`. Every bit pattern is a
        //   valid `u8`, so a changed byte is a changed weight or a failed check, not an invalid value.
        // - What the checks of this crate allow is not read twice to decide an address: offsets and
        //   lengths are copied out of the map while parsing, and every later access goes through a
        //   range that was compared with the length of the map, which is fixed when it is made.
        // - The map is read-only and of a regular file (checked above), so this program never
        //   writes through it, and a cut file ends the process with a signal instead of letting it
        //   read other memory.
        // - Writers of this project replace model files by renaming a finished new file over the
        //   old one, which leaves a mapped inode as it is. That nobody else writes in place is the
        //   condition stated in the documentation of `Model::open`.
        let map = unsafe { Mmap::map(&file) }.map_err(io("map")).map_err(error)?;
        // The whole file will be read, so the kernel may start now. It is a hint: an error from it
        // means nothing.
        #[cfg(unix)]
        let _ = map.advise(memmap2::Advice::WillNeed);
        Ok(Source::Mapped(map))
    }
}

/// Names what is not a regular file. Only files have the fixed length that a map needs.
pub(crate) fn refuse_irregular(metadata: &Metadata) -> Result<(), ErrorKind> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() { "a directory" } else { special(kind) };
    Err(ErrorKind::NotAFile { what })
}

#[cfg(unix)]
fn special(kind: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: std::fs::FileType) -> &'static str {
    "something special"
}
