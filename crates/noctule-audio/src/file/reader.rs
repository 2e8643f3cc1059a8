//! Reads audio block by block: a file, bytes or a stream enter, blocks of
//! 16 kHz samples leave, so that a recording of any length needs the memory of
//! a few packets.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use symphonia::core::io::{MediaSource, ReadOnlySource};

use super::decode::Decoder;
use super::open::{self, Seek};
use super::sink::{Range, Sink};
use super::sniff::{self, Class};
use super::{ReadOptions, Spool};
use crate::error::conversion;
use crate::ffmpeg::{self, FfmpegUse, Input, Report};
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
    /// The short name of the container, such as `wave` or `flac`; `ffmpeg` if
    /// that reads it.
    pub container: &'static str,
    /// The short name of the codec, such as `pcm_s16le` or `mp3`.
    pub codec: &'static str,
    /// The length of the whole source in seconds, where the container or the
    /// size of the file tells: exactly in WAV, FLAC and AIFF, to a packet in
    /// others, by the bit rate in an MP3 without a header of its encoder. A
    /// damaged file may be shorter.
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
    /// What ffmpeg says in the end, if it reads.
    report: Option<Report>,
    /// Samples that were given out.
    given: u64,
    /// Nothing more will enter the sink.
    concluded: bool,
}

/// Where the bytes come from, and how to get them again for a second attempt.
struct Source<'r, 'a> {
    media: Box<dyn MediaSource + 'a>,
    extension: Option<&'r str>,
    reopen: Option<Reopen<'r, 'a>>,
}

impl Reader<'static> {
    /// Opens an audio file and decodes its first packet.
    ///
    /// # Errors
    /// [`AudioError`], naming the file: it cannot be opened or read, is empty,
    /// is no audio that can be read, is protected, is damaged before its first
    /// sample, or ends before `options.offset_s` (where the file tells its
    /// length).
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
        let source = || Ok(Source { media: open()?, extension, reopen: Some(&open) });
        Self::with_fallback(&name, options, source, || Ok(Input::Path(path)))
    }

    /// Opens what a spool holds.
    pub(super) fn from_file(spool: &Spool, options: &ReadOptions) -> Result<Self, AudioError> {
        let open = || -> Result<Box<dyn MediaSource>, AudioError> { Ok(Box::new(spool.rewound()?)) };
        let source = || Ok(Source { media: open()?, extension: None, reopen: Some(&open) });
        Self::with_fallback(spool.name(), options, source, || Ok(Input::File(spool.rewound()?)))
    }

    /// Reads a source by this crate's own readers or by ffmpeg.
    fn with_fallback<'r>(
        name: &str,
        options: &ReadOptions,
        source: impl FnOnce() -> Result<Source<'r, 'static>, AudioError>,
        input: impl FnOnce() -> Result<Input<'r>, AudioError>,
    ) -> Result<Self, AudioError> {
        let source = source()?;
        if options.pcm.is_some() || options.ffmpeg == FfmpegUse::Never {
            return Self::start(name, source, options);
        }
        if options.ffmpeg == FfmpegUse::Always {
            drop(source);
            let decoding = ffmpeg::Decoding::start(input()?);
            let decoding = decoding.map_err(|source| AudioError::Ffmpeg { name: name.into(), source })?;
            return Self::through_ffmpeg(name, decoding, options).map_err(|(error, _)| error);
        }
        let error = match Self::start(name, source, options) {
            Err(error @ (AudioError::Unsupported { .. } | AudioError::Damaged { .. })) => error,
            Ok(reader) if reader.is_approximate() => return Ok(reader.or_better(input()?, options)),
            other => return other,
        };
        let decoding = match ffmpeg::Decoding::start(input()?) {
            Ok(decoding) => decoding,
            Err(_) => return Err(without_ffmpeg(error)),
        };
        Self::through_ffmpeg(name, decoding, options).map_err(|(second, said)| match second {
            AudioError::OffsetBeyondEnd { .. } | AudioError::Option { .. } => second,
            _ => failed_twice(error, said),
        })
    }

    /// Whether the sound is known to be decoded not quite right: symphonia
    /// combines the channels of surround Vorbis in the wrong order.
    fn is_approximate(&self) -> bool {
        self.info.codec == "vorbis" && self.info.channels > 2
    }

    /// The same by ffmpeg, if that works.
    fn or_better(mut self, input: Input<'_>, options: &ReadOptions) -> Self {
        let decoding = ffmpeg::Decoding::start(input).ok();
        let better = decoding.and_then(|decoding| Self::through_ffmpeg(&self.name, decoding, options).ok());
        better.unwrap_or_else(|| {
            let name = &self.name;
            let note = "surround Vorbis is decoded approximately; with ffmpeg installed it is exact";
            self.warnings.push(format!("{name}: {note}"));
            self
        })
    }

    /// Reads what a running ffmpeg decodes; an error comes with what it said.
    fn through_ffmpeg(
        name: &str,
        decoding: ffmpeg::Decoding,
        options: &ReadOptions,
    ) -> Result<Self, (AudioError, Option<String>)> {
        let report = decoding.report();
        let source = Source { media: Box::new(decoding), extension: None, reopen: None };
        match Self::start(name, source, options) {
            Ok(mut reader) => {
                reader.info.container = "ffmpeg";
                reader.report = Some(report);
                Ok(reader)
            }
            Err(error) => {
                let said = report.lock().ok().and_then(|mut said| said.take());
                let error = match (&error, &said) {
                    // No output at all: what ffmpeg said is the reason.
                    (AudioError::EmptyFile { .. }, Some(said)) => AudioError::Unsupported {
                        name: name.into(),
                        reason: format!("ffmpeg cannot read it ({said})"),
                        remedy: "check the file".into(),
                    },
                    _ => error,
                };
                Err((error, said))
            }
        }
    }
}

