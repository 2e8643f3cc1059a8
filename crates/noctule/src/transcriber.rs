//! The outer loop: samples → windows of 30 s → segments.
//!
//! A [`Transcriber`] owns the model, the arithmetic and all buffers; one clip
//! after another runs through it without new set-up.

mod history;
mod run;
mod steps;

pub(crate) use history::History;
pub(crate) use steps::{detect_language, opening_tokens};

use crate::align_window::Aligner;
use crate::alignment_heads::{Head, ModelDims, heads_for};
use crate::cache::{Cells, CrossCache};
use crate::checkpoint::Resume;
use crate::decoder::Decoder;
use crate::encoder::Encoder;
use crate::error::Error;
use crate::events::Events;
use crate::language;
use crate::live::Attention;
use crate::mel::{Mel, MelComputer, MelMaximum, PeakMeter};
use crate::memory::{Buffers, default_precision};
use crate::options::{AudioContext, LanguageChoice, Options, Task};
use crate::rules::Rules;
use crate::source::Samples;
use crate::suppress::{Suppression, SuppressionRules};
use crate::timing::{Passes, Phases};
use crate::tokenizer::Tokenizer;
use crate::transcript::Transcript;
use crate::weights::{Net, Weights};
use noctule_kernels::{Compute, Precision, Streams, Tier};
use noctule_model::Model;
use run::Run;

/// Samples per second of everything that goes in.
pub const SAMPLE_RATE: usize = 16_000;

/// How to compute.
#[derive(Debug, Clone, Copy, Default)]
pub struct Config {
    /// Worker threads; 0 takes all processors, at most four.
    pub threads: usize,
    /// Of these, or more, those that work on the decoder, which waits for memory more than the encoder does; 0: as many.
    pub decode_threads: usize,
    /// `None`: fast for quantised files, accurate for f16, bf16 and f32.
    pub precision: Option<Precision>,
    /// `None`: the best tier this CPU has, or the one that `NOCTULE_CPU` names.
    pub tier: Option<Tier>,
    /// How the decoder reads weights, which changes no result; `None`: as the tier does.
    pub streams: Option<Streams>,
}

/// A model ready to transcribe.
#[derive(Debug)]
pub struct Transcriber {
    pub(crate) model: Model,
    pub(crate) weights: Weights,
    pub(crate) compute: Compute,
    pub(crate) heads: Vec<Head>,
    pub(crate) mel: MelComputer,
    pub(crate) state: State,
}

/// Buffers that outlive a clip.
#[derive(Debug)]
pub(crate) struct State {
    pub mel: Mel,
    pub encoder: Encoder,
    pub decoder: Decoder,
    pub cells: Cells,
    pub cross: CrossCache,
    aligner: Aligner,
    pub live: Attention,
    pub phases: Phases,
}

impl State {
    /// Gives back what the last window was decoded with, before the encoder works on the next.
    pub fn release(&mut self) {
        self.encoder.keep(false);
        self.cross.release();
        self.cells.release();
        self.decoder.release();
    }
}

/// Where a run begins and what is known beforehand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Start {
    /// The maximum for the log-mel floor; `None` finds the global one by a pass over the samples.
    pub maximum: Option<MelMaximum>,
    /// An interrupted run to go on with.
    pub resume: Option<Resume>,
}

