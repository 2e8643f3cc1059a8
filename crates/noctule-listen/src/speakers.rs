//! Who speaks: how loud two channels are enters beside the samples, segments get the speaker of the louder one.
//!
//! A [`Session`](crate::Session) hears one channel. The thread that captures tells [`Channels`] what it gives and loses, so that
//! places in both streams are the same, and [`Speakers`] names the segments that the session tells. What lies a minute behind the session
//! and belongs to no open segment is forgotten: what waits costs 2.9 MB an hour, whatever its length.

use crate::event::Event;
use noctule::transcript::Speaker;
use noctule_audio::SAMPLE_RATE;
use noctule_audio::stereo::{self, Loudness};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is kept behind the session, seconds: more than the longest stretch that it hears, from which all new words come.
const KEPT: f64 = 60.0;
/// Sound of two channels that never differed for so long comes from one, samples.
const ALIKE: u64 = 3 * SAMPLE_RATE as u64;

/// Where the capturing thread puts both channels.
#[derive(Debug, Clone, Default)]
pub struct Channels(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    loudness: Loudness,
    differed: bool,
    /// Samples that were not zero, as long as the channels never differed.
    alike: u64,
}

impl Channels {
    /// Hears the next samples of both channels; the session must get the same samples after this, not before.
    pub fn push(&self, left: &[f32], right: &[f32]) {
        let mut heard = self.lock();
        heard.loudness.push(left, right);
        if !heard.differed {
            heard.differed = left != right;
            heard.alike += left.iter().filter(|sample| **sample != 0.0).count() as u64;
        }
    }

