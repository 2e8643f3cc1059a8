//! The outer loop: samples → windows of 30 s → segments.
//!
//! A [`Transcriber`] owns the model, the arithmetic and all buffers; one clip
//! after another runs through it without new set-up.

use crate::align_window::{Aligned, Aligner};
use crate::alignment_heads::{Head, ModelDims, heads_for};
use crate::cache::{Cells, CrossCache};
use crate::decoder::{Batch, Decoder};
use crate::encoder::Encoder;
use crate::error::Error;
use crate::events::Events;
use crate::hypothesis::{Bounds, Failure, MIN_FRAMES};
use crate::language;
use crate::mel::{Mel, MelComputer};
use crate::options::{LanguageChoice, Options, Task};
use crate::repetition::LoopRules;
use crate::rules::Rules;
use crate::search::Machine;
use crate::segment::{FRAME, Place, advance, cut};
use crate::split::split_segments;
use crate::suppress::{Suppression, SuppressionRules};
use crate::timing::{Phases, timed};
use crate::tokenizer::Tokenizer;
use crate::transcript::{Segment, Transcript};
use crate::weights::{Net, Weights};
use crate::window::{Opening, Outcome, decode_window};
use noctule_kernels::{Compute, Precision, Tier};
use noctule_model::Model;

/// Samples per second of everything that goes in.
pub const SAMPLE_RATE: usize = 16_000;

/// Audio shorter than this many frames at the end clears the previous text,
/// which such a scrap would only repeat (whisper.cpp: 5 s).
const SHORT_REST: usize = 500;

/// A looping window is cut before its loop, and decoded again from there, when
/// at least this many frames are sound.
const SALVAGE: usize = 500;

/// How to compute.
#[derive(Debug, Clone, Copy, Default)]
pub struct Config {
    /// Worker threads; 0 takes all processors, at most four.
    pub threads: usize,
    /// `None`: fast for quantised files, accurate for f16, bf16 and f32.
    pub precision: Option<Precision>,
    /// `None`: the best tier this CPU has, or the one that `NOCTULE_CPU` names.
    pub tier: Option<Tier>,
}

/// A model ready to transcribe.
#[derive(Debug)]
pub struct Transcriber {
    pub(crate) model: Model,
    pub(crate) weights: Weights,
    pub(crate) compute: Compute,
    heads: Vec<Head>,
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
    phases: Phases,
}

/// What is fixed for one run.
struct Run<'a> {
    options: &'a Options,
    rules: Rules<'a>,
    timestamps: bool,
    positions: usize,
    /// End of the audio, mel frames.
    end: usize,
    /// Length of the audio, seconds.
    duration: f64,
    prompt: Vec<u32>,
}

/// What the decoder remembers from window to window.
#[derive(Default)]
struct History {
    /// Carried prompt, in front of every window.
    fixed: Vec<u32>,
    /// Prompt and previous text.
    rolling: Vec<u32>,
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
        let precision = config.precision.unwrap_or_else(|| default_precision(&model));
        let hparams = model.hparams();
        let (d, heads) = (hparams.n_text_state, hparams.n_text_head);
        let state = State {
            mel: Mel::new(hparams.n_mels),
            encoder: Encoder::default(),
            decoder: Decoder::default(),
            cells: Cells::new(hparams.n_text_layer, d),
            cross: CrossCache::new(hparams.n_text_layer, heads, d / heads),
            aligner: Aligner::default(),
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
            compute: Compute::new(tier, threads, precision),
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
        self.state.phases
    }

    /// Transcribes 16 kHz mono `samples` (range −1 to 1). Less than 0.1 s gives an empty transcript.
    ///
    /// # Errors
    /// Options that do not fit each other or the model; [`Error::Cancelled`] when `events` says so.
    pub fn transcribe(
        &mut self,
        samples: &[f32],
        options: &Options,
        events: &mut dyn Events,
    ) -> Result<Transcript, Error> {
        let positions = self.check(options)?;
        let (compute, state) = (&self.compute, &mut self.state);
        state.phases = Phases::default();
        state.aligner.reset();
        timed(&mut state.phases.mel, || {
            self.mel.compute_parallel(samples, &mut state.mel, |data, chunk, work| {
                compute.par_chunks_mut(data, chunk, work);
            });
        });
        let vocab = self.model.vocab();
        // The first distilled models were trained without timestamps.
        let distilled = self.model.hparams().n_text_layer == 2 && vocab.len() != 51866;
        let timestamps = options.timestamps && !distilled;
        let suppression = Suppression::new(vocab, SuppressionRules { timestamps, ..SuppressionRules::from(options) });
        // A prompt stands where earlier text would, and that begins with a blank (OpenAI's package does the same).
        let prompt = options.context.prompt.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let prompt = prompt.map_or(Vec::new(), |text| Tokenizer::new(vocab).encode(&format!(" {text}")));
        let run = Run {
            options,
            rules: Rules::new(vocab, suppression, options, timestamps),
            timestamps,
            positions,
            end: state.mel.n_frames_org(),
            duration: samples.len() as f64 / SAMPLE_RATE as f64,
            prompt,
        };
        let net = Net { model: &self.model, weights: &self.weights, compute };
        run_windows(net, &self.heads, state, &run, events)
    }

