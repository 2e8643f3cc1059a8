//! `noctule bench`: the network without audio, in numbers for programs. It is hidden because it is for those who measure:
//! `bench/` compares it with other engines, `cargo xtask count` counts its instructions.

use super::transcribe::model;
use crate::args::BenchArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::plan::{ModelChoice, precision};
use crate::store;
use noctule::bench::Loads;
use noctule::report::{self, Kernels};
use noctule::timing::Pass;
use noctule::{Config, Error, Transcriber, memory};
use serde::Serialize;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// The one line that is printed. Times are seconds.
#[derive(Serialize)]
struct Line {
    model: report::Model,
    kernels: Kernels,
    /// Opening the model and preparing its weights.
    load_s: f64,
    /// Windows through the encoder, cross-attention keys and values included.
    encode: Load,
    /// Tokens, one at a time.
    single: Load,
    /// Tokens in batches of five.
    batch: Load,
    /// Tokens in prompts of 256.
    prompt: Load,
    memory: report::Memory,
}

/// Windows or tokens, and the time of all of them.
#[derive(Serialize)]
struct Load {
    count: usize,
    total_s: f64,
}

impl Load {
    fn new(count: usize, total: Duration) -> Self {
        Self { count, total_s: total.as_secs_f64() }
    }
}

impl From<Pass> for Load {
    fn from(pass: Pass) -> Self {
        Self::new(pass.tokens, pass.time)
    }
}

/// Runs the loads that `args` ask for.
///
/// # Errors
/// [`Failure::Work`] for a model that cannot be used, [`Failure::Interrupted`] after Ctrl-C.
pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    interrupt::listen();
    let started = Instant::now();
    let model = model::load(&ModelChoice::File(store::resolve(&args.model)), true)?;
    let threads = args.threads.unwrap_or(0).into();
    let config =
        Config { threads, precision: args.precision.map(precision), streams: args.streams, ..Config::default() };
    let mut transcriber = Transcriber::new(model, config)?;
    let load = started.elapsed();
    let loads = Loads {
        warm_up: !args.no_warm_up,
        windows: args.windows.into(),
        singles: args.singles.into(),
        batches: args.batches.into(),
        prompts: args.prompts.into(),
    };
    let phases = transcriber.bench(&loads, &mut interrupt::requested).map_err(|error| match error {
        Error::Cancelled => Failure::Interrupted("interrupted".into(), None),
        error => error.into(),
    })?;
    let compute = transcriber.compute();
    let line = Line {
        model: model::report(transcriber.model()),
        kernels: Kernels {
            tier: compute.tier().to_string(),
            threads: compute.threads(),
            precision: compute.precision().to_string(),
        },
        load_s: load.as_secs_f64(),
        encode: Load::new(phases.windows, phases.encode),
        single: phases.passes.single.into(),
        batch: phases.passes.batch.into(),
        prompt: phases.passes.prompt.into(),
        memory: report::Memory { peak_rss_bytes: memory::peak_rss_bytes().unwrap_or(0) },
    };
    let text = serde_json::to_string(&line).map_err(Failure::work)?;
    writeln!(io::stdout(), "{text}").map_err(super::transcribe::stdout_failure)
}
