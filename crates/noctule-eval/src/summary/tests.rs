//! Tables of an evaluation that was made up: three models, twelve recordings, two clips.

use super::*;
use crate::corpus::{Corpus, Utterance};
use crate::engine::{Description, Engine, Phases};
use crate::journal::tests::outcome;
use crate::journal::{Text, Unit};
use crate::plan::{Cell, Dims, Grid, Ingredients, ModelFacts, Place, Speed, Task, cells};
use crate::run::{Status, Usage};

/// References of twelve words each.
const SAID: &str = "the quick brown fox jumps over the lazy dog and runs away";

fn utterance(index: usize) -> Utterance {
    Utterance {
        id: format!("set/u{index:02}"),
        audio: format!("u{index:02}.wav").into(),
        text: Some(SAID.into()),
        language: Some("en".into()),
        speaker: Some(format!("s{}", index % 4)),
        duration_s: if index == 0 { 60.0 } else { 10.0 },
        sha256: format!("{index:064}"),
        licence: Some("CC0".into()),
        problem: (index == 12).then(|| "it is broken".into()),
    }
}

fn model(name: &str, weights: &str, megabytes: u64) -> ModelFacts {
    let dims = Dims {
        n_audio_ctx: 1500,
        n_audio_state: 512,
        n_audio_layer: 6,
        n_text_state: 512,
        n_text_layer: 6,
        n_vocab: 51_865,
        n_mels: 80,
    };
    ModelFacts {
        name: name.into(),
        family: "base".into(),
        weights: weights.into(),
        place: Place::File(format!("{name}.bin").into()),
        size_bytes: megabytes << 20,
        sha256: name.into(),
        types: [(weights.to_owned(), 92)].into(),
        dims,
        working_bytes: 60 << 20,
        beam_bytes: 5 << 20,
        source: Some("base.bin".into()),
        ..ModelFacts::default()
    }
}

/// What one model of the made-up evaluation does.
pub(crate) struct Made {
    pub name: &'static str,
    pub weights: &'static str,
    pub megabytes: u64,
    /// Every so many recordings one word is wrong; 0 is never.
    pub wrong_every: usize,
    /// Seconds for a window, and for a token.
    pub window_s: f64,
    pub token_s: f64,
    pub peak_megabytes: u64,
}

pub(crate) const USUAL: [Made; 3] = [
    Made {
        name: "base",
        weights: "f16",
        megabytes: 148,
        wrong_every: 4,
        window_s: 2.0,
        token_s: 0.01,
        peak_megabytes: 290,
    },
    Made {
        name: "base-q4_k",
        weights: "q4_k",
        megabytes: 46,
        wrong_every: 3,
        window_s: 1.0,
        token_s: 0.005,
        peak_megabytes: 150,
    },
    Made {
        name: "base-q2_k",
        weights: "q2_k",
        megabytes: 30,
        wrong_every: 1,
        window_s: 1.1,
        token_s: 0.02,
        peak_megabytes: 130,
    },
];

