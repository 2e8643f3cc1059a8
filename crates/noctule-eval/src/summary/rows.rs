//! One row for each engine, model and settings: words, times, memory and energy side by side.

use super::Evidence;
use super::accuracy::{Accuracy, accuracy};
use super::cost::{Cost, cost};
use super::score::{Score, Scores};
use super::timing::{EnergyUse, MemoryUse, Times, energy, memory, times};
use crate::engine::Settings;
use crate::journal::Unit;
use crate::plan::{Cell, ModelFacts, Task};
use crate::run::Status;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What was found of one combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The engine.
    pub engine: String,
    /// The model.
    pub model: String,
    /// Its file; `None` for the one that the engine brings.
    pub path: Option<PathBuf>,
    /// The model that it was made from.
    pub family: String,
    /// Type of its weights.
    pub weights: String,
    /// Bytes of its file.
    pub size_bytes: u64,
    /// How many tensors have each type.
    pub types: BTreeMap<String, u64>,
    /// What else was asked for.
    pub settings: Settings,
    /// The worst that happened.
    pub status: Status,
    /// Why, where it is not good.
    pub reason: String,
    /// Whether everything that was planned for it is there.
    pub is_complete: bool,
    /// Words, by language, the one with most words first.
    pub accuracy: Vec<Accuracy>,
    /// The accuracy cell behind that.
    pub accuracy_cell: Option<String>,
    /// Words on recordings without speech, where they were listened to.
    pub probe_words: Option<usize>,
    /// Times.
    pub times: Option<Times>,
    /// Memory.
    pub memory: Option<MemoryUse>,
    /// Energy.
    pub energy: Option<EnergyUse>,
    /// What an hour would take.
    pub cost: Option<Cost>,
    /// Distance from the float model, by figure.
    pub divergence: BTreeMap<String, f64>,
    /// Instruction tier or system line that the engine told.
    pub tier: Option<String>,
    /// How it computed.
    pub precision: Option<String>,
}

/// What the cells of one row have in common.
pub fn join_key(cell: &Cell) -> (String, String, Settings) {
    (cell.engine.clone(), cell.model.clone(), Settings { threads: None, ..cell.settings.clone() })
}

/// All rows, in the order of the plan.
pub(super) fn rows(evidence: &Evidence, scores: &Scores) -> Vec<Row> {
    let cells = &evidence.plan.cells;
    let timed = cells.iter().filter(|cell| cell.task == Task::Timing);
    let others = cells
        .iter()
        .filter(|cell| cell.task == Task::Accuracy)
        .filter(|cell| !cells.iter().any(|other| other.task == Task::Timing && join_key(other) == join_key(cell)));
    timed.chain(others).filter_map(|cell| row(evidence, scores, cell)).collect()
}

fn row(evidence: &Evidence, scores: &Scores, leading: &Cell) -> Option<Row> {
    let plan = &evidence.plan;
    let model = plan.models.iter().find(|model| model.name == leading.model)?;
    let with = |task: Task| plan.cells.iter().find(|c| c.task == task && join_key(c) == join_key(leading));
    let timing = Some(leading).filter(|cell| cell.task == Task::Timing);
    let spoken = with(Task::Accuracy);
    let distance = plan
        .cells
        .iter()
        .find(|c| c.task == Task::Divergence && c.engine == leading.engine && c.model == leading.model);
    let clips = plan.recordings(Task::Timing, model);
    let found = spoken.map(|cell| scores.cell(&cell.id)).unwrap_or_default();
    let baseline = baseline(evidence, leading, model).map(|(name, cell)| (name, scores.cell(&cell.id)));
    let mine: Vec<&Cell> = timing.into_iter().chain(spoken).collect();
    let (status, reason, is_complete) = standing(evidence, &mine, clips.len() as u32);
    let told = |of: &dyn Fn(&crate::journal::Outcome) -> Option<String>| {
        mine.iter().flat_map(|cell| evidence.done.of(&cell.id)).find_map(of)
    };
    Some(Row {
        engine: leading.engine.clone(),
        model: leading.model.clone(),
        path: model.path().map(Path::to_path_buf),
        family: model.family.clone(),
        weights: model.weights.clone(),
        size_bytes: model.size_bytes,
        types: model.types.clone(),
        settings: leading.settings.clone(),
        status,
        reason,
        is_complete,
        accuracy: accuracy(evidence, found, baseline.filter(|(name, _)| *name != model.name)),
        accuracy_cell: spoken.map(|cell| cell.id.clone()).filter(|_| !found.is_empty()),
        probe_words: probe_words(evidence, found),
        times: timing.and_then(|cell| times(evidence, cell, &clips)),
        memory: memory(evidence, mine.iter().copied()),
        energy: timing.and_then(|cell| energy(evidence, cell, &clips)),
        cost: timing.and_then(|cell| cost(evidence, cell, &clips)),
        divergence: distance
            .and_then(|cell| evidence.done.of(&cell.id).last())
            .map(|o| o.divergence.clone())
            .unwrap_or_default(),
        tier: told(&|outcome| outcome.tier.clone()),
        precision: told(&|outcome| outcome.precision.clone()),
    })
}

