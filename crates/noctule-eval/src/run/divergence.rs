//! The divergence grid: how far the probabilities of a model are from those of its source, where the engine can tell.

use super::evaluator::Evaluator;
use super::once::{Job, failure_of};
use super::{Request, Status, judge};
use crate::Error;
use crate::journal::{Outcome, Unit};
use crate::plan::Task;
use serde_json::Value;

/// As much audio as shows what there is to see, seconds.
const ENOUGH_S: f64 = 60.0;
/// Nothing that compares two models is quick, seconds.
const LEAST_TIMEOUT_S: f64 = 600.0;

impl Evaluator<'_> {
    pub(super) fn divergence(&mut self) -> Result<(), Error> {
        for (cell, engine, model) in self.open_cells(Task::Divergence) {
            let audio = self.enough(model);
            let job = Job { cell, engine, model, unit: Unit::Whole, audio: &audio };
            if self.is_over() {
                return Ok(());
            }
            if !self.done.is_done(cell, Unit::Whole) && !self.quarantines(cell, Unit::Whole)? {
                self.compare(&job)?;
            }
        }
        Ok(())
    }

    /// Recordings from all over the set.
    fn enough(&self, model: &crate::plan::ModelFacts) -> Vec<usize> {
        let mut indices = self.plan.recordings(Task::Divergence, model);
        indices.retain(|index| !self.utterance(*index).is_probe() && self.utterance(*index).problem.is_none());
        let total: f64 = indices.iter().map(|index| self.utterance(*index).duration_s).sum();
        let step = (total / ENOUGH_S).ceil().max(1.0) as usize;
        indices.into_iter().step_by(step).collect()
    }

    fn compare(&mut self, job: &Job) -> Result<(), Error> {
        let Some(rule) = &job.engine.description.divergence else { return Ok(()) };
        let path = |path: Option<&std::path::Path>| path.map(|path| path.display().to_string()).unwrap_or_default();
        let (source, model) = (path(job.model.source.as_deref()), path(job.model.path()));
        let recordings: Vec<String> =
            job.audio.iter().map(|i| self.utterance(*i).path(&self.setup.folder).display().to_string()).collect();
        let mut command = vec![job.engine.program.display().to_string()];
        for word in rule.command.iter().skip(1) {
            match word.as_str() {
                "{audio}" => command.extend(recordings.iter().cloned()),
                _ => command.push(word.replace("{source}", &source).replace("{model}", &model)),
            }
        }
        self.watcher.begins(job.cell, job.unit, self.work.0, self.work.1);
        let timeout_s = self.grid.rules.timeout_s.unwrap_or((job.cell.expected_s * 10.0).max(LEAST_TIMEOUT_S));
        let request =
            Request { timeout_s, memory_limit_bytes: self.grid.rules.memory_limit_bytes, ..Request::new(command) };
        let (reply, board, span, clock_step_s) = self.watched(job, &request)?;
        let (mut status, mut detail) = judge(&reply, &board, self.grid.rules.memory_limit_bytes);
        if status == Status::Throttled {
            (status, detail) = (Status::Ok, String::new());
        }
        let object: Option<Value> = serde_json::from_str(&reply.stdout).ok();
        let figure = |pointer: &String| object.as_ref()?.pointer(pointer)?.as_f64();
        let figures = rule.figures.iter().filter_map(|(name, pointer)| Some((name.clone(), figure(pointer)?)));
        let divergence: std::collections::BTreeMap<String, f64> = figures.collect();
        if status == Status::Ok && divergence.is_empty() {
            (status, detail) = (Status::Failed, format!("it printed no figures: {}", failure_of(&reply)));
        }
        let outcome = Outcome {
            detail,
            span,
            clock_step_s,
            usage: reply.usage,
            board: crate::board::BoardUse { strip: crate::board::Strip::default(), ..board },
            divergence,
            ..Outcome::empty(&job.cell.id, job.unit, status)
        };
        self.keep(job.cell, outcome)?;
        self.work.0 = (self.work.0 + job.cell.expected_s).min(self.work.1);
        Ok(())
    }
}
