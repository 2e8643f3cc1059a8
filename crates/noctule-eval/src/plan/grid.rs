//! What was asked for: everything that decides which cells there are and how they are measured.

use crate::corpus::Tier;
use crate::engine::Mode;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The grid and the rules of the measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Engines: `noctule`, `whisper-cli`, or files of descriptions.
    pub engines: Vec<String>,
    /// Models as they were named.
    pub models: Vec<String>,
    /// Types that the float models among them are taken in; none for the models as they are.
    pub types: Vec<String>,
    /// Threads of the timing grid.
    pub threads: Vec<u32>,
    /// Beams; the engines' own number without.
    pub beams: Vec<u32>,
    /// Encoder positions; all without.
    pub audio_ctx: Vec<u32>,
    /// Arithmetic of noctule; its own choice without.
    pub precisions: Vec<String>,
    /// How much engines may do for a good text.
    pub modes: Vec<Mode>,
    /// Sets of recordings.
    pub sets: Vec<PathBuf>,
    /// How much of them.
    pub tier: Tier,
    /// Language where a set says none.
    pub language: Option<String>,
    /// Decides samples, orders and resampling.
    pub seed: u64,
    /// What is measured.
    pub tasks: Vec<Task>,
    /// Recordings of the timing grid.
    pub clips: usize,
    /// Rules of the measurement.
    pub rules: Rules,
}

/// What a cell is measured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The words of all recordings, once.
    Accuracy,
    /// Time, memory and energy of a few recordings, again and again.
    Timing,
    /// Distance of the probabilities from those of the float model.
    Divergence,
}

impl Task {
    /// For people and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Timing => "timing",
            Self::Divergence => "divergence",
        }
    }
}

/// How it is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Runs of a timing cell at least.
    pub repeats: u32,
    /// And at most.
    pub most_repeats: u32,
    /// Half-width of the interval of the time at which repeating ends, as a share of the time.
    pub half_width: f64,
    /// Everything ends when this much time is used up, seconds.
    pub budget_s: Option<f64>,
    /// Longest time of one run, seconds; ten times what is expected without, and at least a minute.
    pub timeout_s: Option<f64>,
    /// Memory that an engine may have, bytes.
    pub memory_limit_bytes: Option<u64>,
    /// Whether to try what is expected not to fit.
    pub try_anyway: bool,
    /// A timing run starts below this temperature, °C.
    pub cool_to: Option<f64>,
    /// Longest wait for that, seconds.
    pub cool_wait_s: f64,
    /// Runs between two of the sentinel, the cell that shows drift.
    pub sentinel_every: u32,
    /// Audio of one process of the accuracy grid, seconds.
    pub block_s: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            repeats: 5,
            most_repeats: 15,
            half_width: 0.03,
            budget_s: None,
            timeout_s: None,
            memory_limit_bytes: None,
            try_anyway: false,
            cool_to: None,
            cool_wait_s: 300.0,
            sentinel_every: 10,
            block_s: 60.0,
        }
    }
}

impl Default for Grid {
    fn default() -> Self {
        Self {
            engines: vec!["noctule".into()],
            models: Vec::new(),
            types: Vec::new(),
            threads: Vec::new(),
            beams: Vec::new(),
            audio_ctx: Vec::new(),
            precisions: Vec::new(),
            modes: vec![Mode::Product],
            sets: Vec::new(),
            tier: Tier::Quick,
            language: None,
            seed: 0,
            tasks: vec![Task::Accuracy, Task::Timing],
            clips: 2,
            rules: Rules::default(),
        }
    }
}
