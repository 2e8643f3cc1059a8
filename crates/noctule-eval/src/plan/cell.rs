//! The grid → cells: every combination once, those that cannot be or will not fit struck out with the reason.

use super::estimate::{Speed, USUAL_BEAMS};
use super::grid::{Grid, Task};
use super::model::{ModelFacts, Place};
use crate::corpus::{Corpus, Utterance};
use crate::digest;
use crate::engine::{Engine, Mode, Settings};
use crate::run::Status;
use serde::{Deserialize, Serialize};

/// One combination and one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// A digest of everything that its result depends on, shortened.
    pub id: String,
    /// What is measured.
    pub task: Task,
    /// The engine's name.
    pub engine: String,
    /// The model's name.
    pub model: String,
    /// What else the grid says.
    pub settings: Settings,
    /// Why it is not measured, if it is not.
    pub struck: Option<Struck>,
    /// What it will take, before anything was measured, seconds.
    pub expected_s: f64,
    /// Memory that it will take, bytes.
    pub expected_bytes: u64,
}

/// A cell that is not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Struck {
    /// What its row says.
    pub status: Status,
    /// Why, and what would help.
    pub reason: String,
}

/// What cells are made of.
#[derive(Debug)]
pub struct Ingredients<'a> {
    /// What was asked for.
    pub grid: &'a Grid,
    /// Engines, or why there is none of this name.
    pub engines: &'a [(String, Result<Engine, String>)],
    /// Models of the grid.
    pub models: &'a [ModelFacts],
    /// Recordings.
    pub corpus: &'a Corpus,
    /// Indices of the recordings of the timing grid.
    pub clips: &'a [usize],
    /// What the machine can do.
    pub speed: Speed,
    /// Memory that may be taken now, bytes.
    pub available_bytes: Option<u64>,
    /// What times depend on.
    pub board: &'a str,
}

/// What must stay free beside a run, bytes.
const MARGIN: u64 = 32 << 20;

/// All cells, accuracy first.
pub fn cells(of: &Ingredients) -> Vec<Cell> {
    let mut all: Vec<Cell> = Vec::new();
    for task in [Task::Accuracy, Task::Timing, Task::Divergence] {
        if !of.grid.tasks.contains(&task) {
            continue;
        }
        for (name, engine) in of.engines {
            for model in of.models {
                for mut settings in variants(of, task) {
                    // There is always a number of threads to ask for; who cannot be asked has one row.
                    if engine.as_ref().is_ok_and(|engine| engine.description.options.threads.is_empty()) {
                        settings.threads = None;
                    }
                    let cell = cell(of, task, name, engine, model, settings);
                    // Numbers that are asked for twice, and what the engine has no choice in.
                    if !all.iter().any(|other| other.id == cell.id) {
                        all.push(cell);
                    }
                }
            }
        }
    }
    all
}

/// Settings of the grid; transcripts do not depend on threads, so accuracy has the largest number only.
fn variants(of: &Ingredients, task: Task) -> Vec<Settings> {
    let grid = of.grid;
    if task == Task::Divergence {
        return vec![Settings { threads: grid.threads.iter().max().copied(), ..Settings::default() }];
    }
    let optional = |values: &[u32]| match values {
        [] => vec![None],
        values => values.iter().map(|value| Some(*value)).collect::<Vec<_>>(),
    };
    let threads = match task {
        Task::Accuracy => vec![grid.threads.iter().max().copied()],
        _ => optional(&grid.threads),
    };
    let precisions: Vec<Option<String>> = match grid.precisions.as_slice() {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
    };
    let mut all = Vec::new();
    for mode in &grid.modes {
        // Bare decoding has one beam, whatever the grid says for the other mode.
        let beams = if *mode == Mode::Bare { vec![None] } else { optional(&grid.beams) };
        for beam_size in beams {
            for audio_ctx in optional(&grid.audio_ctx) {
                for precision in &precisions {
                    for threads in &threads {
                        let precision = precision.clone();
                        all.push(Settings { threads: *threads, beam_size, audio_ctx, precision, mode: *mode });
                    }
                }
            }
        }
    }
    all
}

fn cell(
    of: &Ingredients,
    task: Task,
    name: &str,
    engine: &Result<Engine, String>,
    model: &ModelFacts,
    settings: Settings,
) -> Cell {
    let heard: Vec<&Utterance> = recordings(of, task, model);
    let lengths = heard.iter().map(|utterance| utterance.duration_s);
    let one_by_one = engine.as_ref().is_ok_and(|engine| engine.description.files == crate::engine::Files::One);
    let once: f64 = match one_by_one {
        true => lengths.clone().map(|length| of.speed.seconds(model, &settings, [length])).sum(),
        false => of.speed.seconds(model, &settings, lengths),
    };
    let times = match task {
        Task::Accuracy => 1.0,
        Task::Timing => f64::from(of.grid.rules.repeats + 1),
        // Both models listen, one after the other, and the words are gone through again.
        Task::Divergence => 5.0,
    };
    let beams = if settings.mode == Mode::Bare { 1 } else { settings.beam_size.unwrap_or(USUAL_BEAMS) };
    let expected_bytes = model.memory_bytes(beams);
    let struck = strike(of, task, engine, model, &settings, &heard, expected_bytes);
    let (build, engine_words) = match engine {
        Ok(engine) => (engine.sha256.as_str(), serde_json::to_string(&engine.description).unwrap_or_default()),
        Err(_) => ("", name.to_owned()),
    };
    // The words of a text do not depend on how many threads there are.
    let keyed = match task {
        Task::Timing => settings.clone(),
        _ => Settings { threads: None, ..settings.clone() },
    };
    let settings_words = serde_json::to_string(&keyed).unwrap_or_default();
    let hash = Corpus { utterances: heard.into_iter().cloned().collect() }.hash();
    let parts = [task.name(), name, build, &engine_words, &model.name, &model.sha256, &settings_words, &hash, of.board];
    Cell {
        id: digest::of_parts(parts)[..16].to_owned(),
        task,
        engine: name.to_owned(),
        model: model.name.clone(),
        settings,
        struck,
        expected_s: once * times,
        expected_bytes,
    }
}

