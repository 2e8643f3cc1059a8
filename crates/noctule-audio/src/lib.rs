//! Audio files to 16 kHz mono samples, and the parts of them that are speech.
//!
//! Enters: a path, bytes or a stream that holds audio in any usual container,
//! or raw samples. Leaves: `f32` samples in −1..1 at [`SAMPLE_RATE`], which is
//! what the recogniser takes. This crate is a leaf: it knows nothing of models
//! or text.
//!
//! - [`mod@file`] decodes and mixes to mono (or keeps left and right);
//! - [`ffmpeg`] reads what [`mod@file`] does not know, where it is installed;
//! - [`mic`] records from a microphone;
//! - [`pcm`] describes raw samples;
//! - [`resample`] brings any sample rate to 16 kHz;
//! - [`vad`] finds the speech and maps times of the shortened audio back;
//! - [`stream`] reads recordings of any length in bounded memory;
//! - [`stereo`] tells the speakers of a two-channel recording apart;
//! - [`flac`] writes recordings while they are made, [`wav`] 16-bit WAV files.

#![forbid(unsafe_code)]

mod error;
pub mod ffmpeg;
pub mod file;
pub mod flac;
pub mod mic;
pub mod pcm;
pub mod resample;
pub mod stereo;
pub mod stream;
pub mod vad;
pub mod wav;

pub use error::AudioError;

/// The sample rate of everything that leaves this crate, in Hz.
pub const SAMPLE_RATE: u32 = 16_000;
