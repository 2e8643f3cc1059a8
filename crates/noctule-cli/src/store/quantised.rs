//! Models that are made here of installed ones: NAME-TYPE, where nobody publishes that type.
//!
//! An open model of the store and plans enter, installed models leave. The bytes go to `.partial/NAME-TYPE.copy` first,
//! as those of a fetch do.

use super::space::Space;
use super::{Lock, Record, Store, digest};
use crate::failure::Failure;
use noctule::Model;
use noctule_quant::Plan;
use std::fs;

/// One model to make.
#[derive(Debug)]
pub struct Wanted {
    /// The types of its tensors.
    pub plan: Plan,
    /// Its name.
    pub name: String,
    /// The right to make it.
    pub lock: Lock,
}

/// What the quantised form of a model is called.
pub fn name(source: &str, kind: &str) -> String {
    format!("{source}-{kind}")
}

/// Makes all of `wanted` of `model`, which the store calls `source`, and installs them. `progress` is told how many
/// source bytes of how many are done, and returns whether to go on.
///
/// # Errors
/// If they do not fit on the disk or cannot be written, or `progress` stops it. What is not whole has no name.
pub fn make(
    store: &Store,
    source: &str,
    model: &Model,
    wanted: Vec<Wanted>,
    threads: usize,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Vec<Record>, Failure> {
    let space = Space::default();
    let _share = space.reserve(store.root(), wanted.iter().map(|one| size_bytes(model, &one.plan)).sum())?;
    let aside = |name: &str| store.partial(name).with_extension("copy");
    let outputs: Vec<_> = wanted.iter().map(|one| (one.plan.clone(), aside(&one.name))).collect();
    noctule_quant::quantize(model, &outputs, threads, progress).map_err(|error| match error {
        noctule_quant::Error::Stopped => Failure::Interrupted(error.to_string(), None),
        _ => Failure::work(error),
    })?;
    let origin = store.record(source).map_or_else(String::new, |record| format!(" (SHA-256 {})", record.sha256));
    let mut records = Vec::new();
    for (one, (_, file)) in wanted.iter().zip(&outputs) {
        let failed = |error: &std::io::Error| store.error("read", file, error);
        let sums = digest::of_file(file).map_err(|e| failed(&e))?;
        let size_bytes = fs::metadata(file).map_err(|e| failed(&e))?.len();
        let checked = vec![format!("quantised here to {} from {source}{origin}", one.plan.name())];
        let record = Record { source: source.to_owned(), size_bytes, sha256: sums.sha256, checked };
        store.install(&one.lock, &one.name, file, &record)?;
        records.push(record);
    }
    Ok(records)
}

/// Bytes of the file that a plan makes of `model`.
fn size_bytes(model: &Model, plan: &Plan) -> u64 {
    let before: u64 = model.tensors().map(|tensor| tensor.size_bytes() as u64).sum();
    model.size_bytes() - before + plan.bytes()
}
