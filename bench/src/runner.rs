//! The rounds: every engine on every model, in random order, so that a machine that slows down slows all of them.

use crate::engine::{Engine, ModelFile};
use crate::metric::{Job, Metric};
use crate::record::{FAILED, MACHINE, Sample, Writer};
use crate::statistics::Random;
use crate::{bandwidth, machine, process};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Models, each a row.
    pub models: Vec<ModelFile>,
    /// Engines.
    pub engines: Vec<Engine>,
    /// Jobs.
    pub jobs: Vec<Job>,
    /// Threads of every engine.
    pub threads: usize,
    /// Recording.
    pub clip: PathBuf,
    /// Rounds.
    pub rounds: usize,
    /// Begin nothing new after this.
    pub budget: Option<Duration>,
    /// The longest time of one process.
    pub timeout: Duration,
}

/// Whether everything has been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All rounds.
    Complete,
    /// The time was over; the same command goes on.
    Stopped,
}

/// One process of a round.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step<'a> {
    model: &'a ModelFile,
    job: Job,
    engine: &'a Engine,
}

/// Runs what the record does not have yet. Rounds come one after the other, so that a run that is stopped has something of
/// every model; within a round the engines of one job follow each other.
pub fn run(plan: &Plan, record: &mut Writer, program: &Path) -> Result<Progress> {
    let started = Instant::now();
    let over = || plan.budget.is_some_and(|budget| started.elapsed() > budget);
    for round in 0..plan.rounds {
        let mut measured = "";
        for step in steps(plan, round) {
            if record.has(round, &step.model.name, &step.engine.name(), step.job) {
                continue;
            }
            if over() {
                return Ok(Progress::Stopped);
            }
            if measured != step.model.name {
                measured = &step.model.name;
                record.add(&[memory(step.model, round, plan.threads, program)])?;
            }
            eprint!(
                "round {} of {}: {}, {}, {} … ",
                round + 1,
                plan.rounds,
                step.model.name,
                step.job.name(),
                step.engine.name()
            );
            let samples = measure(plan, &step, round);
            eprintln!("{}", summary(&samples));
            record.add(&samples)?;
        }
    }
    Ok(Progress::Complete)
}

/// The processes of a round, in an order that only the number of the round decides.
fn steps(plan: &Plan, round: usize) -> Vec<Step<'_>> {
    let mut random = Random::new(round as u64);
    let mut models: Vec<&ModelFile> = plan.models.iter().collect();
    random.shuffle(&mut models);
    let mut steps = Vec::new();
    for model in models {
        let mut jobs = plan.jobs.clone();
        random.shuffle(&mut jobs);
        for job in jobs {
            let mut engines: Vec<&Engine> = plan.engines.iter().filter(|engine| engine.does(job, model)).collect();
            random.shuffle(&mut engines);
            steps.extend(engines.into_iter().map(|engine| Step { model, job, engine }));
        }
    }
    steps
}

fn measure(plan: &Plan, step: &Step, round: usize) -> Vec<Sample> {
    let command = step.engine.command(step.job, step.model, plan.threads, &plan.clip);
    let measured =
        process::run(command, plan.timeout).and_then(|finished| step.engine.metrics(step.job, step.model, &finished));
    let sample = |metric: &str, value: Option<f64>, note: String| Sample {
        round,
        model: step.model.name.clone(),
        model_bytes: step.model.size,
        token_bytes: step.model.token_bytes,
        engine: step.engine.name(),
        job: step.job.name().into(),
        metric: metric.into(),
        value,
        note,
    };
    match measured {
        Ok(found) => found.iter().map(|&(metric, value)| sample(metric.name(), Some(value), String::new())).collect(),
        Err(error) => vec![sample(FAILED, None, format!("{error:#}"))],
    }
}

