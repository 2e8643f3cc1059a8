//! What several tests need.
#![allow(dead_code, reason = "each test file uses a part")]

use noctule_model::synthetic::{self, Kind};
use noctule_model::{Hparams, Model};
use noctule_quant::GgmlType;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A random model of this width with one layer on each side.
pub fn model(width: usize, ty: GgmlType) -> Model {
    let hparams = Hparams {
        n_audio_state: width,
        n_audio_head: width / 64,
        n_audio_layer: 1,
        n_text_state: width,
        n_text_head: width / 64,
        n_text_layer: 1,
        ..Kind::En.hparams()
    };
    let header = synthetic::header(hparams).expect("a Whisper's dimensions");
    let bytes = synthetic::model(&header, ty, 1).expect("a float type");
    Model::from_vec("synthetic", bytes).expect("a whole model")
}

/// An empty folder for the test of this name.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("the target folder is writable");
    path
}

/// The SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Values that look like weights: sums of three uniform numbers, and a scale for each 64.
pub fn weights(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut scale = 1.0;
    let value = |i: usize| {
        if i.is_multiple_of(64) {
            scale = 0.02 + 0.03 * (uniform() + 1.0);
        }
        scale * (uniform() + uniform() + uniform())
    };
    (0..len).map(value).collect()
}
