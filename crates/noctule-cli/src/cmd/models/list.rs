//! `noctule models list`.

use super::{print, print_json, table};
use crate::args::ListArgs;
use crate::failure::Failure;
use crate::store::Store;
use crate::store::catalogue::{self, Entry};
use crate::store::space::size;
use noctule::Model;
use serde::Serialize;
use std::fs;

#[derive(Debug, Serialize)]
struct Listing {
    folder: String,
    installed: Vec<Installed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<Vec<Available>>,
}

#[derive(Debug, Serialize)]
struct Installed {
    name: String,
    size_bytes: u64,
    languages: String,
    #[serde(rename = "type")]
    kind: String,
    source: Option<String>,
    /// Why the file cannot be used.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct Available {
    #[serde(flatten)]
    entry: &'static Entry,
    languages: &'static str,
    installed: bool,
}

/// Lists.
pub fn run(args: &ListArgs) -> Result<bool, Failure> {
    let store = Store::open()?;
    let installed: Vec<Installed> = store.installed()?.into_iter().map(|name| look(&store, name)).collect();
    let is_there = |name: &str| installed.iter().any(|model| model.name == name);
    let available = (!args.installed).then(|| {
        let entries = catalogue::entries().iter();
        entries
            .map(|entry| Available { entry, languages: entry.languages(), installed: is_there(entry.name) })
            .collect()
    });
    let listing = Listing { folder: store.root().display().to_string(), installed, available };
    match args.json {
        true => print_json(&listing)?,
        false => print(&shown(&listing))?,
    }
    Ok(true)
}

fn look(store: &Store, name: String) -> Installed {
    let path = store.path(&name);
    let source = store.record(&name).map(|record| record.source);
    let size_bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
    match Model::open(&path) {
        Ok(model) => Installed {
            name,
            size_bytes,
            languages: languages(&model),
            kind: model.weight_type().to_string(),
            source,
            problem: None,
        },
        Err(error) => Installed {
            name,
            size_bytes,
            languages: String::new(),
            kind: String::new(),
            source,
            problem: Some(error.kind().to_string()),
        },
    }
}

/// "English" or "99 languages".
pub(super) fn languages(model: &Model) -> String {
    match model.vocab().is_multilingual() {
        true => format!("{} languages", model.vocab().num_languages()),
        false => "English".into(),
    }
}

fn shown(listing: &Listing) -> String {
    let mut text = match listing.installed.is_empty() {
        true => format!("No models in {}.\n", listing.folder),
        false => format!("Installed in {}:\n", listing.folder),
    };
    let rows = listing.installed.iter().map(|model| {
        let what = model.problem.as_ref().map_or(model.languages.clone(), |problem| format!("damaged: {problem}"));
        vec![format!("  {}", model.name), model.kind.clone(), size(model.size_bytes), what]
    });
    text += &table(&rows.collect::<Vec<_>>());
    let Some(available) = &listing.available else { return text };
    text += "\nPublished (* installed), for 'noctule models pull NAME':\n";
    let rows = available.iter().map(|model| {
        let entry = model.entry;
        let mark = if model.installed { "*" } else { " " };
        let digest = if entry.sha1.is_some() { "digest listed" } else { "" };
        let cells = [&format!("{mark} {}", entry.name), entry.kind, &size(entry.size_bytes), model.languages];
        cells.iter().map(ToString::to_string).chain([entry.family.to_owned(), digest.to_owned()]).collect()
    });
    text + &table(&rows.collect::<Vec<Vec<String>>>())
}
