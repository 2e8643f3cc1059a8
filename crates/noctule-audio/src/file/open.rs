//! From a byte stream to a demuxer, a decoder and the facts about the track.

use std::io;
use std::sync::OnceLock;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::{Hint, Probe};
use symphonia::core::formats::well_known::{FORMAT_ID_FLAC, FORMAT_ID_WAVE};
use symphonia::core::formats::{FormatInfo, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::default::formats::{FlacReader, MpaReader, WavReader};
use symphonia::default::meta::{Id3v1Reader, Id3v2Reader};

use super::splice::Splice;
use super::wav_header::{self, HeaderError, WavHeader};
use crate::AudioError;
use crate::resample::RATES;

/// An opened track.
pub(super) struct Opened<'a> {
    pub format: Box<dyn FormatReader + 'a>,
    pub decoder: Box<dyn AudioDecoder>,
    pub track_id: u32,
    /// The container's short name.
    pub container: &'static str,
    /// The codec's short name.
    pub codec: &'static str,
    /// The sample rate in Hz, within [`RATES`].
    pub rate: u32,
    /// Frames that the header promises, where it knows.
    pub promised_frames: Option<u64>,
    /// Frames that can be there at most, from the file's size.
    pub present_frames: Option<u64>,
    /// A guess at the number of frames that memory can be set aside for: never
    /// far beyond what a file of this size can hold.
    pub likely_frames: u64,
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
    let Start { source, wav, kind } = look_at_start(name, source)?;
    let seekable = source.is_seekable();
    let present_frames = wav.as_ref().and_then(|wav| {
        let data = source.byte_len()? - wav.canonical.len() as u64;
        Some(data / wav.frame_bytes)
    });
    let byte_len = source.byte_len().unwrap_or(0);
    let stream = MediaSourceStream::new(source, Default::default());
    let mut hint = Hint::new();
    if let Some(extension) = extension {
        hint.with_extension(extension);
    }
    let format: Result<Box<dyn FormatReader + 'a>, Error> = match wav {
        Some(_) => WavReader::try_new(stream, Default::default()).map(|reader| Box::new(reader) as _),
        None => probe().probe(&hint, stream, Default::default(), Default::default()),
    };
    let format = format.map_err(|e| probe_error(name, kind, e))?;
    let track = format.default_track(TrackType::Audio).ok_or_else(|| unsupported(name, "it has no audio track"))?;
    let rate = sample_rate(name, track)?;
    let decoder = make_decoder(name, track)?;
    let track_id = track.id;
    let codec = decoder.codec_info().short_name;
    let FormatInfo { format: id, short_name: container, .. } = *format.format_info();
    let exact = id == FORMAT_ID_WAVE || id == FORMAT_ID_FLAC;
    let promised_frames = match &wav {
        Some(wav) => wav.data_len.map(|bytes| bytes / wav.frame_bytes),
        // Without the encoder's own record of an MP3's length, the demuxer
        // guesses it from the bit rate.
        None => track.num_frames.filter(|_| exact || track.delay.is_some()),
    };
    let plausible_frames = byte_len.saturating_mul(16);
    let likely_frames = present_frames.or(promised_frames).map_or(0, |n| n.min(plausible_frames));
    Ok(Opened {
        format,
        decoder,
        track_id,
        container,
        codec,
        rate,
        promised_frames,
        present_frames,
        likely_frames,
        exact,
        seekable,
    })
}

/// What the first bytes tell.
struct Start<'a> {
    source: Box<dyn MediaSource + 'a>,
    wav: Option<WavHeader>,
    /// What it seems to be, for messages; empty if unknown.
    kind: &'static str,
}

/// Names formats that are not read but often met.
fn known_kind(start: &[u8; 12]) -> &'static str {
    match start {
        [b'O', b'g', b'g', b'S', ..] => "Ogg (Vorbis or Opus)",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "MP4 or M4A",
        [0x1A, 0x45, 0xDF, 0xA3, ..] => "WebM or Matroska",
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', _] => "AIFF",
        [b'c', b'a', b'f', b'f', ..] => "Core Audio Format",
        [b'#', b'!', b'A', b'M', b'R', ..] => "AMR",
        [0x30, 0x26, 0xB2, 0x75, ..] => "Windows Media",
        [0xFF, 0xF0 | 0xF1 | 0xF8 | 0xF9, ..] => "AAC",
        _ => "",
    }
}

/// The demuxers but for WAV, whose headers come through [`wav_header`] only.
fn probe() -> &'static Probe {
    static PROBE: OnceLock<Probe> = OnceLock::new();
    PROBE.get_or_init(|| {
        let mut probe = Probe::default();
        probe.register_format::<FlacReader<'_>>();
        probe.register_format::<MpaReader<'_>>();
        #[cfg(feature = "ogg")]
        probe.register_format::<symphonia::default::formats::OggReader<'_>>();
        #[cfg(feature = "mp4")]
        probe.register_format::<symphonia::default::formats::IsoMp4Reader<'_>>();
        #[cfg(feature = "mp4")]
        probe.register_format::<symphonia::default::formats::AdtsReader<'_>>();
        probe.register_metadata::<Id3v1Reader<'_>>();
        probe.register_metadata::<Id3v2Reader<'_>>();
        probe
    })
}

/// Reads the first bytes: nothing there is an error of its own, and a WAV
/// header is replaced by one whose sizes tell the truth.
fn look_at_start<'a>(name: &str, mut source: Box<dyn MediaSource + 'a>) -> Result<Start<'a>, AudioError> {
    let mut start = [0u8; 12];
    let got = read_up_to(&mut source, &mut start).map_err(|e| read_error(name, e))?;
    if got == 0 {
        return Err(AudioError::EmptyFile { name: name.into() });
    }
    if got < start.len() || !wav_header::is_wav(&start) {
        let source = Splice::new(start[..got].to_vec(), source, got as u64, None);
        return Ok(Start { source: Box::new(source), wav: None, kind: known_kind(&start) });
    }
    let wav = wav_header::read(&start, &mut source).map_err(|e| header_error(name, e))?;
    if !RATES.contains(&wav.rate) {
        let (name, rate) = (name.into(), wav.rate);
        return Err(AudioError::SampleRate { name, rate });
    }
    let data_start = if source.is_seekable() { source.stream_position().map_err(|e| read_error(name, e))? } else { 0 };
    let data = Splice::new(wav.canonical.clone(), source, data_start, wav.data_len);
    Ok(Start { source: Box::new(data), wav: Some(wav), kind: "WAV" })
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

fn probe_error(name: &str, kind: &str, error: Error) -> AudioError {
    match error {
        Error::IoError(e) if e.kind() != io::ErrorKind::UnexpectedEof => read_error(name, e),
        Error::Unsupported(_) if kind.is_empty() => unsupported(name, "none of these formats begins like this"),
        Error::Unsupported(_) => unsupported(name, &format!("it looks like {kind}")),
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
