//! One measurement: the machine is cool enough, the intent is on the disk, the engine runs and is watched, its output is
//! read, the outcome is on the disk.

use super::evaluator::{Evaluator, scratch};
use super::{Exit, Reply, Request, Status, judge, last_line};
use crate::Error;
use crate::board::{BoardUse, Heat, Sampler, Throttle};
use crate::corpus::Utterance;
use crate::engine::{Ask, Engine, Heard};
use crate::journal::{Intent, Outcome, Record, Text, Unit};
use crate::plan::{Cell, ModelFacts, Task};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Runs end by themselves within ten times what is expected, even where every window is tried six times.
const PATIENCE: f64 = 10.0;
/// And nothing is given less, seconds.
const LEAST_TIMEOUT_S: f64 = 60.0;
/// What the system must keep, bytes.
const FLOOR: u64 = 24 << 20;
/// Boards that throttle by heat start below this, °C.
const COOL: f64 = 60.0;
/// A clock that was set by less went by itself, seconds.
const STEP: f64 = 0.5;
/// What is kept of the words of an engine that failed, bytes.
const LAST_WORDS: usize = 4000;

/// What to run.
pub(super) struct Job<'a> {
    pub cell: &'a Cell,
    pub engine: &'a Engine,
    pub model: &'a ModelFacts,
    pub unit: Unit,
    /// Recordings, as indices.
    pub audio: &'a [usize],
}

impl Outcome {
    /// An outcome without figures.
    pub(super) fn empty(cell: &str, unit: Unit, status: Status) -> Self {
        Self {
            cell: cell.to_owned(),
            unit,
            status,
            detail: String::new(),
            span: [wall_clock(); 2],
            clock_step_s: None,
            started_hot: None,
            usage: super::Usage::default(),
            board: BoardUse::default(),
            phases: crate::engine::Phases::default(),
            tier: None,
            precision: None,
            texts: Vec::new(),
            divergence: std::collections::BTreeMap::new(),
            stderr: String::new(),
        }
    }
}

/// Seconds since 1970: a label, never a measure.
fn wall_clock() -> f64 {
    jiff::Timestamp::now().as_nanosecond() as f64 / 1e9
}

/// A wall clock and one that nobody sets, read together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    pub wall_s: f64,
    pub steady: Instant,
}

impl Clocks {
    fn now() -> Self {
        Self { wall_s: wall_clock(), steady: Instant::now() }
    }

    /// By how much the wall clock was set since `before`, if it was.
    pub(super) fn step_since(self, before: Self) -> Option<f64> {
        let step = self.wall_s - before.wall_s - (self.steady - before.steady).as_secs_f64();
        (step.abs() > STEP).then(|| (step * 1000.0).round() / 1000.0)
    }
}

