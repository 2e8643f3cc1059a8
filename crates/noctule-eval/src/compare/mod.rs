//! Two evaluations, before and after a change → whether anything got worse.
//!
//! Two [`Side`]s enter, a [`Comparison`] leaves, or the reason why there can be none: other recordings, another machine.
//! Rows of the same engine, model and settings meet. What is asked of each figure is not "does it differ?" but "may it
//! be worse by more than the limit?": it passes when the whole interval of the change stays within the limit
//! (non-inferiority), it is a regression when the change is beyond the limit and not by accident, and anything else needs
//! more measurements.

mod measures;
mod rows;
#[cfg(test)]
mod tests;

pub use rows::Side;

use crate::Error;
use crate::engine::Settings;
use crate::statistics::Interval;
use crate::summary::Summary;
use serde::Serialize;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Share of wrong words, by language.
    Words,
    /// Words where nobody speaks.
    Silence,
    /// Wall-clock time of all clips together.
    Time,
    /// Largest peak of resident memory.
    Memory,
    /// Whether the row could be measured at all.
    Status,
}

impl Measure {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Silence => "silence",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Status => "status",
        }
    }
}

/// By how much a figure may be worse, and what is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limits {
    /// Error rate: absolute, 0.005 is half a point. `None`: words are not compared.
    pub words: Option<f64>,
    /// Time: relative, 0.05 is a twentieth.
    pub time: Option<f64>,
    /// Memory: relative.
    pub memory: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { words: Some(0.005), time: Some(0.05), memory: Some(0.05) }
    }
}

/// What a change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not worse by more than the limit.
    Pass,
    /// The measurements do not tell.
    Inconclusive,
    /// Worse by more than the limit, and not by accident.
    Regression,
}

impl Verdict {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Regression => "regression",
        }
    }
}

/// One figure of one row, before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What was compared.
    pub measure: Measure,
    /// The row of the candidate: engine, model, settings.
    pub engine: String,
    /// See `engine`.
    pub model: String,
    /// See `engine`.
    pub settings: Settings,
    /// The language of the words.
    pub language: Option<String>,
    /// The figure before; error rate, words, seconds, bytes.
    pub baseline: f64,
    /// The figure after.
    pub candidate: f64,
    /// The change with its interval: absolute for words and silence, relative for time and memory.
    pub change: Interval,
    /// The largest change that passes.
    pub limit: f64,
    /// Of words: how likely such a change is by accident, two-sided, corrected for the number of rows (Holm).
    pub p_value: Option<f64>,
    /// Recordings of the same text, and of how many.
    pub equal_texts: Option<[usize; 2]>,
    /// What it means.
    pub verdict: Verdict,
    /// What happened to a row without figures.
    pub reason: String,
}

/// Two evaluations side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The worst of the findings.
    pub verdict: Verdict,
    /// By how much figures may be worse.
    pub limits: Limits,
    /// Every figure of every row that both have.
    pub findings: Vec<Finding>,
    /// Rows that only the baseline has.
    pub only_baseline: Vec<String>,
    /// Rows that only the candidate has.
    pub only_candidate: Vec<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// Compares what two evaluations have in common.
///
/// # Errors
/// [`Error::Incomparable`] for other recordings, for times and memory of another machine, and for evaluations that have
/// no row or no figure in common.
pub fn compare(baseline: &Side, candidate: &Side, limits: Limits) -> Result<Comparison, Error> {
    rows::refuse(baseline, candidate, limits)?;
    let (pairs, only_baseline, only_candidate) = rows::pairs(baseline, candidate);
    if pairs.is_empty() {
        return Err(Error::Incomparable(format!(
            "there is no row of the same engine, model and settings in both: the baseline has {}; the candidate has {}. \
             FOLDER@MODEL or FOLDER@ENGINE/MODEL compares rows of other names",
            rows::listed(&only_baseline),
            rows::listed(&only_candidate)
        )));
    }
    let mut findings = Vec::new();
    for (before, after) in pairs {
        findings.extend(measures::of_rows(baseline, candidate, before, after, limits));
    }
    measures::correct(&mut findings);
    let Some(verdict) = findings.iter().map(|finding| finding.verdict).max() else {
        return Err(Error::Incomparable(
            "the rows that both have share no figure: measure words, times or memory in both".into(),
        ));
    };
    let notes = notes(baseline.summary(), candidate.summary(), limits);
    Ok(Comparison { verdict, limits, findings, only_baseline, only_candidate, notes })
}

fn notes(baseline: &Summary, candidate: &Summary, limits: Limits) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, summary) in [("baseline", baseline), ("candidate", candidate)] {
        if !summary.complete {
            notes.push(format!("The {name} is not complete: what is missing was not compared."));
        }
        let drift = summary.drift.filter(|drift| limits.time.is_some_and(|limit| *drift > limit));
        notes.extend(drift.map(|drift| {
            format!(
                "While the {name} was measured, one and the same work changed its time by {:.0} %: the machine was not quiet.",
                100.0 * drift
            )
        }));
    }
    notes
}
