//! `noctule models`: the verbs that look after the store.

mod convert;
mod info;
mod list;
#[cfg(feature = "download")]
mod pull;
mod rm;
mod verify;

#[cfg(feature = "download")]
pub use pull::fetch;

use crate::args::{ModelsArgs, ModelsVerb};
use crate::failure::Failure;
use crate::store;
use serde::Serialize;
use std::io::{self, Write};

/// Obeys; returns whether everything that was asked for could be done.
pub fn run(args: &ModelsArgs) -> Result<bool, Failure> {
    match &args.verb {
        ModelsVerb::List(args) => list::run(args),
        #[cfg(feature = "download")]
        ModelsVerb::Pull(args) => pull::run(args),
        #[cfg(not(feature = "download"))]
        ModelsVerb::Pull(_) => Err(Failure::usage("this program was built without the feature 'download'")),
        ModelsVerb::Info(args) => info::run(args),
        ModelsVerb::Convert(args) => convert::run(args),
        ModelsVerb::Verify(args) => verify::run(args),
        ModelsVerb::Rm(args) => rm::run(args),
    }
}

/// The name that a word means.
fn name(word: &str) -> Result<String, Failure> {
    store::canonical(word).ok_or_else(|| {
        let known = "names are those of 'noctule models list'";
        Failure::usage(format!("'{word}' cannot be the name of a model; {known}"))
    })
}

/// Prints to standard output.
fn print(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::work(format!("cannot write to standard output: {error}")),
    })
}

/// Prints a value as one line of JSON.
fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(Failure::work)?;
    print(&format!("{text}\n"))
}

/// Columns side by side, the widest cell deciding.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
