//! Where the result goes and what it looks like.

use super::values;
use clap::Args;
use noctule::format::Format;
use std::path::PathBuf;

/// Formats, files, captions, colours.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Formats, separated by commas; several need --output-dir.
    #[arg(short, long, value_name = "FORMAT", value_delimiter = ',', value_parser = values::formats())]
    pub format: Vec<Format>,
    /// Write STEM.FORMAT of each file into this folder, which is made if it is missing.
    #[arg(short, long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Print one JSON object a line and file, in the order of the arguments.
    #[arg(long)]
    pub json: bool,
    /// Leave out audio whose files are all there already.
    #[arg(long, overrides_with = "overwrite")]
    pub skip_existing: bool,
    /// Replace files that are there already, which is the default.
    #[arg(long, overrides_with = "skip_existing")]
    pub overwrite: bool,
    /// Go on where an interrupted run of the same files and options stopped; the result is the same.
    #[arg(long)]
    pub resume: bool,
    /// Look for audio in folders inside folders too.
    #[arg(short, long)]
    pub recursive: bool,
    /// Print no notices, no progress and no summary; warnings and errors stay.
    #[arg(short, long, visible_alias = "no-prints")]
    pub quiet: bool,
    /// On a terminal, colour words by their probability: red is unsure, green is sure.
    #[arg(long, visible_alias = "color-confidence")]
    pub print_colors: bool,
    /// Captions (srt, vtt): most characters a line.
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=1000),
        allow_negative_numbers = true,
        help_heading = "Captions",
    )]
    pub max_line_width: Option<u16>,
    /// Captions: most lines on the screen; 42 characters wide unless --max-line-width says otherwise.
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=100),
        allow_negative_numbers = true,
        help_heading = "Captions",
    )]
    pub max_line_count: Option<u16>,
    /// Captions: most characters a second; they stay through pauses and come up to 1 s late for it.
    #[arg(
        long,
        value_name = "X",
        value_parser = values::reading_speed,
        allow_negative_numbers = true,
        help_heading = "Captions",
    )]
    pub max_cps: Option<f32>,
    /// Show which word is spoken: times inside cues (vtt), a caption for each word (srt), word times (lrc).
    #[arg(long, help_heading = "Captions")]
    pub highlight_words: bool,
}

/// whisper-cli's way to ask for files: AUDIO.FORMAT beside the audio.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files as whisper-cli writes them")]
pub struct BesideArgs {
    /// Write AUDIO.txt beside the audio.
    #[arg(long)]
    pub output_txt: bool,
    /// Write AUDIO.srt.
    #[arg(long)]
    pub output_srt: bool,
    /// Write AUDIO.vtt.
    #[arg(long)]
    pub output_vtt: bool,
    /// Write AUDIO.lrc.
    #[arg(long)]
    pub output_lrc: bool,
    /// Write AUDIO.csv.
    #[arg(long)]
    pub output_csv: bool,
    /// Write AUDIO.json in whisper.cpp's shape (wcpp-json).
    #[arg(long)]
    pub output_json: bool,
    /// The same with tokens (wcpp-json-full).
    #[arg(long)]
    pub output_json_full: bool,
    /// Write NAME.FORMAT; for several files give it once for each.
    #[arg(long, value_name = "NAME")]
    pub output_file: Vec<PathBuf>,
}

impl BesideArgs {
    /// The formats asked for; of the two JSON shapes the full one, as in whisper-cli.
    pub fn formats(&self) -> Vec<Format> {
        let wanted = [
            (self.output_txt, Format::Txt),
            (self.output_srt, Format::Srt),
            (self.output_vtt, Format::Vtt),
            (self.output_lrc, Format::Lrc),
            (self.output_csv, Format::Csv),
            (self.output_json && !self.output_json_full, Format::WcppJson),
            (self.output_json_full, Format::WcppJsonFull),
        ];
        wanted.into_iter().filter(|(asked, _)| *asked).map(|(_, format)| format).collect()
    }
}
