//! AlignAtt: what the model wrote while it looked well behind the end of the audio stays.
//!
//! Papi, Turchi, Negri, "AlignAtt: using attention-based audio-translation alignments as a guide for
//! simultaneous speech translation" (Interspeech 2023); for Whisper: Wang et al., "Simul-Whisper:
//! attention-guided streaming Whisper with truncation detection" (Interspeech 2024), and Macháček, Polák,
//! "Simultaneous translation with offline speech and LLM models in CUNI submission to IWSLT 2025".
//! Attention is that of the model's [alignment heads](noctule::alignment_heads).
//!
//! A word written while looking at the last moments of the audio may change
//! when more is heard; a word whose sound lies further back will not.

use crate::policy::{Hypothesis, Policy};

/// A jump back of the attention by more than this is no reading of the audio, seconds (SimulStreaming: 200 frames).
const REWIND: f64 = 4.0;

/// Keeps words up to the first one that reaches into the last moments of the audio.
#[derive(Debug)]
pub struct Front {
    threshold: f64,
}

impl Front {
    /// Words attended to within the last `threshold` seconds wait. SimulStreaming: 0.5 s; what it costs in words is in docs/LISTEN.md.
    pub fn new(threshold: f64) -> Self {
        Self { threshold }
    }
}

impl Policy for Front {
    fn decide(&mut self, hypothesis: &Hypothesis) -> usize {
        let (limit, mut furthest) = (hypothesis.heard - self.threshold, 0.0f64);
        let behind = hypothesis.words.iter().take_while(|word| {
            let read = word.attended >= furthest - REWIND;
            furthest = furthest.max(word.attended);
            read && word.attended <= limit
        });
        behind.count()
    }

    fn forget(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Guess;

    fn decide(attended: &[f64], heard: f64) -> usize {
        let guess = |&attended: &f64| Guess { text: " a".into(), end: attended, attended, probability: 1.0 };
        let words: Vec<Guess> = attended.iter().map(guess).collect();
        Front::new(0.5).decide(&Hypothesis { words: &words, heard, complete: true })
    }

    #[test]
    fn words_behind_the_front_stay() {
        assert_eq!(decide(&[0.2, 0.8, 1.4, 1.9], 2.0), 3);
        assert_eq!(decide(&[0.2, 0.8, 1.4, 1.9], 2.4), 4);
        assert_eq!(decide(&[1.9], 2.0), 0);
        assert_eq!(decide(&[], 2.0), 0);
    }

    #[test]
    fn nothing_stays_behind_a_word_at_the_front() {
        assert_eq!(decide(&[0.2, 1.9, 0.9], 2.0), 1);
    }

    #[test]
    fn a_jump_back_is_no_reading() {
        assert_eq!(decide(&[6.0, 6.5, 1.0, 7.0], 9.0), 2);
        assert_eq!(decide(&[6.0, 5.0, 6.5], 9.0), 3, "a little back is");
    }
}
