//! The alignment itself: dynamic programming in a band, its rows computed twice so that few are kept.
//!
//! Cell (i, j) holds the least cost of turning the first i words of the reference into the first j of the hypothesis. A
//! path with few errors stays near the diagonal (Ukkonen 1985), so a narrow band is tried first and widened until no
//! path outside could be as cheap. Every `stride`-th row is kept; the path is found from the end, block by block, each
//! computed again from the row kept before it.

use super::Operation;

/// A cost: errors in the upper half of the bits, substitutions among them in the lower, so that comparing costs
/// compares errors first.
type Cost = u64;

const GAP: Cost = 1 << 32;
const SUBSTITUTION: Cost = (1 << 32) | 1;
/// More than any path costs, and far from overflow.
const IMPOSSIBLE: Cost = Cost::MAX / 2;
/// How far beyond the corners' diagonals the first band reaches.
const FIRST_REACH: usize = 16;

/// The operations in order. Of equal alignments the one that the parent module's documentation names.
pub(super) fn operations(reference: &[u32], hypothesis: &[u32]) -> Vec<Operation> {
    // Read from the end, a hit is always on a best path and always preferred, so the common end needs no table.
    let end = reference.iter().rev().zip(hypothesis.iter().rev()).take_while(|(a, b)| a == b).count();
    let reference = &reference[..reference.len() - end];
    let hypothesis = &hypothesis[..hypothesis.len() - end];
    let mut reach = FIRST_REACH;
    let mut operations = loop {
        if let Some(operations) = Band::new(reference, hypothesis, reach).best() {
            break operations;
        }
        reach *= 2;
    };
    operations.extend(std::iter::repeat_n(Operation::Hit, end));
    operations
}

/// The cells (i, j) with `low` ≤ j − i < `low` + `width`. A row is an array over j − i − `low`, with one impossible
/// cell behind its end.
struct Band<'a> {
    reference: &'a [u32],
    hypothesis: &'a [u32],
    low: isize,
    width: usize,
    /// The most errors for which it is certain that every best path lies inside.
    certain: u64,
}

impl<'a> Band<'a> {
    fn new(reference: &'a [u32], hypothesis: &'a [u32], reach: usize) -> Self {
        let (n, m) = (reference.len() as isize, hypothesis.len() as isize);
        let low = ((m - n).min(0) - reach as isize).max(-n);
        let high = ((m - n).max(0) + reach as isize).min(m);
        let whole = low == -n && high == m;
        // A path that leaves the band goes one further than `reach`, and back.
        let certain = if whole { u64::MAX } else { (m - n).unsigned_abs() as u64 + 2 * reach as u64 + 1 };
        Self { reference, hypothesis, low, width: (high - low + 1) as usize, certain }
    }

    /// The operations of the best path, unless a better one may lie outside.
    fn best(&self) -> Option<Vec<Operation>> {
        let n = self.reference.len();
        // Keeps 8 n / stride bytes a column in rows and `stride` in directions: least where the two are equal.
        let stride = ((8.0 * n as f64).sqrt() as usize).max(1);
        let mut row = self.first_row();
        let mut kept = Vec::with_capacity(n / stride + 1);
        for i in 1..=n {
            if (i - 1) % stride == 0 {
                let least = row.iter().min().map_or(0, |cost| cost >> 32);
                if least > self.certain {
                    return None;
                }
                kept.push(row.clone());
            }
            self.advance(&mut row, i, |_, _| {});
        }
        let last = (self.hypothesis.len() as isize - n as isize - self.low) as usize;
        (row[last] >> 32 <= self.certain).then(|| self.trace(&kept, stride, last))
    }

    fn first_row(&self) -> Vec<Cost> {
        let cost = |c: usize| u64::try_from(self.low + c as isize).map_or(IMPOSSIBLE, |j| j * GAP);
        (0..self.width).map(cost).chain([IMPOSSIBLE]).collect()
    }

    /// Row i − 1 becomes row i; `direction` is told the way to each cell that exists.
    fn advance(&self, row: &mut [Cost], i: usize, mut direction: impl FnMut(usize, Operation)) {
        let first = i as isize + self.low;
        let start = (-first).max(0) as usize;
        let end = self.width.min((self.hypothesis.len() as isize - first + 1).max(0) as usize);
        row[..start].fill(IMPOSSIBLE);
        let word = self.reference[i - 1];
        let mut left = IMPOSSIBLE;
        for c in start..end {
            let j = (first + c as isize) as usize;
            let hit = j > 0 && self.hypothesis[j - 1] == word;
            let diagonal = row[c] + if hit { 0 } else { SUBSTITUTION };
            let (deletion, insertion) = (row[c + 1] + GAP, left + GAP);
            left = diagonal.min(deletion).min(insertion);
            let way = match left {
                _ if left == diagonal && hit => Operation::Hit,
                _ if left == diagonal => Operation::Substitution,
                _ if left == deletion => Operation::Deletion,
                _ => Operation::Insertion,
            };
            direction(c, way);
            row[c] = left;
        }
        row[end..].fill(IMPOSSIBLE);
    }

    /// Follows the best path from the last cell of the last row.
    fn trace(&self, kept: &[Vec<Cost>], stride: usize, last: usize) -> Vec<Operation> {
        let mut operations = Vec::with_capacity(self.reference.len().max(self.hypothesis.len()));
        let mut ways = vec![Operation::Hit; stride.min(self.reference.len()) * self.width];
        let (mut i, mut c) = (self.reference.len(), last);
        for (block, first) in kept.iter().enumerate().rev() {
            let start = block * stride;
            let mut row = first.clone();
            for (i, ways) in (start + 1..=i).zip(ways.chunks_exact_mut(self.width)) {
                self.advance(&mut row, i, |c, way| ways[c] = way);
            }
            while i > start {
                let way = ways[(i - start - 1) * self.width + c];
                operations.push(way);
                match way {
                    Operation::Hit | Operation::Substitution => i -= 1,
                    Operation::Deletion => (i, c) = (i - 1, c + 1),
                    Operation::Insertion => c -= 1,
                }
            }
        }
        let left = (self.low + c as isize) as usize;
        operations.extend(std::iter::repeat_n(Operation::Insertion, left));
        operations.reverse();
        operations
    }
}
