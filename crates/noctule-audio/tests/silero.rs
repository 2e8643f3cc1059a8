//! The Silero net against Silero's own runtime, and its contract.
//!
//! The weights are read where `NOCTULE_TEST_MODELS` names a folder that holds
//! `silero-v6.2.0-ggml.bin`; otherwise these tests say that they are skipped.

mod common;

use std::path::Path;

use noctule_audio::file::{self, ReadOptions};
use noctule_audio::vad::Vad;

fn speech(clip: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/speech").join(clip);
    file::read(&path, &ReadOptions::default()).unwrap().samples
}

/// The largest difference from one of the fixture's two references.
fn worst_difference(reference: &str, clip: &str, found: &[f32]) -> f32 {
    let fixture = include_str!("data/silero_reference.json");
    let fixture: serde_json::Value = serde_json::from_str(fixture).unwrap();
    let expected = fixture[reference][clip].as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected);
    pairs.map(|(f, e)| (f - e.as_f64().unwrap() as f32).abs()).fold(0.0, f32::max)
}

/// Against the same weights in double precision, only rounding differs; against
/// the original network, the half-precision weights of the file do.
#[test]
fn probabilities_are_those_of_the_original() {
    let Some(weights) = common::silero_weights() else { return };
    let mut vad = Vad::silero(weights).unwrap();
    for clip in ["ami-ES2011a-40s-46s.flac", "kathleen-a0214.flac", "dishes.flac"] {
        let found = vad.speech_probabilities(&speech(clip));
        let same_weights = worst_difference("half", clip, &found);
        let original = worst_difference("original", clip, &found);
        println!(
            "{clip}: {} windows, largest difference {same_weights:.1e}, from f32 weights {original:.1e}",
            found.len()
        );
        assert!(same_weights <= 2e-5, "{clip}: {same_weights}");
        assert!(original <= 2e-3, "{clip}: {original}");
    }
}

#[test]
fn a_stream_gives_what_the_whole_gives() {
    let Some(weights) = common::silero_weights() else { return };
    let samples = speech("kathleen-a0214.flac");
    let mut vad = Vad::silero(weights).unwrap();
    let whole = vad.speech_probabilities(&samples);
    vad.reset();
    let stream: Vec<f32> = samples.chunks(512).map(|frame| vad.predict(frame)).collect();
    assert_eq!(whole, stream);
}

#[test]
fn wrong_sizes_name_the_tensor() {
    let Some(mut weights) = common::silero_weights() else { return };
    weights.encoder[2].bias.pop();
    let message = Vad::silero(weights).err().unwrap().to_string();
    assert_eq!(message, "voice-activity weights: encoder[2].bias has 63 values, expected 64");
}
