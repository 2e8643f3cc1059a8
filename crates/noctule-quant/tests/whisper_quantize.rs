//! The ten types of whisper-quantize are its bytes.

mod common;

use noctule_model::Model;
use noctule_quant::{GgmlType, Plan, encode, quantize};
use std::path::Path;

const SUMS: &str = include_str!("data/whisper-quantize.txt");

/// (model, type, sum) of each line.
fn sums() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let lines = SUMS.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("three words a line");
        (word(), word(), word())
    })
}

/// The matrices of a synthetic model but the token embedding, one after the other.
#[test]
fn synthetic_matrices_are_the_same_bytes() {
    let model = common::model(256, GgmlType::F16);
    let matrices: Vec<_> = model
        .tensors()
        .filter(|t| t.role == noctule_model::Role::Matrix && !t.name.contains("token_embedding"))
        .map(|t| (t.ne[0], model.f32s(t)))
        .collect();
    let mut checked = 0;
    for (_, ty, sum) in sums().filter(|(model, _, _)| *model == "synthetic-256") {
        let ty = GgmlType::from_name(ty).expect("a type");
        let mut all = Vec::new();
        for (cols, values) in &matrices {
            let mut bytes = vec![0; ty.row_bytes(*cols).expect("whole blocks") * (values.len() / cols)];
            encode::rows(ty, *cols, values, None, &mut bytes);
            all.extend(bytes);
        }
        assert_eq!(common::sha256(&all), sum, "{ty}");
        checked += 1;
    }
    assert_eq!(checked, 10);
}

#[test]
fn real_models_are_the_same_files() {
    // Under emulation this would take half an hour, and the synthetic matrices take the same paths.
    let small = std::env::var_os("NOCTULE_TEST_SET").is_some_and(|set| set == "small");
    let Some(models) = std::env::var_os("NOCTULE_TEST_MODELS").filter(|_| !small) else {
        eprintln!("skipped: NOCTULE_TEST_MODELS names no folder of models");
        return;
    };
    let folder = common::folder("whisper-quantize");
    for (name, _, source) in sums().filter(|(_, ty, _)| *ty == "source") {
        let path = Path::new(&models).join(format!("{name}.bin"));
        let Ok(bytes) = std::fs::read(&path) else {
            eprintln!("skipped: {} is not there", path.display());
            continue;
        };
        assert_eq!(common::sha256(&bytes), source, "{} is another model", path.display());
        let model = Model::open(&path).unwrap();
        let wanted: Vec<_> = sums()
            .filter(|(of, _, _)| *of == name)
            .filter_map(|(_, ty, sum)| Some((GgmlType::from_name(ty)?, sum)))
            .collect();
        let outputs: Vec<_> = wanted
            .iter()
            .map(|(ty, _)| (Plan::new(&model, *ty).unwrap(), folder.join(format!("{name}-{ty}.bin"))))
            .collect();
        quantize(&model, &outputs, 2, &mut |_, _| true).unwrap();
        for ((_, path), (ty, sum)) in outputs.iter().zip(&wanted) {
            assert_eq!(common::sha256(&std::fs::read(path).unwrap()), *sum, "{name} {ty}");
            std::fs::remove_file(path).unwrap();
        }
    }
}
