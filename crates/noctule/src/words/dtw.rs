//! Dynamic time warping: the cheapest monotonic path through a cost matrix.
//!
//! Enters: a cost for each (token, frame). Leaves: the path from the first token
//! and frame to the last, in steps of one token, one frame, or one of both.
//! Ties go to the step of one frame, as in OpenAI's `dtw_cpu` (whisper/timing.py),
//! so that equal matrices give equal paths; only where the other two steps tie
//! below it, OpenAI's takes the dearer step and this one does not. Memory: one
//! row of costs and one byte a cell for the way back.

const DIAGONAL: u8 = 0;
const ROW: u8 = 1;
const COLUMN: u8 = 2;

/// Buffers of [`dtw`], kept between calls.
#[derive(Debug, Default, Clone)]
pub struct DtwScratch {
    /// Cheapest cost to reach each column of the row above, then of this row.
    cost: Vec<f32>,
    /// Step that led into each cell, row-major.
    step: Vec<u8>,
}

/// The cheapest path through `costs`, a row-major matrix of `columns` columns, as (row, column) pairs.
///
/// Starts at (0, 0) and ends at the last row and column; empty for an empty
/// matrix. Cells beyond the last whole row are ignored. Costs are summed in f32.
pub fn dtw(costs: &[f32], columns: usize, scratch: &mut DtwScratch) -> Vec<(usize, usize)> {
    if columns == 0 || costs.len() < columns {
        return Vec::new();
    }
    let rows = costs.len() / columns;
    scratch.cost.clear();
    scratch.cost.resize(columns, f32::INFINITY);
    scratch.step.clear();
    scratch.step.resize(rows * columns, COLUMN);
    let mut above_start = 0.0;
    for (costs, steps) in costs.chunks_exact(columns).zip(scratch.step.chunks_exact_mut(columns)) {
        advance(costs, above_start, &mut scratch.cost, steps);
        above_start = f32::INFINITY;
    }
    trace_back(&scratch.step, rows, columns)
}

/// Turns the costs of the row above into those of this row. `corner` is the cost diagonally before the first cell.
fn advance(costs: &[f32], corner: f32, reach: &mut [f32], steps: &mut [u8]) {
    let (mut diagonal, mut left) = (corner, f32::INFINITY);
    for ((&cost, reach), step) in costs.iter().zip(reach).zip(steps) {
        let above = *reach;
        let (best, taken) = if left <= diagonal && left <= above {
            (left, COLUMN)
        } else if diagonal <= above {
            (diagonal, DIAGONAL)
        } else {
            (above, ROW)
        };
        *step = taken;
        diagonal = above;
        left = cost + best;
        *reach = left;
    }
}

/// Follows the steps from the last cell to the first. The borders have one way out, whatever they hold.
fn trace_back(steps: &[u8], rows: usize, columns: usize) -> Vec<(usize, usize)> {
    let (mut row, mut column) = (rows - 1, columns - 1);
    let mut path = Vec::with_capacity(rows + columns);
    loop {
        path.push((row, column));
        match (row, column) {
            (0, 0) => break,
            (0, _) => column -= 1,
            (_, 0) => row -= 1,
            _ => match steps[row * columns + column] {
                DIAGONAL => (row, column) = (row - 1, column - 1),
                ROW => row -= 1,
                _ => column -= 1,
            },
        }
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(costs: &[f32], columns: usize) -> Vec<(usize, usize)> {
        dtw(costs, columns, &mut DtwScratch::default())
    }

    fn total(costs: &[f32], columns: usize, path: &[(usize, usize)]) -> f32 {
        path.iter().map(|&(row, column)| costs[row * columns + column]).sum()
    }

    /// Cost of the cheapest path out of (row, column), by trying all of them.
    fn cheapest(costs: &[f32], columns: usize, row: usize, column: usize) -> f32 {
        let here = costs[row * columns + column];
        let (down, right) = (row + 1 < costs.len() / columns, column + 1 < columns);
        let mut rest = f32::INFINITY;
        if down {
            rest = rest.min(cheapest(costs, columns, row + 1, column));
        }
        if right {
            rest = rest.min(cheapest(costs, columns, row, column + 1));
        }
        if down && right {
            rest = rest.min(cheapest(costs, columns, row + 1, column + 1));
        }
        if rest == f32::INFINITY { here } else { here + rest }
    }

    #[test]
    fn follows_the_cheap_cells() {
        #[rustfmt::skip]
        let costs = [
            -1.0, -1.0, 1.0, 1.0, 1.0,
            1.0, 1.0, -1.0, 1.0, 1.0,
            1.0, 1.0, 1.0, -1.0, -1.0,
        ];
        assert_eq!(path(&costs, 5), [(0, 0), (0, 1), (1, 2), (2, 3), (2, 4)]);
    }

    #[test]
    fn ties_prefer_the_frame_step() {
        assert_eq!(path(&[0.0; 4], 2), [(0, 0), (1, 0), (1, 1)]);
    }

    #[test]
    fn single_rows_and_columns() {
        assert_eq!(path(&[3.0, 1.0, 2.0], 3), [(0, 0), (0, 1), (0, 2)]);
        assert_eq!(path(&[3.0, 1.0, 2.0], 1), [(0, 0), (1, 0), (2, 0)]);
        assert_eq!(path(&[], 4), []);
        assert_eq!(path(&[1.0], 0), []);
    }

    #[test]
    fn values_that_are_not_numbers_still_give_a_path() {
        let nan = path(&[f32::NAN; 12], 4);
        assert_eq!((nan.first(), nan.last()), (Some(&(0, 0)), Some(&(2, 3))));
    }

    proptest! {
        #[test]
        fn equals_brute_force(rows in 1usize..6, columns in 1usize..6, seed in prop::collection::vec(-8i8..8, 25)) {
            // Small integers: every sum is exact, so costs may be compared for equality.
            let costs: Vec<f32> = seed[..rows * columns].iter().map(|&c| f32::from(c)).collect();
            let path = path(&costs, columns);
            prop_assert_eq!(path.first(), Some(&(0, 0)));
            prop_assert_eq!(path.last(), Some(&(rows - 1, columns - 1)));
            for pair in path.windows(2) {
                let step = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
                prop_assert!(matches!(step, (0, 1) | (1, 0) | (1, 1)));
            }
            prop_assert_eq!(total(&costs, columns, &path), cheapest(&costs, columns, 0, 0));
        }
    }
}
