//! Spoken numbers as digits: "two hundred and five dollars" → "$205".
//!
//! Text without punctuation enters; words leave as they are, numbers in digits with their currency before and percent
//! sign behind them. Years and telephone numbers are read digit by digit ("nineteen ninety nine" → 1999, "nine one one"
//! → 911). Source of the behaviour: `EnglishNumberNormalizer` in `english.py` of openai-whisper 20250625.

mod integer;
mod reader;
#[cfg(test)]
mod tests;
mod words;

use super::class::{is_boundary, split_blanks};
use super::scan::{blanks, rewrite};
use integer::Integer;
use words::{Role, role};

/// The whole of it: halves and units set apart, numbers read, cents joined to their dollars.
pub(super) fn normalize(text: &str) -> String {
    let text = rewrite(&spaced(&halves(text)), suffix_behind_digit);
    let text = reader::read(&split_blanks(&text).collect::<Vec<_>>());
    let text = rewrite(&text, cents_behind_currency);
    let text = rewrite(&text, only_cents);
    rewrite(&text, one)
}

/// "three and a half" as "three point five" if a word for a number stands before it. What stands between two halves and
/// is blank goes, and with it the half.
fn halves(text: &str) -> String {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = split_half(rest) {
        if let Some(last) = split_blanks(before).last() {
            let number = role(last).is_some_and(|role| role.is_decimal() || matches!(role, Role::Multiplier(_)));
            parts.extend([before, if number { "point five" } else { "and a half" }]);
        }
        rest = behind;
    }
    if split_blanks(rest).next().is_some() {
        parts.push(rest);
    }
    parts.join(" ")
}

/// The text before and behind the first "and a half".
fn split_half(text: &str) -> Option<(&str, &str)> {
    let tail = |rest: &str| {
        let mut rest = rest.strip_prefix("and")?;
        for word in ["a", "half"] {
            let run = blanks(rest);
            rest = rest[run..].strip_prefix(word).filter(|_| run > 0)?;
        }
        is_boundary(Some('f'), rest.chars().next()).then_some(rest.len())
    };
    text.match_indices("and").find_map(|(start, _)| {
        let behind = tail(&text[start..])?;
        is_boundary(text[..start].chars().next_back(), Some('a'))
            .then(|| (&text[..start], &text[text.len() - behind..]))
    })
}

/// With a space between a letter and a digit.
fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        if before.is_ascii_lowercase() && c.is_ascii_digit() || before.is_ascii_digit() && c.is_ascii_lowercase() {
            out.push(' ');
        }
        out.push(c);
        before = c;
    }
    out
}

/// "10 th" as "10th".
fn suffix_behind_digit(_: Option<char>, rest: &str) -> Option<(usize, String)> {
    let digit = rest.chars().next().filter(char::is_ascii_digit)?;
    let run = blanks(&rest[1..]);
    let behind = &rest[1 + run..];
    let whole =
        |suffix: &&str| behind.strip_prefix(*suffix).is_some_and(|next| is_boundary(Some('s'), next.chars().next()));
    let suffix = ["st", "nd", "rd", "th", "s"].into_iter().find(whole).filter(|_| run > 0)?;
    Some((1 + run + suffix.len(), format!("{digit}{suffix}")))
}

/// "$2 and ¢7" as "$2.07".
fn cents_behind_currency(_: Option<char>, rest: &str) -> Option<(usize, String)> {
    let amount = rest.strip_prefix(['€', '£', '$'])?;
    let whole = ascii_digits(amount);
    let behind = amount[whole..].strip_prefix(' ').filter(|_| whole > 0)?;
    let cents = behind.strip_prefix("and ").unwrap_or(behind).strip_prefix('¢')?;
    let digits = few_digits(cents)?;
    let kept = &rest[..rest.len() - amount.len() + whole];
    Some((rest.len() - cents.len() + digits, format!("{kept}.{:0>2}", &cents[..digits])))
}

/// "$0.36" as "¢36". Any character does for the point, as in the reference.
fn only_cents(_: Option<char>, rest: &str) -> Option<(usize, String)> {
    let mut amount = rest.strip_prefix(['€', '£', '$'])?.strip_prefix('0')?.chars();
    amount.next().filter(|&c| c != '\n')?;
    let cents = amount.as_str();
    let digits = few_digits(cents)?;
    Some((rest.len() - cents.len() + digits, format!("¢{}", Integer::parse(&cents[..digits]).as_str())))
}

/// "1" and "1s" as words.
fn one(before: Option<char>, rest: &str) -> Option<(usize, String)> {
    let behind = rest.strip_prefix('1').filter(|_| is_boundary(before, Some('1')))?;
    let s = usize::from(behind.starts_with('s'));
    is_boundary(Some('1'), behind[s..].chars().next()).then(|| (1 + s, format!("one{}", &behind[..s])))
}

/// Bytes of the ASCII digits that `text` begins with.
fn ascii_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Their number if it is one or two and the word ends behind them.
fn few_digits(text: &str) -> Option<usize> {
    let digits = ascii_digits(text);
    ((1..=2).contains(&digits) && is_boundary(Some('0'), text[digits..].chars().next())).then_some(digits)
}
