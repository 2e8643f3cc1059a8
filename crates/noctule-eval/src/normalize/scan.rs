//! Replacing in one pass from left to right, as Python's `re.sub` does.
//!
//! What was replaced is not read again, and what a match used up cannot be the start of the next. Every function here
//! takes time in proportion to the text.

use super::class::{is_blank, is_boundary};

/// The text with what `rule` finds replaced. `rule` gets the character before a place and the text from it on; it gives
/// the bytes that it matches there (at least one) and what to write for them.
pub(super) fn rewrite(text: &str, rule: impl Fn(Option<char>, &str) -> Option<(usize, String)>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(c) = rest.chars().next() {
        let length = match rule(before, rest) {
            Some((length, with)) => {
                out.push_str(&with);
                length
            }
            None => {
                out.push(c);
                c.len_utf8()
            }
        };
        before = rest[..length].chars().next_back();
        rest = &rest[length..];
    }
    out
}

/// `\bword\b` replaced; with `ending` only the right side must be a boundary. `word` ends in a letter, and begins with
/// one unless it is an ending.
pub(super) fn replace_word(text: String, word: &str, ending: bool, with: &str) -> String {
    let Some(first) = text.find(word) else { return text };
    let mut out = String::with_capacity(text.len() + with.len());
    let (mut copied, mut found) = (0, Some(first));
    while let Some(start) = found {
        let end = start + word.len();
        let left = ending || is_boundary(text[..start].chars().next_back(), word.chars().next());
        let mut next = start + 1;
        if left && is_boundary(word.chars().next_back(), text[end..].chars().next()) {
            out.push_str(&text[copied..start]);
            out.push_str(with);
            copied = end;
            next = end;
        }
        found = text[next..].find(word).map(|at| next + at);
    }
    out.push_str(&text[copied..]);
    out
}

/// What stands between one of `open` and the next of `close` taken out, both with it. `empty`: even if nothing is
/// between them. The brackets are ASCII.
pub(super) fn cut(text: &str, open: &[char], close: &[char], empty: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(open) {
        // Without a closing bracket behind this one there is none behind the next either.
        let Some(inside) = rest[start + 1..].find(close) else { break };
        if inside == 0 && !empty {
            out.push_str(&rest[..start + 1]);
            rest = &rest[start + 1..];
        } else {
            out.push_str(&rest[..start]);
            rest = &rest[start + inside + 2..];
        }
    }
    out.push_str(rest);
    out
}

/// Bytes of the blanks that `text` begins with.
pub(super) fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches(is_blank).len()
}

/// Each run of blanks as one space; those at the ends too.
pub(super) fn collapse_blanks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    for c in text.chars() {
        if !is_blank(c) {
            out.push(c);
        } else if !blank {
            out.push(' ');
        }
        blank = is_blank(c);
    }
    out
}
