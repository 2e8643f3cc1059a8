//! Audio files, bytes and streams to 16 kHz mono samples.
//!
//! Enters: WAV, FLAC, MP3, Ogg, MP4, WebM, AIFF or CAF with the codecs that
//! `docs/AUDIO.md` lists, or [raw samples](crate::pcm), at any rate in
//! [`RATES`](crate::resample::RATES) and with any number of channels; symphonia
//! and opus-pure decode, and [ffmpeg](crate::ffmpeg) what they do not know.
//! Leaves: [`Audio`], or blocks of it from a [`Reader`]. This is the first step
//! of a transcription.
//!
//! Decoding stops at the end of the asked-for stretch, and starts at it where
//! that gives the same bits: an excerpt has, in every format, the same samples
//! as the same stretch of the whole.

mod cut;
mod decode;
mod mix;
mod mkv;
mod mp4;
mod open;
mod opus;
mod reader;
mod sink;
mod sniff;
mod splice;
mod spool;
mod wav_header;

use std::io::Read;
use std::path::Path;

pub use reader::{Info, Reader};
pub use spool::Spool;

use crate::ffmpeg::FfmpegUse;
use crate::pcm::Pcm;
use crate::{AudioError, SAMPLE_RATE};

/// Which part of the audio to read, and what to keep.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadOptions {
    /// Where to start, in seconds from the beginning.
    pub offset_s: f64,
    /// How many seconds to read at most; `None` reads to the end.
    pub duration_s: Option<f64>,
    /// Keep the first two channels as well, for speaker turns
    /// (see the `stereo` module).
    pub keep_stereo: bool,
    /// What the bytes are, if they are raw samples without a header.
    pub pcm: Option<Pcm>,
    /// When to let ffmpeg read a file.
    pub ffmpeg: FfmpegUse,
}

/// Decoded audio at [`SAMPLE_RATE`].
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Mono samples, mostly in −1..1: the mean of up to two channels, of more
    /// a mix in which the centre counts most.
    pub samples: Vec<f32>,
    /// Left and right (the first two channels), each as long as `samples`;
    /// `None` unless asked for, and for mono sources.
    pub stereo: Option<(Vec<f32>, Vec<f32>)>,
    /// The sample rate of the source in Hz.
    pub source_rate: u32,
    /// The number of channels of the source.
    pub source_channels: u16,
    /// The length of `samples` in seconds.
    pub duration_s: f64,
    /// What the user should know: a file that ends too early, damaged
    /// stretches that became silence, values that are not numbers. Whole
    /// sentences that name the file.
    pub warnings: Vec<String>,
}

/// Reads an audio file.
///
/// # Errors
/// [`AudioError`], naming the file: it cannot be opened or read, is empty, is
/// no audio that can be read, is protected, is damaged before its first sample,
/// or ends before `options.offset_s`. A file that is cut off or damaged later
/// gives what is there and a warning.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Audio, AudioError> {
    collect(Reader::open(path, options)?)
}

/// Reads audio that is in memory, without ffmpeg. `name` is what messages call
/// it.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(data: &[u8], name: &str, options: &ReadOptions) -> Result<Audio, AudioError> {
    collect(Reader::from_bytes(data, name, options)?)
}

/// Reads audio from a stream that cannot seek, such as standard input, up to
/// its end or to the end of the asked-for stretch. `name` is what messages
/// call it. Containers in which the reader has to move about (MP4, AIFF, CAF)
/// and what only ffmpeg may know go through a temporary file.
///
/// # Errors
/// As [`read`].
pub fn read_stream<R>(stream: R, name: &str, options: &ReadOptions) -> Result<Audio, AudioError>
where
    R: Read + Send + Sync,
{
    collect(Reader::from_stream(stream, name, options)?)
}

/// Joins the blocks of a reader.
fn collect(mut reader: Reader<'_>) -> Result<Audio, AudioError> {
    let mut samples = Vec::new();
    let mut stereo = reader.sides().map(|_| (Vec::new(), Vec::new()));
    // Without memory set aside, the vectors just grow as they are filled.
    let likely = reader.likely_len();
    let _ = samples.try_reserve_exact(likely);
    if let Some((left, right)) = &mut stereo {
        let _ = left.try_reserve_exact(likely).and_then(|()| right.try_reserve_exact(likely));
    }
    while let Some(block) = reader.next_block()? {
        samples.extend_from_slice(block);
        if let (Some((left, right)), Some((l, r))) = (&mut stereo, reader.sides()) {
            left.extend_from_slice(l);
            right.extend_from_slice(r);
        }
    }
    let Info { rate, channels, .. } = *reader.info();
    Ok(Audio {
        duration_s: samples.len() as f64 / f64::from(SAMPLE_RATE),
        samples,
        stereo: stereo.filter(|_| channels >= 2),
        source_rate: rate,
        source_channels: channels,
        warnings: reader.warnings().to_vec(),
    })
}
