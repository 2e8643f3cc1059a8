//! `noctule imatrix`, and what `noctule quantize` makes of speech: importance, mixes, quality.

mod common;

use common::{Run, float_model, folder, noctule, speech};
use noctule_model::{Model, WeightType};
use noctule_quant::Importance;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn text(path: &Path) -> &str {
    path.to_str().expect("the target folder has a plain name")
}

/// A folder with a random model, 64 wide, and a manifest of two clips with made-up words.
fn workplace(name: &str) -> (PathBuf, PathBuf, PathBuf) {
    let folder = folder(name);
    let (model, manifest) = (folder.join("float.bin"), folder.join("set.jsonl"));
    fs::write(&model, float_model(64)).unwrap();
    let line = |clip: &str| {
        let audio = speech(clip).canonicalize().unwrap();
        serde_json::json!({ "audio": audio, "text": "12 7 300", "language": "en" }).to_string() + "\n"
    };
    fs::write(&manifest, line(common::SAMPLE) + &line("kathleen-a0214.flac")).unwrap();
    (folder, model, manifest)
}

fn imatrix(model: &Path, audio: &Path, output: &Path, more: &[&str]) -> Run {
    let mut words = vec!["imatrix", text(model), "-o", text(output), "--mode", "forced"];
    words.extend(more);
    words.extend(["--audio", text(audio)]);
    noctule(&words)
}

fn checked(json: &str, schema: &str) -> Value {
    let value: Value = serde_json::from_str(json).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema").join(schema);
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let errors: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    value
}

