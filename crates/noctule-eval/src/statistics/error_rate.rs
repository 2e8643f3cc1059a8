//! Intervals of pooled error rates.

use super::{Bootstrap, Error, Interval};
use crate::align::Counts;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;
use std::ops::AddAssign;

/// Utterances added up by speaker or recording, in the order in which these occur first. Errors of one speaker go
/// together, so that utterances drawn one by one would make intervals too narrow (Z. Liu and F. Peng,
/// arXiv:1912.09508).
pub fn blocks<K: Eq + Hash, T: AddAssign>(utterances: impl IntoIterator<Item = (K, T)>) -> Vec<T> {
    let mut position = HashMap::new();
    let mut blocks: Vec<T> = Vec::new();
    for (key, counts) in utterances {
        let next = blocks.len();
        match *position.entry(key).or_insert(next) {
            new if new == next => blocks.push(counts),
            known => blocks[known] += counts,
        }
    }
    blocks
}

/// The pooled error rate over `blocks` with a BCa interval.
///
/// Fails for fewer than two blocks and for references without words. Without any error the interval is [0, 0], which
/// says nothing: see [`zero_errors_bound`].
pub fn error_rate(blocks: &[Counts], bootstrap: &Bootstrap) -> Result<Interval, Error> {
    bootstrap.bca(blocks.len(), |drawn| ratio(drawn.iter().map(|&i| (blocks[i].errors() as f64, &blocks[i]))))
}

/// Errors over words of the reference.
fn ratio<'a>(blocks: impl Iterator<Item = (f64, &'a Counts)>) -> f64 {
    let (errors, words) =
        blocks.fold((0.0, 0), |(errors, words), (e, counts)| (errors + e, words + counts.reference_words()));
    errors / words as f64
}

/// The error rate that would show no error in so many words with a probability of 1 − `level`: the upper bound where
/// none was found. For 95 % about 3 / `words` ("rule of three"). Words are taken as independent, so it is too low
/// rather than too high.
pub fn zero_errors_bound(words: u64, level: f64) -> f64 {
    if words == 0 { 1.0 } else { 1.0 - (1.0 - level).powf(1.0 / words as f64) }
}

/// Two systems on the same utterances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// What is compared with.
    pub baseline: Counts,
    /// What is judged.
    pub candidate: Counts,
}

impl AddAssign for Pair {
    fn add_assign(&mut self, other: Self) {
        self.baseline += other.baseline;
        self.candidate += other.candidate;
    }
}

/// How much the error rates of two systems differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Error rate of the candidate less that of the baseline: below 0 it is better.
    pub interval: Interval,
    /// Share of the replicates in which the candidate is better, ties counted half: the "probability of improvement" of
    /// Bisani and Ney.
    pub improvement: f64,
    /// Two-sided: twice the share of the replicates on the rarer side of 0, at least 2 / (replicates + 1).
    pub p_value: f64,
}

/// The paired difference of pooled error rates: both systems are drawn on the same blocks, so that what is hard for
/// both cancels. Percentile interval (Bisani and Ney 2004).
///
/// Fails for fewer than two blocks and for references without words.
pub fn error_rate_difference(blocks: &[Pair], bootstrap: &Bootstrap) -> Result<Difference, Error> {
    let more = |pair: &Pair| pair.candidate.errors() as f64 - pair.baseline.errors() as f64;
    let statistic = |drawn: &[usize]| ratio(drawn.iter().map(|&i| (more(&blocks[i]), &blocks[i].baseline)));
    let replicates = bootstrap.replicate(blocks.len(), statistic)?;
    let (below, not_above) = (replicates.below(0.0), replicates.not_above(0.0));
    let rarer = not_above.min(replicates.len() - below);
    Ok(Difference {
        interval: replicates.percentile(bootstrap.level)?,
        improvement: replicates.share_below(0.0),
        p_value: (2.0 * (rarer + 1) as f64 / (replicates.len() + 1) as f64).min(1.0),
    })
}
