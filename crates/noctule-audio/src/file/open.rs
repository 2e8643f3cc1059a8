//! From a byte stream to a demuxer, a decoder and the facts about the track.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::{Hint, Probe};
use symphonia::core::formats::well_known::{
    FORMAT_ID_AIFF, FORMAT_ID_FLAC, FORMAT_ID_ISOMP4, FORMAT_ID_MKV, FORMAT_ID_OGG, FORMAT_ID_WAVE,
};
use symphonia::core::formats::{FormatInfo, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, ReadOnlySource};
use symphonia::core::units::{Duration, TimeBase};
use symphonia::default::formats::{
    AdtsReader, AiffReader, CafReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader,
};
use symphonia::default::meta::{Id3v1Reader, Id3v2Reader};

use super::opus::{self, OpusDecoder};
use super::sniff::{self, Class, Kind};
use super::splice::Splice;
use super::wav_header::{self, HeaderError, Wav, WavHeader};
use super::{cut, mkv, mp4};
use crate::error::conversion;
use crate::pcm::Pcm;
use crate::resample::RATES;
use crate::{AudioError, pcm};

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
    /// The places of the channels, where the container knows better than the
    /// decoder.
    pub layout: Option<Channels>,
    /// Frames that the encoder put before the sound, and the decoder leaves.
    pub lead_in: u64,
    /// Whether packets are stamped as if the lead-in were sound.
    pub lead_in_counts: bool,
    /// The unit of the packets' times.
    pub time_base: Option<TimeBase>,
    /// Frames after the sound that the last packet holds too much.
    pub padding: u64,
    /// Frames that the header promises, where it knows.
    pub promised_frames: Option<u64>,
    /// Frames that can be there at most, from the file's size.
    pub present_frames: Option<u64>,
    /// A guess at the number of frames that memory can be set aside for: never
    /// far beyond what a file of this size can hold.
    pub likely_frames: u64,
    /// Whether the file ends before its container does.
    pub cut_off: bool,
    /// The length of the whole in seconds, at least roughly, where known.
    pub duration_s: Option<f64>,
    /// Whether `promised_frames` is exact to the frame, and seeking too.
    pub exact: bool,
    pub seek: Seek,
}

/// How well the demuxer seeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seek {
    /// Not at all, or not well.
    No,
    /// To the frame; what is decoded there equals the whole's, bit for bit.
    Exact,
    /// To a packet of known time; the decoder needs a while to recover.
    Packet,
}

/// Identifies the format of `source` and prepares its first audio track.
pub(super) fn open<'a>(
    name: &str,
    extension: Option<&str>,
    pcm: Option<&Pcm>,
    source: Box<dyn MediaSource + 'a>,
) -> Result<Opened<'a>, AudioError> {
    let start = match pcm {
        None => look_at_start(name, source)?,
        Some(pcm) => raw(name, source, pcm)?,
    };
    let kind = start.kind;
    // A fault of a demuxer or decoder is not to take the other files down.
    catch_unwind(AssertUnwindSafe(|| demux(name, extension, start)))
        .unwrap_or_else(|_| Err(damaged(name, &format!("its header, which looks like {}, makes no sense", kind.name))))
}

