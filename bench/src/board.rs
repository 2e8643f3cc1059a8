//! Raspberry Pi: what was predicted for it, and what it does.

use crate::metric::Metric;
use crate::record::Record;
use crate::report::{digits, table};
use crate::statistics::{Estimate, estimate};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `cargo xtask count --predict` wrote.
const PREDICTED: &str = include_str!("../predicted.csv");

/// One prediction: a whole clip with five beams and four threads.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Prediction {
    board: String,
    model: String,
    clip: String,
    best_s: f64,
    worst_s: f64,
}

/// All predictions.
pub fn predictions() -> Result<Vec<Prediction>> {
    parse(PREDICTED)
}

fn parse(text: &str) -> Result<Vec<Prediction>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(|line| line.context("bench/predicted.csv")).collect()
}

/// Predictions beside what the record has of this board (`Raspberry Pi 5 Model B Rev 1.0`) and clip.
pub fn compare(record: &Record, predictions: &[Prediction]) -> String {
    let board = record.value("board").unwrap_or_default();
    let clip = record.value("clip").unwrap_or_default();
    let mut rows = Vec::new();
    for prediction in predictions.iter().filter(|prediction| board.starts_with(&prediction.board)) {
        let same_clip = Path::new(clip).file_stem().is_some_and(|stem| stem.to_string_lossy() == prediction.clip);
        let values: Vec<f64> = record
            .values(&prediction.model, "noctule fast", Metric::BeamClip)
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        let Some(Estimate { median, interval, count }) = estimate(&values).filter(|_| same_clip) else { continue };
        let interval = interval.map_or(String::new(), |(low, high)| format!(" [{}, {}]", digits(low), digits(high)));
        rows.push(vec![
            prediction.model.clone(),
            format!("{} to {}", digits(prediction.best_s), digits(prediction.worst_s)),
            format!("{}{interval} ({count} runs)", digits(median)),
            format!("{:.2}", median / prediction.worst_s),
        ]);
    }
    let mut text = String::from("\n## Predicted and measured: the whole clip, 5 beams, seconds\n\n");
    if rows.is_empty() {
        text += "Nothing was predicted for this board, clip and model (bench/predicted.csv).\n";
    } else {
        table(&["model", "predicted", "measured", "measured / worst predicted"], &rows, &mut text);
    }
    text
}

/// The program to measure: the one that is named, or that of this checkout, which is built if it is not there.
pub fn program(named: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(path) = named {
        return Ok(path);
    }
    let root = root();
    let program = root.join("target/release/noctule");
    if !program.exists() {
        eprintln!("building noctule");
        let status =
            Command::new("cargo").args(["build", "--release"]).current_dir(&root).status().context("starting cargo")?;
        ensure!(status.success(), "cargo build --release failed in {}", root.display());
    }
    Ok(program)
}

/// The checkout.
pub fn root() -> PathBuf {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    bench.parent().unwrap_or(bench).to_owned()
}

/// The file of a model that noctule's store has or fetches: `base:q5_k` becomes `base-q5_k`.
pub fn fetch(program: &Path, model: &str) -> Result<PathBuf> {
    let run = |arguments: &[&str]| -> Result<Vec<u8>> {
        let output = Command::new(program).arg("models").args(arguments).output();
        let output = output.with_context(|| format!("starting {}", program.display()))?;
        ensure!(output.status.success(), "noctule models: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(output.stdout)
    };
    let name = model.replace(':', "-");
    if run(&["info", &name, "--json"]).is_err() {
        eprintln!("fetching {model}");
        run(&["pull", "-q", model])?;
    }
    let listed: serde_json::Value = serde_json::from_slice(&run(&["list", "--installed", "--json"])?)?;
    path_of(&listed, &name).with_context(|| format!("noctule models list does not say where {name} is"))
}

/// The path of an installed model by the JSON of `models list`.
fn path_of(listed: &serde_json::Value, name: &str) -> Option<PathBuf> {
    let is_there = listed["installed"].as_array()?.iter().any(|entry| entry["name"] == name);
    let folder = Path::new(listed["folder"].as_str()?);
    is_there.then(|| folder.join(format!("{name}.bin")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::sample;

    #[test]
    fn the_recorded_predictions_are_read() {
        for prediction in predictions().unwrap() {
            assert!(prediction.board.starts_with("Raspberry Pi"), "{prediction:?}");
            assert!(0.0 < prediction.best_s && prediction.best_s <= prediction.worst_s, "{prediction:?}");
        }
        assert!(parse("board,model,clip,best_s,worst_s\nx,y,z,1,fast\n").is_err());
    }

    #[test]
    fn measured_times_stand_beside_the_predicted() {
        let predictions = parse(
            "board,model,clip,best_s,worst_s\nRaspberry Pi 4,base-q5_k,a,2,2.5\nRaspberry Pi 5,base-q5_k,a,0.5,0.6\n",
        );
        let predictions = predictions.unwrap();
        let header =
            |board: &str| vec![("board".to_owned(), board.to_owned()), ("clip".to_owned(), "x/a.flac".to_owned())];
        let samples = (0..3).map(|round| sample(round, "base-q5_k", "noctule fast", Metric::BeamClip, 3.0)).collect();
        let mut record = Record { header: header("Raspberry Pi 4 Model B Rev 1.4"), samples };
        let text = compare(&record, &predictions);
        assert!(text.contains("| base-q5_k | 2.00 to 2.50 | 3.00 [3.00, 3.00] (3 runs) | 1.20 |"), "{text}");
        record.header = header("Raspberry Pi 3");
        assert!(compare(&record, &predictions).contains("Nothing was predicted"));
    }

    #[test]
    fn models_are_found_in_the_list() {
        let listed = serde_json::json!({ "folder": "/x", "installed": [{ "name": "base-q5_k", "type": "q5_k" }] });
        assert_eq!(path_of(&listed, "base-q5_k").unwrap(), Path::new("/x/base-q5_k.bin"));
        assert_eq!(path_of(&listed, "base"), None);
        assert_eq!(path_of(&serde_json::json!({}), "base"), None);
    }
}
