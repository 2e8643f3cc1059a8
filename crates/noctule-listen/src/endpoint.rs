//! Where speech begins and ends, while it is heard.
//!
//! The probability of speech of each frame enters (16 or 32 ms, from
//! [`noctule_audio::vad`]); leaves: beginnings and ends, as places in the stream. A
//! beginning lies before the first frame of speech (pre-roll), because soft consonants
//! come before what a detector is sure of; an end comes after a silence that is long enough (hang-over).

use crate::stretch::samples;

/// What counts as speech.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EndpointOptions {
    /// Probability from which a frame is speech; speech goes on down to this minus 0.15.
    pub threshold: f32,
    /// So much speech begins an utterance, seconds. Less is a click.
    pub min_speech: f64,
    /// A silence of this length ends it, seconds.
    pub hang_over: f64,
    /// Audio before the first frame of speech that belongs to it, seconds.
    pub pre_roll: f64,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self { threshold: 0.5, min_speech: 0.1, hang_over: 0.5, pre_roll: 0.3 }
    }
}

/// A beginning or an end, as a place in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Speech began here, pre-roll included.
    Start(u64),
    /// Speech ended here; the silence behind it has been long enough.
    End(u64),
}

/// Finds edges in a stream of probabilities.
#[derive(Debug, Clone)]
pub struct Endpoint {
    options: EndpointOptions,
    frame: u64,
    /// Place of the next frame.
    next: u64,
    /// An utterance has begun and not ended.
    speaking: bool,
    /// First frame of the speech that may become an utterance, and how much of it there is.
    candidate: Option<(u64, u64)>,
    /// Place behind the last frame of speech.
    last_speech: u64,
    /// No beginning lies before this: it belongs to what was said before.
    floor: u64,
}

/// Speech goes on above the threshold minus this (Silero's hysteresis).
const HYSTERESIS: f32 = 0.15;

impl Endpoint {
    /// For frames of `frame` samples, the first of which is at `place`.
    pub fn new(options: EndpointOptions, frame: usize, place: u64) -> Self {
        let frame = frame.max(1) as u64;
        Self { options, frame, next: place, speaking: false, candidate: None, last_speech: place, floor: place }
    }

    /// Whether an utterance has begun and not ended.
    pub fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Whether the last frame was speech.
    pub fn is_voiced(&self) -> bool {
        self.last_speech == self.next
    }

    /// Silence since the last speech of this utterance, samples.
    pub fn silence(&self) -> u64 {
        self.next - self.last_speech
    }

    /// Takes in the next frame.
    pub fn push(&mut self, probability: f32) -> Option<Edge> {
        let here = self.next;
        self.next += self.frame;
        let sure = probability >= self.options.threshold;
        let goes_on = probability >= (self.options.threshold - HYSTERESIS).max(0.01);
        if self.speaking {
            if goes_on {
                self.last_speech = self.next;
            }
            let ended = self.next - self.last_speech >= samples(self.options.hang_over) as u64;
            return ended.then(|| self.end());
        }
        match &mut self.candidate {
            Some((_, length)) if goes_on => *length += self.frame,
            None if sure => self.candidate = Some((here, self.frame)),
            // A frame of doubt does not undo a beginning, a second one does.
            Some((first, length)) if here - *first < 2 * *length => {}
            _ => self.candidate = None,
        }
        let (first, length) = self.candidate?;
        if length < samples(self.options.min_speech) as u64 {
            return None;
        }
        (self.speaking, self.last_speech, self.candidate) = (true, self.next, None);
        Some(Edge::Start(first.saturating_sub(samples(self.options.pre_roll) as u64).max(self.floor)))
    }

    /// Ends the utterance that is open, if there is one: the stream ends.
    pub fn finish(&mut self) -> Option<Edge> {
        self.speaking.then(|| self.end())
    }

    /// Goes on at `place`: samples between were lost.
    pub fn jump(&mut self, place: u64) -> Option<Edge> {
        let ended = self.finish();
        (self.next, self.last_speech, self.floor, self.candidate) = (place, place, place, None);
        ended
    }

    fn end(&mut self) -> Edge {
        (self.speaking, self.floor) = (false, self.next);
        Edge::End(self.last_speech)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 160;

    /// Edges of frames of 10 ms, as milliseconds; `pattern` says for each run how long and how sure.
    fn edges(pattern: &[(usize, f32)]) -> Vec<(char, u64)> {
        let mut endpoint = Endpoint::new(EndpointOptions::default(), FRAME, 0);
        let frames = pattern.iter().flat_map(|&(ms, p)| std::iter::repeat_n(p, ms / 10));
        let mut found: Vec<Edge> = frames.filter_map(|p| endpoint.push(p)).collect();
        found.extend(endpoint.finish());
        let named = |edge| match edge {
            Edge::Start(at) => ('s', at / 16),
            Edge::End(at) => ('e', at / 16),
        };
        found.into_iter().map(named).collect()
    }

    #[test]
    fn an_utterance_has_pre_roll_and_hang_over() {
        assert_eq!(edges(&[(1000, 0.0), (1000, 0.9), (2000, 0.1)]), [('s', 700), ('e', 2000)]);
    }

    #[test]
    fn a_short_pause_does_not_end_it_and_doubt_goes_on() {
        let pattern = [(1000, 0.0), (500, 0.9), (400, 0.0), (500, 0.9), (600, 0.4), (1000, 0.0)];
        assert_eq!(edges(&pattern), [('s', 700), ('e', 3000)]);
    }

    #[test]
    fn a_click_is_no_speech() {
        assert_eq!(edges(&[(1000, 0.0), (50, 0.9), (1000, 0.0)]), []);
        assert_eq!(edges(&[(500, 0.4)]), [], "doubt alone begins nothing");
    }

    #[test]
    fn a_frame_of_doubt_does_not_undo_a_beginning() {
        assert_eq!(edges(&[(1000, 0.0), (60, 0.9), (10, 0.1), (60, 0.9), (1000, 0.0)])[0], ('s', 700));
    }

    #[test]
    fn pre_roll_takes_nothing_from_the_utterance_before() {
        let pattern = [(100, 0.9), (510, 0.0), (200, 0.9)];
        assert_eq!(edges(&pattern), [('s', 0), ('e', 100), ('s', 600), ('e', 810)]);
    }

    #[test]
    fn lost_samples_end_what_was_said() {
        let mut endpoint = Endpoint::new(EndpointOptions::default(), FRAME, 0);
        for _ in 0..50 {
            endpoint.push(0.9);
        }
        assert_eq!(endpoint.jump(32_000), Some(Edge::End(8000)));
        assert_eq!(endpoint.jump(64_000), None);
        let start = (0..50).find_map(|_| endpoint.push(0.9));
        assert_eq!(start, Some(Edge::Start(64_000)));
        assert!(endpoint.is_speaking() && endpoint.is_voiced() && endpoint.silence() == 0);
    }
}
