//! Segments → captions: lines that fit a screen, times that leave time to read.
//!
//! Enters: [`Cue`]s and the wishes of [`Captions`]. Leaves: what the writers of
//! [`subtitles`](super::subtitles) put down. Without wishes a caption is a
//! segment. A caption never joins two segments.

use super::Captions;
use super::cue::{Cue, cues, milliseconds, single_line};
use super::text::speaker_prefix;
use crate::transcript::Transcript;

/// Line width when only the number of lines is limited, characters: the usual
/// one for Latin script on television (EBU, BBC, Netflix: 37 to 42).
const USUAL_WIDTH: usize = 42;

/// A caption comes at most this much late so that the one before can be read, milliseconds.
const MOST_LAG: u64 = 1000;

/// A word, or a whole line where words do not matter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    /// Text without blanks at its ends; never empty.
    pub text: String,
    /// A blank stands before it, unless it begins a line.
    pub blank: bool,
    /// Start, milliseconds.
    pub start: u64,
    /// End, milliseconds; not before the start.
    pub end: u64,
}

/// What is on the screen at one time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Caption {
    /// Start, milliseconds; not before the end of the one before.
    pub start: u64,
    /// End, milliseconds; after the start.
    pub end: u64,
    /// Lines of words; neither is empty.
    pub lines: Vec<Vec<Unit>>,
    /// whisper.cpp's name of the speaker.
    pub speaker: Option<&'static str>,
}

/// Lays out `transcript`. With `names` the speaker's name is part of the text and of its width.
pub(super) fn captions(transcript: &Transcript, wishes: &Captions, names: bool) -> Vec<Caption> {
    let mut all: Vec<Caption> = Vec::new();
    for cue in cues(transcript) {
        let mut words = if wishes.needs_words() { units(&cue) } else { vec![whole(&cue)] };
        let prefix = speaker_prefix(&cue);
        if names && !prefix.is_empty() {
            let name = Unit { text: prefix.trim_end().into(), blank: false, start: cue.start, end: cue.start };
            words[0].blank = true;
            words.insert(0, name);
        }
        // Many captions of a segment that takes no time may have pushed the next one back.
        let free = all.last().map_or(0, |caption| caption.end);
        all.extend(split(&cue, free, &lines(words, wishes), wishes.max_line_count.unwrap_or(usize::MAX)));
    }
    if let Some(most) = wishes.max_cps {
        slow_down(&mut all, most, milliseconds(transcript.duration));
    }
    all
}

fn whole(cue: &Cue) -> Unit {
    Unit { text: cue.text.clone(), blank: false, start: cue.start, end: cue.end }
}

/// The words of `cue`: the aligned ones where they spell its text, else what stands between blanks,
/// with the time shared out by characters. Never empty.
pub(super) fn units(cue: &Cue) -> Vec<Unit> {
    aligned(cue).unwrap_or_else(|| shared(&cue.text, cue.start, cue.end))
}

fn aligned(cue: &Cue) -> Option<Vec<Unit>> {
    let mut free = cue.start;
    let mut text = String::new();
    let mut found = Vec::new();
    for word in &cue.segment.words {
        let clean = single_line(&word.word);
        if clean.is_empty() {
            continue;
        }
        let blank = !found.is_empty() && word.word.starts_with(char::is_whitespace);
        let start = milliseconds(word.start).clamp(free, cue.end);
        let end = milliseconds(word.end).clamp(start, cue.end);
        free = end;
        text.push_str(if blank { " " } else { "" });
        text.push_str(&clean);
        found.push(Unit { text: clean, blank, start, end });
    }
    (text == cue.text).then_some(found)
}

fn shared(text: &str, start: u64, end: u64) -> Vec<Unit> {
    let total = length(text).max(1) as u64;
    let at = |characters: usize| start + (end - start) * characters as u64 / total;
    let mut before = 0;
    let mut found = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let after = before + length(word);
        // Other blanks than the plain one, such as a no-break blank, are part of a word but not of its ends.
        let text = word.trim().to_owned();
        if !text.is_empty() {
            found.push(Unit { text, blank: !found.is_empty(), start: at(before), end: at(after) });
        }
        before = after + 1;
    }
    found
}

/// Characters, in Unicode code points.
fn length(text: &str) -> usize {
    text.chars().count()
}