/// An evaluation of these models, with `rounds` repetitions after the warming one.
pub(crate) fn evidence(made: &[Made], rounds: u32) -> Evidence {
    let models: Vec<ModelFacts> = made.iter().map(|m| model(m.name, m.weights, m.megabytes)).collect();
    let corpus = Corpus { utterances: (0..13).map(utterance).collect() };
    let (description, program) = (Description::noctule(), "/bin/noctule".into());
    let engine = Engine { description, program, version: "noctule 0".into(), sha256: "e".into() };
    let engines = vec![("noctule".to_owned(), Ok(engine))];
    let grid = Grid { threads: vec![1, 2], sets: vec!["set".into()], ..Grid::default() };
    let clips = vec![0, 1];
    let cells = cells(&Ingredients {
        grid: &grid,
        engines: &engines,
        models: &models,
        corpus: &corpus,
        clips: &clips,
        speed: Speed::default(),
        available_bytes: None,
        board: "board",
    });
    let evaluation = Evaluation {
        format: 1,
        tool: "noctule 0".into(),
        created: "2026-11-26T10:00:00Z".into(),
        words: vec!["noctule".into(), "eval".into(), "base".into()],
        grid,
        board: Board { cpu: "Cortex-A72".into(), cores: 4, ..Board::default() },
        speed: Speed::default(),
        clips: clips.iter().map(|index| corpus.utterances[*index].id.clone()).collect(),
        corpus_hash: corpus.hash(),
    };
    let plan = Plan { evaluation: Some(evaluation.clone()), engines, models, corpus, cells };
    let mut done = Done::default();
    for cell in &plan.cells {
        let made = made.iter().find(|made| made.name == cell.model).unwrap();
        match cell.task {
            Task::Accuracy => done.add(spoken(&plan, &cell.id, made)),
            _ => timed(&plan, cell, made, rounds).into_iter().for_each(|outcome| done.add(outcome)),
        }
    }
    let session = Session { started: "2026-11-26T10:00:01Z".into(), ..Session::default() };
    Evidence { evaluation, plan, done, sessions: vec![session], warnings: Vec::new() }
}

fn spoken(plan: &Plan, cell: &str, made: &Made) -> Outcome {
    let text = |(index, utterance): (usize, &Utterance)| {
        let wrong = made.wrong_every > 0 && index % made.wrong_every == 0;
        let said =
            if wrong { SAID.replace("lazy", "crazy") } else { format!("{SAID}.").replace("the quick", "The quick") };
        Text { utterance: utterance.id.clone(), text: Some(said), ..Text::default() }
    };
    let readable = plan.corpus.utterances.iter().enumerate().filter(|(_, u)| u.problem.is_none());
    let texts = readable.map(text).collect();
    let usage = Usage { max_rss_bytes: (made.peak_megabytes << 20) - 4096, wall_s: 30.0, ..Usage::default() };
    Outcome {
        texts,
        usage,
        tier: Some("neon".into()),
        precision: Some("fast".into()),
        ..outcome(cell, Unit::Block(0), 30.0)
    }
}

fn timed(plan: &Plan, cell: &Cell, made: &Made, rounds: u32) -> Vec<Outcome> {
    let threads = f64::from(cell.settings.threads.unwrap_or(1));
    let run = |round: u32, clip: usize| {
        let seconds = plan.corpus.utterances[clip].duration_s;
        let (windows, tokens) = ((seconds / 30.0).ceil(), seconds * 4.0);
        // Rounds differ by a tenth of a per cent.
        let pace = (1.0 + 0.001 * f64::from(round)) / threads;
        let (encode, decode) = (windows * made.window_s * pace, tokens * made.token_s * pace);
        let phases = Phases {
            load_s: Some(0.2),
            mel_s: Some(0.0),
            encode_s: Some(encode),
            decode_s: Some(decode),
            windows: Some(windows),
            tokens: Some(tokens),
            ..Phases::default()
        };
        let usage =
            Usage { wall_s: 0.2 + encode + decode, max_rss_bytes: made.peak_megabytes << 20, ..Usage::default() };
        let texts = vec![Text {
            utterance: plan.corpus.utterances[clip].id.clone(),
            text: Some(SAID.into()),
            ..Text::default()
        }];
        Outcome { phases, usage, texts, ..outcome(&cell.id, Unit::Run(round, clip as u32), 0.0) }
    };
    (0..=rounds).flat_map(|round| [run(round, 0), run(round, 1)]).collect()
}

fn row<'a>(summary: &'a Summary, model: &str, threads: u32) -> &'a Row {
    summary.rows.iter().find(|row| row.model == model && row.settings.threads == Some(threads)).unwrap()
}

