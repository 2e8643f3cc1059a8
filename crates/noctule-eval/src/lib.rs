//! Which model, type and thread count a board should run, answered with evidence.
//!
//! Engines, models and recordings enter; measurements, their uncertainty and a verdict leave. This crate knows engines only
//! as commands to run, noctule among them, so that one ruler measures all. The path of the data, module by module:
//!
//! 1. [`corpus`]: recordings and what was said in them, in many layouts → utterances;
//! 2. [`engine`]: what an engine is asked → a command line, and its output → text and timings;
//! 3. [`plan`]: models × types × threads × … → cells, those that cannot be struck out with the reason, time and memory
//!    estimated;
//! 4. [`run`]: one process for each measurement, watched; [`board`] reads clock, heat and power meanwhile; [`journal`] keeps
//!    every result as soon as it is known;
//! 5. [`normalize`] makes texts comparable, [`align`] finds the words that differ, [`quality_share`] counts the utterances in
//!    which nothing got worse, [`signals`] tells loops and inventions from plain errors, [`statistics`] says how sure the
//!    figures are;
//! 6. [`summary`]: the journal → tables; [`report`]: tables → one page, Markdown, CSV; [`recommend`]: budgets → one row;
//!    [`compare`]: two evaluations → whether anything got worse.
#![forbid(unsafe_code)]

pub mod align;
pub mod board;
pub mod compare;
pub mod corpus;
mod digest;
pub mod engine;
mod error;
pub mod journal;
pub mod normalize;
pub mod plan;
pub mod quality_share;
pub mod recommend;
pub mod report;
pub mod run;
pub mod signals;
pub mod statistics;
pub mod summary;

pub use error::Error;
pub use run::Status;
