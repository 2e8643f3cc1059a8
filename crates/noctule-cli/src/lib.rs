//! The command line of noctule: speech to text for small computers.
//!
//! The words of the user → `short_forms` → `settings` (environment and
//! configuration file) → `args` (what was typed) → `plan` (what it means, with `inputs`
//! and `naming`) → `cmd` (doing it). `terminal` and `failure` say what
//! went wrong, on standard error and as the exit code; `interrupt` hears Ctrl-C.
//!
//! The program is this library's `run`; man page, completions and manual are made from its `command`.
#![forbid(unsafe_code)]

mod args;
mod cmd;
mod failure;
mod inputs;
mod interrupt;
mod manual;
mod naming;
mod plan;
mod settings;
mod short_forms;
mod speech_set;
mod store;
mod terminal;
mod tuned;
mod version;

use args::{Cli, Command};
use clap::CommandFactory;
use clap::error::ErrorKind;
use cmd::whisper_cpp::Program;
use failure::Failure;
use settings::Stop;
use std::ffi::OsString;
use std::process::ExitCode;

pub use manual::manual;

/// A published model's name, and what its server has of it or what is wrong.
#[cfg(feature = "download")]
pub type Checked = (&'static str, Result<String, String>);

/// Asks the servers for every published model, without fetching them; what each has, or what is wrong, by name.
/// `endpoint` counts more than `HF_ENDPOINT`.
///
/// # Errors
/// A sentence when nothing can be asked.
#[cfg(feature = "download")]
pub fn check_catalogue(endpoint: Option<&str>) -> Result<Vec<Checked>, String> {
    let client = store::http::Client::new(endpoint, std::time::Duration::from_secs(30));
    let client = client.map_err(|failure| failure.to_string())?;
    let ask = |entry: &'static store::catalogue::Entry| (entry.name, store::http::compare(&client, entry));
    Ok(store::catalogue::entries().iter().map(ask).collect())
}

/// Does what `words` say, the program's name first; returns the exit code: 0 done, 1 the work failed, 2 wrong usage
/// (`compare` has two more for what it found).
pub fn run(words: impl Iterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.collect();
    if let Some(code) = cmd::eval::inner_process(&words) {
        return code;
    }
    let verb = words.get(1).and_then(|word| word.to_str()).unwrap_or_default().to_owned();
    match obey(words) {
        Ok(code) => ExitCode::from(code),
        Err(Stop::Failure(Failure::ReaderGone)) => ExitCode::SUCCESS,
        Err(Stop::Failure(Failure::Work(message))) => {
            terminal::error(&message);
            ExitCode::FAILURE
        }
        Err(Stop::Failure(Failure::Interrupted(message, command))) => {
            terminal::error(&message);
            command.iter().for_each(|command| terminal::command(command));
            ExitCode::FAILURE
        }
        Err(Stop::Failure(Failure::Usage(message))) => wrong_usage(&verb, &message),
        Err(Stop::Parser(error)) => {
            // Nobody to read it is no failure.
            let _ = error.print();
            ExitCode::from(u8::from(error.use_stderr()) * 2)
        }
    }
}

/// The definition of the command line.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Returns the exit code.
fn obey(words: Vec<OsString>) -> Result<u8, Stop> {
    let code = |is_done: bool| u8::from(!is_done);
    if let Some((program, words)) = Program::of(&words) {
        return Ok(code(program.run(words)?));
    }
    let words = short_forms::expand(words.into_iter()).map_err(Failure::Usage)?;
    let cli = settings::parse(&words)?;
    match cli.command {
        _ if cli.version => version::print(cli.json)?,
        Some(Command::Transcribe(args)) => return Ok(code(cmd::transcribe::run(&plan::Plan::new(&args)?)?)),
        Some(Command::Listen(args)) => cmd::listen::run(&args)?,
        Some(Command::Quantize(args)) => cmd::quantize::run(&args)?,
        Some(Command::Imatrix(args)) => return Ok(code(cmd::imatrix::run(&args)?)),
        Some(Command::Eval(args)) => return Ok(code(cmd::eval::run(&args)?)),
        Some(Command::Recommend(args)) => return Ok(code(cmd::recommend::run(&args)?)),
        Some(Command::Compare(args)) => return Ok(cmd::compare::run(&args)?),
        Some(Command::Doctor(args)) => cmd::doctor::run(&args)?,
        Some(Command::Models(args)) => return Ok(code(cmd::models::run(&args)?)),
        Some(Command::Bench(args)) => cmd::bench::run(&args)?,
        Some(Command::WhisperCli(args)) => return Ok(code(Program::Cli.run(&args.words)?)),
        Some(Command::WhisperBench(args)) => return Ok(code(Program::Bench.run(&args.words)?)),
        Some(Command::WhisperQuantize(args)) => return Ok(code(Program::Quantize.run(&args.words)?)),
        None => return Err(Failure::usage("a command is needed").into()),
    }
    Ok(0)
}

/// Says what is wrong in the manner of the argument parser.
fn wrong_usage(verb: &str, message: &str) -> ExitCode {
    let mut command = Cli::command();
    command.build();
    let named = command.find_subcommand_mut(verb);
    let error = named.map(|verb| verb.error(ErrorKind::ValueValidation, message));
    match error {
        Some(error) => drop(error.print()),
        None => terminal::error(message),
    }
    ExitCode::from(2)
}
