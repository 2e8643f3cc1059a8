//! `noctule models convert`.

use super::{name, print, print_json};
use crate::args::{ConvertArgs, FormatArg, TypeArg};
use crate::failure::Failure;
use crate::store::{self, Record, Store, digest};
use crate::terminal;
use noctule::Model;
use noctule_model::convert::{self, Report, Settings, Target};
use noctule_model::{Error, ErrorKind};
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, Serialize)]
struct Converted {
    path: String,
    /// What the source is.
    source: &'static str,
    dimensions: String,
    merged: usize,
    tensors: Vec<Mapped>,
    left_out: Vec<LeftOut>,
}

#[derive(Debug, Serialize)]
struct Mapped {
    from: String,
    to: String,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    name: String,
    reason: String,
}

/// Converts.
pub fn run(args: &ConvertArgs) -> Result<bool, Failure> {
    if args.to == FormatArg::Safetensors {
        return to_safetensors(args);
    }
    if !args.source.exists() {
        return Err(Failure::work(format!("there is no checkpoint '{}'", args.source.display())));
    }
    let (report, path) = match &args.output {
        Some(path) => (to_ggml(args, path)?, path.clone()),
        None => install(args)?,
    };
    tell(args, report, &path)?;
    Ok(true)
}

/// Converts into the store.
fn install(args: &ConvertArgs) -> Result<(Report, PathBuf), Failure> {
    let name = match (&args.name, args.source.file_stem().and_then(|stem| stem.to_str())) {
        (Some(word), _) => name(word)?,
        (None, Some(stem)) => store::canonical(stem).ok_or_else(|| Failure::usage("--name or --output is needed"))?,
        (None, None) => return Err(Failure::usage("--name or --output is needed")),
    };
    let store = Store::open()?;
    let lock = store.lock(&name, || terminal::notice(false, &format!("{name}: waiting for another process")))?;
    if store.path(&name).exists() {
        return Err(Failure::work(format!(
            "{name} is installed already: 'noctule models rm {name}', or --name another"
        )));
    }
    let aside = store.partial(&name).with_extension("copy");
    let report = to_ggml(args, &aside)?;
    let error = |error: &std::io::Error| Failure::work(format!("cannot read {}: {error}", aside.display()));
    let sums = digest::of_file(&aside).map_err(|e| error(&e))?;
    let size_bytes = std::fs::metadata(&aside).map_err(|e| error(&e))?.len();
    let checked = vec![format!("converted from a {}", report.source)];
    let source = args.source.display().to_string();
    let path = store.install(&lock, &name, &aside, &Record { source, size_bytes, sha256: sums.sha256, checked })?;
    Ok((report, path))
}

fn to_ggml(args: &ConvertArgs, path: &Path) -> Result<Report, Failure> {
    let target = match args.kind {
        TypeArg::F16 => Target::F16,
        TypeArg::F32 => Target::F32,
        TypeArg::Keep => Target::Keep,
    };
    let convert = |vocab: Option<&Path>| {
        convert::to_ggml(&args.source, Settings { target, vocab, lora: args.lora.as_deref() }, path)
    };
    match convert(args.vocab.as_deref()) {
        Err(error) if matches!(error.kind(), ErrorKind::NoVocabulary { .. }) => match vocabulary(&error) {
            Some(vocab) => {
                let result = convert(Some(vocab.path()));
                terminal::notice(args.json, &format!("token texts taken from {}", vocab.name()));
                result
            }
            None => Err(error),
        },
        result => result,
    }
    .map_err(Failure::work)
}

/// Token texts of the right kind that are on this machine.
enum Vocabulary {
    Installed(String, PathBuf),
    #[cfg(feature = "embedded-model")]
    Embedded(tempfile::NamedTempFile),
}

impl Vocabulary {
    fn path(&self) -> &Path {
        match self {
            Self::Installed(_, path) => path,
            #[cfg(feature = "embedded-model")]
            Self::Embedded(file) => file.path(),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Installed(name, _) => name,
            #[cfg(feature = "embedded-model")]
            Self::Embedded(_) => "the embedded model",
        }
    }
}

/// An installed model of the kind that `error` misses, or the embedded one.
fn vocabulary(error: &Error) -> Option<Vocabulary> {
    let ErrorKind::NoVocabulary { n_vocab } = error.kind() else { return None };
    let multilingual = *n_vocab >= 51865;
    let store = Store::open().ok()?;
    let fits = |name: &String| {
        Model::open(&store.path(name))
            .is_ok_and(|m| m.vocab().is_multilingual() == multilingual && m.notes().is_empty())
    };
    if let Some(name) = store.installed().ok()?.into_iter().find(fits) {
        let path = store.path(&name);
        return Some(Vocabulary::Installed(name, path));
    }
    #[cfg(feature = "embedded-model")]
    if !multilingual {
        let embedded = noctule::embedded_model().ok()?;
        let mut file = tempfile::NamedTempFile::new().ok()?;
        noctule_model::write::header(&mut file, embedded.header()).ok()?;
        return Some(Vocabulary::Embedded(file));
    }
    None
}

fn to_safetensors(args: &ConvertArgs) -> Result<bool, Failure> {
    let Some(folder) = &args.output else {
        return Err(Failure::usage("--to safetensors needs --output DIR"));
    };
    let source = store::resolve(&args.source);
    let model = crate::cmd::transcribe::model::load(&crate::plan::ModelChoice::File(source), true)?;
    convert::to_safetensors(&model, folder).map_err(Failure::work)?;
    if !args.json {
        let count = model.tensors().count();
        print(&format!("{}: {count} tensors, config.json and vocab.json in {}\n", model.name(), folder.display()))?;
    }
    Ok(true)
}

fn tell(args: &ConvertArgs, report: Report, path: &Path) -> Result<(), Failure> {
    if args.json {
        return print_json(&Converted {
            path: path.display().to_string(),
            source: report.source,
            dimensions: report.hparams.display_name(),
            merged: report.merged,
            tensors: report.mapped.into_iter().map(|(from, to)| Mapped { from, to }).collect(),
            left_out: report.left_out.into_iter().map(|(name, reason)| LeftOut { name, reason }).collect(),
        });
    }
    let mut text = String::new();
    if args.tensors {
        report.mapped.iter().for_each(|(from, to)| text += &format!("{from} → {to}\n"));
    }
    report.left_out.iter().for_each(|(name, reason)| text += &format!("{name} left out: {reason}\n"));
    let merged = if report.merged > 0 { format!(", {} changed by the adapter", report.merged) } else { String::new() };
    let (source, size, count) = (report.source, report.hparams.display_name(), report.mapped.len());
    text += &format!("{source}, dimensions of {size}: {count} tensors mapped{merged}: written to {}\n", path.display());
    print(&text)
}
