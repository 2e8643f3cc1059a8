//! Puts punctuation that stands alone onto the word it belongs to.

use super::AlignedWord;
use std::ops::Range;

/// Opening marks: a word that is only these, after a blank, clings to the word behind it. OpenAI's default.
pub const PREPENDED: &str = "\"'“¿([{-";
/// Closing marks: a word that is only these clings to the word before it. OpenAI's default.
pub const APPENDED: &str = "\"'.。,，!！?？:：”)]}、";

/// Merges opening marks forward and closing marks backward, as OpenAI's `merge_punctuations`.
///
/// A mark is recognised when it is a substring of `prepended` or `appended`. The
/// word that gives its text away stays in the slice, empty and without tokens;
/// the word that takes it keeps its own times, so that the pause at a mark
/// belongs to nobody.
pub fn merge_punctuations(words: &mut [AlignedWord], prepended: &str, appended: &str) {
    let mut following = words.len().saturating_sub(1);
    for previous in (0..following).rev() {
        let text = &words[previous].text;
        if text.starts_with(' ') && prepended.contains(text.trim()) {
            move_text(words, previous, following);
        } else {
            following = previous;
        }
    }
    let mut previous = 0;
    for following in 1..words.len() {
        if !words[previous].text.ends_with(' ') && appended.contains(words[following].text.as_str()) {
            move_text(words, following, previous);
        } else {
            previous = following;
        }
    }
}

/// Moves text and tokens of one word to another; what was first stays first.
fn move_text(words: &mut [AlignedWord], from: usize, to: usize) {
    let text = std::mem::take(&mut words[from].text);
    let tokens = words[from].tokens.clone();
    words[from].tokens.end = tokens.start;
    let target = &mut words[to];
    let at = if from < to { 0 } else { target.text.len() };
    target.text.insert_str(at, &text);
    target.tokens = hull(&target.tokens, &tokens);
}

/// The smallest range over both; an empty range has no place and does not count.
fn hull(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    if a.is_empty() {
        b.clone()
    } else if b.is_empty() {
        a.clone()
    } else {
        a.start.min(b.start)..a.end.max(b.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(texts: &[&str]) -> Vec<(String, Range<usize>)> {
        let mut words: Vec<AlignedWord> = texts
            .iter()
            .enumerate()
            .map(|(i, text)| AlignedWord {
                text: (*text).into(),
                tokens: i..i + 1,
                start: i as f64,
                end: i as f64 + 1.0,
                probability: 1.0,
            })
            .collect();
        merge_punctuations(&mut words, PREPENDED, APPENDED);
        words.into_iter().filter(|w| !w.text.is_empty()).map(|w| (w.text, w.tokens)).collect()
    }

    #[test]
    fn marks_join_their_words() {
        let words = merged(&[" He", " said", ",", " \"", "Go", "!", "\""]);
        let expected = [(" He", 0..1), (" said,", 1..3), (" \"Go!\"", 3..7)];
        assert_eq!(words, expected.map(|(text, tokens)| (text.to_owned(), tokens)));
    }

    #[test]
    fn opening_marks_need_a_blank_before_them() {
        assert_eq!(merged(&[" a", "(", " b"]).len(), 3);
        assert_eq!(merged(&[" a", " (", "b"]), [(" a".to_owned(), 0..1), (" (b".to_owned(), 1..3)]);
    }

    #[test]
    fn full_width_marks_and_runs() {
        assert_eq!(merged(&["你好", "。", "”", "吗"]), [("你好。”".to_owned(), 0..3), ("吗".to_owned(), 3..4)]);
    }

    #[test]
    fn only_marks() {
        assert_eq!(merged(&[" \"", "."]), [(" \".".to_owned(), 0..2)]);
        assert_eq!(merged(&[]), []);
        assert_eq!(merged(&["."]), [(".".to_owned(), 0..1)]);
    }

    #[test]
    fn times_of_the_word_stay() {
        let word = |text: &str, at: f64| AlignedWord {
            text: text.into(),
            tokens: at as usize..at as usize + 1,
            start: at,
            end: at + 1.0,
            probability: 0.5,
        };
        let mut words = [word(" a", 0.0), word(".", 1.0)];
        merge_punctuations(&mut words, PREPENDED, APPENDED);
        assert_eq!((words[0].start, words[0].end), (0.0, 1.0));
    }
}
