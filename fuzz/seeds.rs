//! Writes the fuzzer's first inputs: `cargo run --example seeds --release`, then `cargo fuzz run model` or `audio`.

use std::path::Path;

use noctule_kernels::block::GgmlType;
use noctule_model::synthetic::{self, Kind};
use noctule_model::{Hparams, Model};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/model");
    std::fs::create_dir_all(&folder)?;
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
    let bytes = synthetic::model(&synthetic::header(hparams)?, GgmlType::F16, 1)?;
    let model = Model::from_vec("small", bytes.clone())?;
    let headers: Vec<(usize, usize, usize)> = model
        .tensors()
        .map(|t| (t.range().start - t.name.len() - 4 * t.ne.len() - 12, t.range().start, t.range().end))
        .collect();
    let first = headers[0].0;
    // Beginnings of a file, and of its tensors under a header.
    std::fs::write(folder.join("file-head"), [&[0], &bytes[..80]].concat())?;
    for count in [0, 1, 3, 6, 22] {
        let end = headers[count].1;
        std::fs::write(folder.join(format!("tensors-{count}")), [&[2], &bytes[4..48], &bytes[first..end]].concat())?;
    }
    // Single changes at each field of each tensor's header.
    for (i, &(header, data, _)) in headers.iter().enumerate().step_by(5) {
        for at in (header..data).step_by(4) {
            let place = ((at - first) as u32).to_le_bytes();
            for (kind, value) in [(0u8, 30u32), (6, 1), (9, 0), (13, 4)] {
                let edit = [&[9], place.as_slice(), &[kind], &value.to_le_bytes()].concat();
                std::fs::write(folder.join(format!("edit-{i}-{at}-{kind}")), edit)?;
            }
        }
    }
    let silero = [b"\x01lmgg\x0a\0\0\0silero-16k".as_slice(), &silero_dimensions()].concat();
    std::fs::write(folder.join("silero"), &silero)?;
    let name = b"_model.decoder.decoder.2.bias";
    let bias = [&[0, 0, 0, 0, name.len() as u8, 0, 0, 0, 0, 0, 0, 0], name.as_slice(), &[0, 0, 128, 63]].concat();
    std::fs::write(folder.join("silero-bias"), [silero, bias].concat())?;
    audio()
}

/// The small files of the audio crate's tests, each read in three ways.
fn audio() -> Result<(), Box<dyn std::error::Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.join("corpus/audio");
    std::fs::create_dir_all(&folder)?;
    for entry in std::fs::read_dir(here.join("../crates/noctule-audio/tests/data"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with("tone-") {
            continue;
        }
        let bytes = std::fs::read(&path)?;
        for mode in [0u8, 2 | 4 | 8, 16] {
            std::fs::write(folder.join(format!("{name}-{mode}")), [&[mode], bytes.as_slice()].concat())?;
        }
    }
    Ok(())
}

fn silero_dimensions() -> Vec<u8> {
    const FIELDS: [i32; 22] = [6, 2, 0, 512, 64, 4, 129, 128, 3, 128, 64, 3, 64, 64, 3, 64, 128, 3, 128, 128, 128, 1];
    FIELDS.iter().flat_map(|field| field.to_le_bytes()).collect()
}
