//! `listen --meeting NAME`: recorded and written down as it goes, whatever happens to the machine.
//!
//! NAME.flac grows while it is heard and NAME.minutes.jsonl with every segment, both forced to the disk. At the end they become
//! NAME.txt, .srt and .json, and the minutes go. After a crash [`resume`] hears what was recorded behind the last segment, and
//! [`Meeting::go_on`] records behind it. A [`refine::Refiner`] hears everything again with another model.

mod files;
mod interrupted;
mod offline;
mod refine;

pub use files::Listener;
pub use interrupted::{Interrupted, Rest, resume};
pub use refine::Advance;

use crate::args::ListenArgs;
use crate::cmd::transcribe::model;
use crate::failure::Failure;
use crate::plan::{self, ModelChoice};
use crate::{store, terminal};
use files::Files;
use noctule::options::LanguageChoice;
use noctule::report::Timing;
use noctule::{Model, Transcriber, Transcript};
use noctule_audio::SAMPLE_RATE;
use noctule_listen::Event;
use noctule_listen::event::SegmentEvent;
use noctule_listen::minutes::{self, Head, Minutes};
use noctule_listen::pace::Level;
use noctule_listen::recording::{Recording, Tap};
use refine::{Job, Refiner};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A meeting in progress.
pub struct Meeting {
    files: Files,
    listener: Listener,
    minutes: Minutes,
    recording: Recording,
    transcript: Transcript,
    refiner: Option<Refiner>,
    computed_s: f64,
    /// Why the minutes could not be kept.
    failed: Option<String>,
}

impl Meeting {
    /// Begins the files, none of which may be there.
    ///
    /// # Errors
    /// [`Failure::Work`] for files that are there or cannot be written.
    pub fn begin(name: &Path, listener: Listener, args: &ListenArgs) -> Result<Self, Failure> {
        let files = Files::new(name);
        // Before there is anything to be lost.
        let other = other(args)?;
        let minutes =
            Minutes::begin(&files.minutes(), &Head::new(&listener.model.name)).map_err(|error| match error {
                minutes::Error::Exists(_) => Failure::work(format!(
                    "{error}; noctule listen --meeting {name} --resume finishes it, and --continue goes on with it",
                    name = files.name.display()
                )),
                error => Failure::work(error),
            })?;
        if let Some(there) = files.there() {
            // They say nothing yet, and would stand in the way of the next try.
            let _ = minutes.remove();
            return Err(Failure::work(format!("{} is there already: give the meeting another name", there.display())));
        }
        let path = files.flac();
        let started = OpenOptions::new().write(true).create_new(true).open(&path).and_then(Recording::start);
        let recording = match started {
            Ok(recording) => recording,
            Err(error) => {
                let _ = minutes.remove();
                return Err(Failure::work(format!("cannot write {}: {error}", path.display())));
            }
        };
        let language = spoken(&args.language.0);
        let transcript = Transcript { language, ..Transcript::default() };
        Self { files, listener, minutes, recording, transcript, refiner: None, computed_s: 0.0, failed: None }
            .refined(other, args)
    }

    /// Goes on with a meeting that was interrupted; also returns how many samples were recorded of it.
    ///
    /// # Errors
    /// [`Failure::Work`] if its recording cannot be gone on with.
    pub fn go_on(left: Interrupted, listener: Listener, args: &ListenArgs) -> Result<(Self, u64), Failure> {
        let other = other(args)?;
        let path = left.files.flac();
        let (recording, len) = Recording::go_on(&path)
            .map_err(|error| Failure::work(format!("cannot go on with {}: {error}", path.display())))?;
        let language = spoken(&left.language(&args.language.0));
        let Interrupted { files, minutes, segments, .. } = left;
        let transcript = Transcript { language, segments, ..Transcript::default() };
        let meeting =
            Self { files, listener, minutes, recording, transcript, refiner: None, computed_s: 0.0, failed: None }
                .refined(other, args)?;
        meeting.transcript.segments.iter().for_each(|segment| meeting.pause(segment.end));
        Ok((meeting, len))
    }

    /// Samples of the recording from here to there.
    ///
    /// # Errors
    /// [`Failure::Work`] if they cannot be read.
    pub fn rest(&self, from: u64, to: u64) -> Result<Rest, Failure> {
        Rest::new(&self.files.flac(), from, to)
    }

    fn refined(mut self, other: Option<Model>, args: &ListenArgs) -> Result<Self, Failure> {
        let written = self.recording.written();
        self.refiner = other.map(|model| refiner(model, args, &self.files, written, true)).transpose()?;
        Ok(self)
    }

    /// Where samples go in.
    pub fn tap(&self) -> Tap {
        self.recording.tap()
    }

    /// How far the other model is, where there is one.
    pub fn advance(&self) -> Option<Arc<Advance>> {
        self.refiner.as_ref().map(Refiner::advance)
    }

