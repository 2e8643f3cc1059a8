//! Types, mixes and budgets → which tensor gets which type.

use super::{failure, threads, types, with_bar_from};
use crate::args::QuantizeArgs;
use crate::cmd::imatrix::engine;
use crate::failure::Failure;
use crate::speech_set;
use noctule::Model;
use noctule_quant::quality::{Passage, passages};
use noctule_quant::recipe::{self, Budget, Recipe};
use noctule_quant::sensitivity::Sensitivity;
use noctule_quant::{GgmlType, Importance, Plan};

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
    /// The type or the mix of this name.
    ///
    /// # Errors
    /// A sentence with the nearest name and all names.
    pub fn parse(name: &str) -> Result<Kind, String> {
        match recipe::named(name) {
            Some(recipe) => Ok(Kind::Mix(recipe)),
            None => types::parse(name).map(Kind::Type),
        }
    }

    /// All that the arguments name, in their order.
    ///
    /// # Errors
    /// [`Failure::Usage`] for names that there are not.
    pub fn all(args: &QuantizeArgs) -> Result<Vec<Kind>, Failure> {
        let named = |name: &String| Kind::parse(name).map_err(Failure::Usage);
        let mut kinds = args.types.iter().map(named).collect::<Result<Vec<_>, Failure>>()?;
        kinds.extend(args.target_size.map(|mb| Kind::Best(Budget::Bytes((mb * 1e6) as u64))));
        kinds.extend(args.target_bpw.map(|bits| Kind::Best(Budget::BitsPerWeight(bits))));
        Ok(kinds)
    }

    /// The plan of a type or a mix with a name, without importance.
    ///
    /// # Errors
    /// [`Failure::Work`] if the model cannot be quantised, [`Failure::Usage`] for a budget, which must be measured.
    pub fn plan(&self, model: &Model) -> Result<Plan, Failure> {
        match self {
            Kind::Type(ty) => Plan::new(model, *ty).map_err(Failure::work),
            Kind::Mix(recipe) => recipe.plan(model).map_err(Failure::work),
            Kind::Best(_) => Err(Failure::usage("a budget needs a measurement")),
        }
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
pub fn make(args: &QuantizeArgs, model: &Model, wanted: &[Kind]) -> Result<Vec<Plan>, Failure> {
    let importance = args.imatrix.as_deref().map(|path| Importance::read_for(path, model));
    let importance = importance.transpose().map_err(Failure::work)?;
    let mut sensitivity = None;
    let mut outputs = Vec::new();
    for kind in wanted {
        let plan = match kind {
            Kind::Type(ty) if args.compatible => {
                Plan::new(model, noctule_quant::uniform(model, *ty)).map_err(Failure::work)
            }
            Kind::Type(_) | Kind::Mix(_) => kind.plan(model),
            Kind::Best(budget) if args.compatible => {
                recipe::best_uniform(model, &kind.name(), *budget).map_err(Failure::work)
            }
            Kind::Best(budget) => {
                let known = match sensitivity.take() {
                    Some(known) => known,
                    None => sensitivity_of(args, model, importance.as_ref())?,
                };
                let known = sensitivity.insert(known);
                let (name, threads) = (kind.name(), threads(args.threads));
                recipe::best(model, &name, *budget, known, importance.as_ref(), threads).map_err(Failure::work)
            }
        };
        let mut plan = plan?;
        if let Some(importance) = &importance {
            plan = plan.weighed(importance);
        }
        if let Some(obstacle) = plan.obstacle().filter(|_| args.compatible) {
            return Err(Failure::work(format!("stock whisper.cpp could not read {}: {obstacle}", kind.name())));
        }
        outputs.push(plan);
    }
    Ok(outputs)
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
    let found = with_bar_from("sensitivity", args.quiet, 1.0, |progress| {
        Sensitivity::measure(model, &passages, importance, threads(args.threads), progress)
    });
    let found = found.map_err(failure)?;
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
