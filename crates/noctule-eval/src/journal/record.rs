//! What a journal holds, record by record.

use crate::board::{Board, BoardUse, Drive};
use crate::corpus::Utterance;
use crate::engine::{Engine, Phases};
use crate::plan::{Cell, Grid, ModelFacts, Speed};
use crate::run::{Status, Usage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of this format. What an older program cannot read gets a new number.
pub const FORMAT: u32 = 1;

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// What was asked for: the first line.
    Evaluation(Box<Evaluation>),
    /// An engine of the grid.
    Engine(Box<EngineRecord>),
    /// A model of the grid.
    Model(Box<ModelFacts>),
    /// A recording.
    Utterance(Box<Utterance>),
    /// A combination to measure, or one that was struck out.
    Cell(Box<Cell>),
    /// A process began to measure.
    Session(Box<Session>),
    /// A measurement is about to begin.
    Intent(Intent),
    /// A measurement has ended.
    Outcome(Box<Outcome>),
}

/// What was asked for, of what program, on which machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// [`FORMAT`].
    pub format: u32,
    /// Program and version.
    pub tool: String,
    /// When, RFC 3339.
    pub created: String,
    /// The command line.
    pub words: Vec<String>,
    /// What it means.
    pub grid: Grid,
    /// The machine.
    pub board: Board,
    /// What it can do.
    pub speed: Speed,
    /// Names of the recordings that time is measured on.
    pub clips: Vec<String>,
    /// Digest of all recordings and references.
    pub corpus_hash: String,
}

/// An engine, or why there is none of that name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineRecord {
    /// Its name.
    pub name: String,
    /// What was found.
    pub engine: Option<Engine>,
    /// Why nothing was.
    pub problem: Option<String>,
}

/// One process that measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// When it began, RFC 3339.
    pub started: String,
    /// Of this start of the machine.
    pub boot_id: String,
    /// The machine now.
    pub board: Board,
    /// Available memory at the beginning, bytes.
    pub available_bytes: Option<u64>,
    /// Load averages at the beginning: of 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// What the folder of the evaluation lies on.
    pub drive: Option<Drive>,
    /// Power while nothing was measured, watts.
    pub idle_w: Option<f64>,
}

/// Which part of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Recordings that one process is given, by the number of the block.
    Block(u32),
    /// One recording of a block that failed as a whole, by its number in the cell.
    Single(u32),
    /// Repetition and clip of the timing grid; repetition 0 warms up, with a cold model.
    Run(u32, u32),
    /// The sentinel once more.
    Sentinel(u32),
    /// All of the cell.
    Whole,
}

/// Written before a measurement, so that one that took the machine down is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The cell.
    pub cell: String,
    /// Which part.
    pub unit: Unit,
    /// Of this start of the machine.
    pub boot_id: String,
}

/// What became of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The cell.
    pub cell: String,
    /// Which part.
    pub unit: Unit,
    /// How it ended.
    pub status: Status,
    /// More about that, where there is more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// When it began and ended by the wall clock, seconds since 1970.
    pub span: [f64; 2],
    /// By how much the wall clock was set meanwhile, seconds. Nothing was measured with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_step_s: Option<f64>,
    /// It began hotter than it should, °C: waiting did not help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_hot: Option<f64>,
    /// What the process took.
    pub usage: Usage,
    /// What happened to the machine.
    pub board: BoardUse,
    /// What the engine told of itself.
    #[serde(default)]
    pub phases: Phases,
    /// Instruction tier or system line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// How the engine computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// The text of every recording, as it was written down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<Text>,
    /// Distance from the source, by figure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub divergence: BTreeMap<String, f64>,
    /// The end of what it said on standard error, if it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,
}

/// A transcript.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// The recording's name.
    pub utterance: String,
    /// What was written down; `None` if nothing could be.
    pub text: Option<String>,
    /// Why nothing could be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Tokens of it, where the engine tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<f64>,
    /// Second attempts, where the engine tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallbacks: Option<f64>,
}
