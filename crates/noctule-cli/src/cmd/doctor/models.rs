//! Which published models fit this board, and how long an hour of speech would take.

use crate::cmd::eval::families;
use crate::store::catalogue;
use noctule_eval::engine::Settings;
use noctule_eval::plan::{ModelFacts, Speed, USUAL_BEAMS, duration, size};
use serde::Serialize;
use std::fmt::Write;

/// One model in one type.
#[derive(Debug, Serialize)]
pub struct Fit {
    pub name: String,
    pub file_bytes: u64,
    /// What a run is expected to take, bytes.
    pub memory_bytes: u64,
    /// By how much that is more than what is available; 0 where it fits.
    pub missing_bytes: u64,
    /// What an hour of speech is expected to take with all processors, seconds.
    pub hour_s: f64,
}

/// Types that are shown: a float one, and two that are published for most sizes.
const TYPES: [&str; 2] = ["q5_1", "q8_0"];
/// Left free beside a run, bytes.
const MARGIN: u64 = 32 << 20;

/// Every size as it is published and in the usual types.
pub fn fits(speed: &Speed, available: Option<u64>) -> Vec<Fit> {
    let sizes = families::MULTILINGUAL.iter().filter_map(|name| catalogue::find(name));
    let facts = sizes.flat_map(|entry| {
        let float = std::iter::once(families::of_entry(entry));
        float.chain(TYPES.iter().map(move |kind| families::in_type(entry, kind)))
    });
    facts.map(|facts| fit(&facts, speed, available)).collect()
}

fn fit(facts: &ModelFacts, speed: &Speed, available: Option<u64>) -> Fit {
    let memory_bytes = facts.memory_bytes(USUAL_BEAMS);
    let windows = std::iter::repeat_n(30.0, 120);
    Fit {
        name: facts.name.clone(),
        file_bytes: facts.size_bytes,
        memory_bytes,
        missing_bytes: available.map_or(0, |bytes| (memory_bytes + MARGIN).saturating_sub(bytes)),
        hour_s: speed.seconds(facts, &Settings::default(), windows),
    }
}

/// A table.
pub fn table(models: &[Fit]) -> String {
    let mut text = format!("{:20} {:>8} {:>8}  {:20} {}\n", "model", "file", "memory", "", "an hour takes about");
    for model in models {
        let fits = match model.missing_bytes {
            0 => "fits".to_owned(),
            missing => format!("{} too many", size(missing)),
        };
        let _ = writeln!(
            text,
            "{:20} {:>8} {:>8}  {fits:20} {}",
            model.name,
            size(model.file_bytes),
            size(model.memory_bytes),
            duration(model.hour_s)
        );
    }
    text
}
