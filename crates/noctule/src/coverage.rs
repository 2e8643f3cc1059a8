//! Whether the text of a window accounts for what is spoken in it.
//!
//! Whisper sometimes passes over a whole utterance: the text goes on with the next one, in a segment that covers
//! both. No test of the text sees that. What shows it is the sound: first, a segment with more seconds of it than
//! its tokens need; then, once the words are placed by cross-attention, a single word that takes as long as a
//! sentence. The window is cut in front of that word and the next one starts there, where the utterance comes first and is
//! not passed over as easily.

use crate::hypothesis::{FRAMES_PER_TIMESTAMP, Hypothesis};
use crate::mel::Mel;
use crate::words::AlignedWord;
use noctule_model::Vocab;

/// Text tokens in a second of sound, of somebody who speaks fast.
const PACE: f32 = 5.0;

/// Seconds of sound, beyond what its tokens take at that pace, from which on the words of a window are placed.
const SPARE: f32 = 1.5;

/// Seconds of sound that hardly a word exceeds, and those that an utterance has at least.
const LONGEST_WORD: f32 = 0.8;
const HIDDEN: f32 = 1.1;

/// Frames without sound that are a pause, and how many of them the next window begins with.
const PAUSE: usize = 30;
const LEAD: usize = 10;

/// Frames of a window that must stand before it is cut: for less, another window is not worth its time.
const AGAIN: usize = 200;

/// A frame sounds when its loudness (the mean of its log-mel values) is this far up from quiet to loud, which are
/// a low and a high quantile of the window.
const SOUNDING: f32 = 0.35;
const QUIET: f32 = 0.05;
const LOUD: f32 = 0.95;

/// Quiet and loud must be this far apart for one to be told from the other; a decade of power is 0.25.
const CONTRAST: f32 = 0.15;

/// Which frames of a window sound like more than its background.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sound {
    /// How many frames sound before each one, and in all.
    before: Vec<usize>,
}

impl Sound {
    /// Of the `frames` frames from `seek` on, as far as they hold audio.
    pub fn of(mel: &Mel, seek: usize, frames: usize) -> Self {
        let end = (seek + frames).min(mel.stored().end);
        let channels = mel.n_mels().max(1) as f32;
        Self::of_loudness(&(seek..end).map(|i| mel.frame(i).sum::<f32>() / channels).collect::<Vec<_>>())
    }

    fn of_loudness(loudness: &[f32]) -> Self {
        let mut sorted = loudness.to_vec();
        sorted.sort_by(f32::total_cmp);
        let quantile = |q: f32| sorted.get((q * sorted.len() as f32) as usize).copied().unwrap_or(0.0);
        let (quiet, loud) = (quantile(QUIET), quantile(LOUD));
        let limit = if loud - quiet < CONTRAST { f32::INFINITY } else { quiet + SOUNDING * (loud - quiet) };
        let mut before = vec![0];
        before.extend(loudness.iter().scan(0, |count, x| {
            *count += usize::from(*x > limit);
            Some(*count)
        }));
        Self { before }
    }

    /// Seconds of sound from frame `from` to frame `to` of the window.
    fn seconds(&self, from: usize, to: usize) -> f32 {
        let at = |frame: usize| self.before[frame.min(self.before.len() - 1)];
        at(to).saturating_sub(at(from)) as f32 / 100.0
    }

    /// The first frame from `from` on that sounds.
    fn next(&self, from: usize) -> usize {
        let frames = self.before.get(from..).unwrap_or_default();
        from + frames.iter().take_while(|count| **count == frames[0]).count().saturating_sub(1)
    }

    /// The first pause from frame `from` to frame `to`.
    fn pause(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let frames = self.before.get(from..to.min(self.before.len()))?;
        let runs = frames.chunk_by(|a, b| a == b).scan(from, |at, run| {
            let start = *at;
            *at += run.len();
            Some((start, *at))
        });
        runs.into_iter().find(|(start, end)| end - start > PAUSE)
    }
}

/// Whether some segment has too few tokens for its sound, so that its words are worth placing.
pub(crate) fn is_sparse(hypothesis: &Hypothesis, vocab: &Vocab, sound: &Sound) -> bool {
    let (mut start, mut words) = (0, 0);
    for &token in &hypothesis.tokens[..hypothesis.result_len] {
        if token < vocab.beg() {
            words += 1;
            continue;
        }
        let at = FRAMES_PER_TIMESTAMP * (token - vocab.beg()) as usize;
        if words > 0 && sound.seconds(start, at) - words as f32 / PACE >= SPARE {
            return true;
        }
        (start, words) = (at, 0);
    }
    false
}

/// What of a window's text stands, and where the next window begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Text tokens that stay.
    tokens: usize,
    /// Frames where they end, and where the next window starts.
    end: usize,
    start: usize,
}

/// Where to cut the window for the first of `words` (all of the window, in order) that hides an utterance.
///
/// Placed words leave no time over, so the word is the one in front of the utterance or the one behind it. In front
/// is one whose sound soon ends in a pause.
pub(crate) fn find_cut(words: &[AlignedWord], sound: &Sound, covered: usize) -> Option<Cut> {
    let spoken = |word: &AlignedWord| word.text.chars().any(char::is_alphanumeric);
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let next = words[at + 1..].iter().position(spoken).map_or(words.len(), |n| at + 1 + n);
        let last = &words[next - 1];
        let (start, end) = (frame(word.start), frame(last.end));
        let cut = match sound.pause(start, end) {
            Some((from, to)) if sound.seconds(start, from) <= LONGEST_WORD => (sound.seconds(to, end) >= HIDDEN)
                .then_some(Cut { tokens: last.tokens.end, end: from, start: to.saturating_sub(LEAD).max(from) }),
            _ => (sound.seconds(start, end) >= LONGEST_WORD + HIDDEN).then_some(Cut {
                tokens: word.tokens.start,
                end: start,
                start,
            }),
        };
        if let Some(cut) = cut.filter(|cut| cut.start >= AGAIN) {
            return Some(cut);
        }
        at = next;
    }
    let last = words.last()?;
    let end = frame(last.end);
    let start = sound.next(end).saturating_sub(LEAD).max(end);
    (start >= AGAIN && sound.seconds(start, covered) >= HIDDEN).then_some(Cut { tokens: last.tokens.end, end, start })
}

fn frame(seconds: f64) -> usize {
    (seconds * 100.0).round() as usize
}

/// Leaves of a window's text what comes before `cut`.
pub(crate) fn shorten(hypothesis: &mut Hypothesis, cut: Cut, vocab: &Vocab) {
    let tokens = &hypothesis.tokens[..hypothesis.result_len];
    let mut texts = (0..tokens.len()).filter(|i| tokens[*i] < vocab.eot());
    let end = cut.tokens.checked_sub(1).and_then(|last| texts.nth(last)).map_or(0, |last| last + 1);
    let stamp = |frame: usize| vocab.beg() + (frame / FRAMES_PER_TIMESTAMP) as u32;
    hypothesis.tokens.truncate(end);
    hypothesis.logprobs.truncate(end);
    // A pair of timestamps says that more follows.
    hypothesis.tokens.extend([stamp(cut.end), stamp(cut.start)]);
    hypothesis.logprobs.extend([0.0; 2]);
    hypothesis.sum = hypothesis.logprobs.iter().map(|p| f64::from(*p)).sum();
    hypothesis.result_len = hypothesis.tokens.len();
    hypothesis.delta = cut.start / FRAMES_PER_TIMESTAMP * FRAMES_PER_TIMESTAMP;
}

#[cfg(test)]
#[path = "coverage_tests.rs"]
mod tests;
