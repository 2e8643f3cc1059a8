//! LibriSpeech's tree: `SPEAKER/CHAPTER/SPEAKER-CHAPTER.trans.txt` beside `SPEAKER-CHAPTER-NNNN.flac` (openslr.org/12).

use super::find::{Entry, lines, list};
use crate::Error;
use std::path::{Path, PathBuf};

/// Deeper trees are none of LibriSpeech's: a tree's own name, speakers, chapters, and two folders of the archive.
const DEPTH: usize = 5;

/// Transcripts in `folder` and below, in order.
pub(super) fn transcripts(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    walk(folder, DEPTH, &mut found)?;
    Ok(found)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    for path in list(folder)? {
        if path.is_dir() {
            if depth > 0 && !path.is_symlink() {
                walk(&path, depth - 1, found)?;
            }
        } else if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(".trans.txt")) {
            found.push(path);
        }
    }
    Ok(())
}

pub(super) fn read(transcripts: &[PathBuf]) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for path in transcripts {
        for (index, line) in lines(path)? {
            let (id, text) = line.split_once(' ').unwrap_or((&line, ""));
            let beside = |ending: &str| path.with_file_name(format!("{id}.{ending}"));
            // Converted copies of the corpus keep the names.
            let audio = ["flac", "wav", "ogg", "mp3"].into_iter().map(beside).find(|audio| audio.is_file());
            let Some(audio) = audio else {
                return Err(Error::line(path, index, format!("there is no {id}.flac beside the transcript")));
            };
            entries.push(Entry {
                id: id.to_owned(),
                audio,
                text: Some(text.trim().to_owned()),
                language: Some("en".into()),
                speaker: id.split('-').next().map(str::to_owned),
                licence: Some("CC BY 4.0".into()),
                ..Entry::default()
            });
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::super::find::tests::set;
    use super::*;

    #[test]
    fn speakers_and_texts() {
        let folder = set(&[
            ("test-clean/61/70968/61-70968.trans.txt", "61-70968-0000 HE BEGAN\n61-70968-0001 AND WENT ON\n"),
            ("test-clean/61/70968/61-70968-0000.flac", ""),
            ("test-clean/61/70968/61-70968-0001.wav", ""),
        ]);
        let entries = read(&transcripts(folder.path()).unwrap()).unwrap();
        assert_eq!((entries[1].id.as_str(), entries[1].speaker.as_deref()), ("61-70968-0001", Some("61")));
        assert_eq!(entries[1].text.as_deref(), Some("AND WENT ON"));
        std::fs::remove_file(&entries[1].audio).unwrap();
        let error = read(&transcripts(folder.path()).unwrap()).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("61-70968-0001"), "{error}");
    }
}
