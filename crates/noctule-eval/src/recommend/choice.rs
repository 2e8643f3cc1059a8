//! From rows to one: feasible, best, tied, smallest.

use super::budget::{Budget, Goal};
use super::ties::Ties;
use crate::engine::Settings;
use crate::run::Status;
use crate::statistics::Interval;
use crate::summary::{HOUR_S, Row};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A row with figures, as budgets see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The row, by its number.
    pub row: usize,
    /// Engine.
    pub engine: String,
    /// Model.
    pub model: String,
    /// Its file; `None` for the one that the engine brings.
    pub path: Option<PathBuf>,
    /// Settings.
    pub settings: Settings,
    /// Share of the words that are wrong.
    pub error_rate: Option<Interval>,
    /// Seconds for each second of audio.
    pub real_time_factor: Option<Interval>,
    /// Seconds for an hour of speech.
    pub hour_s: Option<Interval>,
    /// Peak of the memory, bytes, with a margin: what limits are compared with.
    pub memory_bytes: Option<u64>,
    /// Peak of the memory as it was measured, bytes.
    pub peak_bytes: Option<u64>,
    /// Bytes of the model's file.
    pub file_bytes: u64,
    /// Joules for each second of audio.
    pub joules: Option<f64>,
    /// Number among the [`Ties`].
    pub tie: Option<usize>,
    /// Whether the figures come from elsewhere or are foretold: where from.
    pub foretold: Option<String>,
}

/// Runs differ by a few per cent.
const MARGIN: f64 = 1.05;

/// What a budget leads to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// What was wanted.
    pub budget: Budget,
    /// The choice; `None` if nothing fits.
    pub choice: Option<Candidate>,
    /// The next best of another model.
    pub runner_up: Option<Candidate>,
    /// Candidates that no other beats in words, time and memory, by their rows.
    pub frontier: Vec<usize>,
    /// Models that are as good as the choice as far as can be told.
    pub tied: Vec<String>,
    /// What a fifth more of each limit would bring, where it would bring something.
    pub relaxed: Vec<Relaxed>,
    /// What comes nearest, if nothing fits.
    pub nearest: Option<Nearest>,
}

/// What a looser limit would bring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relaxed {
    /// The limit: "memory", "time", "file", "words".
    pub limit: String,
    /// The limit as it would be, for people.
    pub to: String,
    /// What would then be chosen.
    pub choice: Candidate,
}

/// What comes nearest to a budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// Which.
    pub candidate: Candidate,
    /// By how much it goes beyond, the worst limit: 1.3 is 30 % too much.
    pub excess: f64,
    /// Which limit that is.
    pub limit: String,
}

/// Rows that can be chosen: measured, and not suspected of anything that would spoil a choice.
pub fn candidates(rows: &[Row], ties: &Ties) -> Vec<Candidate> {
    let usable = rows.iter().enumerate().filter(|(_, row)| matches!(row.status, Status::Ok | Status::Partial));
    usable
        .filter(|(_, row)| row.times.is_some() || !row.accuracy.is_empty())
        .map(|(number, row)| Candidate {
            row: number,
            engine: row.engine.clone(),
            model: row.model.clone(),
            path: row.path.clone(),
            settings: row.settings.clone(),
            error_rate: row.accuracy.first().map(|accuracy| accuracy.error_rate),
            real_time_factor: row.times.as_ref().map(|times| times.real_time_factor),
            hour_s: row.cost.map(|cost| cost.hour_s),
            memory_bytes: row.memory.map(|memory| (memory.peak_bytes as f64 * MARGIN) as u64),
            peak_bytes: row.memory.map(|memory| memory.peak_bytes),
            file_bytes: row.size_bytes,
            joules: row.energy.map(|energy| energy.joules_per_second.estimate),
            tie: row.accuracy_cell.as_ref().and_then(|cell| ties.number(cell)),
            foretold: None,
        })
        .collect()
}

