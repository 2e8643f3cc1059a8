//! Text made comparable before words are counted.
//!
//! A transcript or a reference enters, plain lower-case text leaves, in which "Mr. Brown isn't 31" and "mister brown is
//! not thirty-one" are the same. Both sides of a comparison go through the same normaliser, and a report says which by
//! its name: word error rates after different normalisers are different figures. Alignment ([`crate::align`]) takes
//! [`words`] or [`characters`] from here.
//!
//! Source: the package openai-whisper, release 20250625, whose results are reproduced exactly, oddities included, since
//! published figures stand on them. `docs/EVALUATION.md` lists the oddities.

mod basic;
mod class;
mod contractions;
mod english;
mod numbers;
mod scan;
mod spelling;
mod symbols;

pub use basic::BasicNormalizer;
pub use english::EnglishNormalizer;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_segmentation::UnicodeSegmentation;

/// Name and version of [`characters`] in reports.
pub const CHARACTERS: &str = "noctule-characters-1";

/// The words of a text, between blanks as the reference knows them.
pub fn words(text: &str) -> Vec<&str> {
    class::split_blanks(text).collect()
}

/// The characters of a text for a character error rate: lower case, NFKC, cut into grapheme clusters, without blanks,
/// punctuation, symbols and control characters.
///
/// For scripts without blanks between words, and for those whose vowel signs [`BasicNormalizer`] drops. Blanks do not
/// count, so that a transcript is not punished for where it puts them. Other tools (jiwer) count code points, blanks
/// included.
pub fn characters(text: &str) -> Vec<String> {
    use GeneralCategoryGroup::{Letter, Mark, Number};
    let text: String = text.to_lowercase().nfkc().collect::<String>().to_lowercase();
    let counts = |cluster: &&str| {
        cluster.chars().any(|c| matches!(c.general_category_group(), Letter | Number))
            || cluster.chars().all(|c| c.general_category_group() == Mark)
    };
    text.graphemes(true).filter(counts).map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn characters_keep_what_belongs_to_them() {
        assert_eq!(characters("今日は、 会議です。"), ["今", "日", "は", "会", "議", "で", "す"]);
        assert_eq!(characters("हिन्दी!"), ["हि", "न्दी"]);
        assert_eq!(characters("I'm ﬁne ½"), ["i", "m", "f", "i", "n", "e", "1", "2"]);
        assert_eq!(characters("E\u{301}t\u{e9}"), ["é", "t", "é"]);
        assert!(characters(" \u{a0}…♪\u{200b}\n").is_empty());
    }

    #[test]
    fn texts_that_sound_alike_become_alike() {
        let [a, b] = ["Mr. Brown isn't 31", "mister brown is not thirty-one"]
            .map(|text| EnglishNormalizer::new().normalize(text));
        assert_eq!(words(&a), words(&b));
        assert_eq!(words(&a).join(" "), "mister brown is not 31");
    }

    #[test]
    fn words_stand_between_blanks() {
        assert_eq!(words(" a\u{3000}b\x1cc\u{200b}d "), ["a", "b", "c\u{200b}d"]);
        assert!(words("\u{a0}\n").is_empty());
    }

    #[test]
    fn names_tell_the_settings_apart() {
        let all = [(false, false), (true, false), (false, true), (true, true)];
        let names =
            all.map(|(remove_diacritics, split_letters)| BasicNormalizer { remove_diacritics, split_letters }.name());
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), 4);
    }

    proptest! {
        #[test]
        fn anything_can_be_normalised(text in "\\PC{0,40}|[\\s0-9a-z$.%'()\\[<>,-]{0,60}") {
            let english = EnglishNormalizer::new().normalize(&text);
            prop_assert!(!english.contains("  "));
            for split_letters in [false, true] {
                BasicNormalizer { remove_diacritics: split_letters, split_letters }.normalize(&text);
            }
            prop_assert!(characters(&text).iter().all(|cluster| !cluster.trim().is_empty()));
        }
    }
}
