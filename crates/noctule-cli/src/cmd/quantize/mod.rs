//! `noctule quantize`: arguments → plans → files, with a word on each.

mod picture;
pub mod plans;
mod quality;
mod report;
mod target;
pub mod types;

use crate::args::QuantizeArgs;
use crate::cmd::progress::Progress;
use crate::failure::Failure;
use crate::store::{self, quantised};
use crate::{interrupt, terminal};
use noctule::Model;
use noctule_quant::{Error, Plan};
use report::Report;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use target::Target;

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
    let path = store::resolve(&args.model);
    let (target, overwrite) = match Target::of_whisper_quantize(args)? {
        Some(target) => (target, true),
        None => (Target::new(args, &path)?, args.overwrite),
    };
    let model = open(&path)?;
    let job = Job { model: &model, target, overwrite, quiet: args.quiet, threads: threads(args.threads) };
    job.check_targets()?;
    let plans = plans::make(args, &model, &job.target.kinds())?;
    let (mut report, files) = job.run(plans, args.output_dir.as_deref())?;
    if !args.quiet {
        report.lines().iter().for_each(|line| terminal::notice(false, line));
    }
    if args.report {
        report.quality = Some(quality::measure(args, &model, &files)?);
    }
    if args.json { print_json(&report) } else { Ok(()) }
}

/// Makes one file of one type, whose name or number is `ty`, and replaces what is there.
///
/// # Errors
/// As [`run`].
pub fn one(model: &Path, output: &Path, ty: &str) -> Result<Report, Failure> {
    let kind = types::parse_kind(ty)?;
    let model = open(model)?;
    let target = Target::Files(vec![(kind, output.to_owned())]);
    let job = Job { model: &model, target, overwrite: true, quiet: true, threads: threads(None) };
    job.check_targets()?;
    Ok(job.run(vec![kind.plan(&model)?], None)?.0)
}

/// Opens a model of the store or a path.
///
/// # Errors
/// [`Failure::Work`] if there is none.
pub fn open(given: &Path) -> Result<Model, Failure> {
    let path = store::resolve(given);
    if !path.exists() {
        return Err(store::missing(given));
    }
    Model::open(&path).map_err(Failure::work)
}

/// Runs `work` with a bar for the model of this name; what it is given tells how much of how much is done, and hears
/// whether to go on.
pub fn with_bar<T>(name: &str, quiet: bool, work: impl FnOnce(&mut dyn FnMut(u64, u64) -> bool) -> T) -> T {
    with_bar_from(name, quiet, LARGE, work)
}

fn with_bar_from<T>(
    name: &str,
    quiet: bool,
    least: f64,
    work: impl FnOnce(&mut dyn FnMut(u64, u64) -> bool) -> T,
) -> T {
    let mut bar = Progress::new(name, quiet, least);
    interrupt::listen();
    let result = work(&mut |done, total| {
        bar.update(done as f64, total as f64);
        !interrupt::requested()
    });
    bar.finish();
    result
}

/// The threads that were asked for, or all processors.
pub fn threads(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
}

/// Ctrl-C is no failure of the work.
fn failure(error: Error) -> Failure {
    match error {
        Error::Stopped => Failure::Interrupted(error.to_string(), None),
        _ => Failure::work(error),
    }
}

/// Which files to make of a model.
struct Job<'a> {
    model: &'a Model,
    target: Target,
    /// Whether a file that is there is replaced.
    overwrite: bool,
    quiet: bool,
    threads: usize,
}

impl Job<'_> {
    /// Writes a file for each plan, in the order of the target; what was written, and where it lies.
    fn run(&self, plans: Vec<Plan>, folder: Option<&Path>) -> Result<(Report, Vec<PathBuf>), Failure> {
        let started = Instant::now();
        let outputs: Vec<(Plan, PathBuf)> = match &self.target {
            Target::Files(files) => {
                let outputs: Vec<_> = plans.into_iter().zip(files.iter().map(|(_, path)| path.clone())).collect();
                if let Some(folder) = folder {
                    let failed = |error| format!("cannot make the folder '{}': {error}", folder.display());
                    fs::create_dir_all(folder).map_err(|error| Failure::Work(failed(error)))?;
                }
                let written = with_bar(self.model.name(), self.quiet, |progress| {
                    noctule_quant::quantize(self.model, &outputs, self.threads, progress)
                });
                written.map_err(failure)?;
                outputs
            }
            Target::Store(store, source, kinds) => {
                let mut wanted = Vec::new();
                for (kind, plan) in kinds.iter().zip(plans) {
                    let name = quantised::name(source, &kind.name());
                    let waiting = || terminal::notice(self.quiet, &format!("{name}: waiting for another process"));
                    let lock = store.lock(&name, waiting)?;
                    // Another process may have made it meanwhile.
                    self.check_target(&store.path(&name))?;
                    wanted.push(quantised::Wanted { plan, name, lock });
                }
                let outputs = wanted.iter().map(|one| (one.plan.clone(), store.path(&one.name))).collect();
                with_bar(source, self.quiet, |progress| {
                    quantised::make(store, source, self.model, wanted, self.threads, progress)
                })?;
                outputs
            }
        };
        let report = Report::new(self.model, &outputs, started.elapsed().as_secs_f64())?;
        Ok((report, outputs.into_iter().map(|(_, path)| path).collect()))
    }

    /// Refuses what would be lost before anything is measured.
    fn check_targets(&self) -> Result<(), Failure> {
        match &self.target {
            Target::Files(files) => files.iter().try_for_each(|(_, path)| self.check_target(path)),
            Target::Store(store, source, kinds) => {
                kinds.iter().try_for_each(|kind| self.check_target(&store.path(&quantised::name(source, &kind.name()))))
            }
        }
    }

    fn check_target(&self, path: &Path) -> Result<(), Failure> {
        let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
        if self.model.path().is_some_and(|model| same(path, model)) {
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
