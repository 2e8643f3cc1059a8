//! The timing grid: rounds in which every cell runs once, in another order each time, until the times are known well enough.
//!
//! Cells are interleaved so that a machine that gets warmer, or busier, harms all alike; a sentinel, always the same cell, runs
//! again and again to show it.

use super::evaluator::Evaluator;
use super::once::Job;
use crate::Error;
use crate::engine::Engine;
use crate::journal::Unit;
use crate::plan::{Cell, ModelFacts, Task};
use crate::statistics::{Bootstrap, SplitMix64, median_interval};

/// Enough to see whether an interval is narrow.
const QUICK: Bootstrap = Bootstrap { replicates: 1000, level: 0.95, seed: 1 };

impl Evaluator<'_> {
    /// Rounds `first` to `last`; round 0 warms up and is not counted.
    pub(super) fn rounds(&mut self, first: u32, last: u32) -> Result<(), Error> {
        for round in first..=last {
            let mut open = self.open_cells(Task::Timing);
            open.retain(|(cell, _, model)| round <= self.grid.rules.repeats || !self.is_known(cell, model));
            if open.is_empty() {
                return Ok(());
            }
            SplitMix64::new(self.grid.seed ^ u64::from(round)).shuffle(&mut open);
            for (cell, engine, model) in open {
                self.runs(cell, engine, model, round)?;
                if self.is_over() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// All clips of a cell once; what was throttled is repeated.
    fn runs(&mut self, cell: &Cell, engine: &Engine, model: &ModelFacts, round: u32) -> Result<(), Error> {
        let clips = self.plan.recordings(Task::Timing, model);
        for (number, index) in clips.iter().enumerate() {
            let unit = Unit::Run(round, number as u32);
            while !self.done.is_done(cell, unit) && self.done.given_up(cell).is_none() {
                if self.is_over() {
                    return Ok(());
                }
                self.once(&Job { cell, engine, model, unit, audio: std::slice::from_ref(index) })?;
                self.look_at_sentinel()?;
            }
        }
        Ok(())
    }

    /// Whether the interval of a cell's time is narrow enough.
    fn is_known(&self, cell: &Cell, model: &ModelFacts) -> bool {
        let clips = self.plan.recordings(Task::Timing, model).len() as u32;
        let times = self.done.times(&cell.id, clips);
        let interval = median_interval(&times, &QUICK).ok().and_then(|interval| interval.relative_half_width());
        interval.is_some_and(|half_width| half_width <= self.grid.rules.half_width)
    }

    /// Runs the sentinel again when enough has run since: the cell that is expected to be the quickest.
    fn look_at_sentinel(&mut self) -> Result<(), Error> {
        self.sentinel.0 += 1;
        if self.sentinel.0 < self.grid.rules.sentinel_every {
            return Ok(());
        }
        self.sentinel.0 = 0;
        let open = self.open_cells(Task::Timing);
        let quickest = open.into_iter().min_by(|a, b| a.0.expected_s.total_cmp(&b.0.expected_s));
        let Some((cell, engine, model)) = quickest else { return Ok(()) };
        let Some(index) = self.plan.recordings(Task::Timing, model).first().copied() else { return Ok(()) };
        // Numbers go on where an earlier session stopped.
        let before = self.done.of(&cell.id).iter().filter(|o| matches!(o.unit, Unit::Sentinel(_))).count();
        self.sentinel.1 = before as u32 + 1;
        let unit = Unit::Sentinel(self.sentinel.1);
        self.once(&Job { cell, engine, model, unit, audio: &[index] })
    }
}
