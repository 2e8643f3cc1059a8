//! NIST's segment time marks: `recording channel speaker start end [<labels>] words` a line, `;;` before comments.
//! The recording lies beside the file.

use super::find::{Entry, lines};
use super::{ENDINGS, is_audio};
use crate::Error;
use std::path::{Path, PathBuf};

/// Labels of a stretch that is not to be scored.
const IGNORED: &str = "ignore_time_segment_in_scoring";

pub(super) fn read(path: &Path) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for (index, line) in lines(path)?.into_iter().filter(|(_, line)| !line.starts_with(";;")) {
        let bad = |problem: String| Error::line(path, index, problem);
        let (fields, text) =
            split(&line).ok_or_else(|| bad("recording, channel, speaker, start and end are needed".into()))?;
        let [recording, _channel, speaker, from, to] = fields;
        let (Ok(from), Ok(to)) = (from.parse::<f64>(), to.parse::<f64>()) else {
            return Err(bad(format!("'{from}' and '{to}' are to be seconds")));
        };
        if text.to_lowercase().starts_with(IGNORED) || to <= from {
            continue;
        }
        let audio = beside(path, recording).ok_or_else(|| {
            bad(format!("there is no recording '{recording}' beside it (with an ending such as .wav or .flac)"))
        })?;
        entries.push(Entry {
            id: format!("{recording}@{from}"),
            audio,
            span: Some((from, to)),
            text: Some(text.to_owned()),
            speaker: Some(speaker.to_owned()),
            ..Entry::default()
        });
    }
    Ok(entries)
}

/// The five fields and the words, labels in angle brackets left out.
fn split(line: &str) -> Option<([&str; 5], &str)> {
    let mut rest = line.trim();
    let mut fields = [""; 5];
    for field in &mut fields {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        (*field, rest) = (&rest[..end], rest[end..].trim_start());
        if field.is_empty() {
            return None;
        }
    }
    let labels = rest.starts_with('<').then(|| rest.find('>')).flatten();
    Some((fields, labels.map_or(rest, |end| rest[end + 1..].trim_start())))
}

fn beside(path: &Path, recording: &str) -> Option<PathBuf> {
    let named = path.with_file_name(recording);
    if is_audio(&named) && named.is_file() {
        return Some(named);
    }
    // The name may have dots of its own.
    let with = |ending: &str| path.with_file_name(format!("{recording}.{ending}"));
    ENDINGS.iter().map(|ending| with(ending)).find(|audio| audio.is_file())
}

#[cfg(test)]
mod tests {
    use super::super::find::tests::set;
    use super::*;

    #[test]
    fn marks_of_a_meeting() {
        let folder = set(&[
            (
                "x.stm",
                ";; a comment\nmeeting.v1 1 anna 0.50 2.25 <o,f0,female> hello  there\nmeeting.v1 1 bert 3 4 yes\n\
                 meeting.v1 1 x 5 6 IGNORE_TIME_SEGMENT_IN_SCORING\n",
            ),
            ("meeting.v1.wav", ""),
        ]);
        let entries = read(&folder.path().join("x.stm")).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].span, entries[0].text.as_deref()), (Some((0.5, 2.25)), Some("hello  there")));
        assert_eq!((entries[1].text.as_deref(), entries[1].speaker.as_deref()), (Some("yes"), Some("bert")));
        for (line, message) in
            [("a 1 b", "are needed"), ("none 1 b 0 1 x", "no recording 'none'"), ("a 1 b x 1 y", "'x'")]
        {
            std::fs::write(folder.path().join("y.stm"), line).unwrap();
            let error = read(&folder.path().join("y.stm")).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
