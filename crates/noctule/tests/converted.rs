//! Checkpoints that OpenAI's package, transformers and gguf have saved, converted and computed here, against what those
//! programs compute themselves (testdata/make_checkpoints.py).

mod common;

use common::{relative_l2, transcriber};
use miniz_oxide::inflate::decompress_to_vec_zlib;
use noctule::Precision;
use noctule_kernels::GgmlType;
use noctule_model::convert::{self, Settings, Target};
use noctule_model::{Hparams, Model, synthetic};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Relative L2 between two float32 computations that differ in the order of their sums: a few units of the last of 24
/// bits.
const ROUNDING: f64 = 4e-6;

/// The same behind cross-attention, whose keys and values are kept in f16 here: a unit of the last of its 11 bits.
const HALF: f64 = 5e-4;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/checkpoints")
}

/// `files` of the test data, unpacked into a folder of their own.
fn unpacked(name: &str, files: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("converted").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for file in files {
        let bytes = fs::read(data().join(file)).unwrap();
        let target = folder.join(Path::new(file).file_name().unwrap());
        match file.strip_suffix(".z") {
            Some(_) => fs::write(target.with_extension(""), decompress_to_vec_zlib(&bytes).unwrap()).unwrap(),
            None => fs::write(target, bytes).unwrap(),
        }
    }
    folder
}

/// Token texts, which none of the checkpoints has.
fn vocabulary(folder: &Path) -> PathBuf {
    let hparams = Hparams {
        n_vocab: 51865,
        n_audio_ctx: 8,
        n_audio_state: 16,
        n_audio_head: 1,
        n_audio_layer: 1,
        n_text_ctx: 16,
        n_text_state: 16,
        n_text_head: 1,
        n_text_layer: 1,
        n_mels: 80,
        ftype: 1,
    };
    let path = folder.join("tokens.bin");
    fs::write(&path, synthetic::model(&synthetic::header(hparams).unwrap(), GgmlType::F16, 1).unwrap()).unwrap();
    path
}

fn floats(table: &Value) -> Vec<f32> {
    let rows = table.as_array().unwrap().iter();
    rows.flat_map(|row| row.as_array().unwrap()).map(|value| value.as_f64().unwrap() as f32).collect()
}

/// Converts `source` in both float types and compares what noctule computes with what `program` did.
fn compare(source: &Path, program: &str) {
    let expected: Value = serde_json::from_slice(&fs::read(data().join("expected.json")).unwrap()).unwrap();
    let tokens: Vec<u32> = serde_json::from_value(expected["tokens"].clone()).unwrap();
    let seed = expected["seed"].as_u64().unwrap() + u64::from(program == "transformers");
    let expected = &expected[program];
    let rows: Vec<usize> = serde_json::from_value(expected["rows"].clone()).unwrap();
    let folder = if source.is_dir() { source } else { source.parent().unwrap() };
    let vocab = vocabulary(folder);
    for target in [Target::F32, Target::F16] {
        let path = folder.join(format!("{target:?}.bin"));
        convert::to_ggml(source, Settings { target, vocab: Some(&vocab), lora: None }, &path).unwrap();
        let model = Model::open(&path).unwrap();
        let h = model.hparams().clone();
        assert_eq!((h.n_audio_state, h.n_audio_head, h.n_audio_layer, h.n_text_layer), (16, 2, 2, 1));
        let mut transcriber = transcriber(model, Some(Precision::Accurate));
        let frames = 2 * h.n_audio_ctx;
        let columns: Vec<f32> = synthetic::uniform("mel", h.n_mels * frames, seed).collect();
        let mel: Vec<f32> = (0..frames * h.n_mels).map(|i| columns[(i % h.n_mels) * frames + i / h.n_mels]).collect();
        let encoder = relative_l2(&transcriber.encode_mel(&mel), &floats(&expected["encoder"]));
        let logits = transcriber.logits(&tokens);
        let l2 = logits.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let all = (l2 / expected["logits_l2"].as_f64().unwrap() - 1.0).abs();
        let kept: Vec<f32> =
            logits.chunks_exact(h.n_vocab).flat_map(|step| rows.iter().map(|&row| step[row])).collect();
        let logits = relative_l2(&kept, &floats(&expected["logits"]));
        println!("{} {target:?}: encoder {encoder:.1e}, logits {logits:.1e}, their length {all:.1e}", source.display());
        assert!(
            encoder < ROUNDING && logits.max(all) < HALF,
            "{program} {target:?}: {encoder:.1e} {logits:.1e} {all:.1e}"
        );
    }
}

#[test]
fn a_checkpoint_of_openais_package() {
    compare(&unpacked("openai", &["openai.pt.z"]).join("openai.pt"), "openai");
}

#[test]
fn a_directory_of_transformers() {
    compare(
        &unpacked("transformers", &["transformers/config.json", "transformers/model.safetensors.z"]),
        "transformers",
    );
}

#[test]
fn a_gguf_file() {
    compare(&unpacked("gguf", &["model.gguf.z"]).join("model.gguf"), "openai");
}
