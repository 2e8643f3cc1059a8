//! `noctule transcribe`: a [`Plan`] enters, text on standard output and in files leaves.
//!
//! The model is opened once. A file that fails is reported and does not stop
//! the others.

mod audio;
mod clock;
mod live;
mod model;
mod output;

use crate::failure::Failure;
use crate::plan::{Input, Plan, Stdout};
use crate::terminal;
use audio::{Detector, Sound};
use clock::FileClock;
use live::Live;
use noctule::format::{Document, Format};
use noctule::report::{Kernels, Memory, Timing};
use noctule::{Transcriber, Transcript};
use std::time::{Duration, Instant};

/// Transcribes every input of `plan`. `Ok(false)` means that something failed
/// or is incomplete and has been reported.
///
/// # Errors
/// What stops all files: no model, no folder for the output, options that the
/// model cannot follow, nobody who reads standard output.
pub fn run(plan: &Plan) -> Result<bool, Failure> {
    let started = Instant::now();
    if let Some(files) = &plan.files {
        output::make_folder(&files.folder)?;
    }
    let mut detector = plan.speech.as_ref().map(Detector::new).transpose()?;
    let model = model::load(&plan.model, plan.quiet)?;
    let report = model::report(&model);
    let mut transcriber = Transcriber::new(model, plan.config)?;
    let mut load = started.elapsed();
    let mut complete = true;
    let mut reader_gone = false;
    for (index, input) in plan.inputs.iter().enumerate() {
        let mut job = Job { plan, input, first: index == 0, reader_gone };
        let done = job
            .transcribe(&mut transcriber, detector.as_mut(), std::mem::take(&mut load))
            .and_then(|result| job.write(&result, &report, &transcriber).map(|()| result.whole));
        match done {
            Ok(whole) => complete &= whole,
            Err(Failure::Work(message)) => {
                terminal::error(&message);
                complete = false;
            }
            Err(stop) => return Err(stop),
        }
        reader_gone = job.reader_gone;
    }
    Ok(complete)
}

/// One input on its way.
struct Job<'a> {
    plan: &'a Plan,
    input: &'a Input,
    /// No other input came before.
    first: bool,
    /// Standard output is closed; only files are still wanted.
    reader_gone: bool,
}

/// What became of one input.
struct Outcome {
    transcript: Transcript,
    timing: Timing,
    /// All of the audio could be read.
    whole: bool,
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
        let sound = Sound::read(self.input, &self.plan.read)?;
        for warning in &sound.warnings {
            terminal::warning(warning);
        }
        let audio = started.elapsed();
        let silent = sound.is_silent();
        let (samples, clock) = match detector {
            _ if silent => (Vec::new(), FileClock::new(self.plan.read.offset_s, None, None)),
            Some(detector) => {
                let (speech, map) = detector.speech(&sound.samples);
                (speech, FileClock::new(self.plan.read.offset_s, Some(map), sound.stereo))
            }
            None => (sound.samples, FileClock::new(self.plan.read.offset_s, None, sound.stereo)),
        };
        let mut live = Live::new(self.plan, self.input, &clock, self.first);
        let result = transcriber.transcribe(&samples, &self.plan.options, &mut live);
        live.finish()?;
        let mut transcript = result?;
        transcript.duration = sound.duration_s;
        transcript.segments.iter_mut().for_each(|segment| clock.place(segment));
        let timing = timing(transcriber, load, audio, load + started.elapsed(), sound.duration_s);
        Ok(Outcome { transcript, timing, whole: sound.warnings.is_empty() })
    }

    /// Writes the files, then standard output.
    fn write(
        &mut self,
        result: &Outcome,
        model: &noctule::report::Model,
        transcriber: &Transcriber,
    ) -> Result<(), Failure> {
        let name = self.input.name();
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
        };
        if let Some(files) = &self.plan.files {
            for format in &files.formats {
                let path = self.input.output(&files.folder, *format);
                output::write_file(&path, *format, &document)?;
                terminal::notice(self.plan.quiet, &format!("wrote {}", path.display()));
            }
        }
        match self.plan.stdout {
            Stdout::Documents(format) if !self.reader_gone => self.print(format, &document),
            _ => Ok(()),
        }
    }

    fn print(&mut self, format: Format, document: &Document) -> Result<(), Failure> {
        match output::print(format, document) {
            Err(Failure::ReaderGone) if self.plan.files.is_some() => {
                self.reader_gone = true;
                Ok(())
            }
            other => other,
        }
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
