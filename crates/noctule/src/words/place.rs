//! Hands aligned words to their segments and takes back what alignment stretches.
//!
//! The time warp has no silence: every frame belongs to some word, so the words
//! around a pause come out too long. The repairs are those of OpenAI's
//! `add_word_timestamps` (whisper/timing.py), measured against the window's median word.

use super::{APPENDED, AlignedWord, PREPENDED, merge_punctuations};
use crate::transcript::{Segment, Word};

/// Words that end a sentence when they stand alone.
const SENTENCE_END: &str = ".。!！?？";
/// A median word is never taken for longer than this, seconds.
const LONGEST_MEDIAN: f64 = 0.7;
/// A segment's own time beats its words' when they disagree by more than this, seconds.
const SEGMENT_TRUST: f64 = 0.5;

/// The yardsticks of one window, seconds.
#[derive(Clone, Copy)]
struct Usual {
    /// Median duration of the words that have one.
    median: f64,
    /// Longest duration that is believed next to a pause.
    max: f64,
}

/// Gives `words` (of one window, in order) to `segments` (of the same window) and sets the segments' times.
///
/// `time_offset` is the window's start in the audio, seconds.
/// `last_speech_timestamp` is the end of the last word before this window, 0 at the start; it is
/// moved to the end of this window's speech. A word goes to the segment that holds its first
/// token; its `token_count` counts only tokens there. Punctuation is merged inside a segment only: OpenAI merges
/// across, after which its words and segments no longer correspond. Times are rounded to 10 ms before the repairs.
/// A segment may come out instantaneous (start = end); OpenAI then drops its text.
pub fn place_words(
    segments: &mut [Segment],
    mut words: Vec<AlignedWord>,
    time_offset: f64,
    last_speech_timestamp: &mut f64,
) {
    let usual = usual(&words);
    if let Some(usual) = usual {
        shorten_around_sentence_ends(&mut words, usual.max);
    }
    let usual = usual.unwrap_or(Usual { median: 0.0, max: 0.0 });
    let mut rest = words.as_mut_slice();
    let mut end_of_tokens = 0;
    let mut spoken = false;
    for segment in segments.iter_mut() {
        end_of_tokens += segment.tokens.len();
        let (own, later) = rest.split_at_mut(rest.partition_point(|word| word.tokens.start < end_of_tokens));
        rest = later;
        merge_punctuations(own, PREPENDED, APPENDED);
        segment.words =
            own.iter().filter(|w| !w.text.is_empty()).map(|w| placed(w, time_offset, end_of_tokens)).collect();
        if !segment.words.is_empty() {
            reconcile(segment, usual, *last_speech_timestamp);
            *last_speech_timestamp = segment.end;
            spoken = true;
        }
    }
    if let (false, Some(last)) = (spoken, segments.last()) {
        *last_speech_timestamp = last.end;
    }
}

/// Median duration of the words, `None` when none of them lasts.
fn usual(words: &[AlignedWord]) -> Option<Usual> {
    let mut durations: Vec<f64> = words.iter().map(|w| w.end - w.start).filter(|&d| d != 0.0).collect();
    durations.sort_by(f64::total_cmp);
    let upper = *durations.get(durations.len() / 2)?;
    let lower = durations[(durations.len() - 1) / 2];
    let median = ((lower + upper) / 2.0).min(LONGEST_MEDIAN);
    Some(Usual { median, max: 2.0 * median })
}

/// A pause at the end of a sentence goes to the mark or the word after it: cut both to `max`.
fn shorten_around_sentence_ends(words: &mut [AlignedWord], max: f64) {
    for i in 1..words.len() {
        if words[i].end - words[i].start <= max {
            continue;
        }
        if SENTENCE_END.contains(words[i].text.as_str()) {
            words[i].end = words[i].start + max;
        } else if SENTENCE_END.contains(words[i - 1].text.as_str()) {
            words[i].start = words[i].end - max;
        }
    }
}

/// The word in the time of the audio.
fn placed(word: &AlignedWord, time_offset: f64, end_of_tokens: usize) -> Word {
    let centiseconds = |time: f64| ((time_offset + time) * 100.0).round_ties_even() / 100.0;
    Word {
        word: word.text.clone(),
        start: centiseconds(word.start),
        end: centiseconds(word.end),
        probability: word.probability,
        token_count: word.tokens.end.min(end_of_tokens) - word.tokens.start,
    }
}

/// Settles the times of a segment and of its first and last words between them.
fn reconcile(segment: &mut Segment, usual: Usual, last_speech: f64) {
    shorten_after_pause(&mut segment.words, usual, last_speech);
    let [first, ..] = segment.words.as_mut_slice() else { return };
    if segment.start < first.end && segment.start - SEGMENT_TRUST > first.start {
        first.start = (first.end - usual.median).min(segment.start).max(0.0);
    } else {
        segment.start = first.start;
    }
    let [.., last] = segment.words.as_mut_slice() else { return };
    if segment.end > last.start && segment.end + SEGMENT_TRUST < last.end {
        // Never later than it was: past the last frame there may be no audio.
        last.end = (last.start + usual.median).max(segment.end).min(last.end);
    } else {
        segment.end = last.end;
    }
}

/// After a pause the first words of a segment may have swallowed it: cut them from the front.
fn shorten_after_pause(words: &mut [Word], usual: Usual, last_speech: f64) {
    let [first, others @ ..] = words else { return };
    let mut second = others.first_mut();
    let long_first = first.end - first.start > usual.max;
    let long_pair = second.as_ref().is_some_and(|second| second.end - first.start > 2.0 * usual.max);
    if first.end - last_speech <= 4.0 * usual.median || !(long_first || long_pair) {
        return;
    }
    if let Some(second) = second.as_mut().filter(|second| second.end - second.start > usual.max) {
        let boundary = (second.end / 2.0).max(second.end - usual.max);
        first.end = boundary;
        second.start = boundary;
    }
    first.start = (first.end - usual.max).max(0.0);
}
