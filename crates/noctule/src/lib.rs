//! Speech to text for small computers: OpenAI's Whisper in pure Rust.
//!
//! The path of the data, module by module: samples →
//! [`mel`] → `encoder` → `cache` (cross-attention keys and values) → `decoder`
//! → `rules` → `search` → `window` (temperatures and quality tests) →
//! [`tokenizer`] → `segment` → [`words`] → [`format`](mod@format). The
//! [`transcriber`] is the loop around them; docs/MODEL.md has the mathematics.
#![forbid(unsafe_code)]

mod align_window;
pub mod alignment_heads;
mod cache;
mod decoder;
mod encoder;
#[cfg(feature = "embedded-model")]
mod embedded;
mod error;
pub mod events;
pub mod format;
mod forward;
pub mod grammar;
mod hypothesis;
pub mod language;
pub mod mel;
pub mod memory;
pub mod options;
pub mod repetition;
pub mod report;
mod rng;
mod rules;
mod search;
mod segment;
pub mod split;
pub mod suppress;
pub mod timing;
pub mod tokenizer;
pub mod transcriber;
pub mod transcript;
mod weights;
mod window;
pub mod words;

#[cfg(feature = "embedded-model")]
pub use embedded::embedded_model;
pub use error::Error;
pub use events::Events;
pub use noctule_kernels::{Precision, Tier};
pub use noctule_model::Model;
pub use options::Options;
pub use transcriber::{Config, Transcriber};
pub use transcript::{Segment, Transcript, Word};
