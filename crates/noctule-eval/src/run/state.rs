//! What the journal says has been done, and what is therefore still to do.

use super::Status;
use crate::journal::{Intent, Outcome, Record, Unit};
use crate::plan::{Cell, Task};
use std::collections::HashMap;

/// Measurements of earlier sessions and of this one.
#[derive(Debug, Clone, Default)]
pub struct Done {
    outcomes: HashMap<String, Vec<Outcome>>,
    /// How often a measurement was begun on another start of the machine and never ended.
    suspects: HashMap<(String, Unit), u32>,
}

/// Tries of one measurement that the machine was throttled in.
const MOST_THROTTLED: usize = 3;
/// Tries of a measurement that failed, before its cell is given up.
const MOST_FAILURES: usize = 2;
/// Recordings that an engine may fail at before it has given a single text.
const MOST_SILENT: usize = 3;
/// Times that the machine may go down while something is measured.
const MOST_CRASHES: u32 = 2;

impl Done {
    /// From the records of a journal, on this start of the machine.
    pub fn new(records: &[Record], boot_id: &str) -> Self {
        let mut done = Self::default();
        let mut open: Vec<&Intent> = Vec::new();
        for record in records {
            match record {
                Record::Intent(intent) => open.push(intent),
                Record::Outcome(outcome) => {
                    open.retain(|intent| (&intent.cell, intent.unit) != (&outcome.cell, outcome.unit));
                    done.add((**outcome).clone());
                }
                _ => {}
            }
        }
        // On the same start it was this program that was ended, and the measurement is innocent.
        for intent in open.into_iter().filter(|intent| intent.boot_id != boot_id) {
            *done.suspects.entry((intent.cell.clone(), intent.unit)).or_default() += 1;
        }
        done
    }

    /// Takes a new outcome in.
    pub fn add(&mut self, outcome: Outcome) {
        self.outcomes.entry(outcome.cell.clone()).or_default().push(outcome);
    }

    /// What was measured of a cell.
    pub fn of(&self, cell: &str) -> &[Outcome] {
        self.outcomes.get(cell).map_or(&[], Vec::as_slice)
    }

    /// Changes every outcome.
    pub(crate) fn each(&mut self, mut change: impl FnMut(&mut Outcome)) {
        self.outcomes.values_mut().flatten().for_each(&mut change);
    }

    fn unit(&self, cell: &str, unit: Unit) -> impl Iterator<Item = &Outcome> {
        self.of(cell).iter().filter(move |outcome| outcome.unit == unit)
    }

    /// Whether a measurement took the machine down too often.
    pub fn is_suspect(&self, cell: &str, unit: Unit) -> bool {
        self.suspects.get(&(cell.to_owned(), unit)).is_some_and(|times| *times >= MOST_CRASHES)
    }

    /// Whether nothing more is to be tried of this unit.
    pub fn is_done(&self, cell: &Cell, unit: Unit) -> bool {
        let found = || self.unit(&cell.id, unit);
        if found().any(|outcome| outcome.status.is_final()) {
            return true;
        }
        let figures = found().any(|outcome| match outcome.status {
            // Heat changes times, not words.
            Status::Throttled => cell.task != Task::Timing,
            status => status.has_figures(),
        });
        figures
            || found().filter(|outcome| outcome.status == Status::Throttled).count() >= MOST_THROTTLED
            || found().filter(|outcome| !outcome.status.has_figures()).count() >= MOST_FAILURES
    }

    /// Whether a block of recordings failed as a whole, so that they are to be given one by one.
    pub fn failed(&self, cell: &str, unit: Unit) -> bool {
        self.unit(cell, unit).count() > 0 && !self.unit(cell, unit).any(|outcome| outcome.status.has_figures())
    }

    /// The status of a cell that is of no use, with the reason.
    pub fn given_up(&self, cell: &Cell) -> Option<(Status, &str)> {
        let all = self.of(&cell.id);
        let failures: Vec<&Outcome> = all.iter().filter(|outcome| !outcome.status.has_figures()).collect();
        let last = failures.last()?;
        let fatal = failures.iter().find(|outcome| outcome.status.is_final() || outcome.status == Status::OutOfMemory);
        let why = match (fatal, cell.task) {
            (Some(fatal), _) => fatal,
            (None, Task::Timing | Task::Divergence) if self.is_failing(&cell.id) => last,
            (None, Task::Accuracy) if failures.len() == all.len() && all.len() >= MOST_SILENT => last,
            _ => return None,
        };
        Some((why.status, &why.detail))
    }

    /// Whether one unit has failed as often as it may.
    fn is_failing(&self, cell: &str) -> bool {
        let mut counts: HashMap<Unit, usize> = HashMap::new();
        let failures = self.of(cell).iter().filter(|outcome| !outcome.status.has_figures());
        failures.for_each(|outcome| *counts.entry(outcome.unit).or_default() += 1);
        counts.values().any(|count| *count >= MOST_FAILURES)
    }

    /// Seconds of each repetition of a timing cell in which all `clips` were measured, throttled ones left out where
    /// there are others; the warming one left out.
    pub fn times(&self, cell: &str, clips: u32) -> Vec<f64> {
        repeats(self.of(cell), clips).into_iter().map(|(_, outcomes)| total(&outcomes)).collect()
    }
}

fn total(outcomes: &[&Outcome]) -> f64 {
    outcomes.iter().map(|outcome| outcome.usage.wall_s).sum()
}

