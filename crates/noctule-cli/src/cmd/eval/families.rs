//! What is known of models by their names and headers.

use crate::cmd::quantize::plans::Kind;
use crate::store::catalogue::Entry;
use noctule::{Model, Options, Precision, memory};
use noctule_eval::plan::{Dims, ModelFacts, Place};
use noctule_model::Hparams;
use std::collections::BTreeMap;

/// Sizes of OpenAI's models, smallest first: what a range such as tiny..small runs through.
pub const MULTILINGUAL: [&str; 6] = ["tiny", "base", "small", "medium", "large-v3-turbo", "large-v3"];
/// The same of those that know English only.
pub const ENGLISH: [&str; 4] = ["tiny.en", "base.en", "small.en", "medium.en"];

/// Family and type of a name such as base-q5_1.
pub fn split(name: &str) -> (String, Option<String>) {
    match name.rsplit_once('-') {
        Some((family, kind)) if Kind::parse(kind).is_ok() => (family.to_owned(), Some(kind.to_owned())),
        _ => (name.to_owned(), None),
    }
}

/// What a model's file says.
pub fn of_model(model: &Model, place: Place) -> ModelFacts {
    let name = model.name().strip_prefix("ggml-").unwrap_or(model.name()).to_owned();
    let (family, _) = split(&name);
    let hparams = model.hparams();
    let mut types: BTreeMap<String, u64> = BTreeMap::new();
    model.tensors().for_each(|tensor| *types.entry(tensor.ty.name().to_owned()).or_default() += 1);
    let weights = model.weight_type().dominant().name().to_owned();
    let (working_bytes, beam_bytes) = working(hparams, &weights);
    ModelFacts {
        family,
        weights,
        place,
        size_bytes: model.size_bytes(),
        obstacle: obstacle(model),
        english_only: !hparams.is_multilingual(),
        dims: dims(hparams),
        types,
        working_bytes,
        beam_bytes,
        name,
        ..ModelFacts::default()
    }
}

/// Why stock whisper.cpp cannot read a file.
fn obstacle(model: &Model) -> Option<String> {
    use noctule_model::WeightType;
    match model.weight_type() {
        WeightType::Mixed(_) => {
            let mut kinds: Vec<&str> = noctule_quant::matrices(model).map(|tensor| tensor.ty.name()).collect();
            kinds.sort_unstable();
            kinds.dedup();
            Some(format!("its matrices have several types ({})", kinds.join(", ")))
        }
        WeightType::Uniform(ty) => ty.ftype().is_none().then(|| format!("ggml has no file type for {ty}")),
    }
}

/// Whether weights of this type are computed with as they are, unless something else is asked for.
pub fn is_float(weights: &str) -> bool {
    ["f32", "f16", "bf16"].contains(&weights)
}

/// Memory of a run above weights of this type with one beam, and what each further beam adds, bytes.
pub fn working(hparams: &Hparams, weights: &str) -> (u64, u64) {
    let precision = if is_float(weights) { Precision::Accurate } else { Precision::Fast };
    let with = |beams: usize| {
        let mut options = Options::default();
        (options.search.beam_size, options.search.best_of) = (beams, beams);
        memory::working_set_bytes(hparams, precision, &options)
    };
    (with(1), (with(5) - with(1)) / 4)
}

fn dims(hparams: &Hparams) -> Dims {
    Dims {
        n_audio_ctx: hparams.n_audio_ctx as u64,
        n_audio_state: hparams.n_audio_state as u64,
        n_audio_layer: hparams.n_audio_layer as u64,
        n_text_state: hparams.n_text_state as u64,
        n_text_layer: hparams.n_text_layer as u64,
        n_vocab: hparams.n_vocab as u64,
        n_mels: hparams.n_mels as u64,
    }
}

/// What the catalogue says of a model that is not here.
pub fn of_entry(entry: &Entry) -> ModelFacts {
    let hparams = published(entry);
    let (working_bytes, beam_bytes) = working(&hparams, entry.kind);
    let (family, _) = split(entry.name);
    ModelFacts {
        name: entry.name.to_owned(),
        family,
        weights: entry.kind.to_owned(),
        place: Place::Wanted(format!("fetched, {} MB", entry.size_bytes / 1_000_000)),
        size_bytes: entry.size_bytes,
        english_only: entry.languages() == "English",
        dims: dims(&hparams),
        working_bytes,
        beam_bytes,
        ..ModelFacts::default()
    }
}

/// A published float model in another type: nobody publishes it, or it is fetched under its own name.
pub fn in_type(float: &Entry, kind: &str) -> ModelFacts {
    let (working_bytes, beam_bytes) = working(&published(float), kind);
    let float = of_entry(float);
    let name = format!("{}-{kind}", float.name);
    if let Some(entry) = crate::store::catalogue::find(&name) {
        return of_entry(entry);
    }
    let weights = float.dims.weights();
    let bits = Kind::parse(kind).map_or(16.0, |kind| match kind {
        Kind::Type(ty) => ty.bits_per_weight(),
        // Mixes have about four and a half.
        _ => 4.5,
    });
    let size_bytes = float.size_bytes as f64 - weights * 2.0 + weights * bits / 8.0;
    let k = kind.ends_with("_k") && !float.dims.n_audio_state.is_multiple_of(256);
    let obstacle = k.then(|| {
        format!(
            "its rows of {} weights are no whole blocks of {kind}, so that it has several types",
            float.dims.n_audio_state
        )
    });
    ModelFacts {
        name,
        weights: kind.to_owned(),
        place: Place::Wanted(format!(
            "quantised from {}, which is fetched first ({} MB)",
            float.name,
            float.size_bytes / 1_000_000
        )),
        size_bytes: size_bytes.max(0.0) as u64,
        obstacle,
        working_bytes,
        beam_bytes,
        ..float
    }
}

