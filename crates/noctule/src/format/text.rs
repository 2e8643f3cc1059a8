//! Formats that take a segment as it is: plain text and lyrics.

use super::caption::units;
use super::cue::{Cue, cues};
use crate::transcript::Transcript;
use std::io::{self, Write};

/// One line a segment. A speaker turn of a tinydiarize model is marked as whisper.cpp prints it.
pub(super) fn write_txt(transcript: &Transcript, writer: &mut impl Write) -> io::Result<()> {
    for cue in cues(transcript) {
        let turn = if cue.turn { " [SPEAKER_TURN]" } else { "" };
        writeln!(writer, "{}{}{turn}", speaker_prefix(&cue), cue.text)?;
    }
    Ok(())
}

/// LRC: `[mm:ss.cc]text`. A blank keeps a bracket in the text from being read as a tag. With `words`
/// each word follows its own `<mm:ss.cc>` (the "enhanced" form of the A2 player).
pub(super) fn write_lrc(transcript: &Transcript, words: bool, writer: &mut impl Write) -> io::Result<()> {
    writeln!(writer, "[by:noctule]")?;
    for cue in cues(transcript) {
        let mut line = speaker_prefix(&cue);
        if words {
            for unit in units(&cue) {
                let blank = if unit.blank { " " } else { "" };
                line.push_str(&format!("{blank}<{}>{}", minutes(unit.start), unit.text));
            }
        } else {
            line.push_str(&cue.text);
        }
        let blank = if line.starts_with('[') { " " } else { "" };
        writeln!(writer, "[{}]{blank}{line}", minutes(cue.start))?;
    }
    Ok(())
}

/// `mm:ss.cc`.
fn minutes(milliseconds: u64) -> String {
    let hundredths = (milliseconds + 5) / 10;
    format!("{:02}:{:02}.{:02}", hundredths / 6000, hundredths / 100 % 60, hundredths % 100)
}

/// whisper.cpp's words before the text of a known speaker.
pub(super) fn speaker_prefix(cue: &Cue) -> String {
    cue.speaker.map_or(String::new(), |id| format!("(speaker {id}) "))
}
