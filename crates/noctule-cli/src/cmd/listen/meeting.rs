//! `listen --meeting NAME`: recorded and written down as it goes, whatever happens to the machine.
//!
//! NAME.flac grows while it is heard and NAME.minutes.jsonl with every segment, both forced to the disk. At the end they become
//! NAME.txt, .srt and .json, and the minutes go. After a crash [`resume`] hears what was recorded behind the last segment;
//! [`Finished::refine`] hears everything again with another model.

use crate::args::ListenArgs;
use crate::cmd::progress::Progress;
use crate::cmd::transcribe::{model, output};
use crate::failure::Failure;
use crate::plan::{self, ModelChoice};
use crate::{interrupt, store, terminal};
use noctule::format::{Captions, Document, Format};
use noctule::options::LanguageChoice;
use noctule::report::{self, Kernels, Memory, Timing};
use noctule::source::SourceError;
use noctule::{Error, Events, Options, Samples, Start, Transcriber, Transcript};
use noctule_audio::SAMPLE_RATE;
use noctule_audio::file::{ReadOptions, Reader};
use noctule_audio::stream::Tape;
use noctule_listen::Event;
use noctule_listen::event::SegmentEvent;
use noctule_listen::minutes::{self, Head, Minutes};
use noctule_listen::recording::{Recording, Tap};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

/// What is written at the end.
const FORMATS: [Format; 3] = [Format::Txt, Format::Srt, Format::Json];
/// Less than this behind the last segment has no words, seconds.
const LEAST_S: f64 = 0.3;

/// The files of a meeting.
#[derive(Debug, Clone)]
struct Files {
    name: PathBuf,
}

impl Files {
    /// NAME, with or without `.flac`.
    fn new(name: &Path) -> Self {
        let is_flac = name.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("flac"));
        Self { name: if is_flac { name.with_extension("") } else { name.to_path_buf() } }
    }

    fn with(&self, ending: &str) -> PathBuf {
        let mut path = self.name.clone().into_os_string();
        path.push(".");
        path.push(ending);
        path.into()
    }

    fn flac(&self) -> PathBuf {
        self.with("flac")
    }

    fn minutes(&self) -> PathBuf {
        self.with("minutes.jsonl")
    }
}

/// Who listens, for the JSON.
#[derive(Debug, Clone)]
pub struct Listener {
    model: report::Model,
    kernels: Kernels,
}

impl Listener {
    /// This one.
    pub fn of(transcriber: &Transcriber) -> Self {
        let compute = transcriber.compute();
        let kernels = Kernels {
            tier: compute.tier().to_string(),
            threads: compute.threads(),
            precision: compute.precision().to_string(),
        };
        Self { model: model::report(transcriber.model()), kernels }
    }
}

/// A meeting in progress.
pub struct Meeting {
    files: Files,
    listener: Listener,
    minutes: Minutes,
    recording: Recording,
    transcript: Transcript,
    computed_s: f64,
    /// Why the minutes could not be kept.
    failed: Option<String>,
}

impl Meeting {
    /// Begins the files, none of which may be there.
    ///
    /// # Errors
    /// [`Failure::Work`] for files that are there or cannot be written.
    pub fn begin(name: &Path, listener: Listener, language: &LanguageChoice) -> Result<Self, Failure> {
        let files = Files::new(name);
        let minutes =
            Minutes::begin(&files.minutes(), &Head::new(&listener.model.name)).map_err(|error| match error {
                minutes::Error::Exists(_) => Failure::work(format!(
                    "{error}; noctule listen --meeting {} --resume finishes it",
                    files.name.display()
                )),
                error => Failure::work(error),
            })?;
        let results = FORMATS.iter().map(|format| files.with(format.extension()));
        if let Some(there) = std::iter::once(files.flac()).chain(results).find(|path| path.exists()) {
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
        let language = match language {
            LanguageChoice::Fixed(code) => code.clone(),
            LanguageChoice::Auto => "en".into(),
        };
        let transcript = Transcript { language, ..Transcript::default() };
        Ok(Self { files, listener, minutes, recording, transcript, computed_s: 0.0, failed: None })
    }

    /// Where samples go in.
    pub fn tap(&self) -> Tap {
        self.recording.tap()
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
        let Self { files, listener, minutes, recording, transcript, computed_s, failed } = self;
        let recorded = recording.finish();
        let timing = Timing {
            total_s: computed_s,
            real_time_factor: computed_s / transcript.duration.max(1e-9),
            ..Timing::default()
        };
        write(&files, &listener, &transcript, &timing)?;
        recorded.map_err(|error| Failure::work(format!("{} is not complete: {error}", files.flac().display())))?;
        failed.map_or(Ok(()), |problem| Err(Failure::Work(problem)))?;
        minutes.remove().map_err(|error| Failure::work(format!("cannot remove the minutes: {error}")))?;
        Ok(Finished { files, language: transcript.language })
    }
}

/// A meeting that is written down.
pub struct Finished {
    files: Files,
    language: String,
}

impl Finished {
    /// Says where it is.
    pub fn tell(&self, quiet: bool) {
        let name = self.files.name.display();
        terminal::notice(quiet, &format!("wrote {name}.flac, {name}.txt, {name}.srt and {name}.json"));
    }

