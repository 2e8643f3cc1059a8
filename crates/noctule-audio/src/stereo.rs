//! Who speaks, from where the sound is: a span of a two-channel recording
//! enters, a speaker leaves.
//!
//! For recordings that keep each speaker on a channel of its own, such as
//! telephone calls. The rule is that of whisper.cpp's `--diarize`: the channel
//! whose summed magnitude is more than 1.1 times the other's.

use crate::SAMPLE_RATE;

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

/// Compares the channels from `start_s` to `end_s` (seconds). Times outside
/// the recording are cut off; an empty span is [`Speaker::Unknown`].
pub fn speaker(left: &[f32], right: &[f32], start_s: f64, end_s: f64) -> Speaker {
    let len = left.len().min(right.len());
    // A float-to-integer `as` saturates and takes NaN to 0.
    let sample = |s: f64| ((s * f64::from(SAMPLE_RATE)).round() as usize).min(len);
    let (start, end) = (sample(start_s), sample(end_s));
    let span = start..end.max(start);
    let loudness = |channel: &[f32]| channel[span.clone()].iter().map(|&x| f64::from(x.abs())).sum::<f64>();
    let (left, right) = (loudness(left), loudness(right));
    if left > RATIO * right {
        Speaker::Left
    } else if right > RATIO * left {
        Speaker::Right
    } else {
        Speaker::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn strange_spans_are_unknown() {
        let (left, right) = ([1.0f32; 100], [0.0f32; 90]);
        for (start, end) in [(5.0, 6.0), (0.004, 0.001), (f64::NAN, f64::NAN), (-2.0, -1.0)] {
            assert_eq!(speaker(&left, &right, start, end), Speaker::Unknown);
        }
        assert_eq!(speaker(&left, &right, -1.0, f64::INFINITY), Speaker::Left);
    }
}
