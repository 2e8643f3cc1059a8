//! A stretch of a meeting's recording, heard as `transcribe` hears it.

use crate::args::ListenArgs;
use crate::cmd::progress::Progress;
use crate::failure::Failure;
use crate::interrupt;
use noctule::options::{LanguageChoice, Task};
use noctule::report::Timing;
use noctule::source::SourceError;
use noctule::{Error, Events, Options, Samples, Segment, Start, Transcriber, Transcript};
use noctule_audio::file::ReadOptions;
use noctule_audio::stream::Tape;
use noctule_audio::{SAMPLE_RATE, flac};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How a recording is heard again: in the language given, or `auto`.
pub fn options(args: &ListenArgs, language: &str) -> Options {
    let language = match language {
        "auto" => LanguageChoice::Auto,
        code => LanguageChoice::Fixed(code.to_owned()),
    };
    let task = if args.translate { Task::Translate } else { Task::Transcribe };
    let mut options = Options { language, task, word_timestamps: true, ..Options::default() };
    options.search.beam_size = args.live.beam_size.into();
    options.context.prompt.clone_from(&args.prompt);
    options
}

/// Samples that can be read: of a file that a crash has torn, those before the tear.
pub fn length(path: &Path) -> u64 {
    let mut len = 0;
    flac::read_whole(path, &mut |block| len += block.len() as u64);
    len
}

/// What of a recording is heard.
pub struct Stretch {
    path: PathBuf,
    from: u64,
    /// Sample behind the last.
    to: u64,
    tape: Tape,
}

impl Stretch {
    /// Samples `from` to `to` of a recording.
    pub fn new(path: &Path, from: u64, to: u64) -> Self {
        let offset_s = from as f64 / f64::from(SAMPLE_RATE);
        let tape = Tape::new(path, &ReadOptions { offset_s, ..ReadOptions::default() });
        Self { path: path.to_path_buf(), from, to, tape }
    }

    fn offset_s(&self) -> f64 {
        self.from as f64 / f64::from(SAMPLE_RATE)
    }
}

impl Samples for Stretch {
    fn len(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }

    fn read(&mut self, start: u64, out: &mut [f32]) -> Result<(), SourceError> {
        Ok(self.tape.read(start, out)?)
    }
}

/// A bar on the terminal, and an end at Ctrl-C.
pub struct Watch {
    progress: Progress,
    /// The wish that has ended the meeting is none to end this.
    before: bool,
}

impl Watch {
    /// Calls the work `name`.
    pub fn new(name: &str, quiet: bool) -> Self {
        Self { progress: Progress::new(name, quiet, 0.0), before: interrupt::requested() }
    }
}

impl Events for Watch {
    fn progress(&mut self, done: f64, total: f64) {
        self.progress.update(done, total);
    }

    fn cancelled(&mut self) -> bool {
        !self.before && interrupt::requested()
    }
}

/// Transcribes a stretch; times are those of the recording.
///
/// # Errors
/// What the engine says of the recording or the options.
pub fn hear(
    transcriber: &mut Transcriber,
    mut stretch: Stretch,
    mut options: Options,
    events: &mut dyn Events,
) -> Result<Transcript, Error> {
    if !transcriber.model().vocab().is_multilingual() {
        options.language = LanguageChoice::Fixed("en".into());
    }
    let mut transcript = transcriber.transcribe_from(&mut stretch, &options, Start::default(), events)?;
    let offset_s = stretch.offset_s();
    transcript.segments.iter_mut().for_each(|segment| later(segment, offset_s));
    transcript.duration += offset_s;
    Ok(transcript)
}

/// The same with a bar, for work that nothing waits behind.
///
/// # Errors
/// [`Failure::Interrupted`] at Ctrl-C, and what [`hear`] says.
pub fn offline(
    transcriber: &mut Transcriber,
    stretch: Stretch,
    options: Options,
    quiet: bool,
    name: &str,
) -> Result<(Transcript, Timing), Failure> {
    let (path, started, mut watch) = (stretch.path.clone(), Instant::now(), Watch::new(name, quiet));
    let heard = hear(transcriber, stretch, options, &mut watch);
    watch.progress.finish();
    let transcript = heard.map_err(|error| match error {
        Error::Cancelled => Failure::Interrupted(
            format!("stopped; {} and what was written down before are there", path.display()),
            Some(format!("noctule transcribe {}", path.display())),
        ),
        error => error.into(),
    })?;
    let total_s = started.elapsed().as_secs_f64();
    let timing = Timing { total_s, real_time_factor: total_s / transcript.duration.max(1e-9), ..Timing::default() };
    Ok((transcript, timing))
}

fn later(segment: &mut Segment, by_s: f64) {
    segment.start += by_s;
    segment.end += by_s;
    for word in &mut segment.words {
        word.start += by_s;
        word.end += by_s;
    }
}
