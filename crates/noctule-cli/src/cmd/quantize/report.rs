//! What was written: lines for a person, JSON for a program.

use super::quality::Quality;
use crate::failure::Failure;
use noctule::Model;
use noctule_quant::Plan;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// The result of one run.
#[derive(Debug, Serialize)]
pub struct Report {
    model: Source,
    outputs: Vec<Written>,
    /// From the first byte read to the last file on the disk.
    seconds: f64,
    /// What the types cost, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Vec<Quality>>,
}

#[derive(Debug, Serialize)]
struct Source {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    size_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Written {
    file: PathBuf,
    #[serde(rename = "type")]
    kind: String,
    size_bytes: u64,
    /// Of the matrices, scales included.
    bits_per_weight: f64,
    /// How many matrices have each type.
    matrices: BTreeMap<&'static str, usize>,
    /// Matrices whose rows are not whole blocks of the type.
    fallbacks: Vec<Fallback>,
    /// Whether errors were weighed by importance.
    importance: bool,
    /// Whether stock whisper.cpp can read the file.
    stock: bool,
    /// Why not.
    obstacle: Option<String>,
}

#[derive(Debug, Serialize)]
struct Fallback {
    tensor: String,
    columns: usize,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl Report {
    /// Looks at the files that were written for these plans.
    ///
    /// # Errors
    /// If one of them is not there.
    pub fn new(model: &Model, outputs: &[(Plan, PathBuf)], seconds: f64) -> Result<Report, Failure> {
        let source = Source {
            name: model.name().to_owned(),
            kind: model.weight_type().to_string(),
            size_bytes: model.size_bytes(),
        };
        let outputs = outputs.iter().map(|(plan, path)| Written::new(plan, path)).collect::<Result<_, _>>()?;
        Ok(Report { model: source, outputs, seconds, quality: None })
    }

    /// From the first byte read to the last file on the disk.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// One line for each file, more where something is odd.
    pub fn lines(&self) -> Vec<String> {
        self.outputs.iter().flat_map(Written::lines).collect()
    }
}

impl Written {
    fn new(plan: &Plan, path: &PathBuf) -> Result<Written, Failure> {
        let metadata = fs::metadata(path);
        let metadata = metadata.map_err(|error| Failure::work(format!("{}: {error}", path.display())))?;
        let fallbacks = plan.choices().iter().filter(|choice| choice.fallback);
        let obstacle = plan.obstacle();
        Ok(Written {
            file: path.clone(),
            kind: plan.name().to_owned(),
            size_bytes: metadata.len(),
            bits_per_weight: plan.bits_per_weight(),
            matrices: plan.counts().into_iter().map(|(ty, count)| (ty.name(), count)).collect(),
            fallbacks: fallbacks
                .map(|c| Fallback { tensor: c.name.clone(), columns: c.cols, kind: c.to.name() })
                .collect(),
            importance: plan.is_weighed(),
            stock: obstacle.is_none(),
            obstacle,
        })
    }

    fn lines(&self) -> Vec<String> {
        let megabytes = self.size_bytes as f64 / 1e6;
        let file = self.file.display();
        let mut lines =
            vec![format!("{file}: {megabytes:.1} MB, {:.2} bits per quantised weight", self.bits_per_weight)];
        if let Some(first) = self.fallbacks.first() {
            let mut by_type: BTreeMap<&str, usize> = BTreeMap::new();
            self.fallbacks.iter().for_each(|fallback| *by_type.entry(fallback.kind).or_default() += 1);
            let others: Vec<String> = by_type.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let all: usize = self.matrices.values().sum();
            lines.push(format!(
                "{file}: of {all} matrices {} became {} because rows of {} weights are not whole blocks of {}",
                self.fallbacks.len(),
                others.join(", "),
                first.columns,
                self.kind
            ));
        }
        if let Some(obstacle) = &self.obstacle {
            lines.push(format!("{file}: stock whisper.cpp cannot read this file: {obstacle}"));
        }
        lines
    }
}