    /// Hears the recording again with another model, if that was asked for, and writes the transcript anew.
    ///
    /// # Errors
    /// As [`offline`], and what cannot be written; the first transcript stays.
    pub fn refine(&self, args: &ListenArgs) -> Result<(), Failure> {
        let Some(other) = &args.meeting.refine else { return Ok(()) };
        let choice = ModelChoice::File(store::resolve(other));
        let mut transcriber = open(&choice, args)?;
        let name = transcriber.model().name().to_owned();
        terminal::notice(args.quiet, &format!("hearing it again with {name}"));
        let stretch = Stretch { path: self.files.flac(), from_s: 0.0, len: length(&self.files.flac()) };
        let (transcript, timing) = offline(&mut transcriber, stretch, &self.language, args, "refining")?;
        write(&self.files, &Listener::of(&transcriber), &transcript, &timing)?;
        terminal::notice(args.quiet, &format!("the transcript is now that of {name}"));
        Ok(())
    }
}

/// `--resume`: writes down what was recorded and not written down.
///
/// # Errors
/// [`Failure::Work`] where there is no interrupted meeting, and as [`offline`].
pub fn resume(args: &ListenArgs, name: &Path) -> Result<(), Failure> {
    interrupt::listen();
    let files = Files::new(name);
    let (minutes, found) = Minutes::reopen(&files.minutes()).map_err(Failure::work)?;
    let mut transcriber = open(&plan::model(&args.engine)?, args)?;
    let len = length(&files.flac());
    let done_s = found.segments.last().map_or(0.0, |segment| segment.end);
    let recorded_s = len as f64 / f64::from(SAMPLE_RATE);
    let given = || match &args.language.0 {
        LanguageChoice::Fixed(code) => Some(code.clone()),
        LanguageChoice::Auto => None,
    };
    let language = given().or(found.language).unwrap_or_else(|| "auto".into());
    let mut transcript = Transcript { language: language.clone(), duration: recorded_s, ..Transcript::default() };
    transcript.segments = found.segments;
    let mut timing = Timing::default();
    if recorded_s - done_s >= LEAST_S {
        let stretch = Stretch { path: files.flac(), from_s: done_s, len };
        let (rest, took) = offline(&mut transcriber, stretch, &language, args, "the rest")?;
        transcript.language = rest.language;
        transcript.segments.extend(rest.segments);
        timing = took;
    }
    transcript.segments.iter_mut().enumerate().for_each(|(id, segment)| segment.id = id);
    write(&files, &Listener::of(&transcriber), &transcript, &timing)?;
    minutes.remove().map_err(|error| Failure::work(format!("cannot remove the minutes: {error}")))?;
    let finished = Finished { files, language: transcript.language };
    finished.tell(args.quiet);
    drop(transcriber);
    finished.refine(args)
}

fn open(choice: &ModelChoice, args: &ListenArgs) -> Result<Transcriber, Failure> {
    let model = model::load(choice, args.quiet)?;
    let config = plan::config(&args.engine);
    model::check_memory(&model, config.precision, &options(args, "auto"), args.engine.memory_limit)?;
    Ok(Transcriber::new(model, config)?)
}

fn options(args: &ListenArgs, language: &str) -> Options {
    let language = match language {
        "auto" => LanguageChoice::Auto,
        code => LanguageChoice::Fixed(code.to_owned()),
    };
    let task = if args.translate { noctule::options::Task::Translate } else { noctule::options::Task::Transcribe };
    let mut options = Options { language, task, word_timestamps: true, ..Options::default() };
    options.search.beam_size = args.live.beam_size.into();
    options.context.prompt.clone_from(&args.prompt);
    options
}

/// Samples that can be read: of a file that a crash has torn, those before the tear.
fn length(path: &Path) -> u64 {
    let Ok(mut reader) = Reader::open(path, &ReadOptions::default()) else { return 0 };
    let mut len = 0;
    while let Ok(Some(block)) = reader.next_block() {
        len += block.len() as u64;
    }
    len
}

/// What of a recording is heard.
struct Stretch {
    path: PathBuf,
    from_s: f64,
    /// Samples of the whole recording.
    len: u64,
}

/// The samples of a stretch.
struct Rest {
    tape: Tape,
    len: u64,
}

impl Samples for Rest {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&mut self, start: u64, out: &mut [f32]) -> Result<(), SourceError> {
        Ok(self.tape.read(start, out)?)
    }
}

