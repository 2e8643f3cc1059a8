//! Names and types → models: where they are, what is known of them, and those that are missing made.

use super::families;
use crate::cmd::quantize::plans::Kind;
use crate::cmd::quantize::{self};
use crate::failure::Failure;
use crate::store::{self, Store, catalogue, digest};
use crate::terminal;
use noctule::Model;
use noctule_eval::plan::{ModelFacts, Place, names};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The ten of whisper-quantize, fewest bits first.
pub const TEN: [&str; 10] = ["q2_k", "q3_k", "q4_0", "q4_k", "q4_1", "q5_0", "q5_k", "q5_1", "q6_k", "q8_0"];

/// What was asked for, and where things are made.
#[derive(Debug)]
pub struct Shelf<'a> {
    /// Words of the command line.
    pub words: &'a [String],
    /// Types, as they were typed.
    pub types: Option<&'a str>,
    /// The folder of the evaluation.
    pub folder: &'a Path,
    /// Whether digests are wanted, which costs time.
    pub digests: bool,
}

impl Shelf<'_> {
    /// All models, in the order of the words, each once.
    ///
    /// # Errors
    /// [`Failure::Usage`] for types that there are not and ranges that mean nothing. A model that is missing is none.
    pub fn find(&self) -> Result<Vec<ModelFacts>, Failure> {
        let types = self.types()?;
        let mut all: Vec<ModelFacts> = Vec::new();
        for word in self.names()? {
            for facts in self.of_word(&word, &types)? {
                if !all.iter().any(|other| other.name == facts.name && other.place == facts.place) {
                    all.push(facts);
                }
            }
        }
        if self.words.is_empty() {
            all.push(embedded()?);
        }
        Ok(all)
    }

    fn names(&self) -> Result<Vec<String>, Failure> {
        let mut all = Vec::new();
        for word in self.words {
            // A file may have any name.
            if Path::new(word).is_file() {
                all.push(word.clone());
                continue;
            }
            let order = if word.contains(".en") { &families::ENGLISH[..] } else { &families::MULTILINGUAL[..] };
            all.extend(names(word, order).map_err(Failure::Usage)?);
        }
        Ok(all)
    }

    fn types(&self) -> Result<Vec<String>, Failure> {
        let Some(text) = self.types else { return Ok(Vec::new()) };
        let text = text.replace("all", &format!("source,{}", TEN.join(",")));
        let found = names(&text.to_lowercase(), &TEN).map_err(Failure::Usage)?;
        for name in found.iter().filter(|name| *name != "source") {
            Kind::parse(name).map_err(|problem| Failure::usage(format!("--types: {problem}")))?;
        }
        Ok(found)
    }

    fn of_word(&self, word: &str, types: &[String]) -> Result<Vec<ModelFacts>, Failure> {
        // Who goes on, or runs what is recommended, may stand elsewhere.
        let path = store::resolve(Path::new(word));
        let path = std::path::absolute(&path).unwrap_or(path);
        if path.is_file() {
            return match Model::open(&path) {
                Ok(model) => self.with_types(&model, &path, types),
                Err(error) => Ok(vec![struck(word, Place::Impossible(error.to_string()))]),
            };
        }
        let name = store::canonical(word).unwrap_or_else(|| word.to_owned());
        let Some(entry) = catalogue::find(&name) else {
            return Ok(vec![self.made_of_published(word, &name)]);
        };
        let wanted = |kind: &String| match kind.as_str() {
            "source" => families::of_entry(entry),
            kind => families::in_type(entry, kind),
        };
        let as_it_is = types.is_empty() || entry.kind != "f16";
        Ok(if as_it_is { vec![families::of_entry(entry)] } else { types.iter().map(wanted).collect() })
    }

    /// NAME-TYPE, where NAME is published and TYPE is made here; or a row that says that there is no such model.
    fn made_of_published(&self, word: &str, name: &str) -> ModelFacts {
        let (family, kind) = families::split(name);
        match (catalogue::find(&family), kind) {
            (Some(entry), Some(kind)) if entry.kind == "f16" => families::in_type(entry, &kind),
            _ => struck(word, Place::Missing(store::missing(Path::new(word)).to_string())),
        }
    }

    /// A model in the types that were asked for; as it is, where it is quantised already.
    fn with_types(&self, model: &Model, path: &Path, types: &[String]) -> Result<Vec<ModelFacts>, Failure> {
        let own = self.of_model(model, Place::File(path.to_path_buf()))?;
        let float = families::is_float(&own.weights);
        if types.is_empty() || !float {
            return Ok(vec![own]);
        }
        let mut all = Vec::new();
        for name in types {
            if name == "source" || *name == own.weights {
                all.push(own.clone());
                continue;
            }
            let made = format!("{}-{name}", own.name);
            let beside = path.with_file_name(format!("{}-{name}.bin", path.file_stem().unwrap_or_default().display()));
            let ours = self.folder.join("models").join(format!("{made}.bin"));
            let stored = Store::open().ok().and_then(|store| store.find(&made));
            let there = [Some(beside), stored, Some(ours)].into_iter().flatten().find(|path| path.is_file());
            let source = Some(path.to_path_buf());
            all.push(match there {
                Some(path) => match Model::open(&path) {
                    Ok(made) => ModelFacts { source, ..self.of_model(&made, Place::File(path))? },
                    Err(error) => ModelFacts {
                        family: own.family.clone(),
                        weights: name.clone(),
                        source,
                        dims: own.dims,
                        ..struck(&made, Place::Impossible(error.to_string()))
                    },
                },
                None => planned(model, &own, name, source)?,
            });
        }
        Ok(all)
    }

    fn of_model(&self, model: &Model, place: Place) -> Result<ModelFacts, Failure> {
        let mut facts = families::of_model(model, place);
        if self.digests
            && let Place::File(path) = &facts.place
        {
            let known = Store::open().ok().filter(|store| store.path(&facts.name) == *path);
            let known = known.and_then(|store| store.record(&facts.name)).map(|record| record.sha256);
            let failed = |error| Failure::work(format!("cannot read {}: {error}", path.display()));
            facts.sha256 = match known {
                Some(sha256) => sha256,
                None => digest::of_file(path).map_err(failed)?.sha256,
            };
        }
        // The source of a model that was named itself may lie beside it.
        if facts.source.is_none()
            && let Place::File(path) = &facts.place
        {
            let beside = path.with_file_name(format!("{}.bin", facts.family));
            facts.source = Some(beside).filter(|beside| beside != path && beside.is_file());
        }
        Ok(facts)
    }
}

