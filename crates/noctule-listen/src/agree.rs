//! LocalAgreement-2: what two hypotheses in a row have in common stays.
//!
//! Liu, Spanakis, Niehues, "Low-latency sequence-to-sequence speech recognition
//! and translation by partial hypothesis selection" (Interspeech 2020); for Whisper: Macháček,
//! Dabre, Bojar, "Turning Whisper into real-time transcription system" (IJCNLP-AACL 2023).
//! There the words that stay are found again in the next hypothesis by their
//! times; here the model is made to begin with them, so that only what is behind them is compared.

use crate::policy::{Hypothesis, Policy};

/// The longest common beginning of this hypothesis and the one before it.
#[derive(Debug, Default)]
pub struct Agreement {
    /// What the one before had behind its agreed words, as [`spelling`]s.
    previous: Vec<String>,
}

impl Policy for Agreement {
    fn decide(&mut self, hypothesis: &Hypothesis) -> usize {
        let spelled: Vec<String> = hypothesis.words.iter().map(|word| spelling(&word.text)).collect();
        let agreed = spelled.iter().zip(&self.previous).take_while(|(a, b)| a == b).count();
        self.previous = spelled[agreed..].to_vec();
        agreed
    }

    fn forget(&mut self) {
        self.previous.clear();
    }
}

/// Letters and digits in lower case: case and punctuation change with what follows, long after the word is sure. A
/// word without any is itself.
fn spelling(word: &str) -> String {
    let letters: String = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if letters.is_empty() { word.trim().to_owned() } else { letters }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Guess;

    fn decide(policy: &mut Agreement, text: &str) -> usize {
        let guess = |text: &str| Guess { text: format!(" {text}"), end: 0.0, attended: 0.0, probability: 1.0 };
        let words: Vec<Guess> = text.split_whitespace().map(guess).collect();
        policy.decide(&Hypothesis { words: &words, heard: 1.0, complete: true })
    }

    #[test]
    fn what_is_said_twice_stays() {
        let mut policy = Agreement::default();
        assert_eq!(decide(&mut policy, "the quick brow"), 0, "nothing to compare with");
        assert_eq!(decide(&mut policy, "the quick brown fox"), 2);
        // The two stand now; the hypothesis begins behind them.
        assert_eq!(decide(&mut policy, "brown fox jump"), 2);
        assert_eq!(decide(&mut policy, "jumps over"), 0);
        assert_eq!(decide(&mut policy, "jumps over the"), 2);
    }

    #[test]
    fn a_difference_in_front_stops_it() {
        let mut policy = Agreement::default();
        decide(&mut policy, "their house is");
        assert_eq!(decide(&mut policy, "there house is big"), 0);
        assert_eq!(decide(&mut policy, "there house is big"), 4);
    }

    #[test]
    fn case_and_punctuation_do_not_matter() {
        let mut policy = Agreement::default();
        decide(&mut policy, "well, He said");
        assert_eq!(decide(&mut policy, "Well he said so."), 3);
        assert_eq!(decide(&mut policy, "— —"), 0);
        assert_eq!(decide(&mut policy, "— …"), 1, "marks alone are compared as they are");
    }

    #[test]
    fn forgetting_begins_again() {
        let mut policy = Agreement::default();
        decide(&mut policy, "one two");
        policy.forget();
        assert_eq!(decide(&mut policy, "one two"), 0);
        assert_eq!(decide(&mut policy, ""), 0);
        assert_eq!(decide(&mut policy, "one"), 0);
    }
}
