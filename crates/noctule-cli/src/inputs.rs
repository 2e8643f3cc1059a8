//! The names that the user gave → the recordings that they stand for.
//!
//! A folder stands for the audio in it, a pattern for the files that it
//! matches, in the order of their names. What stands for nothing is told, and
//! does not stop the rest.

use crate::failure::Failure;
use crate::plan::Input;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Endings by which audio in folders is known, in lower case.
const ENDINGS: [&str; 15] =
    ["wav", "wave", "flac", "mp3", "ogg", "oga", "opus", "m4a", "m4b", "aac", "mp4", "mov", "mkv", "mka", "webm"];

/// A recording and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The recording.
    pub input: Input,
    /// Folders between the one that the user named and the file; empty for a file that was named itself.
    pub below: PathBuf,
}

/// Finds the recordings; the second list says which names stand for nothing.
///
/// # Errors
/// [`Failure::Usage`] when standard input is wanted twice.
pub fn expand(names: &[PathBuf], recursive: bool) -> Result<(Vec<Found>, Vec<String>), Failure> {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for name in names {
        if name.as_os_str() == "-" {
            found.push(Found { input: Input::Stdin, below: PathBuf::new() });
        } else if name.is_dir() {
            in_folder(name, recursive, &mut found, &mut problems);
        } else {
            match matches(name) {
                Some(paths) if paths.is_empty() => problems.push(format!("no file matches '{}'", name.display())),
                Some(paths) => found.extend(paths.into_iter().map(named)),
                None => found.push(named(name.clone())),
            }
        }
    }
    if found.iter().filter(|found| found.input == Input::Stdin).count() > 1 {
        return Err(Failure::usage("'-' can be given once only: standard input holds one recording"));
    }
    Ok((found, problems))
}

fn named(path: PathBuf) -> Found {
    Found { input: Input::File(path), below: PathBuf::new() }
}

/// Files that a pattern with `*`, `?`, `[…]` or `**` matches; `None` when `name` is no pattern, or the name of a file.
fn matches(name: &Path) -> Option<Vec<PathBuf>> {
    let pattern = name.to_str().filter(|text| text.contains(['*', '?', '[']))?;
    if name.symlink_metadata().is_ok() {
        return None;
    }
    // As shells have it: hidden files are matched by patterns with a dot only.
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let paths = glob::glob_with(pattern, options).ok()?;
    Some(paths.filter_map(Result::ok).filter(|path| !path.is_dir()).collect())
}

/// Adds the audio in `folder`.
fn in_folder(folder: &Path, recursive: bool, found: &mut Vec<Found>, problems: &mut Vec<String>) {
    let before = (found.len(), problems.len());
    walk(folder, Path::new(""), recursive, found, problems);
    if (found.len(), problems.len()) == before {
        let deeper = if recursive { "" } else { "; --recursive looks in its folders too" };
        problems.push(format!(
            "there is no audio in the folder {} (files that end in {}){deeper}",
            folder.display(),
            ENDINGS.join(", ")
        ));
    }
}

fn walk(folder: &Path, below: &Path, recursive: bool, found: &mut Vec<Found>, problems: &mut Vec<String>) {
    let entries = match list(&folder.join(below)) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(format!("cannot read the folder {}: {error}", folder.join(below).display()));
            return;
        }
    };
    for entry in entries {
        let path = entry.path();
        // A link to a folder may lead back up, so it is not followed.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if recursive {
                walk(folder, &below.join(entry.file_name()), recursive, found, problems);
            }
        } else if is_audio(&path) && !path.is_dir() {
            found.push(Found { input: Input::File(path), below: below.to_owned() });
        }
    }
}

/// The entries in the order of their names, hidden ones left out.
fn list(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

fn is_audio(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with files of these names.
    fn folder(test: &str, files: &[&str]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("noctule-inputs-{}-{test}", std::process::id()));
        for file in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    fn names(folder: &Path, name: &str, recursive: bool) -> (Vec<String>, Vec<String>) {
        let (found, problems) = expand(&[folder.join(name)], recursive).unwrap();
        let short = |found: &Found| match &found.input {
            Input::File(path) => path.strip_prefix(folder).unwrap().display().to_string(),
            Input::Stdin => "-".into(),
        };
        (found.iter().map(short).collect(), problems)
    }

    #[test]
    fn folders_and_patterns() {
        let files =
            ["b.wav", "a.MP3", "notes.txt", ".hidden.wav", "sub/c.flac", "sub/deep/d.opus", "e[1].wav", "no/x.txt"];
        let folder = folder("folders", &files);
        assert_eq!(names(&folder, "", false).0, ["a.MP3", "b.wav", "e[1].wav"]);
        assert_eq!(names(&folder, "", true).0, ["a.MP3", "b.wav", "e[1].wav", "sub/c.flac", "sub/deep/d.opus"]);
        assert_eq!(names(&folder, "*.wav", false).0, ["b.wav", "e[1].wav"]);
        assert_eq!(names(&folder, "**/*.opus", false).0, ["sub/deep/d.opus"]);
        assert_eq!(names(&folder, "e[1].wav", false).0, ["e[1].wav"], "a file's own name is no pattern");
        assert_eq!(names(&folder, "missing.wav", false).0, ["missing.wav"], "read later, and missed then");
        assert!(names(&folder, "*.ogg", false).1[0].contains("no file matches"));
        assert!(names(&folder, "no", false).1[0].contains("--recursive"));
        assert!(!names(&folder, "no", true).1[0].contains("--recursive"));
        let (found, _) = expand(std::slice::from_ref(&folder), true).unwrap();
        assert_eq!(found[4].below, Path::new("sub/deep"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn standard_input_is_there_once() {
        assert!(expand(&["-".into(), "-".into()], false).is_err());
        assert_eq!(expand(&["-".into()], false).unwrap().0[0].input, Input::Stdin);
    }
}