impl Candidate {
    /// By how much each limit is exceeded, as a ratio; what is not known exceeds everything that is limited.
    fn excesses(&self, budget: &Budget) -> Vec<(&'static str, f64)> {
        let ratio = |limit: Option<f64>, value: Option<f64>| {
            limit.map(|limit| value.map_or(f64::INFINITY, |value| value / limit))
        };
        let high = |interval: Option<Interval>| interval.map(|interval| interval.high);
        let hour = high(self.hour_s).or_else(|| high(self.real_time_factor).map(|factor| factor * HOUR_S));
        // Real time holds for a short recording and for a long one.
        let pace =
            high(self.real_time_factor).map(|factor| factor.max(high(self.hour_s).map_or(0.0, |hour| hour / HOUR_S)));
        let all = [
            ("time", ratio(budget.real_time_factor, pace)),
            ("time", ratio(budget.hour_s, hour)),
            ("memory", ratio(budget.memory_bytes.map(|b| b as f64), self.memory_bytes.map(|b| b as f64))),
            ("file", ratio(budget.file_bytes.map(|b| b as f64), Some(self.file_bytes as f64))),
            ("words", ratio(budget.error_rate, high(self.error_rate))),
        ];
        all.into_iter().filter_map(|(name, ratio)| Some((name, ratio?))).collect()
    }

    /// Whether it keeps to a budget.
    pub fn fits(&self, budget: &Budget) -> bool {
        self.excesses(budget).iter().all(|(_, excess)| *excess <= 1.0)
    }

    fn value(&self, goal: Goal) -> f64 {
        let estimate = |interval: Option<Interval>| interval.map_or(f64::INFINITY, |interval| interval.estimate);
        match goal {
            Goal::Words => estimate(self.error_rate),
            Goal::Speed => estimate(self.real_time_factor),
            Goal::Memory => self.memory_bytes.map_or(f64::INFINITY, |bytes| bytes as f64),
            Goal::Energy => self.joules.unwrap_or(f64::INFINITY),
        }
    }

    /// Whether it is as good as the best, as far as can be told.
    fn ties_with(&self, best: &Self, goal: Goal, ties: &Ties) -> bool {
        match goal {
            Goal::Words if self.tie.is_some() && best.tie.is_some() => !ties.is_worse(best.tie, self.tie),
            Goal::Words => best.error_rate.zip(self.error_rate).is_some_and(|(best, own)| own.estimate <= best.high),
            Goal::Speed => {
                best.real_time_factor.zip(self.real_time_factor).is_some_and(|(best, own)| own.low <= best.high)
            }
            // A twentieth of the memory or the energy is no difference.
            Goal::Memory | Goal::Energy => self.value(goal) <= best.value(goal) * MARGIN,
        }
    }

    /// Smaller first, then cooler, which is quicker where energy is not known; for other goals than words the words first.
    fn rank(&self, goal: Goal) -> [f64; 4] {
        let (words, speed) = (self.value(Goal::Words), self.value(Goal::Speed));
        let cool = self.joules.unwrap_or(speed);
        let file = self.file_bytes as f64;
        match goal {
            Goal::Words => [file, cool, speed, words],
            _ => [words, file, cool, speed],
        }
    }

    fn beats(&self, other: &Self) -> bool {
        let pairs = [Goal::Words, Goal::Speed, Goal::Memory].map(|goal| (self.value(goal), other.value(goal)));
        pairs.iter().all(|(own, theirs)| own <= theirs) && pairs.iter().any(|(own, theirs)| own < theirs)
    }
}

/// The best of those that fit, and the tie broken.
fn pick<'a>(all: &'a [Candidate], budget: &Budget, ties: &Ties) -> (Option<&'a Candidate>, Vec<&'a Candidate>) {
    let fitting: Vec<&Candidate> = all.iter().filter(|candidate| candidate.fits(budget)).collect();
    let goal = budget.goal;
    let known = fitting.iter().filter(|candidate| candidate.value(goal).is_finite());
    let Some(best) = known.min_by(|a, b| a.value(goal).total_cmp(&b.value(goal))) else { return (None, Vec::new()) };
    let mut tied: Vec<&Candidate> = fitting.iter().copied().filter(|other| other.ties_with(best, goal, ties)).collect();
    let order = |a: &[f64; 4], b: &[f64; 4]| {
        let pairs = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
        pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    };
    tied.sort_by(|a, b| order(&a.rank(goal), &b.rank(goal)));
    (tied.first().copied(), tied)
}

