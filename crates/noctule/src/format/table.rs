//! Formats for tables: start and end in whole milliseconds, then the text.

use super::cue::cues;
use crate::transcript::Transcript;
use std::io::{self, Write};

/// `start,end,text`, or `start,end,speaker,text` when a segment has a speaker, as whisper.cpp.
/// The text is always quoted (RFC 4180).
pub(super) fn write_csv(transcript: &Transcript, writer: &mut impl Write) -> io::Result<()> {
    let speakers = transcript.segments.iter().any(|segment| segment.speaker.is_some());
    writeln!(writer, "start,end,{}text", if speakers { "speaker," } else { "" })?;
    for cue in cues(transcript) {
        write!(writer, "{},{},", cue.start, cue.end)?;
        if speakers {
            write!(writer, "{},", cue.speaker.unwrap_or("?"))?;
        }
        writeln!(writer, "\"{}\"", cue.text.replace('"', "\"\""))?;
    }
    Ok(())
}

/// `start<tab>end<tab>text`, as OpenAI's package. A cue's text holds no tab.
pub(super) fn write_tsv(transcript: &Transcript, writer: &mut impl Write) -> io::Result<()> {
    writeln!(writer, "start\tend\ttext")?;
    for cue in cues(transcript) {
        writeln!(writer, "{}\t{}\t{}", cue.start, cue.end, cue.text)?;
    }
    Ok(())
}
