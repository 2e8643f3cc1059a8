//! Real models, where a folder of them is at hand (`NOCTULE_TEST_MODELS`).

use std::path::PathBuf;

use noctule_model::write::Writer;
use noctule_model::{Model, Role, names, silero};

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

#[test]
fn real_filters_are_the_ones_that_synthetic_models_get() {
    for path in models() {
        let Ok(model) = Model::open(&path) else { continue };
        let synthetic = noctule_model::synthetic::header(model.hparams().clone()).unwrap();
        assert!(synthetic.filters == *model.mel_filters(), "{}", model.name());
    }
}

#[test]
fn real_models_written_again_are_the_same_bytes() {
    for path in models() {
        let Ok(model) = Model::open(&path) else { continue };
        if model.size_bytes() > 100_000_000 {
            continue;
        }
        let mut writer = Writer::new(Vec::new(), "copy", model.header()).unwrap();
        for t in model.tensors() {
            writer.tensor(&t.name, t.ty, model.bytes(t)).unwrap();
        }
        assert!(writer.finish().unwrap() == std::fs::read(&path).unwrap(), "{}", model.name());
    }
}

#[test]
fn the_real_silero_file_is_read() {
    let Some(folder) = std::env::var_os("NOCTULE_TEST_MODELS") else {
        eprintln!("skipped: NOCTULE_TEST_MODELS names no folder of models");
        return;
    };
    let path = PathBuf::from(folder).join("silero-v6.2.0-ggml.bin");
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return;
    }
    let weights = silero::read(&path).unwrap();
    assert_eq!(weights.version, (6, 2, 0));
    // The basis is a Hann-windowed transform: its first row is the window itself, which is a cosine
    // of period 256 with mean one half.
    let window: Vec<f32> = weights.stft[..256].to_vec();
    let mean = window.iter().sum::<f32>() / 256.0;
    assert!((mean - 0.5).abs() < 0.01, "{mean}");
    assert!((window[128] - 1.0).abs() < 0.01 && window[0].abs() < 0.01);
    let widths: Vec<(usize, usize)> = weights.encoder.iter().map(|c| (c.inputs, c.outputs)).collect();
    assert_eq!(widths, [(129, 128), (128, 64), (64, 64), (64, 128)]);
    let error = Model::open(&path).unwrap_err();
    assert!(error.to_string().contains("--vad-model"), "{error}");
}
