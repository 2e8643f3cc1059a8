//! Speech to calibrate and compare models on: files, folders and manifests → clips.
//!
//! A manifest is a file of JSON lines as NeMo writes them: `audio` or `audio_filepath` (relative to the manifest), and
//! where they are known `text`, `language`, `speaker`. A folder with a `manifest.jsonl` stands for that manifest.

use crate::failure::Failure;
use crate::inputs;
use crate::plan::Input;
use crate::terminal;
use noctule_quant::speech::Clip;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// A recording of a set, not yet read.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    path: PathBuf,
    text: Option<String>,
    language: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(alias = "audio_filepath")]
    audio: PathBuf,
    text: Option<String>,
    #[serde(alias = "lang")]
    language: Option<String>,
}

impl Entry {
    /// What tells this recording from others.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Reads the recording.
    ///
    /// # Errors
    /// [`Failure::Work`] if it cannot be read.
    pub fn read(&self) -> Result<Clip, Failure> {
        let audio = noctule_audio::file::read(&self.path, &noctule_audio::file::ReadOptions::default());
        let audio = audio.map_err(Failure::work)?;
        audio.warnings.iter().for_each(|warning| terminal::warning(warning));
        let (text, language) = (self.text.clone(), self.language.clone());
        Ok(Clip { name: self.name(), samples: audio.samples, text, language })
    }
}

/// Finds the recordings that `names` stand for, each once; `language` holds where a manifest does not say another.
///
/// # Errors
/// [`Failure::Work`] if a name stands for nothing or a manifest cannot be read.
pub fn find(names: &[PathBuf], language: Option<&str>) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for name in names {
        let manifest = name.join("manifest.jsonl");
        if manifest.is_file() {
            read_manifest(&manifest, &mut entries)?;
        } else if name.extension().is_some_and(|ending| ending == "jsonl") {
            read_manifest(name, &mut entries)?;
        } else {
            let (found, problems) = inputs::expand(std::slice::from_ref(name), true)?;
            if let Some(problem) = problems.first() {
                return Err(Failure::work(problem));
            }
            for found in found {
                let Input::File(path) = found.input else {
                    return Err(Failure::usage("a set of speech is read more than once: standard input will not do"));
                };
                entries.push(Entry { path, text: None, language: None });
            }
        }
    }
    let mut seen = std::collections::HashSet::new();
    entries.retain(|entry: &Entry| seen.insert(entry.path.clone()));
    for entry in &mut entries {
        if entry.language.is_none() {
            entry.language = language.filter(|code| *code != "auto").map(str::to_owned);
        }
    }
    Ok(entries)
}

fn read_manifest(path: &Path, entries: &mut Vec<Entry>) -> Result<(), Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::work(format!("{}: {error}", path.display())))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line).map_err(|error| {
            let what = "a line of a manifest is a JSON object with 'audio' and, where it is known, 'text'";
            Failure::work(format!("{}, line {}: {error}; {what}", path.display(), number + 1))
        })?;
        entries.push(Entry { path: folder.join(line.audio), text: line.text, language: line.language });
    }
    Ok(())
}

/// At most `most` of them, spread evenly over the set.
pub fn spread<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    let n = most.min(all.len());
    (0..n).map(|i| all[i * all.len() / n].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_folders_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.wav"), "").unwrap();
        fs::write(at("b.wav"), "").unwrap();
        fs::write(
            at("x.jsonl"),
            "{\"audio\": \"a.wav\", \"text\": \"ah\", \"language\": \"de\"}\n\n{\"audio_filepath\": \"c/d.flac\"}\n",
        )
        .unwrap();
        let entries = find(&[at("x.jsonl"), folder.path().to_path_buf(), at("a.wav")], Some("sv")).unwrap();
        let names: Vec<PathBuf> = entries.iter().map(|entry| entry.path.clone()).collect();
        assert_eq!(names, [at("a.wav"), at("c/d.flac"), at("b.wav")]);
        assert_eq!((entries[0].language.as_deref(), entries[0].text.as_deref()), (Some("de"), Some("ah")));
        assert_eq!((entries[1].language.as_deref(), entries[1].text.as_deref()), (Some("sv"), None));
        fs::rename(at("x.jsonl"), at("manifest.jsonl")).unwrap();
        assert_eq!(find(&[folder.path().to_path_buf()], None).unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        fs::write(&path, "{\"audio\": \"a.wav\"}\nnonsense\n").unwrap();
        assert!(find(std::slice::from_ref(&path), None).unwrap_err().to_string().contains("line 2"));
        assert!(find(&[folder.path().join("none*.wav")], None).is_err());
    }

    #[test]
    fn a_spread_takes_from_the_whole() {
        assert_eq!(spread(&[0, 1, 2, 3, 4, 5, 6, 7], 3), [0, 2, 5]);
        assert_eq!(spread(&[0, 1], 3), [0, 1]);
        assert!(spread::<u8>(&[], 3).is_empty());
    }
}
