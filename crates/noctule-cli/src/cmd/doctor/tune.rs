//! How many threads are best for the encoder and for the decoder on this machine, and how weights are read fastest, measured and
//! remembered.
//!
//! The encoder multiplies and wants every core; the decoder reads weights, and two cores may use all the memory's bandwidth.
//! How they should ask the memory for it is not to be seen from a processor's instructions.

use super::findings;
use crate::args::DoctorArgs;
use crate::cmd::eval::{cores, print, print_json};
use crate::cmd::progress::Progress;
use crate::cmd::transcribe::model;
use crate::failure::Failure;
use crate::plan::ModelChoice;
use crate::tuned::{self, Tuned};
use crate::{interrupt, store, terminal};
use noctule::bench::Loads;
use noctule::timing::Phases;
use noctule::{Config, Error, Streams, Tier, Transcriber};
use noctule_eval::plan::size;
use serde::{Serialize, Serializer};
use std::path::PathBuf;

/// Rounds over all thread counts: the fastest of them counts, since other programs only make it slower.
const ROUNDS: usize = 5;
/// What one measurement runs: two windows, and batches of five tokens as five beams bring them.
const LOADS: Loads = Loads { warm_up: true, windows: 2, singles: 0, batches: 24, prompts: 0 };
/// What tells how weights are read: tokens one at a time, for which that counts most.
const TOKENS: Loads = Loads { warm_up: true, windows: 0, singles: 64, batches: 0, prompts: 0 };
/// More threads, or another way to read than the usual one, must save this share of the time.
const WORTH: f64 = 0.03;

/// What is printed as JSON.
#[derive(Serialize)]
struct Told {
    model: String,
    counts: Vec<Count>,
    encode_threads: usize,
    decode_threads: usize,
    /// Ways to read weights; none where the processor's kernels know only one.
    ways: Vec<Way>,
    #[serde(serialize_with = "by_name")]
    streams: Streams,
    /// Where it is remembered.
    file: PathBuf,
}

/// Times with one thread count, seconds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Count {
    threads: usize,
    /// One window.
    encode_s: f64,
    /// One step of five beams.
    step_s: f64,
}

/// Time with one way to read weights.
#[derive(Debug, Clone, Copy, Serialize)]
struct Way {
    #[serde(serialize_with = "by_name")]
    streams: Streams,
    /// One token of a single beam, seconds.
    token_s: f64,
}

fn by_name<S: Serializer>(streams: &Streams, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(streams.name())
}

/// Measures, tells and remembers.
///
/// # Errors
/// [`Failure::Work`] for a model that cannot be used and a file that cannot be written, [`Failure::Interrupted`] after
/// Ctrl-C, which leaves what was remembered before.
pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    interrupt::listen();
    let choice = match &args.model {
        Some(given) => ModelChoice::File(store::resolve(given)),
        None if cfg!(feature = "embedded-model") => ModelChoice::Embedded,
        None => return Err(Failure::usage("--model is needed: this program was built without an embedded model")),
    };
    let cores = cores() as usize;
    if let Some(busy) = findings::busy(super::load(&super::root()), cores) {
        terminal::warning(&format!("{busy} What is found may be wrong: stop them and do this again."));
    }
    let (name, counts) = measure(&choice, &counts(cores))?;
    let (encode_threads, decode_threads) = (best(&counts, |count| count.encode_s), best(&counts, |count| count.step_s));
    let usual = Streams::of(tier()?);
    let ways = ways(&choice, decode_threads)?;
    let streams = fastest(&ways, usual);
    let file = tuned::write(&Tuned::here(name.clone(), encode_threads, decode_threads, streams))?;
    if args.json {
        return print_json(&Told { model: name, counts, encode_threads, decode_threads, ways, streams, file });
    }
    let mut text = format!("{:>7}  {:>12}  {:>16}\n", "threads", "window, ms", "5-beam step, ms");
    for count in &counts {
        text += &format!("{:>7}  {:>12.1}  {:>16.2}\n", count.threads, 1e3 * count.encode_s, 1e3 * count.step_s);
    }
    if !ways.is_empty() {
        text += &format!("\n{:>7}  {:>12}\n", "streams", "token, ms");
    }
    for way in &ways {
        text += &format!("{:>7}  {:>12.2}\n", way.streams.name(), 1e3 * way.token_s);
    }
    text += &format!(
        "\nBest with {name}: {encode_threads} for the encoder, {decode_threads} for the decoder. noctule takes these from now \
         on where --threads is not given ({}).\n",
        file.display()
    );
    if !ways.is_empty() {
        text += match streams {
            Streams::One => "Weights are read one row after the other.\n",
            Streams::Several => "Weights are read several rows in turn, asked for ahead.\n",
        };
    }
    print(&text)
}

/// Thread counts to try: all up to four, then steps.
fn counts(cores: usize) -> Vec<usize> {
    let mut counts: Vec<usize> =
        [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64].into_iter().filter(|n| *n < cores).collect();
    counts.push(cores);
    counts
}