/// The error for what only ffmpeg might read, where it is not installed.
fn without_ffmpeg(error: AudioError) -> AudioError {
    match error {
        AudioError::Unsupported { name, reason, .. } => {
            let remedy = format!("install ffmpeg, by which noctule then reads it, or {}", conversion(&name));
            AudioError::Unsupported { name, reason, remedy }
        }
        other => other,
    }
}

/// The error for what ffmpeg could not read either.
fn failed_twice(error: AudioError, said: Option<String>) -> AudioError {
    match error {
        AudioError::Unsupported { name, reason, .. } => {
            let said = said.map_or(String::new(), |said| format!(" ({said})"));
            let remedy = format!("ffmpeg cannot read it either{said}: check the file");
            AudioError::Unsupported { name, reason, remedy }
        }
        other => other,
    }
}

impl<'a> Reader<'a> {
    /// Opens audio that is in memory, without ffmpeg. `name` is what messages
    /// call it.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn from_bytes(data: &'a [u8], name: &str, options: &ReadOptions) -> Result<Self, AudioError> {
        let open = || -> Result<Box<dyn MediaSource + 'a>, AudioError> { Ok(Box::new(Cursor::new(data))) };
        Self::start(name, Source { media: open()?, extension: None, reopen: Some(&open) }, options)
    }

    /// Opens a stream that cannot seek, such as standard input. `name` is what
    /// messages call it.
    ///
    /// Containers in which the reader has to move about, and what only ffmpeg
    /// may know, are first copied to a temporary file, up to the stream's end.
    ///
    /// # Errors
    /// As [`Reader::open`], and [`AudioError::Spool`].
    pub fn from_stream<R>(mut stream: R, name: &str, options: &ReadOptions) -> Result<Self, AudioError>
    where
        R: Read + Send + Sync + 'a,
    {
        let mut front = Vec::new();
        if options.pcm.is_none() {
            front.resize(sniff::LEN, 0);
            let got = open::read_up_to(&mut stream, &mut front).map_err(|e| open::read_error(name, e))?;
            front.truncate(got);
            let through_file = match sniff::sniff(&front).class {
                Class::Streams => options.ffmpeg == FfmpegUse::Always,
                Class::Seeks => true,
                Class::Foreign | Class::Unknown => options.ffmpeg != FfmpegUse::Never && got > 0,
                Class::NotSound => false,
            };
            if through_file {
                return Spool::new(Cursor::new(front).chain(stream), name)?.reader(options);
            }
        }
        let media = Box::new(ReadOnlySource::new(Cursor::new(front).chain(stream)));
        Self::start(name, Source { media, extension: None, reopen: None }, options)
    }

    fn start(name: &str, source: Source<'_, 'a>, options: &ReadOptions) -> Result<Self, AudioError> {
        let range = Range::new(options)?;
        let Source { media, extension, reopen } = source;
        let pcm = options.pcm.as_ref();
        let mut decoder = Decoder::new(open::open(name, extension, pcm, media)?);
        let track = decoder.track();
        let rate = track.rate;
        let known_frames = track.present_frames.or(track.promised_frames);
        if track.exact
            && let Some(frames) = known_frames
            && frames > 0
            && range.first > 0
            && range.first >= resample::output_len(frames, rate)
        {
            return Err(beyond_end(name, options.offset_s, frames, rate));
        }
        let mut sink = Sink::new(rate, &range, options.keep_stereo, track.layout.clone());
        if sink.skip_frames > 0 && track.seek != Seek::No {
            match decoder.seek(sink.skip_frames) {
                Some(reached) => sink.position = reached,
                // A damaged index is no reason to fail: read from the beginning.
                None => {
                    if let Some(reopen) = reopen {
                        decoder = Decoder::new(open::open(name, extension, pcm, reopen()?)?);
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
            duration_s: track.duration_s.filter(|&seconds| seconds > 0.0),
        };
        let mut reader = Self {
            name: name.to_string(),
            offset_s: options.offset_s,
            decoder,
            sink,
            info,
            warnings: Vec::new(),
            report: None,
            given: 0,
            concluded: false,
        };
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
    /// mixed from all channels; at least one, mostly about 0.1 s. `None`
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
        // Less than half a sample at 16 kHz is nothing, but no error.
        if self.given == 0 && self.offset_s > 0.0 {
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
        let said = self.report.as_ref().and_then(|report| report.lock().ok()?.take());
        self.warnings.extend(said.map(|said| format!("{name}: ffmpeg says: {said}")));
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