    /// Checks `options` against the model; returns the encoder positions to use.
    fn check(&self, options: &Options) -> Result<usize, Error> {
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
            0 => Ok(hparams.n_audio_ctx),
            n if n <= hparams.n_audio_ctx => Ok(n),
            n => Err(Error::Option {
                option: "--audio-ctx",
                problem: format!("{n} is more than the model's {} positions", hparams.n_audio_ctx),
            }),
        }
    }
}

fn default_precision(model: &Model) -> Precision {
    match model.weight_type().to_string().as_str() {
        "f32" | "f16" | "bf16" => Precision::Accurate,
        _ => Precision::Fast,
    }
}

/// The loop over windows.
fn run_windows(
    net: Net,
    heads: &[Head],
    state: &mut State,
    run: &Run,
    events: &mut dyn Events,
) -> Result<Transcript, Error> {
    let vocab = net.model.vocab();
    let options = run.options;
    let mut transcript = Transcript { language: "en".to_owned(), duration: run.duration, ..Transcript::default() };
    let mut language = match &options.language {
        LanguageChoice::Fixed(code) => Some(language::index_of(code).unwrap_or(0)),
        LanguageChoice::Auto => (!vocab.is_multilingual()).then_some(0),
    };
    let mut history = History::new(run);
    let mut seek = 0;
    while seek + MIN_FRAMES < run.end {
        events.progress(seek as f64 * FRAME, run.duration);
        if events.cancelled() {
            return Err(Error::Cancelled);
        }
        encode(net, state, run, seek);
        let spoken = *language.get_or_insert_with(|| {
            let (index, probability) = detect_language(net, state);
            transcript.language_probability = Some(probability);
            events.language(language::LANGUAGES[index].0, probability);
            index
        });
        transcript.language = language::LANGUAGES[spoken].0.to_owned();
        if seek > 0 && seek + SHORT_REST >= run.end {
            history.clear();
        }
        let mut opening = Opening { context: Vec::new(), start: start_tokens(net, run, spoken) };
        opening.context = history.context(net, options);
        let place = Place { seek, end: run.end, frames: 2 * run.positions };
        let (mut outcome, step, mut segments) = decode(net, state, run, place, &opening, events)?;
        let silent =
            outcome.no_speech_prob > options.thresholds.no_speech && outcome.avg_logprob < options.thresholds.logprob;
        history.update(&mut outcome, &opening, silent, options);
        if silent {
            segments.clear();
        }
        if options.word_timestamps && !segments.is_empty() {
            align(net, heads, state, run, place, spoken, &mut segments, events)?;
        }
        publish(run, vocab, segments, &mut transcript, events);
        seek += step;
    }
    events.progress(run.duration, run.duration);
    Ok(transcript)
}

/// Splits, numbers and hands out the segments of a window.
fn publish(
    run: &Run,
    vocab: &noctule_model::Vocab,
    mut segments: Vec<Segment>,
    transcript: &mut Transcript,
    events: &mut dyn Events,
) {
    if run.options.max_len > 0 {
        segments = split_segments(segments, run.options.max_len, run.options.split_on_word, |id| vocab.token(id));
    }
    for mut segment in segments {
        segment.id = transcript.segments.len();
        (segment.start, segment.end) = (segment.start.min(run.duration), segment.end.min(run.duration));
        events.segment(&segment);
        transcript.segments.push(segment);
    }
}

/// Encodes the window at `seek` and fills the cross-attention cache.
fn encode(net: Net, state: &mut State, run: &Run, seek: usize) {
    let State { mel, encoder, cross, phases, .. } = state;
    timed(&mut phases.encode, || {
        mel.window(seek, 2 * run.positions, encoder.mel_buffer(run.positions, net.model.hparams().n_mels));
        let features = encoder.run(net, run.positions);
        cross.fill(net, features);
    });
    phases.windows += 1;
}

/// The likeliest language of the encoded window, by its token's probability among all languages.
fn detect_language(net: Net, state: &mut State) -> (usize, f32) {
    let State { decoder, cells, cross, phases, .. } = state;
    let vocab = net.model.vocab();
    timed(&mut phases.decode, || {
        cells.clear();
        let own = [cells.take()];
        let batch = Batch { tokens: &[vocab.sot()], positions: &[0], cells: &[&own], wanted: &[0] };
        let logits = decoder.run(net, cells, cross, &batch, None);
        let first = vocab.language(0) as usize;
        let languages = &mut logits[first..first + vocab.num_languages()];
        net.compute.log_softmax(languages);
        let mut best = (0, f32::NEG_INFINITY);
        for (index, value) in languages.iter().enumerate() {
            if *value > best.1 {
                best = (index, *value);
            }
        }
        phases.steps += 1;
        (best.0, best.1.exp())
    })
}

