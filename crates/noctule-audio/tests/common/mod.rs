//! Reads Silero weights for tests that need them, and tells which set of tests is wanted.
#![allow(dead_code)]

use std::collections::HashMap;
use std::path::PathBuf;

use noctule_audio::vad::{ConvWeights, SileroWeights};

/// The weights in the folder that `NOCTULE_TEST_MODELS` names, or `None`,
/// saying so on stderr.
pub fn silero_weights() -> Option<SileroWeights> {
    let Some(folder) = std::env::var_os("NOCTULE_TEST_MODELS") else {
        eprintln!("skipped: NOCTULE_TEST_MODELS does not name a folder with silero-v6.2.0-ggml.bin");
        return None;
    };
    let path = PathBuf::from(folder).join("silero-v6.2.0-ggml.bin");
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(parse(&bytes))
}

/// whisper.cpp's file: magic, name, version, sizes, then one record per tensor
/// (dimensions, name length, type 0 = f32 or 1 = f16, extents, name, values).
fn parse(bytes: &[u8]) -> SileroWeights {
    let mut at = 0;
    let mut take = |n: usize| {
        at += n;
        &bytes[at - n..at]
    };
    let word = |b: &[u8]| u32::from_le_bytes(b.try_into().unwrap()) as usize;
    assert_eq!(word(take(4)), 0x6767_6d6c);
    let name_len = word(take(4));
    assert_eq!(take(name_len), b"silero-16k");
    // Version, window, context, layers, 4 × (in, out, taps), LSTM and output sizes.
    take(4 * (3 + 2 + 1 + 12 + 4));
    let mut tensors = HashMap::new();
    while tensors.len() < 15 {
        let (dims, name_len, kind) = (word(take(4)), word(take(4)), word(take(4)));
        let count: usize = (0..dims).map(|_| word(take(4))).product();
        let name = String::from_utf8(take(name_len).to_vec()).unwrap();
        let values: Vec<f32> = if kind == 1 {
            take(count * 2).as_chunks().0.iter().map(|&b| f16(u16::from_le_bytes(b))).collect()
        } else {
            take(count * 4).as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
        };
        tensors.insert(name, values);
    }
    let mut tensor = |name: &str| tensors.remove(&format!("_model.{name}")).unwrap_or_else(|| panic!("no {name}"));
    SileroWeights {
        stft_basis: tensor("stft.forward_basis_buffer"),
        encoder: [0, 1, 2, 3].map(|i| ConvWeights {
            weight: tensor(&format!("encoder.{i}.reparam_conv.weight")),
            bias: tensor(&format!("encoder.{i}.reparam_conv.bias")),
        }),
        lstm_weight_ih: tensor("decoder.rnn.weight_ih"),
        lstm_weight_hh: tensor("decoder.rnn.weight_hh"),
        lstm_bias_ih: tensor("decoder.rnn.bias_ih"),
        lstm_bias_hh: tensor("decoder.rnn.bias_hh"),
        output_weight: tensor("decoder.decoder.2.weight"),
        output_bias: tensor("decoder.decoder.2.bias"),
    }
}

fn f16(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f32::from(bits & 0x3FF) / 1024.0;
    match (bits >> 10) & 0x1F {
        0 => sign * fraction * 2f32.powi(-14),
        exponent => sign * (1.0 + fraction) * 2f32.powi(i32::from(exponent) - 15),
    }
}

/// Whether only the small set is wanted, as on emulated processors, where minutes of sound take many more; says so on stderr.
pub fn too_much() -> bool {
    let small = std::env::var("NOCTULE_TEST_SET").is_ok_and(|set| set == "small");
    if small {
        eprintln!("skipped: not in the small set");
    }
    small
}
