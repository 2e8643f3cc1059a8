//! Text to tokens for prompts, tokens to text for results.
//!
//! Encoding is true byte-pair encoding as OpenAI's package does it: the text is
//! cut by the GPT-2 pattern, and within a piece the neighbours whose
//! concatenation has the lowest id are merged until none is left (Sennrich et
//! al. 2016; ids of Whisper's vocabularies are merge ranks). Decoding joins the
//! bytes of the tokens; as a token may hold part of a character, text leaves
//! [`Utf8Stream`] only in whole characters. [`word_groups`] tells which tokens
//! make up a word.

use noctule_model::Vocab;
use regex::Regex;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::LazyLock;

/// Encoder of ordinary text. It only borrows the vocabulary, whose index is
/// built by the first prompt: making one costs nothing.
#[derive(Debug, Clone, Copy)]
pub struct Tokenizer<'v> {
    vocab: &'v Vocab,
}

impl<'v> Tokenizer<'v> {
    /// An encoder into the ids of `vocab`.
    pub fn new(vocab: &'v Vocab) -> Self {
        Self { vocab }
    }

    /// Ids of `text`. Special tokens are never produced, whatever the text
    /// spells. A byte that the vocabulary does not know (OpenAI's know all 256)
    /// is left out. Time is that of sorting, `n log n` in the length of the text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        for piece in pieces(text) {
            match self.rank(piece.as_bytes()) {
                Some(id) => ids.push(id),
                None => self.merge(piece.as_bytes(), &mut ids),
            }
        }
        ids
    }

    fn rank(&self, bytes: &[u8]) -> Option<u32> {
        self.vocab.token_to_id(bytes)
    }

    /// Appends the tokens of one piece. Parts are a linked list over the byte
    /// positions where they start; the heap holds every pair that can merge, the
    /// lowest id first and among equals the leftmost. Entries made stale by a
    /// merge stay in the heap and are recognised by the end that they recorded.
    fn merge(&self, piece: &[u8], ids: &mut Vec<u32>) {
        let n = piece.len();
        let mut end: Vec<usize> = (1..=n).collect();
        let mut previous: Vec<Option<usize>> = (0..n).map(|i| i.checked_sub(1)).collect();
        let pair = |start: usize, end: &[usize]| {
            let middle = end[start];
            let stop = *end.get(middle)?;
            self.rank(&piece[start..stop]).map(|id| Reverse((id, start, middle, stop)))
        };
        let mut heap: BinaryHeap<_> = (0..n).filter_map(|start| pair(start, &end)).collect();
        while let Some(Reverse((_, start, middle, stop))) = heap.pop() {
            // A swallowed part has end 0, so it never equals a recorded end.
            if end[start] != middle || end[middle] != stop {
                continue;
            }
            end[start] = stop;
            end[middle] = 0;
            if let Some(next) = previous.get_mut(stop) {
                *next = Some(start);
            }
            heap.extend(pair(start, &end));
            heap.extend(previous[start].and_then(|before| pair(before, &end)));
        }
        let mut start = 0;
        while start < n {
            ids.extend(self.rank(&piece[start..end[start]]));
            start = end[start];
        }
    }
}

/// GPT-2's pattern without its look-ahead `\s+(?!\S)`, which [`pieces`] does by hand.
/// Source: `encoder.py` of openai/gpt-2.
static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
    Regex::new(pattern).expect("the pattern is constant, and every test of the encoder compiles it")
});

/// Cuts `text` into the pieces that merges may not cross. Every byte is in one piece.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let found = PATTERN.find_at(text, start)?;
        let mut piece = found.as_str();
        // A run of blanks before a word leaves its last blank to the word.
        if found.end() < text.len() && piece.chars().all(char::is_whitespace) {
            let last = piece.chars().next_back().map_or(0, char::len_utf8);
            if last < piece.len() {
                piece = &piece[..piece.len() - last];
            }
        }
        start = found.start() + piece.len();
        Some(piece)
    })
}

/// Text of `ids`. Special tokens and ids that the vocabulary lacks have none;
/// bytes that are not UTF-8 become U+FFFD.
pub fn decode(vocab: &Vocab, ids: &[u32]) -> String {
    String::from_utf8_lossy(&text_bytes(vocab, ids)).into_owned()
}

/// Bytes of `ids`, specials left out.
pub fn text_bytes(vocab: &Vocab, ids: &[u32]) -> Vec<u8> {
    ids.iter().filter(|&&id| !vocab.is_special(id)).flat_map(|&id| vocab.token(id)).copied().collect()
}

/// Bytes in pieces to text in whole characters. What it returns, joined, is
/// what `String::from_utf8_lossy` makes of all bytes at once.
#[derive(Debug, Clone, Default)]
pub struct Utf8Stream {
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// A stream that holds nothing back yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `bytes` and gives all characters that are complete now. Bytes that
    /// can never become a character turn into U+FFFD; at most three wait.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest = self.pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    rest = after;
                    let Some(bad) = error.error_len() else { break };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[bad..];
                }
            }
        }
        self.pending = rest.to_vec();
        text
    }

    /// Whether part of a character is being held back.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Ends the stream: U+FFFD if a character was left unfinished. The stream is empty afterwards.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }
}

/// Codes of the languages that write no blanks between words.
const UNSPACED: [&str; 6] = ["zh", "ja", "th", "lo", "my", "yue"];

/// ASCII punctuation in Python's order (`string.punctuation`).
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Positions in `ids` that belong together as one word, in order; every
/// position is in exactly one group. `language` is a code of
/// [`crate::language`]. Languages without blanks get one group a character,
/// others break at blanks and punctuation; a special token stands alone.
///
/// Source: `split_to_word_tokens` of OpenAI's package. It loses a broken
/// character at the end of `ids`; here that is a group of its own.
pub fn word_groups(vocab: &Vocab, ids: &[u32], language: &str) -> Vec<Vec<usize>> {
    let characters = split_tokens_on_unicode(vocab, ids);
    if UNSPACED.contains(&language) {
        return characters;
    }
    let mut words: Vec<Vec<usize>> = Vec::new();
    let mut after_special = false;
    for group in characters {
        let special = vocab.is_special(ids[group[0]]);
        let bytes: Vec<u8> = group.iter().flat_map(|&i| vocab.token(ids[i])).copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let starts = special || after_special || text.starts_with(' ') || PUNCTUATION.contains(text.trim());
        match words.last_mut() {
            Some(word) if !starts => word.extend(group),
            _ => words.push(group),
        }
        after_special = special;
    }
    words
}

/// Positions in `ids` grouped so that each group holds whole characters, as few
/// as the tokens allow; every position is in exactly one group.
pub fn split_tokens_on_unicode(vocab: &Vocab, ids: &[u32]) -> Vec<Vec<usize>> {
    let mut groups = Vec::new();
    let mut current = Vec::new();
    let mut stream = Utf8Stream::new();
    for (i, &id) in ids.iter().enumerate() {
        if vocab.is_special(id) {
            // A character cannot reach across a special token.
            if !current.is_empty() {
                groups.push(std::mem::take(&mut current));
            }
            stream.finish();
            groups.push(vec![i]);
            continue;
        }
        current.push(i);
        stream.push(vocab.token(id));
        if !stream.is_pending() {
            groups.push(std::mem::take(&mut current));
        }
    }
    if !current.is_empty() {
        groups.push(current);
    }
    groups
}

#[cfg(test)]
#[path = "tokenizer_tests.rs"]
pub(crate) mod tests;
