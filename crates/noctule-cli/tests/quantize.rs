//! `noctule quantize`: files, JSON, whisper-quantize's way to ask.

mod common;

use common::{float_model, folder, noctule};
use noctule_model::{Model, WeightType};
use noctule_quant::GgmlType;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn text(path: &Path) -> &str {
    path.to_str().expect("the target folder has a plain name")
}

/// A folder with a model of 64 columns, `float.bin`.
fn with_model(name: &str) -> (PathBuf, PathBuf) {
    let folder = folder(name);
    let model = folder.join("float.bin");
    fs::write(&model, float_model(64)).unwrap();
    (folder, model)
}

fn weight_type(path: &Path) -> WeightType {
    Model::open(path).unwrap().weight_type()
}

#[test]
fn each_type_gets_a_file_and_json_says_what_is_in_it() {
    let (folder, model) = with_model("quantize-types");
    let out = folder.join("out");
    let run = noctule(&["quantize", text(&model), "q8_0", "Q4_K", "q8_0", "--json", "-q", "-o", text(&out)]);
    let report: Value = serde_json::from_str(&run.success()).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/quantize.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = schema.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let outputs = report["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 2, "a type that is named twice is made once");
    assert_eq!(weight_type(&out.join("float-q8_0.bin")), WeightType::Uniform(GgmlType::Q8_0));
    assert_eq!((&outputs[0]["stock"], &outputs[0]["type"]), (&Value::Bool(true), &"q8_0".into()));
    assert_eq!(outputs[0]["size_bytes"], fs::metadata(out.join("float-q8_0.bin")).unwrap().len());
    // mlp.2 has rows of 256.
    assert!(matches!(weight_type(&out.join("float-q4_k.bin")), WeightType::Mixed(GgmlType::IQ4_NL)));
    assert_eq!(outputs[1]["stock"], false);
    assert_eq!(outputs[1]["matrices"]["q4_k"], 2);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2);
}

#[test]
fn a_person_is_told_what_fell_back_and_who_can_read_it() {
    let (folder, model) = with_model("quantize-told");
    let run = noctule(&["quantize", text(&model), "q6_k"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
    for part in ["became", "q8_0 because rows of 64", "bits per quantised weight", "stock whisper.cpp cannot read"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert!(folder.join("float-q6_k.bin").exists(), "the default folder is the model's");
    assert_eq!(noctule(&["quantize", text(&model), "q8_0", "--quiet"]).stderr, "");
}

#[test]
fn whisper_quantize_is_understood() {
    let (folder, model) = with_model("quantize-stock");
    let target = folder.join("small.bin");
    for (ty, expected) in [("q5_0", GgmlType::Q5_0), ("9", GgmlType::Q5_1)] {
        let run = noctule(&["quantize", text(&model), text(&target), ty]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(weight_type(&target), WeightType::Uniform(expected));
    }
}

#[test]
fn files_that_are_there_stay_without_overwrite() {
    let (folder, model) = with_model("quantize-there");
    let target = folder.join("float-q4_0.bin");
    fs::write(&target, "precious").unwrap();
    assert_eq!(noctule(&["quantize", text(&model), "q4_0"]).code, Some(1));
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert_eq!(noctule(&["quantize", text(&model), "q4_0", "--overwrite"]).code, Some(0));
    assert_eq!(weight_type(&target), WeightType::Uniform(GgmlType::Q4_0));
}
