//! A directory as `save_pretrained` of transformers leaves it: `config.json`, weights in one safetensors file or in
//! several with an index, and the tokeniser's files.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::checkpoint::{Checkpoint, Heads};
use super::{safetensors, vocabulary};
use crate::error::{Error, ErrorKind, printable};
use crate::source::Source;

const INDEX: &str = "model.safetensors.index.json";
const WEIGHTS: &str = "model.safetensors";

/// Opens a directory.
pub(super) fn open(folder: &Path) -> Result<Checkpoint, Error> {
    let mut checkpoint = Checkpoint::new("Hugging Face directory", folder.display().to_string());
    for name in weights(folder)? {
        let path = folder.join(name);
        let error = |kind| Error::new(path.display().to_string(), kind);
        let source = Source::map(&path)?;
        let tensors = safetensors::parse(&source).map_err(error)?;
        checkpoint.add_file(source, tensors).map_err(error)?;
    }
    describe(&mut checkpoint, folder)?;
    Ok(checkpoint)
}

/// The names of the weights' files.
fn weights(folder: &Path) -> Result<BTreeSet<String>, Error> {
    let index = folder.join(INDEX);
    if !index.is_file() {
        if folder.join(WEIGHTS).is_file() {
            return Ok(BTreeSet::from([WEIGHTS.to_string()]));
        }
        let found = format!("a directory without {WEIGHTS} and without {INDEX}; weights in other formats are not read");
        return Err(Error::new(folder.display().to_string(), ErrorKind::NotGgml { found }));
    }
    let error = |problem: String| {
        let kind = ErrorKind::Malformed { format: "index of shards", offset: 0, problem };
        Error::new(index.display().to_string(), kind)
    };
    let json = json(&index)?;
    let map = json["weight_map"].as_object().ok_or_else(|| error("there is no weight_map".into()))?;
    let mut names = BTreeSet::new();
    for (tensor, name) in map {
        let name = name.as_str().unwrap_or_default();
        // A shard lies beside its index: a name that leads anywhere else is an attack.
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0']);
        if !plain {
            let (tensor, name) = (printable(tensor.as_bytes()), printable(name.as_bytes()));
            return Err(error(format!(
                "tensor {tensor} is said to be in \"{name}\", which is no file of this directory"
            )));
        }
        names.insert(name.to_string());
    }
    Ok(names)
}

/// Adds what the other files of the directory say: heads and tokens.
pub(super) fn describe(checkpoint: &mut Checkpoint, folder: &Path) -> Result<(), Error> {
    let config = folder.join("config.json");
    if config.is_file() {
        let json = json(&config)?;
        if json["model_type"].as_str().is_some_and(|kind| kind != "whisper") {
            let kind = printable(json["model_type"].as_str().unwrap_or_default().as_bytes());
            let found = format!("the model is of the type {kind}, not whisper");
            return Err(Error::new(config.display().to_string(), ErrorKind::NotGgml { found }));
        }
        let number = |key: &str| json[key].as_u64().and_then(|n| usize::try_from(n).ok());
        let heads = Heads { audio: number("encoder_attention_heads"), text: number("decoder_attention_heads") };
        checkpoint.set_heads(heads);
    }
    let tokenizer = ["vocab.json", "tokenizer.json"].map(|name| folder.join(name)).into_iter().find(|p| p.is_file());
    if let Some(path) = tokenizer {
        let mut renamed = None;
        let embedding = checkpoint.names().find(|(name, _)| {
            name.ends_with("decoder.embed_tokens.weight") || name.ends_with("decoder.token_embedding.weight")
        });
        if let Some((_, found)) = embedding {
            renamed = found.shape.first().copied();
        }
        // Only the number of tokens matters here; the whole is checked when the dimensions are known.
        let hparams = crate::synthetic::Kind::Multilingual.hparams();
        let n_vocab = renamed.unwrap_or(hparams.n_vocab);
        checkpoint.set_tokens(vocabulary::read(&path, &crate::Hparams { n_vocab, ..hparams })?);
    }
    Ok(())
}

fn json(path: &Path) -> Result<Value, Error> {
    let bytes = vocabulary::text(path)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let kind = ErrorKind::Malformed { format: "JSON", offset: 0, problem: error.to_string() };
        Error::new(path.display().to_string(), kind)
    })
}

/// The JSON of a file of an adapter.
pub(super) fn adapter_config(path: &Path) -> Result<Value, Error> {
    json(path)
}
