//! Telling a decoder's repetition loop from speech.
//!
//! Token ids and text of one window come in, a verdict goes out. Two tests
//! judge a finished attempt ([`LoopRules::judge`]): whisper.cpp's entropy of the last
//! 32 tokens and OpenAI's compression ratio. A third runs while decoding
//! ([`LoopRules::check`]), so that a loop costs some thirty tokens and not the 220 that a window
//! may have: it asks for exact repetition (or hardly any variety at all) *and* for what the final tests would
//! say if decoding stopped here. It therefore never stops an attempt that the
//! final tests would pass at that point, apart from identical segments whose
//! timestamps differ, which whisper.cpp's test half sees as variety.
//!
//! People do repeat themselves. "One one one", a chorus or a phone number give
//! fewer than [`MIN_PERIODIC`] tokens of exact repetition, and a counted list
//! ("1, 2, 3, …") is never exactly periodic, so decoding goes on; whatever
//! the final tests then say is said about the finished text.

use miniz_oxide::deflate::core::{
    CompressionStrategy, CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params,
};
use noctule_model::Vocab;
use std::collections::HashMap;

/// Tokens over which whisper.cpp takes the entropy; shorter texts are not judged by it.
pub const ENTROPY_TOKENS: usize = 32;
/// Fewest tokens that must repeat exactly before decoding is stopped.
pub const MIN_PERIODIC: usize = 24;
/// Entropy (nats) of the last 32 tokens under which no exact repetition is asked for: a beam search in a loop prefers
/// the branches that vary one word in thirty. Two tokens in turn have 0.69.
const NEARLY_ONE: f32 = 0.8;
/// Longest repeated unit that, repeated, may have low entropy (whisper.cpp's
/// threshold of 2.4 is the entropy of 11 different tokens).
const SHORT_PERIOD: usize = 16;
/// Longest repeated unit that is looked for.
const LONG_PERIOD: usize = 64;
/// Whole repetitions of a short and of a long unit that make a loop.
const SHORT_REPEATS: usize = 4;
const LONG_REPEATS: usize = 3;

/// Length of `text` in UTF-8 bytes over its length after zlib at level 6;
/// 0 for no text. Looping text has a high ratio; OpenAI's limit is 2.4.
/// Source: `compression_ratio` in `utils.py` of OpenAI's package.
///
/// zlib writes a block with fixed or with its own Huffman codes, whichever is
/// shorter; this encoder does not choose, so both are tried. The lengths then
/// seldom differ from zlib's, and by a few bytes.
pub fn compression_ratio(text: &str) -> f32 {
    let strategies = [CompressionStrategy::Default, CompressionStrategy::Fixed];
    let shortest = strategies.map(|strategy| zlib_len(text.as_bytes(), strategy)).into_iter().min().unwrap_or(0);
    text.len() as f32 / shortest.max(1) as f32
}

/// The compression ratio of the text that `ids` spell.
fn text_ratio(vocab: &Vocab, ids: &[u32]) -> f32 {
    compression_ratio(crate::tokenizer::decode(vocab, ids).trim())
}

fn zlib_len(bytes: &[u8], strategy: CompressionStrategy) -> usize {
    let mut compressor = CompressorOxide::new(create_comp_flags_from_zip_params(6, 15, strategy as i32));
    let mut length = 0;
    // Counting cannot fail, so neither can this.
    let _ = compress_to_output(&mut compressor, bytes, TDEFLFlush::Finish, |out| {
        length += out.len();
        true
    });
    length
}

/// Entropy, in nats, of how often each id occurs among the last 32 of `ids`; 0
/// for none. Source: `whisper_sequence_score` of whisper.cpp.
pub fn tail_entropy(ids: &[u32]) -> f32 {
    entropy(tail(ids).iter().copied())
}

fn tail(ids: &[u32]) -> &[u32] {
    &ids[ids.len().saturating_sub(ENTROPY_TOKENS)..]
}

fn entropy(ids: impl ExactSizeIterator<Item = u32>) -> f32 {
    let n = ids.len() as f64;
    let mut counts: HashMap<u32, u32> = HashMap::new();
    ids.for_each(|id| *counts.entry(id).or_default() += 1);
    // Summed in order of the counts, not of the map, so that every run gives the same bits.
    let mut counts: Vec<u32> = counts.into_values().collect();
    counts.sort_unstable();
    let sum: f64 = counts.iter().map(|&c| f64::from(c) / n).map(|p| -p * p.ln()).sum();
    sum as f32
}

