//! Whisper model files as checked tensors.
//!
//! A file's bytes enter, a [`Model`] leaves: dimensions, mel filters, vocabulary and named tensors
//! over a memory map. This is where hostile bytes end: what the rest of the program gets has passed
//! every check, and no content of a file makes this crate panic or take memory that the file does
//! not justify. Below it stand only the block layouts of `noctule-kernels`; above it the engine, the
//! quantiser and the command line.
//!
//! - [`Model`]: open and lend. [`Hparams`], [`Vocab`], [`MelFilters`], [`TensorInfo`]: what it holds.
//! - [`names`]: every tensor that a model must have.
//! - [`silero`]: whisper.cpp's file of the Silero voice-activity model.
//! - [`mod@write`]: legacy ggml files, whole or not at all.
//! - [`convert`]: checkpoints of OpenAI, Hugging Face and GGUF to our file, and back.
//! - [`synthetic`]: random models of any dimensions, for tests and measurements.

pub mod convert;
mod cursor;
mod error;
mod ggml;
mod header;
mod hparams;
mod mel;
mod model;
pub mod names;
pub mod silero;
mod sniff;
mod source;
pub mod synthetic;
mod tensor;
mod vocab;
pub mod write;

pub use error::{Error, ErrorKind, Shape, TensorProblem};
pub use header::Header;
pub use hparams::Hparams;
pub use mel::MelFilters;
pub use model::Model;
pub use names::Role;
pub use tensor::{TensorInfo, WeightType};
pub use vocab::Vocab;
