//! `noctule-bench`: noctule and other engines on one machine, in one run, on the same files.
//!
//! A plan of models, engines and jobs → [`runner`] → samples in a [`record`] → tables of a [`report`]. README.md explains.
#![forbid(unsafe_code)]

mod bandwidth;
mod board;
mod ctranslate2;
mod engine;
mod machine;
mod metric;
mod models;
mod noctule;
mod process;
mod record;
mod report;
mod runner;
mod statistics;
mod whisper_cpp;
#[cfg(feature = "whisper-rs")]
mod whisper_rs;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use engine::{Engine, ModelFile};
use metric::Job;
use record::{Record, Writer};
use runner::{Plan, Progress};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Compares noctule with other engines on this machine.
#[derive(Debug, Parser)]
#[command(name = "noctule-bench", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Measure model files, each with every engine.
    Compare {
        /// ggml files.
        #[arg(short, long, value_name = "FILE", num_args = 1.., required = true)]
        model: Vec<PathBuf>,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Measure whole networks in all their types; types that are missing are made of the file in f16.
    Table {
        /// Folder with NAME.bin (or ggml-NAME.bin) in f16, and NAME-TYPE.bin.
        #[arg(long, value_name = "DIR")]
        models: PathBuf,
        /// Networks.
        #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "base,tiny.en,small")]
        networks: Vec<String>,
        /// Only these types [default: f16 and the ten of whisper-quantize that fit].
        #[arg(long, value_name = "TYPE", value_delimiter = ',')]
        types: Vec<String>,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Measure base in q5_k on a Raspberry Pi and compare with what was predicted for it.
    Board {
        /// Model of noctule's store, fetched if it is not there.
        #[arg(long, value_name = "NAME", default_value = "base:q5_k")]
        model: String,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Print the tables of records.
    Render {
        /// Records.
        #[arg(value_name = "FILE", required = true)]
        record: Vec<PathBuf>,
    },
    /// Print the speed of reading memory, 10⁹ bytes a second.
    Bandwidth {
        /// Threads.
        #[arg(long, default_value_t = processors())]
        threads: usize,
    },
    /// Do one job with the crate whisper-rs.
    #[cfg(feature = "whisper-rs")]
    #[command(hide = true)]
    WhisperRs {
        /// Job.
        job: Job,
        /// ggml file.
        #[arg(long)]
        model: PathBuf,
        /// Threads.
        #[arg(long)]
        threads: usize,
        /// WAV file.
        #[arg(long)]
        clip: PathBuf,
    },
}

/// Engines, and how to run them.
#[derive(Debug, Args)]
struct RunArgs {
    /// noctule [default: the one of this checkout, built if it is not there].
    #[arg(long, value_name = "FILE")]
    noctule: Option<PathBuf>,
    /// Folder with whisper-bench and whisper-cli; several builds may be given, the best that runs counts.
    #[arg(long, value_name = "[NAME=]DIR")]
    whisper_cpp: Vec<String>,
    /// CTranslate2 model of a network.
    #[arg(long, value_name = "NETWORK=DIR")]
    ctranslate2: Vec<String>,
    /// Arithmetic of CTranslate2.
    #[arg(long, value_name = "TYPE", value_delimiter = ',', default_value = "int8,float32")]
    ctranslate2_types: Vec<String>,
    /// Python that has the module ctranslate2.
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
    /// Use the whisper.cpp that is built into this program.
    #[cfg(feature = "whisper-rs")]
    #[arg(long)]
    whisper_rs: bool,
    /// Jobs.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["network", "greedy", "beam5"])]
    jobs: Vec<Job>,
    /// Threads of every engine.
    #[arg(short, long, value_name = "N", default_value_t = processors())]
    threads: usize,
    /// Rounds: in each, every engine does every job once.
    #[arg(short, long, value_name = "N", default_value_t = 7)]
    rounds: usize,
    /// Begin nothing new after this many minutes; the same command goes on.
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<f64>,
    /// Seconds that one process may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Recording that the jobs greedy and beam5 transcribe, in English.
    #[arg(long, value_name = "AUDIO")]
    clip: Option<PathBuf>,
    /// Where samples go, and where a run that was stopped goes on.
    #[arg(long, value_name = "FILE", default_value = "record.csv")]
    record: PathBuf,
}

/// A clip of this repository.
const CLIP: &str = "testdata/speech/ls-1995-1837-0001.flac";

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn main() -> Result<()> {
    match Cli::parse().verb {
        Verb::Compare { model, run } => {
            let models = model.iter().map(|path| models::describe(path)).collect::<Result<Vec<_>>>()?;
            let program = board::program(run.noctule.clone())?;
            print(&measure(&run, &program, models)?);
        }
        Verb::Table { models, networks, types, run } => {
            let program = board::program(run.noctule.clone())?;
            let rows = table_rows(&models, &networks, &types, &program)?;
            print(&measure(&run, &program, rows)?);
        }
        Verb::Board { model, run } => {
            let program = board::program(run.noctule.clone())?;
            let model = models::describe(&board::fetch(&program, &model)?)?;
            let record = measure(&run, &program, vec![model])?;
            print(&record);
            print!("{}", board::compare(&record, &board::predictions()?));
            println!("\nPlease send {} back.", run.record.display());
        }
        Verb::Render { record } => {
            for path in record {
                println!("# {}\n", path.display());
                print(&Record::read(&path)?);
            }
        }
        Verb::Bandwidth { threads } => println!("{:.2}", bandwidth::measure(threads)?),
        #[cfg(feature = "whisper-rs")]
        Verb::WhisperRs { job, model, threads, clip } => whisper_rs::run(job, &model, threads, &clip)?,
    }
    Ok(())
}

fn print(record: &Record) {
    print!("{}", report::markdown(record));
}

/// The rows of whole networks.
fn table_rows(folder: &Path, networks: &[String], types: &[String], program: &Path) -> Result<Vec<ModelFile>> {
    let mut rows = Vec::new();
    for network in networks {
        let all = models::types_of(network);
        for ty in all.into_iter().filter(|ty| types.is_empty() || types.iter().any(|wanted| wanted == ty)) {
            rows.push(models::describe(&models::find_or_make(folder, network, ty, program)?)?);
        }
    }
    ensure!(!rows.is_empty(), "no type of --types fits these networks");
    Ok(rows)
}

/// Runs the plan of these arguments; returns the whole record.
fn measure(args: &RunArgs, program: &Path, models: Vec<ModelFile>) -> Result<Record> {
    let clip = args.clip.clone().unwrap_or_else(|| board::root().join(CLIP));
    ensure!(clip.is_file(), "there is no {}", clip.display());
    let plan = Plan {
        models,
        engines: engines(args, program)?,
        jobs: args.jobs.clone(),
        threads: args.threads,
        clip,
        rounds: args.rounds,
        budget: args
            .minutes
            .map(|minutes| Duration::try_from_secs_f64(60.0 * minutes))
            .transpose()
            .context("--minutes")?,
        timeout: Duration::from_secs(args.timeout),
    };
    let this = std::env::current_exe().context("finding this program")?;
    let mut writer = Writer::open(&args.record, &header(&plan))?;
    let before = machine::state();
    let progress = runner::run(&plan, &mut writer, &this)?;
    eprintln!("machine before: {before}; after: {}", machine::state());
    if progress == Progress::Stopped {
        eprintln!("the time is over; the same command goes on with {}", args.record.display());
    }
    Record::read(&args.record)
}

fn engines(args: &RunArgs, program: &Path) -> Result<Vec<Engine>> {
    let noctule = |precision| Engine::Noctule { program: program.to_owned(), precision };
    let mut engines = vec![noctule("fast"), noctule("accurate")];
    for given in &args.whisper_cpp {
        let (name, folder) = match given.split_once('=') {
            Some((name, folder)) => (name.to_owned(), PathBuf::from(folder)),
            None => (last_folder(Path::new(given)), PathBuf::from(given)),
        };
        engines.push(Engine::WhisperCpp { name, folder });
    }
    for given in &args.ctranslate2 {
        let (size, folder) =
            given.split_once('=').context("--ctranslate2 is NETWORK=DIR, as in base=models/base-ct2")?;
        for compute_type in &args.ctranslate2_types {
            engines.push(Engine::CTranslate2 {
                python: args.python.clone(),
                size: size.to_owned(),
                folder: folder.into(),
                compute_type: compute_type.clone(),
            });
        }
    }
    #[cfg(feature = "whisper-rs")]
    if args.whisper_rs {
        engines.push(Engine::WhisperRs);
    }
    let names: Vec<String> = engines.iter().map(Engine::name).collect();
    let twice =
        names.iter().enumerate().find(|(i, name)| names[i + 1..].contains(name) && !name.starts_with("CTranslate2"));
    ensure!(
        twice.is_none(),
        "two engines are called {}: give one a name, --whisper-cpp NAME=DIR",
        twice.map_or("", |t| t.1)
    );
    Ok(engines)
}

/// The last part of a path that is not `bin`: the name of a build.
fn last_folder(path: &Path) -> String {
    let parts = path.components().rev().map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.into_iter().find(|part| part != "bin" && part != ".").unwrap_or_default()
}

/// The machine, the programs and the commands.
fn header(plan: &Plan) -> Vec<(String, String)> {
    let mut header: Vec<(String, String)> = Vec::new();
    let mut add = |key: &str, value: String| header.push((key.to_owned(), value));
    add("noctule-bench", env!("CARGO_PKG_VERSION").into());
    add("command", std::env::args().collect::<Vec<_>>().join(" "));
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    add("unix time", time.to_string());
    machine::facts().into_iter().for_each(|(key, value)| add(key, value));
    add("state", machine::state());
    add("threads", plan.threads.to_string());
    add("clip", plan.clip.display().to_string());
    let mut versions: Vec<(String, String)> = Vec::new();
    for engine in &plan.engines {
        let key = if matches!(engine, Engine::Noctule { .. }) { "noctule".into() } else { engine.name() };
        if !versions.iter().any(|(other, _)| *other == key) {
            versions.push((key, engine.version()));
        }
    }
    versions.into_iter().for_each(|(key, value)| add(&key, value));
    for engine in &plan.engines {
        for job in plan.jobs.iter().filter(|job| engine.does(**job, &plan.models[0])) {
            let command = engine.command(*job, &plan.models[0], plan.threads, &plan.clip);
            // The script of CTranslate2 has many lines.
            let words = command.get_args().map(|word| word.to_string_lossy()).filter(|word| !word.contains('\n'));
            let words =
                std::iter::once(command.get_program().to_string_lossy()).chain(words).collect::<Vec<_>>().join(" ");
            add(&format!("{} {}", engine.name(), job.name()), words);
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn run_args(words: &str) -> RunArgs {
        let words = format!("noctule-bench compare -m x.bin {words}");
        match Cli::parse_from(words.split_whitespace()).verb {
            Verb::Compare { run, .. } => run,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn engines_are_named() {
        let args = run_args("--whisper-cpp /x/avx512/bin --whisper-cpp native=/y/bin --ctranslate2 base=/z");
        let names: Vec<String> = engines(&args, Path::new("noctule")).unwrap().iter().map(Engine::name).collect();
        let expected = [
            "noctule fast",
            "noctule accurate",
            "whisper.cpp avx512",
            "whisper.cpp native",
            "CTranslate2 int8",
            "CTranslate2 float32",
        ];
        assert_eq!(names, expected);
        let twice = engines(&run_args("--whisper-cpp /x/a/bin --whisper-cpp /y/a/bin"), Path::new("noctule"));
        assert!(twice.unwrap_err().to_string().contains("whisper.cpp a"));
        assert!(engines(&run_args("--ctranslate2 /z"), Path::new("noctule")).is_err());
    }

    #[test]
    fn networks_become_rows() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["base.bin", "base-q5_k.bin", "tiny.en.bin"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let rows = |networks: &str, types: &str| {
            let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            table_rows(folder.path(), &split(networks), &split(types), Path::new("/nonexistent/noctule"))
        };
        let names: Vec<String> =
            rows("base tiny.en", "f16 q5_k").unwrap().into_iter().map(|model| model.name).collect();
        assert_eq!(names, ["base", "base-q5_k", "tiny.en"]);
        assert!(rows("tiny.en", "q5_k").is_err());
        assert!(rows("base", "q8_0").is_err(), "it cannot be made without noctule");
    }
}
