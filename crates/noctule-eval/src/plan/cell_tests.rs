//! Which combinations become cells, which are struck out, and what they are told apart by.

use super::cell::{Cell, Ingredients, cells, clips};
use super::{Grid, ModelFacts, Place, Rules, Speed, Task};
use crate::corpus::{Corpus, Utterance};
use crate::engine::{Description, Engine, Mode};
use crate::run::Status;

fn engine(description: Description) -> (String, Result<Engine, String>) {
    let name = description.name.clone();
    let engine = Engine { description, program: "/bin/x".into(), version: "1".into(), sha256: "e".into() };
    (name, Ok(engine))
}

fn model(name: &str) -> ModelFacts {
    let (family, weights) = name.split_once('-').unwrap_or((name, "f16"));
    let mut facts = ModelFacts {
        name: name.into(),
        family: family.into(),
        weights: weights.into(),
        place: Place::File(format!("{name}.bin").into()),
        size_bytes: 60 << 20,
        sha256: name.into(),
        working_bytes: 40 << 20,
        source: Some(format!("{family}.bin").into()),
        ..ModelFacts::default()
    };
    facts.dims.n_audio_ctx = 1500;
    facts
}

fn speech(id: &str, language: &str, seconds: f64) -> Utterance {
    Utterance {
        id: id.into(),
        audio: format!("{id}.wav").into(),
        text: Some("words".into()),
        language: Some(language.into()),
        duration_s: seconds,
        sha256: id.into(),
        ..Utterance::default()
    }
}

fn corpus() -> Corpus {
    let lengths = [
        ("a", "en", 4.0),
        ("b", "en", 12.0),
        ("c", "en", 50.0),
        ("d", "de", 8.0),
        ("e", "en", 300.0),
        ("p", "zxx", 10.0),
    ];
    Corpus { utterances: lengths.iter().map(|(id, language, s)| speech(id, language, *s)).collect() }
}

fn plan(grid: Grid, models: &[ModelFacts], available: Option<u64>) -> Vec<Cell> {
    let engines = [engine(Description::noctule()), engine(Description::whisper_cli())];
    let asked: Vec<_> = engines.into_iter().filter(|(name, _)| grid.engines.contains(name)).collect();
    let corpus = corpus();
    let clips = clips(&corpus, models, grid.clips);
    cells(&Ingredients {
        grid: &grid,
        engines: &asked,
        models,
        corpus: &corpus,
        clips: &clips,
        speed: Speed::default(),
        available_bytes: available,
        board: "board",
    })
}

fn reason(cells: &[Cell], engine: &str, model: &str, task: Task) -> (Status, String) {
    let found = cells.iter().find(|c| c.engine == engine && c.model == model && c.task == task).expect("a cell");
    found.struck.as_ref().map_or((Status::Ok, String::new()), |struck| (struck.status, struck.reason.clone()))
}

#[test]
fn threads_are_for_timing_only_and_nothing_is_there_twice() {
    let grid =
        Grid { threads: vec![1, 2, 2], beams: vec![1, 5], modes: vec![Mode::Product, Mode::Bare], ..Grid::default() };
    let cells = plan(grid, &[model("base")], None);
    let count = |task| cells.iter().filter(|cell| cell.task == task).count();
    assert_eq!((count(Task::Accuracy), count(Task::Timing)), (3, 6));
    assert!(cells.iter().filter(|cell| cell.task == Task::Accuracy).all(|cell| cell.settings.threads == Some(2)));
    let mut ids: Vec<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), cells.len());
}

