//! From packets to frames of the source: an opened track enters, decoded
//! frames go into the [`Sink`], silence in place of damaged ones.

use symphonia::core::errors::Error;
use symphonia::core::formats::{SeekMode, SeekTo};
use symphonia::core::units::Timestamp;

use super::open::{self, Opened};
use super::sink::Sink;
use crate::AudioError;

/// Decodes a track one packet at a time.
pub(super) struct Decoder<'a> {
    opened: Opened<'a>,
    /// Frames that were damaged and became silence.
    silenced: u64,
    /// Why decoding stopped before the end, if it did.
    stopped: Option<String>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(opened: Opened<'a>) -> Self {
        Self { opened, silenced: 0, stopped: None }
    }

    pub(super) fn track(&self) -> &Opened<'a> {
        &self.opened
    }

    /// Decodes the next packet of the track into `sink`. `false` at the end.
    pub(super) fn step(&mut self, name: &str, sink: &mut Sink) -> Result<bool, AudioError> {
        let opened = &mut self.opened;
        let packet = loop {
            match opened.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == opened.track_id => break packet,
                Ok(Some(_)) => {}
                Ok(None) => return Ok(false),
                Err(Error::IoError(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(Error::IoError(e)) => return Err(open::read_error(name, e)),
                Err(e) => {
                    self.stopped = Some(e.to_string());
                    return Ok(false);
                }
            }
        };
        let lost = if opened.exact { lost_frames(packet.pts.get(), sink.position, opened.rate) } else { 0 };
        sink.push_silence(lost);
        self.silenced += lost;
        match opened.decoder.decode(&packet) {
            Ok(buffer) if buffer.spec().rate() != opened.rate => {
                self.stopped = Some(format!("the sample rate changes to {} Hz", buffer.spec().rate()));
                return Ok(false);
            }
            Ok(buffer) => sink.push(&buffer),
            // Silence of the same length keeps the times of what follows.
            Err(Error::DecodeError(_) | Error::IoError(_)) => {
                let frames = packet.dur.get().min(u64::from(opened.rate));
                sink.push_silence(frames);
                self.silenced += frames;
            }
            Err(e) => {
                self.stopped = Some(e.to_string());
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Moves the demuxer to the packet that holds `frame`, or just before it,
    /// and says at which frame it stands; `None` if that failed.
    pub(super) fn seek(&mut self, frame: u64) -> Option<u64> {
        let opened = &mut self.opened;
        let to = SeekTo::Timestamp { ts: Timestamp::try_from(frame).ok()?, track_id: opened.track_id };
        let reached = opened.format.seek(SeekMode::Accurate, to).ok()?;
        opened.decoder.reset();
        let reached = u64::try_from(reached.actual_ts.get()).ok()?;
        (reached <= frame).then_some(reached)
    }

    /// Frames that were damaged and became silence, so far.
    pub(super) fn silenced(&self) -> u64 {
        self.silenced
    }

    /// What a file that gave no frame at all suffers from.
    pub(super) fn damage(&self) -> Option<String> {
        let undecodable = || (self.silenced > 0).then(|| "no part of it can be decoded".to_string());
        self.stopped.clone().or_else(undecodable)
    }

    /// What the user should know of the frames up to `position`.
    pub(super) fn warn(&self, name: &str, position: u64, warnings: &mut Vec<String>) {
        let seconds = |frames: u64| frames as f64 / f64::from(self.opened.rate);
        if self.silenced > 0 {
            let lost = seconds(self.silenced);
            warnings.push(format!("{name}: {lost:.3} s are damaged and became silence"));
        }
        if let Some(reason) = &self.stopped {
            let at = seconds(position);
            warnings.push(format!("{name}: reading stopped at {at:.3} s: {reason}"));
        }
    }

    /// The warning for a file that ends at `position` although its header
    /// promises more.
    pub(super) fn cut_off(&self, name: &str, position: u64) -> Option<String> {
        let promised = self.opened.promised_frames?;
        let missing = promised.saturating_sub(position);
        // An MP3 header counts whole packets.
        let tolerance = if self.opened.exact { 0 } else { u64::from(self.opened.rate) / 10 };
        let rate = f64::from(self.opened.rate);
        (missing > tolerance).then(|| {
            let (there, whole) = (position as f64 / rate, promised as f64 / rate);
            format!("{name} is cut off: {there:.3} s of {whole:.3} s are there")
        })
    }
}

/// Frames that the demuxer left out before the packet at frame `packet`, which
/// happens around damage. Silence in their place keeps the times of what
/// follows; a gap of more than 10 s is rather a damaged frame number.
fn lost_frames(packet: i64, position: u64, rate: u32) -> u64 {
    let gap = u64::try_from(packet).map_or(0, |at| at.saturating_sub(position));
    if gap > 10 * u64::from(rate) { 0 } else { gap }
}
