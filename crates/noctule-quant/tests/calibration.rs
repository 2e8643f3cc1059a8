//! Listening, judging, probing and budgets on a small random model.

mod common;

use noctule::{Config, Precision, Transcriber};
use noctule_model::Model;
use noctule_quant::importance::{Calibration, Mode};
use noctule_quant::quality::{self, Candidate, Judge, Passage};
use noctule_quant::recipe::{self, Budget, RECIPES};
use noctule_quant::sensitivity::Sensitivity;
use noctule_quant::speech::Clip;
use noctule_quant::{Error, GgmlType, Importance, Plan, matrices, quantize};
use std::path::Path;

use GgmlType::*;

fn go_on(_: u64, _: u64) -> bool {
    true
}

fn engine(model: Model) -> Transcriber {
    let config = Config { threads: 2, precision: Some(Precision::Accurate), ..Config::default() };
    Transcriber::new(model, config).unwrap()
}

/// A second of a rising tone with noise of its own.
fn clip(name: &str, seed: u64) -> Clip {
    let noise = common::weights(16_000, seed);
    let tone = |(i, noise): (usize, &f32)| 0.1 * (i as f32 * i as f32 * 2e-5).sin() + 0.1 * noise;
    let samples = noise.iter().enumerate().map(tone).collect();
    Clip { name: name.into(), samples, text: Some("12 7 300".into()), language: Some("en".into()) }
}

/// Random models do not end a transcript, so the words are given.
fn passage(model: &Model, seed: u64) -> Passage {
    let vocab = model.vocab();
    let mut tokens = vec![vocab.sot(), vocab.not_()];
    tokens.extend([12, 7, 300, 20_000]);
    tokens.push(vocab.eot());
    let clip = clip("p", seed);
    Passage { samples: clip.samples, tokens, prompt: 2, text: String::new(), language: "en".into() }
}

fn heard(model: Model, clips: &[Clip]) -> Importance {
    let importance = Importance::new(&model);
    let mut calibration = Calibration::new(engine(model), importance).unwrap();
    for clip in clips {
        calibration.hear(clip, Mode::Forced).unwrap();
    }
    calibration.finish()
}

#[test]
fn every_matrix_is_heard_and_parts_add_up() {
    let model = common::model(64, F16);
    let (a, b) = (clip("a", 1), clip("b", 2));
    let both = heard(common::model(64, F16), &[a.clone(), b.clone()]);
    both.check(&model).unwrap();
    assert_eq!(both.tensors().len(), matrices(&model).count());
    let inputs = &both.tensors()["encoder.blocks.0.mlp.2.weight"];
    assert_eq!((inputs.rows, inputs.squares.len()), (2 * 1500, 256));
    assert_eq!(both.tensors()["decoder.token_embedding.weight"].squares.len(), 64);
    let mut sum = heard(common::model(64, F16), &[a]);
    sum.merge(&heard(common::model(64, F16), &[b])).unwrap();
    assert_eq!(sum, both);
    let other = Importance::new(&common::model(64, F16));
    assert!(matches!(other.check(&model), Err(Error::Importance { .. })), "nothing was heard");
}

#[test]
fn a_clip_counts_once_and_needs_what_the_mode_asks_for() {
    let model = common::model(64, F16);
    let importance = Importance::new(&model);
    let mut calibration = Calibration::new(engine(model), importance).unwrap();
    calibration.hear(&clip("a", 1), Mode::Forced).unwrap();
    assert!(calibration.hear(&clip("a", 1), Mode::Forced).unwrap_err().to_string().contains("before"));
    let silent = Clip { text: None, ..clip("b", 2) };
    assert!(calibration.hear(&silent, Mode::Forced).unwrap_err().to_string().contains("no text"));
    assert_eq!(calibration.importance().clips().len(), 1);
}

fn judged(folder: &Path, ty: GgmlType, importance: Option<&Importance>) -> Candidate {
    let source = common::model(256, F16);
    let mut plan = Plan::new(&source, ty).unwrap();
    if let Some(importance) = importance {
        plan = plan.weighed(importance);
    }
    let path = folder.join(format!("{ty}-{}.bin", importance.is_some()));
    quantize(&source, &[(plan, path.clone())], 2, &mut go_on).unwrap();
    Candidate::new(engine(Model::open(&path).unwrap()))
}

#[test]
fn fewer_bits_diverge_more_and_none_at_all_do_not() {
    let folder = common::folder("judged");
    let model = common::model(256, F16);
    let passage = passage(&model, 3);
    let mut judge = Judge::new(engine(model));
    let mut candidates = [F16, Q8_0, Q4_K, Q2_K].map(|ty| judged(&folder, ty, None));
    quality::compare(&mut judge, &mut candidates, &passage, false).unwrap();
    let means: Vec<f64> = candidates.iter().map(|candidate| candidate.found.mean()).collect();
    assert!(means[0] < 1e-9, "{means:?}");
    assert!(means.is_sorted() && means[3] > means[1], "{means:?}");
    let same = &candidates[0].found;
    assert_eq!((same.tokens(), same.agreement()), (5, 1.0));
    assert!((same.perplexity_ratio() - 1.0).abs() < 1e-6 && same.cosines().iter().all(|c| (c - 1.0).abs() < 1e-6));
    assert!(candidates[3].found.cosines()[0] < 1.0);
}

