//! Measures of repetition.

use crate::normalize::words;
use miniz_oxide::deflate::core::{
    CompressionStrategy, CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;

/// Tokens over which whisper.cpp takes the entropy.
const ENTROPY_TOKENS: usize = 32;
/// Longest unit that is looked for, in words.
const LONGEST_UNIT: usize = 6;
/// Words and characters that are compressed together.
const WORDS_TOGETHER: usize = 100;
const CHARACTERS_TOGETHER: usize = 200;

/// Words that stand behind themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repetition {
    /// Words in the unit.
    pub words: usize,
    /// How often it stands there in a row.
    pub times: usize,
}

/// Length of `text` in UTF-8 bytes over its length after zlib at level 6; 0 for no text. Source: `compression_ratio` in
/// `utils.py` of openai-whisper.
///
/// zlib writes a block with fixed or with its own Huffman codes, whichever is shorter; this encoder does not choose, so
/// both are tried. The lengths then seldom differ from zlib's, and by a few bytes.
pub fn compression_ratio(text: &str) -> f64 {
    let strategies = [CompressionStrategy::Default, CompressionStrategy::Fixed];
    let shortest = strategies.map(|strategy| zlib_len(text.as_bytes(), strategy)).into_iter().min().unwrap_or(0);
    text.len() as f64 / shortest.max(1) as f64
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

/// The largest ratio of the stretches of about 30 s that overlap by half.
pub(super) fn largest_ratio(text: &str, by_character: bool) -> f64 {
    let stretches: Vec<String> = if by_character {
        let characters: Vec<char> = text.trim().chars().collect();
        overlapping(&characters, CHARACTERS_TOGETHER).map(|stretch| stretch.iter().collect()).collect()
    } else {
        overlapping(&words(text), WORDS_TOGETHER).map(|stretch| stretch.join(" ")).collect()
    };
    stretches.iter().map(|stretch| compression_ratio(stretch)).fold(0.0, f64::max)
}

/// Stretches of `length` items, each beginning in the middle of the one before; the last ends with the text.
fn overlapping<T>(items: &[T], length: usize) -> impl Iterator<Item = &[T]> {
    let last = items.len().saturating_sub(length);
    let starts = (0..last).step_by(length / 2).chain([last]);
    starts.map(move |start| &items[start..items.len().min(start + length)])
}

/// The least entropy of 32 items in a row, nats.
pub(super) fn least_entropy<T: Eq + Hash>(items: &[T]) -> Option<f64> {
    items.windows(ENTROPY_TOKENS).map(entropy).min_by(f64::total_cmp)
}

fn entropy<T: Eq + Hash>(items: &[T]) -> f64 {
    let mut counts: HashMap<&T, u32> = HashMap::new();
    items.iter().for_each(|item| *counts.entry(item).or_default() += 1);
    // Summed in order of the counts, not of the map, so that every run gives the same bits.
    let mut counts: Vec<u32> = counts.into_values().collect();
    counts.sort_unstable();
    counts.iter().map(|&count| f64::from(count) / items.len() as f64).map(|p| -p * p.ln()).sum()
}

/// The repetition with the most times; of several the one that covers most words, then the one with the shorter unit.
pub(super) fn repetition<T: Eq>(items: &[T]) -> Option<Repetition> {
    let mut best: Option<Repetition> = None;
    for unit in 1..=LONGEST_UNIT.min(items.len() / 2) {
        let mut alike = 0;
        for i in unit..items.len() {
            alike = if items[i] == items[i - unit] { alike + 1 } else { 0 };
            let found = Repetition { words: unit, times: alike / unit + 1 };
            if found.times > 1 && best.is_none_or(|best| (best.times, best.words) < (found.times, found.words)) {
                best = Some(found);
            }
        }
    }
    best
}
