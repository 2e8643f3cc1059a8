//! The order of things: which measurement comes next, until all are done, the time is over, or somebody stops.

use super::Launcher;
use super::state::Done;
use crate::board::{Board, Memory, Root, Sampler, boot_id, drive_of};
use crate::corpus::{Corpus, Sounds, Utterance};
use crate::engine::Engine;
use crate::journal::{Evaluation, Journal, Outcome, Record, Session, Unit};
use crate::plan::{Cell, Grid, ModelFacts, Task};
use crate::{Error, Status};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Who follows the measurements and may stop them.
pub trait Watcher {
    /// A measurement begins; `done` of `total` seconds of expected work lie behind.
    fn begins(&mut self, cell: &Cell, unit: Unit, done: f64, total: f64);
    /// A measurement has ended.
    fn ended(&mut self, cell: &Cell, outcome: &Outcome);
    /// Something is waited for: what.
    fn waits(&mut self, why: &str);
    /// Whether to stop. Asked several times a second.
    fn stops(&self) -> bool;
}

/// What an evaluation works with.
#[derive(Debug)]
pub struct Setup {
    /// The folder of the evaluation, absolute.
    pub folder: PathBuf,
    /// How measurements start.
    pub launcher: Launcher,
    /// The machine.
    pub root: Root,
}

/// What a finished plan consists of: the records of a new journal, or those found in one.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What was asked for.
    pub evaluation: Option<Evaluation>,
    /// Engines by their names.
    pub engines: Vec<(String, Result<Engine, String>)>,
    /// Models.
    pub models: Vec<ModelFacts>,
    /// Recordings.
    pub corpus: Corpus,
    /// Cells.
    pub cells: Vec<Cell>,
}

impl Plan {
    /// The plan in a journal.
    pub fn from_records(records: &[Record]) -> Self {
        let mut plan = Self::default();
        for record in records {
            match record {
                Record::Evaluation(head) => plan.evaluation = Some((**head).clone()),
                Record::Engine(record) => {
                    let problem = record.problem.clone().unwrap_or_default();
                    plan.engines.push((record.name.clone(), record.engine.clone().ok_or(problem)));
                }
                Record::Model(model) => plan.models.push((**model).clone()),
                Record::Utterance(utterance) => plan.corpus.utterances.push((**utterance).clone()),
                Record::Cell(cell) => plan.cells.push((**cell).clone()),
                Record::Session(_) | Record::Intent(_) | Record::Outcome(_) => {}
            }
        }
        plan
    }

    /// Indices of the recordings that time is measured on.
    pub fn clips(&self) -> Vec<usize> {
        let names = self.evaluation.iter().flat_map(|head| &head.clips);
        names.filter_map(|name| self.corpus.utterances.iter().position(|u| &u.id == name)).collect()
    }

    /// What a cell of this task and model listens to, as indices.
    pub fn recordings(&self, task: Task, model: &ModelFacts) -> Vec<usize> {
        let understood = |index: &usize| {
            let utterance = &self.corpus.utterances[*index];
            utterance.is_probe() || model.speaks(utterance.language.as_deref())
        };
        match task {
            Task::Timing => self.clips().into_iter().filter(understood).collect(),
            _ => (0..self.corpus.utterances.len()).filter(understood).collect(),
        }
    }
}

/// An evaluation in work.
pub struct Evaluator<'a> {
    pub(super) setup: &'a Setup,
    pub(super) plan: &'a Plan,
    pub(super) grid: Grid,
    pub(super) sounds: &'a dyn Sounds,
    pub(super) watcher: &'a mut dyn Watcher,
    pub(super) journal: Journal,
    pub(super) done: Done,
    pub(super) boot_id: String,
    pub(super) started: Instant,
    /// Expected work that lies behind, and all of it, seconds.
    pub(super) work: (f64, f64),
    /// Timing runs since the last look at the sentinel, and how many looks there were.
    pub(super) sentinel: (u32, u32),
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything is measured.
    Complete,
    /// The time was over first.
    OutOfTime,
}

/// How long the machine is watched to learn what it takes while it does nothing.
const IDLE: Duration = Duration::from_secs(3);