/// Finds the demuxer, the track and the decoder.
fn demux<'a>(name: &str, extension: Option<&str>, start: Start<'a>) -> Result<Opened<'a>, AudioError> {
    let Start { mut source, wav, coded_wav, cut_off, kind } = start;
    if cut_off && kind.name == sniff::MKV {
        // The demuxer would look for the index at the end that is missing.
        source = Box::new(ReadOnlySource::new(source));
    }
    let seekable = source.is_seekable();
    let present_frames = wav.as_ref().and_then(|wav| {
        let data = source.byte_len()?.checked_sub(wav.canonical.len() as u64)?;
        Some(data / wav.frame_bytes)
    });
    let byte_len = source.byte_len().unwrap_or(0);
    let mp4 = if seekable && kind.name == sniff::MP4 {
        mp4::Facts::read(&mut *source).map_err(|e| read_error(name, e))?
    } else {
        mp4::Facts::default()
    };
    if let Some(audio) = mp4.tracks.iter().find(|track| track.is_audio())
        && audio.is_encrypted()
    {
        return Err(AudioError::Protected { name: name.into() });
    }
    let padding_ns = if seekable && kind.name == sniff::MKV {
        mkv::discard_padding(&mut *source).map_err(|e| read_error(name, e))?
    } else {
        0
    };
    let stream = MediaSourceStream::new(source, Default::default());
    let mut hint = Hint::new();
    if let Some(extension) = extension {
        hint.with_extension(extension);
    }
    let format: Result<Box<dyn FormatReader + 'a>, Error> = if wav.is_some() || coded_wav {
        WavReader::try_new(stream, Default::default()).map(|reader| Box::new(reader) as _)
    } else {
        probe().probe(&hint, stream, Default::default(), Default::default())
    };
    let format = format.map_err(|e| probe_error(name, kind, e))?;
    let track = format.default_track(TrackType::Audio).ok_or_else(|| no_audio(name, kind, &*format))?;
    let params = audio_params(name, track)?;
    let rate = sample_rate(name, params)?;
    let decoder =
        codecs().make_audio_decoder(params, &AudioDecoderOptions::default()).map_err(|e| codec_error(name, kind, e))?;
    let codec = decoder.codec_info().short_name;
    let FormatInfo { format: id, short_name: container, .. } = *format.format_info();
    let is_pcm = codec.starts_with("pcm_");
    let exact = wav.is_some() || id == FORMAT_ID_FLAC || (is_pcm && matches!(id, FORMAT_ID_AIFF | FORMAT_ID_WAVE));
    let seek = match id {
        _ if !seekable => Seek::No,
        _ if exact => Seek::Exact,
        FORMAT_ID_OGG | FORMAT_ID_ISOMP4 | FORMAT_ID_MKV => Seek::Packet,
        _ => Seek::No,
    };
    let edit = mp4.tracks.iter().find(|t| t.is_audio() && t.id == track.id).and_then(|t| Some((t.media_time?, t)));
    let lead_in = match edit {
        Some((media_time, track)) => scale(media_time, u64::from(rate), u64::from(track.timescale.max(1))),
        None => opus_lead_in(params),
    };
    let promised_frames = match &wav {
        Some(wav) => wav.data_len.map(|bytes| bytes / wav.frame_bytes),
        // Without the encoder's own record of an MP3's length, the demuxer
        // guesses it from the bit rate.
        None => track
            .num_frames
            .filter(|_| exact || id == FORMAT_ID_ISOMP4 || (track.delay.is_some() && id != FORMAT_ID_OGG))
            .map(|frames| frames.saturating_sub(lead_in)),
    };
    let plausible_frames = byte_len.saturating_mul(16);
    let likely_frames = present_frames.or(promised_frames).map_or(0, |n| n.min(plausible_frames));
    let (track_id, time_base) = (track.id, track.time_base);
    let known_frames = present_frames.or(promised_frames).or(track.num_frames.map(|n| n.saturating_sub(lead_in)));
    let duration_s = match known_frames {
        Some(frames) => Some(frames as f64 / f64::from(rate)),
        None => duration_s(&*format, track),
    };
    let layout = wav.as_ref().map(layout);
    let lead_in_counts = id != FORMAT_ID_MKV;
    Ok(Opened {
        format,
        decoder,
        track_id,
        container,
        codec,
        rate,
        layout,
        lead_in,
        lead_in_counts,
        time_base,
        padding: scale(padding_ns, u64::from(rate), 1_000_000_000),
        promised_frames,
        present_frames,
        likely_frames,
        cut_off,
        duration_s,
        exact,
        seek,
    })
}

/// The length that the track or else the whole file states, in seconds.
fn duration_s(format: &dyn FormatReader, track: &Track) -> Option<f64> {
    let seconds = |base: Option<TimeBase>, ticks: Option<Duration>| {
        let base = base?;
        let seconds = ticks?.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get());
        (seconds > 0.0).then_some(seconds)
    };
    let info = format.media_info();
    seconds(track.time_base, track.duration).or_else(|| seconds(info.time_base, info.duration))
}

