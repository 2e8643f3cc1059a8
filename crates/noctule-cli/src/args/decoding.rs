//! Options that every decoding verb shares; the names are whisper.cpp's.

use super::values;
use clap::{Args, ValueEnum};
use noctule::options::AudioContext;
use std::path::PathBuf;

/// Model, computation, language, search, context and shape of the text.
#[derive(Debug, Args)]
pub struct DecodingArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub task: TaskArgs,
    #[command(flatten)]
    pub search: SearchArgs,
    #[command(flatten)]
    pub context: ContextArgs,
    #[command(flatten)]
    pub text: TextArgs,
}

/// The model and how to compute.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model and computation")]
pub struct EngineArgs {
    /// Name of an installed model ('noctule models list'), or path of a ggml file as whisper.cpp uses it; without it the embedded model.
    #[arg(short, long, value_name = "MODEL")]
    pub model: Option<PathBuf>,
    /// Threads [default: all processors, at most 4].
    #[arg(
        short,
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=256),
        allow_negative_numbers = true,
    )]
    pub threads: Option<u16>,
    /// Arithmetic [default: fast for quantised models, accurate for others].
    #[arg(long, value_name = "HOW")]
    pub precision: Option<PrecisionArg>,
    /// Encoder positions of 20 ms to use: a number, `full`, or `auto` for the audio that there is in a recording's last window,
    /// with the whole window for text in doubt. Fewer are faster and may harm the text.
    #[arg(
        long,
        value_name = "N|full|auto",
        default_value = "full",
        value_parser = values::audio_ctx,
        allow_negative_numbers = true,
    )]
    pub audio_ctx: AudioContext,
    /// Do not start a run that needs more memory than this [default: what the system has free].
    #[arg(long, value_name = "SIZE|none", value_parser = values::memory, allow_negative_numbers = true)]
    pub memory_limit: Option<u64>,
}

/// What to listen to and what to write down.
#[derive(Debug, Args)]
#[command(next_help_heading = "Language and task")]
pub struct TaskArgs {
    /// Language spoken, as a code or English name; `auto` lets a multilingual model tell.
    #[arg(short, long, value_name = "LANG", default_value = "auto", value_parser = values::language)]
    pub language: values::Language,
    /// Translate to English.
    #[arg(long)]
    pub translate: bool,
    /// Start here.
    #[arg(long, value_name = "TIME", value_parser = values::time, allow_negative_numbers = true)]
    pub offset: Option<f64>,
    /// Stop after this much audio.
    #[arg(long, value_name = "TIME", value_parser = values::positive_time, allow_negative_numbers = true)]
    pub duration: Option<f64>,
}

/// Arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// The file's weights times unrounded activations.
    Accurate,
    /// Activations rounded to 8 bits.
    Fast,
}

/// Beams, temperatures and when to try again.
#[derive(Debug, Args)]
#[command(next_help_heading = "Search")]
pub struct SearchArgs {
    /// Beams at temperature 0; 1 is greedy.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 5,
        value_parser = clap::value_parser!(u8).range(1..=64),
        allow_negative_numbers = true,
    )]
    pub beam_size: u8,
    /// Independent samples at temperatures above 0.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 5,
        value_parser = clap::value_parser!(u8).range(1..=64),
        allow_negative_numbers = true,
    )]
    pub best_of: u8,
    /// Go on until round(beam size × patience) hypotheses are finished.
    #[arg(
        long,
        value_name = "X",
        default_value_t = 1.0,
        value_parser = values::patience,
        allow_negative_numbers = true,
    )]
    pub patience: f32,
    /// Rank by sum over ((5 + length) / 6)^ALPHA, 0 to 1 [default: mean log-probability].
    #[arg(long, value_name = "ALPHA", value_parser = values::unit, allow_negative_numbers = true)]
    pub length_penalty: Option<f32>,
    /// First sampling temperature, 0 to 1.
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = values::unit, allow_negative_numbers = true)]
    pub temperature: f32,
    /// Step to the next temperature after a failed attempt; 0 makes one attempt.
    #[arg(
        long,
        value_name = "T",
        default_value_t = 0.2,
        value_parser = values::increment,
        allow_negative_numbers = true,
    )]
    pub temperature_inc: f32,
    /// Make one attempt only.
    #[arg(long)]
    pub no_fallback: bool,
    /// Entropy of the last tokens below which text counts as a loop.
    #[arg(long, value_name = "X", default_value_t = 2.4, value_parser = values::number, allow_negative_numbers = true)]
    pub entropy_thold: f32,
    /// Mean log-probability below which an attempt has failed.
    #[arg(long, value_name = "X", default_value_t = -1.0, value_parser = values::number, allow_negative_numbers = true)]
    pub logprob_thold: f32,
    /// Probability of no speech above which a failed window is silence.
    #[arg(long, value_name = "P", default_value_t = 0.6, value_parser = values::number, allow_negative_numbers = true)]
    pub no_speech_thold: f32,
    /// zlib compression ratio above which text counts as a loop.
    #[arg(long, value_name = "X", default_value_t = 2.4, value_parser = values::number, allow_negative_numbers = true)]
    pub compression_ratio_thold: f32,
    /// Seed of the sampler.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
}

/// What the decoder sees of earlier text, and what it may say.
#[derive(Debug, Args)]
#[command(next_help_heading = "Context and constraints")]
pub struct ContextArgs {
    /// Text that sets the scene: spelling of names, style.
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Put the prompt in front of every window of 30 s.
    #[arg(long, visible_alias = "carry-initial-prompt")]
    pub carry_prompt: bool,
    /// Do not show a window the text before it.
    #[arg(long)]
    pub no_context: bool,
    /// At most this many tokens of prompt and earlier text.
    #[arg(long, value_name = "N", default_value_t = 224, allow_negative_numbers = true)]
    pub max_context: u16,
    /// Forbid tokens that this regular expression matches as a whole.
    #[arg(long, value_name = "REGEX", value_parser = values::pattern)]
    pub suppress_regex: Option<noctule::options::SuppressPattern>,
    /// Forbid tokens that are no speech: brackets, notes of music.
    #[arg(long, visible_alias = "suppress-nst")]
    pub suppress_non_speech: bool,
    /// Keep to this grammar: GBNF text or a file of it.
    #[arg(long, value_name = "FILE|TEXT")]
    pub grammar: Option<String>,
    /// Rule to start from.
    #[arg(long, value_name = "NAME", default_value = "root")]
    pub grammar_rule: String,
    /// Subtracted from the log-probability of tokens that the grammar does not allow.
    #[arg(
        long,
        value_name = "X",
        default_value_t = 100.0,
        value_parser = values::not_negative,
        allow_negative_numbers = true,
    )]
    pub grammar_penalty: f32,
}

/// Times and the cut of the text into segments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Segments and words")]
pub struct TextArgs {
    /// Decode no timestamps; a window of 30 s is one segment.
    #[arg(long)]
    pub no_timestamps: bool,
    /// Align words to the audio (in the JSON).
    #[arg(long)]
    pub word_timestamps: bool,
    /// Split segments to this many characters; 0 is no limit.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub max_len: u32,
    /// With --max-len: split between words, not between tokens.
    #[arg(long)]
    pub split_on_word: bool,
    /// Stop after this many tokens a window; 0 is no limit.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub max_tokens: u32,
    /// One segment a window.
    #[arg(long)]
    pub single_segment: bool,
}
