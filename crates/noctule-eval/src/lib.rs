//! Speech recognition measured.
//!
//! Transcripts and references enter, figures with their uncertainty leave:
//!
//! - [`normalize`] makes two texts comparable;
//! - [`align`] finds the words that differ and counts them;
//! - [`quality_share`] counts the utterances in which nothing got worse;
//! - [`statistics`] says how sure the figures are;
//! - [`signals`] tells loops and inventions from plain errors.
#![forbid(unsafe_code)]

pub mod align;
pub mod normalize;
pub mod quality_share;
pub mod signals;
pub mod statistics;
