//! Who speaks, from where the sound is: a span of a two-channel recording
//! enters, a speaker leaves.
//!
//! For recordings that keep each speaker on a channel of its own, such as
//! telephone calls. The rule is that of whisper.cpp's `--diarize`: the channel
//! whose summed magnitude is more than 1.1 times the other's.

use crate::SAMPLE_RATE;
use std::collections::VecDeque;

/// Who speaks in a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// The left channel (whisper.cpp's speaker 0).
    Left,
    /// The right channel (whisper.cpp's speaker 1).
    Right,
    /// Neither channel is clearly louder (whisper.cpp's `?`).
    Unknown,
}

impl Speaker {
    /// `"0"`, `"1"` or `"?"`, as whisper.cpp prints them.
    pub fn label(self) -> &'static str {
        match self {
            Self::Left => "0",
            Self::Right => "1",
            Self::Unknown => "?",
        }
    }
}

/// How many times louder a channel must be.
const RATIO: f64 = 1.1;

/// Samples of one step of [`Loudness`]: 10 ms, as fine as the recogniser's times.
const STEP: usize = SAMPLE_RATE as usize / 100;

/// Steps of silence that stand for lost samples at most, one day; of a longer
/// loss no step before it is kept.
const LONGEST_GAP: u64 = 24 * 60 * 60 * 100;

/// How loud the two channels of a recording are, 10 ms after 10 ms: all that
/// is needed of them, in 2.9 MB an hour.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loudness {
    /// Summed magnitudes of left and right.
    steps: VecDeque<[f32; 2]>,
    /// Steps before these that were forgotten.
    gone: u64,
    /// The step that is not complete, and how many samples it has.
    open: [f64; 2],
    filled: usize,
}

impl Loudness {
    /// Hears the next samples of both channels; the shorter counts.
    pub fn push(&mut self, left: &[f32], right: &[f32]) {
        for (left, right) in left.iter().zip(right) {
            self.open[0] += f64::from(left.abs());
            self.open[1] += f64::from(right.abs());
            self.filled += 1;
            if self.filled == STEP {
                self.steps.push_back(self.open.map(|sum| sum as f32));
                (self.open, self.filled) = ([0.0; 2], 0);
            }
        }
    }

    /// Counts so many lost samples of both channels as silence.
    pub fn lose(&mut self, count: u64) {
        let filled = (self.filled as u64).saturating_add(count);
        let steps = filled / STEP as u64;
        if steps > LONGEST_GAP {
            self.gone = self.gone.saturating_add(self.steps.len() as u64).saturating_add(steps);
            self.steps = VecDeque::new();
            self.open = [0.0; 2];
        } else if steps > 0 {
            self.steps.push_back(self.open.map(|sum| sum as f32));
            self.steps.extend((1..steps).map(|_| [0.0; 2]));
            self.open = [0.0; 2];
        }
        self.filled = (filled % STEP as u64) as usize;
    }

    /// Forgets what was heard before `time_s` (seconds). Times go on to count
    /// from the beginning.
    pub fn forget_before(&mut self, time_s: f64) {
        let steps = ((time_s * 100.0) as u64).saturating_sub(self.gone).min(self.steps.len() as u64);
        self.steps.drain(..steps as usize);
        self.gone += steps;
    }

    /// Steps of 10 ms that are held.
    pub fn held(&self) -> usize {
        self.steps.len()
    }

