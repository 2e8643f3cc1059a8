//! Whole files: what is in them, and that nothing half-done is left.

mod common;

use noctule_model::{Model, Role, WeightType};
use noctule_quant::{Error, GgmlType, Plan, encode, fitting, quantize};
use std::fs;

use GgmlType::*;

fn go_on(_: u64, _: u64) -> bool {
    true
}

#[test]
fn several_types_at_once_are_those_one_by_one() {
    let model = common::model(128, F16);
    let folder = common::folder("several");
    let types = [Q8_0, Q4_0, BF16];
    let outputs = types.map(|ty| (Plan::new(&model, ty).unwrap(), folder.join(format!("{ty}.bin"))));
    quantize(&model, &outputs, 3, &mut go_on).unwrap();
    for ((plan, path), ty) in outputs.into_iter().zip(types) {
        let alone = folder.join("alone.bin");
        quantize(&model, &[(plan, alone.clone())], 1, &mut go_on).unwrap();
        assert!(fs::read(&path).unwrap() == fs::read(&alone).unwrap(), "{ty}");
        let written = Model::open(&path).unwrap();
        assert_eq!(written.weight_type(), WeightType::Uniform(ty));
        assert_eq!(written.notes(), [] as [String; 0], "{ty}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), types.len() + 1, "nothing else is left");
}

#[test]
fn every_source_gives_what_stock_whisper_reads() {
    for from in [F32, BF16] {
        let model = common::model(64, from);
        let path = common::folder(&format!("from-{from}")).join("q8_0.bin");
        quantize(&model, &[(Plan::new(&model, Q8_0).unwrap(), path.clone())], 2, &mut go_on).unwrap();
        let written = Model::open(&path).unwrap();
        for t in written.tensors() {
            let expected = match t.role {
                Role::Matrix => Q8_0,
                Role::Convolution => F16,
                _ => F32,
            };
            assert_eq!(t.ty, expected, "{}", t.name);
        }
    }
}

#[test]
fn rows_that_do_not_divide_get_another_type() {
    let model = common::model(128, F16);
    let path = common::folder("mixed").join("mixed.bin");
    let plan = Plan::new(&model, Q4_K).unwrap();
    assert!(plan.obstacle().unwrap().contains("several types"));
    assert!(plan.bits_per_weight() >= 4.5);
    for choice in plan.choices().iter().filter(|choice| choice.matrix) {
        assert_eq!((choice.to, choice.fallback), if choice.cols == 512 { (Q4_K, false) } else { (IQ4_NL, true) });
    }
    quantize(&model, &[(plan, path.clone())], 2, &mut go_on).unwrap();
    let written = Model::open(&path).unwrap();
    assert!(matches!(written.weight_type(), WeightType::Mixed(_)));
    assert!(written.notes().iter().any(|note| note.contains("stock")));
}

#[test]
fn every_type_finds_one_that_fits() {
    for ty in encode::TYPES {
        for cols in [1, 16, 32, 64, 80, 384, 512] {
            let found = fitting(ty, cols);
            assert!(cols.is_multiple_of(found.block_len()), "{ty} in rows of {cols}");
            assert!(found == ty || found.bits_per_weight() >= ty.bits_per_weight(), "{ty} in rows of {cols}");
        }
    }
    assert_eq!(fitting(Q6_K, 384), Q8_0);
    assert_eq!(fitting(Q5_K, 384), Q5_0);
    assert_eq!(fitting(Q2_K, 384), IQ4_NL);
    assert_eq!(fitting(TQ1_0, 384), Q2_0);
}

#[test]
fn quantised_sources_are_refused() {
    let model = common::model(64, F16);
    let path = common::folder("twice").join("q8_0.bin");
    quantize(&model, &[(Plan::new(&model, Q8_0).unwrap(), path.clone())], 1, &mut go_on).unwrap();
    let written = Model::open(&path).unwrap();
    assert!(matches!(Plan::new(&written, Q4_0), Err(Error::AlreadyQuantised { ty: Q8_0, .. })));
    assert!(matches!(Plan::new(&model, Q8_1), Err(Error::Type { ty: Q8_1 })));
}

#[test]
fn a_run_that_is_stopped_leaves_nothing() {
    let model = common::model(64, F16);
    let folder = common::folder("stopped");
    let outputs = [(Plan::new(&model, Q4_0).unwrap(), folder.join("q4_0.bin"))];
    let result = quantize(&model, &outputs, 2, &mut |done, total| done < total / 2);
    assert!(matches!(result, Err(Error::Stopped)));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let model = common::model(64, F16);
    let path = common::folder("nowhere").join("missing/q4_0.bin");
    let error = quantize(&model, &[(Plan::new(&model, Q4_0).unwrap(), path)], 1, &mut go_on).unwrap_err();
    assert!(error.to_string().contains("missing/q4_0.bin"), "{error}");
}
