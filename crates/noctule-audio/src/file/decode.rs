//! The loop from packets to 16 kHz samples.

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::errors::Error;
use symphonia::core::formats::{SeekMode, SeekTo};
use symphonia::core::io::MediaSource;
use symphonia::core::units::Timestamp;

use super::open::{self, Opened};
use super::{Audio, ReadOptions};
use crate::resample::{self, Resampler};
use crate::{AudioError, SAMPLE_RATE};

/// Times beyond this (some 30 years) are typing errors; the bound keeps sample
/// counts far from overflow.
const LONGEST_S: f64 = 1e9;

/// Opens the same source again, for a second attempt.
pub(super) type Reopen<'r, 'a> = &'r dyn Fn() -> Result<Box<dyn MediaSource + 'a>, AudioError>;

/// Reads the asked-for stretch of `source`.
pub(super) fn read<'a>(
    name: &str,
    extension: Option<&str>,
    reopen: Option<Reopen<'_, 'a>>,
    source: Box<dyn MediaSource + 'a>,
    options: &ReadOptions,
) -> Result<Audio, AudioError> {
    let range = Range::new(options)?;
    let mut opened = open::open(name, extension, source)?;
    let mut sink = Sink::new(opened.rate, &range, options.keep_stereo);
    let known_frames = opened.present_frames.or(opened.promised_frames);
    if opened.exact
        && let Some(frames) = known_frames
        && frames > 0
        && range.first >= resample::output_len(frames, opened.rate)
    {
        return Err(beyond_end(name, options, frames, opened.rate));
    }
    if sink.skip_frames > 0 && opened.exact && opened.seekable {
        match seek(&mut opened, sink.skip_frames) {
            Some(reached) => sink.position = reached,
            // A damaged index is no reason to fail: read from the beginning.
            None => {
                if let Some(reopen) = reopen {
                    opened = open::open(name, extension, reopen()?)?;
                }
            }
        }
    }
    let mut warnings = Vec::new();
    run(name, &mut opened, &mut sink, &mut warnings)?;
    finish(name, options, &opened, sink, warnings)
}

/// The stretch in 16 kHz samples from the start of the audio.
struct Range {
    first: u64,
    count: Option<u64>,
}

impl Range {
    fn new(options: &ReadOptions) -> Result<Self, AudioError> {
        let offset = options.offset_s;
        if !(0.0..=LONGEST_S).contains(&offset) {
            return Err(AudioError::Option {
                option: "offset_s",
                value: offset.to_string(),
                expected: "give a number of seconds that is not negative",
            });
        }
        if let Some(duration) = options.duration_s
            && (duration.is_nan() || duration <= 0.0)
        {
            return Err(AudioError::Option {
                option: "duration_s",
                value: duration.to_string(),
                expected: "give a number of seconds greater than 0, or leave it out",
            });
        }
        let samples = |seconds: f64| (seconds * f64::from(SAMPLE_RATE)).round() as u64;
        let first = samples(offset);
        let count = options.duration_s.map(|d| samples(offset + d.min(LONGEST_S)) - first);
        Ok(Self { first, count })
    }
}

/// Moves the demuxer to the packet that holds `frame`, or just before it, and
/// says at which frame it stands; `None` if that failed.
fn seek(opened: &mut Opened<'_>, frame: u64) -> Option<u64> {
    let to = SeekTo::Timestamp { ts: Timestamp::try_from(frame).ok()?, track_id: opened.track_id };
    let reached = opened.format.seek(SeekMode::Accurate, to).ok()?;
    opened.decoder.reset();
    let reached = u64::try_from(reached.actual_ts.get()).ok()?;
    (reached <= frame).then_some(reached)
}

