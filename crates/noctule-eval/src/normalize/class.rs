//! The classes of characters that the reference's regular expressions mean by `\s`, `\w` and `\d`.
//!
//! Python's are not those of the `regex` crate: `\w` leaves combining marks and joiners out and takes every kind of
//! number in, `\s` takes the four information separators in.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// `\s`, and what `str.split` splits at.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// `\w`: a letter, a number or the underscore.
pub(super) fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    matches!(c.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

/// `\d`: a decimal digit of any script.
pub(super) fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || !c.is_ascii() && c.general_category() == GeneralCategory::DecimalNumber
}

/// The value of a decimal digit of any script: Unicode keeps the ten of a script together and in order.
pub(super) fn digit_value(c: char) -> u8 {
    if c.is_ascii_digit() {
        return c as u8 - b'0';
    }
    let before = (0..u32::from(c)).rev().map_while(char::from_u32).take_while(|&c| is_digit(c)).count();
    (before % 10) as u8
}

/// A mark, a symbol or punctuation.
pub(super) fn is_mark_or_symbol(c: char) -> bool {
    use GeneralCategoryGroup::{Mark, Punctuation, Symbol};
    matches!(c.general_category_group(), Mark | Punctuation | Symbol)
}

/// A mark that takes no room of its own, category Mn.
pub(super) fn is_nonspacing_mark(c: char) -> bool {
    !c.is_ascii() && c.general_category() == GeneralCategory::NonspacingMark
}

/// `\b` between two characters, `None` where the text ends.
pub(super) fn is_boundary(before: Option<char>, after: Option<char>) -> bool {
    before.is_some_and(is_word) != after.is_some_and(is_word)
}

/// The words between blanks.
pub(super) fn split_blanks(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_blank).filter(|word| !word.is_empty())
}