/// What a cell listens to.
fn recordings<'a>(of: &Ingredients<'a>, task: Task, model: &ModelFacts) -> Vec<&'a Utterance> {
    let understood = |utterance: &&Utterance| utterance.is_probe() || model.speaks(utterance.language.as_deref());
    match task {
        Task::Timing => of.clips.iter().map(|index| &of.corpus.utterances[*index]).filter(understood).collect(),
        Task::Accuracy => of.corpus.utterances.iter().filter(understood).collect(),
        Task::Divergence => {
            of.corpus.utterances.iter().filter(understood).filter(|u| !u.is_probe() && u.problem.is_none()).collect()
        }
    }
}

fn strike(
    of: &Ingredients,
    task: Task,
    engine: &Result<Engine, String>,
    model: &ModelFacts,
    settings: &Settings,
    heard: &[&Utterance],
    bytes: u64,
) -> Option<Struck> {
    let struck = |status, reason: String| Some(Struck { status, reason });
    let engine = match engine {
        Ok(engine) => engine,
        Err(why) => return struck(Status::Missing, why.clone()),
    };
    match &model.place {
        Place::Impossible(why) => return struck(Status::NotApplicable, why.clone()),
        Place::Missing(why) => return struck(Status::Missing, why.clone()),
        Place::Embedded if engine.description.options.model.is_empty() || engine.name() == "noctule" => {}
        Place::Embedded => {
            return struck(Status::NotApplicable, format!("{} has no model of its own: name a model", engine.name()));
        }
        Place::File(_) | Place::Wanted(_) => {}
    }
    if let Some(why) = engine.obstacle(settings) {
        return struck(Status::NotApplicable, why);
    }
    if let Some(why) = model.obstacle.as_ref().filter(|_| engine.description.stock) {
        return struck(Status::NotApplicable, format!("{} cannot read the file: {why}", engine.name()));
    }
    if settings.audio_ctx.is_some_and(|positions| u64::from(positions) > model.dims.n_audio_ctx) {
        return struck(Status::NotApplicable, format!("the model has {} encoder positions", model.dims.n_audio_ctx));
    }
    if heard.iter().all(|utterance| utterance.is_probe()) {
        let why = if model.english_only {
            "the model knows English only, and no recording is English"
        } else {
            "there is no recording for it"
        };
        return struck(Status::NotApplicable, why.into());
    }
    if task == Task::Divergence {
        if engine.description.divergence.is_none() {
            return struck(Status::NotApplicable, format!("{} does not compare models", engine.name()));
        }
        match &model.source {
            Some(source) if Some(source.as_path()) != model.path() => {}
            Some(_) => return struck(Status::NotApplicable, "it is the source itself".into()),
            None => {
                return struck(Status::NotApplicable, "the float model that it was made from is not at hand".into());
            }
        }
    }
    let limit = of.grid.rules.memory_limit_bytes.unwrap_or(u64::MAX);
    let most = of.available_bytes.unwrap_or(u64::MAX).saturating_sub(MARGIN).min(limit);
    if bytes > most && !of.grid.rules.try_anyway {
        let more = (bytes - most).div_ceil(1 << 20);
        let what = if most == limit { "are allowed" } else { "are free" };
        return struck(
            Status::NotRun,
            format!("it needs about {} MB and {} MB {what}: {more} MB too many", bytes.div_ceil(1 << 20), most >> 20),
        );
    }
    None
}

/// Recordings that time is measured on: one of middle length, then the longest that are not too long.
pub fn clips(corpus: &Corpus, models: &[ModelFacts], count: usize) -> Vec<usize> {
    let all_speak = |u: &Utterance| models.iter().all(|model| model.speaks(u.language.as_deref()));
    let usable = |u: &Utterance| !u.is_probe() && u.problem.is_none() && u.duration_s > 0.0;
    let with = |wanted: &dyn Fn(&Utterance) -> bool| -> Vec<usize> {
        let found = corpus.utterances.iter().enumerate().filter(|(_, u)| usable(u) && wanted(u));
        found.map(|(index, _)| index).collect()
    };
    let mut candidates = with(&all_speak);
    if candidates.is_empty() {
        candidates = with(&|_| true);
    }
    let length = |index: &usize| corpus.utterances[*index].duration_s;
    candidates.sort_by(|a, b| length(a).total_cmp(&length(b)));
    let short: Vec<usize> = candidates.iter().copied().filter(|index| length(index) <= LONGEST_CLIP_S).collect();
    let pool = if short.is_empty() { candidates } else { short };
    let Some(middle) = pool
        .iter()
        .copied()
        .min_by(|a, b| (length(a) - MIDDLE_CLIP_S).abs().total_cmp(&(length(b) - MIDDLE_CLIP_S).abs()))
    else {
        return Vec::new();
    };
    let longest = pool.iter().rev().copied().filter(|index| *index != middle);
    std::iter::once(middle).chain(longest).take(count).collect()
}

/// The recording that everybody uses lasts eleven seconds.
const MIDDLE_CLIP_S: f64 = 11.0;
/// Longer recordings make a timing grid too slow.
const LONGEST_CLIP_S: f64 = 65.0;
