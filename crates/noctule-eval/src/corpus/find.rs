//! A name → the recordings that it stands for, whatever their layout.

use super::{folder, is_audio, kaldi, librispeech, manifest, stm, table};
use crate::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// A recording of a set, not yet looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// Its name in the set.
    pub id: String,
    /// The file.
    pub audio: PathBuf,
    /// The stretch of the file, seconds; all of it without one.
    pub span: Option<(f64, f64)>,
    /// What was said.
    pub text: Option<String>,
    /// The language's code.
    pub language: Option<String>,
    /// Who speaks.
    pub speaker: Option<String>,
    /// Its length as the set has it, seconds.
    pub duration_s: Option<f64>,
    /// What may be done with it.
    pub licence: Option<String>,
}

/// Finds the recordings of a file or folder, in the order of the set.
///
/// # Errors
/// A set that cannot be read or has mistakes, and a name that stands for no audio.
pub fn find(name: &Path) -> Result<Vec<Entry>, Error> {
    let entries = if name.is_dir() { in_folder(name)? } else { in_file(name)? };
    if entries.is_empty() {
        let problem =
            "there is no audio in it: give a folder of recordings, a manifest (.jsonl), a table (.csv, .tsv), an STM \
                       file, a Kaldi folder or a LibriSpeech tree"
                .to_owned();
        return Err(Error::Corpus { path: name.to_path_buf(), problem });
    }
    Ok(entries)
}

fn in_folder(name: &Path) -> Result<Vec<Entry>, Error> {
    let at = |file: &str| Some(name.join(file)).filter(|path| path.is_file());
    if let Some(path) = at("manifest.jsonl").or_else(|| at("metadata.jsonl")) {
        return manifest::read(&path);
    }
    if at("wav.scp").is_some() {
        return kaldi::read(name);
    }
    // Common Voice's and FLEURS' parts, the one that is meant for tests first.
    let tables = ["metadata.csv", "test.tsv", "validated.tsv", "dev.tsv", "train.tsv"];
    if let Some(path) = tables.into_iter().find_map(at) {
        return table::read(&path);
    }
    let transcripts = librispeech::transcripts(name)?;
    if transcripts.is_empty() { folder::read(name) } else { librispeech::read(&transcripts) }
}

fn in_file(name: &Path) -> Result<Vec<Entry>, Error> {
    fs::metadata(name).map_err(Error::io("read", name))?;
    let ending = name.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "jsonl" | "json" => manifest::read(name),
        "csv" | "tsv" => table::read(name),
        "stm" => stm::read(name),
        _ if is_audio(name) => Ok(vec![folder::entry(name, None)?]),
        _ => Ok(Vec::new()),
    }
}

/// Lines of a text file that hold something, with their numbers from 0.
pub(super) fn lines(path: &Path) -> Result<Vec<(usize, String)>, Error> {
    let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
    // Windows editors put a byte-order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = text.lines().enumerate().map(|(index, line)| (index, line.trim_end().to_owned()));
    Ok(lines.filter(|(_, line)| !line.trim().is_empty()).collect())
}

/// Entries of a folder in the order of their names, hidden ones left out.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("read", folder))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// A file's name without folder and ending.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A folder with these files.
    pub fn set(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn the_layout_is_recognised() {
        let folder = set(&[
            ("m/manifest.jsonl", "{\"audio\": \"a.wav\", \"text\": \"x\"}\n"),
            ("m/other.wav", ""),
            ("k/wav.scp", "u1 a.wav\n"),
            ("k/text", "u1 hello\n"),
            ("l/61/70968/61-70968.trans.txt", "61-70968-0000 HE BEGAN\n"),
            ("l/61/70968/61-70968-0000.flac", ""),
            ("c/test.tsv", "client_id\tpath\tsentence\ns\ta.mp3\tHello.\n"),
            ("c/train.tsv", "client_id\tpath\tsentence\ns\tb.mp3\tBye.\n"),
            ("h/metadata.csv", "file_name,transcription\na.wav,hi\n"),
            ("b/one.wav", ""),
            ("b/two.opus", ""),
            ("b/two.txt", "words"),
            ("a.wav", ""),
            ("x.stm", "a 1 spk 0.0 1.5 <o> some words\n"),
            ("empty/readme.md", ""),
        ]);
        let texts = |name: &str| -> Vec<Option<String>> {
            find(&folder.path().join(name)).unwrap().into_iter().map(|entry| entry.text).collect()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(texts("m"), [some("x")]);
        assert_eq!(texts("k"), [some("hello")]);
        assert_eq!(texts("l"), [some("HE BEGAN")]);
        assert_eq!(texts("c"), [some("Hello.")]);
        assert_eq!(texts("h"), [some("hi")]);
        assert_eq!(texts("b"), [None, some("words")]);
        assert_eq!(texts("b/two.opus"), [some("words")]);
        assert_eq!(texts("x.stm"), [some("some words")]);
        let nothing = find(&folder.path().join("empty")).unwrap_err().to_string();
        assert!(nothing.contains("no audio"), "{nothing}");
        let missing = find(&folder.path().join("missing")).unwrap_err().to_string();
        assert!(missing.contains("missing"), "{missing}");
    }
}
