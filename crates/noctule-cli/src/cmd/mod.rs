//! One module for each verb.

pub mod transcribe;
