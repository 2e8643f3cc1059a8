//! `noctule models info`.

use super::{list, print, print_json, table};
use crate::args::ModelArgs;
use crate::cmd::transcribe::model;
use crate::failure::Failure;
use crate::plan::ModelChoice;
use crate::store::space::size;
use crate::store::{self, Store};
use noctule::{Model, Options, memory};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Serialize)]
struct Info {
    name: String,
    path: Option<String>,
    size_bytes: u64,
    /// The published size that the dimensions belong to.
    dimensions: String,
    languages: String,
    #[serde(rename = "type")]
    kind: String,
    parameters: u64,
    header: Header,
    types: Vec<Share>,
    /// What a run with the usual options takes, bytes.
    memory_bytes: u64,
    source: Option<String>,
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tensors: Vec<Tensor>,
}

#[derive(Debug, Serialize)]
struct Header {
    n_vocab: usize,
    n_audio_ctx: usize,
    n_audio_state: usize,
    n_audio_head: usize,
    n_audio_layer: usize,
    n_text_ctx: usize,
    n_text_state: usize,
    n_text_head: usize,
    n_text_layer: usize,
    n_mels: usize,
    ftype: u32,
}

#[derive(Debug, Default, Serialize)]
struct Share {
    #[serde(rename = "type")]
    kind: &'static str,
    tensors: usize,
    parameters: u64,
    size_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Tensor {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Fastest dimension first.
    shape: Vec<usize>,
    size_bytes: usize,
}

/// Shows one model.
pub fn run(args: &ModelArgs) -> Result<bool, Failure> {
    let named = |given: &PathBuf| ModelChoice::File(store::resolve(given));
    let choice = args.model.as_ref().map_or(ModelChoice::Embedded, named);
    let model = model::load(&choice, true)?;
    let info = info(&model, args.tensors);
    match args.json {
        true => print_json(&info)?,
        false => print(&shown(&info))?,
    }
    Ok(true)
}

fn info(model: &Model, tensors: bool) -> Info {
    let h = model.hparams();
    let mut types: BTreeMap<&'static str, Share> = BTreeMap::new();
    for tensor in model.tensors() {
        let share = types.entry(tensor.ty.name()).or_default();
        share.kind = tensor.ty.name();
        share.tensors += 1;
        share.parameters += tensor.elements() as u64;
        share.size_bytes += tensor.size_bytes() as u64;
    }
    let all = model.tensors().map(|t| Tensor {
        name: t.name.clone(),
        kind: t.ty.name(),
        shape: t.ne.clone(),
        size_bytes: t.size_bytes(),
    });
    let store = Store::open().ok();
    let in_store = store.filter(|store| model.path() == Some(&store.path(model.name())));
    Info {
        name: model.name().to_owned(),
        path: model.path().map(|path| path.display().to_string()),
        size_bytes: model.size_bytes(),
        dimensions: h.display_name(),
        languages: list::languages(model),
        kind: model.weight_type().to_string(),
        parameters: types.values().map(|share| share.parameters).sum(),
        header: Header {
            n_vocab: h.n_vocab,
            n_audio_ctx: h.n_audio_ctx,
            n_audio_state: h.n_audio_state,
            n_audio_head: h.n_audio_head,
            n_audio_layer: h.n_audio_layer,
            n_text_ctx: h.n_text_ctx,
            n_text_state: h.n_text_state,
            n_text_head: h.n_text_head,
            n_text_layer: h.n_text_layer,
            n_mels: h.n_mels,
            ftype: h.ftype,
        },
        types: types.into_values().collect(),
        memory_bytes: memory::predicted_bytes(model, None, &Options::default()),
        source: in_store.and_then(|store| store.record(model.name())).map(|record| record.source),
        notes: model.notes().to_vec(),
        tensors: if tensors { all.collect() } else { Vec::new() },
    }
}

fn shown(info: &Info) -> String {
    let h = &info.header;
    let mut rows = vec![("name", info.name.clone())];
    rows.extend(info.path.iter().map(|path| ("file", path.clone())));
    rows.push(("size", format!("{} ({} bytes)", size(info.size_bytes), info.size_bytes)));
    rows.extend(info.source.iter().map(|source| ("from", source.clone())));
    rows.push(("model", format!("{}, {}, weights {}", info.dimensions, info.languages, info.kind)));
    rows.push(("parameters", format!("{:.1} million", info.parameters as f64 / 1e6)));
    rows.push((
        "encoder",
        format!(
            "{} layers, {} wide, {} heads, {} positions, {} mel bands",
            h.n_audio_layer, h.n_audio_state, h.n_audio_head, h.n_audio_ctx, h.n_mels
        ),
    ));
    rows.push((
        "decoder",
        format!(
            "{} layers, {} wide, {} heads, {} positions, {} tokens",
            h.n_text_layer, h.n_text_state, h.n_text_head, h.n_text_ctx, h.n_vocab
        ),
    ));
    for share in &info.types {
        let count = format!("{} tensors, {:.1} million parameters", share.tensors, share.parameters as f64 / 1e6);
        rows.push(("type", format!("{}: {count}, {}", share.kind, size(share.size_bytes))));
    }
    rows.push(("memory", format!("about {} with 5 beams", size(info.memory_bytes))));
    rows.extend(info.notes.iter().map(|note| ("note", note.clone())));
    let mut text = table(&rows.into_iter().map(|(key, value)| vec![key.to_owned(), value]).collect::<Vec<_>>());
    let tensors = info.tensors.iter().map(|t| {
        let shape: Vec<String> = t.shape.iter().map(ToString::to_string).collect();
        vec![t.name.clone(), t.kind.to_owned(), shape.join(" × "), t.size_bytes.to_string()]
    });
    text += &table(&tensors.collect::<Vec<_>>());
    text
}
