//! Real models, where a folder of them is at hand (`NOCTULE_TEST_MODELS`).

use std::path::PathBuf;

use noctule_model::{Model, Role, names};

/// The ggml files in the folder, or an empty list and a line that says so.
fn models() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("NOCTULE_TEST_MODELS") else {
        eprintln!("skipped: NOCTULE_TEST_MODELS names no folder of models");
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("NOCTULE_TEST_MODELS is a folder")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "bin"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn real_models_open_and_hold_finite_weights() {
    for path in models() {
        let model = match Model::open(&path) {
            Ok(model) => model,
            Err(error) => match error.kind() {
                // Header files and the Silero file may lie in the same folder.
                noctule_model::ErrorKind::NoWeights | noctule_model::ErrorKind::NotGgml { .. } => continue,
                _ => panic!("{error}"),
            },
        };
        let hparams = model.hparams();
        eprintln!(
            "{}: {} {}, {} tensors, {} bytes, notes {:?}",
            model.name(),
            hparams.display_name(),
            model.weight_type(),
            model.tensors().count(),
            model.size_bytes(),
            model.notes(),
        );
        assert_eq!(model.tensors().count(), 11 + 15 * hparams.n_audio_layer + 24 * hparams.n_text_layer);
        for expected in names::expected(hparams) {
            let tensor = model.tensor(&expected.name).expect("every expected tensor");
            assert_eq!(tensor.ne, expected.ne, "{}", expected.name);
            if tensor.role != Role::Matrix || tensor.elements() < 1 << 20 {
                let values = model.f32s(tensor);
                assert_eq!(values.len(), tensor.elements());
                assert!(values.iter().all(|x| x.is_finite()), "{}", expected.name);
            }
        }
        let sums: Vec<f32> = model.mel_filters().data.chunks(201).map(|band| band.iter().sum()).collect();
        assert!(sums.iter().all(|&sum| sum > 0.0), "an empty mel band");
    }
}

#[test]
fn real_vocabularies_lead_back() {
    for path in models() {
        let Ok(model) = Model::open(&path) else { continue };
        let vocab = model.vocab();
        assert_eq!(vocab.len(), model.hparams().n_vocab);
        assert_eq!(vocab.num_timestamps(), 1501);
        let hello = vocab.token_to_id(b" hello").expect("a common word");
        assert_eq!(vocab.token(hello), b" hello");
        assert_eq!(vocab.token_to_id(b"<|endoftext|>"), None, "special tokens are not text");
        assert_eq!(vocab.token_to_id(b""), None);
        for id in 0..vocab.n_text() as u32 {
            let found = vocab.token_to_id(vocab.token(id));
            assert!(found.is_none_or(|found| found >= id), "token {id}");
        }
    }
}