fn memory(model: &ModelFile, round: usize, threads: usize, program: &Path) -> Sample {
    let rate = bandwidth::ask(program, threads);
    Sample {
        round,
        model: model.name.clone(),
        model_bytes: model.size,
        token_bytes: model.token_bytes,
        engine: MACHINE.into(),
        job: "memory".into(),
        metric: if rate.is_ok() { Metric::Bandwidth.name() } else { FAILED }.into(),
        value: rate.as_ref().ok().copied(),
        note: rate.err().map_or_else(machine::state, |error| format!("{error:#}")),
    }
}

fn summary(samples: &[Sample]) -> String {
    let one = |sample: &Sample| match sample.value {
        Some(value) => format!("{} {value:.4}", sample.metric),
        None => format!("failed: {}", sample.note),
    };
    samples.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::model;
    use crate::record::Record;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn script(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Engines that only print what real ones would.
    fn plan(folder: &Path) -> Plan {
        script(
            folder,
            "noctule",
            r#"case $1 in
              bench) for l in encode single batch prompt; do rest="$rest,\"$l\":{\"count\":1,\"total_s\":0.001}"; done
                     echo "{\"load_s\":0.001$rest}";;
              *) echo '{"timing":{"mel_s":0.001}}';;
            esac"#,
        );
        script(folder, "whisper-bench", "kill -4 $$");
        script(folder, "whisper-cli", "echo 'whisper_print_timings:      mel time =    61.38 ms' >&2");
        Plan {
            models: vec![model("base"), model("base-q5_k")],
            engines: vec![
                Engine::Noctule { program: folder.join("noctule"), precision: "fast" },
                Engine::Noctule { program: folder.join("noctule"), precision: "accurate" },
                Engine::WhisperCpp { name: "x86".into(), folder: folder.into() },
            ],
            jobs: vec![Job::Network, Job::Greedy],
            threads: 2,
            clip: "a.wav".into(),
            rounds: 3,
            budget: None,
            timeout: Duration::from_secs(60),
        }
    }

    #[test]
    fn rounds_hold_everything_in_changing_order() {
        let plan = plan(tempfile::tempdir().unwrap().path());
        let names = |round| -> Vec<String> {
            let name = |step: Step| format!("{} {} {}", step.model.name, step.job.name(), step.engine.name());
            steps(&plan, round).into_iter().map(name).collect()
        };
        assert_eq!(names(0), names(0));
        assert_ne!(names(0), names(1));
        let sorted = |round| {
            let mut names = names(round);
            names.sort();
            names
        };
        assert_eq!(sorted(0), sorted(1));
        assert_eq!(names(0).len(), 3 + 3 + 2 + 3, "quantised models have one arithmetic without audio");
    }

    #[test]
    fn failures_are_results_and_a_second_run_does_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = plan(folder.path());
        let path = folder.path().join("record.csv");
        let program = folder.path().join("nothing that measures memory");
        plan.budget = Some(Duration::ZERO);
        let open = || Writer::open(&path, &[]).unwrap();
        assert_eq!(run(&plan, &mut open(), &program).unwrap(), Progress::Stopped);
        plan.budget = None;
        plan.rounds = 1;
        assert_eq!(run(&plan, &mut open(), &program).unwrap(), Progress::Complete);
        let once = Record::read(&path).unwrap();
        assert_eq!(once.values("base", "noctule fast", Metric::Encode), [(0, 1.0)]);
        assert_eq!(once.values("base", "whisper.cpp x86", Metric::Mel), [(0, 61.38)]);
        let failed: Vec<&Sample> = once.samples.iter().filter(|sample| sample.metric == FAILED).collect();
        assert!(failed.iter().any(|sample| sample.engine == "whisper.cpp x86" && sample.note.contains("signal: 4")));
        assert!(failed.iter().any(|sample| sample.engine == MACHINE && sample.note.contains("cannot start")));
        run(&plan, &mut open(), &program).unwrap();
        assert_eq!(Record::read(&path).unwrap(), once, "nothing is done twice");
        plan.rounds = 2;
        run(&plan, &mut open(), &program).unwrap();
        assert_eq!(Record::read(&path).unwrap().values("base", "noctule fast", Metric::Encode).len(), 2);
    }
}
