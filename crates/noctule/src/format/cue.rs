//! What every format but JSON writes of a segment: one line of text between two times.

use crate::transcript::{Segment, Speaker, Transcript};
use std::fmt;

/// Latest time that is written, milliseconds: 99999 hours.
const LATEST_MS: f64 = 99_999.0 * 3_600_000.0;

/// One line of shown text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cue<'a> {
    /// Where it comes from.
    pub segment: &'a Segment,
    /// Start, milliseconds; not before the end of the cue before.
    pub start: u64,
    /// End, milliseconds; after the start.
    pub end: u64,
    /// Text without line breaks, control characters and blanks at its ends; never empty.
    pub text: String,
    /// whisper.cpp's name of the speaker: "0" left, "1" right, "?" unclear.
    pub speaker: Option<&'static str>,
    /// Another speaker follows.
    pub turn: bool,
}

/// The shown segments that have text, as cues in order.
pub(super) fn cues(transcript: &Transcript) -> impl Iterator<Item = Cue<'_>> {
    let mut free = 0;
    let shown = transcript.segments.iter().filter(|segment| segment.is_shown());
    shown.filter_map(move |segment| {
        let text = single_line(&segment.text);
        if text.is_empty() {
            return None;
        }
        let start = milliseconds(segment.start).max(free);
        let end = milliseconds(segment.end).max(start + 1);
        free = end;
        Some(Cue { segment, start, end, text, speaker: speaker(segment), turn: segment.speaker_turn_next })
    })
}

/// whisper.cpp's name of the speaker.
pub(super) fn speaker(segment: &Segment) -> Option<&'static str> {
    segment.speaker.map(|speaker| match speaker {
        Speaker::Left => "0",
        Speaker::Right => "1",
        Speaker::Unknown => "?",
    })
}

/// Nearest whole millisecond; 0 for what is before the start or no number.
pub(super) fn milliseconds(seconds: f64) -> u64 {
    // The cast takes NaN to 0.
    (seconds * 1000.0).round().clamp(0.0, LATEST_MS) as u64
}

/// The text on one line: breaks and control characters, which end or corrupt a cue, become a blank.
pub(super) fn single_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    text.split(breaks).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `hh:mm:ss` and milliseconds behind a format's own separator.
pub(super) struct Clock {
    pub milliseconds: u64,
    pub separator: char,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, fraction) = (self.milliseconds / 1000, self.milliseconds % 1000);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}{}{fraction:03}", self.separator)
    }
}
