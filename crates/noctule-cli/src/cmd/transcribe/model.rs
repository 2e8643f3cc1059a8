//! The model that was chosen, opened.

use crate::cmd::eval::families;
use crate::failure::Failure;
use crate::plan::ModelChoice;
use crate::store::{self, catalogue};
use crate::terminal;
use noctule::{Model, Options, Precision, memory, report};
use std::path::Path;

/// Opens the model and passes on what is odd about it.
pub fn load(choice: &ModelChoice, quiet: bool) -> Result<Model, Failure> {
    let model = match choice {
        ModelChoice::File(path) => open(path)?,
        ModelChoice::Embedded => embedded(quiet)?,
    };
    if !quiet {
        model.notes().iter().for_each(|note| terminal::warning(&format!("{}: {note}", model.name())));
    }
    Ok(model)
}

fn open(path: &Path) -> Result<Model, Failure> {
    if !path.exists() {
        return Err(store::missing(path));
    }
    Model::open(path).map_err(Failure::work)
}

#[cfg(feature = "embedded-model")]
fn embedded(quiet: bool) -> Result<Model, Failure> {
    let model = noctule::embedded_model().map_err(Failure::work)?;
    terminal::notice(
        quiet,
        "using the embedded tiny.en, which is small and English only; for fewer errors or other \
         languages 'noctule models pull base', then -m base (or -m PATH: any ggml file of whisper.cpp)",
    );
    Ok(model)
}

#[cfg(not(feature = "embedded-model"))]
fn embedded(_quiet: bool) -> Result<Model, Failure> {
    Err(Failure::usage("--model is needed: this program was built without an embedded model"))
}

/// Refuses a run that would take more memory than there is. Without a `limit` that is what the system has free.
pub fn check_memory(
    model: &Model,
    precision: Option<Precision>,
    options: &Options,
    limit: Option<u64>,
    working: memory::WorkingSet,
) -> Result<(), Failure> {
    let predict = |options: &Options| {
        let precision = precision.unwrap_or_else(|| memory::default_precision(model));
        model.size_bytes() + working(model.hparams(), precision, options)
    };
    let needed = predict(options);
    let Some(most) = limit.or_else(memory::available_bytes) else {
        return Ok(());
    };
    if needed <= most {
        return Ok(());
    }
    let megabytes = |bytes: u64| bytes.div_ceil(1 << 20);
    let mut single = options.clone();
    (single.search.beam_size, single.search.best_of) = (1, 1);
    let beams = if predict(&single) <= most { "use one beam (--beam-size 1 --best-of 1), " } else { "" };
    let smaller = match families::fitting(model.hparams(), precision, options, most, working) {
        Some((name, bytes)) => {
            let way = if catalogue::find(&name).is_some() { "models pull" } else { "quantize" };
            format!("use {name}, which needs about {} MB (noctule {way}), or", megabytes(bytes))
        }
        None => "no published model needs so little;".to_owned(),
    };
    Err(Failure::work(format!(
        "the model {} needs about {} MB of memory and {} MB are free: {beams}{smaller} \
         --memory-limit none tries all the same",
        model.name(),
        megabytes(needed),
        most >> 20
    )))
}

/// What the JSON says of the model.
pub fn report(model: &Model) -> report::Model {
    report::Model {
        name: model.name().to_owned(),
        kind: model.weight_type().to_string(),
        size_bytes: model.size_bytes(),
    }
}
