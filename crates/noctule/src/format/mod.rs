//! Writes transcripts to files and pipes.
//!
//! The last step of the path: enters a finished [`Transcript`] with what is
//! known about its run, leaves bytes, always UTF-8 with `\n` line ends. JSON holds everything; the
//! others hold the shown text: segments that loop ([`Segment::is_shown`](crate::transcript::Segment::is_shown))
//! and segments without text are left out, a segment takes one line, and times
//! never run backwards. The shapes are those of whisper.cpp's command line (tsv: of
//! OpenAI's), with times to the millisecond. A transcript without segments gives a valid empty file.

use crate::report::{Kernels, Memory, Model, Timing};
use crate::transcript::Transcript;
use std::fmt;
use std::io;
use std::str::FromStr;

mod caption;
mod cue;
mod json;
mod subtitles;
mod table;
mod text;
mod whisper_cpp;

pub use whisper_cpp::Origin;

/// What a transcript is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One line of text a segment.
    Txt,
    /// SubRip captions.
    Srt,
    /// WebVTT captions.
    Vtt,
    /// One JSON object on one line, so that several files make JSON Lines.
    Json,
    /// Lyrics: each line with its start.
    Lrc,
    /// start, end (milliseconds), text; separated by commas, quoted as RFC 4180 says.
    Csv,
    /// start, end (milliseconds), text; separated by tabs.
    Tsv,
    /// The JSON of whisper.cpp's `-oj`.
    WcppJson,
    /// The JSON of whisper.cpp's `-ojf`, which has tokens.
    WcppJsonFull,
}

/// Limits on SubRip and WebVTT captions. A segment that needs more than one caption is cut between words.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Captions {
    /// Most characters a line; a longer word is cut.
    pub max_line_width: Option<usize>,
    /// Most lines on the screen; lines are 42 characters wide when no width is given.
    pub max_line_count: Option<usize>,
    /// Most characters a second, as far as the speaker leaves time: captions stay through pauses,
    /// and come up to a second late, but no text is lost.
    pub max_cps: Option<f32>,
    /// Show which word is spoken (in LRC too).
    pub highlight_words: bool,
}

impl Captions {
    /// Whether times of words make the result better.
    pub fn needs_words(&self) -> bool {
        self.highlight_words || self.max_line_width.is_some() || self.max_line_count.is_some()
    }
}

/// A transcript and what is known about its run.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The audio file as the user named it, "-" for standard input.
    pub file: &'a str,
    /// The model.
    pub model: &'a Model,
    /// The result.
    pub transcript: &'a Transcript,
    /// Where the time went.
    pub timing: &'a Timing,
    /// Memory of the process.
    pub memory: Memory,
    /// The arithmetic.
    pub kernels: &'a Kernels,
    /// What whisper.cpp's JSON shapes need besides; the other formats do not.
    pub origin: Option<Origin<'a>>,
}

/// A name that is no [`Format`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no output format is called {0:?}: use one of {list}", list = Format::ALL.map(Format::name).join(", "))]
pub struct UnknownFormat(pub String);

impl Format {
    /// Every format.
    pub const ALL: [Self; 9] = [
        Self::Txt,
        Self::Srt,
        Self::Vtt,
        Self::Json,
        Self::Lrc,
        Self::Csv,
        Self::Tsv,
        Self::WcppJson,
        Self::WcppJsonFull,
    ];

    /// File extension without the dot; all JSON shapes have the same.
    pub fn extension(self) -> &'static str {
        match self {
            Self::WcppJson | Self::WcppJsonFull => "json",
            other => other.name(),
        }
    }

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Txt => "txt",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::Json => "json",
            Self::Lrc => "lrc",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::WcppJson => "wcpp-json",
            Self::WcppJsonFull => "wcpp-json-full",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    /// Reads the name, in any case.
    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let known = Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(name));
        known.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Writes `document` as `format`, a caption for each segment.
///
/// # Errors
/// Those of [`write_captioned`].
pub fn write(format: Format, document: &Document<'_>, writer: &mut impl io::Write) -> io::Result<()> {
    write_captioned(format, document, &Captions::default(), writer)
}

/// Writes `document` as `format` with captions laid out as `captions` says.
///
/// # Errors
/// Those of `writer`; [`io::ErrorKind::InvalidInput`] for whisper.cpp's JSON without [`Document::origin`].
pub fn write_captioned(
    format: Format,
    document: &Document<'_>,
    captions: &Captions,
    writer: &mut impl io::Write,
) -> io::Result<()> {
    let transcript = document.transcript;
    match format {
        Format::Txt => text::write_txt(transcript, writer),
        Format::Srt => subtitles::write_srt(transcript, captions, writer),
        Format::Vtt => subtitles::write_vtt(transcript, captions, writer),
        Format::Json => json::write_json(document, writer),
        Format::Lrc => text::write_lrc(transcript, captions.highlight_words, writer),
        Format::Csv => table::write_csv(transcript, writer),
        Format::Tsv => table::write_tsv(transcript, writer),
        Format::WcppJson => whisper_cpp::write(document, false, writer),
        Format::WcppJsonFull => whisper_cpp::write(document, true, writer),
    }
}

#[cfg(test)]
mod caption_tests;
#[cfg(test)]
mod tests;
