//! Types, mixes and budgets → which tensor gets which type.

use super::types;
use crate::args::QuantizeArgs;
use crate::cmd::imatrix::engine;
use crate::cmd::progress::Progress;
use crate::failure::Failure;
use crate::{interrupt, speech_set};
use noctule::Model;
use noctule_quant::quality::{Passage, passages};
use noctule_quant::recipe::{self, Budget, Recipe};
use noctule_quant::sensitivity::Sensitivity;
use noctule_quant::{Error, GgmlType, Importance, Plan};
use std::path::PathBuf;

/// What one file is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// One type, as far as it fits.
    Type(GgmlType),
    /// A mix with a name.
    Mix(Recipe),
    /// The best mix under a budget.
    Best(Budget),
}

impl Kind {
    /// All that the arguments name, in their order.
    ///
    /// # Errors
    /// [`Failure::Usage`] for names that there are not.
    pub fn all(args: &QuantizeArgs) -> Result<Vec<Kind>, Failure> {
        let named = |name: &String| match recipe::named(name) {
            Some(recipe) => Ok(Kind::Mix(recipe)),
            None => types::parse(name).map(Kind::Type).map_err(Failure::Usage),
        };
        let mut kinds = args.types.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        kinds.extend(args.target_size.map(|mb| Kind::Best(Budget::Bytes((mb * 1e6) as u64))));
        kinds.extend(args.target_bpw.map(|bits| Kind::Best(Budget::BitsPerWeight(bits))));
        Ok(kinds)
    }

    /// As it stands in the name of a file.
    pub fn name(&self) -> String {
        match self {
            Kind::Type(ty) => ty.name().to_owned(),
            Kind::Mix(recipe) => recipe.name.to_owned(),
            Kind::Best(Budget::Bytes(bytes)) => format!("{}mb", *bytes as f64 / 1e6),
            Kind::Best(Budget::BitsPerWeight(bits)) => format!("{bits}bpw"),
        }
    }
}

/// A plan for each file.
///
/// # Errors
/// [`Failure::Work`] if the model cannot be quantised, a file of importance or sensitivity does not fit, or no mix
/// does.
pub fn make(args: &QuantizeArgs, model: &Model, wanted: &[(Kind, PathBuf)]) -> Result<Vec<(Plan, PathBuf)>, Failure> {
    let importance = args.imatrix.as_deref().map(|path| Importance::read_for(path, model));
    let importance = importance.transpose().map_err(Failure::work)?;
    let mut sensitivity = None;
    let mut outputs = Vec::new();
    for (kind, path) in wanted {
        let plan = match kind {
            Kind::Type(ty) if args.compatible => Plan::new(model, noctule_quant::uniform(model, *ty)),
            Kind::Type(ty) => Plan::new(model, *ty),
            Kind::Mix(recipe) => recipe.plan(model),
            Kind::Best(budget) if args.compatible => recipe::best_uniform(model, &kind.name(), *budget),
            Kind::Best(budget) => {
                let known = match sensitivity.take() {
                    Some(known) => known,
                    None => sensitivity_of(args, model, importance.as_ref())?,
                };
                let known = sensitivity.insert(known);
                recipe::best(model, &kind.name(), *budget, known, importance.as_ref(), threads(args))
            }
        };
        let mut plan = plan.map_err(Failure::work)?;
        if let Some(importance) = &importance {
            plan = plan.weighed(importance);
        }
        if let Some(obstacle) = plan.obstacle().filter(|_| args.compatible) {
            return Err(Failure::work(format!("stock whisper.cpp could not read {}: {obstacle}", kind.name())));
        }
        outputs.push((plan, path.clone()));
    }
    Ok(outputs)
}

pub fn threads(args: &QuantizeArgs) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.map_or_else(processors, usize::from)
}

/// Reads what each matrix bears, or measures it.
fn sensitivity_of(args: &QuantizeArgs, model: &Model, importance: Option<&Importance>) -> Result<Sensitivity, Failure> {
    if let Some(path) = args.sensitivity.as_deref().filter(|path| path.exists()) {
        return Sensitivity::read_for(path, model).map_err(Failure::work);
    }
    if args.audio.is_empty() {
        return Err(Failure::usage(
            "--target-size and --target-bpw measure on speech what each matrix bears: give some with --audio, or a file \
             of an earlier measurement with --sensitivity",
        ));
    }
    let passages = heard(args, model)?;
    let mut bar = Progress::new("sensitivity", args.quiet, 1.0);
    interrupt::listen();
    let mut progress = |done: u64, total: u64| {
        bar.update(done as f64, total as f64);
        !interrupt::requested()
    };
    let found = Sensitivity::measure(model, &passages, importance, threads(args), &mut progress);
    bar.finish();
    let found = found.map_err(|error| match error {
        Error::Stopped => Failure::Interrupted(error.to_string(), None),
        _ => Failure::work(error),
    })?;
    if let Some(path) = &args.sensitivity {
        found.write(path).map_err(Failure::work)?;
    }
    Ok(found)
}

/// The passages that matrices are measured on, with what the float model hears in them.
fn heard(args: &QuantizeArgs, model: &Model) -> Result<Vec<Passage>, Failure> {
    let entries = speech_set::find(&args.audio, args.language.as_deref())?;
    let most = usize::from(args.passages);
    let Some(path) = model.path() else { unreachable!("quantize opens files") };
    let mut judge = engine(Model::open(path).map_err(Failure::work)?, args.threads)?;
    let mut found = Vec::new();
    for entry in speech_set::spread(&entries, most) {
        found.extend(passages(&mut judge, &entry.read()?).map_err(Failure::work)?);
    }
    Ok(speech_set::spread(&found, most))
}