/// `value · numerator / denominator`, rounded.
pub(super) fn scale(value: u64, numerator: u64, denominator: u64) -> u64 {
    let denominator = u128::from(denominator.max(1));
    let scaled = (u128::from(value) * u128::from(numerator) + denominator / 2) / denominator;
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// The places of a WAV file's channels; without a mask they are unknown.
fn layout(wav: &WavHeader) -> Channels {
    let positions = wav.mask.and_then(|mask| Position::from_bits(mask.into()));
    positions.map_or(Channels::Discrete(wav.channels), Channels::Positioned)
}

fn opus_lead_in(params: &AudioCodecParameters) -> u64 {
    let head = params.extra_data.as_deref().filter(|_| params.codec == CODEC_ID_OPUS).and_then(opus::Head::parse);
    head.map_or(0, |head| u64::from(head.pre_skip))
}

/// What the first bytes tell.
struct Start<'a> {
    source: Box<dyn MediaSource + 'a>,
    wav: Option<WavHeader>,
    /// A WAV file whose header the demuxer has to read itself.
    coded_wav: bool,
    /// Whether the file ends before its container does.
    cut_off: bool,
    kind: Kind,
}

/// The demuxers but for WAV, whose headers come through [`wav_header`] only.
fn probe() -> &'static Probe {
    static PROBE: OnceLock<Probe> = OnceLock::new();
    PROBE.get_or_init(|| {
        let mut probe = Probe::default();
        probe.register_format::<AdtsReader<'_>>();
        probe.register_format::<AiffReader<'_>>();
        probe.register_format::<CafReader<'_>>();
        probe.register_format::<FlacReader<'_>>();
        probe.register_format::<IsoMp4Reader<'_>>();
        probe.register_format::<MkvReader<'_>>();
        probe.register_format::<MpaReader<'_>>();
        probe.register_format::<OggReader<'_>>();
        probe.register_metadata::<Id3v1Reader<'_>>();
        probe.register_metadata::<Id3v2Reader<'_>>();
        probe
    })
}

/// symphonia's decoders and the one for Opus.
fn codecs() -> &'static CodecRegistry {
    static CODECS: OnceLock<CodecRegistry> = OnceLock::new();
    CODECS.get_or_init(|| {
        let mut registry = CodecRegistry::new();
        symphonia::default::register_enabled_codecs(&mut registry);
        registry.register_audio_decoder::<OpusDecoder>();
        registry
    })
}

/// Reads the first bytes: nothing there is an error of its own, and a WAV
/// header is replaced by one whose sizes tell the truth.
fn look_at_start<'a>(name: &str, mut source: Box<dyn MediaSource + 'a>) -> Result<Start<'a>, AudioError> {
    let mut start = vec![0u8; sniff::LEN];
    let got = read_up_to(&mut source, &mut start).map_err(|e| read_error(name, e))?;
    start.truncate(got);
    if got == 0 {
        return Err(AudioError::EmptyFile { name: name.into() });
    }
    let kind = sniff::sniff(&start);
    if kind.class == Class::NotSound {
        return Err(AudioError::NotAudio { name: name.into(), kind: kind.name });
    }
    let mut source: Box<dyn MediaSource + 'a> = Box::new(Splice::new(start.clone(), source, got as u64, None));
    let Some(head) = start.first_chunk().filter(|head| wav_header::is_wav(head)) else {
        let cut_off = source.is_seekable() && cut::is_cut_off(&start, &mut *source).map_err(|e| read_error(name, e))?;
        return Ok(Start { source, wav: None, coded_wav: false, cut_off, kind });
    };
    let mut skipped = [0; 12];
    source.read_exact(&mut skipped).map_err(|e| read_error(name, e))?;
    let header = wav_header::read(head, &mut source).map_err(|e| header_error(name, e))?;
    let wav = match header {
        Wav::Plain(wav) => wav,
        Wav::Coded if source.is_seekable() => {
            source.seek(io::SeekFrom::Start(0)).map_err(|e| read_error(name, e))?;
            let cut_off = cut::is_cut_off(&start, &mut *source).map_err(|e| read_error(name, e))?;
            return Ok(Start { source, wav: None, coded_wav: true, cut_off, kind });
        }
        Wav::Coded => return Err(unsupported(name, "coded WAV cannot be read from a stream")),
    };
    if !RATES.contains(&wav.rate) {
        let (name, rate) = (name.into(), wav.rate);
        return Err(AudioError::SampleRate { name, rate });
    }
    let data_start = if source.is_seekable() { source.stream_position().map_err(|e| read_error(name, e))? } else { 0 };
    let data = Splice::new(wav.canonical.clone(), source, data_start, wav.data_len);
    Ok(Start { source: Box::new(data), wav: Some(wav), coded_wav: false, cut_off: false, kind })
}