/// Decodes until the sink has enough or the audio ends.
fn run(name: &str, opened: &mut Opened<'_>, sink: &mut Sink, warnings: &mut Vec<String>) -> Result<(), AudioError> {
    let mut silenced = 0u64;
    let mut ended = None;
    while !sink.is_full() {
        let packet = match opened.format.next_packet() {
            Ok(Some(packet)) if packet.track_id == opened.track_id => packet,
            Ok(Some(_)) => continue,
            Ok(None) => break,
            Err(Error::IoError(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(Error::IoError(e)) => return Err(open::read_error(name, e)),
            Err(e) => {
                ended = Some(e.to_string());
                break;
            }
        };
        match opened.decoder.decode(&packet) {
            Ok(buffer) if buffer.spec().rate() != opened.rate => {
                ended = Some(format!("the sample rate changes to {} Hz", buffer.spec().rate()));
                break;
            }
            Ok(buffer) => sink.push(&buffer),
            // Silence of the same length keeps the times of what follows.
            Err(Error::DecodeError(_) | Error::IoError(_)) => {
                let frames = packet.dur.get().min(u64::from(opened.rate));
                sink.push_silence(frames);
                silenced += frames;
            }
            Err(e) => {
                ended = Some(e.to_string());
                break;
            }
        }
    }
    if sink.decoded_frames == 0 && (silenced > 0 || ended.is_some()) {
        return Err(AudioError::Damaged {
            name: name.into(),
            reason: ended.unwrap_or_else(|| "no part of it can be decoded".into()),
        });
    }
    let seconds = |frames: u64| frames as f64 / f64::from(opened.rate);
    if silenced > 0 {
        let lost = seconds(silenced);
        warnings.push(format!("{name}: {lost:.3} s are damaged and became silence"));
    }
    if let Some(reason) = ended {
        let at = seconds(sink.position);
        warnings.push(format!("{name}: reading stopped at {at:.3} s: {reason}"));
    }
    Ok(())
}

fn finish(
    name: &str,
    options: &ReadOptions,
    opened: &Opened<'_>,
    mut sink: Sink,
    mut warnings: Vec<String>,
) -> Result<Audio, AudioError> {
    if !sink.is_full() {
        if let Some(promised) = opened.promised_frames {
            let missing = promised.saturating_sub(sink.position);
            // An MP3 header counts whole packets.
            let tolerance = if opened.exact { 0 } else { u64::from(opened.rate) / 10 };
            if missing > tolerance {
                let rate = f64::from(opened.rate);
                warnings.push(format!(
                    "{name} is cut off: {:.3} s of {:.3} s are there",
                    sink.position as f64 / rate,
                    promised as f64 / rate,
                ));
            }
        }
        sink.end();
    }
    if sink.not_numbers > 0 {
        let count = sink.not_numbers;
        warnings.push(format!("{name}: {count} values are not numbers and became 0"));
    }
    if sink.position == 0 {
        return Err(AudioError::NoSamples { name: name.into() });
    }
    let (position, channels) = (sink.position, sink.channels);
    let (samples, stereo) = sink.take();
    if samples.is_empty() {
        return Err(beyond_end(name, options, position, opened.rate));
    }
    Ok(Audio {
        duration_s: samples.len() as f64 / f64::from(SAMPLE_RATE),
        samples,
        stereo,
        source_rate: opened.rate,
        source_channels: channels,
        warnings,
    })
}

fn beyond_end(name: &str, options: &ReadOptions, frames: u64, rate: u32) -> AudioError {
    AudioError::OffsetBeyondEnd {
        name: name.into(),
        offset_s: options.offset_s,
        duration_s: frames as f64 / f64::from(rate),
    }
}

/// Left and right.
type Sides = (Vec<f32>, Vec<f32>);

/// One output channel.
struct Lane {
    resampler: Resampler,
    out: Vec<f32>,
}

/// Collects decoded frames, mixes them and converts their rate.
struct Sink {
    mono: Lane,
    /// Left and right, where asked for.
    sides: Option<[Lane; 2]>,
    /// The frame at which the resamplers start: a whole number of filter
    /// blocks, one block early, so that an excerpt equals the whole.
    skip_frames: u64,
    /// 16 kHz samples to drop from the front of each lane.
    drop: usize,
    /// 16 kHz samples wanted after the dropped ones.
    want: Option<u64>,
    /// The next frame's index in the source.
    position: u64,
    decoded_frames: u64,
    channels: u16,
    not_numbers: u64,
    planes: Vec<Vec<f32>>,
    mix: Vec<f32>,
}

impl Sink {
    fn new(rate: u32, range: &Range, keep_stereo: bool) -> Self {
        let lane = || Lane {
            resampler: Resampler::new(rate).expect("the rate was checked when the file was opened"),
            out: Vec::new(),
        };
        let mono = lane();
        let (block_in, block_out) = mono.resampler.block();
        let blocks = (range.first / block_out).saturating_sub(1);
        Self {
            mono,
            sides: keep_stereo.then(|| [lane(), lane()]),
            skip_frames: blocks * block_in,
            drop: (range.first - blocks * block_out) as usize,
            want: range.count,
            position: 0,
            decoded_frames: 0,
            channels: 0,
            not_numbers: 0,
            planes: Vec::new(),
            mix: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.want.is_some_and(|want| (self.mono.out.len() as u64) >= want.saturating_add(self.drop as u64))
    }

    fn push(&mut self, buffer: &GenericAudioBufferRef<'_>) {
        let frames = buffer.frames();
        let skip = self.advance(frames);
        self.decoded_frames += frames as u64;
        if skip == frames {
            return;
        }
        buffer.copy_to_vecs_planar(&mut self.planes);
        let planes = &mut self.planes[..buffer.num_planes()];
        self.channels = self.channels.max(planes.len() as u16);
        for sample in planes.iter_mut().flat_map(|p| &mut p[skip..]) {
            if !sample.is_finite() {
                *sample = 0.0;
                self.not_numbers += 1;
            }
        }
        self.mix.clear();
        match &*planes {
            [] => self.mix.resize(frames - skip, 0.0),
            [only] => self.mix.extend_from_slice(&only[skip..]),
            [left, right] => {
                let pairs = left[skip..].iter().zip(&right[skip..]);
                self.mix.extend(pairs.map(|(l, r)| (l + r) * 0.5));
            }
            many => {
                let scale = 1.0 / many.len() as f32;
                let mean = |i: usize| many.iter().map(|p| p[i]).sum::<f32>() * scale;
                self.mix.extend((skip..frames).map(mean));
            }
        }
        self.mono.push(&self.mix);
        if let Some([left, right]) = &mut self.sides {
            match &*planes {
                [l, r, ..] => {
                    left.push(&l[skip..]);
                    right.push(&r[skip..]);
                }
                _ => {
                    left.push(&self.mix);
                    right.push(&self.mix);
                }
            }
        }
    }

    fn push_silence(&mut self, frames: u64) {
        let frames = frames as usize;
        let skip = self.advance(frames);
        self.mix.clear();
        self.mix.resize(frames - skip, 0.0);
        self.mono.push(&self.mix);
        for lane in self.sides.iter_mut().flatten() {
            lane.push(&self.mix);
        }
    }

    /// Moves the position on and says how many of the frames lie before the start.
    fn advance(&mut self, frames: usize) -> usize {
        let before = self.skip_frames.saturating_sub(self.position);
        self.position += frames as u64;
        usize::try_from(before).map_or(frames, |before| before.min(frames))
    }

    /// The audio has ended: let the filters give what they hold.
    fn end(&mut self) {
        for lane in std::iter::once(&mut self.mono).chain(self.sides.iter_mut().flatten()) {
            lane.resampler.finish(&mut lane.out);
        }
    }

    /// The samples of the stretch, mono and (for two channels or more) stereo.
    fn take(self) -> (Vec<f32>, Option<Sides>) {
        let (drop, want) = (self.drop, self.want);
        let cut = |mut out: Vec<f32>| {
            out.drain(..drop.min(out.len()));
            if let Some(want) = want.and_then(|w| usize::try_from(w).ok()) {
                out.truncate(want);
            }
            out
        };
        let stereo = match self.sides {
            Some([left, right]) if self.channels >= 2 => Some((cut(left.out), cut(right.out))),
            _ => None,
        };
        (cut(self.mono.out), stereo)
    }
}

impl Lane {
    fn push(&mut self, samples: &[f32]) {
        self.resampler.push(samples, &mut self.out);
    }
}