fn measure(choice: &ModelChoice, counts: &[usize]) -> Result<(String, Vec<Count>), Failure> {
    let (mut bar, mut name) = (Progress::new("threads", false, 1.0), String::new());
    let mut found: Vec<Count> =
        counts.iter().map(|&threads| Count { threads, encode_s: f64::INFINITY, step_s: f64::INFINITY }).collect();
    for round in 0..ROUNDS {
        for at in 0..found.len() {
            bar.update((round * found.len() + at) as f64, (ROUNDS * found.len()) as f64);
            let count = &mut found[at];
            let (engine, phases) = timed(choice, Config { threads: count.threads, ..Config::default() }, &LOADS)?;
            count.encode_s = count.encode_s.min(phases.encode.as_secs_f64() / LOADS.windows as f64);
            count.step_s = count.step_s.min(phases.passes.batch.time.as_secs_f64() / LOADS.batches as f64);
            name = format!("{} ({})", engine.model().name(), size(engine.model().size_bytes()));
        }
    }
    bar.finish();
    Ok((name, found))
}

/// The ways to read weights in turn, with so many threads; none where there is nothing to choose.
fn ways(choice: &ModelChoice, threads: usize) -> Result<Vec<Way>, Failure> {
    if !Streams::matter(tier()?) {
        return Ok(Vec::new());
    }
    let mut bar = Progress::new("streams", false, 1.0);
    let mut found = Streams::ALL.map(|streams| Way { streams, token_s: f64::INFINITY });
    for round in 0..ROUNDS {
        for (at, way) in found.iter_mut().enumerate() {
            bar.update((round * Streams::ALL.len() + at) as f64, (ROUNDS * Streams::ALL.len()) as f64);
            let config = Config { threads, streams: Some(way.streams), ..Config::default() };
            let (_, phases) = timed(choice, config, &TOKENS)?;
            way.token_s = way.token_s.min(phases.passes.single.time.as_secs_f64() / TOKENS.singles as f64);
        }
    }
    bar.finish();
    Ok(found.to_vec())
}

/// Runs the loads with a model that is loaded for them.
fn timed(choice: &ModelChoice, config: Config, loads: &Loads) -> Result<(Transcriber, Phases), Failure> {
    let mut engine = Transcriber::new(model::load(choice, true)?, config)?;
    let phases = engine.bench(loads, &mut interrupt::requested).map_err(|error| match error {
        Error::Cancelled => Failure::Interrupted("stopped; what was remembered before stays".into(), None),
        error => error.into(),
    })?;
    Ok((engine, phases))
}

/// The kernels in use.
fn tier() -> Result<Tier, Failure> {
    Tier::detect().map_err(|error| Error::from(error).into())
}

/// The way to read that is faster by what is [worth](WORTH) it, or the usual one.
fn fastest(ways: &[Way], usual: Streams) -> Streams {
    let Some(now) = ways.iter().find(|way| way.streams == usual) else { return usual };
    let better = ways.iter().find(|way| way.token_s * (1.0 + WORTH) < now.token_s);
    better.unwrap_or(now).streams
}

/// The fewest threads that are not worth more of.
fn best(counts: &[Count], time: fn(&Count) -> f64) -> usize {
    let least = counts.iter().map(time).fold(f64::INFINITY, f64::min);
    let good = counts.iter().find(|count| time(count) <= least * (1.0 + WORTH));
    good.map_or(1, |count| count.threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_threads_that_are_nearly_the_fastest() {
        let of = |times: &[f64]| {
            let counts: Vec<Count> =
                (1..).zip(times).map(|(threads, &time)| Count { threads, encode_s: time, step_s: 1.0 }).collect();
            (best(&counts, |count| count.encode_s), best(&counts, |count| count.step_s))
        };
        assert_eq!(of(&[4.0, 2.0, 1.5, 1.2]), (4, 1));
        assert_eq!(of(&[4.0, 2.0, 1.99, 1.98]), (2, 1));
        assert_eq!(of(&[1.0, 0.9, 1.3, 1.6]), (2, 1));
    }

    #[test]
    fn another_way_to_read_must_be_worth_it() {
        let of = |one, several, usual| {
            let way = |streams, token_s| Way { streams, token_s };
            let ways = [way(Streams::One, one), way(Streams::Several, several)];
            fastest(&ways, usual)
        };
        assert_eq!(of(2.0, 1.9, Streams::One), Streams::Several);
        assert_eq!(of(2.0, 1.99, Streams::One), Streams::One);
        assert_eq!(of(1.9, 2.0, Streams::Several), Streams::One);
        assert_eq!(of(1.99, 2.0, Streams::Several), Streams::Several);
        assert_eq!(fastest(&[], Streams::One), Streams::One);
    }

    #[test]
    fn counts_end_with_all_cores() {
        assert_eq!(counts(1), [1]);
        assert_eq!(counts(4), [1, 2, 3, 4]);
        assert_eq!(counts(10), [1, 2, 3, 4, 6, 8, 10]);
    }
}
