//! `noctule models verify`.

use super::{name, print, print_json};
use crate::args::NameArgs;
use crate::failure::Failure;
use crate::store::{Store, catalogue, digest};
use crate::terminal;
use noctule::Model;
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Verdict {
    name: String,
    sha256: Option<String>,
    /// What agrees.
    checked: Vec<String>,
    /// What does not.
    problems: Vec<String>,
}

/// Checks; anything that does not agree is a failure.
pub fn run(args: &NameArgs) -> Result<bool, Failure> {
    let store = Store::open()?;
    let names = args.names.iter().map(|word| name(word)).collect::<Result<Vec<_>, _>>()?;
    let mut good = true;
    for name in names {
        let verdict = verify(&store, name);
        good &= verdict.problems.is_empty();
        if args.json {
            print_json(&verdict)?;
            continue;
        }
        if verdict.problems.is_empty() {
            print(&format!("{}: {}\n", verdict.name, verdict.checked.join(", ")))?;
        }
        verdict.problems.iter().for_each(|problem| terminal::error(&format!("{}: {problem}", verdict.name)));
    }
    Ok(good)
}

fn verify(store: &Store, name: String) -> Verdict {
    let mut verdict = Verdict { name, sha256: None, checked: Vec::new(), problems: Vec::new() };
    let path = store.path(&verdict.name);
    if !path.is_file() {
        verdict.problems.push(format!("not installed; 'noctule models pull {}' fetches it", verdict.name));
        return verdict;
    }
    let again = format!("remove it with 'noctule models rm {0}' and fetch it again", verdict.name);
    match digest::of_file(&path) {
        Ok(sums) => {
            let mut compare = |what: &str, expected: &str, found: &str| match expected == found {
                true => verdict.checked.push(format!("{what} {found} agrees")),
                false => verdict.problems.push(format!("damaged: {what} is {found} and should be {expected}; {again}")),
            };
            let record = store.record(&verdict.name);
            let entry = catalogue::find(&verdict.name);
            if let Some(record) = &record {
                compare("SHA-256 of when it was installed", &record.sha256, &sums.sha256);
            }
            if let Some(sha1) = entry.and_then(|entry| entry.sha1) {
                compare("SHA-1 of whisper.cpp's list", sha1, &sums.sha1);
            }
            if verdict.checked.is_empty() && verdict.problems.is_empty() {
                verdict.checked.push("no digest to compare with".into());
            }
            verdict.sha256 = Some(sums.sha256);
        }
        Err(error) => verdict.problems.push(format!("cannot read {}: {error}", path.display())),
    }
    match Model::open(&path) {
        Ok(model) => verdict.checked.push(format!("header and {} tensors read", model.tensors().count())),
        Err(error) => verdict.problems.push(format!("{}; {again}", error.kind())),
    }
    verdict
}