    /// So many samples of both channels were lost.
    pub fn lose(&self, count: u64) {
        self.lock().loudness.lose(count);
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        // No method leaves the state half-changed where it could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names the segments of a session.
#[derive(Debug, Default)]
pub struct Speakers {
    channels: Channels,
    /// Where the words begin that stand in no segment yet, seconds.
    open: VecDeque<f64>,
    told: bool,
}

impl Speakers {
    /// Where the capturing thread puts both channels.
    pub fn channels(&self) -> Channels {
        self.channels.clone()
    }

    /// Gives a segment its speaker. All events of the session are wanted, in order: they tell what may be forgotten.
    pub fn name(&mut self, event: &mut Event) {
        match event {
            Event::Commit { words, .. } => self.open.extend(words.iter().map(|word| word.start)),
            Event::Segment(segment) => {
                let segment = &mut segment.0;
                segment.speaker = Some(speaker(self.channels.lock().loudness.speaker(segment.start, segment.end)));
                self.open.drain(..segment.words.len().min(self.open.len()));
            }
            Event::Stats(stats) => {
                let behind = stats.audio_s - stats.lag_s - KEPT;
                let needed = self.open.front().map_or(behind, |open| open.min(behind));
                self.channels.lock().loudness.forget_before(needed);
            }
            _ => {}
        }
    }

    /// Whether both channels have been the same all the time, so that there is nothing to compare; told once.
    pub fn are_alike(&mut self) -> bool {
        let alike = {
            let heard = self.channels.lock();
            !heard.differed && heard.alike >= ALIKE
        };
        alike && !std::mem::replace(&mut self.told, true)
    }
}

/// A speaker as transcripts name it.
pub fn speaker(channel: stereo::Speaker) -> Speaker {
    match channel {
        stereo::Speaker::Left => Speaker::Left,
        stereo::Speaker::Right => Speaker::Right,
        stereo::Speaker::Unknown => Speaker::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{SegmentEvent, Stats, Word};
    use noctule::Segment;

    const SECOND: usize = SAMPLE_RATE as usize;

    fn commit(starts: &[f64]) -> Event {
        let word = |start: &f64| Word { word: " a".into(), start: *start, end: start + 0.5, probability: 1.0 };
        Event::Commit { text: " a".repeat(starts.len()), words: starts.iter().map(word).collect() }
    }

    fn segment(starts: &[f64], end: f64) -> Event {
        let word = |start: &f64| noctule::Word {
            word: " a".into(),
            start: *start,
            end: start + 0.5,
            probability: 1.0,
            token_count: 1,
        };
        Event::Segment(SegmentEvent(Segment {
            id: 0,
            start: starts[0],
            end,
            text: " a".repeat(starts.len()),
            tokens: Vec::new(),
            avg_logprob: 0.0,
            no_speech_prob: 0.0,
            compression_ratio: 1.0,
            temperature: 0.0,
            words: starts.iter().map(word).collect(),
            speaker: None,
            speaker_turn_next: false,
            doubt: None,
        }))
    }

    fn stats(audio_s: f64, lag_s: f64) -> Event {
        Event::Stats(Stats { audio_s, lag_s, ..Stats::default() })
    }

    fn named(speakers: &mut Speakers, starts: &[f64], end: f64) -> Option<Speaker> {
        let mut event = segment(starts, end);
        speakers.name(&mut event);
        let Event::Segment(segment) = event else { unreachable!() };
        segment.0.speaker
    }

    #[test]
    fn segments_are_named_over_lost_sound() {
        let (mut speakers, noise) = (Speakers::default(), vec![0.5; SECOND]);
        let channels = speakers.channels();
        channels.push(&noise, &vec![0.1; SECOND]);
        channels.lose(SECOND as u64);
        channels.push(&vec![0.1; SECOND], &noise);
        assert_eq!(named(&mut speakers, &[0.1], 0.9), Some(Speaker::Left));
        assert_eq!(named(&mut speakers, &[1.1], 1.9), Some(Speaker::Unknown));
        assert_eq!(named(&mut speakers, &[2.1], 2.9), Some(Speaker::Right));
    }

    #[test]
    fn only_what_may_become_a_segment_is_kept() {
        let (mut speakers, silence) = (Speakers::default(), vec![0.0; SECOND]);
        let channels = speakers.channels();
        channels.push(&vec![0.5; SECOND], &silence);
        let hour = |speakers: &mut Speakers, from: usize| {
            for second in from..from + 3600 {
                channels.push(&silence, &silence);
                speakers.name(&mut stats(second as f64, 0.0));
            }
            channels.lock().loudness.held()
        };
        speakers.name(&mut commit(&[0.2, 0.4]));
        assert_eq!(hour(&mut speakers, 2), 360_100 - 20, "a segment is open");
        assert_eq!(named(&mut speakers, &[0.2, 0.4], 0.9), Some(Speaker::Left));
        assert!(hour(&mut speakers, 3602) <= 6_200);
        speakers.name(&mut stats(7201.0, 3600.0));
        assert!(channels.lock().loudness.held() <= 6_200, "nothing comes back");
    }

    #[test]
    fn what_waits_is_kept() {
        let (mut speakers, silence) = (Speakers::default(), vec![0.0; SECOND]);
        let channels = speakers.channels();
        for second in 0..600 {
            channels.push(&silence, &vec![0.5; SECOND]);
            speakers.name(&mut stats(f64::from(second), f64::from(second) - 5.0));
        }
        assert_eq!(named(&mut speakers, &[6.0], 7.0), Some(Speaker::Right));
    }

    #[test]
    fn one_channel_twice_is_noticed_once() {
        let (mut speakers, noise) = (Speakers::default(), vec![0.5; SECOND]);
        let channels = speakers.channels();
        channels.push(&vec![0.0; 9 * SECOND], &vec![0.0; 9 * SECOND]);
        (0..2).for_each(|_| channels.push(&noise, &noise));
        assert!(!speakers.are_alike());
        channels.push(&noise, &noise);
        assert!(speakers.are_alike() && !speakers.are_alike());
        let mut speakers = Speakers::default();
        speakers.channels().push(&noise, &vec![0.4; SECOND]);
        (0..9).for_each(|_| speakers.channels().push(&noise, &noise));
        assert!(!speakers.are_alike());
    }
}