/// A model that will be made of `model`.
fn planned(model: &Model, own: &ModelFacts, name: &str, source: Option<PathBuf>) -> Result<ModelFacts, Failure> {
    let kind = Kind::parse(name).map_err(Failure::Usage)?;
    let plan = kind.plan(model)?;
    let before: u64 = model.tensors().map(|tensor| tensor.size_bytes() as u64).sum();
    let mut types: BTreeMap<String, u64> = BTreeMap::new();
    plan.choices().iter().for_each(|choice| *types.entry(choice.to.name().to_owned()).or_default() += 1);
    let (working_bytes, beam_bytes) = families::working(model.hparams(), name);
    Ok(ModelFacts {
        name: format!("{}-{name}", own.name),
        weights: name.to_owned(),
        place: Place::Wanted(format!("quantised from {}", own.name)),
        size_bytes: model.size_bytes() - before + plan.bytes(),
        sha256: String::new(),
        types,
        obstacle: plan.obstacle(),
        source,
        working_bytes,
        beam_bytes,
        ..own.clone()
    })
}

/// A model of which nothing is known but that it will not do.
fn struck(word: &str, place: Place) -> ModelFacts {
    let path = Path::new(word);
    let name = path.file_stem().map_or_else(|| word.to_owned(), |stem| stem.to_string_lossy().into_owned());
    let (family, kind) = families::split(&name);
    ModelFacts { weights: kind.unwrap_or_else(|| "?".into()), family, name, place, ..ModelFacts::default() }
}

#[cfg(feature = "embedded-model")]
fn embedded() -> Result<ModelFacts, Failure> {
    use sha2::{Digest, Sha256};
    let model = noctule::embedded_model().map_err(Failure::work)?;
    let sum = Sha256::digest(model.file());
    let sha256 = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(ModelFacts { sha256, ..families::of_model(&model, Place::Embedded) })
}

#[cfg(not(feature = "embedded-model"))]
fn embedded() -> Result<ModelFacts, Failure> {
    Err(Failure::usage("MODEL is needed: this program was built without an embedded model"))
}

/// Fetches and quantises what is wanted. What cannot be had is told, and stays missing.
///
/// # Errors
/// [`Failure::Interrupted`].
pub fn make(
    models: &[ModelFacts],
    folder: &Path,
    no_pull: bool,
    quiet: bool,
) -> Result<Vec<(String, String)>, Failure> {
    let mut failed = Vec::new();
    for facts in models {
        let Place::Wanted(how) = &facts.place else { continue };
        if no_pull {
            failed.push((facts.name.clone(), format!("it is not here; without --no-pull it would be {how}")));
            continue;
        }
        terminal::notice(quiet, &format!("{}: {how}", facts.name));
        let done = match &facts.source {
            Some(source) => quantised(source, facts, folder, quiet),
            None => pulled(facts, quiet),
        };
        match done {
            Ok(()) => {}
            Err(Failure::Work(message) | Failure::Usage(message)) => {
                terminal::warning(&format!("{}: {message}", facts.name));
                failed.push((facts.name.clone(), message));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(failed)
}

/// Quantises into the folder of the evaluation.
fn quantised(source: &Path, facts: &ModelFacts, folder: &Path, quiet: bool) -> Result<(), Failure> {
    let models = folder.join("models");
    let failed = |error| Failure::work(format!("cannot make the folder {}: {error}", models.display()));
    fs::create_dir_all(&models).map_err(failed)?;
    let model = quantize::open(source)?;
    let plan = Kind::parse(&facts.weights).map_err(Failure::Usage)?.plan(&model)?;
    let outputs = [(plan, models.join(format!("{}.bin", facts.name)))];
    let made = quantize::with_bar(&facts.name, quiet, |progress| {
        noctule_quant::quantize(&model, &outputs, quantize::threads(None), progress)
    });
    made.map_err(|error| match error {
        noctule_quant::Error::Stopped => Failure::Interrupted(error.to_string(), None),
        _ => Failure::work(error),
    })
}

#[cfg(feature = "download")]
fn pulled(facts: &ModelFacts, quiet: bool) -> Result<(), Failure> {
    let published = catalogue::find(&facts.name).is_some();
    let word = if published { facts.name.clone() } else { format!("{}:{}", facts.family, facts.weights) };
    crate::cmd::models::fetch(&word, quiet)
}

#[cfg(not(feature = "download"))]
fn pulled(_facts: &ModelFacts, _quiet: bool) -> Result<(), Failure> {
    Err(Failure::work("this program was built without the network: fetch the model yourself"))
}
