//! The command line of noctule: speech to text for small computers.
//!
//! The words of the user → [`short_forms`] → [`args`] (what was typed) →
//! [`plan`] (what it means) → [`cmd`] (doing it). [`terminal`] and [`failure`]
//! say what went wrong, on standard error and as the exit code;
//! [`interrupt`] hears Ctrl-C.
#![forbid(unsafe_code)]

mod args;
mod cmd;
mod failure;
mod interrupt;
mod plan;
mod short_forms;
mod terminal;
mod version;

use args::{Cli, Command};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(true) | Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Failure::Work(message) | Failure::Interrupted(message)) => {
            terminal::error(&message);
            ExitCode::FAILURE
        }
        Err(Failure::Usage(message)) => wrong_usage(&message),
    }
}

fn run() -> Result<bool, Failure> {
    let words = short_forms::expand(std::env::args_os()).map_err(Failure::Usage)?;
    let cli = Cli::parse_from(words);
    match cli.command {
        _ if cli.version => version::print(cli.json).map(|()| true),
        Some(Command::Transcribe(args)) => cmd::transcribe::run(&plan::Plan::new(&args)?),
        None => Err(Failure::usage("a command is needed")),
    }
}

/// Says what is wrong in the manner of the argument parser.
fn wrong_usage(message: &str) -> ExitCode {
    let mut command = Cli::command();
    command.build();
    let named = command.find_subcommand_mut("transcribe");
    let error = named.map(|verb| verb.error(ErrorKind::ValueValidation, message));
    match error {
        Some(error) => drop(error.print()),
        None => terminal::error(message),
    }
    ExitCode::from(2)
}
