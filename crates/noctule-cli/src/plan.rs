//! What the arguments mean: [`TranscribeArgs`] enter, a [`Plan`] or a sentence
//! about wrong usage leaves. Nothing is opened here but a grammar file.

use crate::args::{ContextArgs, DecodingArgs, EngineArgs, PrecisionArg, SearchArgs, SpeechArgs, TranscribeArgs};
use crate::failure::Failure;
use crate::inputs;
use crate::naming;
use crate::store;
use crate::terminal;
use crate::tuned;
use noctule::format::{Captions, Format};
use noctule::grammar::Grammar;
use noctule::options::{Context, GrammarRule, Search, Task, Thresholds};
use noctule::{Config, Options, Precision};
use noctule_audio::file::ReadOptions;
use noctule_audio::vad::VadOptions;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

/// Everything that `transcribe` will do.
#[derive(Debug)]
pub struct Plan {
    /// Whose words to trust.
    pub model: ModelChoice,
    /// How to compute.
    pub config: Config,
    /// How to decode.
    pub options: Options,
    /// Which part of the audio to read.
    pub read: ReadOptions,
    /// Voice-activity detection, when asked for.
    pub speech: Option<Speech>,
    /// What to read and where its results go, in order.
    pub items: Vec<Item>,
    /// Names that stand for no audio, each a sentence.
    pub problems: Vec<String>,
    /// What goes to standard output.
    pub stdout: Stdout,
    /// Continue what was interrupted.
    pub resume: bool,
    /// Formats of the files; empty when none are written.
    pub formats: Vec<Format>,
    /// How captions are laid out.
    pub captions: Captions,
    /// Leave out items whose files are all there.
    pub skip_existing: bool,
    /// Colour words by their probability.
    pub colours: bool,
    /// Memory that a run may take, bytes; `None` asks the system.
    pub memory_limit: Option<u64>,
    /// Language as it was asked for.
    pub language: String,
    /// No notices, no progress.
    pub quiet: bool,
}

/// One recording and the place of its results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What to read.
    pub input: Input,
    /// Path of the files without their ending; `None` when none are written.
    pub stem: Option<PathBuf>,
}

/// The model to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelChoice {
    /// A ggml file.
    File(PathBuf),
    /// The one inside this program.
    Embedded,
}

/// Voice-activity detection.
#[derive(Debug, Clone, PartialEq)]
pub struct Speech {
    /// Silero model; the built-in detector without one.
    pub model: Option<PathBuf>,
    /// How spans are made.
    pub options: VadOptions,
}

/// One source of audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A container's bytes from standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// Use of standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// Stays silent.
    Nothing,
    /// Text, line by line as it is decided, with or without times.
    Lines {
        /// Start each line with the segment's times.
        times: bool,
    },
    /// A whole document in one format for each file.
    Documents(Format),
}

