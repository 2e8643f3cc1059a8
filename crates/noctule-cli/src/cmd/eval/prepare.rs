//! From the arguments to the records of a new journal: grid, models, engines, recordings, cells.

use super::{shelf, smoke, sounds::Decoder};
use crate::args::{Budget, EvalArgs, EvalModeArg, PrecisionArg, TaskArg, TierArg};
use crate::failure::Failure;
use crate::terminal;
use noctule::{Precision, Tier as CpuTier};
use noctule_eval::board::{Board, Memory};
use noctule_eval::corpus::{Tier, Wanted, prepare};
use noctule_eval::engine::{Description, Engine, Mode};
use noctule_eval::journal::{EngineRecord, Evaluation, FORMAT, Record};
use noctule_eval::plan::{Grid, Ingredients, ModelFacts, Place, Rules, Speed, Task, cells, clips, numbers};
use noctule_kernels::{Compute, GgmlType};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A first look is to be over in three minutes; the last run and the report take the rest, seconds.
const FIRST_LOOK_S: f64 = 150.0;

/// The folder of a new evaluation, absolute.
pub fn folder(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let named = match given {
        Some(folder) => folder.to_path_buf(),
        None => {
            // 2026-11-26T10:15:30.123Z → 20261126-101530
            let now = jiff::Timestamp::now().to_string();
            let digits: String = now.chars().take_while(|c| *c != '.').filter(char::is_ascii_digit).collect();
            let (day, time) = digits.split_at(digits.len().min(8));
            PathBuf::from(format!("noctule-eval-{day}-{time}"))
        }
    };
    std::path::absolute(&named).map_err(|error| Failure::work(format!("{}: {error}", named.display())))
}

/// All records of a plan. Models that are missing are fetched or made, unless nothing is to be measured.
///
/// # Errors
/// [`Failure::Usage`] for a grid that means nothing, [`Failure::Work`] for recordings that cannot be read.
pub fn records(args: &EvalArgs, folder: &Path) -> Result<Vec<Record>, Failure> {
    // Mistakes of the command line first, before anything is written.
    let mut grid = grid(args)?;
    let engines = engines(&args.engine)?;
    find_models(args, folder, false)?;
    let own_clips = args.audio.is_empty();
    if own_clips {
        grid.sets = vec![smoke::write(folder)?];
    }
    let root = super::root();
    let language = grid.language.clone();
    let wanted = Wanted { sets: &grid.sets, tier: grid.tier, seed: grid.seed, language: language.as_deref(), folder };
    let corpus = prepare(&wanted, &Decoder)?;
    let models = models(args, folder)?;
    if own_clips {
        // The folder of the evaluation may move.
        grid.sets = vec!["(the program's own clips)".into()];
    }
    let clips = clips(&corpus, &models, grid.clips);
    let (board, speed) = (Board::look(&root), speed());
    let identity = board.identity();
    let cells = cells(&Ingredients {
        grid: &grid,
        engines: &engines,
        models: &models,
        corpus: &corpus,
        clips: &clips,
        speed,
        available_bytes: Memory::now(&root).map(|memory| memory.available_bytes),
        board: &identity,
    });
    let head = Evaluation {
        format: FORMAT,
        tool: format!("noctule {}", env!("CARGO_PKG_VERSION")),
        created: jiff::Timestamp::now().to_string(),
        words: std::iter::once("noctule".to_owned()).chain(std::env::args().skip(1)).collect(),
        grid,
        board,
        speed,
        clips: clips.iter().map(|index| corpus.utterances[*index].id.clone()).collect(),
        corpus_hash: corpus.hash(),
    };
    let mut records = vec![Record::Evaluation(Box::new(head))];
    records.extend(engines.into_iter().map(|(name, engine)| {
        let problem = engine.as_ref().err().cloned();
        Record::Engine(Box::new(EngineRecord { name, engine: engine.ok(), problem }))
    }));
    records.extend(models.into_iter().map(|model| Record::Model(Box::new(model))));
    records.extend(corpus.utterances.into_iter().map(|utterance| Record::Utterance(Box::new(utterance))));
    records.extend(cells.into_iter().map(|cell| Record::Cell(Box::new(cell))));
    Ok(records)
}