/// Why text counts as a loop.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Loop {
    /// The last 32 tokens hold too few different ones.
    Entropy {
        /// Their entropy, nats.
        entropy: f32,
    },
    /// The text compresses too well.
    Compression {
        /// Its [`compression_ratio`].
        ratio: f32,
    },
    /// The end of the text is one unit over and over.
    Periodic {
        /// Tokens in the unit.
        period: usize,
        /// Tokens at the end that repeat with this period.
        length: usize,
    },
}

/// The limits, and which ids are timestamps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoopRules {
    /// Entropy (nats) of the last 32 tokens under which more than 32 tokens are a loop. whisper.cpp: 2.4.
    pub entropy: f32,
    /// [`compression_ratio`] above which text is a loop. OpenAI: 2.4.
    pub compression_ratio: f32,
}

impl From<&crate::options::Thresholds> for LoopRules {
    fn from(thresholds: &crate::options::Thresholds) -> Self {
        Self { entropy: thresholds.entropy, compression_ratio: thresholds.compression_ratio }
    }
}

impl LoopRules {
    /// The final verdict on the sampled tokens of a finished attempt, `ids`
    /// (text and timestamps, without the end of text), and the compression ratio of their text: more
    /// than 32 tokens with the last 32 under the entropy limit, or text over the compression limit.
    pub fn judge(&self, vocab: &Vocab, ids: &[u32]) -> (f32, Option<Loop>) {
        let ratio = text_ratio(vocab, ids);
        let entropy = tail_entropy(ids);
        let found = if ids.len() > ENTROPY_TOKENS && entropy < self.entropy {
            Some(Loop::Entropy { entropy })
        } else {
            (ratio > self.compression_ratio).then_some(Loop::Compression { ratio })
        };
        (ratio, found)
    }

    /// The verdict while decoding, to be asked after each token of `ids` as
    /// above. It looks at the ids with all timestamps taken as one, since the
    /// segments of a loop are alike but for their times. A loop has more than
    /// 32 tokens in all and at its end
    ///
    /// - a unit of up to 16 tokens, 4 times or more and over at least 24
    ///   tokens, with the last 32 under the entropy limit;
    /// - a unit of up to 64 tokens, 3 times or more and over at least 24
    ///   tokens, with the whole text over the compression limit; or
    /// - hardly more than one or two different tokens among the last 32.
    ///
    /// Costs some microseconds unless the end repeats.
    pub fn check(&self, vocab: &Vocab, ids: &[u32]) -> Option<Loop> {
        if ids.len() <= ENTROPY_TOKENS {
            return None;
        }
        let alike = |id: u32| if vocab.is_timestamp(id) { vocab.beg() } else { id };
        let window = SHORT_REPEATS.max(LONG_REPEATS) * LONG_PERIOD;
        let recent: Vec<u32> = ids[ids.len().saturating_sub(window)..].iter().map(|&id| alike(id)).collect();
        let variety = entropy(tail(&recent).iter().copied());
        if variety < self.entropy
            && let Some(found) = periodic(&recent, SHORT_PERIOD, SHORT_REPEATS)
        {
            return Some(found);
        }
        if variety < self.entropy.min(NEARLY_ONE) {
            return Some(Loop::Entropy { entropy: variety });
        }
        let found = periodic(&recent, LONG_PERIOD, LONG_REPEATS)?;
        (text_ratio(vocab, ids) > self.compression_ratio).then_some(found)
    }
}

/// The shortest unit of at most `longest` ids that ends `ids` at least `repeats`
/// times over at least [`MIN_PERIODIC`] ids.
fn periodic(ids: &[u32], longest: usize, repeats: usize) -> Option<Loop> {
    (1..=longest.min(ids.len() / repeats)).find_map(|period| {
        let matching = (period..ids.len()).rev().take_while(|&i| ids[i] == ids[i - period]).count();
        let length = matching + period;
        (length >= MIN_PERIODIC.max(repeats * period)).then_some(Loop::Periodic { period, length })
    })
}

/// The most times that a unit of `ids` stands right behind itself, in a run of at least `least` ids;
/// 1 where none does. "And cold and cold and cold" is three times "and cold".
pub(crate) fn longest_echo(ids: &[u32], least: usize) -> usize {
    let mut most = 1;
    for period in 1..=ids.len() / 2 {
        let mut matching = 0;
        for i in period..ids.len() {
            matching = if ids[i] == ids[i - period] { matching + 1 } else { 0 };
            if matching + period >= least {
                most = most.max((matching + period) / period);
            }
        }
    }
    most
}

#[cfg(test)]
#[path = "repetition_tests.rs"]
mod tests;
