//! Manifests of JSON lines: NeMo's (`audio_filepath`, `duration`, `text`, `offset`), this project's (`audio`, `text`,
//! `speaker`, `language`, `licence`), Hugging Face's (`file_name`, `transcription`).

use super::find::{Entry, lines, stem};
use crate::Error;
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Line {
    #[serde(alias = "audio_filepath", alias = "file_name")]
    audio: PathBuf,
    #[serde(alias = "transcription", alias = "transcript", alias = "sentence")]
    text: Option<String>,
    #[serde(alias = "lang")]
    language: Option<String>,
    #[serde(alias = "speaker_id")]
    speaker: Option<String>,
    duration: Option<f64>,
    offset: Option<f64>,
    #[serde(alias = "license")]
    licence: Option<String>,
    id: Option<String>,
}

pub(super) fn read(path: &Path) -> Result<Vec<Entry>, Error> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut entries = Vec::new();
    for (index, line) in lines(path)? {
        let line: Line = serde_json::from_str(&line).map_err(|error| {
            let what = "a line of a manifest is a JSON object with 'audio' and, where it is known, 'text'";
            Error::line(path, index, format!("{error}; {what}"))
        })?;
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite() && *value >= 0.0);
        let (offset, duration_s) = (finite(line.offset), finite(line.duration).filter(|duration| *duration > 0.0));
        // A stretch of a longer recording has an offset and a length.
        let span = offset.zip(duration_s).map(|(offset, duration)| (offset, offset + duration));
        let name = line.audio.with_extension("").to_string_lossy().replace('\\', "/");
        let name = if line.audio.is_absolute() { stem(&line.audio) } else { name };
        let id = line.id.unwrap_or_else(|| match span {
            Some((from, _)) => format!("{name}@{from}"),
            None => name,
        });
        entries.push(Entry {
            id,
            audio: folder.join(line.audio),
            span,
            text: line.text,
            language: line.language.filter(|code| code != "auto"),
            speaker: line.speaker,
            duration_s,
            licence: line.licence,
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::super::find::tests::set;
    use super::*;

    #[test]
    fn names_of_three_projects() {
        let folder = set(&[(
            "x.jsonl",
            "{\"audio\": \"a.flac\", \"text\": \"ah\", \"speaker\": \"s\", \"language\": \"en\", \"duration\": 4.3}\n\n\
             {\"audio_filepath\": \"/d/b.wav\", \"duration\": 2.5, \"offset\": 10, \"text\": \"be\", \"lang\": \"de\"}\n\
             {\"file_name\": \"sub/c.mp3\", \"transcription\": \"\"}\n",
        )]);
        let entries = read(&folder.path().join("x.jsonl")).unwrap();
        assert_eq!((entries[0].id.as_str(), entries[0].duration_s, entries[0].span), ("a", Some(4.3), None));
        assert_eq!((entries[1].id.as_str(), entries[1].span), ("b@10", Some((10.0, 12.5))));
        assert_eq!((entries[2].id.as_str(), entries[2].text.as_deref()), ("sub/c", Some("")));
        let wrong = set(&[("y.jsonl", "{\"audio\": \"a.wav\"}\n{\"text\": \"x\"}\n")]);
        let error = read(&wrong.path().join("y.jsonl")).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("'audio'"), "{error}");
    }
}
