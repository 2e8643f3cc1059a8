//! Whisper models made smaller: ggml's block types from float weights.
//!
//! A [`Model`](noctule_model::Model) enters, smaller model files leave. `encode` packs rows of
//! weights; [`importance`] learns from speech which of them matter, [`sensitivity`] which tensors do;
//! [`Plan`] decides which tensor gets which type, by itself or as a [`recipe`] says; [`quantize()`]
//! reads the source once and writes every file that was asked for; [`quality`] tells what it cost. Below stand the block layouts of `noctule-kernels`, the
//! reader and writer of `noctule-model` and the engine; above it the command line.
#![forbid(unsafe_code)]

pub mod encode;
mod error;
mod file;
pub mod importance;
mod plan;
pub mod quality;
mod quantize;
pub mod recipe;
pub mod sensitivity;
pub mod speech;

pub use error::Error;
pub use importance::Importance;
pub use noctule_kernels::GgmlType;
pub use plan::{Choice, Plan, fitting, matrices, uniform};
pub use quantize::quantize;

/// The names of [`encode::TYPES`], separated by commas.
pub fn names() -> String {
    encode::TYPES.map(GgmlType::name).join(", ")
}
