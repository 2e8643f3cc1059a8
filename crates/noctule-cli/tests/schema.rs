//! `--json` against its documented schema.
#![cfg(feature = "embedded-model")]

mod common;

use common::{SAMPLE, folder, sample, speech, transcribe, wav};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn schema() -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/transcribe.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn what_is_printed_is_what_is_documented() {
    let schema = schema();
    let folder = folder("schema");
    let (silence, stereo) = (folder.join("silence.wav"), folder.join("stereo.wav"));
    wav(&silence, &[&[0.0; 800]]);
    let right = sample();
    wav(&stereo, &[&vec![0.0; right.len()], &right]);
    let quick = "--quiet --beam-size 1 --no-fallback --json";
    for (arguments, file) in [
        ("--word-timestamps", speech(SAMPLE)),
        ("--vad", silence),
        ("--diarize", stereo),
        ("--entropy-thold 100 --logprob-thold 0", speech("dishes.flac")),
    ] {
        let text = transcribe(&format!("{quick} {arguments}"), &[&file]).success();
        let object: Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = schema.iter_errors(&object).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{arguments}: {errors:?}");
    }
}

#[test]
fn the_schema_refuses_what_is_not_documented() {
    let schema = schema();
    let text = transcribe("--quiet --duration 10ms --json", &[speech(SAMPLE)]).success();
    let object: Value = serde_json::from_str(&text).unwrap();
    assert!(schema.is_valid(&object));
    for (pointer, wrong) in [("/duration_s", json!(-1)), ("/kernels/tier", json!("mmx")), ("/segments", json!(null))] {
        let mut broken = object.clone();
        *broken.pointer_mut(pointer).unwrap() = wrong;
        assert!(!schema.is_valid(&broken), "{pointer}");
    }
}