fn grid(args: &EvalArgs) -> Result<Grid, Failure> {
    let own_clips = args.audio.is_empty();
    let range = |name: &str, text: &Option<String>| match text {
        Some(text) => numbers(text).map_err(|problem| Failure::usage(format!("--{name}: {problem}"))),
        None => Ok(Vec::new()),
    };
    let mut threads = range("threads", &args.threads)?;
    if threads.is_empty() {
        threads = vec![1, cores()];
        threads.dedup();
    }
    let tier = match args.tier {
        Some(TierArg::Smoke) => Tier::Smoke,
        Some(TierArg::Quick) => Tier::Quick,
        Some(TierArg::Standard) => Tier::Standard,
        Some(TierArg::Full) => Tier::Full,
        None if own_clips => Tier::Full,
        None => Tier::Quick,
    };
    let budget_s = match args.budget {
        Some(Budget::Seconds(seconds)) => Some(seconds),
        Some(Budget::Endless) => None,
        None => (own_clips && args.models.is_empty()).then_some(FIRST_LOOK_S),
    };
    Ok(Grid {
        engines: args.engine.clone(),
        models: args.models.clone(),
        types: args.types.iter().cloned().collect(),
        threads,
        beams: range("beam-size", &args.beam_size)?,
        audio_ctx: range("audio-ctx", &args.audio_ctx)?,
        precisions: args.precision.iter().map(|precision| precision_name(*precision).to_owned()).collect(),
        modes: args
            .mode
            .iter()
            .map(|mode| match mode {
                EvalModeArg::Product => Mode::Product,
                EvalModeArg::Bare => Mode::Bare,
            })
            .collect(),
        sets: args.audio.clone(),
        tier,
        language: args.language.clone(),
        seed: args.seed,
        tasks: args
            .tasks
            .iter()
            .map(|task| match task {
                TaskArg::Accuracy => Task::Accuracy,
                TaskArg::Timing => Task::Timing,
                TaskArg::Divergence => Task::Divergence,
            })
            .collect(),
        clips: args.clips.into(),
        rules: Rules {
            repeats: args.repeats.into(),
            most_repeats: args.most_repeats.max(args.repeats).into(),
            half_width: f64::from(args.half_width) / 100.0,
            budget_s,
            timeout_s: args.timeout,
            memory_limit_bytes: args.memory_limit.filter(|limit| *limit != u64::MAX),
            try_anyway: args.try_anyway,
            cool_to: args.cool_to.map(f64::from),
            ..Rules::default()
        },
    })
}

fn precision_name(precision: PrecisionArg) -> &'static str {
    match precision {
        PrecisionArg::Accurate => Precision::Accurate.name(),
        PrecisionArg::Fast => Precision::Fast.name(),
    }
}

/// Engines by their names, or why there is none of that name.
type Engines = Vec<(String, Result<Engine, String>)>;

fn engines(words: &[String]) -> Result<Engines, Failure> {
    let own = std::env::current_exe().ok();
    let mut all = Engines::new();
    for word in words {
        let description = match word.as_str() {
            "noctule" => Description::noctule(),
            "whisper-cli" => Description::whisper_cli(),
            // A path to whisper-cli is as good as its name.
            path if Path::new(path).file_name().is_some_and(|name| name == "whisper-cli") => {
                let mut description = Description::whisper_cli();
                description.command[0] = path.to_owned();
                description.version[0] = path.to_owned();
                description
            }
            path => Description::read(Path::new(path))?,
        };
        if all.iter().any(|(name, _)| *name == description.name) {
            return Err(Failure::usage(format!("two engines are called '{}'", description.name)));
        }
        all.push((description.name.clone(), Engine::find(description, own.as_deref())));
    }
    Ok(all)
}

fn find_models(args: &EvalArgs, folder: &Path, digests: bool) -> Result<Vec<ModelFacts>, Failure> {
    shelf::Shelf { words: &args.models, types: args.types.as_deref(), folder, digests }.find()
}

/// The models of the grid, those that are missing made.
fn models(args: &EvalArgs, folder: &Path) -> Result<Vec<ModelFacts>, Failure> {
    let wanted = find_models(args, folder, false)?;
    if args.dry_run && !args.no_pull {
        return Ok(wanted);
    }
    let failed = shelf::make(&wanted, folder, args.no_pull, args.quiet)?;
    let mut models = find_models(args, folder, true)?;
    for model in models.iter_mut().filter(|model| matches!(model.place, Place::Wanted(_))) {
        let why = failed.iter().find(|(name, _)| *name == model.name).map(|(_, why)| why.clone());
        model.place = Place::Missing(why.unwrap_or_else(|| "it could not be made".into()));
    }
    for model in &models {
        if let Place::Missing(why) | Place::Impossible(why) = &model.place {
            terminal::warning(&format!("{}: {why}", model.name));
        }
    }
    Ok(models)
}

/// Processors that this program may use.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

/// What this machine can do, measured in less than a second.
pub fn speed() -> Speed {
    let Ok(tier) = CpuTier::detect() else { return Speed::default() };
    let cores = cores();
    let time = Duration::from_millis(150);
    let one = Compute::new(tier, 1, Precision::Fast).peak(GgmlType::Q8_0, time);
    let all = Compute::new(tier, cores as usize, Precision::Fast).peak(GgmlType::Q8_0, time);
    Speed { macs: one.macs, bytes: one.bytes, scaling: (all.macs / one.macs).clamp(1.0, f64::from(cores)), cores }
}
