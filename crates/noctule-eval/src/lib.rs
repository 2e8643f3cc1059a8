//! Speech recognition measured.
//!
//! Transcripts and references enter, figures with their uncertainty leave:
//!
//! - [`normalize`] makes two texts comparable;
//! - [`align`] finds the words that differ and counts them;
//! - [`statistics`] says how sure the figures are.
#![forbid(unsafe_code)]

pub mod align;
pub mod normalize;
pub mod statistics;
