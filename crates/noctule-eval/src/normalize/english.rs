//! The normaliser of English.

use super::basic::without_brackets;
use super::class::{is_boundary, is_digit, split_blanks};
use super::scan::{blanks, collapse_blanks, rewrite};
use super::{contractions, numbers, spelling, symbols};

/// Symbols that belong to numbers.
const NUMERIC: &str = ".%$¢€£";

/// OpenAI's `EnglishTextNormalizer` (openai-whisper 20250625), string for string: lower case, no fillers, brackets or
/// punctuation, contractions and titles in full, numbers in digits, American spelling.
///
/// Where the reference raises an exception, which is so for numbers of more than 4,300 digits only, this one goes on
/// with all digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EnglishNormalizer(());

impl EnglishNormalizer {
    /// Its name in reports, with the release that it follows.
    pub const NAME: &'static str = "openai-english-20250625";

    /// The normaliser; it has no settings.
    pub fn new() -> Self {
        Self(())
    }

    /// The normalised text. A space may stand at either end, as in the reference: split at blanks.
    pub fn normalize(&self, text: &str) -> String {
        let text = without_brackets(&text.to_lowercase());
        let text = rewrite(&text, filler);
        let text = rewrite(&text, blank_before_apostrophe);
        let text = contractions::expand(text);
        let text = rewrite(&text, comma_in_number);
        let text = rewrite(&text, full_stop);
        let text = symbols::without_diacritics(&text, NUMERIC);
        let text = numbers::normalize(&text);
        let text = split_blanks(&text).map(spelling::american).collect::<Vec<_>>().join(" ");
        let text = rewrite(&text, symbol_before_other);
        let text = rewrite(&text, percent_behind_other);
        collapse_blanks(&text)
    }
}

fn filler(before: Option<char>, rest: &str) -> Option<(usize, String)> {
    if !is_boundary(before, rest.chars().next()) {
        return None;
    }
    let whole = |word: &&str| rest.starts_with(*word) && is_boundary(Some('m'), rest[word.len()..].chars().next());
    contractions::FILLERS.iter().find(|&word| whole(word)).map(|word| (word.len(), String::new()))
}

fn blank_before_apostrophe(_: Option<char>, rest: &str) -> Option<(usize, String)> {
    match blanks(rest) {
        0 => None,
        run if rest[run..].starts_with('\'') => Some((run, String::new())),
        // The run as it is, so that it is looked at once.
        run => Some((run, rest[..run].to_string())),
    }
}

/// "1,234", but of "1,2,3" only the first comma: the 2 is used up.
fn comma_in_number(_: Option<char>, rest: &str) -> Option<(usize, String)> {
    let mut three = rest.chars();
    match (three.next()?, three.next()?, three.next()?) {
        (a, ',', b) if is_digit(a) && is_digit(b) => Some((rest.len() - three.as_str().len(), format!("{a}{b}"))),
        _ => None,
    }
}

/// A full stop that no digit follows; the character behind it is used up, so of two stops the second stays.
fn full_stop(_: Option<char>, rest: &str) -> Option<(usize, String)> {
    let behind = rest.strip_prefix('.')?;
    match behind.chars().next() {
        None => Some((1, " ".to_string())),
        Some(c) if c.is_ascii_digit() => None,
        Some(c) => Some((1 + c.len_utf8(), format!(" {c}"))),
    }
}

fn symbol_before_other(_: Option<char>, rest: &str) -> Option<(usize, String)> {
    let mut two = rest.chars();
    match (two.next()?, two.next()?) {
        ('.' | '$' | '¢' | '€' | '£', c) if !c.is_ascii_digit() => {
            Some((rest.len() - two.as_str().len(), format!(" {c}")))
        }
        _ => None,
    }
}

fn percent_behind_other(_: Option<char>, rest: &str) -> Option<(usize, String)> {
    let mut two = rest.chars();
    match (two.next()?, two.next()?) {
        (c, '%') if !c.is_ascii_digit() => Some((rest.len() - two.as_str().len(), format!("{c} "))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference's own cases, `test_text_normalizer` of `tests/test_normalizer.py`.
    #[test]
    fn upstream_cases() {
        let normalizer = EnglishNormalizer::new();
        for (text, expected) in [
            ("Let's", "let us"),
            ("he's like", "he is like"),
            ("she's been like", "she has been like"),
            ("10km", "10 km"),
            ("10mm", "10 mm"),
            ("RC232", "rc 232"),
            ("Mr. Park visited Assoc. Prof. Kim Jr.", "mister park visited associate professor kim junior"),
        ] {
            assert_eq!(normalizer.normalize(text), expected, "{text}");
        }
    }

    /// What the reference makes of them too; published figures stand on it.
    #[test]
    fn oddities_are_kept() {
        let normalizer = EnglishNormalizer::new();
        for (text, expected) in [
            ("James's hat", "james is hat"),
            ("o brother", "0 brother"),
            ("ninth nineth", "ninth 9th"),
            ("1,2,3", "12 3"),
            ("and a half hour", "hour"),
            ("two point hundred", "200"),
            ("$0 55", "¢55"),
            ("1.5", "one.5"),
            ("nineteen ninety nine", "1999"),
            ("room two twenty", "room 220"),
        ] {
            assert_eq!(normalizer.normalize(text), expected, "{text}");
        }
    }
}
