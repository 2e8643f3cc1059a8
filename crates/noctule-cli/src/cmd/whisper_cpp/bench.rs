//! whisper-bench: the network without audio.

use super::{print, say};
use crate::args::whisper_cpp::{self as flags, BENCH_FLAGS, Meaning, Own};
use crate::cmd::transcribe::model;
use crate::failure::Failure;
use crate::plan::ModelChoice;
use crate::{interrupt, store};
use noctule::bench::Loads;
use noctule::{Config, Error, Transcriber};
use std::path::Path;
use std::time::Instant;

/// Does what `words` say.
///
/// # Errors
/// As [`Program::run`](super::Program::run).
pub fn run(words: &[String]) -> Result<bool, Failure> {
    let started = Instant::now();
    let (given, others) = flags::parse(BENCH_FLAGS, words).map_err(Failure::Usage)?;
    if let Some(other) = others.first() {
        return Err(Failure::usage(format!("unknown argument: {other}; --help shows all")));
    }
    let (mut path, mut threads) = ("models/ggml-base.en.bin", 0u16);
    for (flag, value) in given {
        match (flag.meaning, value) {
            (Meaning::Own(Own::Help), _) => {
                return super::print(&flags::bench_usage()).map(|()| true);
            }
            (Meaning::Own(_), Some(value)) => path = value,
            (Meaning::Same(_), Some(value)) => {
                let count = value.parse().ok().filter(|count| (1..=256).contains(count));
                threads =
                    count.ok_or_else(|| Failure::usage(format!("argument --threads: '{value}' is not 1 to 256")))?;
            }
            _ => {}
        }
    }
    interrupt::listen();
    let choice = ModelChoice::File(store::resolve(Path::new(path)));
    let model = model::load(&choice, true)?;
    let mut transcriber = Transcriber::new(model, Config { threads: threads.into(), ..Config::default() })?;
    let load = started.elapsed();
    say(&print::system(&transcriber));
    say(&print::model(transcriber.model()));
    let phases = transcriber.bench(&Loads::default(), &mut interrupt::requested).map_err(|error| match error {
        Error::Cancelled => Failure::Interrupted("interrupted".into(), None),
        error => error.into(),
    })?;
    say(&print::memory(transcriber.model(), &transcriber.buffers()));
    // Warming up counts for nothing, and neither does loading.
    say(&print::timings(load, &phases, phases.encode + phases.decode));
    Ok(true)
}