/// The largest published model, in the type that keeps most, that takes no more than `most` bytes and is no larger than
/// the one with these dimensions; its name and what it takes. `precision` is what was asked for.
pub fn fitting(
    hparams: &Hparams,
    precision: Option<Precision>,
    options: &Options,
    most: u64,
    working: memory::WorkingSet,
) -> Option<(String, u64)> {
    let names: &[&str] = if hparams.is_multilingual() { &MULTILINGUAL } else { &ENGLISH };
    let largest = dims(hparams).weights() * 1.01;
    let entries = names.iter().rev().filter_map(|name| crate::store::catalogue::find(name));
    let sizes = entries.filter(|entry| dims(&published(entry)).weights() <= largest);
    let typed = sizes.flat_map(|entry| {
        let types = ["q8_0", "q5_1", "q5_0", "q4_0"].into_iter().map(move |kind| (entry, in_type(entry, kind)));
        std::iter::once((entry, of_entry(entry))).chain(types)
    });
    let mut needs = typed.filter(|(_, facts)| facts.obstacle.is_none()).map(|(entry, facts)| {
        let own = if is_float(&facts.weights) { Precision::Accurate } else { Precision::Fast };
        (facts.name, facts.size_bytes + working(&published(entry), precision.unwrap_or(own), options))
    });
    needs.find(|(_, bytes)| *bytes <= most)
}

/// The header of a published model.
fn published(entry: &Entry) -> Hparams {
    let (width, audio, text, n_mels) = match entry.dimensions {
        "tiny" => (384, 4, 4, 80),
        "base" => (512, 6, 6, 80),
        "small" => (768, 12, 12, 80),
        "medium" => (1024, 24, 24, 80),
        "large" => (1280, 32, 32, 80),
        "turbo" => (1280, 32, 4, 128),
        "distil-small" => (768, 12, 4, 80),
        "distil-medium" => (1024, 24, 2, 80),
        "distil-large-v2" => (1280, 32, 2, 80),
        "distil-large-v3" => (1280, 32, 2, 128),
        _ => (1280, 32, 32, 128),
    };
    Hparams {
        n_vocab: entry.n_vocab,
        n_audio_ctx: 1500,
        n_audio_state: width,
        n_audio_head: width / 64,
        n_audio_layer: audio,
        n_text_ctx: 448,
        n_text_state: width,
        n_text_head: width / 64,
        n_text_layer: text,
        n_mels,
        ftype: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::catalogue;

    #[test]
    fn names_are_split_where_a_type_begins() {
        assert_eq!(split("base-q5_1"), ("base".into(), Some("q5_1".into())));
        assert_eq!(split("large-v3-turbo"), ("large-v3-turbo".into(), None));
        assert_eq!(split("tiny.en-q4_k_m"), ("tiny.en".into(), Some("q4_k_m".into())));
    }

    #[test]
    fn every_published_model_has_dimensions() {
        for entry in catalogue::entries().iter().filter(|entry| entry.kind == "f16") {
            let facts = of_entry(entry);
            // Two bytes a weight, a little more for what is no matrix.
            let share = facts.dims.weights() * 2.0 / entry.size_bytes as f64;
            assert!((0.93..1.0).contains(&share), "{}: {share}", entry.name);
        }
        for name in MULTILINGUAL.iter().chain(&ENGLISH) {
            assert!(catalogue::find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_nearest_model_that_fits_is_found() {
        let base = published(catalogue::find("base").unwrap());
        let options = Options::default();
        let nearest = |megabytes: u64| {
            fitting(&base, None, &options, megabytes * 1_000_000, memory::working_set_bytes).map(|(name, _)| name)
        };
        assert_eq!(nearest(1000).as_deref(), Some("base"));
        assert_eq!(nearest(180).as_deref(), Some("base-q8_0"));
        assert_eq!(nearest(100).as_deref(), Some("base-q5_1"));
        assert!(nearest(70).unwrap().starts_with("tiny-q"), "{:?}", nearest(70));
        assert_eq!(nearest(10), None);
    }

    #[test]
    fn types_that_do_not_fit_are_known_before_they_are_made() {
        let tiny = catalogue::find("tiny").unwrap();
        assert!(in_type(tiny, "q4_k").obstacle.unwrap().contains("384"));
        assert!(in_type(tiny, "q4_0").obstacle.is_none());
        let base = catalogue::find("base").unwrap();
        let made = in_type(base, "q4_k");
        // The file that whisper-quantize makes has 46,471,049 bytes.
        assert!((44e6..49e6).contains(&(made.size_bytes as f64)), "{}", made.size_bytes);
        assert_eq!(in_type(base, "q5_1").place, of_entry(catalogue::find("base-q5_1").unwrap()).place);
    }

    #[cfg(feature = "embedded-model")]
    #[test]
    fn the_embedded_model() {
        let facts = of_model(&noctule::embedded_model().unwrap(), Place::Embedded);
        assert_eq!((facts.family.as_str(), facts.weights.as_str(), facts.english_only), ("tiny.en", "q5_0", true));
        assert!(facts.obstacle.is_none() && facts.memory_bytes(5) > facts.memory_bytes(1));
    }
}
