//! What the arguments mean: [`TranscribeArgs`] enter, a [`Plan`] or a sentence
//! about wrong usage leaves. Nothing is opened here but a grammar file.

use crate::args::{ContextArgs, DecodingArgs, EngineArgs, PrecisionArg, SearchArgs, SpeechArgs, TranscribeArgs};
use crate::failure::Failure;
use noctule::format::Format;
use noctule::grammar::Grammar;
use noctule::options::{Context, GrammarRule, Search, Task, Thresholds};
use noctule::{Config, Options, Precision};
use noctule_audio::file::ReadOptions;
use noctule_audio::vad::VadOptions;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
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
    /// What to read, in order.
    pub inputs: Vec<Input>,
    /// What goes to standard output.
    pub stdout: Stdout,
    /// What goes to files.
    pub files: Option<Files>,
    /// Continue what was interrupted.
    pub resume: bool,
    /// No notices, no progress.
    pub quiet: bool,
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

/// Files to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Folder.
    pub folder: PathBuf,
    /// One file for each.
    pub formats: Vec<Format>,
}

impl Input {
    /// The name that the user gave.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "-".into(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Where `format` of this input goes in `folder`.
    pub fn output(&self, folder: &Path, format: Format) -> PathBuf {
        let mut name = self.stem();
        name.push(".");
        name.push(format.extension());
        folder.join(name)
    }

    fn stem(&self) -> OsString {
        match self {
            Self::Stdin => "stdin".into(),
            Self::File(path) => path.file_stem().map_or_else(|| "audio".into(), OsString::from),
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
        let inputs = inputs(&args.audio)?;
        if args.output.resume && inputs.contains(&Input::Stdin) {
            return Err(Failure::usage("--resume needs files: what came from standard input is gone"));
        }
        let (stdout, files) = destinations(args, &inputs)?;
        let decoding = &args.decoding;
        Ok(Self {
            model: model(&decoding.engine)?,
            config: config(&decoding.engine),
            options: Options { tinydiarize: args.tinydiarize, ..options(decoding)? },
            read: ReadOptions {
                offset_s: decoding.task.offset.unwrap_or(0.0),
                duration_s: decoding.task.duration,
                keep_stereo: args.diarize,
                ..ReadOptions::default()
            },
            speech: speech(&args.speech),
            inputs,
            stdout,
            files,
            resume: args.output.resume,
            quiet: args.output.quiet,
        })
    }
}

fn inputs(audio: &[PathBuf]) -> Result<Vec<Input>, Failure> {
    let inputs: Vec<Input> = audio
        .iter()
        .map(|path| if path.as_os_str() == "-" { Input::Stdin } else { Input::File(path.clone()) })
        .collect();
    if inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
        return Err(Failure::usage("'-' can be given once only: standard input holds one recording"));
    }
    Ok(inputs)
}

/// Sorts the result to standard output and to files.
fn destinations(args: &TranscribeArgs, inputs: &[Input]) -> Result<(Stdout, Option<Files>), Failure> {
    let output = &args.output;
    let mut formats = output.format.clone();
    let mut seen = Vec::new();
    formats.retain(|format| {
        !seen.contains(format) && {
            seen.push(*format);
            true
        }
    });
    if let Some(folder) = &output.output_dir {
        if formats.is_empty() {
            formats.push(Format::Txt);
        }
        let files = Files { folder: folder.clone(), formats };
        check_names(&files, inputs)?;
        let stdout = if output.json { Stdout::Documents(Format::Json) } else { Stdout::Nothing };
        return Ok((stdout, Some(files)));
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
        ([one], false) if inputs.len() > 1 => {
            return Err(Failure::usage(format!(
                "{one} of several files does not fit one stream: add --output-dir DIR"
            )));
        }
        ([one], false) => Stdout::Documents(*one),
        _ => return Err(Failure::usage("several formats do not fit standard output: add --output-dir DIR")),
    };
    Ok((stdout, None))
}

/// Refuses two results in one file, and a result in place of its own audio.
fn check_names(files: &Files, inputs: &[Input]) -> Result<(), Failure> {
    let mut taken: HashMap<OsString, &Input> = HashMap::new();
    for input in inputs {
        if let Some(other) = taken.insert(input.stem(), input) {
            return Err(Failure::usage(format!(
                "'{}' and '{}' would both be written to {}: transcribe them into different folders",
                other.name(),
                input.name(),
                input.output(&files.folder, files.formats[0]).display(),
            )));
        }
        for format in &files.formats {
            let output = input.output(&files.folder, *format);
            if let Input::File(audio) = input
                && (output == *audio || same_file(&output, audio))
            {
                return Err(Failure::usage(format!(
                    "the {format} of '{}' would replace the audio itself: choose another --output-dir",
                    input.name()
                )));
            }
        }
    }
    Ok(())
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn model(args: &EngineArgs) -> Result<ModelChoice, Failure> {
    match &args.model {
        Some(path) => Ok(ModelChoice::File(path.clone())),
        None if cfg!(feature = "embedded-model") => Ok(ModelChoice::Embedded),
        None => Err(Failure::usage("--model is needed: this program was built without an embedded model")),
    }
}

fn config(args: &EngineArgs) -> Config {
    Config {
        threads: args.threads.unwrap_or(0).into(),
        precision: args.precision.map(|precision| match precision {
            PrecisionArg::Accurate => Precision::Accurate,
            PrecisionArg::Fast => Precision::Fast,
        }),
        tier: None,
    }
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
