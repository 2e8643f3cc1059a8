//! One module for each verb.

pub mod models;
pub mod transcribe;
