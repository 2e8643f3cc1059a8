//! Which rows meet, and which evaluations may not.

use super::Limits;
use crate::Error;
use crate::summary::{Evidence, Row, Scores, Summary, summarize};
use std::path::Path;

/// One of the two evaluations, and which of its rows are meant.
#[derive(Debug, Clone)]
pub struct Side {
    evidence: Evidence,
    scores: Scores,
    summary: Summary,
    engine: Option<String>,
    model: Option<String>,
}

impl Side {
    /// Reads `FOLDER`, or `FOLDER@MODEL` or `FOLDER@ENGINE/MODEL` for some of its rows, which then meet rows of other names.
    ///
    /// # Errors
    /// If there is no journal, or no such row in it.
    pub fn read(text: &str) -> Result<Self, Error> {
        let whole = Path::new(text);
        let (folder, rows) = match text.rsplit_once('@').filter(|(folder, _)| !whole.exists() && !folder.is_empty()) {
            Some((folder, rows)) => (Path::new(folder), Some(rows)),
            None => (whole, None),
        };
        let side = Self::new(Evidence::read(folder)?, rows);
        if side.rows().next().is_none() {
            let all: Vec<String> = side.summary.rows.iter().map(name).collect();
            let rows = rows.unwrap_or_default();
            return Err(Error::Incomparable(format!(
                "{} has no row of '{rows}': there are {}",
                folder.display(),
                listed(&all)
            )));
        }
        Ok(side)
    }

    /// All rows, or those of `MODEL` or `ENGINE/MODEL`.
    pub fn new(evidence: Evidence, rows: Option<&str>) -> Self {
        let (scores, summary) = (Scores::of(&evidence), summarize(&evidence));
        let (engine, model) = match rows.map(|rows| rows.rsplit_once('/').map_or((None, rows), |(e, m)| (Some(e), m))) {
            Some((engine, model)) => (engine.map(str::to_owned), Some(model.to_owned())),
            None => (None, None),
        };
        Self { evidence, scores, summary, engine, model }
    }

    pub(super) fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    pub(super) fn scores(&self) -> &Scores {
        &self.scores
    }

    pub(super) fn summary(&self) -> &Summary {
        &self.summary
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        let wanted = |wish: &Option<String>, own: &str| wish.as_deref().is_none_or(|wish| wish == own);
        self.summary.rows.iter().filter(move |row| wanted(&self.engine, &row.engine) && wanted(&self.model, &row.model))
    }
}

/// Refuses evaluations of other recordings, and times and memory of another machine.
pub(super) fn refuse(baseline: &Side, candidate: &Side, limits: Limits) -> Result<(), Error> {
    let (a, b) = (&baseline.evidence.evaluation, &candidate.evidence.evaluation);
    if a.corpus_hash != b.corpus_hash {
        return Err(Error::Incomparable(format!(
            "the recordings or what is said in them differ: {} and {}. Measure both with the same --audio, --tier and --seed",
            heard(&baseline.summary),
            heard(&candidate.summary)
        )));
    }
    if limits.time.is_none() && limits.memory.is_none() {
        return Ok(());
    }
    let machine = |of: &Side| {
        let board = &of.evidence.evaluation.board;
        format!("{} ({}, {} cores)", board.name(), board.cpu, board.cores)
    };
    let (here, there) = (machine(baseline), machine(candidate));
    if here != there {
        return Err(Error::Incomparable(format!(
            "times and memory of different machines say nothing of a change: {here} and {there}. --only words compares the texts"
        )));
    }
    if limits.time.is_some() && a.clips != b.clips {
        return Err(Error::Incomparable(format!(
            "times were measured on different clips: {} and {}. --only words,memory leaves them out",
            a.clips.join(", "),
            b.clips.join(", ")
        )));
    }
    Ok(())
}

fn heard(summary: &Summary) -> String {
    let corpus = &summary.corpus;
    format!("{} recordings of {:.0} s ({})", corpus.utterances, corpus.seconds, corpus.sets.join(", "))
}

type Pairs<'a> = (Vec<(&'a Row, &'a Row)>, Vec<String>, Vec<String>);

/// Rows of both, and the names of those that only one has.
pub(super) fn pairs<'a>(baseline: &'a Side, candidate: &'a Side) -> Pairs<'a> {
    let engines = baseline.engine.is_none() && candidate.engine.is_none();
    let models = baseline.model.is_none() && candidate.model.is_none();
    let meet = |a: &Row, b: &Row| {
        (!engines || a.engine == b.engine) && (!models || a.model == b.model) && a.settings == b.settings
    };
    let mut pairs = Vec::new();
    let mut left: Vec<&Row> = candidate.rows().collect();
    let mut lonely = Vec::new();
    for row in baseline.rows() {
        match left.iter().position(|other| meet(row, other)) {
            Some(at) => pairs.push((row, left.remove(at))),
            None => lonely.push(name(row)),
        }
    }
    (pairs, lonely, left.into_iter().map(name).collect())
}

fn name(row: &Row) -> String {
    match row.settings.to_string() {
        settings if settings.is_empty() => format!("{}/{}", row.engine, row.model),
        settings => format!("{}/{} ({settings})", row.engine, row.model),
    }
}

/// Some names, and how many more there are.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 6;
    match names.len() {
        0 => "none".into(),
        n if n <= SHOWN => names.join(", "),
        n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
    }
}
