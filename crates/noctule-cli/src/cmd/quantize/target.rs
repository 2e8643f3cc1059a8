//! Where the results go.

use super::plans::Kind;
use super::types;
use crate::args::QuantizeArgs;
use crate::failure::Failure;
use crate::store::Store;
use std::path::{Path, PathBuf};

/// Files, or models of the store.
pub enum Target {
    /// Each kind and its file.
    Files(Vec<(Kind, PathBuf)>),
    /// Beside their source, a model of the store, under its name and the kind's.
    Store(Store, String, Vec<Kind>),
}

impl Target {
    /// What the arguments mean for the model that they name, which lies at `model`.
    ///
    /// # Errors
    /// [`Failure::Usage`] for kinds that there are not.
    pub fn new(args: &QuantizeArgs, model: &Path) -> Result<Target, Failure> {
        let mut all: Vec<Kind> = Vec::new();
        for kind in Kind::all(args)? {
            if !all.contains(&kind) {
                all.push(kind);
            }
        }
        let installed = || {
            let store = Store::open().ok()?;
            let name = model.file_stem()?.to_str()?.to_owned();
            (model != args.model && store.path(&name) == model).then_some((store, name))
        };
        Ok(match (&args.output_dir, installed()) {
            (None, Some((store, name))) => Target::Store(store, name, all),
            (folder, _) => Target::beside(model, folder.as_deref(), &all),
        })
    }

    /// STEM-KIND.bin in `folder`, or in the model's.
    fn beside(model: &Path, folder: Option<&Path>, kinds: &[Kind]) -> Target {
        let folder = folder.or_else(|| model.parent()).unwrap_or_else(|| Path::new(""));
        let file = |kind: &Kind| {
            let mut file = model.file_stem().unwrap_or_default().to_owned();
            file.push(format!("-{}.bin", kind.name()));
            (*kind, folder.join(file))
        };
        Target::Files(kinds.iter().map(file).collect())
    }

    /// `IN OUT TYPE`: the middle word is a path, not a type.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a type that there is not, or a folder that would not count.
    pub fn of_whisper_quantize(args: &QuantizeArgs) -> Result<Option<Target>, Failure> {
        let [out, ty] = args.types.as_slice() else { return Ok(None) };
        let path = out.contains(['.', '/', std::path::MAIN_SEPARATOR]);
        if !path {
            return Ok(None);
        }
        if args.output_dir.is_some() {
            return Err(Failure::usage(format!("'{out}' names the file already: leave --output-dir out")));
        }
        Ok(Some(Target::Files(vec![(types::parse_kind(ty)?, out.into())])))
    }

    /// What is to be made, in its order.
    pub fn kinds(&self) -> Vec<Kind> {
        match self {
            Target::Files(files) => files.iter().map(|(kind, _)| *kind).collect(),
            Target::Store(_, _, kinds) => kinds.clone(),
        }
    }
}