impl Input {
    /// The name that the user gave.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "-".into(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

impl Plan {
    /// Decides what `args` mean.
    ///
    /// # Errors
    /// [`Failure::Usage`] for arguments that contradict each other;
    /// [`Failure::Work`] for a grammar file that cannot be read.
    pub fn new(args: &TranscribeArgs) -> Result<Self, Failure> {
        let output = &args.output;
        let (found, problems) = inputs::expand(&args.audio, output.recursive)?;
        if output.resume && found.iter().any(|found| found.input == Input::Stdin) {
            return Err(Failure::usage("--resume needs files: what came from standard input is gone"));
        }
        let (stdout, formats) = destinations(args, found.len())?;
        let stems = match formats.is_empty() {
            true => vec![None; found.len()],
            false => naming::stems(args, &found, &formats)?.into_iter().map(Some).collect(),
        };
        if output.skip_existing && formats.is_empty() {
            return Err(Failure::usage("--skip-existing needs files to look for: add --output-dir DIR"));
        }
        if args.diarize && args.tinydiarize {
            return Err(Failure::usage("--diarize and --tinydiarize exclude each other"));
        }
        let captions = captions(args);
        let colours = output.print_colors && terminal::has_colours(&std::io::stdout());
        let decoding = &args.decoding;
        let mut options = Options { tinydiarize: args.tinydiarize, ..options(decoding)? };
        options.word_timestamps |= captions.needs_words() || colours;
        let items = found.into_iter().zip(stems).map(|(found, stem)| Item { input: found.input, stem }).collect();
        Ok(Self {
            model: model(&decoding.engine)?,
            config: config(&decoding.engine),
            options,
            read: ReadOptions {
                offset_s: decoding.task.offset.unwrap_or(0.0),
                duration_s: decoding.task.duration,
                keep_stereo: args.diarize,
                pcm: args.input.pcm,
                ffmpeg: args.input.ffmpeg,
            },
            speech: speech(&args.speech),
            items,
            problems,
            stdout,
            resume: output.resume,
            formats,
            captions,
            skip_existing: output.skip_existing && !output.overwrite,
            colours,
            memory_limit: decoding.engine.memory_limit,
            language: decoding.task.language.to_string(),
            quiet: output.quiet,
        })
    }
}

fn captions(args: &TranscribeArgs) -> Captions {
    let output = &args.output;
    Captions {
        max_line_width: output.max_line_width.map(usize::from),
        max_line_count: output.max_line_count.map(usize::from),
        max_cps: output.max_cps,
        highlight_words: output.highlight_words,
    }
}

/// Sorts the result to standard output and to files.
fn destinations(args: &TranscribeArgs, inputs: usize) -> Result<(Stdout, Vec<Format>), Failure> {
    let output = &args.output;
    let mut formats = Vec::new();
    for format in args.beside.formats().iter().chain(&output.format) {
        if !formats.contains(format) {
            formats.push(*format);
        }
    }
    let beside = !args.beside.formats().is_empty() || !args.beside.output_file.is_empty();
    if output.output_dir.is_some() && !args.beside.output_file.is_empty() {
        return Err(Failure::usage("--output-dir and --output-file exclude each other"));
    }
    if output.output_dir.is_some() || beside {
        if formats.is_empty() {
            formats.push(Format::Txt);
        }
        let stdout = if output.json { Stdout::Documents(Format::Json) } else { Stdout::Nothing };
        return Ok((stdout, formats));
    }
    let stdout = match (formats.as_slice(), output.json) {
        ([] | [Format::Json], true) | ([Format::Json], false) => Stdout::Documents(Format::Json),
        (_, true) => {
            return Err(Failure::usage(
                "--json and --format both want standard output: add --output-dir DIR for the format",
            ));
        }
        ([], false) => Stdout::Lines { times: std::io::stdout().is_terminal() && !args.decoding.text.no_timestamps },
        ([Format::Txt], false) => Stdout::Lines { times: false },
        ([one], false) if inputs > 1 => {
            return Err(Failure::usage(format!(
                "{one} of several files does not fit one stream: add --output-dir DIR"
            )));
        }
        ([one], false) => Stdout::Documents(*one),
        _ => return Err(Failure::usage("several formats do not fit standard output: add --output-dir DIR")),
    };
    Ok((stdout, Vec::new()))
}

/// The model that the arguments name.
pub fn model(args: &EngineArgs) -> Result<ModelChoice, Failure> {
    match &args.model {
        Some(given) => Ok(ModelChoice::File(store::resolve(given))),
        None if cfg!(feature = "embedded-model") => Ok(ModelChoice::Embedded),
        None => Err(Failure::usage("--model is needed: this program was built without an embedded model")),
    }
}

/// The arithmetic that an argument names.
pub fn precision(arg: PrecisionArg) -> Precision {
    match arg {
        PrecisionArg::Accurate => Precision::Accurate,
        PrecisionArg::Fast => Precision::Fast,
    }
}

/// How the arguments want to compute.
pub fn config(args: &EngineArgs) -> Config {
    let given = args.threads.map(usize::from).map(|threads| (threads, threads));
    let tuned = tuned::read();
    let remembered = tuned.as_ref().map(|tuned| (tuned.encode_threads, tuned.decode_threads));
    let (threads, decode_threads) = given.or(remembered).unwrap_or((0, 0));
    let streams = tuned.and_then(|tuned| tuned.streams());
    Config { threads, decode_threads, precision: args.precision.map(precision), tier: None, streams }
}

fn options(args: &DecodingArgs) -> Result<Options, Failure> {
    let (search, context, text) = (&args.search, &args.context, &args.text);
    Ok(Options {
        language: args.task.language.0.clone(),
        task: if args.task.translate { Task::Translate } else { Task::Transcribe },
        search: search_options(search),
        thresholds: Thresholds {
            entropy: search.entropy_thold,
            logprob: search.logprob_thold,
            no_speech: search.no_speech_thold,
            compression_ratio: search.compression_ratio_thold,
        },
        context: Context {
            prompt: context.prompt.clone(),
            carry_prompt: context.carry_prompt,
            previous_text: !context.no_context,
            max_tokens: context.max_context.into(),
        },
        timestamps: !text.no_timestamps,
        single_segment: text.single_segment,
        max_tokens: text.max_tokens as usize,
        word_timestamps: text.word_timestamps,
        max_len: text.max_len as usize,
        split_on_word: text.split_on_word,
        suppress_non_speech: context.suppress_non_speech,
        suppress_regex: context.suppress_regex.clone(),
        grammar: grammar(context)?,
        audio_ctx: args.engine.audio_ctx,
        // What to read is decided before the samples get here: see `ReadOptions`.
        ..Options::default()
    })
}

fn search_options(args: &SearchArgs) -> Search {
    Search {
        beam_size: args.beam_size.into(),
        best_of: args.best_of.into(),
        patience: args.patience,
        length_penalty: args.length_penalty,
        temperature: args.temperature,
        temperature_inc: args.temperature_inc,
        fallback: !args.no_fallback,
        seed: args.seed,
    }
}

/// Reads the grammar from the file or the text that was given.
fn grammar(args: &ContextArgs) -> Result<Option<GrammarRule>, Failure> {
    let Some(given) = &args.grammar else {
        return Ok(None);
    };
    // Every grammar defines a rule, and no sensible file name looks like that.
    let text = if given.contains("::=") {
        given.clone()
    } else {
        std::fs::read_to_string(given).map_err(|error| {
            Failure::work(format!(
                "cannot read the grammar {given}: {error}; give a GBNF file, or rules such as 'root ::= …'"
            ))
        })?
    };
    let grammar =
        Grammar::parse(&text, &args.grammar_rule).map_err(|error| Failure::usage(format!("--grammar: {error}")))?;
    Ok(Some(GrammarRule { grammar: Arc::new(grammar), penalty: args.grammar_penalty }))
}

fn speech(args: &SpeechArgs) -> Option<Speech> {
    args.vad.then(|| Speech {
        model: args.vad_model.clone(),
        options: VadOptions {
            threshold: args.vad_threshold,
            min_speech_ms: args.vad_min_speech_duration_ms,
            min_silence_ms: args.vad_min_silence_duration_ms,
            max_speech_s: args.vad_max_speech_duration_s.unwrap_or(f32::INFINITY),
            speech_pad_ms: args.vad_speech_pad_ms,
            samples_overlap_s: args.vad_samples_overlap,
        },
    })
}
