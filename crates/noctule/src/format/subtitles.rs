//! Captions for players: SubRip and WebVTT.

use super::Captions;
use super::caption::{Caption, Unit, captions};
use super::cue::Clock;
use crate::transcript::Transcript;
use std::io::{self, Write};

/// SubRip: number, `hh:mm:ss,mmm --> hh:mm:ss,mmm`, text, empty line. A highlighted word
/// is a caption of its own with the word underlined, as OpenAI's package writes it.
///
/// SubRip has no escapes, so an arrow in the text, which some readers take for
/// a time line, is shortened.
pub(super) fn write_srt(transcript: &Transcript, wishes: &Captions, writer: &mut impl Write) -> io::Result<()> {
    let mut number = 0;
    for caption in captions(transcript, wishes, true) {
        for (start, end, word) in phases(&caption, wishes.highlight_words) {
            number += 1;
            let text = text(&caption, |place, unit| {
                let arrow = without_arrow(&unit.text);
                if Some(place) == word { format!("<u>{arrow}</u>") } else { arrow }
            });
            writeln!(writer, "{number}\n{}\n{}\n", time_line(start, end, ','), without_arrow(&text))?;
        }
    }
    Ok(())
}

/// WebVTT (W3C): header, then time line, text, empty line. `&`, `<` and `>` are
/// escaped, with which the text cannot hold tags or an arrow. With highlighting each word but
/// the first follows the time at which it is spoken; a style sheet shows that with `:past` and `:future`.
pub(super) fn write_vtt(transcript: &Transcript, wishes: &Captions, writer: &mut impl Write) -> io::Result<()> {
    writeln!(writer, "WEBVTT\n")?;
    for caption in captions(transcript, wishes, false) {
        let voice = caption.speaker.map_or(String::new(), |id| format!("<v Speaker{id}>"));
        let mut latest = caption.start;
        let text = text(&caption, |_, unit| {
            let text = unit.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            // Times inside a cue must rise and lie inside it.
            if wishes.highlight_words && unit.start > latest && unit.start < caption.end {
                latest = unit.start;
                format!("<{}><c>{text}</c>", Clock { milliseconds: unit.start, separator: '.' })
            } else {
                text
            }
        });
        writeln!(writer, "{}\n{voice}{text}\n", time_line(caption.start, caption.end, '.'))?;
    }
    Ok(())
}

/// Stretches of a caption with the number of the word that is spoken, if one is.
fn phases(caption: &Caption, words: bool) -> Vec<(u64, u64, Option<usize>)> {
    if !words {
        return vec![(caption.start, caption.end, None)];
    }
    let mut found = Vec::new();
    let mut now = caption.start;
    for (place, unit) in caption.lines.iter().flatten().enumerate() {
        let (start, end) = (unit.start.max(now), unit.end.min(caption.end));
        if start >= end {
            continue;
        }
        if start > now {
            found.push((now, start, None));
        }
        found.push((start, end, Some(place)));
        now = end;
    }
    if now < caption.end {
        found.push((now, caption.end, None));
    }
    found
}

/// The lines of `caption`, each word as `show` says, numbered from 0.
fn text(caption: &Caption, mut show: impl FnMut(usize, &Unit) -> String) -> String {
    let mut text = String::new();
    let mut place = 0;
    for (i, line) in caption.lines.iter().enumerate() {
        text.push_str(if i > 0 { "\n" } else { "" });
        for (j, unit) in line.iter().enumerate() {
            text.push_str(if j > 0 && unit.blank { " " } else { "" });
            text.push_str(&show(place, unit));
            place += 1;
        }
    }
    text
}

/// SubRip readers take a line with this arrow for times.
fn without_arrow(text: &str) -> String {
    let mut text = text.to_owned();
    while text.contains("-->") {
        text = text.replace("-->", "->");
    }
    text
}

fn time_line(start: u64, end: u64, separator: char) -> String {
    let clock = |milliseconds| Clock { milliseconds, separator };
    format!("{} --> {}", clock(start), clock(end))
}
