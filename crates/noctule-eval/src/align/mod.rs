//! Which words of a transcript are right, and what happened to the others.
//!
//! Two sequences of words (or characters) enter, a reference and a hypothesis, both normalised by [`crate::normalize`];
//! the operations that turn one into the other leave, and their [`Counts`], which add up over utterances to a pooled
//! error rate. [`three_way`] lays two hypotheses side by side against one reference.
//!
//! # Which alignment
//!
//! Substitutions, deletions and insertions cost one each (Levenshtein 1966), so the number of errors is that of every
//! other tool. Of the many alignments with the fewest errors those with the most hits are taken, that is with the
//! fewest substitutions. The counts of hits, substitutions, deletions and insertions are therefore properties of the
//! two texts and not of an algorithm. Of what is still equal the alignment is taken that, read from the end, prefers a
//! hit or a substitution to a deletion and a deletion to an insertion.

mod levenshtein;
#[cfg(test)]
mod tests;
mod three_way;

pub use three_way::{Cell, Row, three_way};

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// What happened to a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// The word is there.
    Hit,
    /// Another word is there.
    Substitution,
    /// The word of the reference is missing.
    Deletion,
    /// A word is there that the reference does not have.
    Insertion,
}

/// One place of an alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What happened there.
    pub operation: Operation,
    /// Position in the reference; `None` for an insertion.
    pub reference: Option<usize>,
    /// Position in the hypothesis; `None` for a deletion.
    pub hypothesis: Option<usize>,
}

/// How often each operation occurs, in one utterance or summed over many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Counts {
    /// Words that are right.
    pub hits: u64,
    /// Words that are others.
    pub substitutions: u64,
    /// Words that are missing.
    pub deletions: u64,
    /// Words too many.
    pub insertions: u64,
}

impl Counts {
    /// Of the alignment of two sequences.
    pub fn of<T: Eq + Hash>(reference: &[T], hypothesis: &[T]) -> Self {
        operations(reference, hypothesis).into_iter().map(Self::from).sum()
    }

    /// Substitutions, deletions and insertions.
    pub fn errors(&self) -> u64 {
        self.substitutions + self.deletions + self.insertions
    }

    /// Words of the reference.
    pub fn reference_words(&self) -> u64 {
        self.hits + self.substitutions + self.deletions
    }

    /// Words of the hypothesis.
    pub fn hypothesis_words(&self) -> u64 {
        self.hits + self.substitutions + self.insertions
    }

    /// Errors in parts of the reference's words; of a sum the pooled rate, in which long utterances weigh more. Exceeds
    /// 1 where insertions are many; `None` if the reference has no words.
    pub fn error_rate(&self) -> Option<f64> {
        let words = self.reference_words();
        (words > 0).then(|| self.errors() as f64 / words as f64)
    }

    /// Insertions in parts of the reference's words; `None` if it has none.
    pub fn insertion_rate(&self) -> Option<f64> {
        let words = self.reference_words();
        (words > 0).then(|| self.insertions as f64 / words as f64)
    }
}

impl From<Operation> for Counts {
    fn from(operation: Operation) -> Self {
        let mut counts = Self::default();
        match operation {
            Operation::Hit => counts.hits = 1,
            Operation::Substitution => counts.substitutions = 1,
            Operation::Deletion => counts.deletions = 1,
            Operation::Insertion => counts.insertions = 1,
        }
        counts
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            substitutions: self.substitutions + other.substitutions,
            deletions: self.deletions + other.deletions,
            insertions: self.insertions + other.insertions,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// The alignment of two sequences, in order: every position of both occurs once.
///
/// Takes time in proportion to the length times the number of errors, and some megabytes for ten thousand words of
/// which half are wrong.
pub fn align<T: Eq + Hash>(reference: &[T], hypothesis: &[T]) -> Vec<Step> {
    let (mut i, mut j) = (0, 0);
    let step = |operation| {
        let (in_reference, in_hypothesis) = (operation != Operation::Insertion, operation != Operation::Deletion);
        let step = Step { operation, reference: in_reference.then_some(i), hypothesis: in_hypothesis.then_some(j) };
        i += usize::from(in_reference);
        j += usize::from(in_hypothesis);
        step
    };
    operations(reference, hypothesis).into_iter().map(step).collect()
}

/// Words as numbers, which compare faster, and their alignment.
fn operations<T: Eq + Hash>(reference: &[T], hypothesis: &[T]) -> Vec<Operation> {
    let mut numbers: HashMap<&T, u32> = HashMap::new();
    let mut numbered = |word| {
        let next = numbers.len() as u32;
        *numbers.entry(word).or_insert(next)
    };
    let reference: Vec<u32> = reference.iter().map(&mut numbered).collect();
    let hypothesis: Vec<u32> = hypothesis.iter().map(numbered).collect();
    levenshtein::operations(&reference, &hypothesis)
}
