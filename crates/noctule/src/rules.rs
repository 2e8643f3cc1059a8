//! Logits → log-probabilities of the tokens that may come next.
//!
//! The order is whisper.cpp's (and OpenAI's): suppressed tokens, timestamps in
//! pairs, the latest first timestamp, timestamps that do not go back, and last
//! the choice between text and timestamps by their total probability.

use crate::grammar::{BitSet, TokenTrie};
use crate::hypothesis::{FRAMES_PER_TIMESTAMP, Hypothesis};
use crate::options::Options;
use crate::suppress::Suppression;
use noctule_kernels::Compute;
use noctule_model::Vocab;
use std::cell::Cell;

/// Everything that decides which tokens are allowed, prepared once per run.
pub(crate) struct Rules<'a> {
    pub vocab: &'a Vocab,
    pub suppression: Suppression,
    pub timestamps: bool,
    pub single_segment: bool,
    pub max_tokens: usize,
    /// Timestamp token that the first one may not exceed.
    pub last_initial: u32,
    /// Timestamp token of the end of what the encoder sees; later ones point at audio that it has not heard.
    last: Cell<u32>,
    pub grammar_penalty: f32,
    pub trie: Option<TokenTrie>,
}

impl<'a> Rules<'a> {
    /// `positions` is how many positions the encoder sees, one for each timestamp token.
    pub fn new(
        vocab: &'a Vocab,
        suppression: Suppression,
        options: &Options,
        timestamps: bool,
        positions: usize,
    ) -> Self {
        // A timestamp token is 20 ms.
        let steps = (options.max_initial_timestamp * 50.0).round().clamp(0.0, 1500.0) as u32;
        Self {
            vocab,
            suppression,
            timestamps,
            single_segment: options.single_segment,
            max_tokens: options.max_tokens,
            last_initial: vocab.beg() + steps.min(positions as u32),
            last: Cell::new(vocab.beg() + positions as u32),
            grammar_penalty: options.grammar.as_ref().map_or(0.0, |g| g.penalty),
            trie: options.grammar.as_ref().map(|_| TokenTrie::new(vocab)),
        }
    }

    /// From now on the encoder sees so many positions.
    pub fn see(&self, positions: usize) {
        self.last.set(self.vocab.beg() + positions as u32);
    }

    /// Turns the logits of `hypothesis`'s next token into log-probabilities, in
    /// place. Forbidden tokens become negative infinity.
    pub fn apply(&self, compute: &Compute, hypothesis: &Hypothesis, logits: &mut [f32]) {
        let (beg, eot) = (self.vocab.beg() as usize, self.vocab.eot() as usize);
        let (first, len) = (hypothesis.tokens.is_empty(), logits.len());
        self.suppression.apply(logits, first);
        if !self.timestamps {
            forbid(&mut logits[beg..]);
        } else {
            let enough = self.max_tokens > 0 && !self.single_segment && hypothesis.tokens.len() >= self.max_tokens;
            if enough {
                forbid(&mut logits[..eot]);
            }
            self.pair_timestamps(hypothesis, logits);
            let last = if first { self.last_initial } else { self.last.get() };
            forbid(&mut logits[(last as usize + 1).min(len)..]);
            if hypothesis.has_timestamp {
                forbid(&mut logits[beg..beg + hypothesis.delta / FRAMES_PER_TIMESTAMP]);
            }
        }
        compute.log_softmax(logits);
        if self.timestamps && prefer_timestamp(logits, beg) {
            return;
        }
        self.constrain(compute, hypothesis, logits);
    }

    /// Timestamps come in pairs, except directly before the end of the text.
    fn pair_timestamps(&self, hypothesis: &Hypothesis, logits: &mut [f32]) {
        let (beg, eot) = (self.vocab.beg(), self.vocab.eot() as usize);
        let tokens = &hypothesis.tokens;
        let last = tokens.last().is_some_and(|t| *t >= beg);
        let before = tokens.len() < 2 || tokens[tokens.len() - 2] >= beg;
        match (last, before) {
            (true, true) => forbid(&mut logits[beg as usize..]),
            (true, false) => forbid(&mut logits[..eot]),
            _ => {}
        }
    }