impl Transcriber {
    /// Prepares `model`. Its matrices stay in the file; small vectors are copied.
    ///
    /// # Errors
    /// The CPU lacks the tier asked for, or the model's mel filters fit no 400-sample window.
    pub fn new(model: Model, config: Config) -> Result<Self, Error> {
        let tier = match config.tier {
            Some(tier) => tier,
            None => Tier::detect()?,
        };
        let threads = match config.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()).min(4),
            n => n,
        };
        let decode_threads = if config.decode_threads == 0 { threads } else { config.decode_threads };
        let precision = config.precision.unwrap_or_else(|| default_precision(&model));
        let mut compute = Compute::new(tier, threads.max(decode_threads), precision);
        if let Some(streams) = config.streams {
            compute.set_streams(streams);
        }
        let hparams = model.hparams();
        let (d, heads) = (hparams.n_text_state, hparams.n_text_head);
        let state = State {
            mel: Mel::new(hparams.n_mels),
            encoder: Encoder::new(hparams.n_audio_head, hparams.n_audio_state / hparams.n_audio_head, threads),
            decoder: Decoder::new(decode_threads),
            cells: Cells::new(hparams.n_text_layer, d),
            cross: CrossCache::new(hparams.n_text_layer, heads, d / heads),
            aligner: Aligner::default(),
            live: Attention::default(),
            phases: Phases::default(),
        };
        let dims = ModelDims {
            n_audio_layer: hparams.n_audio_layer,
            n_text_layer: hparams.n_text_layer,
            n_text_head: heads,
            n_vocab: hparams.n_vocab,
            n_mels: hparams.n_mels,
        };
        Ok(Self {
            weights: Weights::new(&model),
            compute,
            heads: heads_for(&dims),
            mel: MelComputer::new(model.mel_filters())?,
            model,
            state,
        })
    }

    /// The model in use.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The arithmetic in use.
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// Times and counts of the last run.
    pub fn phases(&self) -> Phases {
        Phases { passes: self.state.decoder.passes, ..self.state.phases }
    }

    /// The buffers of the last window.
    pub fn buffers(&self) -> Buffers {
        let State { mel, encoder, decoder, cells, cross, live, .. } = &self.state;
        let (frames, encoder) = encoder.size_bytes();
        Buffers {
            self_kv: cells.size_bytes(),
            cross_kv: cross.size_bytes(),
            mel: mel.size_bytes() + frames,
            encoder,
            decoder: decoder.size_bytes() + live.size_bytes(),
        }
    }

    /// A meter for the maximum of a recording that passes by, see [`Start::maximum`].
    pub fn peak_meter(&self) -> PeakMeter<'_> {
        PeakMeter::new(&self.mel, Box::new(|data, chunk, work| self.compute.par_chunks_mut(data, chunk, work)))
    }

    /// Transcribes 16 kHz mono `samples` (range −1 to 1). Less than 0.1 s gives an empty transcript.
    ///
    /// # Errors
    /// Options that do not fit each other or the model; [`Error::Cancelled`] when `events` says so.
    pub fn transcribe(
        &mut self,
        mut samples: &[f32],
        options: &Options,
        events: &mut dyn Events,
    ) -> Result<Transcript, Error> {
        self.transcribe_from(&mut samples, options, Start::default(), events)
    }

    /// Transcribes `source`, of which no more than one window is held at a time:
    /// memory does not grow with its length, but by the text.
    ///
    /// # Errors
    /// As [`transcribe`](Self::transcribe); [`Error::Source`] when `source` fails; [`Error::Checkpoint`] when
    /// `start` contradicts itself.
    pub fn transcribe_from(
        &mut self,
        source: &mut dyn Samples,
        options: &Options,
        start: Start,
        events: &mut dyn Events,
    ) -> Result<Transcript, Error> {
        let positions = self.check(options)?;
        let state = &mut self.state;
        (state.phases, state.decoder.passes) = (Phases::default(), Passes::default());
        // The encoder will hold other audio than what was heard last.
        state.live.heard(0, 0);
        state.aligner.resume(0.0);
        let vocab = self.model.vocab();
        // The first distilled models were trained without timestamps.
        let distilled = self.model.hparams().n_text_layer == 2 && vocab.len() != 51866;
        let timestamps = options.timestamps && !distilled;
        let suppression = Suppression::new(vocab, SuppressionRules { timestamps, ..SuppressionRules::from(options) });
        // A prompt stands where earlier text would, and that begins with a blank (OpenAI's package does the same).
        let prompt = options.context.prompt.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let prompt = prompt.map_or(Vec::new(), |text| Tokenizer::new(vocab).encode(&format!(" {text}")));
        let mut run = Run {
            net: Net { model: &self.model, weights: &self.weights, compute: &self.compute },
            heads: &self.heads,
            mel: &self.mel,
            options,
            rules: Rules::new(vocab, suppression, options, timestamps, positions),
            timestamps,
            positions,
            end: 0,
            duration: source.len() as f64 / SAMPLE_RATE as f64,
            prompt,
        };
        run.prepare_mel(state, source, &start, events)?;
        run.end = state.mel.n_frames_org();
        run.windows(state, source, start.resume, events)
    }

    /// Checks `options` against the model; returns the encoder positions to use.
    ///
    /// # Errors
    /// Options that do not fit each other or the model.
    pub fn check(&self, options: &Options) -> Result<usize, Error> {
        let (vocab, hparams) = (self.model.vocab(), self.model.hparams());
        if options.task == Task::Translate && !vocab.is_multilingual() {
            return Err(Error::CannotTranslate { model: self.model.name().to_owned() });
        }
        if let LanguageChoice::Fixed(code) = &options.language {
            let index = language::index_of(code)
                .ok_or_else(|| Error::UnknownLanguage { given: code.clone(), nearest: language::nearest(code) })?;
            let known = if vocab.is_multilingual() { index < vocab.num_languages() } else { index == 0 };
            if !known {
                let remedy = if vocab.is_multilingual() {
                    "use large-v3 or turbo, which know it"
                } else {
                    "it is English only; use a multilingual model such as 'base'"
                };
                return Err(Error::LanguageNotInModel {
                    model: self.model.name().to_owned(),
                    language: language::LANGUAGES[index].0,
                    remedy,
                });
            }
        }
        match options.audio_ctx {
            AudioContext::Full | AudioContext::Auto => Ok(hparams.n_audio_ctx),
            AudioContext::Positions(n) if (1..=hparams.n_audio_ctx).contains(&n) => Ok(n),
            AudioContext::Positions(n) => Err(Error::Option {
                option: "--audio-ctx",
                problem: format!("{n} is none of 1 to the model's {} positions", hparams.n_audio_ctx),
            }),
        }
    }
}
