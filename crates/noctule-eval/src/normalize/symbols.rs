//! Marks, symbols and punctuation taken out of a text.

use super::class::{is_mark_or_symbol, is_nonspacing_mark};
use unicode_normalization::UnicodeNormalization;

/// Letters that no decomposition takes apart, as the reference writes them. Source: `ADDITIONAL_DIACRITICS` of
/// `basic.py`.
fn plain_letter(c: char) -> Option<&'static str> {
    Some(match c {
        'œ' => "oe",
        'Œ' => "OE",
        'ø' => "o",
        'Ø' => "O",
        'æ' => "ae",
        'Æ' => "AE",
        'ß' => "ss",
        'ẞ' => "SS",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'þ' | 'Þ' => "th",
        'ł' => "l",
        'Ł' => "L",
        _ => return None,
    })
}

/// Compatibility decomposition (NFKD) without nonspacing marks, with plain letters, and with a space for every other
/// mark, symbol and punctuation that is not in `keep`.
pub(super) fn without_diacritics(text: &str, keep: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.nfkd() {
        if c.is_ascii_alphanumeric() || keep.contains(c) {
            out.push(c);
        } else if let Some(plain) = plain_letter(c) {
            out.push_str(plain);
        } else if !is_nonspacing_mark(c) {
            out.push(if is_mark_or_symbol(c) { ' ' } else { c });
        }
    }
    out
}

/// Compatibility composition (NFKC) with a space for every mark, symbol and punctuation.
pub(super) fn with_diacritics(text: &str) -> String {
    text.nfkc().map(|c| if is_mark_or_symbol(c) { ' ' } else { c }).collect()
}