/// The accuracy cell of the float model of the same family, engine and settings, with the model's name.
fn baseline<'a>(evidence: &'a Evidence, cell: &Cell, model: &ModelFacts) -> Option<(&'a str, &'a Cell)> {
    let plan = &evidence.plan;
    let float = plan.models.iter().filter(|other| other.family == model.family);
    let float = float.filter(|other| ["f32", "f16", "bf16"].contains(&other.weights.as_str()));
    let largest = float.max_by_key(|other| other.size_bytes)?;
    let key = (cell.engine.clone(), largest.name.clone(), Settings { threads: None, ..cell.settings.clone() });
    let found = plan.cells.iter().find(|other| other.task == Task::Accuracy && join_key(other) == key)?;
    Some((&largest.name, found))
}

/// The worst that happened to the cells, why, and whether they are all there.
fn standing(evidence: &Evidence, cells: &[&Cell], clips: u32) -> (Status, String, bool) {
    let mut worst = (Status::Ok, String::new());
    let (mut complete, mut some) = (true, false);
    for cell in cells {
        let (status, reason, whole) = of_cell(evidence, cell, clips);
        complete &= whole;
        some |= status.has_figures();
        if severity(status) > severity(worst.0) {
            let reason = if cells.len() > 1 && !reason.is_empty() && cell.struck.is_none() {
                format!("{}: {reason}", cell.task.name())
            } else {
                reason
            };
            worst = (status, reason);
        }
    }
    // Times without words, or words without times, are something.
    let status = if worst.0 == Status::NotRun && some { Status::Partial } else { worst.0 };
    (status, worst.1, complete)
}

fn severity(status: Status) -> u32 {
    match status {
        Status::Ok => 0,
        Status::Partial => 1,
        Status::Throttled => 2,
        Status::NotRun => 3,
        Status::Failed => 4,
        Status::Timeout => 5,
        Status::Crashed => 6,
        Status::MemoryLimit => 7,
        Status::OutOfMemory => 8,
        Status::Quarantined => 9,
        Status::Missing => 10,
        Status::NotApplicable => 11,
    }
}

fn of_cell(evidence: &Evidence, cell: &Cell, clips: u32) -> (Status, String, bool) {
    if let Some(struck) = &cell.struck {
        return (struck.status, struck.reason.clone(), true);
    }
    if let Some((status, detail)) = evidence.done.given_up(cell) {
        return (status, detail.to_owned(), true);
    }
    let outcomes = evidence.done.of(&cell.id);
    let planned = match cell.task {
        Task::Timing => evidence.done.times(&cell.id, clips).len() >= evidence.evaluation.grid.rules.repeats as usize,
        Task::Accuracy => covered(evidence, cell),
        Task::Divergence => !outcomes.is_empty(),
    };
    if outcomes.is_empty() {
        return (Status::NotRun, "the evaluation was stopped before".into(), false);
    }
    // Of several tries of one unit the best counts.
    let mut best: BTreeMap<_, (Status, &str)> = BTreeMap::new();
    for outcome in outcomes {
        let entry = best.entry(outcome.unit).or_insert((outcome.status, &outcome.detail));
        if severity(outcome.status) < severity(entry.0) {
            *entry = (outcome.status, &outcome.detail);
        }
    }
    // What became of a block that failed is said by its recordings, once each was tried alone.
    let retold = |unit: &Unit| planned && cell.task == Task::Accuracy && matches!(unit, Unit::Block(_));
    let failed = best.iter().filter(|(unit, (status, _))| *status != Status::Ok && !retold(unit));
    let bad = failed.map(|(_, outcome)| outcome).max_by_key(|(status, _)| severity(*status));
    match bad {
        Some((status, detail)) if status.has_figures() || !best.values().any(|(status, _)| status.has_figures()) => {
            (*status, (*detail).to_owned(), planned)
        }
        Some((status, detail)) => (Status::Partial, format!("{}: {detail}", status.name()), planned),
        None if planned => (Status::Ok, String::new(), true),
        None => (Status::Partial, "the evaluation was stopped before its end".into(), false),
    }
}

/// Whether every recording of an accuracy cell was given to the engine.
fn covered(evidence: &Evidence, cell: &Cell) -> bool {
    let Some(model) = evidence.plan.models.iter().find(|model| model.name == cell.model) else { return false };
    let wanted = evidence.plan.recordings(Task::Accuracy, model);
    let heard = evidence.done.of(&cell.id).iter();
    let texts: usize = heard.clone().map(|outcome| outcome.texts.len()).sum();
    let failed = heard.filter(|o| !o.status.has_figures() && matches!(o.unit, Unit::Single(_))).count();
    texts + failed >= wanted.len() || {
        let unreadable = wanted.iter().filter(|i| evidence.plan.corpus.utterances[**i].problem.is_some()).count();
        texts + failed + unreadable >= wanted.len()
    }
}

fn probe_words(evidence: &Evidence, scores: &[Score]) -> Option<usize> {
    let probes = scores.iter().filter(|score| evidence.plan.corpus.utterances[score.utterance].is_probe());
    let counts: Vec<usize> =
        probes.map(|score| score.text.as_deref().unwrap_or_default().split_whitespace().count()).collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}
