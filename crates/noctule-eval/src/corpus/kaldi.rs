//! Kaldi's folder (kaldi-asr.org/doc/data_prep.html): `wav.scp`, `text`, and where they are there `segments`, `utt2spk`,
//! `utt2lang`. Commands in `wav.scp` are refused: a set of recordings is no program.

use super::find::{Entry, lines};
use crate::Error;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub(super) fn read(folder: &Path) -> Result<Vec<Entry>, Error> {
    let scp = folder.join("wav.scp");
    let mut recordings: Vec<(String, PathBuf)> = Vec::new();
    for (index, line) in lines(&scp)? {
        let (id, place) = pair(&line);
        if place.ends_with('|') {
            let problem = "commands are not run: write the recordings to files, and their names here";
            return Err(Error::line(&scp, index, problem));
        }
        recordings.push((id.to_owned(), folder.join(place)));
    }
    let (texts, speakers, languages) = (map(folder, "text")?, map(folder, "utt2spk")?, map(folder, "utt2lang")?);
    let entry = |id: &str, audio: PathBuf, span| Entry {
        id: id.to_owned(),
        audio,
        span,
        text: texts.get(id).cloned(),
        speaker: speakers.get(id).cloned(),
        language: languages.get(id).cloned(),
        ..Entry::default()
    };
    let segments = folder.join("segments");
    if !segments.is_file() {
        return Ok(recordings.into_iter().map(|(id, audio)| entry(&id, audio, None)).collect());
    }
    let recordings: HashMap<String, PathBuf> = recordings.into_iter().collect();
    let mut entries = Vec::new();
    for (index, line) in lines(&segments)? {
        let words: Vec<&str> = line.split_whitespace().collect();
        let bad = |problem: String| Error::line(&segments, index, problem);
        let [id, recording, from, to] = words[..] else {
            return Err(bad("a segment has a name, a recording, a start and an end".into()));
        };
        let audio = recordings.get(recording).ok_or_else(|| bad(format!("wav.scp has no '{recording}'")))?;
        let (Ok(from), Ok(to)) = (from.parse::<f64>(), to.parse::<f64>()) else {
            return Err(bad(format!("'{from}' and '{to}' are to be seconds")));
        };
        if !(0.0 <= from && from < to) {
            return Err(bad(format!("a segment cannot last from {from} to {to}")));
        }
        entries.push(entry(id, audio.clone(), Some((from, to))));
    }
    Ok(entries)
}

/// A file of names and values; empty if it is not there.
fn map(folder: &Path, file: &str) -> Result<HashMap<String, String>, Error> {
    let path = folder.join(file);
    if !path.is_file() {
        return Ok(HashMap::new());
    }
    let lines = lines(&path)?;
    Ok(lines.iter().map(|(_, line)| pair(line)).map(|(id, rest)| (id.to_owned(), rest.to_owned())).collect())
}

fn pair(line: &str) -> (&str, &str) {
    line.split_once(char::is_whitespace).map_or((line, ""), |(id, rest)| (id, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::super::find::tests::set;
    use super::*;

    #[test]
    fn whole_recordings_and_segments() {
        let folder = set(&[
            ("wav.scp", "rec1 audio/one.wav\nrec2 /data/two.flac\n"),
            ("text", "rec1 the first\nu1 a part\n"),
            ("utt2spk", "rec1 anna\nu1 bert\n"),
        ]);
        let whole = read(folder.path()).unwrap();
        assert_eq!((whole[0].text.as_deref(), whole[0].speaker.as_deref()), (Some("the first"), Some("anna")));
        assert_eq!(whole[0].audio, folder.path().join("audio/one.wav"));
        assert_eq!(whole[1].audio, Path::new("/data/two.flac"));
        let segments = folder.path().join("segments");
        std::fs::write(&segments, "u1 rec1 1.5 3\n").unwrap();
        let parts = read(folder.path()).unwrap();
        assert_eq!((parts.len(), parts[0].span, parts[0].speaker.as_deref()), (1, Some((1.5, 3.0)), Some("bert")));
        for (line, message) in [("u1 rec9 1 2", "no 'rec9'"), ("u1 rec1 3 2", "from 3 to 2"), ("u1 rec1 x 2", "'x'")] {
            std::fs::write(&segments, line).unwrap();
            let error = read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(message) && error.contains("line 1"), "{error}");
        }
    }

    #[test]
    fn commands_are_refused() {
        let folder = set(&[("wav.scp", "u1 sph2pipe -f wav x.sph |\n")]);
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not run"), "{error}");
    }
}
