//! `noctule models pull`: published models fetched, NAME:TYPE made here of its source where nobody publishes that type.

use super::{name, print, print_json};
use crate::args::PullArgs;
use crate::cmd::quantize;
use crate::cmd::quantize::plans::Kind;
use crate::failure::Failure;
use crate::store::catalogue::{self, Entry};
use crate::store::http::Client;
use crate::store::pull::{self, Outcome, Sources, Watch};
use crate::store::space::{Space, size};
use crate::store::{Store, quantised};
use crate::terminal;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use noctule::Model;
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
    let mut jobs: Vec<Job> = Vec::new();
    for word in &args.names {
        let job = Job::new(word)?;
        if !jobs.contains(&job) {
            jobs.push(job);
        }
    }
    // What is made needs its source, and two threads should not fetch that at once.
    jobs.sort_by_key(|job| job.made.is_some());
    let store = Store::open()?;
    let client = match args.offline || no_network() || args.from.is_some() {
        true => None,
        false => Some(Client::new(args.endpoint.as_deref(), Duration::from_secs(args.timeout.into()))?),
    };
    let space = Space::default();
    let sources = Sources { client: client.as_ref(), folder: args.from.as_deref(), space: &space };
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let (next, failed, printed) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Ok(())));
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let line = Line::new(job.name(), args.quiet, &bars);
            let outcome = job.run(&store, &sources, &line);
            line.bar.finish_and_clear();
            if outcome.is_err() {
                failed.fetch_add(1, Ordering::Relaxed);
            }
            let mut printed = printed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let done = bars.suspend(|| tell(&store, job.name(), outcome, args));
            if printed.is_ok() {
                *printed = done;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..usize::from(args.jobs).min(jobs.len()) {
            scope.spawn(work);
        }
    });
    printed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)?;
    Ok(failed.into_inner() == 0)
}

/// Installs one model, by its name or as NAME:TYPE, without a word on standard output.
///
/// # Errors
/// If it cannot be had.
pub fn fetch(word: &str, quiet: bool) -> Result<(), Failure> {
    let job = Job::new(word)?;
    let (store, space) = (Store::open()?, Space::default());
    let client = match no_network() {
        true => None,
        false => Some(Client::new(None, PATIENCE)?),
    };
    let sources = Sources { client: client.as_ref(), folder: None, space: &space };
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let line = Line::new(job.name(), quiet, &bars);
    let outcome = job.run(&store, &sources, &line);
    line.bar.finish_and_clear();
    outcome.map(drop)
}

/// Without a byte for so long a connection counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the environment forbids the network.
fn no_network() -> bool {
    std::env::var("HF_HUB_OFFLINE").is_ok_and(|value| !["", "0", "false"].contains(&&*value))
}

/// One model that was asked for.
#[derive(Debug, PartialEq)]
struct Job {
    /// What is fetched.
    entry: &'static Entry,
    /// What is made of it: a name, and the type or mix.
    made: Option<(String, Kind)>,
}

impl Job {
    /// What a word means: a published name, or NAME:TYPE.
    fn new(word: &str) -> Result<Self, Failure> {
        let Some((base, kind)) = word.split_once(':') else {
            return Ok(Self { entry: published(word)?, made: None });
        };
        let source = published(base)?;
        let kind = Kind::parse(kind).map_err(|problem| Failure::usage(format!("'{word}': {problem}")))?;
        if source.kind == kind.name() {
            return Ok(Self { entry: source, made: None });
        }
        if source.kind != "f16" {
            return Err(Failure::usage(format!("'{word}': {base} is quantised already; name its float model")));
        }
        let name = quantised::name(source.name, &kind.name());
        let published = catalogue::find(&name);
        Ok(Self { entry: published.unwrap_or(source), made: published.is_none().then_some((name, kind)) })
    }

    fn name(&self) -> &str {
        self.made.as_ref().map_or(self.entry.name, |(name, _)| name)
    }

