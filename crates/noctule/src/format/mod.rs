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

mod cue;
mod json;
mod table;
mod text;

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
}

/// A name that is no [`Format`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no output format is called {0:?}: use one of {list}", list = Format::ALL.map(Format::extension).join(", "))]
pub struct UnknownFormat(pub String);

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] = [Self::Txt, Self::Srt, Self::Vtt, Self::Json, Self::Lrc, Self::Csv, Self::Tsv];

    /// Name and file extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Txt => "txt",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::Json => "json",
            Self::Lrc => "lrc",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    /// Reads the extension, in any case.
    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let known = Self::ALL.into_iter().find(|format| format.extension().eq_ignore_ascii_case(name));
        known.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Writes `document` as `format`.
///
/// # Errors
/// Those of `writer`.
pub fn write(format: Format, document: &Document<'_>, writer: &mut impl io::Write) -> io::Result<()> {
    let transcript = document.transcript;
    match format {
        Format::Txt => text::write_txt(transcript, writer),
        Format::Srt => text::write_srt(transcript, writer),
        Format::Vtt => text::write_vtt(transcript, writer),
        Format::Json => json::write_json(document, writer),
        Format::Lrc => text::write_lrc(transcript, writer),
        Format::Csv => table::write_csv(transcript, writer),
        Format::Tsv => table::write_tsv(transcript, writer),
    }
}

#[cfg(test)]
mod tests;
