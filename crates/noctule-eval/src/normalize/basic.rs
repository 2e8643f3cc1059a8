//! The normaliser of every language but English.

use super::scan::{collapse_blanks, cut};
use super::symbols::{with_diacritics, without_diacritics};
use unicode_segmentation::UnicodeSegmentation;

/// OpenAI's `BasicTextNormalizer` (openai-whisper 20250625), string for string: lower case, no words in brackets, a
/// space for marks, symbols and punctuation.
///
/// It takes the vowel signs of Indic scripts for marks and cuts words at them; [`characters`](super::characters) keeps
/// them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BasicNormalizer {
    /// Write é as e and ø as o; otherwise letters keep what belongs to them.
    pub remove_diacritics: bool,
    /// Put a space between all characters (grapheme clusters), for scripts that do not write any between words: then
    /// the word error rate is one of characters. Whisper's authors do so for Chinese, Japanese, Thai, Lao and Burmese
    /// (Radford et al. 2022, appendix C).
    pub split_letters: bool,
}

impl BasicNormalizer {
    /// Its name in reports, with the settings and the release that it follows.
    pub fn name(&self) -> &'static str {
        match (self.remove_diacritics, self.split_letters) {
            (false, false) => "openai-basic-20250625",
            (true, false) => "openai-basic-20250625+remove-diacritics",
            (false, true) => "openai-basic-20250625+split-letters",
            (true, true) => "openai-basic-20250625+remove-diacritics+split-letters",
        }
    }

    /// The normalised text. A space may stand at either end, as in the reference: split at blanks.
    pub fn normalize(&self, text: &str) -> String {
        let text = without_brackets(&text.to_lowercase());
        let clean = if self.remove_diacritics { without_diacritics(&text, "") } else { with_diacritics(&text) };
        let mut clean = clean.to_lowercase();
        if self.split_letters {
            clean = clean.graphemes(true).collect::<Vec<_>>().join(" ");
        }
        collapse_blanks(&clean)
    }
}

/// Without what stands in angle and square brackets, then in round ones.
pub(super) fn without_brackets(text: &str) -> String {
    let text = cut(text, &['<', '['], &['>', ']'], true);
    cut(&text, &['('], &[')'], false)
}
