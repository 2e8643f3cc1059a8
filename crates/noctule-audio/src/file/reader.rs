//! Reads audio block by block: a file, bytes or a stream enter, blocks of
//! 16 kHz samples leave, so that a recording of any length needs the memory of
//! a few packets.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use symphonia::core::io::{MediaSource, ReadOnlySource};

use super::ReadOptions;
use super::decode::Decoder;
use super::open;
use super::sink::{Range, Sink};
use crate::{AudioError, SAMPLE_RATE, resample};

/// A block is given out when it holds this many samples (0.1 s): few enough
/// for live input, enough to make the call cheap.
const BLOCK: usize = SAMPLE_RATE as usize / 10;

/// Seconds of damage at the start after which opening succeeds all the same.
const DAMAGED_START_S: u64 = 10;

/// What is known about a source of audio.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Info {
    /// The sample rate of the source in Hz.
    pub rate: u32,
    /// The number of channels of the source.
    pub channels: u16,
    /// The short name of the container, such as `wave` or `flac`.
    pub container: &'static str,
    /// The short name of the codec, such as `pcm_s16le` or `mp3`.
    pub codec: &'static str,
    /// The length of the whole source in seconds, where the container or the
    /// size of the file tells; a damaged file may be shorter.
    pub duration_s: Option<f64>,
}

/// Opens the same source again, for a second attempt.
type Reopen<'r, 'a> = &'r dyn Fn() -> Result<Box<dyn MediaSource + 'a>, AudioError>;

/// An audio source that is being read.
///
/// Gives the asked-for stretch in blocks; joined they are, bit for bit, what
/// [`super::read`] gives at once.
pub struct Reader<'a> {
    name: String,
    offset_s: f64,
    decoder: Decoder<'a>,
    sink: Sink,
    info: Info,
    warnings: Vec<String>,
    /// Samples that were given out.
    given: u64,
    /// Nothing more will enter the sink.
    concluded: bool,
}

impl Reader<'static> {
    /// Opens an audio file and decodes its first packet.
    ///
    /// # Errors
    /// [`AudioError`], naming the file: it cannot be opened or read, is empty,
    /// is in no format that is read, is damaged before its first sample, or
    /// ends before `options.offset_s` (where the file tells its length).
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, AudioError> {
        let open = || -> Result<Box<dyn MediaSource>, AudioError> {
            let failed = |source| AudioError::Open { path: path.to_path_buf(), source };
            let file = File::open(path).map_err(failed)?;
            if file.metadata().map_err(failed)?.is_dir() {
                return Err(failed(std::io::ErrorKind::IsADirectory.into()));
            }
            Ok(Box::new(file))
        };
        let name = path.display().to_string();
        let extension = path.extension().and_then(|e| e.to_str());
        Self::start(&name, extension, Some(&open), open()?, options)
    }
}

