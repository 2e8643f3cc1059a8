//! `noctule models`: what is typed behind it.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Arguments of `models`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct ModelsArgs {
    /// What to do with models.
    #[command(subcommand)]
    pub verb: ModelsVerb,
}

/// The verbs of `models`.
#[derive(Debug, Subcommand)]
pub enum ModelsVerb {
    /// Show what is installed and what is published.
    List(ListArgs),
    /// Fetch models by their names, check them and install them.
    #[command(after_long_help = AFTER_PULL)]
    Pull(PullArgs),
    /// Show what a model is: dimensions, types of its tensors, memory that a run takes.
    Info(ModelArgs),
    /// Turn a checkpoint of OpenAI (.pt), Hugging Face (directory, safetensors) or GGUF into a model, or a model into
    /// safetensors.
    #[command(after_long_help = AFTER_CONVERT)]
    Convert(ConvertArgs),
    /// Read models again and compare them with their digests.
    Verify(NameArgs),
    /// Remove installed models, and what was left of interrupted fetches.
    Rm(NameArgs),
}

const AFTER_PULL: &str = "\
A fetch that was interrupted goes on where it stopped. What is fetched gets its
name only when it is whole and its digests are right; what was compared is said.
NAME:TYPE is fetched where that type is published; otherwise NAME is fetched and
quantised here, and both stay ('noctule models rm NAME' removes the larger).

Environment:
  HF_ENDPOINT     the hub or a mirror of it [default: https://huggingface.co]
  HF_TOKEN        token for the hub, sent to no other host
  HF_HOME         where the hub's tools keep files; those there are not fetched
  HF_HUB_OFFLINE  1 never uses the network
  HTTPS_PROXY     proxy for all connections
  XDG_DATA_HOME   models lie in noctule/models there [default: ~/.local/share]

Exit codes:
  0  all installed    1  a model could not be had (the others are)    2  wrong usage";

const AFTER_CONVERT: &str = "\
Nothing in a checkpoint is executed or unpacked: a pickle may only say what a
state dictionary needs, everything else is refused by name and place. Every
tensor is mapped or reported.

A checkpoint of OpenAI has no token texts. They come from --vocab, from an
installed model of the same kind, or (English) from the embedded model.

Exit codes:
  0  done    1  the checkpoint cannot be used    2  wrong usage";

/// Arguments of `models convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// The checkpoint; for --to safetensors a model (name or path).
    #[arg(value_name = "SOURCE")]
    pub source: PathBuf,
    /// What to make.
    #[arg(long, value_name = "FORMAT", default_value = "ggml")]
    pub to: FormatArg,
    /// Write to this file (safetensors: this folder); without it a ggml file is installed under --name.
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Install under this name.
    #[arg(long, value_name = "NAME", conflicts_with = "output")]
    pub name: Option<String>,
    /// Type of matrices and convolutions; `keep` leaves quantised tensors of a GGUF as they are.
    #[arg(long = "type", value_name = "TYPE", default_value = "f16")]
    pub kind: TypeArg,
    /// Token texts: a ggml model, vocab.json, tokenizer.json or a .tiktoken file.
    #[arg(long, value_name = "FILE")]
    pub vocab: Option<PathBuf>,
    /// Merge this LoRA adapter: a folder that PEFT has saved.
    #[arg(long, value_name = "DIR")]
    pub lora: Option<PathBuf>,
    /// Show where every tensor went.
    #[arg(long)]
    pub tensors: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `models convert` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// A model of this program and of whisper.cpp.
    Ggml,
    /// A folder that transformers reads.
    Safetensors,
}

/// The type of converted matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TypeArg {
    /// 16-bit floats, as published models have them.
    F16,
    /// 32-bit floats.
    F32,
    /// The source's own.
    Keep,
}

/// Arguments of `models list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only what is installed.
    #[arg(long)]
    pub installed: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `models pull`.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// Names, as `noctule models list` shows them; NAME:TYPE, such as base:q4_k, is installed as NAME-TYPE.
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Take them from this folder with whisper.cpp's files (ggml-NAME.bin) instead of the network.
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Address of the hub or of a mirror, instead of HF_ENDPOINT.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Never use the network.
    #[arg(long)]
    pub offline: bool,
    /// Models to fetch at the same time.
    #[arg(short, long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub jobs: u8,
    /// Seconds without a byte after which a connection counts as lost.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub timeout: u16,
    /// Print no notices and no progress.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `models info`.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Name of an installed model, or path of a file; without it the embedded model.
    #[arg(value_name = "MODEL")]
    pub model: Option<PathBuf>,
    /// Show every tensor.
    #[arg(long)]
    pub tensors: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `models verify` and `models rm`.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// Names of installed models.
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
