//! The share of utterances in which nothing got worse.
//!
//! Errors of a reference system and of a candidate on the same utterances enter, their share and the list of
//! regressions leave. A mean stays flat where gains and losses cancel; a user who meets one of the losses does not care
//! about the gains. Source: the measure "QoI" (quality of inference) of argmaxinc/whisperkit-coreml's README.

use crate::align::Counts;
use crate::statistics::{Bootstrap, Error, Interval};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::ops::AddAssign;

/// Utterances by what became of them; adds up over speakers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityShare {
    /// Fewer errors than the reference system.
    pub better: u64,
    /// As many.
    pub equal: u64,
    /// More.
    pub worse: u64,
}

impl QualityShare {
    /// Of one utterance. The reference text is the same for both, so errors compare as error rates do, and also where
    /// it has no words.
    pub fn of(reference_system: &Counts, candidate: &Counts) -> Self {
        let mut share = Self::default();
        match candidate.errors().cmp(&reference_system.errors()) {
            std::cmp::Ordering::Less => share.better = 1,
            std::cmp::Ordering::Equal => share.equal = 1,
            std::cmp::Ordering::Greater => share.worse = 1,
        }
        share
    }

    /// Utterances.
    pub fn utterances(&self) -> u64 {
        self.better + self.equal + self.worse
    }

    /// Share of the utterances that are no worse; `None` without utterances.
    pub fn no_worse(&self) -> Option<f64> {
        let all = self.utterances();
        (all > 0).then(|| (self.better + self.equal) as f64 / all as f64)
    }
}

impl AddAssign for QualityShare {
    fn add_assign(&mut self, other: Self) {
        self.better += other.better;
        self.equal += other.equal;
        self.worse += other.worse;
    }
}

/// The share that is no worse, with an interval over speakers or recordings (BCa). Fails for fewer than two blocks.
pub fn interval(blocks: &[QualityShare], bootstrap: &Bootstrap) -> Result<Interval, Error> {
    let share = |drawn: &[usize]| {
        let mut sum = QualityShare::default();
        drawn.iter().for_each(|&i| sum += blocks[i]);
        sum.no_worse().unwrap_or(f64::NAN)
    };
    bootstrap.bca(blocks.len(), share)
}

/// Positions of the utterances that got worse and by how many errors, the worst first and equals in order.
pub fn regressions(utterances: &[(Counts, Counts)]) -> Vec<(usize, u64)> {
    let more = |(i, (reference_system, candidate)): (usize, &(Counts, Counts))| {
        Some((i, candidate.errors().checked_sub(reference_system.errors()).filter(|&more| more > 0)?))
    };
    let mut worse: Vec<(usize, u64)> = utterances.iter().enumerate().filter_map(more).collect();
    worse.sort_by_key(|&(_, more)| Reverse(more));
    worse
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(insertions: u64) -> Counts {
        Counts { hits: 9, insertions, ..Counts::default() }
    }

    #[test]
    fn gains_do_not_make_up_for_losses() {
        let utterances = [(3, 0), (1, 1), (0, 1), (0, 2), (2, 2), (1, 3)].map(|(a, b)| (errors(a), errors(b)));
        let mut share = QualityShare::default();
        utterances.iter().for_each(|(a, b)| share += QualityShare::of(a, b));
        assert_eq!(share, QualityShare { better: 1, equal: 2, worse: 3 });
        assert_eq!((share.no_worse(), QualityShare::default().no_worse()), (Some(0.5), None));
        assert_eq!(regressions(&utterances), [(3, 2), (5, 2), (2, 1)]);
    }

    #[test]
    fn interval_is_over_blocks() {
        let block = |worse| QualityShare { better: 0, equal: 10 - worse, worse };
        let blocks: Vec<QualityShare> = [0, 1, 0, 3, 1, 0, 2, 1].map(block).to_vec();
        let found = interval(&blocks, &Bootstrap::default()).unwrap();
        assert_eq!(found.estimate, 0.9);
        assert!(found.low > 0.75 && found.low < 0.88 && found.high > 0.92 && found.high < 1.0, "{found:?}");
        assert!(matches!(interval(&blocks[..1], &Bootstrap::default()), Err(Error::TooFew { .. })));
    }
}
