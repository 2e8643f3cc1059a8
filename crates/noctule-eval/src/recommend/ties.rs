//! Which texts are significantly worse than which.

use crate::align::Counts;
use crate::statistics::{Bootstrap, Pair, blocks, error_rate_difference};
use crate::summary::{Evidence, Row, Scores};
use serde::Serialize;
use std::collections::HashMap;

/// Rows by what their texts are worth: paired comparisons of everything with everything.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Ties {
    /// Accuracy cells, by number.
    cells: Vec<String>,
    /// `worse[a][b]`: b has more errors than a, and not by accident.
    pub worse: Vec<Vec<bool>>,
}

/// Enough for a yes or no.
const REPLICATES: usize = 1000;

impl Ties {
    /// Compares the texts of all rows in the language with most words.
    pub fn of(evidence: &Evidence, scores: &Scores, rows: &[Row]) -> Self {
        let mut cells: Vec<String> = rows.iter().filter_map(|row| row.accuracy_cell.clone()).collect();
        cells.sort();
        cells.dedup();
        let bootstrap = Bootstrap { replicates: REPLICATES, ..evidence.bootstrap() };
        let counted: Vec<HashMap<usize, Counts>> = cells
            .iter()
            .map(|cell| {
                let scored = scores.cell(cell).iter();
                let spoken = scored.filter(|score| evidence.plan.corpus.utterances[score.utterance].is_scored());
                spoken.map(|score| (score.utterance, score.counts)).collect()
            })
            .collect();
        let utterances = &evidence.plan.corpus.utterances;
        let speaker = |index: usize| utterances[index].speaker.as_deref().unwrap_or(&utterances[index].id);
        let worse = |a: &HashMap<usize, Counts>, b: &HashMap<usize, Counts>| {
            let mut shared: Vec<usize> = a.keys().filter(|index| b.contains_key(index)).copied().collect();
            shared.sort_unstable();
            let pairs = shared.iter().map(|index| (speaker(*index), Pair { baseline: a[index], candidate: b[index] }));
            let blocks = blocks(pairs);
            error_rate_difference(&blocks, &bootstrap).is_ok_and(|difference| difference.interval.low > 0.0)
        };
        let worse = counted.iter().map(|a| counted.iter().map(|b| worse(a, b)).collect()).collect();
        Self { cells, worse }
    }

    /// The number of a cell in [`Ties::worse`].
    pub fn number(&self, cell: &str) -> Option<usize> {
        self.cells.iter().position(|other| other == cell)
    }

    /// Whether cell `b` is significantly worse than cell `a`. What was not compared is not known to be worse.
    pub fn is_worse(&self, a: Option<usize>, b: Option<usize>) -> bool {
        a.zip(b).is_some_and(|(a, b)| self.worse[a][b])
    }
}
