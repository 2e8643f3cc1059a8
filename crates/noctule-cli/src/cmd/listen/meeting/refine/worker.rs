//! The thread that refines: pieces of the recording, one after the other.

use super::super::files::Listener;
use super::super::offline::{self, Stretch};
use super::{Cut, Done, Job, LOOK, Refined, Shared};
use crate::failure::Failure;
use noctule::options::LanguageChoice;
use noctule::report::Timing;
use noctule::{Error, Events, Options, Segment, Transcriber, Transcript};
use noctule_audio::SAMPLE_RATE;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// A piece is at least so long, seconds: about one window, so that the model sees as much around a word as it can.
const LEAST: f64 = 25.0;
/// And no longer, where there are pauses.
const MOST: f64 = 120.0;
/// How long the recording may take to get to the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the thread does.
pub(super) struct Worker {
    transcriber: Transcriber,
    job: Job,
    shared: Arc<Shared>,
    waiting: VecDeque<Cut>,
    /// The first sample that was not heard.
    from: u64,
    computed_s: f64,
    segments: Vec<Segment>,
    language: Option<String>,
}

impl Worker {
    pub(super) fn new(transcriber: Transcriber, job: Job, shared: Arc<Shared>) -> Self {
        let (waiting, segments) = (VecDeque::new(), Vec::new());
        Self { transcriber, job, shared, waiting, from: 0, computed_s: 0.0, segments, language: None }
    }

    /// Until the last cut, or until nobody wants the result.
    pub(super) fn run(&mut self, cuts: &Receiver<Cut>) -> Result<(), Failure> {
        while let Ok(cut) = cuts.recv() {
            self.waiting.push_back(cut);
            loop {
                self.waiting.extend(cuts.try_iter());
                if let Some(last) = self.waiting.iter().find(|cut| cut.last).cloned() {
                    return self.hear(&last);
                }
                match self.next() {
                    Some(cut) if self.is_written(cut.at) => self.hear(&cut)?,
                    Some(_) => {}
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// The furthest cut of those that make a piece of a good length; the ones before it are forgotten.
    fn next(&mut self) -> Option<Cut> {
        let length = |cut: &Cut| cut.at.saturating_sub(self.from) as f64 / f64::from(SAMPLE_RATE);
        let short = self.waiting.iter().take_while(|cut| length(cut) < LEAST).count();
        let good = self.waiting.iter().skip(short).take_while(|cut| length(cut) <= MOST).count();
        let chosen = self.waiting.get(short + good.max(1) - 1).cloned()?;
        self.waiting.drain(..short + good.max(1));
        Some(chosen)
    }

    /// Whether the recording is on the disk up to here, or will be soon.
    fn is_written(&self, at: u64) -> bool {
        let started = Instant::now();
        while self.job.written.load(Ordering::Acquire) < at {
            if started.elapsed() > PATIENCE {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }

    fn hear(&mut self, cut: &Cut) -> Result<(), Failure> {
        if cut.at <= self.from {
            return Ok(());
        }
        let language = self.language.as_deref().unwrap_or(&cut.language);
        let language = match language {
            "auto" => LanguageChoice::Auto,
            code => LanguageChoice::Fixed(code.to_owned()),
        };
        let options = Options { language, ..self.job.options.clone() };
        let started = Done { to_s: self.from as f64 / f64::from(SAMPLE_RATE), computed_s: self.computed_s };
        let mut events = Idle { shared: self.shared.clone(), started, since: Instant::now(), waited: Duration::ZERO };
        let stretch = Stretch::new(&self.job.path, self.from, cut.at);
        let heard = offline::hear(&mut self.transcriber, stretch, options, &mut events);
        let path = self.job.path.display();
        let transcript = heard.map_err(|error| match error {
            Error::Cancelled => Failure::Interrupted(
                format!("stopped; {path} and what was written down before are there"),
                Some(format!("noctule transcribe {path}")),
            ),
            error => error.into(),
        })?;
        self.computed_s += events.computed_s();
        self.from = cut.at;
        self.shared.advance.set(Done { to_s: self.from as f64 / f64::from(SAMPLE_RATE), computed_s: self.computed_s });
        if !transcript.segments.is_empty() {
            self.language.get_or_insert(transcript.language);
        }
        self.segments.extend(transcript.segments);
        Ok(())
    }

    pub(super) fn finish(self) -> Refined {
        let duration = self.from as f64 / f64::from(SAMPLE_RATE);
        let mut segments = self.segments;
        segments.iter_mut().enumerate().for_each(|(id, segment)| segment.id = id);
        let language = self.language.unwrap_or_else(|| "en".into());
        let transcript = Transcript { language, duration, segments, ..Transcript::default() };
        let total_s = self.computed_s;
        let timing = Timing { total_s, real_time_factor: total_s / duration.max(1e-9), ..Timing::default() };
        Refined { listener: Listener::of(&self.transcriber), transcript, timing }
    }
}

/// Tells how far a piece is, and waits while listening needs the machine.
struct Idle {
    shared: Arc<Shared>,
    started: Done,
    since: Instant,
    waited: Duration,
}

impl Idle {
    fn computed_s(&self) -> f64 {
        self.since.elapsed().saturating_sub(self.waited).as_secs_f64()
    }
}

impl Events for Idle {
    fn progress(&mut self, done: f64, _total: f64) {
        let Done { to_s, computed_s } = self.started;
        self.shared.advance.set(Done { to_s: to_s + done, computed_s: computed_s + self.computed_s() });
    }

    fn cancelled(&mut self) -> bool {
        let started = Instant::now();
        while self.shared.busy.load(Ordering::Relaxed) && !self.shared.stop.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
        }
        self.waited += started.elapsed();
        self.shared.stop.load(Ordering::Relaxed)
    }
}
