//! Microphone, standard input or a file → 16 kHz samples in a ring, by a thread.

use crate::args::ListenArgs;
use crate::failure::Failure;
use crate::terminal;
use noctule_audio::SAMPLE_RATE;
use noctule_audio::file::{ReadOptions, Reader};
use noctule_audio::mic::{Captured, Level, MicOptions, MicStop, Microphone};
use noctule_audio::pcm::Pcm;
use noctule_listen::recording::Tap;
use noctule_listen::ring::Feeder;
use noctule_listen::simulate::BLOCK;
use noctule_listen::speakers::Channels;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What messages call it.
const STDIN: &str = "standard input";

/// How loud it is, as the capturing thread hears it.
pub type SharedLevel = Arc<Mutex<Level>>;

/// Where the sound comes from.
pub enum Opened {
    /// From a recording, as fast as it is heard.
    Simulated(Box<Blocks>),
    /// As it is spoken.
    Live(Source),
}

impl Opened {
    /// Opens what `args` name; both channels also go into `channels`.
    ///
    /// # Errors
    /// [`Failure::Work`] if it cannot be read, or has one channel where `channels` are wanted.
    pub fn open(args: &ListenArgs, channels: Option<Channels>) -> Result<Self, Failure> {
        match &args.audio {
            Some(path) if args.source.simulate => {
                Ok(Self::Simulated(Box::new(Blocks::open(path, args.source.pcm, channels)?)))
            }
            _ => Source::open(args, channels).map(Self::Live),
        }
    }
}

/// What captures.
pub struct Source {
    kind: Kind,
    channels: Option<Channels>,
    level: SharedLevel,
    stop: Option<MicStop>,
    thread: Option<JoinHandle<()>>,
}

enum Kind {
    Microphone(Option<Microphone>),
    Stdin(Option<Pcm>),
    File(PathBuf, Option<Box<Blocks>>),
}

impl Source {
    /// A microphone has begun to record.
    fn open(args: &ListenArgs, channels: Option<Channels>) -> Result<Self, Failure> {
        let mut stop = None;
        let kind = match &args.audio {
            None => {
                let (device, tool) = (args.source.device.clone(), args.source.recorder);
                let options = MicOptions { device, tool, stereo: channels.is_some() };
                let microphone = Microphone::open(&options).map_err(Failure::work)?;
                stop = Some(microphone.stopper());
                Kind::Microphone(Some(microphone))
            }
            Some(path) if path.as_os_str() == "-" => Kind::Stdin(args.source.pcm),
            Some(path) => {
                let blocks = Blocks::open(path, args.source.pcm, channels.clone())?;
                Kind::File(path.clone(), Some(Box::new(blocks)))
            }
        };
        Ok(Self { kind, channels, level: SharedLevel::default(), stop, thread: None })
    }

    /// What it is, for people.
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Microphone(microphone) => {
                let tool = microphone.as_ref().map_or("", |microphone| microphone.tool().name());
                format!("the microphone ({tool})")
            }
            Kind::Stdin(_) => STDIN.to_owned(),
            Kind::File(path, _) => path.display().to_string(),
        }
    }

    /// Its level meter.
    pub fn level(&self) -> SharedLevel {
        self.level.clone()
    }

    /// Captures into `feeder`, and `tap`, from now on.
    ///
    /// # Errors
    /// [`Failure::Work`] if the system allows no thread.
    pub fn start(&mut self, feeder: Feeder, tap: Option<Tap>) -> Result<(), Failure> {
        let (level, kept, channels) = (self.level.clone(), tap.clone(), self.channels.clone());
        let push = move |feeder: &Feeder, samples: &[f32]| {
            level.lock().unwrap_or_else(PoisonError::into_inner).push(samples);
            kept.iter().for_each(|tap| tap.push(samples));
            feeder.push(samples);
        };
        let work: Box<dyn FnOnce() -> Option<String> + Send> = match &mut self.kind {
            Kind::Microphone(microphone) => {
                let microphone = microphone.take();
                let feeder = feeder.clone();
                Box::new(move || record(microphone?, &feeder, tap.as_ref(), channels.as_ref(), &push))
            }
            Kind::Stdin(pcm) => {
                let (pcm, feeder) = (*pcm, feeder.clone());
                Box::new(move || match Blocks::stdin(pcm, channels) {
                    Ok(blocks) => pump(blocks, false, &feeder, &push),
                    Err(failure) => Some(failure.to_string()),
                })
            }
            Kind::File(_, blocks) => {
                let (blocks, feeder) = (blocks.take(), feeder.clone());
                Box::new(move || pump(*blocks?, true, &feeder, &push))
            }
        };
        let thread = std::thread::Builder::new().name("capture".into());
        let thread = thread.spawn(move || {
            // A fault in it must not leave the other side waiting.
            let ended = std::panic::catch_unwind(AssertUnwindSafe(work));
            feeder.end(ended.unwrap_or_else(|_| Some("reading has stopped by a fault of the program".into())));
        });
        self.thread = Some(thread.map_err(|error| Failure::work(format!("cannot start a thread: {error}")))?);
        Ok(())
    }

    /// Ends the recording. A thread that waits for standard input is left to wait.
    pub fn finish(mut self) {
        if let Some(stop) = &self.stop {
            stop.stop();
            if let Some(thread) = self.thread.take() {
                // It has no result, and a panic in it was reported.
                let _ = thread.join();
            }
        }
    }
}