/// Breaks words into lines of at most the width wished for, all about equally long.
fn lines(words: Vec<Unit>, wishes: &Captions) -> Vec<Vec<Unit>> {
    let width = wishes.max_line_width.or_else(|| wishes.max_line_count.map(|_| USUAL_WIDTH));
    let Some(width) = width.map(|width| width.max(1)) else {
        return vec![words];
    };
    let words: Vec<Unit> = words.into_iter().flat_map(|word| chop(word, width)).collect();
    let count = fill(&words, width).len();
    // The narrowest width that needs no more lines makes them even.
    let (mut low, mut high) = (words.iter().map(|word| length(&word.text)).max().unwrap_or(1), width);
    while low < high {
        let middle = low + (high - low) / 2;
        if fill(&words, middle).len() <= count { high = middle } else { low = middle + 1 }
    }
    fill(&words, high).into_iter().map(<[Unit]>::to_vec).collect()
}

/// As many words a line as fit; each must fit alone.
fn fill(words: &[Unit], width: usize) -> Vec<&[Unit]> {
    let mut found = Vec::new();
    let (mut first, mut used) = (0, 0);
    for (i, word) in words.iter().enumerate() {
        let more = length(&word.text) + usize::from(word.blank && i > first);
        if i > first && used + more > width {
            found.push(&words[first..i]);
            (first, used) = (i, length(&word.text));
        } else {
            used += more;
        }
    }
    found.push(&words[first..]);
    found
}

/// Cuts a word that is too long for a line.
fn chop(word: Unit, width: usize) -> Vec<Unit> {
    let characters: Vec<char> = word.text.chars().collect();
    if characters.len() <= width {
        return vec![word];
    }
    let at = |n: usize| word.start + (word.end - word.start) * n as u64 / characters.len() as u64;
    let pieces = characters.chunks(width).enumerate().map(|(i, piece)| Unit {
        // A no-break blank may lie where the cut is.
        text: piece.iter().collect::<String>().trim().to_owned(),
        blank: word.blank && i == 0,
        start: at(i * width),
        end: at(i * width + piece.len()),
    });
    pieces.filter(|piece| !piece.text.is_empty()).collect()
}

/// Shares the lines of one segment out to captions of at most `most` lines, from `free` on.
fn split(cue: &Cue, free: u64, lines: &[Vec<Unit>], most: usize) -> Vec<Caption> {
    let parts: Vec<&[Vec<Unit>]> = lines.chunks(most.max(1)).collect();
    let starts: Vec<u64> = parts.iter().map(|part| part[0][0].start).collect();
    let mut found: Vec<Caption> = Vec::with_capacity(parts.len());
    for (i, part) in parts.iter().enumerate() {
        let left = (parts.len() - i) as u64;
        let start = found.last().map_or(cue.start.max(free), |before: &Caption| before.end);
        // Each caption stays until the next begins; all of them need some time.
        let end = starts.get(i + 1).map_or(cue.end, |next| (*next).min(cue.end.saturating_sub(left - 1)));
        let end = end.max(start + 1);
        found.push(Caption { start, end, lines: part.to_vec(), speaker: cue.speaker });
    }
    found
}

impl Caption {
    /// Characters to read; a line break counts as a blank.
    fn length(&self) -> usize {
        let line = |line: &[Unit]| -> usize {
            line.iter().enumerate().map(|(i, word)| length(&word.text) + usize::from(word.blank && i > 0)).sum()
        };
        self.lines.iter().map(|words| line(words)).sum::<usize>() + self.lines.len() - 1
    }
}

/// Gives every caption the time that `most` characters a second need, as far as there is time: it
/// stays through the pause behind it, and the next one comes up to [`MOST_LAG`] late where that one can spare it.
fn slow_down(captions: &mut [Caption], most: f32, audio_end: u64) {
    let need = |caption: &Caption| (1000.0 * caption.length() as f64 / f64::from(most)).ceil() as u64;
    let last = captions.last().map_or(0, |caption| caption.end.max(audio_end));
    // From the end: the latest start with which all that follow keep their time.
    let mut latest = vec![last; captions.len() + 1];
    for (i, caption) in captions.iter().enumerate().rev() {
        let spare = latest[i + 1].saturating_sub(need(caption));
        latest[i] = spare.clamp(caption.start, caption.start + MOST_LAG);
    }
    let mut free = 0;
    for (i, caption) in captions.iter_mut().enumerate() {
        let wished = need(caption);
        let own_end = caption.end;
        caption.start = caption.start.max(free);
        caption.end = own_end.max(caption.start.saturating_add(wished)).min(latest[i + 1]).max(caption.start + 1);
        free = caption.end;
    }
}