#[test]
fn words_times_and_memory_stand_side_by_side() {
    let summary = summarize(&evidence(&USUAL, 5));
    assert_eq!(summary.rows.len(), 6);
    assert!(summary.complete && summary.rows.iter().all(|row| row.status == Status::Ok), "{:?}", summary.rows);
    let base = row(&summary, "base", 2);
    let accuracy = &base.accuracy[0];
    // Three of twelve recordings of twelve words have an error.
    assert_eq!((accuracy.counts.errors(), accuracy.counts.reference_words(), accuracy.utterances), (3, 144, 12));
    assert!((accuracy.error_rate.estimate - 3.0 / 144.0).abs() < 1e-12);
    assert!(
        accuracy.error_rate.low < accuracy.error_rate.estimate
            && accuracy.error_rate.high > accuracy.error_rate.estimate
    );
    assert!(accuracy.raw_error_rate > accuracy.error_rate.estimate, "a full stop is an error of the raw words");
    let times = base.times.as_ref().unwrap();
    assert_eq!((times.repeats, times.is_known, times.clips.len()), (5, true, 2));
    // 70 s of audio: three windows of 2 s, 280 tokens of 10 ms, on two threads, and loading twice.
    let expected = 0.4 + 1.003 * (3.0 * 2.0 + 280.0 * 0.01) / 2.0;
    assert!((times.wall_s.estimate - expected).abs() < 1e-9, "{}", times.wall_s.estimate);
    assert!((times.real_time_factor.estimate - expected / 70.0).abs() < 1e-9);
    assert_eq!(base.memory.unwrap().peak_bytes, 290 << 20);
    assert_eq!((base.tier.as_deref(), base.precision.as_deref()), (Some("neon"), Some("fast")));
    assert!(summary.notes.iter().any(|note| note.contains("144 words")), "{:?}", summary.notes);
    assert!(summary.notes.iter().any(|note| note.contains("u12 cannot be read")), "{:?}", summary.notes);
    assert_eq!(summary.corpus.normalizers[0].0, "en");
}

#[test]
fn an_hour_follows_from_windows_and_tokens() {
    let summary = summarize(&evidence(&USUAL, 5));
    let cost = row(&summary, "base-q4_k", 1).cost.unwrap();
    // The longest clip has a window every 30 s and four tokens a second.
    assert_eq!(cost.hour, [120.0, 14_400.0]);
    let expected = 0.2 + 1.003 * (120.0 * 1.0 + 14_400.0 * 0.005);
    assert!((cost.hour_s.estimate - expected).abs() < 1e-6, "{}", cost.hour_s.estimate);
    assert!(cost.by_phases && cost.residual < 0.01, "{cost:?}");
}

#[test]
fn types_are_compared_with_their_float_model() {
    let summary = summarize(&evidence(&USUAL, 5));
    assert!(row(&summary, "base", 1).accuracy[0].paired.is_none());
    let paired = row(&summary, "base-q2_k", 1).accuracy[0].paired.clone().unwrap();
    assert_eq!((paired.baseline.as_str(), paired.quality.worse, paired.quality.equal), ("base", 9, 3));
    assert!((paired.difference.interval.estimate - 9.0 / 144.0).abs() < 1e-12);
    assert!(paired.difference.interval.low > 0.0, "nine more errors in every part of the set are no accident");
}

#[test]
fn what_became_of_a_failed_block_is_told_by_its_recordings() {
    let status = |lost: usize| {
        let mut evidence = evidence(&USUAL, 5);
        let is = |cell: &&Cell| cell.model == "base-q2_k" && cell.task == Task::Accuracy;
        let id = evidence.plan.cells.iter().find(is).unwrap().id.clone();
        let mut done = Done::default();
        for outcome in evidence.outcomes() {
            if outcome.cell != id {
                done.add(outcome.clone());
                continue;
            }
            done.add(Outcome { status: Status::Timeout, texts: Vec::new(), ..outcome.clone() });
            for (index, text) in outcome.texts.iter().enumerate() {
                let (status, texts) = match index < lost {
                    true => (Status::Crashed, Vec::new()),
                    false => (Status::Ok, vec![text.clone()]),
                };
                done.add(Outcome { unit: Unit::Single(index as u32), status, texts, ..outcome.clone() });
            }
        }
        evidence.done = done;
        row(&summarize(&evidence), "base-q2_k", 1).status
    };
    assert_eq!([0, 1].map(status), [Status::Ok, Status::Partial]);
}

