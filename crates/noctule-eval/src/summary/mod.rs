//! The journal → tables: one row for each combination of engine, model and settings, with what was found and how sure it is.
//!
//! Nothing is measured here, and raw texts are scored anew every time, so that a better normaliser needs no new run.

mod accuracy;
mod cost;
mod notes;
mod rows;
mod score;
mod timing;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use accuracy::by_speaker;
pub use accuracy::{Accuracy, Paired};
pub use cost::{Cost, HOUR_S};
pub use rows::{Row, join_key};
pub use score::{Score, Scores, Suspicion, scale_of};
pub use timing::{Clip, Cold, EnergyUse, MemoryUse, Times};

use crate::board::Board;
use crate::board::meter::Meter;
use crate::journal::{Evaluation, Outcome, Record, Session};
use crate::run::{Done, Plan};
use crate::statistics::Bootstrap;
use crate::{Error, journal};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Everything that a report says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// Version of this shape.
    pub format: u32,
    /// Program and version that measured.
    pub tool: String,
    /// When it began.
    pub created: String,
    /// The command line.
    pub words: Vec<String>,
    /// The machine.
    pub board: Board,
    /// Processes that measured.
    pub sessions: Vec<Session>,
    /// What was listened to.
    pub corpus: CorpusFacts,
    /// Engines of the grid.
    pub engines: Vec<EngineFacts>,
    /// One row for each combination.
    pub rows: Vec<Row>,
    /// How much the sentinel changed from its fastest to its slowest run, as a share; `None` without one.
    pub drift: Option<f64>,
    /// What a reader should know before believing it.
    pub notes: Vec<String>,
    /// Whether everything that was planned is there.
    pub complete: bool,
}

/// What was listened to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CorpusFacts {
    /// Digest of recordings and references.
    pub hash: String,
    /// Sets, as they were named.
    pub sets: Vec<String>,
    /// How much of them.
    pub tier: String,
    /// Recordings with speech that can be read.
    pub utterances: usize,
    /// Recordings without speech.
    pub probes: usize,
    /// Recordings that cannot be read, with the reason.
    pub unreadable: Vec<(String, String)>,
    /// Seconds of speech.
    pub seconds: f64,
    /// Speakers.
    pub speakers: usize,
    /// Names of the normalisers, by language.
    pub normalizers: Vec<(String, String)>,
    /// Licences of the recordings.
    pub licences: Vec<String>,
}

/// An engine of the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineFacts {
    /// Its name.
    pub name: String,
    /// What it says of its version.
    pub version: Option<String>,
    /// SHA-256 of the program.
    pub sha256: Option<String>,
    /// Why it is not there.
    pub problem: Option<String>,
}

/// What tables are made of: a plan and all that was measured.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// What was asked for.
    pub evaluation: Evaluation,
    /// Engines, models, recordings, cells.
    pub plan: Plan,
    /// Measurements.
    pub done: Done,
    /// Processes that measured.
    pub sessions: Vec<Session>,
    /// What was wrong with the journal.
    pub warnings: Vec<String>,
}

impl Evidence {
    /// From a journal: a file, or the one of a folder.
    ///
    /// # Errors
    /// If it cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let content = journal::read(path)?;
        let plan = Plan::from_records(&content.records);
        let Some(evaluation) = plan.evaluation.clone() else {
            let problem = "it does not say what was asked for".into();
            return Err(Error::Journal { path: path.to_path_buf(), problem });
        };
        let sessions = content.records.iter().filter_map(|record| match record {
            Record::Session(session) => Some((**session).clone()),
            _ => None,
        });
        let sessions: Vec<Session> = sessions.collect();
        let boot_id = sessions.last().map(|session| session.boot_id.clone()).unwrap_or_default();
        let done = Done::new(&content.records, &boot_id);
        Ok(Self { evaluation, plan, done, sessions, warnings: content.warnings })
    }

    /// All outcomes of all cells, in no particular order.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.plan.cells.iter().flat_map(|cell| self.done.of(&cell.id))
    }

    /// Fills in the energy of every measurement from the record of a meter; returns by how much its clock was ahead.
    pub fn import(&mut self, mut meter: Meter) -> f64 {
        let spans: Vec<(f64, f64)> = self.outcomes().map(|outcome| (outcome.span[0], outcome.span[1])).collect();
        meter.align(&spans);
        self.done.each(|outcome| {
            outcome.board.energy = meter.energy(outcome.span[0], outcome.span[1]).or(outcome.board.energy);
        });
        meter.shift_s()
    }

    /// How intervals of this evaluation are drawn.
    pub fn bootstrap(&self) -> Bootstrap {
        Bootstrap { replicates: 2000, seed: self.evaluation.grid.seed ^ 0x6e6f_6374, ..Bootstrap::default() }
    }
}

/// Scores and sums up.
pub fn summarize(evidence: &Evidence) -> Summary {
    let scores = Scores::of(evidence);
    let rows = rows::rows(evidence, &scores);
    let head = &evidence.evaluation;
    let drift = timing::drift(evidence);
    let mut summary = Summary {
        format: 1,
        tool: head.tool.clone(),
        created: head.created.clone(),
        words: head.words.clone(),
        board: head.board.clone(),
        sessions: evidence.sessions.clone(),
        corpus: corpus(evidence, &scores),
        engines: engines(&evidence.plan),
        complete: rows.iter().all(|row| row.is_complete),
        rows,
        drift,
        notes: Vec::new(),
    };
    summary.notes = notes::notes(evidence, &summary);
    summary
}

fn corpus(evidence: &Evidence, scores: &Scores) -> CorpusFacts {
    let (head, all) = (&evidence.evaluation, &evidence.plan.corpus.utterances);
    let speech: Vec<_> = all.iter().filter(|u| !u.is_probe() && u.problem.is_none()).collect();
    let mut speakers: Vec<&str> = speech.iter().map(|u| u.speaker.as_deref().unwrap_or(&u.id)).collect();
    speakers.sort_unstable();
    speakers.dedup();
    let mut licences: Vec<String> = speech.iter().filter_map(|u| u.licence.clone()).collect();
    licences.sort();
    licences.dedup();
    CorpusFacts {
        hash: head.corpus_hash.clone(),
        sets: head.grid.sets.iter().map(|set| set.display().to_string()).collect(),
        tier: head.grid.tier.name().to_owned(),
        utterances: speech.len(),
        probes: all.iter().filter(|u| u.is_probe()).count(),
        unreadable: all.iter().filter_map(|u| Some((u.id.clone(), u.problem.clone()?))).collect(),
        seconds: speech.iter().map(|u| u.duration_s).sum(),
        speakers: speakers.len(),
        normalizers: scores.normalizers(),
        licences,
    }
}

fn engines(plan: &Plan) -> Vec<EngineFacts> {
    let facts = plan.engines.iter().map(|(name, engine)| EngineFacts {
        name: name.clone(),
        version: engine.as_ref().ok().map(|engine| engine.version.clone()),
        sha256: engine.as_ref().ok().map(|engine| engine.sha256.clone()),
        problem: engine.as_ref().err().cloned(),
    });
    facts.collect()
}
