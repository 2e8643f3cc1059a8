//! `noctule transcribe`: a [`Plan`] enters, text on standard output and in files leaves.
//!
//! The model is opened once. A file that fails is reported and does not stop
//! the others.

mod audio;
mod clock;
mod colours;
mod face;
mod identity;
mod journal;
mod live;
pub mod model;
pub mod output;
mod resume;
mod summary;

use crate::cmd::progress::Progress;
use crate::failure::Failure;
use crate::naming;
use crate::plan::{Input, Item, ModelChoice, Plan, Stdout};
use crate::{interrupt, terminal};
pub use audio::vad;
use audio::{Detector, Sound};
use clock::FileClock;
pub use colours::name as speaker_name;
pub use colours::scale as colour_scale;
pub use face::Face;
use journal::Journal;
use live::Live;
pub use live::hours;
use noctule::events::Events;
use noctule::format::{Document, Format, Origin};
use noctule::mel::MelMaximum;
use noctule::options::Task;
use noctule::report::{Kernels, Memory, Timing};
use noctule::{Error, Model, Start, Transcriber, Transcript, memory};
pub use output::stdout_failure;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use summary::Summary;

/// Transcribes every input of `plan`. `Ok(false)` means that something failed
/// or is incomplete and has been reported.
///
/// # Errors
/// What stops all files: no model, no folder for the output, options that the
/// model cannot follow, nobody who reads standard output.
pub fn run(plan: &Plan) -> Result<bool, Failure> {
    run_as(plan, &mut ())
}

/// As [`run`], with another program's `face`.
///
/// # Errors
/// As [`run`], and what `face` refuses.
pub fn run_as(plan: &Plan, face: &mut dyn Face) -> Result<bool, Failure> {
    let started = Instant::now();
    interrupt::listen();
    let mut summary = Summary::new(plan);
    plan.problems.iter().for_each(|problem| summary.failed(problem));
    let wanted: Vec<&Item> = plan.items.iter().filter(|item| !summary.skip(plan, item)).collect();
    if wanted.is_empty() {
        return Ok(summary.finish());
    }
    make_folders(&wanted)?;
    let mut detector = plan.speech.as_ref().map(Detector::new).transpose()?;
    let model = model::load(&plan.model, plan.quiet)?;
    check_memory(&model, plan, &wanted)?;
    let report = model::report(&model);
    let mut transcriber = Transcriber::new(model, plan.config)?;
    face.loaded(&transcriber)?;
    let mut load = started.elapsed();
    let mut reader_gone = false;
    for (index, item) in wanted.into_iter().enumerate() {
        let mut job = Job { plan, input: &item.input, item, first: index == 0, reader_gone, face: &mut *face };
        let done = job
            .transcribe(&mut transcriber, detector.as_mut(), std::mem::take(&mut load))
            .and_then(|result| job.write(&result, &report, &transcriber).map(|()| result));
        match done {
            Ok(mut result) => {
                // The result is where it should be.
                if let Some(journal) = result.journal.take() {
                    journal.remove();
                }
                summary.done(item, &result.transcript, &result.timing, result.whole);
            }
            Err(Failure::Work(message)) => summary.failed(&message),
            Err(stop) => return Err(stop),
        }
        reader_gone = job.reader_gone;
    }
    Ok(summary.finish())
}

/// Refuses recordings for which there is no memory.
fn check_memory(model: &Model, plan: &Plan, items: &[&Item]) -> Result<(), Failure> {
    let check = |working| model::check_memory(model, plan.config.precision, &plan.options, plan.memory_limit, working);
    check(memory::long_set_bytes).or_else(|refusal| {
        // Only now does it matter how long they are; to ask means to open each.
        let all_short = items.iter().all(|item| audio::is_one_window(&item.input, &plan.read));
        if all_short { check(memory::working_set_bytes) } else { Err(refusal) }
    })
}

/// Makes the folders for all results, so that none is found unwritable after an hour of work.
fn make_folders(items: &[&Item]) -> Result<(), Failure> {
    let stems = items.iter().filter_map(|item| item.stem.as_deref());
    let folders = stems.filter_map(|stem| stem.parent()).filter(|folder| !folder.as_os_str().is_empty());
    folders.into_iter().try_for_each(output::make_folder)
}

/// One input on its way.
struct Job<'a> {
    plan: &'a Plan,
    input: &'a Input,
    item: &'a Item,
    /// No other input came before.
    first: bool,
    /// Standard output is closed; only files are still wanted.
    reader_gone: bool,
    face: &'a mut dyn Face,
}

/// What became of one input.
struct Outcome {
    transcript: Transcript,
    timing: Timing,
    /// All of the audio could be read.
    whole: bool,
    journal: Option<Journal>,
}