impl<'a> Evaluator<'a> {
    /// Goes on with `journal`, whose records are `records`.
    ///
    /// # Errors
    /// A journal without a plan.
    pub fn new(
        setup: &'a Setup,
        plan: &'a Plan,
        sounds: &'a dyn Sounds,
        watcher: &'a mut dyn Watcher,
        journal: Journal,
        records: &[Record],
    ) -> Result<Self, Error> {
        let Some(head) = &plan.evaluation else {
            let problem = "it does not say what was asked for".into();
            return Err(Error::Journal { path: journal.path().to_path_buf(), problem });
        };
        let boot_id = boot_id(&setup.root);
        let done = Done::new(records, &boot_id);
        let total: f64 = plan.cells.iter().filter(|cell| cell.struck.is_none()).map(|cell| cell.expected_s).sum();
        let behind: f64 = plan.cells.iter().flat_map(|cell| done.of(&cell.id)).map(|done| done.usage.wall_s).sum();
        Ok(Self {
            setup,
            plan,
            grid: head.grid.clone(),
            sounds,
            watcher,
            journal,
            done,
            boot_id,
            started: Instant::now(),
            work: (behind.min(total), total),
            sentinel: (0, 0),
        })
    }

    /// Allows so much time from now on instead of what the plan says.
    pub fn set_budget(&mut self, seconds: Option<f64>) {
        self.grid.rules.budget_s = seconds;
    }

    /// Measures everything that is not measured yet.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the watcher stops, and what the journal's disk refuses. All that was measured is kept.
    pub fn run(&mut self) -> Result<End, Error> {
        let session = self.session();
        self.journal.append(&Record::Session(Box::new(session)))?;
        // A little of everything first, so that a run that is cut short says something of all.
        self.rounds(0, 1)?;
        self.accuracy()?;
        self.rounds(2, self.grid.rules.most_repeats)?;
        self.divergence()?;
        Ok(if self.is_over() { End::OutOfTime } else { End::Complete })
    }

    /// Whether the time is over.
    pub(super) fn is_over(&self) -> bool {
        self.grid.rules.budget_s.is_some_and(|budget| self.started.elapsed().as_secs_f64() >= budget)
    }

    /// Cells of a task that are to be measured, with their models and engines.
    pub(super) fn open_cells(&self, task: Task) -> Vec<(&'a Cell, &'a Engine, &'a ModelFacts)> {
        let plan = self.plan;
        let open = plan.cells.iter().filter(|cell| cell.task == task && cell.struck.is_none());
        let open = open.filter(|cell| self.done.given_up(cell).is_none());
        open.filter_map(|cell| {
            let (_, engine) = plan.engines.iter().find(|(name, _)| *name == cell.engine)?;
            let model = plan.models.iter().find(|model| model.name == cell.model)?;
            Some((cell, engine.as_ref().ok()?, model))
        })
        .collect()
    }

    pub(super) fn utterance(&self, index: usize) -> &'a Utterance {
        &self.plan.corpus.utterances[index]
    }

    fn session(&mut self) -> Session {
        let root = &self.setup.root;
        let load = root.read("/proc/loadavg").and_then(|text| {
            let numbers: Vec<f64> = text.split(' ').take(3).filter_map(|word| word.parse().ok()).collect();
            numbers.try_into().ok()
        });
        Session {
            started: jiff::Timestamp::now().to_string(),
            boot_id: self.boot_id.clone(),
            board: Board::look(root),
            available_bytes: Memory::now(root).map(|memory| memory.available_bytes),
            load,
            drive: Some(drive_of(root, &self.setup.folder)),
            idle_w: self.idle_power(),
        }
    }

    /// Power of the machine at rest; costs time only where it can be told.
    fn idle_power(&mut self) -> Option<f64> {
        let sampler = Sampler::start(&self.setup.root);
        let until = Instant::now() + IDLE;
        let mut tells = false;
        while Instant::now() < until && !self.watcher.stops() {
            if !tells {
                let look = Sampler::start(&self.setup.root).stop();
                tells = look.energy.is_some();
                if !tells {
                    break;
                }
                self.watcher.waits("measuring what the machine takes at rest");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let energy = sampler.stop().energy.filter(|_| tells)?;
        (energy.seconds > 0.0).then(|| energy.joules / energy.seconds)
    }

    /// Marks a measurement that took the machine down as such; `true` if it did.
    pub(super) fn quarantines(&mut self, cell: &Cell, unit: Unit) -> Result<bool, Error> {
        if !self.done.is_suspect(&cell.id, unit) {
            return Ok(false);
        }
        let detail = "the machine went down twice while this was measured".to_owned();
        let outcome = Outcome { detail, ..Outcome::empty(&cell.id, unit, Status::Quarantined) };
        self.keep(cell, outcome)?;
        Ok(true)
    }

    /// Puts an outcome on the disk and tells it.
    pub(super) fn keep(&mut self, cell: &Cell, outcome: Outcome) -> Result<(), Error> {
        self.journal.append(&Record::Outcome(Box::new(outcome.clone())))?;
        self.watcher.ended(cell, &outcome);
        self.done.add(outcome);
        Ok(())
    }
}

/// The folder for what engines write themselves and for converted recordings.
pub(super) fn scratch(folder: &Path) -> PathBuf {
    folder.join("scratch")
}