    /// Compares the channels from `start_s` to `end_s` (seconds, rounded to
    /// 10 ms). Times outside the recording, or forgotten, are cut off; an
    /// empty span is [`Speaker::Unknown`].
    pub fn speaker(&self, start_s: f64, end_s: f64) -> Speaker {
        let len = self.steps.len() + usize::from(self.filled > 0);
        // A float-to-integer `as` saturates and takes NaN to 0.
        let step = |s: f64| (((s * 100.0).round() as u64).saturating_sub(self.gone) as usize).min(len);
        let (start, end) = (step(start_s), step(end_s));
        let mut sums = [0.0f64; 2];
        for i in start..end {
            let step = self.steps.get(i).map_or(self.open, |step| step.map(f64::from));
            sums = [sums[0] + step[0], sums[1] + step[1]];
        }
        let [left, right] = sums;
        if left > RATIO * right {
            Speaker::Left
        } else if right > RATIO * left {
            Speaker::Right
        } else {
            Speaker::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaker(left: &[f32], right: &[f32], start_s: f64, end_s: f64) -> Speaker {
        let mut loudness = Loudness::default();
        for (left, right) in left.chunks(777).zip(right.chunks(777)) {
            loudness.push(left, right);
        }
        loudness.speaker(start_s, end_s)
    }

    #[test]
    fn the_louder_channel_speaks() {
        let second = 16_000;
        let mut left = vec![0.01f32; 3 * second];
        let mut right = vec![-0.01f32; 3 * second];
        left[..second].fill(0.5);
        right[second..2 * second].fill(-0.5);
        assert_eq!(speaker(&left, &right, 0.0, 1.0), Speaker::Left);
        assert_eq!(speaker(&left, &right, 1.0, 2.0), Speaker::Right);
        assert_eq!(speaker(&left, &right, 2.0, 3.0), Speaker::Unknown);
        assert_eq!(speaker(&left, &right, 0.0, 2.0), Speaker::Unknown);
    }

    #[test]
    fn the_ratio_is_one_point_one() {
        let quiet = vec![0.1f32; 16_000];
        assert_eq!(speaker(&[0.109; 16_000], &quiet, 0.0, 1.0), Speaker::Unknown);
        assert_eq!(speaker(&[0.111; 16_000], &quiet, 0.0, 1.0), Speaker::Left);
    }

    #[test]
    fn what_is_lost_and_forgotten_keeps_the_times() {
        let mut loudness = Loudness::default();
        let second = vec![0.5f32; 16_000];
        let quiet = vec![0.0f32; 16_000];
        loudness.push(&second[..8_077], &quiet);
        loudness.lose(7_923);
        loudness.push(&quiet, &second);
        loudness.lose(3 * 16_000 + 80);
        loudness.push(&second, &quiet);
        let all =
            |loudness: &Loudness| [(0.0, 1.0), (1.0, 2.0), (2.1, 4.9), (5.0, 6.0)].map(|(a, b)| loudness.speaker(a, b));
        assert_eq!(all(&loudness), [Speaker::Left, Speaker::Right, Speaker::Unknown, Speaker::Left]);
        let held = loudness.held();
        loudness.forget_before(1.0);
        assert_eq!(
            (all(&loudness)[..2].to_vec(), loudness.held()),
            (vec![Speaker::Unknown, Speaker::Right], held - 100)
        );
        loudness.forget_before(f64::NAN);
        loudness.forget_before(1e300);
        assert_eq!((loudness.held(), loudness.speaker(0.0, 6.0)), (0, Speaker::Unknown));
        loudness.push(&quiet, &second);
        assert_eq!(loudness.speaker(6.01, 7.0), Speaker::Right);
    }

    #[test]
    fn an_absurd_loss_costs_no_memory() {
        let mut loudness = Loudness::default();
        loudness.push(&[0.5; 800], &[0.0; 800]);
        loudness.lose(u64::MAX / 2);
        loudness.lose(u64::MAX);
        loudness.push(&[0.5; 800], &[0.0; 800]);
        assert!(loudness.held() < 10, "{}", loudness.held());
    }

    #[test]
    fn strange_spans_are_unknown() {
        let (left, right) = ([1.0f32; 100], [0.0f32; 90]);
        for (start, end) in [(5.0, 6.0), (0.014, 0.001), (f64::NAN, f64::NAN), (-2.0, -1.0)] {
            assert_eq!(speaker(&left, &right, start, end), Speaker::Unknown);
        }
        assert_eq!(speaker(&left, &right, -1.0, f64::INFINITY), Speaker::Left);
    }
}
