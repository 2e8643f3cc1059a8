//! Tables: Common Voice's and FLEURS' TSV, Hugging Face's `metadata.csv`, any CSV or TSV whose header names a file and
//! its text. FLEURS alone has no header: it is known by a sound file in its second column.

use super::find::{Entry, stem};
use super::is_audio;
use crate::Error;
use csv::StringRecord;
use std::path::{Path, PathBuf};

/// Names of columns, in lower case, best first.
const AUDIO: [&str; 8] = ["path", "file_name", "audio", "audio_filepath", "file", "filename", "wav", "audio_path"];
const TEXT: [&str; 7] = ["sentence", "transcription", "transcript", "text", "reference", "raw_transcription", "words"];
const SPEAKER: [&str; 3] = ["client_id", "speaker", "speaker_id"];
const LANGUAGE: [&str; 3] = ["locale", "language", "lang"];

/// Folders beside a table in which its recordings may lie.
const BESIDE: [&str; 3] = ["", "clips", "audio"];

pub(super) fn read(path: &Path) -> Result<Vec<Entry>, Error> {
    let tabs = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tsv"));
    let mut builder = csv::ReaderBuilder::new();
    builder.flexible(true).has_headers(false).trim(csv::Trim::All);
    if tabs {
        // Quotation marks in tables of tabs are quotation marks.
        builder.delimiter(b'\t').quoting(false);
    }
    let mut rows = Vec::new();
    let reader = builder.from_path(path).map_err(|error| Error::line(path, 0, error))?;
    for (index, row) in reader.into_records().enumerate() {
        rows.push(row.map_err(|error| Error::line(path, index, error))?);
    }
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let (columns, skipped) = match fleurs(first) {
        Some(columns) => (columns, 0),
        None => (Columns::of(first).ok_or_else(|| Error::line(path, 0, wanted()))?, 1),
    };
    let rows = rows.iter().enumerate().skip(skipped);
    rows.map(|(index, row)| columns.entry(path, row).map_err(|problem| Error::line(path, index, problem))).collect()
}

fn wanted() -> String {
    format!("the header names no column of recordings: call it {}", AUDIO[..4].join(", "))
}

/// Where things stand in a row.
struct Columns {
    audio: usize,
    text: Option<usize>,
    speaker: Option<usize>,
    language: Option<usize>,
    /// Column, and what a second has of its unit.
    duration: Option<(usize, f64)>,
}

/// FLEURS: id, file, raw text, text, characters, samples at 16 kHz, gender.
fn fleurs(row: &StringRecord) -> Option<Columns> {
    let is = row.len() >= 6 && is_audio(Path::new(row.get(1)?)) && row.get(5)?.parse::<u64>().is_ok();
    is.then_some(Columns { audio: 1, text: Some(2), speaker: None, language: None, duration: Some((5, 16_000.0)) })
}

impl Columns {
    fn of(header: &StringRecord) -> Option<Self> {
        let names: Vec<String> = header.iter().map(|name| name.trim_start_matches('\u{feff}').to_lowercase()).collect();
        let column = |wanted: &[&str]| wanted.iter().find_map(|wanted| names.iter().position(|name| name == wanted));
        let seconds = column(&["duration", "duration_s"]).map(|at| (at, 1.0));
        let duration = seconds.or_else(|| column(&["duration_ms", "duration[ms]"]).map(|at| (at, 1000.0)));
        Some(Self {
            audio: column(&AUDIO)?,
            text: column(&TEXT),
            speaker: column(&SPEAKER),
            language: column(&LANGUAGE),
            duration,
        })
    }

    fn entry(&self, table: &Path, row: &StringRecord) -> Result<Entry, String> {
        let cell = |column: Option<usize>| column.and_then(|column| row.get(column)).filter(|text| !text.is_empty());
        let name = cell(Some(self.audio)).ok_or("the row names no recording")?;
        let duration = self.duration.and_then(|(column, unit)| Some(cell(Some(column))?.parse::<f64>().ok()? / unit));
        Ok(Entry {
            id: stem(Path::new(name)),
            audio: place(table, name),
            text: self.text.map(|column| row.get(column).unwrap_or_default().to_owned()),
            speaker: cell(self.speaker).map(str::to_owned),
            language: cell(self.language).map(language),
            duration_s: duration.filter(|duration| duration.is_finite() && *duration > 0.0),
            ..Entry::default()
        })
    }
}

/// Common Voice writes regions behind some languages: `sv-SE`.
fn language(code: &str) -> String {
    code.split(['-', '_']).next().unwrap_or(code).to_lowercase()
}

/// The file beside the table, in one of the usual folders; the first place if it is nowhere.
fn place(table: &Path, name: &str) -> PathBuf {
    let folder = table.parent().unwrap_or(Path::new(""));
    // FLEURS' parts lie in folders called after them.
    let part = folder.join("audio").join(stem(table)).join(name);
    let places = BESIDE.iter().map(|beside| folder.join(beside).join(name)).chain([part]);
    let mut places = places.peekable();
    let first = places.peek().cloned().unwrap_or_default();
    places.find(|place| place.is_file()).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::super::find::tests::set;
    use super::*;

    #[test]
    fn common_voice() {
        let folder = set(&[
            (
                "test.tsv",
                "client_id\tpath\tsentence\tup_votes\tlocale\nabc\tcv_1.mp3\tShe said \"no\", twice.\t2\tsv-SE\n",
            ),
            ("clips/cv_1.mp3", ""),
        ]);
        let entries = read(&folder.path().join("test.tsv")).unwrap();
        assert_eq!(entries[0].text.as_deref(), Some("She said \"no\", twice."));
        assert_eq!((entries[0].language.as_deref(), entries[0].speaker.as_deref()), (Some("sv"), Some("abc")));
        assert_eq!(entries[0].audio, folder.path().join("clips/cv_1.mp3"));
    }

    #[test]
    fn fleurs_has_no_header() {
        let folder = set(&[
            (
                "test.tsv",
                "1\t10.wav\tRaw, Text.\traw text\tr a w\t48000\tMALE\n2\t11.wav\tTwo\ttwo\tt\t16000\tFEMALE\n",
            ),
            ("audio/test/10.wav", ""),
        ]);
        let entries = read(&folder.path().join("test.tsv")).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].duration_s, entries[0].text.as_deref()), (Some(3.0), Some("Raw, Text.")));
        assert_eq!(entries[0].audio, folder.path().join("audio/test/10.wav"));
    }

    #[test]
    fn any_table_with_a_header() {
        let folder = set(&[("x.csv", "\u{feff}File_Name,Text,duration_ms\na.wav,\"one, two\",1500\nb.wav,,\n")]);
        let entries = read(&folder.path().join("x.csv")).unwrap();
        assert_eq!((entries[0].text.as_deref(), entries[0].duration_s), (Some("one, two"), Some(1.5)));
        assert_eq!((entries[1].text.as_deref(), entries[1].duration_s), (Some(""), None));
        for (text, message) in [("a,b\n1,2\n", "call it path"), ("path,text\n,x\n", "line 2")] {
            std::fs::write(folder.path().join("y.csv"), text).unwrap();
            let error = read(&folder.path().join("y.csv")).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
