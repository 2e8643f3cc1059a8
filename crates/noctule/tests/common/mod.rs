//! Models, speech and small arithmetic that the integration tests share.
#![allow(dead_code, reason = "each test file uses its own part of this")]

use noctule::{Config, Model, Precision, Transcriber};
use std::path::{Path, PathBuf};

/// The repository's folder of test data.
pub fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(path)
}

/// 16 kHz samples of a clip of `testdata/speech`.
pub fn speech(name: &str) -> Vec<f32> {
    let path = testdata("speech").join(name);
    noctule_audio::file::read(&path, &noctule_audio::file::ReadOptions::default())
        .unwrap_or_else(|error| panic!("{error}"))
        .samples
}

/// A JSON file of `testdata/reference`.
pub fn reference(name: &str) -> serde_json::Value {
    let path = testdata("reference").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// A little-endian f32 array of `testdata/reference`.
pub fn array(file: &serde_json::Value) -> Vec<f32> {
    let path = testdata("reference").join(file.as_str().expect("a file name"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// The model called `name`: the embedded one, or one of the folder that
/// `NOCTULE_TEST_MODELS` names. `None`, said aloud, when it is not there.
pub fn model(name: &str) -> Option<Model> {
    if name == "tiny.en-q5_0" {
        return Some(noctule::embedded_model().unwrap());
    }
    let Some(folder) = std::env::var_os("NOCTULE_TEST_MODELS") else {
        eprintln!("skipped: {name} is needed, and NOCTULE_TEST_MODELS names no folder");
        return None;
    };
    let path = Path::new(&folder).join(format!("{name}.bin"));
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(Model::open(&path).unwrap())
}

/// A transcriber with two threads.
pub fn transcriber(model: Model, precision: Option<Precision>) -> Transcriber {
    Transcriber::new(model, Config { threads: 2, precision, ..Config::default() }).unwrap()
}

/// Whether only the quick part of the tests is wanted (emulated processors).
pub fn small_set() -> bool {
    std::env::var("NOCTULE_TEST_SET").is_ok_and(|set| set == "small")
}

/// |a − b| / |b|, the relative L2 distance.
pub fn relative_l2(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |x: f64| x * x;
    let difference: f64 = a.iter().zip(b).map(|(a, b)| square(f64::from(a - b))).sum();
    let norm: f64 = b.iter().map(|b| square(f64::from(*b))).sum();
    (difference / norm).sqrt()
}

/// Index of the largest value.
pub fn argmax(values: &[f32]) -> u64 {
    values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0 as u64
}

/// An array of numbers.
pub fn numbers(value: &serde_json::Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u32).collect()
}