#[test]
fn listening_showing_going_on_and_adding_up() {
    let (folder, model, manifest) = workplace("imatrix-listen");
    let whole = folder.join("whole.imatrix");
    let run = imatrix(&model, &manifest, &whole, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
    assert!(run.stderr.contains("2 clips"), "{}", run.stderr);
    let shown = checked(&noctule(&["imatrix", "--show", text(&whole), "--json"]).success(), "imatrix.schema.json");
    assert_eq!((&shown["clips"], &shown["tensors"][0]["columns"]), (&2.into(), &64.into()));
    assert!(noctule(&["imatrix", "--show", text(&whole)]).success().contains("decoder.token_embedding.weight"));

    let lines = fs::read_to_string(&manifest).unwrap();
    let (first, second) = lines.split_once('\n').unwrap();
    let part = |name: &str, lines: &str| {
        let (manifest, output) = (folder.join(format!("{name}.jsonl")), folder.join(format!("{name}.imatrix")));
        fs::write(&manifest, lines).unwrap();
        assert_eq!(imatrix(&model, &manifest, &output, &["-q"]).code, Some(0));
        output
    };
    let (a, b) = (part("a", first), part("b", second));
    let sum = folder.join("sum.imatrix");
    let run = noctule(&["imatrix", "--merge", text(&a), text(&b), "-o", text(&sum)]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let expected = Importance::read(&whole).unwrap();
    assert_eq!(Importance::read(&sum).unwrap(), expected);
    assert_eq!(imatrix(&model, &manifest, &a, &["--resume"]).code, Some(0));
    assert_eq!(Importance::read(&a).unwrap(), expected, "the first clip counts once");
    let twice = noctule(&["imatrix", "--merge", text(&b), text(&whole), "-o", text(&sum)]);
    assert!(twice.code == Some(1) && twice.stderr.contains("twice"), "{}", twice.stderr);
}

#[test]
fn a_clip_that_cannot_be_heard_is_named_and_the_others_count() {
    let (folder, model, manifest) = workplace("imatrix-bad");
    let mut lines = fs::read_to_string(&manifest).unwrap();
    lines.insert_str(0, "{\"audio\": \"missing.flac\"}\n");
    fs::write(&manifest, lines).unwrap();
    let output = folder.join("x.imatrix");
    let run = imatrix(&model, &manifest, &output, &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("missing.flac") && run.stderr.contains("2 clips"), "{}", run.stderr);
    assert_eq!(Importance::read(&output).unwrap().clips().len(), 2);
    fs::write(&manifest, "{\"audio\": \"missing.flac\"}\n").unwrap();
    let none = folder.join("none.imatrix");
    assert_eq!(imatrix(&model, &manifest, &none, &[]).code, Some(1));
    assert!(!none.exists());
}

#[test]
fn importance_changes_the_bytes_and_must_fit() {
    let (folder, model, manifest) = workplace("imatrix-use");
    let importance = folder.join("x.imatrix");
    imatrix(&model, &manifest, &importance, &[]).success();
    let plain = noctule(&["quantize", text(&model), "q4_0", "--json", "-q"]).success();
    let before = fs::read(folder.join("float-q4_0.bin")).unwrap();
    let words = ["quantize", text(&model), "q4_0", "--json", "-q", "--overwrite", "--imatrix", text(&importance)];
    let weighed = noctule(&words).success();
    let importance_of = |json: &str| checked(json, "quantize.schema.json")["outputs"][0]["importance"].clone();
    assert_eq!((importance_of(&plain), importance_of(&weighed)), (Value::Bool(false), Value::Bool(true)));
    let after = fs::read(folder.join("float-q4_0.bin")).unwrap();
    assert!(before.len() == after.len() && before != after);

    let other = folder.join("other.bin");
    fs::write(&other, float_model(128)).unwrap();
    let run = noctule(&["quantize", text(&other), "q4_0", "--imatrix", text(&importance)]);
    assert!(run.code == Some(1) && run.stderr.contains("64 wide"), "{}", run.stderr);
    assert!(!folder.join("other-q4_0.bin").exists());
    let run = noctule(&["quantize", text(&model), "q8_0", "--imatrix", text(&model)]);
    assert!(run.code == Some(1) && run.stderr.contains("noctule imatrix"), "{}", run.stderr);
}

#[test]
fn a_mix_keeps_its_budget_and_is_measured_once() {
    let (folder, model, manifest) = workplace("imatrix-mix");
    let sensitivity = folder.join("s.json");
    let quantize = |more: &[&str]| {
        let mut words = vec!["quantize", text(&model), "--sensitivity", text(&sensitivity)];
        words.extend(more);
        noctule(&words)
    };
    let run = quantize(&["--target-bpw", "5"]);
    assert!(run.code == Some(2) && run.stderr.contains("--audio"), "{}", run.stderr);
    let run = quantize(&["--target-bpw", "5", "--passages", "1", "--audio", text(&manifest)]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("stock whisper.cpp cannot read"), "{}", run.stderr);
    assert!(matches!(Model::open(&folder.join("float-5bpw.bin")).unwrap().weight_type(), WeightType::Mixed(_)));
    let before = fs::read(&sensitivity).unwrap();
    let size = fs::metadata(&model).unwrap().len() as f64 / 1e6;
    let target = format!("{:.1}", size * 0.7);
    let json = quantize(&["--target-size", &target, "--json", "-q"]).success();
    let report = checked(&json, "quantize.schema.json");
    assert!(report["outputs"][0]["size_bytes"].as_f64().unwrap() <= target.parse::<f64>().unwrap() * 1e6);
    assert_eq!(fs::read(&sensitivity).unwrap(), before);
    let run = quantize(&["--target-bpw", "0.3"]);
    assert!(run.code == Some(1) && run.stderr.contains("the smallest"), "{}", run.stderr);
    let run = quantize(&["--target-bpw", "5.6", "--compatible", "--json", "-q"]).success();
    let report = checked(&run, "quantize.schema.json");
    assert_eq!((&report["outputs"][0]["stock"], &report["outputs"][0]["bits_per_weight"]), (&true.into(), &5.5.into()));
}

#[test]
fn stock_whisper_reads_what_is_made_to_be_compatible() {
    let (folder, model, _) = workplace("imatrix-compatible");
    let run = noctule(&["quantize", text(&model), "q6_k", "--compatible", "--json", "-q"]).success();
    let report = checked(&run, "quantize.schema.json");
    assert_eq!(report["outputs"][0]["stock"], true);
    assert!(matches!(Model::open(&folder.join("float-q6_k.bin")).unwrap().weight_type(), WeightType::Uniform(_)));
}

#[test]
fn quality_is_a_table_json_and_a_picture() {
    let (folder, model, manifest) = workplace("imatrix-quality");
    let run = noctule(&["quantize", text(&model), "q8_0", "q4_0", "--report", "--audio", text(&manifest)]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines.len() == 3 && lines[0].contains("KL mean"), "{}", run.stdout);
    assert!(lines[1].starts_with("float-q8_0") && lines[2].starts_with("float-q4_0"), "the best first: {}", run.stdout);

    let (a, b, svg) = (folder.join("float-q8_0.bin"), folder.join("float-q4_0.bin"), folder.join("x.svg"));
    let words = ["quantize", "--compare", text(&model), text(&a), text(&b), "--json", "--svg", text(&svg), "--audio"];
    let words: Vec<&str> = words.into_iter().chain([text(&manifest)]).collect();
    let found = checked(&noctule(&words).success(), "quality.schema.json");
    assert!(found[0]["kl_mean"].as_f64() < found[1]["kl_mean"].as_f64());
    assert_eq!(found[0]["tensors"].as_array().unwrap().len(), found[1]["tensors"].as_array().unwrap().len());
    let picture = fs::read_to_string(&svg).unwrap();
    for part in ["<svg", "q8_0", "q4_0", "bits per quantised weight"] {
        assert!(picture.contains(part), "{part}");
    }
    let run = noctule(&["quantize", "--compare", text(&model), text(&a)]);
    assert!(run.code == Some(2) && run.stderr.contains("--audio"), "{}", run.stderr);
}