    fn run(&self, store: &Store, sources: &Sources, line: &Line) -> Result<Outcome, Failure> {
        match &self.made {
            None => pull::pull(store, self.entry, sources, line),
            Some((name, kind)) => self.make(store, name, *kind, sources, line),
        }
    }

    fn make(&self, store: &Store, name: &str, kind: Kind, sources: &Sources, line: &Line) -> Result<Outcome, Failure> {
        let lock = store.lock(name, || line.notice("waiting for another process that changes this model"))?;
        if store.path(name).exists() {
            return Ok(Outcome::Present);
        }
        let source = self.entry.name;
        line.notice(&format!("nobody publishes it; it is made of {source}"));
        if let Outcome::Installed(record) = pull::pull(store, self.entry, sources, line)? {
            line.notice(&format!("{source} is installed: {}, {}", size(record.size_bytes), record.checked.join(", ")));
        }
        let made = || -> Result<Outcome, Failure> {
            let model = Model::open(&store.path(source)).map_err(Failure::work)?;
            let plan = kind.plan(&model)?;
            let wanted = vec![quantised::Wanted { plan, name: name.to_owned(), lock }];
            let mut progress = |done, total| {
                line.progress(done, Some(total));
                true
            };
            let records = quantised::make(store, source, &model, wanted, quantize::threads(None), &mut progress)?;
            records.into_iter().next().map(Outcome::Installed).ok_or_else(|| Failure::work("nothing was made"))
        };
        made().map_err(|failure| match failure {
            Failure::Work(message) => Failure::Work(format!("{name}: {message}")),
            other => other,
        })
    }
}

/// The entry of the catalogue that a word means.
fn published(word: &str) -> Result<&'static Entry, Failure> {
    let name = name(word)?;
    catalogue::find(&name).ok_or_else(|| {
        let hint = match (made_of(&name), catalogue::nearest(&name)) {
            (Some(word), _) => format!("; 'noctule models pull {word}' makes it here, and"),
            (None, Some(near)) => format!("; did you mean '{near}'?"),
            (None, None) => ";".into(),
        };
        Failure::usage(format!("no model '{name}' is published{hint} 'noctule models list' shows all names"))
    })
}

/// NAME:TYPE for a name that ends in a type that can be made of a published model.
fn made_of(name: &str) -> Option<String> {
    let (source, kind) = name.rsplit_once('-')?;
    Kind::parse(kind).ok()?;
    catalogue::find(source).map(|source| format!("{}:{kind}", source.name))
}

/// Says what has become of one model.
fn tell(store: &Store, name: &str, outcome: Result<Outcome, Failure>, args: &PullArgs) -> Result<(), Failure> {
    let path = store.path(name).display().to_string();
    if !args.json {
        return match outcome {
            Ok(Outcome::Present) => {
                terminal::notice(args.quiet, &format!("{}: installed already; 'models verify' checks it", name));
                Ok(())
            }
            Ok(Outcome::Installed(record)) => {
                let (size, checked) = (size(record.size_bytes), record.checked.join(", "));
                print(&format!("{}: {size}, {checked}: installed as {path}\n", name))
            }
            Err(failure) => {
                terminal::error(&failure.to_string());
                Ok(())
            }
        };
    }
    let mut report = Report {
        name: name.to_owned(),
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
    name: &'a str,
    quiet: bool,
    bars: &'a MultiProgress,
    bar: ProgressBar,
}

impl<'a> Line<'a> {
    fn new(name: &'a str, quiet: bool, bars: &'a MultiProgress) -> Self {
        let bar = ProgressBar::hidden();
        if quiet || !terminal::can_move(&io::stderr()) {
            return Self { name, quiet, bars, bar };
        }
        let bar = bars.add(ProgressBar::no_length());
        let style =
            ProgressStyle::with_template("{prefix:20} {bar:20} {bytes:>10} of {total_bytes:10} {bytes_per_sec} {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(name.to_owned());
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
