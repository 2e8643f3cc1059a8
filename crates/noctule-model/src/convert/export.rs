//! A model as a directory that transformers and this program read: safetensors, `config.json`, `vocab.json`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use noctule_kernels::block::GgmlType;
use serde_json::json;

use super::vocabulary::to_byte_level;
use super::{rename, safetensors};
use crate::error::{Error, ErrorKind};
use crate::model::Model;

/// Writes `model` into `folder`, which is made if it is missing. Tensors keep f32, f16 and bf16; quantised ones become
/// f32, exactly what they stand for. Every file is written aside and renamed, the weights last.
///
/// # Errors
/// If the folder or a file cannot be written.
pub fn to_safetensors(model: &Model, folder: &Path) -> Result<(), Error> {
    let error = |action: &'static str| {
        let shown = folder.display().to_string();
        move |source| Error::new(shown.clone(), ErrorKind::Io { action, source })
    };
    fs::create_dir_all(folder).map_err(error("make"))?;
    let vocab = model.vocab();
    let tokens: serde_json::Map<String, serde_json::Value> =
        (0..vocab.n_text() as u32).map(|id| (to_byte_level(vocab.token(id)), id.into())).collect();
    whole(folder, "vocab.json", |out| out.write_all(json!(tokens).to_string().as_bytes()))
        .map_err(error("write to"))?;
    let config = config(model).to_string();
    whole(folder, "config.json", |out| out.write_all(config.as_bytes())).map_err(error("write to"))?;

    let kept = |ty| if matches!(ty, GgmlType::F16 | GgmlType::BF16) { ty } else { GgmlType::F32 };
    let mut entries = Vec::new();
    for tensor in model.tensors() {
        let ty = kept(tensor.ty);
        let bytes = tensor.elements() as u64 * if ty == GgmlType::F32 { 4 } else { 2 };
        let mut shape: Vec<usize> = tensor.ne.iter().rev().copied().collect();
        // The biases of the convolutions have a dimension of one in our file only.
        if tensor.name.ends_with("bias") {
            shape.retain(|&n| n != 1);
        }
        entries.push((rename::to_hugging_face(&tensor.name), ty, shape, bytes));
    }
    whole(folder, "model.safetensors", |out| {
        out.write_all(&safetensors::header(&entries))?;
        for tensor in model.tensors() {
            if kept(tensor.ty) == tensor.ty {
                out.write_all(model.bytes(tensor))?;
            } else {
                let bytes: Vec<u8> = model.f32s(tensor).iter().flat_map(|x| x.to_le_bytes()).collect();
                out.write_all(&bytes)?;
            }
        }
        Ok(())
    })
    .map_err(error("write to"))
}

/// `config.json` with the names that transformers has for the dimensions and special tokens.
fn config(model: &Model) -> serde_json::Value {
    let (h, vocab) = (model.hparams(), model.vocab());
    json!({
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "activation_function": "gelu",
        "vocab_size": h.n_vocab,
        "d_model": h.n_audio_state,
        "num_mel_bins": h.n_mels,
        "max_source_positions": h.n_audio_ctx,
        "max_target_positions": h.n_text_ctx,
        "encoder_layers": h.n_audio_layer,
        "encoder_attention_heads": h.n_audio_head,
        "encoder_ffn_dim": 4 * h.n_audio_state,
        "decoder_layers": h.n_text_layer,
        "decoder_attention_heads": h.n_text_head,
        "decoder_ffn_dim": 4 * h.n_text_state,
        "num_hidden_layers": h.n_audio_layer,
        "is_encoder_decoder": true,
        "scale_embedding": false,
        "tie_word_embeddings": true,
        "bos_token_id": vocab.eot(),
        "eos_token_id": vocab.eot(),
        "pad_token_id": vocab.eot(),
        "decoder_start_token_id": vocab.sot(),
        "torch_dtype": "float32",
    })
}

/// Writes a file aside, forces it to the disk, and gives it its name.
fn whole(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let aside = folder.join(format!(".{name}.{}.part", std::process::id()));
    let result = (|| {
        let mut out = BufWriter::new(File::create(&aside)?);
        write(&mut out)?;
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&aside, folder.join(name))
    })();
    if result.is_err() {
        let _ = fs::remove_file(&aside);
    }
    result
}
