//! The decoder's self-attention: every row attends to the cells that its own list names.

use super::Compute;
use crate::generic::cells::Cells;
use crate::view::{Rows, RowsMut};

/// Multiplications that are worth waking another thread for.
const WORTH_A_TASK: usize = 32 * 1024;

impl Compute {
    /// Self-attention over listed cells: row `i` of `q` attends to the keys and values at the
    /// indices `cells[i]`, softmax(q · kᵀ / √depth) · v for each head. Beams that share a prefix
    /// share its cells; the rows of a prompt have growing lists.
    ///
    /// `q` and `out` are m × (heads · depth); `k` and `v` hold that many numbers in binary16 for each cell
    /// ([`to_f16`](Self::to_f16)). A row without cells becomes 0.
    ///
    /// # Panics
    /// When shapes do not fit together or a cell lies outside `k` or `v`.
    pub fn attention_cells(
        &self,
        q: Rows<'_>,
        cells: &[&[u32]],
        k: &[u16],
        v: &[u16],
        heads: usize,
        mut out: RowsMut<'_>,
    ) {
        let (m, width) = (q.rows(), q.cols());
        assert!(heads > 0 && width.is_multiple_of(heads), "{width} for {heads} heads");
        assert_eq!(cells.len(), m, "attention_cells: one list for each row");
        assert_eq!((out.rows(), out.cols()), (m, width), "attention_cells: output");
        let depth = width / heads;
        let work: usize = cells.iter().map(|list| 2 * list.len() * width).sum();
        let pairs = m * heads;
        let tasks = (work / WORTH_A_TASK).clamp(1, pairs.max(1));
        let per_task = pairs.div_ceil(tasks);
        let out = out.share();
        self.pool.run(pairs.div_ceil(per_task.max(1)), |task| {
            let mut scratch = self.scratch.take();
            for pair in task * per_task..((task + 1) * per_task).min(pairs) {
                // Rows that share cells follow each other, so that a head's cells stay in cache.
                let (head, row) = (pair / m, pair % m);
                let input = Cells {
                    q: &q.row(row)[head * depth..][..depth],
                    scale: 1.0 / (depth as f32).sqrt(),
                    cells: cells[row],
                    k,
                    v,
                    stride: width,
                    offset: head * depth,
                };
                let scores = scratch.floats(cells[row].len());
                // SAFETY: `kernels` checked the tier; each task owns its heads' columns of its
                // rows, and the output stays borrowed until the operation ends.
                unsafe {
                    (self.kernels.cells)(&input, scores, out.part(row, head * depth, depth));
                }
            }
        });
    }
}
