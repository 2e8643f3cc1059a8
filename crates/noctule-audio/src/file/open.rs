//! From a byte stream to a demuxer, a decoder and the facts about the track.

use std::io;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::well_known::{FORMAT_ID_FLAC, FORMAT_ID_WAVE};
use symphonia::core::formats::{FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};

use super::splice::Splice;
use super::wav_header::{self, HeaderError, WavHeader};
use crate::AudioError;
use crate::resample::RATES;

/// An opened track.
pub(super) struct Opened<'a> {
    pub format: Box<dyn FormatReader + 'a>,
    pub decoder: Box<dyn AudioDecoder>,
    pub track_id: u32,
    /// The sample rate in Hz, within [`RATES`].
    pub rate: u32,
    /// Frames that the header promises, where it knows.
    pub promised_frames: Option<u64>,
    /// Frames that can be there at most, from the file's size.
    pub present_frames: Option<u64>,
    /// Whether `promised_frames` is exact to the frame, and seeking too.
    pub exact: bool,
    pub seekable: bool,
}

/// Identifies the format of `source` and prepares its first audio track.
pub(super) fn open<'a>(
    name: &str,
    extension: Option<&str>,
    source: Box<dyn MediaSource + 'a>,
) -> Result<Opened<'a>, AudioError> {
    let (source, wav) = look_at_start(name, source)?;
    let seekable = source.is_seekable();
    let present_frames = wav.as_ref().and_then(|wav| {
        let data = source.byte_len()? - wav.canonical.len() as u64;
        Some(data / wav.frame_bytes)
    });
    let mut hint = Hint::new();
    if let Some(extension) = extension {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(source, Default::default());
    let format = symphonia::default::get_probe()
        .probe(&hint, stream, Default::default(), Default::default())
        .map_err(|e| probe_error(name, e))?;
    let track = format.default_track(TrackType::Audio).ok_or_else(|| unsupported(name, "it has no audio track"))?;
    let rate = sample_rate(name, track)?;
    let decoder = make_decoder(name, track)?;
    let track_id = track.id;
    let id = format.format_info().format;
    let exact = id == FORMAT_ID_WAVE || id == FORMAT_ID_FLAC;
    let promised_frames = match &wav {
        Some(wav) => wav.data_len.map(|bytes| bytes / wav.frame_bytes),
        // Without the encoder's own record of an MP3's length, the demuxer
        // guesses it from the bit rate.
        None => track.num_frames.filter(|_| exact || track.delay.is_some()),
    };
    Ok(Opened { track_id, rate, promised_frames, present_frames, exact, seekable, decoder, format })
}

/// Reads the first bytes: nothing there is an error of its own, and a WAV
/// header is replaced by one whose sizes tell the truth.
fn look_at_start<'a>(
    name: &str,
    mut source: Box<dyn MediaSource + 'a>,
) -> Result<(Box<dyn MediaSource + 'a>, Option<WavHeader>), AudioError> {
    let mut start = [0u8; 12];
    let got = read_up_to(&mut source, &mut start).map_err(|e| read_error(name, e))?;
    if got == 0 {
        return Err(AudioError::EmptyFile { name: name.into() });
    }
    if got < start.len() || !wav_header::is_wav(&start) {
        let front = start[..got].to_vec();
        return Ok((Box::new(Splice::new(front, source, got as u64, None)), None));
    }
    let wav = wav_header::read(&start, &mut source).map_err(|e| header_error(name, e))?;
    if !RATES.contains(&wav.rate) {
        let (name, rate) = (name.into(), wav.rate);
        return Err(AudioError::SampleRate { name, rate });
    }
    let data_start = if source.is_seekable() { source.stream_position().map_err(|e| read_error(name, e))? } else { 0 };
    let data = Splice::new(wav.canonical.clone(), source, data_start, wav.data_len);
    Ok((Box::new(data), Some(wav)))
}

fn read_up_to(source: &mut Box<dyn MediaSource + '_>, buf: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buf.len() {
        match source.read(&mut buf[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

fn sample_rate(name: &str, track: &Track) -> Result<u32, AudioError> {
    let rate = match &track.codec_params {
        Some(CodecParameters::Audio(params)) => params.sample_rate,
        _ => None,
    };
    let rate = rate.ok_or_else(|| unsupported(name, "it names no sample rate"))?;
    if !RATES.contains(&rate) {
        let name = name.into();
        return Err(AudioError::SampleRate { name, rate });
    }
    Ok(rate)
}

fn make_decoder(name: &str, track: &Track) -> Result<Box<dyn AudioDecoder>, AudioError> {
    let Some(CodecParameters::Audio(params)) = &track.codec_params else {
        return Err(unsupported(name, "its codec is unknown"));
    };
    symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_err(|e| unsupported(name, &e.to_string()))
}

pub(super) fn unsupported(name: &str, reason: &str) -> AudioError {
    AudioError::Unsupported { name: name.into(), reason: reason.into() }
}

pub(super) fn read_error(name: &str, source: io::Error) -> AudioError {
    AudioError::Read { name: name.into(), source }
}

fn probe_error(name: &str, error: Error) -> AudioError {
    match error {
        Error::IoError(e) if e.kind() != io::ErrorKind::UnexpectedEof => read_error(name, e),
        Error::Unsupported(_) => unsupported(name, "none of these formats begins like this"),
        Error::IoError(_) => {
            AudioError::Damaged { name: name.into(), reason: "it ends before its first sample".into() }
        }
        other => AudioError::Damaged { name: name.into(), reason: other.to_string() },
    }
}

fn header_error(name: &str, error: HeaderError) -> AudioError {
    let name = name.to_string();
    match error {
        HeaderError::Io(source) => AudioError::Read { name, source },
        HeaderError::ZeroChannels => AudioError::ZeroChannels { name },
        HeaderError::Unsupported(reason) => AudioError::Unsupported { name, reason },
        HeaderError::Damaged(reason) => AudioError::Damaged { name, reason: reason.into() },
    }
}