struct Watch(Progress);

impl Events for Watch {
    fn progress(&mut self, done: f64, total: f64) {
        self.0.update(done, total);
    }

    fn cancelled(&mut self) -> bool {
        interrupt::requested()
    }
}

/// Transcribes a stretch of a recording; times are those of the recording.
fn offline(
    transcriber: &mut Transcriber,
    stretch: Stretch,
    language: &str,
    args: &ListenArgs,
    name: &str,
) -> Result<(Transcript, Timing), Failure> {
    let first = (stretch.from_s * f64::from(SAMPLE_RATE)).round() as u64;
    let tape = Tape::new(&stretch.path, &ReadOptions { offset_s: stretch.from_s, ..ReadOptions::default() });
    let mut rest = Rest { tape, len: stretch.len.saturating_sub(first) };
    let known = if transcriber.model().vocab().is_multilingual() { language } else { "en" };
    let mut watch = Watch(Progress::new(name, args.quiet, 0.0));
    let started = std::time::Instant::now();
    let found = transcriber.transcribe_from(&mut rest, &options(args, known), Start::default(), &mut watch);
    watch.0.finish();
    let mut transcript = found.map_err(|error| match error {
        Error::Cancelled => Failure::Interrupted(
            format!("stopped; {} and what was written down before are there", stretch.path.display()),
            Some(format!("noctule transcribe {}", stretch.path.display())),
        ),
        error => error.into(),
    })?;
    for segment in &mut transcript.segments {
        segment.start += stretch.from_s;
        segment.end += stretch.from_s;
        for word in &mut segment.words {
            word.start += stretch.from_s;
            word.end += stretch.from_s;
        }
    }
    transcript.duration += stretch.from_s;
    let total_s = started.elapsed().as_secs_f64();
    let timing = Timing { total_s, real_time_factor: total_s / transcript.duration.max(1e-9), ..Timing::default() };
    Ok((transcript, timing))
}

fn write(files: &Files, listener: &Listener, transcript: &Transcript, timing: &Timing) -> Result<(), Failure> {
    let file = files.flac().display().to_string();
    let document = Document {
        file: &file,
        model: &listener.model,
        transcript,
        timing,
        memory: Memory { peak_rss_bytes: noctule::memory::peak_rss_bytes().unwrap_or(0) },
        kernels: &listener.kernels,
        origin: None,
    };
    for format in FORMATS {
        output::write_file(&files.with(format.extension()), format, &document, &Captions::default())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_name_of_the_meeting() {
        for name in ["notes/talk.1", "notes/talk.1.flac", "notes/talk.1.FLAC"] {
            let files = Files::new(Path::new(name));
            assert_eq!(files.flac(), Path::new("notes/talk.1.flac"));
            assert_eq!(files.with("srt"), Path::new("notes/talk.1.srt"));
            assert_eq!(files.minutes(), Path::new("notes/talk.1.minutes.jsonl"));
        }
    }
}
