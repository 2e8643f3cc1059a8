//! `noctule imatrix`: speech → importance.

use crate::args::{ImatrixArgs, ModeArg};
use crate::cmd::progress::Progress;
use crate::cmd::quantize::open;
use crate::failure::Failure;
use crate::speech_set::{self, Entry};
use crate::{interrupt, terminal};
use noctule::{Config, Model, Precision, Transcriber};
use noctule_quant::Importance;
use noctule_quant::importance::{Calibration, Mode, Statistics};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

/// Clips between two writings of the file.
const OFTEN: usize = 10;

/// Does what the arguments say; `false` if a clip could not be read.
///
/// # Errors
/// [`Failure::Work`] for files that cannot be read or written.
pub fn run(args: &ImatrixArgs) -> Result<bool, Failure> {
    if let Some(path) = &args.show {
        print(&Importance::read(path).map_err(Failure::work)?, args.json)?;
        return Ok(true);
    }
    let output = args.output.as_deref().ok_or_else(|| Failure::usage("--output is needed"))?;
    let (importance, whole) = match args.merge.as_slice() {
        [] => listen(args, output)?,
        [first, others @ ..] => (merge(first, others)?, true),
    };
    importance.write(output).map_err(Failure::work)?;
    let (clips, matrices) = (importance.clips().len(), importance.tensors().len());
    terminal::notice(args.quiet, &format!("{}: importance of {matrices} matrices, {clips} clips", output.display()));
    if args.json {
        print(&importance, true)?;
    }
    Ok(whole)
}

fn merge(first: &Path, others: &[std::path::PathBuf]) -> Result<Importance, Failure> {
    let mut sum = Importance::read(first).map_err(Failure::work)?;
    for path in others {
        let other = Importance::read(path).map_err(Failure::work)?;
        sum.merge(&other).map_err(|error| Failure::work(format!("{}: {error}", path.display())))?;
    }
    Ok(sum)
}

/// The importance, and whether all clips could be read.
fn listen(args: &ImatrixArgs, output: &Path) -> Result<(Importance, bool), Failure> {
    let given = args.model.as_deref().ok_or_else(|| Failure::usage("MODEL is needed"))?;
    let model = open_float(given)?;
    let entries = speech_set::find(&args.audio, args.language.as_deref())?;
    let before = match args.resume && output.exists() {
        true => Importance::read_for(output, &model).map_err(Failure::work)?,
        false => Importance::new(&model),
    };
    let left: Vec<_> = entries.iter().filter(|entry| !before.clips().contains(&entry.name())).collect();
    let mode = match args.mode {
        ModeArg::Both => Mode::Both,
        ModeArg::Free => Mode::Free,
        ModeArg::Forced => Mode::Forced,
    };
    let mut bar = Progress::new(model.name(), args.quiet, 1.0);
    let mut calibration = Calibration::new(engine(model, args.threads)?, before).map_err(Failure::work)?;
    interrupt::listen();
    let mut whole = true;
    for (done, entry) in left.iter().enumerate() {
        bar.update(done as f64, left.len() as f64);
        if interrupt::requested() {
            calibration.importance().write(output).map_err(Failure::work)?;
            bar.finish();
            let message = format!("stopped after {done} of {} clips, which {} holds", left.len(), output.display());
            return Err(Failure::Interrupted(message, interrupt::command_with(&["--resume"])));
        }
        let heard = entry.read().map_err(|failure| failure.to_string());
        let heard = heard.and_then(|clip| calibration.hear(&clip, mode).map_err(|error| naming(entry, &error)));
        if let Err(message) = heard {
            whole = false;
            bar.above(|| terminal::error(&message));
        }
        if done % OFTEN == OFTEN - 1 {
            calibration.importance().write(output).map_err(Failure::work)?;
        }
    }
    bar.finish();
    let importance = calibration.finish();
    if importance.clips().is_empty() {
        return Err(Failure::work("no clip could be heard, so there is no importance to write"));
    }
    Ok((importance, whole))
}

/// The engine does not know what it listens to.
fn naming(entry: &Entry, error: &noctule_quant::Error) -> String {
    match error {
        noctule_quant::Error::Engine(error) => format!("{}: {error}", entry.name()),
        other => other.to_string(),
    }
}

fn open_float(given: &Path) -> Result<Model, Failure> {
    let model = open(given)?;
    noctule_quant::Plan::new(&model, noctule_quant::GgmlType::F16).map_err(Failure::work)?;
    Ok(model)
}

/// An engine that rounds nothing: activations are to be seen as they are.
pub fn engine(model: Model, threads: Option<u16>) -> Result<Transcriber, Failure> {
    let threads = threads.map_or(0, usize::from);
    let config = Config { threads, precision: Some(Precision::Accurate), ..Config::default() };
    Transcriber::new(model, config).map_err(Failure::work)
}

#[derive(Serialize)]
struct Shown<'a> {
    model: &'a str,
    clips: usize,
    tensors: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    tensor: String,
    columns: usize,
    rows: u64,
    mean_square: f64,
    top_share: f64,
    effective_columns: f64,
    silent_columns: usize,
}

impl From<Statistics> for Row {
    fn from(s: Statistics) -> Row {
        Row {
            tensor: s.tensor,
            columns: s.columns,
            rows: s.rows,
            mean_square: s.mean_square,
            top_share: s.top_share,
            effective_columns: s.effective_columns,
            silent_columns: s.silent,
        }
    }
}

fn print(importance: &Importance, json: bool) -> Result<(), Failure> {
    let rows: Vec<Row> = importance.statistics().into_iter().map(Row::from).collect();
    let text = if json {
        let shown = Shown { model: importance.model(), clips: importance.clips().len(), tensors: rows };
        serde_json::to_string(&shown).map_err(Failure::work)? + "\n"
    } else {
        let mut text = format!("{}, {} clips\n", importance.model(), importance.clips().len());
        text += "tensor                                 columns      rows  mean square  top 1 %  even columns\n";
        for row in rows {
            text += &format!(
                "{:<38} {:>7} {:>9} {:>12.4} {:>7.1}% {:>13.0}\n",
                row.tensor,
                row.columns,
                row.rows,
                row.mean_square,
                100.0 * row.top_share,
                row.effective_columns
            );
        }
        text
    };
    io::stdout().write_all(text.as_bytes()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::work(format!("cannot write to standard output: {error}")),
    })
}