/// Chooses under a budget.
pub fn recommend(all: &[Candidate], ties: &Ties, budget: Budget) -> Recommendation {
    let (choice, tied) = pick(all, &budget, ties);
    let frontier = all.iter().filter(|candidate| !all.iter().any(|other| other.beats(candidate)));
    let others: Vec<Candidate> = match choice {
        Some(choice) => all.iter().filter(|other| other.model != choice.model).cloned().collect(),
        None => Vec::new(),
    };
    let mut equals: Vec<String> = tied.iter().map(|candidate| candidate.model.clone()).collect();
    equals.retain(|model| choice.is_none_or(|choice| choice.model != *model));
    equals.sort();
    equals.dedup();
    Recommendation {
        runner_up: pick(&others, &budget, ties).0.cloned(),
        frontier: frontier.map(|candidate| candidate.row).collect(),
        tied: equals,
        relaxed: choice.map(|choice| relaxed(all, ties, &budget, choice)).unwrap_or_default(),
        nearest: if choice.is_none() { nearest(all, &budget) } else { None },
        choice: choice.cloned(),
        budget,
    }
}

/// A limit is loosened by this much to see what it would bring.
const LOOSER: f64 = 1.2;

fn relaxed(all: &[Candidate], ties: &Ties, budget: &Budget, choice: &Candidate) -> Vec<Relaxed> {
    let megabytes = |bytes: u64| format!("{:.0} MB", bytes as f64 / 1e6);
    let more = |bytes: u64| (bytes as f64 * LOOSER) as u64;
    let mut loose: Vec<(&str, String, Budget)> = Vec::new();
    if let Some(bytes) = budget.memory_bytes.map(more) {
        loose.push(("memory", megabytes(bytes), Budget { memory_bytes: Some(bytes), ..*budget }));
    }
    if let Some(bytes) = budget.file_bytes.map(more) {
        loose.push(("file", megabytes(bytes), Budget { file_bytes: Some(bytes), ..*budget }));
    }
    if let Some(factor) = budget.real_time_factor.map(|factor| factor * LOOSER) {
        let to = format!("{factor:.2} s for a second of audio");
        loose.push(("time", to, Budget { real_time_factor: Some(factor), ..*budget }));
    }
    if let Some(seconds) = budget.hour_s.map(|seconds| seconds * LOOSER) {
        loose.push((
            "time",
            format!("{:.1} min for an hour", seconds / 60.0),
            Budget { hour_s: Some(seconds), ..*budget },
        ));
    }
    if let Some(rate) = budget.error_rate.map(|rate| rate * LOOSER) {
        loose.push(("words", format!("{:.1} % wrong", 100.0 * rate), Budget { error_rate: Some(rate), ..*budget }));
    }
    let goal = budget.goal;
    let better = |found: &Candidate| found.value(goal) < choice.value(goal) && !found.ties_with(choice, goal, ties);
    let significantly = |found: &Candidate| match goal {
        Goal::Words => ties.is_worse(found.tie, choice.tie) || (found.tie.is_none() && better(found)),
        _ => better(found),
    };
    loose
        .into_iter()
        .filter_map(|(limit, to, budget)| {
            let found = pick(all, &budget, ties).0.filter(|found| significantly(found))?;
            Some(Relaxed { limit: limit.to_owned(), to, choice: found.clone() })
        })
        .collect()
}

fn nearest(all: &[Candidate], budget: &Budget) -> Option<Nearest> {
    let worst = |candidate: &Candidate| candidate.excesses(budget).into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let scored = all.iter().filter_map(|candidate| Some((candidate, worst(candidate)?)));
    let (candidate, (limit, excess)) = scored.min_by(|a, b| a.1.1.total_cmp(&b.1.1))?;
    excess.is_finite().then(|| Nearest { candidate: candidate.clone(), excess, limit: limit.to_owned() })
}
