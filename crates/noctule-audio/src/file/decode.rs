//! From packets to frames of the source: an opened track enters, decoded
//! frames go into the [`Sink`], silence in place of damaged ones.

use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::errors::Error;
use symphonia::core::formats::{SeekMode, SeekTo};
use symphonia::core::packet::Packet;
use symphonia::core::units::{TimeBase, Timestamp};

use super::open::{self, Opened, Seek, scale};
use super::sink::Sink;
use crate::AudioError;

/// Frames before the wanted one from which a decoder that has just been started
/// is sure to give the same sound as one that has run all along: 1 s, where
/// Opus asks for 80 ms (RFC 7845 §4.6) and AAC and Vorbis for a packet.
const RECOVERY_S: u64 = 1;

/// Decodes a track one packet at a time.
pub(super) struct Decoder<'a> {
    opened: Opened<'a>,
    /// Frames of the lead-in that are still to come.
    lead_in: u64,
    /// The packet that comes next, where the last one must be known as such.
    ahead: Option<Packet>,
    /// Frames that were damaged and became silence.
    silenced: u64,
    /// Why decoding stopped before the end, if it did.
    stopped: Option<String>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(opened: Opened<'a>) -> Self {
        Self { lead_in: opened.lead_in, opened, ahead: None, silenced: 0, stopped: None }
    }

    pub(super) fn track(&self) -> &Opened<'a> {
        &self.opened
    }

    /// Decodes the next packet of the track into `sink`. `false` at the end.
    pub(super) fn step(&mut self, name: &str, sink: &mut Sink) -> Result<bool, AudioError> {
        // A fault of a demuxer or decoder costs what follows it, not the other files.
        let stepped = catch_unwind(AssertUnwindSafe(|| self.try_step(name, sink)));
        stepped.unwrap_or_else(|_| {
            let (container, codec) = (self.opened.container, self.opened.codec);
            self.stopped = Some(format!("the decoder of {container} and {codec} broke down; please report this file"));
            Ok(false)
        })
    }

    fn try_step(&mut self, name: &str, sink: &mut Sink) -> Result<bool, AudioError> {
        let Some((packet, padding)) = self.next_padded(name)? else { return Ok(false) };
        let opened = &mut self.opened;
        let lost = if opened.exact { lost_frames(packet.pts.get(), sink.position, opened.rate) } else { 0 };
        sink.push_silence(lost);
        self.silenced += lost;
        match opened.decoder.decode(&packet) {
            Ok(buffer) if buffer.spec().rate() != opened.rate => {
                self.stopped = Some(format!("the sample rate changes to {} Hz", buffer.spec().rate()));
                return Ok(false);
            }
            Ok(buffer) => {
                let lead_in = usize::try_from(self.lead_in).unwrap_or(usize::MAX).min(buffer.frames());
                self.lead_in -= lead_in as u64;
                let end = buffer.frames().saturating_sub(padding).max(lead_in);
                sink.push(&buffer, lead_in..end);
            }
            // Silence of the same length keeps the times of what follows.
            Err(Error::DecodeError(_) | Error::IoError(_)) => {
                let frames = frames_in(packet.dur.get(), opened.time_base, opened.rate).min(u64::from(opened.rate));
                let lead_in = self.lead_in.min(frames);
                self.lead_in -= lead_in;
                sink.push_silence(frames - lead_in);
                self.silenced += frames - lead_in;
            }
            Err(e) => {
                self.stopped = Some(e.to_string());
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next packet of the track and the padding in it; `None` at the end.
    fn next_padded(&mut self, name: &str) -> Result<Option<(Packet, usize)>, AudioError> {
        if self.opened.padding == 0 {
            return Ok(self.next_packet(name)?.map(|packet| (packet, 0)));
        }
        let packet = match self.ahead.take() {
            None => self.next_packet(name)?,
            ahead => ahead,
        };
        let Some(packet) = packet else { return Ok(None) };
        self.ahead = self.next_packet(name)?;
        let padding = if self.ahead.is_none() { self.opened.padding } else { 0 };
        Ok(Some((packet, usize::try_from(padding).unwrap_or(usize::MAX))))
    }

    /// The next packet of the track; `None` at the end.
    fn next_packet(&mut self, name: &str) -> Result<Option<Packet>, AudioError> {
        loop {
            match self.opened.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.opened.track_id => return Ok(Some(packet)),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(Error::IoError(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(Error::IoError(e)) => return Err(open::read_error(name, e)),
                Err(e) => {
                    self.stopped = Some(e.to_string());
                    return Ok(None);
                }
            }
        }
    }

    /// Moves the demuxer to the packet that holds `frame`, or so far before it
    /// that the decoder recovers, and says at which frame it stands; `None` if
    /// that failed.
    pub(super) fn seek(&mut self, frame: u64) -> Option<u64> {
        let seek = || self.try_seek(frame);
        catch_unwind(AssertUnwindSafe(seek)).ok().flatten()
    }

    fn try_seek(&mut self, frame: u64) -> Option<u64> {
        let opened = &mut self.opened;
        let rate = u64::from(opened.rate);
        let counted = if opened.lead_in_counts { opened.lead_in } else { 0 };
        let target = match opened.seek {
            Seek::No => return None,
            Seek::Exact => frame,
            Seek::Packet => frame.checked_sub(RECOVERY_S * rate)? + counted,
        };
        let base = opened.time_base.unwrap_or_else(|| TimeBase::from_recip(opened.rate.try_into().unwrap_or(ONE)));
        let ticks = scale(target, u64::from(base.denom.get()), rate * u64::from(base.numer.get()));
        let to = SeekTo::Timestamp { ts: Timestamp::try_from(ticks).ok()?, track_id: opened.track_id };
        let reached = opened.format.seek(SeekMode::Accurate, to).ok()?;
        opened.decoder.reset();
        self.ahead = None;
        let reached = frames_in(u64::try_from(reached.actual_ts.get()).ok()?, Some(base), opened.rate);
        self.lead_in = 0;
        let reached = reached.checked_sub(counted)?;
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
        if self.opened.cut_off {
            let there = position as f64 / f64::from(self.opened.rate);
            return Some(format!("{name} is cut off: {there:.3} s are there"));
        }
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

const ONE: std::num::NonZero<u32> = std::num::NonZero::<u32>::MIN;

/// Frames in `ticks` of a time base; without one a tick is a frame.
fn frames_in(ticks: u64, base: Option<TimeBase>, rate: u32) -> u64 {
    base.map_or(ticks, |base| scale(ticks, u64::from(base.numer.get()) * u64::from(rate), u64::from(base.denom.get())))
}

/// Frames that the demuxer left out before the packet at frame `packet`, which
/// happens around damage. Silence in their place keeps the times of what
/// follows; a gap of more than 10 s is rather a damaged frame number.
fn lost_frames(packet: i64, position: u64, rate: u32) -> u64 {
    let gap = u64::try_from(packet).map_or(0, |at| at.saturating_sub(position));
    if gap > 10 * u64::from(rate) { 0 } else { gap }
}
