//! One module for each verb, and what they share.

pub mod bench;
pub mod doctor;
pub mod eval;
pub mod imatrix;
pub mod listen;
pub mod models;
pub mod progress;
pub mod quantize;
pub mod recommend;
pub mod transcribe;
pub mod whisper_cpp;
