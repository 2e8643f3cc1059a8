//! `noctule quantize`: arguments → plans → files, with a word on each.

mod picture;
mod plans;
mod quality;
mod report;
mod types;

use crate::args::QuantizeArgs;
use crate::cmd::imatrix::open;
use crate::cmd::progress::Progress;
use crate::failure::Failure;
use crate::{interrupt, terminal};
use noctule::Model;
use noctule_quant::Plan;
use plans::Kind;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Smaller models are done before a bar would tell anything, bytes.
const LARGE: f64 = 2e7;

/// Does what the arguments say.
///
/// # Errors
/// [`Failure::Usage`] for types that there are not, [`Failure::Work`] for files that cannot be read or
/// written.
pub fn run(args: &QuantizeArgs) -> Result<(), Failure> {
    if args.compare {
        return quality::compare(args);
    }
    let wanted = Wanted::new(args)?;
    let model = open(&wanted.model)?;
    for (_, path) in &wanted.outputs {
        wanted.check_target(path, &model)?;
    }
    let outputs = plans::make(args, &model, &wanted.outputs)?;
    if let Some(folder) = &args.output_dir {
        fs::create_dir_all(folder)
            .map_err(|error| Failure::work(format!("cannot make the folder '{}': {error}", folder.display())))?;
    }
    let started = Instant::now();
    write(args, &model, &outputs)?;
    let seconds = started.elapsed().as_secs_f64();
    let mut report = report::Report::new(&model, &outputs, seconds)?;
    if !args.quiet {
        report.lines().iter().for_each(|line| terminal::notice(false, line));
    }
    if args.report {
        let files: Vec<PathBuf> = outputs.iter().map(|(_, path)| path.clone()).collect();
        report.quality = Some(quality::measure(args, &model, &files)?);
    }
    if args.json { print_json(&report) } else { Ok(()) }
}

fn write(args: &QuantizeArgs, model: &Model, outputs: &[(Plan, PathBuf)]) -> Result<(), Failure> {
    let mut bar = Progress::new(model.name(), args.quiet, LARGE);
    interrupt::listen();
    let mut progress = |done: u64, total: u64| {
        bar.update(done as f64, total as f64);
        !interrupt::requested()
    };
    let result = noctule_quant::quantize(model, outputs, plans::threads(args), &mut progress);
    bar.finish();
    result.map_err(|error| match error {
        noctule_quant::Error::Stopped => Failure::Interrupted(error.to_string(), None),
        _ => Failure::work(error),
    })
}

/// What the arguments mean.
struct Wanted {
    model: PathBuf,
    outputs: Vec<(Kind, PathBuf)>,
    /// Whether a file that is there is replaced.
    overwrite: bool,
}

impl Wanted {
    fn new(args: &QuantizeArgs) -> Result<Wanted, Failure> {
        if let Some(wanted) = Wanted::of_whisper_quantize(args)? {
            return Ok(wanted);
        }
        let folder = args.output_dir.clone().or_else(|| args.model.parent().map(Path::to_path_buf));
        let stem = args.model.file_stem().unwrap_or_default();
        let mut outputs: Vec<(Kind, PathBuf)> = Vec::new();
        for kind in Kind::all(args)? {
            let mut file = stem.to_owned();
            file.push(format!("-{}.bin", kind.name()));
            if outputs.iter().all(|(other, _)| *other != kind) {
                outputs.push((kind, folder.clone().unwrap_or_default().join(file)));
            }
        }
        Ok(Wanted { model: args.model.clone(), outputs, overwrite: args.overwrite })
    }

    /// `IN OUT TYPE`: the middle word is a path, not a type.
    fn of_whisper_quantize(args: &QuantizeArgs) -> Result<Option<Wanted>, Failure> {
        let [out, ty] = args.types.as_slice() else { return Ok(None) };
        let path = out.contains(['.', '/', std::path::MAIN_SEPARATOR]);
        if !path {
            return Ok(None);
        }
        if args.output_dir.is_some() {
            return Err(Failure::usage(format!("'{out}' names the file already: leave --output-dir out")));
        }
        let ty = types::parse_or_number(ty).map_err(Failure::Usage)?;
        Ok(Some(Wanted { model: args.model.clone(), outputs: vec![(Kind::Type(ty), out.into())], overwrite: true }))
    }

    fn check_target(&self, path: &Path, model: &Model) -> Result<(), Failure> {
        let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
        if model.path().is_some_and(|model| same(path, model)) {
            return Err(Failure::work(format!(
                "'{}' is the model itself: write the result to another file",
                path.display()
            )));
        }
        if path.exists() && !self.overwrite {
            return Err(Failure::work(format!("'{}' is there already: add --overwrite to replace it", path.display())));
        }
        Ok(())
    }
}

fn print_json(report: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(report).map_err(Failure::work)?;
    writeln!(io::stdout(), "{text}").map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::work(format!("cannot write to standard output: {error}")),
    })
}