/// Start-of-transcript, language, task and, without timestamps, the token that says so.
fn start_tokens(net: Net, run: &Run, language: usize) -> Vec<u32> {
    let vocab = net.model.vocab();
    let mut tokens = vec![vocab.sot()];
    if vocab.is_multilingual() {
        tokens.push(vocab.language(language));
        tokens.push(match run.options.task {
            Task::Transcribe => vocab.transcribe(),
            Task::Translate => vocab.translate(),
        });
    }
    if !run.timestamps {
        tokens.push(vocab.not_());
    }
    tokens
}

/// Decodes one window; returns what was found, how far to move on, and the segments.
fn decode(
    net: Net,
    state: &mut State,
    run: &Run,
    place: Place,
    opening: &Opening,
    events: &mut dyn Events,
) -> Result<(Outcome, usize, Vec<Segment>), Error> {
    let State { decoder, cells, cross, phases, .. } = state;
    let (options, vocab) = (run.options, net.model.vocab());
    let start = std::time::Instant::now();
    let bounds = Bounds {
        seek: place.seek,
        end: place.end,
        frames: place.frames,
        timestamps: run.timestamps,
        single_segment: options.single_segment,
        max_tokens: options.max_tokens,
        limit: net.model.hparams().n_text_ctx / 2 - 4,
        loops: LoopRules::from(&options.thresholds),
    };
    let mut cancelled = || events.cancelled();
    let mut machine = Machine { net, decoder, cells, cross, steps: &mut phases.steps, cancelled: &mut cancelled };
    let seed = options.search.seed.wrapping_add((place.seek as u64) << 16);
    let mut outcome = decode_window(&mut machine, &run.rules, &bounds, opening, options, seed)?;
    let looped = outcome.failure == Some(Failure::Repetition);
    if looped && outcome.hypothesis.salvage(vocab, SALVAGE) {
        outcome.failure = None;
        outcome.avg_logprob = outcome.hypothesis.avg_logprob();
    }
    phases.fallbacks += outcome.fallbacks;
    phases.tokens += outcome.hypothesis.result_len;
    let segments = cut(&outcome, vocab, place, run.duration, run.timestamps, options);
    let step = advance(&outcome, vocab, place, options);
    phases.decode += start.elapsed();
    Ok((outcome, step, segments))
}

/// Gives the segments of a window their words.
#[expect(clippy::too_many_arguments, reason = "the parts of one window")]
fn align(
    net: Net,
    heads: &[Head],
    state: &mut State,
    run: &Run,
    place: Place,
    language: usize,
    segments: &mut [Segment],
    events: &mut dyn Events,
) -> Result<(), Error> {
    let State { decoder, cells, cross, phases, aligner, .. } = state;
    let start = std::time::Instant::now();
    let mut cancelled = || events.cancelled();
    let mut machine = Machine { net, decoder, cells, cross, steps: &mut phases.steps, cancelled: &mut cancelled };
    let mut tokens = start_tokens(net, run, language);
    tokens.retain(|t| *t != net.model.vocab().not_());
    let window = Aligned {
        vocab: net.model.vocab(),
        heads,
        start: &tokens,
        language: language::LANGUAGES[language].0,
        positions: run.positions,
        used: ((place.end - place.seek).min(place.frames) / 2).max(1),
        offset: place.seek as f64 * FRAME,
    };
    let result = aligner.run(&mut machine, &window, segments);
    phases.decode += start.elapsed();
    result
}

impl History {
    fn new(run: &Run) -> Self {
        let prompt = run.prompt.clone();
        if run.options.context.carry_prompt {
            Self { fixed: prompt, rolling: Vec::new() }
        } else {
            Self { fixed: Vec::new(), rolling: prompt }
        }
    }

    fn clear(&mut self) {
        self.fixed.clear();
        self.rolling.clear();
    }

    /// Marker, carried prompt and as much of the latest text as fits; empty when there is nothing to say.
    fn context(&self, net: Net, options: &Options) -> Vec<u32> {
        let most = options.context.max_tokens.min(net.model.hparams().n_text_ctx / 2);
        if most < 2 || (self.fixed.is_empty() && self.rolling.is_empty()) {
            return Vec::new();
        }
        let fixed = tail(&self.fixed, most - 1);
        let rolling = tail(&self.rolling, most - 1 - fixed.len());
        [&[net.model.vocab().prev()], fixed, rolling].concat()
    }

    /// Takes in the text of a window. What only a high temperature or nothing
    /// could make of the audio is not shown to the next window.
    fn update(&mut self, outcome: &mut Outcome, opening: &Opening, silent: bool, options: &Options) {
        let unsure = outcome.temperature > 0.5 || outcome.failure == Some(Failure::Repetition);
        if !outcome.used_context && !opening.context.is_empty() || unsure {
            self.rolling.clear();
        }
        if options.context.previous_text && !silent && !unsure {
            let hypothesis = &outcome.hypothesis;
            self.rolling.extend_from_slice(&hypothesis.tokens[..hypothesis.result_len]);
        } else if !options.context.previous_text {
            self.rolling.clear();
        }
        let excess = self.rolling.len().saturating_sub(options.context.max_tokens);
        self.rolling.drain(..excess);
    }
}

fn tail(tokens: &[u32], most: usize) -> &[u32] {
    &tokens[tokens.len().saturating_sub(most)..]
}