#[test]
fn what_cannot_be_is_struck_out_with_the_reason() {
    let mixed = ModelFacts { obstacle: Some("it has several types".into()), ..model("tiny.en-q4_k") };
    let impossible = ModelFacts { place: Place::Impossible("384 % 256 is not 0".into()), ..model("tiny-q4_k") };
    let missing = ModelFacts { place: Place::Missing("noctule models pull base".into()), ..model("base") };
    let large = ModelFacts { size_bytes: 900 << 20, ..model("large") };
    let embedded = ModelFacts { place: Place::Embedded, source: None, ..model("tiny.en") };
    let engines = vec!["noctule".into(), "whisper-cli".into()];
    let tasks = vec![Task::Accuracy, Task::Timing, Task::Divergence];
    let grid = Grid { engines, tasks, audio_ctx: vec![2000], ..Grid::default() };
    let models = [mixed, impossible, missing, large, embedded];
    let cells = plan(Grid { audio_ctx: Vec::new(), ..grid.clone() }, &models, Some(512 << 20));
    let of = |engine: &str, model: &str| reason(&cells, engine, model, Task::Timing);
    assert_eq!(of("noctule", "tiny.en-q4_k").0, Status::Ok);
    assert_eq!(of("whisper-cli", "tiny.en-q4_k").0, Status::NotApplicable);
    assert!(of("whisper-cli", "tiny.en-q4_k").1.contains("several types"));
    assert_eq!(of("noctule", "tiny-q4_k"), (Status::NotApplicable, "384 % 256 is not 0".into()));
    assert_eq!(of("noctule", "base").0, Status::Missing);
    let (status, why) = of("noctule", "large");
    assert_eq!(status, Status::NotRun);
    assert!(why.contains("needs about 940 MB and 480 MB are free: 460 MB too many"), "{why}");
    assert_eq!(of("noctule", "tiny.en").0, Status::Ok);
    assert!(of("whisper-cli", "tiny.en").1.contains("no model of its own"));
    assert!(reason(&cells, "whisper-cli", "tiny.en-q4_k", Task::Divergence).1.contains("cannot read"));
    assert!(reason(&cells, "noctule", "tiny.en", Task::Divergence).1.contains("not at hand"));
    let anyway = Grid { rules: Rules { try_anyway: true, ..Rules::default() }, ..grid.clone() };
    assert_eq!(
        reason(
            &plan(Grid { audio_ctx: Vec::new(), ..anyway }, &models, Some(512 << 20)),
            "noctule",
            "large",
            Task::Timing
        )
        .0,
        Status::Ok
    );
    assert!(reason(&plan(grid, &[model("base-q5_0")], None), "noctule", "base-q5_0", Task::Timing).1.contains("1500"));
}

#[test]
fn a_limit_counts_like_free_memory() {
    let rules = Rules { memory_limit_bytes: Some(64 << 20), ..Rules::default() };
    let cells = plan(Grid { rules, ..Grid::default() }, &[model("base")], Some(8 << 30));
    assert!(reason(&cells, "noctule", "base", Task::Timing).1.contains("64 MB are allowed: 36 MB too many"));
}

#[test]
fn english_models_listen_to_english() {
    let english = ModelFacts { english_only: true, ..model("tiny.en") };
    let both = plan(Grid::default(), &[english.clone(), model("base")], None);
    let ids: Vec<&str> = both.iter().map(|cell| cell.id.as_str()).collect();
    let corpus = corpus();
    assert_eq!(
        clips(&corpus, &[english.clone(), model("base")], 2),
        [1, 2],
        "12 s, and 50 s as the longest below 65 s"
    );
    assert_eq!(clips(&corpus, &[], 1), [1]);
    // Without the German recording only what listens to it changes.
    let fewer = Corpus { utterances: corpus.utterances.iter().filter(|u| u.id != "d").cloned().collect() };
    let engines = [engine(Description::noctule())];
    let models = [english, model("base")];
    let clips = clips(&fewer, &models, 2);
    let grid = Grid::default();
    let again = cells(&Ingredients {
        grid: &grid,
        engines: &engines,
        models: &models,
        corpus: &fewer,
        clips: &clips,
        speed: Speed::default(),
        available_bytes: None,
        board: "board",
    });
    let kept = again.iter().filter(|cell| ids.contains(&cell.id.as_str()));
    let kept: Vec<_> = kept.map(|cell| (cell.model.as_str(), cell.task)).collect();
    assert_eq!(kept, [("tiny.en", Task::Accuracy), ("tiny.en", Task::Timing), ("base", Task::Timing)]);
}

#[test]
fn an_engine_that_is_not_there_is_a_row() {
    let grid = Grid::default();
    let corpus = corpus();
    let engines = [("nowhere".to_owned(), Err("there is no program 'nowhere'".to_owned()))];
    let found = cells(&Ingredients {
        grid: &grid,
        engines: &engines,
        models: &[model("base")],
        corpus: &corpus,
        clips: &[0],
        speed: Speed::default(),
        available_bytes: None,
        board: "board",
    });
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|cell| cell.struck.as_ref().unwrap().status == Status::Missing));
    let text = super::show(&found);
    assert!(text.contains("missing") && text.contains("0 of 2 cells"), "{text}");
}
