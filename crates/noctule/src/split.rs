//! Cuts segments to a length that fits a line.
//!
//! Enters: finished segments. Leaves: more, shorter ones with the same text,
//! tokens and words. Stands between [`words`](crate::words) and
//! [`format`](crate::format); whisper.cpp knows it as `--max-len` and `--split-on-word`.
//!
//! A cut lies between two tokens, never inside a character. Its time is that of
//! the words around it where words have times; otherwise the segment's time is
//! shared out by characters. Where text and tokens do not correspond the text
//! decides: it is cut between characters, and tokens follow in proportion.

use crate::transcript::{Segment, Word};
use std::ops::Range;

/// Cuts every segment whose trimmed text is longer than `max_len` characters (code points); 0 leaves all as they are.
///
/// With `split_on_word` cuts lie only between words: the segment's [`Segment::words`] where it
/// has them, else in front of blanks. A token (or word) longer than `max_len` stays whole.
/// `token_text` gives the bytes of a text token. Ids count on from the first
/// segment's. A speaker turn stays behind the last piece.
pub fn split_segments<'v>(
    segments: Vec<Segment>,
    max_len: usize,
    split_on_word: bool,
    token_text: impl Fn(u32) -> &'v [u8],
) -> Vec<Segment> {
    if max_len == 0 {
        return segments;
    }
    let first_id = segments.first().map_or(0, |segment| segment.id);
    let mut pieces = Vec::with_capacity(segments.len());
    for segment in segments {
        let cuts = possible_cuts(&segment, split_on_word, &token_text);
        let chosen = choose_cuts(&segment.text, &cuts, max_len);
        if chosen.is_empty() { pieces.push(segment) } else { cut(&segment, &chosen, &mut pieces) }
    }
    for (place, piece) in pieces.iter_mut().enumerate() {
        piece.id = first_id + place;
    }
    pieces
}

/// A place where a segment may be cut.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cut {
    /// Byte offset in the text, inside it and on a character boundary.
    byte: usize,
    /// Tokens before it.
    token: usize,
}

/// All places between tokens (or words) that are also between characters.
fn possible_cuts<'v>(segment: &Segment, on_word: bool, token_text: &impl Fn(u32) -> &'v [u8]) -> Vec<Cut> {
    let text = segment.text.as_str();
    let mut cuts = token_cuts(segment, token_text).unwrap_or_else(|| proportional_cuts(segment));
    if on_word {
        let word_starts = word_starts(segment);
        cuts.retain(|cut| match &word_starts {
            Some(starts) => starts.binary_search(&cut.byte).is_ok(),
            None => text[cut.byte..].starts_with(char::is_whitespace),
        });
    }
    cuts
}

/// Cuts at token boundaries, `None` when the tokens do not spell the text.
fn token_cuts<'v>(segment: &Segment, token_text: &impl Fn(u32) -> &'v [u8]) -> Option<Vec<Cut>> {
    let text = segment.text.as_bytes();
    let mut cuts = Vec::with_capacity(segment.tokens.len());
    let mut byte = 0;
    for (token, id) in segment.tokens.iter().map(|token| token.id).enumerate() {
        if byte > 0 && byte < text.len() && segment.text.is_char_boundary(byte) {
            cuts.push(Cut { byte, token });
        }
        let bytes = token_text(id);
        if !text.get(byte..)?.starts_with(bytes) {
            return None;
        }
        byte += bytes.len();
    }
    (byte == text.len()).then_some(cuts)
}

/// Cuts at every character, tokens shared out in proportion.
fn proportional_cuts(segment: &Segment) -> Vec<Cut> {
    let (text, tokens) = (segment.text.as_str(), segment.tokens.len());
    text.char_indices().skip(1).map(|(byte, _)| Cut { byte, token: byte * tokens / text.len() }).collect()
}

