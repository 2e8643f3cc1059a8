//! Formats for people and players: plain text, SubRip, WebVTT, lyrics.

use super::cue::{Clock, Cue, cues};
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

/// SubRip: number, `hh:mm:ss,mmm --> hh:mm:ss,mmm`, text, empty line.
///
/// SubRip has no escapes, so an arrow in the text, which some readers take for
/// a time line, is shortened.
pub(super) fn write_srt(transcript: &Transcript, writer: &mut impl Write) -> io::Result<()> {
    for (number, mut cue) in (1..).zip(cues(transcript)) {
        while cue.text.contains("-->") {
            cue.text = cue.text.replace("-->", "->");
        }
        writeln!(writer, "{number}\n{}", time_line(&cue, ','))?;
        writeln!(writer, "{}{}\n", speaker_prefix(&cue), cue.text)?;
    }
    Ok(())
}

/// WebVTT (W3C): header, then time line, text, empty line. `&`, `<` and `>` are
/// escaped, with which the text cannot hold tags or an arrow.
pub(super) fn write_vtt(transcript: &Transcript, writer: &mut impl Write) -> io::Result<()> {
    writeln!(writer, "WEBVTT\n")?;
    for cue in cues(transcript) {
        let voice = cue.speaker.map_or(String::new(), |id| format!("<v Speaker{id}>"));
        let text = cue.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        writeln!(writer, "{}\n{voice}{text}\n", time_line(&cue, '.'))?;
    }
    Ok(())
}

/// LRC: `[mm:ss.cc]text`. A blank keeps a bracket in the text from being read as a tag.
pub(super) fn write_lrc(transcript: &Transcript, writer: &mut impl Write) -> io::Result<()> {
    writeln!(writer, "[by:noctule]")?;
    for cue in cues(transcript) {
        let hundredths = (cue.start + 5) / 10;
        let (minutes, seconds) = (hundredths / 6000, hundredths / 100 % 60);
        let line = format!("{}{}", speaker_prefix(&cue), cue.text);
        let blank = if line.starts_with('[') { " " } else { "" };
        writeln!(writer, "[{minutes:02}:{seconds:02}.{:02}]{blank}{line}", hundredths % 100)?;
    }
    Ok(())
}

fn time_line(cue: &Cue, separator: char) -> String {
    let clock = |milliseconds| Clock { milliseconds, separator };
    format!("{} --> {}", clock(cue.start), clock(cue.end))
}

fn speaker_prefix(cue: &Cue) -> String {
    cue.speaker.map_or(String::new(), |id| format!("(speaker {id}) "))
}
