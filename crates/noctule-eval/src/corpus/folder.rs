//! Audio without a list: a `.txt` beside a recording says what is said in it.

use super::find::{Entry, list, stem};
use super::is_audio;
use crate::Error;
use std::fs;
use std::path::Path;

/// All audio in `folder` and below.
pub(super) fn read(folder: &Path) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    walk(folder, folder, &mut entries)?;
    Ok(entries)
}

fn walk(top: &Path, folder: &Path, entries: &mut Vec<Entry>) -> Result<(), Error> {
    for path in list(folder)? {
        // A link to a folder may lead back up, so it is not followed.
        if path.is_dir() {
            if !path.is_symlink() {
                walk(top, &path, entries)?;
            }
        } else if is_audio(&path) {
            entries.push(entry(&path, Some(top))?);
        }
    }
    Ok(())
}

/// One recording, named by its place below `top`.
pub(super) fn entry(path: &Path, top: Option<&Path>) -> Result<Entry, Error> {
    let below = top.and_then(|top| path.strip_prefix(top).ok()).map(|below| below.with_extension(""));
    let beside = path.with_extension("txt");
    let text = match beside.is_file() {
        true => Some(fs::read_to_string(&beside).map_err(Error::io("read", &beside))?.trim().to_owned()),
        false => None,
    };
    let id = below.map_or_else(|| stem(path), |below| below.to_string_lossy().replace('\\', "/"));
    Ok(Entry { id, audio: path.to_path_buf(), text, ..Entry::default() })
}