    /// Writes down what stands.
    pub fn event(&mut self, event: &Event) {
        let written = match event {
            Event::Segment(SegmentEvent(segment)) => {
                self.transcript.segments.push(segment.clone());
                self.minutes.segment(segment)
            }
            Event::Language { language, .. } => {
                self.transcript.language = (*language).to_owned();
                self.minutes.language(language)
            }
            Event::SpeechEnd { at } => {
                self.pause(*at);
                Ok(())
            }
            Event::Lag { level, .. } => {
                self.refiner.iter().for_each(|refiner| refiner.wait_for(*level > Level::Full));
                Ok(())
            }
            Event::Stats(stats) => {
                (self.transcript.duration, self.computed_s) = (stats.audio_s, stats.computed_s);
                Ok(())
            }
            _ => Ok(()),
        };
        if let (Err(error), None) = (written, &self.failed) {
            let problem = format!("cannot write {}: {error}", self.files.minutes().display());
            terminal::warning(&format!("{problem}; the meeting goes on"));
            self.failed = Some(problem);
        }
    }

    fn pause(&self, at_s: f64) {
        let at = (at_s * f64::from(SAMPLE_RATE)).round() as u64;
        self.refiner.iter().for_each(|refiner| refiner.cut(at, &self.transcript.language));
    }

    /// Tells at once why nothing is recorded any more.
    pub fn look(&self) {
        if let Some(problem) = self.recording.problem() {
            let path = self.files.flac();
            terminal::warning(&format!("{} is not recorded any more: {problem}; listening goes on", path.display()));
        }
    }

    /// Ends the recording and writes the transcript.
    ///
    /// # Errors
    /// [`Failure::Work`] for what could not be written; what could be, is there.
    pub fn finish(self) -> Result<Finished, Failure> {
        let Self { files, listener, minutes, recording, transcript, refiner, computed_s, failed } = self;
        let recorded = recording.finish();
        let timing = Timing {
            total_s: computed_s,
            real_time_factor: computed_s / transcript.duration.max(1e-9),
            ..Timing::default()
        };
        files.write(&listener, &transcript, &timing)?;
        let len =
            recorded.map_err(|error| Failure::work(format!("{} is not complete: {error}", files.flac().display())))?;
        failed.map_or(Ok(()), |problem| Err(Failure::Work(problem)))?;
        minutes.remove().map_err(|error| Failure::work(format!("cannot remove the minutes: {error}")))?;
        Ok(Finished { files, language: transcript.language, len, refiner })
    }
}

/// A meeting that is written down.
pub struct Finished {
    files: Files,
    language: String,
    /// Samples of the recording.
    len: u64,
    refiner: Option<Refiner>,
}

impl Finished {
    /// Says where it is.
    pub fn tell(&self, quiet: bool) {
        let name = self.files.name.display();
        terminal::notice(quiet, &format!("wrote {name}.flac, {name}.txt, {name}.srt and {name}.json"));
    }

    /// Waits for what another model makes of the recording, if that was asked for, and writes the transcript anew.
    ///
    /// # Errors
    /// As [`Refiner::finish`], and what cannot be written; the first transcript stays.
    pub fn refine(self, quiet: bool) -> Result<(), Failure> {
        let Some(refiner) = self.refiner else { return Ok(()) };
        let refined = refiner.finish(self.len, &self.language, quiet)?;
        self.files.write(&refined.listener, &refined.transcript, &refined.timing)
    }
}

/// The language that the text is said to be in before anything was heard.
fn spoken(choice: &LanguageChoice) -> String {
    match choice {
        LanguageChoice::Fixed(code) => code.clone(),
        LanguageChoice::Auto => "en".into(),
    }
}

/// The model that hears the recording again.
fn other(args: &ListenArgs) -> Result<Option<Model>, Failure> {
    let name = args.meeting.refine.as_ref();
    name.map(|name| checked(&ModelChoice::File(store::resolve(name)), args)).transpose()
}

fn refiner(
    model: Model,
    args: &ListenArgs,
    files: &Files,
    written: Arc<AtomicU64>,
    idle: bool,
) -> Result<Refiner, Failure> {
    let options = offline::options(args, "auto");
    Refiner::start(model, plan::config(&args.engine), Job { path: files.flac(), written, options, idle })
}

/// A model for which there is memory.
fn checked(choice: &ModelChoice, args: &ListenArgs) -> Result<Model, Failure> {
    let model = model::load(choice, args.quiet)?;
    let precision = plan::config(&args.engine).precision;
    let (options, limit) = (offline::options(args, "auto"), args.engine.memory_limit);
    model::check_memory(&model, precision, &options, limit, noctule::memory::long_set_bytes)?;
    Ok(model)
}

fn engine(choice: &ModelChoice, args: &ListenArgs) -> Result<Transcriber, Failure> {
    Ok(Transcriber::new(checked(choice, args)?, plan::config(&args.engine))?)
}