/// Byte offsets at which words start, `None` without words or when they do not spell the text.
fn word_starts(segment: &Segment) -> Option<Vec<usize>> {
    let mut rest = segment.text.as_str();
    let mut starts = Vec::with_capacity(segment.words.len());
    for word in &segment.words {
        starts.push(segment.text.len() - rest.len());
        rest = rest.strip_prefix(word.word.as_str())?;
    }
    (rest.is_empty() && !starts.is_empty()).then_some(starts)
}

/// Greedy choice: each piece takes as much as fits. No piece is blank.
fn choose_cuts(text: &str, cuts: &[Cut], max_len: usize) -> Vec<Cut> {
    let length = |range: Range<usize>| text[range].trim().chars().count();
    let mut chosen = Vec::new();
    let (mut start, mut fitting) = (0, None::<Cut>);
    let end = Cut { byte: text.len(), token: 0 };
    for &cut in cuts.iter().chain([&end]) {
        if length(start..cut.byte) > max_len
            && let Some(last) = fitting
            && !text[last.byte..].trim().is_empty()
        {
            chosen.push(last);
            start = last.byte;
        }
        fitting = (length(start..cut.byte) > 0).then_some(cut);
    }
    chosen
}

/// Appends the pieces of `segment` to `pieces`.
fn cut(segment: &Segment, cuts: &[Cut], pieces: &mut Vec<Segment>) {
    let starts = word_starts(segment);
    let end = Cut { byte: segment.text.len(), token: segment.tokens.len() };
    let scores = Segment { text: String::new(), tokens: Vec::new(), words: Vec::new(), ..segment.clone() };
    let mut from = Cut { byte: 0, token: 0 };
    for &to in cuts.iter().chain([&end]) {
        let words = piece_words(segment, starts.as_deref(), from, to);
        let time = |byte| share(&segment.text, byte, segment.start, segment.end);
        let (mut start, mut stop) = match (words.first(), words.last()) {
            (Some(first), Some(last)) if starts.is_some() => (first.start, last.end),
            _ => (time(from.byte), time(to.byte)),
        };
        if from.byte == 0 {
            start = segment.start;
        }
        if to == end {
            stop = segment.end;
        }
        pieces.push(Segment {
            start,
            end: stop.max(start),
            text: segment.text[from.byte..to.byte].to_owned(),
            tokens: segment.tokens[from.token..to.token].to_vec(),
            words,
            speaker_turn_next: segment.speaker_turn_next && to == end,
            ..scores.clone()
        });
        from = to;
    }
}

/// The words between two cuts. A word that a cut goes through is cut as well, its time shared out by characters;
/// where words do not spell the text (no `starts`) each goes whole to the piece of its first token.
fn piece_words(segment: &Segment, starts: Option<&[usize]>, from: Cut, to: Cut) -> Vec<Word> {
    let last = to.byte == segment.text.len();
    let mut token = 0;
    let mut words = Vec::new();
    for (index, word) in segment.words.iter().enumerate() {
        let tokens = token..token + word.token_count;
        token = tokens.end;
        let Some(starts) = starts else {
            if from.token <= tokens.start && (tokens.start < to.token || last) {
                words.push(word.clone());
            }
            continue;
        };
        let at = starts[index];
        let bytes = from.byte.max(at)..to.byte.min(at + word.word.len());
        if !bytes.is_empty() {
            words.push(Word {
                word: segment.text[bytes.clone()].to_owned(),
                start: share(&word.word, bytes.start - at, word.start, word.end),
                end: share(&word.word, bytes.end - at, word.start, word.end),
                token_count: tokens.end.min(to.token).saturating_sub(tokens.start.max(from.token)),
                probability: word.probability,
            });
        }
    }
    words
}

/// The time at `byte` of `text` when each of its characters takes as long.
fn share(text: &str, byte: usize, start: f64, end: f64) -> f64 {
    if byte == text.len() {
        return end;
    }
    let before = text[..byte].chars().count() as f64;
    start + (end - start) * before / text.chars().count() as f64
}

#[cfg(test)]
mod tests;