/// Passes on what the microphone hears; returns why it has ended.
fn record(
    mut microphone: Microphone,
    feeder: &Feeder,
    tap: Option<&Tap>,
    channels: Option<&Channels>,
    push: &dyn Fn(&Feeder, &[f32]),
) -> Option<String> {
    let mut captured = Captured::default();
    while !feeder.has_ended() {
        match microphone.read(&mut captured) {
            Ok(true) => {
                feeder.lose(captured.lost);
                tap.into_iter().for_each(|tap| tap.lose(captured.lost));
                if let Some(channels) = channels {
                    channels.lose(captured.lost);
                    channels.push(&captured.sides[0], &captured.sides[1]);
                }
                push(feeder, &captured.samples);
            }
            Ok(false) => return None,
            Err(error) => return Some(error.to_string()),
        }
    }
    None
}

/// Passes on blocks, at the pace at which they were recorded if `paced`; returns what went wrong.
fn pump(mut blocks: Blocks, paced: bool, feeder: &Feeder, push: &dyn Fn(&Feeder, &[f32])) -> Option<String> {
    let (started, mut given) = (Instant::now(), 0u64);
    while let Some(block) = blocks.next().filter(|_| !feeder.has_ended()) {
        given += block.len() as u64;
        if paced {
            let due = Duration::from_secs_f64(given as f64 / f64::from(SAMPLE_RATE));
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
        push(feeder, &block);
    }
    blocks.conclude()
}

/// A recording in blocks as a sound card brings them.
pub struct Blocks {
    reader: Reader<'static>,
    /// Where both channels go.
    channels: Option<Channels>,
    /// Samples that were read and not given out.
    rest: Vec<f32>,
    failed: Option<String>,
}

impl Blocks {
    /// A file, or standard input under the name `-`.
    fn open(path: &Path, pcm: Option<Pcm>, channels: Option<Channels>) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Self::stdin(pcm, channels);
        }
        let options = ReadOptions { pcm, keep_stereo: channels.is_some(), ..ReadOptions::default() };
        Self::new(Reader::open(path, &options), &path.display().to_string(), channels)
    }

    fn stdin(pcm: Option<Pcm>, channels: Option<Channels>) -> Result<Self, Failure> {
        let options = ReadOptions { pcm, keep_stereo: channels.is_some(), ..ReadOptions::default() };
        Self::new(Reader::from_stream(std::io::stdin(), STDIN, &options), STDIN, channels)
    }

    fn new(
        reader: Result<Reader<'static>, noctule_audio::AudioError>,
        name: &str,
        channels: Option<Channels>,
    ) -> Result<Self, Failure> {
        let reader = reader.map_err(Failure::work)?;
        if channels.is_some() && reader.info().channels < 2 {
            return Err(Failure::work(format!(
                "{name} has one channel: --speakers compares the two channels of stereo sound; listen without it"
            )));
        }
        Ok(Self { reader, channels, rest: Vec::new(), failed: None })
    }

    /// Passes on warnings; returns why it could not be read to its end.
    pub fn conclude(self) -> Option<String> {
        self.reader.warnings().iter().for_each(|warning| terminal::warning(warning));
        self.failed
    }
}

impl Iterator for Blocks {
    type Item = Vec<f32>;

    fn next(&mut self) -> Option<Vec<f32>> {
        while self.rest.len() < BLOCK && self.failed.is_none() {
            match self.reader.next_block() {
                Ok(Some(samples)) => {
                    self.rest.extend_from_slice(samples);
                    if let (Some(channels), Some((left, right))) = (&self.channels, self.reader.sides()) {
                        channels.push(left, right);
                    }
                }
                Ok(None) => break,
                Err(error) => self.failed = Some(error.to_string()),
            }
        }
        let count = BLOCK.min(self.rest.len());
        (count > 0).then(|| self.rest.drain(..count).collect())
    }
}
