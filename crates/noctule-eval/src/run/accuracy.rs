//! The accuracy grid: all recordings once for each cell, a block of them a process where the engine takes several.

use super::evaluator::Evaluator;
use super::once::Job;
use crate::Error;
use crate::engine::{Engine, Files};
use crate::journal::Unit;
use crate::plan::{Cell, ModelFacts, Task};

/// Recordings of one process at most.
const MOST_A_BLOCK: usize = 32;

impl Evaluator<'_> {
    pub(super) fn accuracy(&mut self) -> Result<(), Error> {
        for (cell, engine, model) in self.open_cells(Task::Accuracy) {
            let indices = self.plan.recordings(Task::Accuracy, model);
            for (number, block) in self.blocks(engine, &indices).into_iter().enumerate() {
                if self.is_over() {
                    return Ok(());
                }
                self.block(cell, engine, model, Unit::Block(number as u32), &indices[block])?;
                if self.done.given_up(cell).is_some() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Cuts the recordings of a cell into blocks: those of one language together, none longer than the rules say.
    fn blocks(&self, engine: &Engine, indices: &[usize]) -> Vec<std::ops::Range<usize>> {
        let most = match engine.description.files {
            Files::One => 1,
            Files::Many => MOST_A_BLOCK,
        };
        let kind = |index: usize| {
            let utterance = self.utterance(index);
            // What cannot be read may bring an engine down: it is given alone.
            (utterance.language.as_deref(), utterance.problem.as_ref().map(|_| index))
        };
        let (mut blocks, mut start, mut seconds) = (Vec::new(), 0, 0.0);
        for at in 0..indices.len() {
            let full = at - start >= most || seconds >= self.grid.rules.block_s;
            if at > start && (full || kind(indices[at]) != kind(indices[start])) {
                blocks.push(start..at);
                (start, seconds) = (at, 0.0);
            }
            seconds += self.utterance(indices[at]).duration_s;
        }
        if start < indices.len() {
            blocks.push(start..indices.len());
        }
        blocks
    }

    /// Measures a block; if that fails as a whole, one recording after the other, so that the one that it fails at is known.
    fn block(
        &mut self,
        cell: &Cell,
        engine: &Engine,
        model: &ModelFacts,
        unit: Unit,
        audio: &[usize],
    ) -> Result<(), Error> {
        let job = |unit, audio| Job { cell, engine, model, unit, audio };
        if !self.done.is_done(cell, unit) && !self.done.failed(&cell.id, unit) {
            self.once(&job(unit, audio))?;
        }
        if !self.done.failed(&cell.id, unit) {
            return Ok(());
        }
        for index in audio {
            let single = Unit::Single(*index as u32);
            if self.is_over() || self.done.given_up(cell).is_some() {
                return Ok(());
            }
            if !self.done.is_done(cell, single) {
                self.once(&job(single, std::slice::from_ref(index)))?;
            }
        }
        Ok(())
    }
}