#[test]
fn errors_of_weights_are_told_and_importance_lowers_those_that_count() {
    let folder = common::folder("weighed");
    let source = common::model(256, F16);
    let importance = heard(common::model(256, F16), &[clip("a", 1)]);
    let error = |weighed: bool| {
        let mut candidate = judged(&folder, Q3_K, weighed.then_some(&importance));
        let model = candidate.transcriber().model();
        let errors = quality::tensor_errors(&source, model, Some(&importance)).unwrap();
        assert!(errors.iter().all(|error| error.ty == Q3_K && error.relative > 0.0));
        errors.iter().map(|error| error.relative).sum::<f64>()
    };
    let (with, without) = (error(true), error(false));
    assert!(with < 0.97 * without, "{with} with importance, {without} without");
    let other = common::model(64, F16);
    assert!(matches!(quality::tensor_errors(&source, &other, None), Err(Error::Mismatch { .. })));
}

#[test]
fn a_budget_is_kept_and_well_spent() {
    let folder = common::folder("budget");
    let model = common::model(256, F16);
    let passages = [passage(&model, 3)];
    let mut steps = Vec::new();
    let mut progress = |done: u64, total: u64| {
        steps.push((done, total));
        true
    };
    let sensitivity = Sensitivity::measure(&model, &passages, None, 2, &mut progress).unwrap();
    let all = matrices(&model).count() as u64;
    assert_eq!((steps[0], steps.last().copied()), ((0, all), Some((all, all))));
    assert!(sensitivity.tensors().values().all(|probe| probe.ty == "q3_k" && probe.error > 0.0));
    let path = folder.join("sensitivity.json");
    sensitivity.write(&path).unwrap();
    assert_eq!(Sensitivity::read_for(&path, &model).unwrap(), sensitivity);
    assert!(Sensitivity::read_for(&path, &common::model(64, F16)).is_err());

    let plan = |budget| recipe::best(&model, "best", budget, &sensitivity, None, 2);
    let few = plan(Budget::BitsPerWeight(3.5)).unwrap();
    let more = plan(Budget::BitsPerWeight(5.0)).unwrap();
    assert!(few.bits_per_weight() <= 3.5 && few.bits_per_weight() > 3.3, "{}", few.bits_per_weight());
    assert!(more.bits_per_weight() <= 5.0 && more.bits_per_weight() > few.bits_per_weight());
    let predicted = |plan: &Plan| -> f64 {
        let path = folder.join("x.bin");
        quantize(&model, &[(plan.clone(), path.clone())], 2, &mut go_on).unwrap();
        let errors = quality::tensor_errors(&model, &Model::open(&path).unwrap(), None).unwrap();
        errors.iter().map(|error| sensitivity.predict(&error.tensor, error.relative).unwrap()).sum()
    };
    let uniform = Plan::new(&model, Q3_K).unwrap();
    assert!(predicted(&plan(Budget::BitsPerWeight(uniform.bits_per_weight())).unwrap()) < predicted(&uniform));

    let bytes = model.size_bytes() / 3;
    let path = folder.join("third.bin");
    quantize(&model, &[(plan(Budget::Bytes(bytes)).unwrap(), path.clone())], 2, &mut go_on).unwrap();
    let size = path.metadata().unwrap().len();
    assert!(size <= bytes && size > bytes * 9 / 10, "{size} of {bytes}");
    let error = plan(Budget::Bytes(1000)).unwrap_err().to_string();
    assert!(error.contains("the smallest that can be made has"), "{error}");
    let stopped = Sensitivity::measure(&model, &passages, None, 2, &mut |_, _| false);
    assert!(matches!(stopped, Err(Error::Stopped)));
    assert!(matches!(Sensitivity::measure(&model, &[], None, 2, &mut go_on), Err(Error::Clip { .. })));
}

#[test]
fn what_stock_reads_has_one_type() {
    let narrow = common::model(64, F16);
    assert!(Plan::new(&narrow, Q4_K).unwrap().obstacle().is_some());
    let ty = noctule_quant::uniform(&narrow, Q4_K);
    let plan = Plan::new(&narrow, ty).unwrap();
    assert_eq!((plan.obstacle(), plan.counts().len()), (None, 1));
    let best = recipe::best_uniform(&narrow, "b", Budget::BitsPerWeight(5.6)).unwrap();
    assert_eq!((best.obstacle(), best.bits_per_weight()), (None, 5.5));
    assert!(recipe::best_uniform(&narrow, "b", Budget::BitsPerWeight(0.5)).is_err());
}

#[test]
fn named_mixes_can_be_made_of_any_model() {
    for width in [64, 256] {
        let model = common::model(width, F16);
        for recipe in RECIPES {
            let plan = recipe.plan(&model).unwrap();
            assert_eq!(plan.name(), recipe.name);
            assert!(plan.bits_per_weight() < 9.0, "{}: {}", recipe.name, plan.bits_per_weight());
        }
    }
    assert_eq!(recipe::named("Q4_K_M").map(|recipe| recipe.name), Some("q4_k_m"));
    assert_eq!(recipe::named("q4_k"), None);
}