impl Job<'_> {
    /// From the audio to the transcript in the file's own times. `load` is the time that the model took.
    fn transcribe(
        &mut self,
        transcriber: &mut Transcriber,
        detector: Option<&mut Detector>,
        load: Duration,
    ) -> Result<Outcome, Failure> {
        let started = Instant::now();
        let meter = transcriber.peak_meter();
        let mut bar = Progress::new(&self.input.name(), self.plan.quiet, live::LONG);
        let surveyed =
            Sound::survey(self.input, &self.plan.read, detector, meter, &mut |done, total| bar.survey(done, total));
        bar.finish();
        let Some(mut sound) = surveyed? else {
            return Err(resume::interrupted(self.plan, self.input, None));
        };
        sound.warnings().iter().for_each(|warning| terminal::warning(warning));
        let (audio, duration_s, whole) = (started.elapsed(), sound.duration_s(), sound.warnings().is_empty());
        let clock = FileClock::new(self.plan.read.offset_s, sound.map().cloned(), sound.take_loudness());
        let mut journal = resume::open_journal(self.plan, self.input, duration_s, transcriber)?;
        let resume = resume::take_up(self.plan, self.input, journal.as_mut(), &clock)?;
        self.face.begins(transcriber, self.input, duration_s);
        let mut live = Live::new(self.plan, self.input, &clock, self.first, journal, self.face);
        resume.iter().flat_map(|resume| &resume.segments).for_each(|segment| live.segment(segment));
        let start = Start { maximum: sound.loudest().map(MelMaximum::Global), resume };
        let result = transcriber.transcribe_from(&mut sound, &self.plan.options, start, &mut live);
        let (done, journal, first) = live.finish()?;
        self.face.ended(transcriber);
        let result = match result {
            Err(Error::Cancelled) if self.face.has_enough() => Ok(Transcript::default()),
            result => result,
        };
        if matches!(result, Err(Error::Cancelled)) {
            let place = journal.map(|_| (done, self.plan.read.offset_s + duration_s));
            return Err(resume::interrupted(self.plan, self.input, place));
        }
        let mut transcript = result?;
        transcript.duration = duration_s;
        transcript.segments.iter_mut().for_each(|segment| clock.place(segment));
        let first = first.map(|first| (load + (first - started)).as_secs_f64());
        let timing =
            Timing { first_text_s: first, ..timing(transcriber, load, audio, load + started.elapsed(), duration_s) };
        Ok(Outcome { transcript, timing, whole, journal })
    }

    /// Writes the files, then standard output.
    fn write(
        &mut self,
        result: &Outcome,
        model: &noctule::report::Model,
        transcriber: &Transcriber,
    ) -> Result<(), Failure> {
        let name = self.input.name();
        let model_path = match &self.plan.model {
            ModelChoice::File(path) => path.display().to_string(),
            ModelChoice::Embedded => model.name.clone(),
        };
        let compute = transcriber.compute();
        let kernels = Kernels {
            tier: compute.tier().to_string(),
            threads: compute.threads(),
            precision: compute.precision().to_string(),
        };
        let memory = Memory { peak_rss_bytes: noctule::memory::peak_rss_bytes().unwrap_or(0) };
        let document = Document {
            file: &name,
            model,
            transcript: &result.transcript,
            timing: &result.timing,
            memory,
            kernels: &kernels,
            origin: Some(origin(self.plan, transcriber, &model_path)),
        };
        for (path, format) in outputs(self.plan, self.item) {
            output::write_file(&path, format, &document, &self.plan.captions)?;
            self.face.written(&path, format);
            terminal::notice(self.plan.quiet, &format!("wrote {}", path.display()));
        }
        match self.plan.stdout {
            Stdout::Documents(format) if !self.reader_gone => self.print(format, &document),
            _ => Ok(()),
        }
    }

    fn print(&mut self, format: Format, document: &Document) -> Result<(), Failure> {
        match output::print(format, document, &self.plan.captions) {
            Err(Failure::ReaderGone) if !self.plan.formats.is_empty() => {
                self.reader_gone = true;
                Ok(())
            }
            other => other,
        }
    }
}

/// The files of one item.
fn outputs(plan: &Plan, item: &Item) -> Vec<(PathBuf, Format)> {
    let paths = |stem: &PathBuf| plan.formats.iter().map(|f| (naming::with_ending(stem, *f), *f)).collect();
    item.stem.as_ref().map_or_else(Vec::new, paths)
}

fn origin<'a>(plan: &'a Plan, transcriber: &'a Transcriber, model_path: &'a str) -> Origin<'a> {
    let model = transcriber.model();
    Origin {
        model_path,
        hparams: model.hparams(),
        vocab: model.vocab(),
        language: &plan.language,
        translate: plan.options.task == Task::Translate,
    }
}

fn timing(transcriber: &Transcriber, load: Duration, audio: Duration, total: Duration, duration_s: f64) -> Timing {
    let phases = transcriber.phases();
    let mut timing = Timing {
        load_s: load.as_secs_f64(),
        audio_s: audio.as_secs_f64(),
        mel_s: phases.mel.as_secs_f64(),
        encode_s: phases.encode.as_secs_f64(),
        decode_s: phases.decode.as_secs_f64(),
        prompt_s: phases.passes.prompt.time.as_secs_f64(),
        total_s: total.as_secs_f64(),
        encoder_windows: phases.windows,
        decoded_tokens: phases.tokens,
        decoder_steps: phases.steps,
        fallbacks: phases.fallbacks,
        ..Timing::default()
    };
    timing.set_real_time_factor(duration_s);
    timing
}
