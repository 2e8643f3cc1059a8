//! `--refine MODEL`: another model hears the recording again, in idle time while the meeting goes on and, what is left of it then, when it
//! has ended.
//!
//! A thread of its own computes, with threads of its own that take what the system has left over, and waits altogether while
//! listening is behind. It hears the recording from the disk, up to a pause, as soon as there is enough of it.

mod worker;

use super::files::Listener;
use crate::cmd::progress::{Progress, clock};
use crate::failure::Failure;
use crate::{interrupt, terminal};
use noctule::report::Timing;
use noctule::{Config, Model, Options, Transcriber, Transcript};
use noctule_audio::SAMPLE_RATE;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use worker::Worker;

/// How often a thread that waits looks again.
const LOOK: Duration = Duration::from_millis(50);

/// How far it is.
#[derive(Debug, Default)]
pub struct Advance(Mutex<Done>);

#[derive(Debug, Default, Clone, Copy)]
struct Done {
    /// The recording was heard up to here, seconds.
    to_s: f64,
    computed_s: f64,
}

impl Advance {
    fn get(&self) -> Done {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, done: Done) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = done;
    }

    /// Seconds of the recording that are done.
    pub fn done_s(&self) -> f64 {
        self.get().to_s
    }

    /// Seconds that the rest of `total_s` takes, once that can be told.
    pub fn left_s(&self, total_s: f64) -> Option<f64> {
        let done = self.get();
        (done.to_s > 0.0).then(|| (total_s - done.to_s).max(0.0) * done.computed_s / done.to_s)
    }
}

/// A place up to which the recording can be heard.
#[derive(Debug, Clone)]
struct Cut {
    /// Sample behind the last.
    at: u64,
    language: String,
    /// Nothing comes behind it.
    last: bool,
}

/// What both threads see.
#[derive(Debug, Default)]
struct Shared {
    advance: Arc<Advance>,
    /// Listening needs the machine.
    busy: AtomicBool,
    stop: AtomicBool,
}

/// The other model at work.
#[derive(Debug)]
pub struct Refiner {
    cuts: Sender<Cut>,
    shared: Arc<Shared>,
    thread: JoinHandle<Result<Refined, Failure>>,
    model: String,
}

/// What it made of the recording.
#[derive(Debug)]
pub struct Refined {
    /// Who has heard it.
    pub listener: Listener,
    /// What was said.
    pub transcript: Transcript,
    /// What it took.
    pub timing: Timing,
}

/// Which recording is heard, and how.
#[derive(Debug)]
pub struct Job {
    /// The recording.
    pub path: PathBuf,
    /// Samples of it that are on the disk.
    pub written: Arc<AtomicU64>,
    /// All but the language.
    pub options: Options,
    /// Takes only what the system has left over.
    pub idle: bool,
}

impl Refiner {
    /// Lets `model` wait for something to hear.
    ///
    /// # Errors
    /// [`Failure::Work`] if the system allows no thread.
    pub fn start(model: Model, config: Config, job: Job) -> Result<Self, Failure> {
        let (cuts, receiver) = channel();
        let (shared, name) = (Arc::new(Shared::default()), model.name().to_owned());
        let seen = shared.clone();
        let work = move || {
            if job.idle {
                step_back();
            }
            // Its threads inherit the priority.
            let mut worker = Worker::new(Transcriber::new(model, config)?, job, seen);
            worker.run(&receiver)?;
            Ok(worker.finish())
        };
        let thread = std::thread::Builder::new().name("refining".into()).spawn(work);
        let thread = thread.map_err(|error| Failure::work(format!("cannot start a thread: {error}")))?;
        Ok(Self { cuts, shared, thread, model: name })
    }

    /// How far it is, for the view.
    pub fn advance(&self) -> Arc<Advance> {
        self.shared.advance.clone()
    }

    /// Somebody has paused: what lies before this sample can be heard.
    pub fn cut(&self, at: u64, language: &str) {
        self.send(Cut { at, language: language.to_owned(), last: false });
    }

    fn send(&self, cut: Cut) {
        // A thread that has failed says why when it is joined.
        let _ = self.cuts.send(cut);
    }

    /// Whether listening needs the machine for itself.
    pub fn wait_for(&self, busy: bool) {
        self.shared.busy.store(busy, Ordering::Relaxed);
    }

    /// The recording has ended, with `len` samples: waits for the rest, with a bar.
    ///
    /// # Errors
    /// [`Failure::Interrupted`] at Ctrl-C, and what the engine says.
    pub fn finish(self, len: u64, language: &str, quiet: bool) -> Result<Refined, Failure> {
        let total_s = len as f64 / f64::from(SAMPLE_RATE);
        let advance = self.advance();
        let mut notice = format!("hearing it again with {}", self.model);
        if let Some(left_s) = advance.left_s(total_s) {
            let done = clock(advance.done_s());
            notice += &format!(": {done} of {} are done, about {} left", clock(total_s), clock(left_s));
        }
        terminal::notice(quiet, &notice);
        self.wait_for(false);
        self.send(Cut { at: len, language: language.to_owned(), last: true });
        // The wish that has ended the meeting is none to end this.
        let before = interrupt::requested();
        let mut progress = Progress::new("refining", quiet, 0.0);
        while !self.thread.is_finished() {
            progress.update(advance.done_s(), total_s);
            self.shared.stop.store(!before && interrupt::requested(), Ordering::Relaxed);
            std::thread::sleep(LOOK);
        }
        progress.finish();
        let Self { thread, model, .. } = self;
        let refined = thread.join().unwrap_or_else(|_| Err(Failure::work("refining ended by a fault of the program")));
        refined.inspect(|_| terminal::notice(quiet, &format!("the transcript is now that of {model}")))
    }
}

/// Lets everything else go first. Niceness belongs to a thread on Linux, and to all of a program elsewhere.
fn step_back() {
    #[cfg(target_os = "linux")]
    {
        // Where the system forbids it, the work is done all the same.
        let _ = rustix::process::setpriority_process(None, 19);
    }
}

#[cfg(test)]
mod tests;
