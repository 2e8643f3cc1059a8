//! The loop from packets to 16 kHz samples.

use symphonia::core::errors::Error;
use symphonia::core::formats::{SeekMode, SeekTo};
use symphonia::core::io::MediaSource;
use symphonia::core::units::Timestamp;

use super::open::{self, Opened};
use super::sink::{Range, Sink};
use super::{Audio, ReadOptions};
use crate::{AudioError, SAMPLE_RATE, resample};

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
    sink.reserve(opened.likely_frames);
    let mut warnings = Vec::new();
    run(name, &mut opened, &mut sink, &mut warnings)?;
    finish(name, options, &opened, sink, warnings)
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
        let lost = if opened.exact { lost_frames(packet.pts.get(), sink.position, opened.rate) } else { 0 };
        sink.push_silence(lost);
        silenced += lost;
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

/// Frames that the demuxer left out before the packet at frame `packet`, which
/// happens around damage. Silence in their place keeps the times of what
/// follows; a gap of more than 10 s is rather a damaged frame number.
fn lost_frames(packet: i64, position: u64, rate: u32) -> u64 {
    let gap = u64::try_from(packet).map_or(0, |at| at.saturating_sub(position));
    if gap > 10 * u64::from(rate) { 0 } else { gap }
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
