//! One input as samples for the engine: surveyed once, then read window by window.

use crate::failure::Failure;
use crate::interrupt;
use crate::plan::{Input, Speech};
use noctule::Samples;
use noctule::mel::PeakMeter;
use noctule::source::SourceError;
use noctule_audio::file::{ReadOptions, Reader};
use noctule_audio::stereo::Loudness;
use noctule_audio::stream::{SampleSpool, Stored, Survey, Tape, survey};
use noctule_audio::vad::{ConvWeights, SileroWeights, SpeechFinder, TimeMap, Vad, VadOptions};
use noctule_model::silero;
use std::path::Path;

/// Length of one window of the engine, seconds.
const WINDOW_S: f64 = 30.0;

/// A recording at 16 kHz mono, cut to what was asked for, that can be read again.
pub struct Sound {
    stored: Stored,
    survey: Survey,
    /// From speech to the recording, when speech was looked for.
    map: Option<TimeMap>,
    /// Base-10 logarithm of the largest mel power, where it was measured.
    loudest: Option<f32>,
}

impl Sound {
    /// Goes through an input once; `meter` and `detector` listen, `progress` is told the seconds read and to be
    /// read, where they are known. `None` when that was interrupted.
    pub fn survey(
        input: &Input,
        options: &ReadOptions,
        detector: Option<&mut Detector>,
        mut meter: PeakMeter,
        progress: &mut dyn FnMut(f64, f64),
    ) -> Result<Option<Self>, Failure> {
        let name = if *input == Input::Stdin { "standard input".to_owned() } else { input.name() };
        let mut reader = match input {
            Input::Stdin => Reader::from_stream(std::io::stdin(), &name, options),
            Input::File(path) => Reader::open(path, options),
        }
        .map_err(Failure::work)?;
        let mut spool = (!can_be_read_again(input)).then(|| SampleSpool::create(&name, None));
        let vad_options = detector.as_ref().map(|detector| detector.options);
        let finder = detector.map(|detector| SpeechFinder::new(&mut detector.vad, &detector.options));
        // The engine measures a single window on its way, and speech when it knows what that is.
        let measures = finder.is_none() && reader.info().duration_s.is_none_or(|seconds| seconds > WINDOW_S);
        let wanted_s = wanted_s(&reader, options);
        let mut samples = 0;
        let surveyed = survey(&mut reader, finder, &mut |block| {
            if let Some(spool) = &mut spool {
                spool.push(block)?;
            }
            if measures {
                meter.push(block);
            }
            samples += block.len();
            if let Some(wanted_s) = wanted_s {
                progress(samples as f64 / f64::from(noctule_audio::SAMPLE_RATE), wanted_s);
            }
            Ok(!interrupt::requested())
        });
        let Some(survey) = surveyed.map_err(Failure::work)? else { return Ok(None) };
        if options.keep_stereo && survey.loudness.is_none() {
            return Err(Failure::work(format!(
                "{} has one channel: --diarize compares the two channels of a stereo recording",
                input.name()
            )));
        }
        let stored = match (spool, input) {
            (Some(spool), _) => Stored::Spool(spool.finish().map_err(Failure::work)?),
            (None, Input::File(path)) => Stored::Tape(Box::new(Tape::new(path, options))),
            (None, Input::Stdin) => unreachable!("standard input cannot be read again"),
        };
        let map = survey.speech.as_ref().zip(vad_options);
        let map = map.map(|(spans, options)| TimeMap::of_speech(spans, survey.len as usize, &options));
        let loudest = measures.then(|| meter.finish());
        Ok(Some(Self { stored, survey, map, loudest }))
    }

    /// Seconds.
    pub fn duration_s(&self) -> f64 {
        self.survey.len as f64 / f64::from(noctule_audio::SAMPLE_RATE)
    }

    /// What is missing or damaged.
    pub fn warnings(&self) -> &[String] {
        &self.survey.warnings
    }

    /// From the time of what is [read](Samples::read) to that of the recording, where they differ.
    pub fn map(&self) -> Option<&TimeMap> {
        self.map.as_ref()
    }

    /// How loud the channels are, when speakers are to be told apart.
    pub fn take_loudness(&mut self) -> Option<Loudness> {
        self.survey.loudness.take()
    }

    /// The maximum for the log-mel floor, if the survey has found it.
    pub fn loudest(&self) -> Option<f32> {
        self.loudest
    }
}

/// Whether opening `input` a second time gives the same audio, which a pipe does not.
pub fn can_be_read_again(input: &Input) -> bool {
    match input {
        Input::Stdin => false,
        Input::File(path) => std::fs::metadata(path).is_ok_and(|data| data.is_file()),
    }
}

/// Seconds that are to be read, where the source tells its length.
fn wanted_s(reader: &Reader<'_>, options: &ReadOptions) -> Option<f64> {
    let rest = (reader.info().duration_s? - options.offset_s).max(0.0);
    Some(options.duration_s.map_or(rest, |wanted| wanted.min(rest)))
}

/// Whether what is wanted of `input` fits into one window; `false` where that cannot be told without reading all of it.
pub fn is_one_window(input: &Input, options: &ReadOptions) -> bool {
    let Input::File(path) = input else { return false };
    let reader = can_be_read_again(input).then(|| Reader::open(path, options).ok()).flatten();
    reader.and_then(|reader| wanted_s(&reader, options)).is_some_and(|seconds| seconds <= WINDOW_S)
}

impl Samples for Sound {
    /// No samples where there is nothing to hear: a model would make words up.
    fn len(&self) -> u64 {
        match &self.map {
            _ if self.survey.silent => 0,
            Some(map) => map.collected_len() as u64,
            None => self.survey.len,
        }
    }

    fn read(&mut self, start: u64, out: &mut [f32]) -> Result<(), SourceError> {
        let stored = &mut self.stored;
        match &self.map {
            Some(map) => map.read_collected(start, out, |start, out| stored.read(start, out))?,
            None => stored.read(start, out)?,
        }
        Ok(())
    }
}

/// A voice-activity detector with its options.
pub struct Detector {
    vad: Vad,
    options: VadOptions,
}

impl Detector {
    /// The detector that was asked for.
    pub fn new(speech: &Speech) -> Result<Self, Failure> {
        Ok(Self { vad: vad(speech.model.as_deref())?, options: speech.options })
    }
}

/// Silero with the weights of this file; the built-in detector without one.
pub fn vad(model: Option<&Path>) -> Result<Vad, Failure> {
    let Some(path) = model else { return Ok(Vad::earshot()) };
    let weights = silero::read(path).map_err(Failure::work)?;
    Vad::silero(silero_weights(weights)).map_err(Failure::work)
}

/// The reader's weights in the network's own struct; the layouts are the same.
fn silero_weights(from: silero::SileroWeights) -> SileroWeights {
    SileroWeights {
        stft_basis: from.stft,
        encoder: from.encoder.map(|layer| ConvWeights { weight: layer.weight, bias: layer.bias }),
        lstm_weight_ih: from.lstm_input,
        lstm_weight_hh: from.lstm_hidden,
        lstm_bias_ih: from.lstm_input_bias,
        lstm_bias_hh: from.lstm_hidden_bias,
        output_weight: from.output,
        output_bias: vec![from.output_bias],
    }
}
