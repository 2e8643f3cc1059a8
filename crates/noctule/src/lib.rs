//! Speech to text for small computers: OpenAI's Whisper in pure Rust.
//!
//! The path of the data, module by module: samples →
//! [`mel`] → `encoder` → `cache` (cross-attention keys and values) → `decoder`
//! → `rules` → `search` → `window` (temperatures and quality tests) →
//! [`tokenizer`] → `segment` → [`words`] → [`format`](mod@format). The
//! [`transcriber`] is the loop around them; docs/MODEL.md has the mathematics.
//!
//! ```
//! # #[cfg(feature = "embedded-model")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use noctule::{Config, Options, Transcriber};
//!
//! let audio = noctule_audio::file::read("../../testdata/speech/ls-1995-1837-0001.flac".as_ref(), &Default::default())?;
//! let model = noctule::embedded_model()?; // or noctule::Model::open("ggml-base.bin".as_ref())?
//! let mut transcriber = Transcriber::new(model, Config::default())?;
//! let transcript = transcriber.transcribe(&audio.samples, &Options::default(), &mut ())?;
//! for segment in &transcript.segments {
//!     println!("{:6.2} to {:6.2} s: {}", segment.start, segment.end, segment.text);
//! }
//! assert!(transcript.text().contains("the first great sorrow of his life"));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "embedded-model"))]
//! # fn main() {}
//! ```
//!
//! The last argument of [`Transcriber::transcribe`] hears [`Events`] (segments, progress) and can stop the run.
#![forbid(unsafe_code)]

mod align_window;
pub mod alignment_heads;
pub mod bench;
mod cache;
pub mod checkpoint;
mod coverage;
mod decoder;
#[cfg(feature = "embedded-model")]
mod embedded;
mod encoder;
mod error;
pub mod events;
pub mod format;
mod forward;
pub mod grammar;
mod hypothesis;
pub mod language;
pub mod live;
pub mod mel;
pub mod memory;
pub mod options;
pub mod repetition;
pub mod report;
mod rng;
mod rules;
mod search;
mod segment;
pub mod source;
pub mod split;
pub mod suppress;
#[cfg(test)]
mod testing;
pub mod timing;
pub mod tokenizer;
pub mod transcriber;
pub mod transcript;
mod weights;
mod window;
pub mod words;

pub use checkpoint::{Checkpoint, Resume};
#[cfg(feature = "embedded-model")]
pub use embedded::embedded_model;
pub use error::Error;
pub use events::Events;
pub use noctule_kernels::{Precision, Streams, Tier};
pub use noctule_model::Model;
pub use options::Options;
pub use source::Samples;
pub use transcriber::{Config, Start, Transcriber};
pub use transcript::{Segment, Transcript, Word};
