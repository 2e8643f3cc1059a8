//! `noctule models pull`.

use super::{name, print, print_json};
use crate::args::PullArgs;
use crate::failure::Failure;
use crate::store::Store;
use crate::store::catalogue::{self, Entry};
use crate::store::http::Client;
use crate::store::pull::{self, Outcome, Sources, Watch};
use crate::store::space::{Space, size};
use crate::terminal;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

#[derive(Debug, Serialize)]
struct Report {
    name: String,
    /// "installed", "present" or "failed".
    status: &'static str,
    path: Option<String>,
    size_bytes: Option<u64>,
    sha256: Option<String>,
    source: Option<String>,
    checked: Vec<String>,
    problem: Option<String>,
}

/// Fetches; a model that cannot be had is a failure, the others are installed all the same.
pub fn run(args: &PullArgs) -> Result<bool, Failure> {
    let mut entries: Vec<&'static Entry> = Vec::new();
    for word in &args.names {
        let entry = published(word)?;
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    let store = Store::open()?;
    let no_network = std::env::var("HF_HUB_OFFLINE").is_ok_and(|value| !["", "0", "false"].contains(&&*value));
    let client = match args.offline || no_network || args.from.is_some() {
        true => None,
        false => Some(Client::new(args.endpoint.as_deref(), Duration::from_secs(args.timeout.into()))?),
    };
    let space = Space::default();
    let sources = Sources { client: client.as_ref(), folder: args.from.as_deref(), space: &space };
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let (next, failed, printed) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Ok(())));
    let work = || {
        while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
            let line = Line::new(entry.name, args.quiet, &bars);
            let outcome = pull::pull(&store, entry, &sources, &line);
            line.bar.finish_and_clear();
            if outcome.is_err() {
                failed.fetch_add(1, Ordering::Relaxed);
            }
            let mut printed = printed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let done = bars.suspend(|| tell(&store, entry, outcome, args));
            if printed.is_ok() {
                *printed = done;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..usize::from(args.jobs).min(entries.len()) {
            scope.spawn(work);
        }
    });
    printed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)?;
    Ok(failed.into_inner() == 0)
}

/// The entry of the catalogue that a word means.
fn published(word: &str) -> Result<&'static Entry, Failure> {
    if let Some((base, ty)) = word.split_once(':') {
        return Err(Failure::usage(format!(
            "'{word}': types that nobody publishes are not made while fetching; pull {base}, then quantise it to {ty}"
        )));
    }
    let name = name(word)?;
    catalogue::find(&name).ok_or_else(|| {
        let hint = catalogue::nearest(&name).map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
        Failure::usage(format!("no model '{name}' is published{hint} 'noctule models list' shows all names"))
    })
}

/// Says what has become of one model.
fn tell(store: &Store, entry: &Entry, outcome: Result<Outcome, Failure>, args: &PullArgs) -> Result<(), Failure> {
    let path = store.path(entry.name).display().to_string();
    if !args.json {
        return match outcome {
            Ok(Outcome::Present) => {
                terminal::notice(args.quiet, &format!("{}: installed already; 'models verify' checks it", entry.name));
                Ok(())
            }
            Ok(Outcome::Installed(record)) => {
                let (size, checked) = (size(record.size_bytes), record.checked.join(", "));
                print(&format!("{}: {size}, {checked}: installed as {path}\n", entry.name))
            }
            Err(failure) => {
                terminal::error(&failure.to_string());
                Ok(())
            }
        };
    }
    let mut report = Report {
        name: entry.name.to_owned(),
        status: "present",
        path: Some(path),
        size_bytes: None,
        sha256: None,
        source: None,
        checked: Vec::new(),
        problem: None,
    };
    match outcome {
        Ok(Outcome::Present) => {}
        Ok(Outcome::Installed(record)) => {
            report.status = "installed";
            report.size_bytes = Some(record.size_bytes);
            (report.sha256, report.source, report.checked) = (Some(record.sha256), Some(record.source), record.checked);
        }
        Err(failure) => {
            (report.status, report.path, report.problem) = ("failed", None, Some(failure.to_string()));
        }
    }
    print_json(&report)
}

/// One model's line on the terminal.
struct Line<'a> {
    name: &'static str,
    quiet: bool,
    bars: &'a MultiProgress,
    bar: ProgressBar,
}

impl<'a> Line<'a> {
    fn new(name: &'static str, quiet: bool, bars: &'a MultiProgress) -> Self {
        let bar = ProgressBar::hidden();
        if quiet || !terminal::can_move(&io::stderr()) {
            return Self { name, quiet, bars, bar };
        }
        let bar = bars.add(ProgressBar::no_length());
        let style =
            ProgressStyle::with_template("{prefix:20} {bar:20} {bytes:>10} of {total_bytes:10} {bytes_per_sec} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(name);
        Self { name, quiet, bars, bar }
    }
}

impl Watch for Line<'_> {
    fn notice(&self, message: &str) {
        self.bars.suspend(|| terminal::notice(self.quiet, &format!("{}: {message}", self.name)));
    }

    fn progress(&self, done: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
    }
}