#[test]
fn what_was_not_measured_is_a_row_that_says_so() {
    let mut evidence = evidence(&USUAL, 5);
    let cells = evidence.plan.cells.clone();
    let of = |model: &str, task| cells.iter().find(|cell| cell.model == model && cell.task == task).unwrap().id.clone();
    let (crashed, stopped) = (of("base-q2_k", Task::Timing), of("base-q4_k", Task::Accuracy));
    let mut done = Done::default();
    for outcome in evidence.outcomes().filter(|o| o.cell != crashed && o.cell != stopped) {
        done.add(outcome.clone());
    }
    for _ in 0..2 {
        let crash = outcome(&crashed, Unit::Run(0, 0), 1.0);
        done.add(Outcome { status: Status::Crashed, detail: "signal 11".into(), texts: Vec::new(), ..crash });
    }
    evidence.done = done;
    let summary = summarize(&evidence);
    let crashed = row(&summary, "base-q2_k", 1);
    assert_eq!((crashed.status, crashed.reason.as_str()), (Status::Crashed, "timing: signal 11"));
    assert!(crashed.times.is_none() && !crashed.accuracy.is_empty());
    assert_eq!(row(&summary, "base-q2_k", 2).status, Status::Ok);
    let stopped = row(&summary, "base-q4_k", 1);
    assert!(stopped.status == Status::Partial && stopped.reason.contains("stopped before"), "{stopped:?}");
    assert!(!summary.complete && summary.notes[0].contains("stopped"));
}

#[test]
fn a_recording_without_text_counts_as_silence() {
    let mut evidence = evidence(&USUAL, 2);
    evidence.done.each(|outcome| {
        for text in outcome.texts.iter_mut().filter(|text| text.utterance == "set/u01") {
            (text.text, text.problem) = (None, Some("the engine could not read it".into()));
        }
    });
    let summary = summarize(&evidence);
    let accuracy = &row(&summary, "base", 1).accuracy[0];
    assert_eq!((accuracy.silent, accuracy.counts.deletions, accuracy.counts.substitutions), (1, 12, 3));
}

#[test]
fn a_meter_brings_energy() {
    let mut evidence = evidence(&USUAL, 5);
    let mut at = 1000.0;
    evidence.done.each(|outcome| {
        outcome.span = [at, at + outcome.usage.wall_s];
        at += outcome.usage.wall_s + 1.0;
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meter.csv");
    let rows: String = (0..4000).map(|i| format!("{},4\n", 900.0 + f64::from(i))).collect();
    std::fs::write(&path, format!("time,watts\n{rows}")).unwrap();
    assert_eq!(evidence.import(crate::board::meter::Meter::read(&path).unwrap()), 0.0);
    let summary = summarize(&evidence);
    let base = row(&summary, "base", 1);
    let energy = base.energy.unwrap();
    let expected = 4.0 * base.times.as_ref().unwrap().real_time_factor.estimate;
    assert!((energy.joules_per_second.estimate - expected).abs() < 1e-6, "{energy:?}");
}

#[test]
fn drift_of_the_sentinel_is_told() {
    let mut evidence = evidence(&USUAL, 2);
    let cell = evidence.plan.cells.iter().find(|cell| cell.task == Task::Timing).unwrap().id.clone();
    for (n, wall) in [(1, 2.0), (2, 2.3)] {
        evidence.done.add(outcome(&cell, Unit::Sentinel(n), wall));
    }
    let summary = summarize(&evidence);
    assert!((summary.drift.unwrap() - 0.15).abs() < 1e-9);
    assert!(summary.notes.iter().any(|note| note.contains("15 %")), "{:?}", summary.notes);
}

#[test]
fn the_shape_comes_back() {
    let summary = summarize(&evidence(&USUAL, 2));
    let text = serde_json::to_string(&summary).unwrap();
    let again: Summary = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
}
