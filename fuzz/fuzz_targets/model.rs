//! Feeds bytes to the readers of model files and touches everything they return.
//!
//! A whole model is two megabytes, most of them vocabulary, in which a blind change is almost never
//! interesting. So the first byte of the input says what the rest is:
//!
//! - 0: the file itself;
//! - 1: a Silero file;
//! - 2: all of a small Whisper file but the vocabulary and the filters, which are put in;
//! - other: changes to a whole small Whisper file, nine bytes each: place (4), kind (1), value (4).
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use noctule_kernels::block::GgmlType;
use noctule_model::synthetic::{self, Kind};
use noctule_model::{Hparams, Model, silero};

struct Small {
    bytes: Vec<u8>,
    /// Where the first tensor begins.
    tensors: usize,
}

static SMALL: LazyLock<Small> = LazyLock::new(|| {
    let hparams = Hparams {
        n_audio_ctx: 8,
        n_audio_state: 16,
        n_audio_head: 1,
        n_audio_layer: 1,
        n_text_ctx: 16,
        n_text_state: 16,
        n_text_head: 1,
        n_text_layer: 1,
        n_mels: 8,
        ..Kind::En.hparams()
    };
    let header = synthetic::header(hparams).expect("dimensions within the limits");
    let bytes = synthetic::model(&header, GgmlType::F16, 1).expect("a float type");
    let model = Model::from_vec("small", bytes.clone()).expect("what was written");
    let first = model.tensors().next().expect("tensors");
    let tensors = first.range().start - first.name.len() - 4 * first.ne.len() - 12;
    Small { bytes, tensors }
});

fuzz_target!(|input: &[u8]| {
    let Some((mode, rest)) = input.split_first() else { return };
    match mode {
        0 => touch(rest.to_vec()),
        1 => drop(silero::from_bytes("fuzz", rest)),
        2 => touch(expand(rest)),
        _ => touch(change(rest)),
    }
});

/// Dimensions from the input, the small model's filters and vocabulary, tensors from the input.
fn expand(rest: &[u8]) -> Vec<u8> {
    let (head, tail) = rest.split_at(rest.len().min(44));
    let mut bytes = SMALL.bytes[..SMALL.tensors].to_vec();
    bytes[4..4 + head.len()].copy_from_slice(head);
    bytes.extend_from_slice(tail);
    bytes
}

/// The small model with changes.
fn change(rest: &[u8]) -> Vec<u8> {
    let mut bytes = SMALL.bytes.clone();
    for edit in rest.chunks_exact(9) {
        let place = u32::from_le_bytes([edit[0], edit[1], edit[2], edit[3]]) as usize;
        let value = [edit[5], edit[6], edit[7], edit[8]];
        // The places of interest are few: the header, and what follows the vocabulary.
        let at = match edit[4] & 0x80 {
            0 if bytes.len() > SMALL.tensors => SMALL.tensors + place % (bytes.len() - SMALL.tensors),
            _ => place % 80.min(bytes.len().max(1)),
        };
        match edit[4] & 0x0f {
            0..=5 => bytes.iter_mut().skip(at).zip(value).for_each(|(b, v)| *b = v),
            6..=8 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= value[0]),
            9 => bytes.truncate(at),
            10 => drop(bytes.splice(at.min(bytes.len())..at.min(bytes.len()), value)),
            11 => drop(bytes.drain(at.min(bytes.len())..(at + 4).min(bytes.len()))),
            12 => bytes.extend(value),
            _ => {
                let end = (at + usize::from(value[0]) * 16).min(bytes.len());
                bytes.extend_from_within(at.min(end)..end);
            }
        }
    }
    bytes
}

/// Opens the bytes and reads all that a model lends.
fn touch(bytes: Vec<u8>) {
    match Model::from_vec("fuzz", bytes) {
        Ok(model) => {
            for t in model.tensors() {
                // The vocabulary's matrix is most of the values and no different from the others.
                if t.elements() < 100_000 {
                    assert_eq!(model.f32s(t).len(), t.elements());
                }
                assert_eq!(model.bytes(t).len(), model.matrix(t).bytes().len());
                assert_eq!(model.tensor(&t.name), Some(t));
            }
            let vocab = model.vocab();
            for id in (0..=vocab.len() as u32).step_by(97) {
                std::hint::black_box((vocab.token(id), vocab.is_special(id)));
            }
            std::hint::black_box((model.weight_type(), model.notes()));
            std::hint::black_box(model.hparams().display_name());
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() < 1000, "{text}");
            assert!(text.chars().all(|c| !c.is_control()), "{text:?}");
        }
    }
}