impl<'a> Reader<'a> {
    /// Opens audio that is in memory. `name` is what messages call it.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn from_bytes(data: &'a [u8], name: &str, options: &ReadOptions) -> Result<Self, AudioError> {
        let open = || -> Result<Box<dyn MediaSource + 'a>, AudioError> { Ok(Box::new(Cursor::new(data))) };
        Self::start(name, None, Some(&open), open()?, options)
    }

    /// Opens a stream that cannot seek, such as standard input. `name` is what
    /// messages call it.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn from_stream<R>(stream: R, name: &str, options: &ReadOptions) -> Result<Self, AudioError>
    where
        R: Read + Send + Sync + 'a,
    {
        Self::start(name, None, None, Box::new(ReadOnlySource::new(stream)), options)
    }

    fn start(
        name: &str,
        extension: Option<&str>,
        reopen: Option<Reopen<'_, 'a>>,
        source: Box<dyn MediaSource + 'a>,
        options: &ReadOptions,
    ) -> Result<Self, AudioError> {
        let range = Range::new(options)?;
        let mut decoder = Decoder::new(open::open(name, extension, source)?);
        let track = decoder.track();
        let rate = track.rate;
        let known_frames = track.present_frames.or(track.promised_frames);
        if track.exact
            && let Some(frames) = known_frames
            && frames > 0
            && range.first >= resample::output_len(frames, rate)
        {
            return Err(beyond_end(name, options.offset_s, frames, rate));
        }
        let mut sink = Sink::new(rate, &range, options.keep_stereo);
        if sink.skip_frames > 0 && track.exact && track.seekable {
            match decoder.seek(sink.skip_frames) {
                Some(reached) => sink.position = reached,
                // A damaged index is no reason to fail: read from the beginning.
                None => {
                    if let Some(reopen) = reopen {
                        decoder = Decoder::new(open::open(name, extension, reopen()?)?);
                    }
                }
            }
        }
        let track = decoder.track();
        let info = Info {
            rate,
            channels: 0,
            container: track.container,
            codec: track.codec,
            duration_s: known_frames.map(|frames| frames as f64 / f64::from(rate)),
        };
        let (name, offset_s, warnings) = (name.to_string(), options.offset_s, Vec::new());
        let mut reader = Self { name, offset_s, decoder, sink, info, warnings, given: 0, concluded: false };
        reader.decode_first()?;
        reader.info.channels = reader.sink.channels;
        Ok(reader)
    }

    /// Decodes up to the first sound packet, which tells the number of channels
    /// and whether anything can be decoded at all.
    fn decode_first(&mut self) -> Result<(), AudioError> {
        let patience = DAMAGED_START_S * u64::from(self.info.rate);
        while self.sink.decoded_frames == 0 && self.decoder.silenced() < patience && !self.concluded {
            self.advance()?;
        }
        Ok(())
    }

    /// What is known about the source.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Decodes on and gives the next samples: mono at 16 kHz, mostly in −1..1,
    /// the mean of all channels; at least one, mostly about 0.1 s. `None`
    /// after the last.
    ///
    /// # Errors
    /// [`AudioError`] if the source cannot be read on, or ends before the
    /// offset. A file that is cut off or damaged gives what is there and a
    /// [warning](Self::warnings).
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, AudioError> {
        // The first packet is decoded when the source is opened.
        if self.given > 0 {
            self.sink.clear();
        }
        while !self.concluded && self.sink.ready() < BLOCK {
            self.advance()?;
        }
        self.given += self.sink.ready() as u64;
        if self.given == 0 {
            return Err(beyond_end(&self.name, self.offset_s, self.sink.position, self.info.rate));
        }
        let block = self.sink.mono();
        Ok((!block.is_empty()).then_some(block))
    }

    /// Left and right (the first two channels) of the block that
    /// [`Self::next_block`] gave last, each as long as it; `None` unless
    /// [`ReadOptions::keep_stereo`] asks for them. Of a source of one channel
    /// both are that channel.
    pub fn sides(&self) -> Option<(&[f32], &[f32])> {
        self.sink.sides()
    }

    /// What the user should know: a file that ends too early, damaged stretches
    /// that became silence, values that are not numbers. Whole sentences that
    /// name the file; complete when [`Self::next_block`] has given `None`.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// A guess at the number of samples to come, never far beyond what a file
    /// of this size can hold; 0 if unknown.
    pub(super) fn likely_len(&self) -> usize {
        self.sink.likely_len(self.decoder.track().likely_frames)
    }

    /// Decodes one packet, or ends the audio.
    fn advance(&mut self) -> Result<(), AudioError> {
        let more = !self.sink.is_full() && self.decoder.step(&self.name, &mut self.sink)?;
        if !more {
            self.conclude()?;
        }
        Ok(())
    }

    fn conclude(&mut self) -> Result<(), AudioError> {
        self.concluded = true;
        let (name, position) = (&self.name, self.sink.position);
        if self.sink.decoded_frames == 0
            && let Some(reason) = self.decoder.damage()
        {
            return Err(AudioError::Damaged { name: name.clone(), reason });
        }
        if position == 0 {
            return Err(AudioError::NoSamples { name: name.clone() });
        }
        self.decoder.warn(name, position, &mut self.warnings);
        if !self.sink.is_full() {
            self.warnings.extend(self.decoder.cut_off(name, position));
            self.sink.end();
        }
        if self.sink.not_numbers > 0 {
            let count = self.sink.not_numbers;
            self.warnings.push(format!("{name}: {count} values are not numbers and became 0"));
        }
        Ok(())
    }
}

fn beyond_end(name: &str, offset_s: f64, frames: u64, rate: u32) -> AudioError {
    AudioError::OffsetBeyondEnd { name: name.into(), offset_s, duration_s: frames as f64 / f64::from(rate) }
}
