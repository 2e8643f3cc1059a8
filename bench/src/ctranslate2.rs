//! CTranslate2 (the engine of faster-whisper), by a few lines of Python.

use crate::metric::Metric;
use crate::process::Finished;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;

/// What Python runs.
const SCRIPT: &str = include_str!("peer_ctranslate2.py");

/// The command that measures the model in `folder`.
pub fn command(python: &Path, folder: &Path, compute_type: &str, english_only: bool, threads: usize) -> Command {
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT]).arg(folder).args([compute_type, &threads.to_string(), &english_only.to_string()]);
    command
}

/// The line that it prints.
#[derive(Debug, Deserialize)]
struct Line {
    load_s: f64,
    encode_s: f64,
    single_s: f64,
    batch_s: f64,
}

/// The quantities. A difference that noise made negative is none.
pub fn metrics(finished: &Finished) -> Result<Vec<(Metric, f64)>> {
    let line = finished.stdout.lines().last().context("it printed nothing")?;
    let line: Line = serde_json::from_str(line).context("its line is not that of the script")?;
    let found = [
        (Metric::Load, line.load_s),
        (Metric::Encode, line.encode_s),
        (Metric::Single, line.single_s),
        (Metric::Batch, line.batch_s),
    ];
    Ok(found
        .into_iter()
        .filter(|(_, seconds)| *seconds > 0.0)
        .map(|(metric, seconds)| (metric, 1e3 * seconds))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_read() {
        let line = r#"{"version": "4.8.5", "load_s": 0.5, "encode_s": 0.25, "single_s": 0.004, "batch_s": -0.001}"#;
        let finished = Finished { stdout: format!("a warning\n{line}\n"), ..Finished::default() };
        assert_eq!(
            metrics(&finished).unwrap(),
            [(Metric::Load, 500.0), (Metric::Encode, 250.0), (Metric::Single, 4.0)]
        );
        assert!(metrics(&Finished::default()).is_err());
    }
}
