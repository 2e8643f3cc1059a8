//! Two hypotheses against one reference.

use super::{Operation, align};
use std::hash::Hash;

/// A line of the three-way view. Positions count from 0 in their own sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The word of the reference; `None` where a hypothesis or both have one too many.
    pub reference: Option<usize>,
    /// What the first hypothesis has there.
    pub a: Cell,
    /// What the second has there.
    pub b: Cell,
}

/// What a hypothesis has beside a word of the reference, or between two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// What happened; `None` where only the other hypothesis has a word too many.
    pub operation: Option<Operation>,
    /// The word; `None` for a deletion too.
    pub word: Option<usize>,
}

impl Cell {
    /// Whether the hypothesis has an error there.
    pub fn is_error(&self) -> bool {
        self.operation.is_some_and(|operation| operation != Operation::Hit)
    }
}

/// Hypotheses `a` and `b` side by side with the reference, from [`align`] of each.
///
/// Each word of the reference has a row, in order. Before it stand the words that `a` or `b` has too many there: they
/// are aligned with each other by the same rules, `a` as the reference, so that equal ones share a row, and so do
/// different ones that stand for each other.
pub fn three_way<T: Eq + Hash>(reference: &[T], a: &[T], b: &[T]) -> Vec<Row> {
    let (in_a, in_b) = (Side::new(reference, a), Side::new(reference, b));
    let mut rows = Vec::with_capacity(reference.len());
    for i in 0..=reference.len() {
        inserted(&mut rows, (&in_a.inserted[i], a), (&in_b.inserted[i], b));
        if let (Some(&a), Some(&b)) = (in_a.beside.get(i), in_b.beside.get(i)) {
            rows.push(Row { reference: Some(i), a, b });
        }
    }
    rows
}

/// Rows for the words that stand between two of the reference: positions, and the sequence that they are positions in.
fn inserted<T: Eq + Hash>(rows: &mut Vec<Row>, (a, a_words): (&[usize], &[T]), (b, b_words): (&[usize], &[T])) {
    let cell = |word: usize| Cell { operation: Some(Operation::Insertion), word: Some(word) };
    let a_texts: Vec<&T> = a.iter().map(|&i| &a_words[i]).collect();
    let b_texts: Vec<&T> = b.iter().map(|&i| &b_words[i]).collect();
    for step in align(&a_texts, &b_texts) {
        rows.push(Row {
            reference: None,
            a: step.reference.map_or_else(Cell::default, |i| cell(a[i])),
            b: step.hypothesis.map_or_else(Cell::default, |i| cell(b[i])),
        });
    }
}

/// One hypothesis by the reference's words.
struct Side {
    /// For each word of the reference.
    beside: Vec<Cell>,
    /// Positions of the words before each word of the reference, and after the last.
    inserted: Vec<Vec<usize>>,
}

impl Side {
    fn new<T: Eq + Hash>(reference: &[T], hypothesis: &[T]) -> Self {
        let mut beside = Vec::with_capacity(reference.len());
        let mut inserted = vec![Vec::new(); reference.len() + 1];
        for step in align(reference, hypothesis) {
            match step.reference {
                Some(_) => beside.push(Cell { operation: Some(step.operation), word: step.hypothesis }),
                None => inserted[beside.len()].extend(step.hypothesis),
            }
        }
        Self { beside, inserted }
    }
}