/// Repetitions of a timing cell by their numbers, each with one outcome a clip. Of several tries the one that was not
/// throttled counts; repetitions with a clip that was throttled in every try are left out if others are whole.
pub(crate) fn repeats(outcomes: &[Outcome], clips: u32) -> Vec<(u32, Vec<&Outcome>)> {
    let mut by_repeat: std::collections::BTreeMap<u32, Vec<Option<&Outcome>>> = std::collections::BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.status.has_figures()) {
        let Unit::Run(repeat @ 1.., clip) = outcome.unit else { continue };
        let row = by_repeat.entry(repeat).or_insert_with(|| vec![None; clips as usize]);
        if let Some(slot) = row.get_mut(clip as usize)
            && slot.is_none_or(|before| before.status == Status::Throttled)
        {
            *slot = Some(outcome);
        }
    }
    let whole: Vec<(u32, Vec<&Outcome>)> = by_repeat
        .into_iter()
        .filter_map(|(repeat, row)| Some((repeat, row.into_iter().collect::<Option<Vec<_>>>()?)))
        .collect();
    let cool = |(_, row): &(u32, Vec<&Outcome>)| row.iter().all(|outcome| outcome.status != Status::Throttled);
    if whole.iter().any(cool) { whole.into_iter().filter(cool).collect() } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{head, outcome};

    fn cell(task: Task) -> Cell {
        Cell {
            id: "c".into(),
            task,
            engine: "e".into(),
            model: "m".into(),
            settings: crate::engine::Settings::default(),
            struck: None,
            expected_s: 1.0,
            expected_bytes: 1,
        }
    }

    fn ended(unit: Unit, status: Status, wall_s: f64) -> Outcome {
        Outcome { status, ..outcome("c", unit, wall_s) }
    }

    fn done(outcomes: &[Outcome]) -> Done {
        let mut done = Done::default();
        outcomes.iter().for_each(|outcome| done.add(outcome.clone()));
        done
    }

    #[test]
    fn throttled_runs_are_repeated_and_then_kept() {
        let unit = Unit::Run(1, 0);
        let hot = ended(unit, Status::Throttled, 9.0);
        let twice = done(&[hot.clone(), hot.clone()]);
        assert!(!twice.is_done(&cell(Task::Timing), unit));
        assert!(twice.is_done(&cell(Task::Accuracy), unit));
        assert!(done(&[hot.clone(), hot.clone(), hot.clone()]).is_done(&cell(Task::Timing), unit));
        let cooled = done(&[hot.clone(), ended(unit, Status::Ok, 5.0)]);
        assert!(cooled.is_done(&cell(Task::Timing), unit));
        assert_eq!(cooled.times("c", 1), [5.0]);
        assert_eq!(done(&[hot]).times("c", 1), [9.0]);
    }

    #[test]
    fn a_repetition_counts_when_every_clip_is_there() {
        let runs = [(0, 0, 50.0), (0, 1, 50.0), (1, 0, 1.0), (1, 1, 2.0), (2, 0, 1.5), (3, 0, 1.0), (3, 1, 3.0)];
        let outcomes: Vec<Outcome> = runs.iter().map(|(r, c, s)| ended(Unit::Run(*r, *c), Status::Ok, *s)).collect();
        assert_eq!(done(&outcomes).times("c", 2), [3.0, 4.0]);
        let mut hot = outcomes.clone();
        hot[3].status = Status::Throttled;
        assert_eq!(done(&hot).times("c", 2), [4.0]);
    }

    #[test]
    fn failures_are_tried_again_and_then_given_up() {
        let (timing, accuracy) = (cell(Task::Timing), cell(Task::Accuracy));
        let unit = Unit::Run(1, 0);
        let once = done(&[ended(unit, Status::Crashed, 1.0)]);
        assert!(!once.is_done(&timing, unit) && once.given_up(&timing).is_none());
        let twice = done(&[ended(unit, Status::Crashed, 1.0), ended(unit, Status::Timeout, 1.0)]);
        assert!(twice.is_done(&timing, unit));
        assert_eq!(twice.given_up(&timing).unwrap().0, Status::Timeout);
        let oom = done(&[ended(Unit::Block(0), Status::OutOfMemory, 1.0)]);
        assert_eq!(oom.given_up(&accuracy).unwrap().0, Status::OutOfMemory);
        // One bad recording does not spoil a set, an engine that never says anything does.
        let block = ended(Unit::Block(0), Status::Crashed, 1.0);
        let singles: Vec<Outcome> = (0..2).map(|i| ended(Unit::Single(i), Status::Crashed, 1.0)).collect();
        let silent = done(&[std::slice::from_ref(&block), &singles[..]].concat());
        assert!(silent.given_up(&accuracy).is_some() && silent.failed("c", Unit::Block(0)));
        let mut mixed = singles;
        mixed[0].status = Status::Ok;
        assert!(done(&[&[block], &mixed[..]].concat()).given_up(&accuracy).is_none());
    }

    #[test]
    fn a_measurement_that_takes_the_machine_down_twice_is_a_suspect() {
        let intent =
            |boot: &str| Record::Intent(Intent { cell: "c".into(), unit: Unit::Block(3), boot_id: boot.into() });
        let ended = Record::Outcome(Box::new(ended(Unit::Block(3), Status::Ok, 1.0)));
        let suspect = |records: &[Record]| Done::new(records, "now").is_suspect("c", Unit::Block(3));
        assert!(!suspect(&[head(), intent("a")]));
        assert!(suspect(&[head(), intent("a"), intent("b")]));
        assert!(
            !suspect(&[head(), intent("now"), intent("now"), intent("now")]),
            "this program was killed, not the machine"
        );
        assert!(!suspect(&[head(), intent("a"), intent("b"), ended]));
    }
}