/// Puts a header before raw samples.
fn raw<'a>(name: &str, mut source: Box<dyn MediaSource + 'a>, pcm: &Pcm) -> Result<Start<'a>, AudioError> {
    let mut first = [0];
    let got = read_up_to(&mut source, &mut first).map_err(|e| read_error(name, e))?;
    if got == 0 {
        return Err(AudioError::EmptyFile { name: name.into() });
    }
    let whole = Splice::new(first.to_vec(), source, 1, None);
    let whole: Box<dyn MediaSource + 'a> = match pcm.format {
        pcm::SampleFormat::S16be => Box::new(super::splice::Swapped::new(whole)),
        _ => Box::new(whole),
    };
    let wav = wav_header::of_pcm(pcm);
    let source = Box::new(Splice::new(wav.canonical.clone(), whole, 0, None));
    let kind = Kind { name: "raw samples", class: Class::Streams };
    Ok(Start { source, wav: Some(wav), coded_wav: false, cut_off: false, kind })
}

pub(super) fn read_up_to(source: &mut (impl io::Read + ?Sized), buf: &mut [u8]) -> io::Result<usize> {
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

fn audio_params<'t>(name: &str, track: &'t Track) -> Result<&'t AudioCodecParameters, AudioError> {
    match &track.codec_params {
        Some(CodecParameters::Audio(params)) => Ok(params),
        _ => Err(unsupported(name, "its codec is unknown")),
    }
}

fn sample_rate(name: &str, params: &AudioCodecParameters) -> Result<u32, AudioError> {
    let rate = params.sample_rate.ok_or_else(|| unsupported(name, "it names no sample rate"))?;
    if !RATES.contains(&rate) {
        let name = name.into();
        return Err(AudioError::SampleRate { name, rate });
    }
    Ok(rate)
}

/// There is no audio track, or none whose codec the demuxer can name.
fn no_audio(name: &str, kind: Kind, format: &dyn FormatReader) -> AudioError {
    let has = |wanted| format.tracks().iter().any(|t| t.track_type() == Some(wanted));
    let tracks = match (has(TrackType::Video), has(TrackType::Subtitle)) {
        (true, _) => "pictures only",
        (false, true) => "text only",
        (false, false) => {
            return unsupported(name, &format!("it looks like {}, in a codec that is unknown", kind.name));
        }
    };
    AudioError::NoAudioTrack { name: name.into(), tracks }
}

pub(super) fn unsupported(name: &str, reason: &str) -> AudioError {
    AudioError::Unsupported { name: name.into(), reason: reason.into(), remedy: conversion(name) }
}

fn damaged(name: &str, reason: &str) -> AudioError {
    AudioError::Damaged { name: name.into(), reason: reason.into() }
}

pub(super) fn read_error(name: &str, source: io::Error) -> AudioError {
    AudioError::Read { name: name.into(), source }
}

fn codec_error(name: &str, kind: Kind, error: Error) -> AudioError {
    match error {
        Error::Unsupported(what) if kind.name.is_empty() => unsupported(name, &format!("unknown codec ({what})")),
        Error::Unsupported(what) => {
            unsupported(name, &format!("it looks like {}, with an unknown codec ({what})", kind.name))
        }
        other => damaged(name, &other.to_string()),
    }
}

fn probe_error(name: &str, kind: Kind, error: Error) -> AudioError {
    match error {
        Error::IoError(e) if e.kind() != io::ErrorKind::UnexpectedEof => read_error(name, e),
        Error::Unsupported(_) if kind.name.is_empty() => unsupported(name, "none of these formats begins like this"),
        Error::Unsupported(_) => unsupported(name, &format!("it looks like {}", kind.name)),
        Error::IoError(_) => damaged(name, "it ends before its first sample"),
        other => damaged(name, &other.to_string()),
    }
}

fn header_error(name: &str, error: HeaderError) -> AudioError {
    match error {
        HeaderError::Io(source) => read_error(name, source),
        HeaderError::ZeroChannels => AudioError::ZeroChannels { name: name.into() },
        HeaderError::Unsupported(reason) => unsupported(name, &reason),
        HeaderError::Damaged(reason) => damaged(name, reason),
    }
}
