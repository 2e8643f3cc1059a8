//! `noctule eval`: arguments → grid → plan → measurements → report.

pub mod families;
mod follow;
mod inner;
mod prepare;
mod shelf;
mod smoke;
mod sounds;

pub use inner::inner_process;
pub use prepare::{cores, speed};

use crate::args::{Budget, EvalArgs};
use crate::failure::Failure;
use crate::{interrupt, terminal};
use follow::Follow;
use noctule_eval::board::Root;
use noctule_eval::board::meter::Meter;
use noctule_eval::journal::{Journal, Record};
use noctule_eval::report::{self, Options};
use noctule_eval::run::{End, Evaluator, Plan, Setup};
use noctule_eval::summary::{Evidence, summarize};
use noctule_eval::{Error, plan};
use sounds::Decoder;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The machine's files come from below this folder instead of `/`, for tests.
const ROOT_VARIABLE: &str = "NOCTULE_BOARD_ROOT";

/// Does what the arguments say; `false` if it was stopped before its end.
///
/// # Errors
/// [`Failure::Usage`] for a grid that means nothing, [`Failure::Work`] for what cannot be read or written.
pub fn run(args: &EvalArgs) -> Result<bool, Failure> {
    if let Some(folder) = &args.report {
        return report_on(folder, args).map(|()| true);
    }
    interrupt::listen();
    match &args.resume {
        Some(folder) => go_on(folder, args),
        None => begin(args),
    }
}

/// The machine.
pub fn root() -> Root {
    std::env::var_os(ROOT_VARIABLE).map_or_else(Root::default, |folder| Root::at(PathBuf::from(folder)))
}

fn begin(args: &EvalArgs) -> Result<bool, Failure> {
    if args.dry_run {
        let folder = tempfile::tempdir().map_err(|error| Failure::work(format!("no temporary folder: {error}")))?;
        let records = prepare::records(args, folder.path())?;
        return print_plan(&Plan::from_records(&records), args.json).map(|()| true);
    }
    let folder = prepare::folder(args.output_dir.as_deref())?;
    Journal::refuse(&folder)?;
    let records = prepare::records(args, &folder)?;
    let journal = Journal::create(&folder, &records)?;
    terminal::notice(args.quiet, &format!("measuring into {}", folder.display()));
    if !args.quiet {
        plan::show(&Plan::from_records(&records).cells).lines().for_each(|line| terminal::notice(false, line));
    }
    measure(&folder, journal, &records, args)
}

fn go_on(folder: &Path, args: &EvalArgs) -> Result<bool, Failure> {
    let (journal, content) = Journal::open(folder)?;
    content.warnings.iter().for_each(|warning| terminal::warning(&format!("{}: {warning}", folder.display())));
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    measure(&folder, journal, &content.records, args)
}

/// Measures what is left, then writes the report, whatever ended it.
fn measure(folder: &Path, journal: Journal, records: &[Record], args: &EvalArgs) -> Result<bool, Failure> {
    let plan = Plan::from_records(records);
    let setup = Setup { folder: folder.to_path_buf(), launcher: inner::launcher(), root: root() };
    let mut follow = Follow::new(args.quiet);
    let ended = {
        let mut evaluator = Evaluator::new(&setup, &plan, &Decoder, &mut follow, journal, records)?;
        match args.budget {
            Some(Budget::Seconds(seconds)) => evaluator.set_budget(Some(seconds)),
            Some(Budget::Endless) => evaluator.set_budget(None),
            // A budget was for the first time; who goes on wants the end.
            None if args.resume.is_some() => evaluator.set_budget(None),
            None => {}
        }
        evaluator.run()
    };
    follow.finish();
    let again = format!("noctule eval --resume {}", interrupt::quoted(&folder.display().to_string()));
    match ended {
        Ok(End::Complete) => report_on(folder, args).map(|()| true),
        Ok(End::OutOfTime) => {
            report_on(folder, args)?;
            terminal::notice(args.quiet, "the time was over before everything was measured; to go on:");
            if !args.quiet {
                terminal::command(&again);
            }
            Ok(true)
        }
        Err(Error::Stopped) => {
            report_on(folder, args)?;
            Err(Failure::Interrupted("stopped; the report says what is missing. To go on:".into(), Some(again)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Sums up, writes the report and says what it says.
fn report_on(folder: &Path, args: &EvalArgs) -> Result<(), Failure> {
    let mut evidence = Evidence::read(folder)?;
    if let Some(path) = &args.meter {
        let shift = evidence.import(Meter::read(path)?);
        terminal::notice(args.quiet, &format!("{}: its clock is {shift:+.2} s ahead", path.display()));
    }
    let summary = summarize(&evidence);
    let options = Options { embed_audio_bytes: args.embed_audio };
    // Links in the page start from it.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let files = report::write(&folder, &evidence, &summary, &options)?;
    if args.json {
        return print_json(&summary);
    }
    print(&report::terminal(&evidence, &summary))?;
    files.iter().for_each(|file| terminal::notice(args.quiet, &format!("wrote {}", file.display())));
    Ok(())
}

fn print_plan(plan: &Plan, json: bool) -> Result<(), Failure> {
    if json {
        return print_json(&serde_json::json!({ "models": plan.models, "cells": plan.cells }));
    }
    print(&plan::show(&plan.cells))
}

/// Prints text on standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::work(format!("cannot write to standard output: {error}")),
    })
}

/// Prints one JSON object and a line end.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(Failure::work)?;
    print(&format!("{text}\n"))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Usage(_) | Error::Engine { .. } => Self::usage(error),
            _ => Self::work(error),
        }
    }
}