    /// Lowers what the grammar does not allow and normalises again.
    fn constrain(&self, compute: &Compute, hypothesis: &Hypothesis, logprobs: &mut [f32]) {
        let (Some(grammar), Some(trie)) = (&hypothesis.grammar, &self.trie) else { return };
        let mut allowed = BitSet::new(logprobs.len());
        grammar.allowed_tokens(trie, &mut allowed);
        let eot = self.vocab.eot() as usize;
        for (id, value) in logprobs[..eot].iter_mut().enumerate() {
            if !allowed.contains(id as u32) {
                *value -= self.grammar_penalty;
            }
        }
        if !grammar.can_end() {
            logprobs[eot] -= self.grammar_penalty;
        }
        compute.log_softmax(logprobs);
    }
}

fn forbid(logits: &mut [f32]) {
    logits.fill(f32::NEG_INFINITY);
}

/// When all timestamps together are likelier than any text token, only
/// timestamps remain, normalised among themselves. Returns whether that was so.
fn prefer_timestamp(logprobs: &mut [f32], beg: usize) -> bool {
    let (text, stamps) = logprobs.split_at_mut(beg);
    let best_text = text.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let best_stamp = stamps.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if best_stamp == f32::NEG_INFINITY {
        return false;
    }
    let sum: f32 = stamps.iter().map(|p| (p - best_stamp).exp()).sum();
    let total = sum.ln() + best_stamp;
    if total <= best_text {
        return false;
    }
    forbid(text);
    stamps.iter_mut().for_each(|p| *p -= total);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hypothesis::Bounds;
    use crate::repetition::LoopRules;
    use crate::suppress::SuppressionRules;
    use crate::tokenizer::tests::english;
    use noctule_kernels::{Precision, Tier};

    #[test]
    fn no_timestamp_points_beyond_what_the_encoder_sees() {
        let (options, vocab) = (Options::default(), english().vocab());
        let suppression = Suppression::new(vocab, SuppressionRules::from(&options));
        let rules = Rules::new(vocab, suppression, &options, true, 250);
        let bounds = Bounds {
            seek: 0,
            end: 1000,
            frames: 500,
            timestamps: true,
            single_segment: false,
            max_tokens: 0,
            limit: 220,
            loops: LoopRules { entropy: 2.4, compression_ratio: 2.4 },
        };
        let mut hypothesis = Hypothesis::new(&bounds, Vec::new(), None);
        hypothesis.push(vocab.beg(), -0.1, vocab, &bounds);
        hypothesis.push(1000, -0.1, vocab, &bounds);
        let mut logits = vec![0.0; vocab.len()];
        let beg = vocab.beg() as usize;
        logits[beg + 251] = 50.0;
        logits[beg + 250] = 40.0;
        rules.apply(&Compute::new(Tier::Scalar, 1, Precision::Accurate), &hypothesis, &mut logits);
        assert!(logits[beg + 251..].iter().all(|p| *p == f32::NEG_INFINITY));
        assert!(logits[beg + 250] > -0.1, "{}", logits[beg + 250]);
    }

    #[test]
    fn timestamps_win_when_their_sum_does() {
        let mut logprobs = [0.3f32.ln(), 0.1f32.ln(), 0.25f32.ln(), 0.35f32.ln()];
        assert!(prefer_timestamp(&mut logprobs, 2));
        assert_eq!(logprobs[..2], [f32::NEG_INFINITY; 2]);
        assert!((logprobs[3].exp() - 0.35 / 0.6).abs() < 1e-6);
    }

    #[test]
    fn text_stays_when_one_token_beats_all_timestamps() {
        let before = [0.5f32.ln(), 0.1f32.ln(), 0.2f32.ln(), 0.2f32.ln()];
        let mut logprobs = before;
        assert!(!prefer_timestamp(&mut logprobs, 2));
        assert_eq!(logprobs, before);
        let mut none = [0.0, f32::NEG_INFINITY];
        assert!(!prefer_timestamp(&mut none, 1));
    }
}
