//! noctule: its words, and the JSON that it prints.

use crate::metric::{Job, Metric};
use crate::process::Finished;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;

/// The command of `job`.
pub fn command(program: &Path, precision: &str, job: Job, model: &Path, threads: usize, clip: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(if job == Job::Network { "bench" } else { "transcribe" }).arg("-m").arg(model);
    command.args(["-t", &threads.to_string(), "--precision", precision]);
    if job != Job::Network {
        let beams = job.beams().to_string();
        command.args([
            "--no-config",
            "--quiet",
            "--json",
            "--language",
            "en",
            "--no-fallback",
            "--memory-limit",
            "none",
        ]);
        command.args(["--beam-size", &beams, "--best-of", &beams]).arg(clip);
    }
    // Only what is written here decides how it runs.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NOCTULE_")) {
        command.env_remove(name);
    }
    command
}

/// The line of `noctule bench`.
#[derive(Debug, Deserialize)]
struct Bench {
    load_s: f64,
    encode: Load,
    single: Load,
    batch: Load,
    prompt: Load,
}

#[derive(Debug, Deserialize)]
struct Load {
    count: f64,
    total_s: f64,
}

impl Load {
    fn milliseconds(&self, name: &str) -> Result<f64> {
        ensure!(self.count > 0.0, "no runs of {name}");
        Ok(1e3 * self.total_s / self.count)
    }
}

/// The line of `noctule transcribe --json`.
#[derive(Debug, Deserialize)]
struct Transcript {
    timing: Timing,
}

#[derive(Debug, Deserialize)]
struct Timing {
    mel_s: f64,
}

/// The quantities of a job.
pub fn metrics(job: Job, finished: &Finished) -> Result<Vec<(Metric, f64)>> {
    let line = finished.stdout.lines().next().context("it printed nothing")?;
    if job == Job::Network {
        let bench: Bench = serde_json::from_str(line).context("its line is not that of noctule bench")?;
        return Ok(vec![
            (Metric::Load, 1e3 * bench.load_s),
            (Metric::Encode, bench.encode.milliseconds("encode")?),
            (Metric::Single, bench.single.milliseconds("decode")?),
            (Metric::Batch, bench.batch.milliseconds("batches")?),
            (Metric::Prompt, bench.prompt.milliseconds("prompts")?),
        ]);
    }
    let transcript: Transcript = serde_json::from_str(line).context("its line is not that of noctule transcribe")?;
    let (clip, rss) = job.clip_metrics();
    let mut found = vec![(Metric::Mel, 1e3 * transcript.timing.mel_s), (clip, finished.seconds)];
    found.extend(finished.peak_rss.map(|peak| (rss, peak as f64 / 1e6)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let said = |line: &str| Finished {
            stdout: format!("{line}\n"),
            seconds: 1.5,
            peak_rss: Some(9_000_000),
            ..Finished::default()
        };
        let line = r#"{"model":{"name":"base"},"load_s":0.02,"encode":{"count":1,"total_s":0.25},"single":{"count":256,
            "total_s":0.512},"batch":{"count":320,"total_s":0.32},"prompt":{"count":4096,"total_s":4.096},"more":1}"#;
        let found = metrics(Job::Network, &said(&line.replace('\n', " "))).unwrap();
        let values: Vec<f64> = found.iter().map(|(_, value)| *value).collect();
        assert_eq!(values, [20.0, 250.0, 2.0, 1.0, 1.0]);
        assert!(metrics(Job::Network, &said(&line.replace('\n', " ").replace("256", "0"))).is_err());
        let line = r#"{"text":"x","timing":{"mel_s":0.01,"encode_s":1}}"#;
        let found = metrics(Job::Greedy, &said(line)).unwrap();
        assert_eq!(found, [(Metric::Mel, 10.0), (Metric::GreedyClip, 1.5), (Metric::GreedyRss, 9.0)]);
        assert!(metrics(Job::Greedy, &said("text")).is_err());
        assert!(metrics(Job::Greedy, &Finished::default()).is_err());
    }
}