impl Evaluator<'_> {
    /// Measures `job` and keeps the outcome.
    pub(super) fn once(&mut self, job: &Job) -> Result<(), Error> {
        if self.quarantines(job.cell, job.unit)? {
            return Ok(());
        }
        let started_hot = match job.cell.task {
            Task::Timing => self.cool_down()?,
            _ => None,
        };
        self.watcher.begins(job.cell, job.unit, self.work.0, self.work.1);
        let lengths: Vec<f64> = job.audio.iter().map(|index| self.utterance(*index).duration_s).collect();
        let expected = self.expected(job, &lengths);
        let audio = job.audio.iter().map(|index| self.recording(job.engine, *index));
        let audio: Vec<PathBuf> = audio.collect::<Result<_, Error>>()?;
        let output = scratch(&self.setup.folder).join(&job.cell.id);
        let language = self.language(job);
        let ask = Ask {
            model: job.model.path(),
            audio: &audio,
            language: language.as_deref(),
            settings: &job.cell.settings,
            output: &output,
        };
        let rules = &self.grid.rules;
        let request = Request {
            environment: job.engine.description.environment.clone().into_iter().collect(),
            timeout_s: rules.timeout_s.unwrap_or((expected * PATIENCE).max(LEAST_TIMEOUT_S)),
            memory_limit_bytes: rules.memory_limit_bytes,
            floor_bytes: FLOOR,
            ..Request::new(job.engine.command(&ask))
        };
        if matches!(job.unit, Unit::Run(0, _)) {
            // The first run is to find the model on the disk, as after a start.
            job.model.path().into_iter().for_each(evict);
        }
        let (reply, board, span, step) = self.watched(job, &request)?;
        let heard = job.engine.hear(&reply, &audio, &output);
        let mut outcome = self.outcome(job, &reply, board, heard);
        (outcome.span, outcome.clock_step_s, outcome.started_hot) = (span, step, started_hot);
        self.keep(job.cell, outcome)?;
        self.work.0 = (self.work.0 + expected).min(self.work.1);
        Ok(())
    }

    /// Runs a request between an intent on the disk and the return, with the machine looked at.
    pub(super) fn watched(
        &mut self,
        job: &Job,
        request: &Request,
    ) -> Result<(Reply, BoardUse, [f64; 2], Option<f64>), Error> {
        let intent = Intent { cell: job.cell.id.clone(), unit: job.unit, boot_id: self.boot_id.clone() };
        self.journal.append(&Record::Intent(intent))?;
        let sampler = Sampler::start(&self.setup.root);
        let before = Clocks::now();
        let watcher = &*self.watcher;
        let reply = self.setup.launcher.run(request, &|| watcher.stops());
        let after = Clocks::now();
        let board = sampler.stop();
        Ok((reply?, board, [before.wall_s, after.wall_s], after.step_since(before)))
    }

    fn outcome(&self, job: &Job, reply: &Reply, mut board: BoardUse, heard: Heard) -> Outcome {
        let (mut status, mut detail) = judge(reply, &board, self.grid.rules.memory_limit_bytes);
        if job.cell.task != Task::Timing {
            if status == Status::Throttled {
                (status, detail) = (Status::Ok, String::new());
            }
            board.strip = crate::board::Strip::default();
        }
        // An engine that ends with an error for one recording may have done the others.
        let ran = matches!(reply.exit, Exit::Code(_)) && reply.killed.is_none();
        let good = heard.texts.iter().filter(|heard| heard.text.is_ok()).count();
        let problem = heard.texts.iter().find_map(|heard| heard.text.as_ref().err());
        let mut texts = Vec::new();
        if ran && good > 0 {
            if let Some(problem) = problem {
                (status, detail) = (Status::Partial, problem.clone());
            }
            texts = self.texts(job, &heard);
        } else if let (Status::Ok | Status::Throttled, Some(problem)) = (status, problem) {
            (status, detail) = (Status::Failed, problem.clone());
        }
        let stderr = match status {
            Status::Ok | Status::Throttled => String::new(),
            _ => tail(&reply.stderr),
        };
        let usage = reply.usage.clone();
        Outcome {
            detail,
            usage,
            board,
            phases: heard.phases,
            tier: heard.tier,
            precision: heard.precision,
            texts,
            stderr,
            ..Outcome::empty(&job.cell.id, job.unit, status)
        }
    }

    fn texts(&self, job: &Job, heard: &Heard) -> Vec<Text> {
        let texts = job.audio.iter().zip(&heard.texts).map(|(index, heard)| Text {
            utterance: self.utterance(*index).id.clone(),
            text: heard.text.clone().ok(),
            problem: heard.text.clone().err(),
            tokens: heard.phases.tokens,
            fallbacks: heard.phases.fallbacks,
        });
        texts.collect()
    }

    /// What a run will take: as the cell took before for each second of audio, or as the plan expects.
    fn expected(&self, job: &Job, lengths: &[f64]) -> f64 {
        let audio: f64 = lengths.iter().sum();
        let before = self.done.of(&job.cell.id).iter().filter(|outcome| outcome.status.has_figures());
        let paces = before.filter_map(|outcome| {
            let heard: f64 = match outcome.unit {
                Unit::Run(_, clip) => self.utterance(*self.plan.clips().get(clip as usize)?).duration_s,
                _ => return None,
            };
            (heard > 0.0).then(|| outcome.usage.wall_s / heard)
        });
        let speed = self.plan.evaluation.as_ref().map(|head| head.speed).unwrap_or_default();
        let planned = speed.seconds(job.model, &job.cell.settings, lengths.iter().copied());
        paces.fold(None, |most: Option<f64>, pace| Some(most.unwrap_or(0.0).max(pace))).map_or(planned, |pace| {
            // A short recording costs a whole window.
            (pace * audio).max(planned.min(pace * 30.0))
        })
    }

    /// The file that an engine is given: the recording itself, or a WAV file where it reads no other.
    fn recording(&self, engine: &Engine, index: usize) -> Result<PathBuf, Error> {
        let utterance = self.utterance(index);
        let path = utterance.path(&self.setup.folder);
        if engine.reads(&path) || utterance.problem.is_some() {
            return Ok(path);
        }
        let folder = scratch(&self.setup.folder);
        let wav = folder.join(format!("{}.wav", &utterance.sha256.get(..16).unwrap_or("recording")));
        if !wav.is_file() {
            fs::create_dir_all(&folder).map_err(Error::io("make the folder", &folder))?;
            let part = wav.with_extension("part");
            let made = self.sounds.extract(&path, None, &part);
            // What cannot be decoded is given as it is: the engine says why it cannot read it.
            if made.is_err() {
                return Ok(path);
            }
            fs::rename(&part, &wav).map_err(Error::io("write", &wav))?;
        }
        Ok(wav)
    }

    /// The language to tell the engine: that of the recordings; of probes that of the set, since nobody speaks in them.
    fn language(&self, job: &Job) -> Option<String> {
        let speech = |utterance: &&Utterance| !utterance.is_probe();
        let own = job.audio.iter().map(|index| self.utterance(*index)).find(speech);
        let any =
            || self.plan.corpus.utterances.iter().filter(speech).find(|u| job.model.speaks(u.language.as_deref()));
        own.or_else(any)?.language.clone()
    }

    /// Waits until the machine is cool; the temperature if it never was.
    fn cool_down(&mut self) -> Result<Option<f64>, Error> {
        let root = &self.setup.root;
        let by_heat = Throttle::find(root).name().is_some_and(|name| name.starts_with("firmware"));
        let Some(limit) = self.grid.rules.cool_to.or(by_heat.then_some(COOL)) else { return Ok(None) };
        let heat = Heat::find(root);
        let until = Instant::now() + Duration::from_secs_f64(self.grid.rules.cool_wait_s.clamp(0.0, 86_400.0));
        loop {
            let Some(celsius) = heat.celsius().filter(|celsius| *celsius > limit) else { return Ok(None) };
            if self.watcher.stops() {
                return Err(Error::Stopped);
            }
            if Instant::now() >= until {
                return Ok(Some(celsius));
            }
            self.watcher.waits(&format!("cooling down from {celsius:.0} to {limit:.0} °C"));
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn tail(stderr: &str) -> String {
    let mut from = stderr.len().saturating_sub(LAST_WORDS);
    while !stderr.is_char_boundary(from) {
        from += 1;
    }
    stderr[from..].trim().to_owned()
}

/// Asks the kernel to forget what it keeps of a file. It may have reasons not to.
fn evict(path: &Path) {
    #[cfg(target_os = "linux")]
    if let Ok(file) = fs::File::open(path) {
        let _ = nix::fcntl::posix_fadvise(&file, 0, 0, nix::fcntl::PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = path;
}

/// What a command that compares models printed.
pub(super) fn failure_of(reply: &Reply) -> String {
    last_line(&reply.stderr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_seen_and_counts_for_nothing() {
        let before = Clocks::now();
        let after = |seconds: f64, step: f64| Clocks {
            wall_s: before.wall_s + seconds + step,
            steady: before.steady + Duration::from_secs_f64(seconds),
        };
        assert_eq!(after(100.0, 0.0).step_since(before), None);
        assert_eq!(after(100.0, 0.2).step_since(before), None);
        assert_eq!(after(100.0, 3600.0).step_since(before), Some(3600.0));
        assert_eq!(after(2.0, -86_400.0).step_since(before), Some(-86_400.0));
    }

    #[test]
    fn last_words_are_cut_between_characters() {
        let text = "ü".repeat(LAST_WORDS);
        assert!(tail(&text).len() <= LAST_WORDS && tail(&text).chars().all(|c| c == 'ü'));
    }
}
