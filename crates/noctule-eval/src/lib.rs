//! Speech recognition measured.
//!
//! Transcripts and references enter, figures with their uncertainty leave:
//!
//! - [`normalize`] makes two texts comparable.
#![forbid(unsafe_code)]

pub mod normalize;
