//! A meeting that was interrupted: finished with `--resume`, gone on with by `--continue`.

use super::files::{Files, Listener};
use super::offline::{self, Stretch, length, offline};
use super::{Finished, engine, other, refiner};
use crate::args::ListenArgs;
use crate::failure::Failure;
use crate::{interrupt, plan};
use noctule::options::LanguageChoice;
use noctule::report::Timing;
use noctule::{Segment, Transcript};
use noctule_audio::SAMPLE_RATE;
use noctule_audio::file::{ReadOptions, Reader};
use noctule_listen::minutes::{self, Minutes};
use noctule_listen::simulate::BLOCK;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Less than this behind the last segment has no words, seconds.
const LEAST_S: f64 = 0.3;

/// What it has left.
pub struct Interrupted {
    pub(super) files: Files,
    pub(super) minutes: Minutes,
    pub(super) segments: Vec<Segment>,
    language: Option<String>,
}

impl Interrupted {
    /// Opens what there is of the meeting NAME; nobody else may while the result lives.
    ///
    /// # Errors
    /// [`Failure::Work`] where there is no interrupted meeting.
    pub fn open(name: &Path) -> Result<Self, Failure> {
        let files = Files::new(name);
        let (minutes, found) = Minutes::reopen(&files.minutes()).map_err(|error| match error {
            minutes::Error::Io(path, error) if error.kind() == io::ErrorKind::NotFound => Failure::work(format!(
                "{} was not interrupted, or has another name: there is no {}",
                files.name.display(),
                path.display()
            )),
            error => Failure::work(error),
        })?;
        let mut segments = found.segments;
        segments.iter_mut().enumerate().for_each(|(id, segment)| segment.id = id);
        Ok(Self { files, minutes, segments, language: found.language })
    }

    /// The language that was asked for, or else the one that was heard.
    pub fn language(&self, given: &LanguageChoice) -> LanguageChoice {
        match (given, &self.language) {
            (LanguageChoice::Auto, Some(heard)) => LanguageChoice::Fixed(heard.clone()),
            (given, _) => given.clone(),
        }
    }

    /// How many segments are written down.
    pub fn count(&self) -> usize {
        self.segments.len()
    }

    /// The sample of the recording behind everything that is written down.
    pub fn place(&self) -> u64 {
        let end = self.segments.last().map_or(0.0, |segment| segment.end);
        (end * f64::from(SAMPLE_RATE)).round() as u64
    }
}

/// Samples that were recorded and not written down.
pub struct Rest {
    reader: Option<Reader<'static>>,
    waiting: Vec<f32>,
    left: u64,
}

impl Rest {
    /// Samples `from` to `to` of the recording `path`, in blocks as they come from a microphone.
    ///
    /// # Errors
    /// [`Failure::Work`] if it cannot be read.
    pub fn new(path: &Path, from: u64, to: u64) -> Result<Self, Failure> {
        let left = to.saturating_sub(from);
        let options = ReadOptions { offset_s: from as f64 / f64::from(SAMPLE_RATE), ..ReadOptions::default() };
        let reader = (left > 0).then(|| Reader::open(path, &options)).transpose().map_err(Failure::work)?;
        Ok(Self { reader, waiting: Vec::new(), left })
    }
}

impl Iterator for Rest {
    type Item = Vec<f32>;

    fn next(&mut self) -> Option<Vec<f32>> {
        let wanted = self.left.min(BLOCK as u64) as usize;
        while self.waiting.len() < wanted {
            match self.reader.as_mut().map(Reader::next_block) {
                Some(Ok(Some(samples))) => self.waiting.extend_from_slice(samples),
                // It could be read when it was counted: silence keeps the times of what follows.
                _ => self.waiting.resize(wanted, 0.0),
            }
        }
        self.left -= wanted as u64;
        (wanted > 0).then(|| self.waiting.drain(..wanted).collect())
    }
}

/// `--resume`: writes down what was recorded and not written down.
///
/// # Errors
/// [`Failure::Work`] where there is no interrupted meeting, and as [`offline`].
pub fn resume(args: &ListenArgs, name: &Path) -> Result<(), Failure> {
    interrupt::listen();
    let left = Interrupted::open(name)?;
    let other = other(args)?;
    let mut transcriber = engine(&plan::model(&args.engine)?, args)?;
    let (path, place) = (left.files.flac(), left.place());
    let len = length(&path);
    let language = match left.language(&args.language.0) {
        LanguageChoice::Fixed(code) => code,
        LanguageChoice::Auto => "auto".into(),
    };
    let duration = len as f64 / f64::from(SAMPLE_RATE);
    let mut transcript = Transcript { language: language.clone(), duration, ..Transcript::default() };
    let Interrupted { files, minutes, segments, .. } = left;
    transcript.segments = segments;
    let mut timing = Timing::default();
    if len.saturating_sub(place) as f64 / f64::from(SAMPLE_RATE) >= LEAST_S {
        let options = offline::options(args, &language);
        let stretch = Stretch::new(&path, place, len);
        let (rest, took) = offline(&mut transcriber, stretch, options, args.quiet, "the rest")?;
        transcript.language = rest.language;
        transcript.segments.extend(rest.segments);
        timing = took;
    }
    transcript.segments.iter_mut().enumerate().for_each(|(id, segment)| segment.id = id);
    files.write(&Listener::of(&transcriber), &transcript, &timing)?;
    minutes.remove().map_err(|error| Failure::work(format!("cannot remove the minutes: {error}")))?;
    drop(transcriber);
    let refiner = other.map(|model| refiner(model, args, &files, Arc::default(), false)).transpose()?;
    let finished = Finished { files, language: transcript.language, len, refiner };
    finished.tell(args.quiet);
    finished.refine(args.quiet)
}
