//! `noctule quantize`: arguments → plans → files, with a word on each.

mod report;
pub mod types;

use crate::args::QuantizeArgs;
use crate::cmd::progress::Progress;
use crate::failure::Failure;
use crate::store::{self, Store, quantised};
use crate::{interrupt, terminal};
use noctule::Model;
use noctule_quant::{GgmlType, Plan};
use report::Report;
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
    let wanted = Wanted::new(args)?;
    let report = wanted.make(args.threads, args.quiet)?;
    if !args.quiet {
        report.lines().iter().for_each(|line| terminal::notice(false, line));
    }
    if args.json { print(&report) } else { Ok(()) }
}

/// Makes one file of one type, whose name or number is `ty`, and replaces what is there.
///
/// # Errors
/// As [`run`].
pub fn one(model: &Path, output: &Path, ty: &str) -> Result<Report, Failure> {
    let ty = types::parse_or_number(ty).map_err(Failure::Usage)?;
    let target = Target::Files(vec![(ty, output.to_owned())]);
    Wanted { model: store::resolve(model), target, folder: None, overwrite: true }.make(None, true)
}

/// Runs `work` with a bar for the model of this name; what it is given tells how many source bytes are done, and hears
/// whether to go on.
pub fn with_bar<T>(name: &str, quiet: bool, work: impl FnOnce(&mut dyn FnMut(u64, u64) -> bool) -> T) -> T {
    let mut bar = Progress::new(name, quiet, LARGE);
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

/// What the arguments mean.
struct Wanted {
    model: PathBuf,
    target: Target,
    /// A folder to make for the results.
    folder: Option<PathBuf>,
    /// Whether a file that is there is replaced.
    overwrite: bool,
}

/// Where the results go.
enum Target {
    Files(Vec<(GgmlType, PathBuf)>),
    /// Beside their source, a model of the store, under its name and the type's.
    Store(Store, String, Vec<GgmlType>),
}

impl Wanted {
    fn new(args: &QuantizeArgs) -> Result<Wanted, Failure> {
        let model = store::resolve(&args.model);
        if let Some(target) = Target::of_whisper_quantize(args)? {
            return Ok(Wanted { model, target, folder: None, overwrite: true });
        }
        let mut all: Vec<GgmlType> = Vec::new();
        for name in &args.types {
            let ty = types::parse(name).map_err(Failure::Usage)?;
            if !all.contains(&ty) {
                all.push(ty);
            }
        }
        let installed = || {
            let store = Store::open().ok()?;
            let name = model.file_stem()?.to_str()?.to_owned();
            (model != args.model && store.path(&name) == model).then_some((store, name))
        };
        let target = match (&args.output_dir, installed()) {
            (None, Some((store, name))) => Target::Store(store, name, all),
            (folder, _) => Target::beside(&model, folder.as_deref(), &all),
        };
        Ok(Wanted { model, target, folder: args.output_dir.clone(), overwrite: args.overwrite })
    }

    fn make(&self, threads: Option<u16>, quiet: bool) -> Result<Report, Failure> {
        if !self.model.exists() {
            return Err(store::missing(&self.model));
        }
        let model = Model::open(&self.model).map_err(Failure::work)?;
        let plan = |ty: &GgmlType| Plan::new(&model, *ty).map_err(Failure::work);
        let (started, threads) = (Instant::now(), self::threads(threads));
        let outputs = match &self.target {
            Target::Files(files) => {
                let mut outputs = Vec::new();
                for (ty, path) in files {
                    self.check_target(path)?;
                    outputs.push((plan(ty)?, path.clone()));
                }
                if let Some(folder) = &self.folder {
                    let failed = |error| format!("cannot make the folder '{}': {error}", folder.display());
                    fs::create_dir_all(folder).map_err(|error| Failure::Work(failed(error)))?;
                }
                let written = with_bar(model.name(), quiet, |progress| {
                    noctule_quant::quantize(&model, &outputs, threads, progress)
                });
                written.map_err(|error| match error {
                    noctule_quant::Error::Stopped => Failure::Interrupted(error.to_string(), None),
                    _ => Failure::work(error),
                })?;
                outputs
            }
            Target::Store(store, source, types) => {
                let mut wanted = Vec::new();
                for ty in types {
                    let name = quantised::name(source, *ty);
                    let waiting = || terminal::notice(quiet, &format!("{name}: waiting for another process"));
                    let lock = store.lock(&name, waiting)?;
                    self.check_target(&store.path(&name))?;
                    wanted.push(quantised::Wanted { plan: plan(ty)?, name, lock });
                }
                let outputs = wanted.iter().map(|one| (one.plan.clone(), store.path(&one.name))).collect();
                with_bar(source, quiet, |progress| quantised::make(store, source, &model, wanted, threads, progress))?;
                outputs
            }
        };
        Report::new(&model, &outputs, started.elapsed().as_secs_f64())
    }

    fn check_target(&self, path: &Path) -> Result<(), Failure> {
        let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
        if same(path, &self.model) {
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

impl Target {
    /// STEM-TYPE.bin in `folder`, or in the model's.
    fn beside(model: &Path, folder: Option<&Path>, types: &[GgmlType]) -> Target {
        let folder = folder.or_else(|| model.parent()).unwrap_or_else(|| Path::new(""));
        let file = |ty: &GgmlType| {
            let mut file = model.file_stem().unwrap_or_default().to_owned();
            file.push(format!("-{ty}.bin"));
            (*ty, folder.join(file))
        };
        Target::Files(types.iter().map(file).collect())
    }

    /// `IN OUT TYPE`: the middle word is a path, not a type.
    fn of_whisper_quantize(args: &QuantizeArgs) -> Result<Option<Target>, Failure> {
        let [out, ty] = args.types.as_slice() else { return Ok(None) };
        let path = out.contains(['.', '/', std::path::MAIN_SEPARATOR]);
        if !path {
            return Ok(None);
        }
        if args.output_dir.is_some() {
            return Err(Failure::usage(format!("'{out}' names the file already: leave --output-dir out")));
        }
        let ty = types::parse_or_number(ty).map_err(Failure::Usage)?;
        Ok(Some(Target::Files(vec![(ty, out.into())])))
    }
}

fn print(report: &Report) -> Result<(), Failure> {
    let text = serde_json::to_string(report).map_err(Failure::work)?;
    writeln!(io::stdout(), "{text}").map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::work(format!("cannot write to standard output: {error}")),
    })
}
