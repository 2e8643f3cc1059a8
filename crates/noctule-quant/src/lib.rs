//! Whisper models made smaller: ggml's block types from float weights.
//!
//! A [`Model`](noctule_model::Model) enters, smaller model files leave. `encode` packs rows of
//! weights, [`Plan`] decides which tensor gets which type, [`quantize()`] reads the source once and
//! writes every file that was asked for. Below stand the block layouts of `noctule-kernels` and the
//! reader and writer of `noctule-model`; above it the command line.
#![forbid(unsafe_code)]

pub mod encode;
mod error;
mod plan;
mod quantize;

pub use error::Error;
pub use noctule_kernels::GgmlType;
pub use plan::{Choice, Plan, fitting};
pub use quantize::quantize;

/// The names of [`encode::TYPES`], separated by commas.
pub fn names() -> String {
    encode::TYPES.map(GgmlType::name).join(", ")
}
