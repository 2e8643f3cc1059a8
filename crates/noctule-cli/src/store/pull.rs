//! Fetching one model: from a cache or a server, checked, under its name only when it is whole.
//!
//! A catalogue entry enters, an installed model leaves. The bytes go to `.partial/NAME.bin`, which outlives the program:
//! the next attempt goes on where this one stopped, if the server still has the same file.

use super::caches::{self, Found};
use super::catalogue::Entry;
use super::digest::{self, Digests, Sums};
use super::http::{Answer, Client, Problem};
use super::space::{Share, Space, size};
use super::{Lock, Record, Store};
use crate::failure::Failure;
use noctule::Model;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Attempts in a row that bring nothing before it is given up.
const ATTEMPTS: u32 = 6;

/// No server is waited for longer than this at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Hears what happens to one model.
pub trait Watch {
    /// Something that a person may like to know.
    fn notice(&self, message: &str);
    /// Bytes that are there, of so many.
    fn progress(&self, done: u64, total: Option<u64>);
}

/// What [`pull`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was there already.
    Present,
    /// It is there now.
    Installed(Record),
}

/// Where models come from.
#[derive(Debug)]
pub struct Sources<'a> {
    /// Asks servers; `None` where the network may not be used.
    pub client: Option<&'a Client>,
    /// A folder with files of whisper.cpp.
    pub folder: Option<&'a Path>,
    /// Room on the disk.
    pub space: &'a Space,
}

/// What is known of the file that is being fetched, kept beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    address: String,
    etag: Option<String>,
    sha256: Option<String>,
    total: Option<u64>,
}

impl State {
    /// Whether bytes of a file in this state are bytes of the one in that state.
    fn continues(&self, other: &State) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
        self.address == other.address
            && (same(&self.sha256, &other.sha256) || (self.sha256 == other.sha256 && same(&self.etag, &other.etag)))
            && (self.total.is_none() || other.total.is_none() || self.total == other.total)
    }
}

/// Makes sure that `entry` is installed.
///
/// # Errors
/// If it can be had from nowhere, or what was had is not the model.
pub fn pull(store: &Store, entry: &Entry, sources: &Sources, watch: &dyn Watch) -> Result<Outcome, Failure> {
    let lock = store.lock(entry.name, || watch.notice("waiting for another process that changes this model"))?;
    if store.path(entry.name).exists() {
        return Ok(Outcome::Present);
    }
    let named = |failure: Failure| match failure {
        Failure::Work(message) => Failure::Work(format!("{}: {message}", entry.name)),
        other => other,
    };
    fetch(store, &lock, entry, sources, watch).map(Outcome::Installed).map_err(named)
}

fn fetch(store: &Store, lock: &Lock, entry: &Entry, sources: &Sources, watch: &dyn Watch) -> Result<Record, Failure> {
    let cached = match sources.folder {
        Some(folder) => {
            let found = caches::in_folder(folder, entry);
            let missing = || {
                let (name, folder) = (entry.name, folder.display());
                Failure::work(format!("there is no ggml-{name}.bin in {folder}; --from names a folder that has it"))
            };
            Some(found.ok_or_else(missing)?)
        }
        None => caches::in_hub_cache(entry),
    };
    if let Some(found) = cached {
        match adopt(store, lock, entry, &found, sources.space) {
            Ok(record) => return Ok(record),
            Err(failure) if sources.folder.is_some() => return Err(failure),
            Err(failure) => watch.notice(&format!("not taken from {}: {failure}", found.path.display())),
        }
    }
    match sources.client {
        Some(client) => download(store, lock, entry, client, sources.space, watch),
        None => Err(Failure::work(
            "is neither installed nor in the hub's cache, and the network may not be used (offline); copy its file here \
             and name its folder with --from",
        )),
    }
}

/// Takes a file that is on this machine: by a link where that is possible, as a copy otherwise.
fn adopt(store: &Store, lock: &Lock, entry: &Entry, found: &Found, space: &Space) -> Result<Record, Failure> {
    let error = |action: &str, error: &io::Error| store.error(action, &found.path, error);
    let sums = digest::of_file(&found.path).map_err(|e| error("read", &e))?;
    let length = fs::metadata(&found.path).map_err(|e| error("read", &e))?.len();
    let checked = check(entry, &found.path, &sums, found.sha256.as_deref())?;
    let aside = store.partial(entry.name).with_extension("copy");
    super::remove(&aside).map_err(|e| error("replace the copy of", &e))?;
    // A blob of the hub's cache is named after its content and never changed; other files may be.
    let linked = found.sha256.is_some() && fs::hard_link(&found.path, &aside).is_ok();
    if !linked {
        let _share = space.reserve(store.root(), length)?;
        fs::copy(&found.path, &aside).map_err(|e| error("copy", &e))?;
        let copied = digest::of_file(&aside).map_err(|e| error("read the copy of", &e))?;
        if copied != sums {
            let _ = super::remove(&aside);
            return Err(Failure::work(format!("{} changed while it was copied; try again", found.path.display())));
        }
    }
    let source = found.path.display().to_string();
    let record = Record { source, size_bytes: length, sha256: sums.sha256, checked };
    store.install(lock, entry.name, &aside, &record)?;
    Ok(record)
}

/// Compares what can be compared; returns it as sentences.
fn check(entry: &Entry, file: &Path, sums: &Sums, expected: Option<&str>) -> Result<Vec<String>, Failure> {
    let mut checked = Vec::new();
    match expected {
        Some(sha256) if sha256 == sums.sha256 => checked.push(format!("SHA-256 {sha256} as the hub has it")),
        Some(sha256) => {
            return Err(Failure::work(format!(
                "damaged: its SHA-256 is {} and the hub has {sha256}; nothing was installed",
                sums.sha256
            )));
        }
        None => {}
    }
    match entry.sha1 {
        Some(sha1) if sha1 == sums.sha1 => checked.push(format!("SHA-1 {sha1} as whisper.cpp lists it")),
        Some(sha1) => {
            return Err(Failure::work(format!(
                "not the published file: its SHA-1 is {} and whisper.cpp's list has {sha1}; nothing was installed",
                sums.sha1
            )));
        }
        None => {}
    }
    if checked.is_empty() {
        checked.push(format!("no published digest to compare with (SHA-256 {})", sums.sha256));
    }
    let model = Model::open(file).map_err(|error| Failure::work(format!("{error}; nothing was installed")))?;
    checked.push(format!("header and {} tensors read", model.tensors().count()));
    Ok(checked)
}

/// One fetch in progress.
struct Part<'a> {
    path: PathBuf,
    state: State,
    file: File,
    have: u64,
    digests: Digests,
    share: Option<Share<'a>>,
}

fn download(
    store: &Store,
    lock: &Lock,
    entry: &Entry,
    client: &Client,
    space: &Space,
    watch: &dyn Watch,
) -> Result<Record, Failure> {
    let address = entry.address(&client.endpoint);
    let path = store.partial(entry.name);
    let mut part = Part::open(&path, &address).map_err(|error| store.error("write", &path, &error))?;
    if part.have > 0 {
        watch.notice(&format!("going on after {}", size(part.have)));
    }
    let (mut fruitless, mut damaged, mut most) = (0, false, part.have);
    loop {
        let problem = match part.attempt(store, client, space, watch) {
            Ok(()) => {
                part.file.sync_all().map_err(|error| store.error("force to the disk", &path, &error))?;
                let sums = part.digests.clone().finish();
                match check(entry, &path, &sums, part.state.sha256.as_deref()) {
                    Ok(checked) => {
                        let record = Record { source: address, size_bytes: part.have, sha256: sums.sha256, checked };
                        let state = path.with_extension("json");
                        store.install(lock, entry.name, &path, &record)?;
                        super::remove(&state).map_err(|error| store.error("remove", &state, &error))?;
                        return Ok(record);
                    }
                    Err(failure) => {
                        part.clear().map_err(|error| store.error("write", &path, &error))?;
                        if damaged {
                            return Err(failure);
                        }
                        damaged = true;
                        Problem::Passing(failure.to_string(), None)
                    }
                }
            }
            Err(Stop::Server(problem)) => problem,
            Err(Stop::Disk(error)) => return Err(store.error("write", &path, &error)),
            Err(Stop::Failure(failure)) => return Err(failure),
        };
        fruitless = if part.have > most { 0 } else { fruitless + 1 };
        most = most.max(part.have);
        let (reason, wait) = match problem {
            Problem::Lasting(reason) => return Err(Failure::work(reason)),
            Problem::Passing(reason, wait) => (reason, wait),
        };
        if fruitless >= ATTEMPTS || wait.is_some_and(|wait| wait > LONGEST_WAIT) {
            return Err(Failure::work(format!(
                "{reason}; {} are kept, and the same command goes on there",
                size(part.have)
            )));
        }
        let wait = wait.unwrap_or_else(|| Duration::from_millis(250) * 2u32.pow(fruitless.min(5)));
        watch.notice(&format!("{reason}; trying again in {:.1} s", wait.as_secs_f32()));
        thread::sleep(wait);
    }
}

/// Why an attempt ended.
enum Stop {
    Server(Problem),
    Disk(io::Error),
    Failure(Failure),
}

fn passing(reason: impl Into<String>) -> Stop {
    Stop::Server(Problem::Passing(reason.into(), None))
}

impl<'a> Part<'a> {
    /// Opens what an earlier run left, if it is of this address.
    fn open(path: &Path, address: &str) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let state = fs::read(path.with_extension("json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let state: State = state.unwrap_or_default();
        let mut digests = Digests::default();
        let fits = state.address == address && (state.etag.is_some() || state.sha256.is_some());
        let have = if fits { digests.read(&mut file)? } else { 0 };
        let mut part = Self { path: path.into(), state, file, have, digests, share: None };
        if !fits || part.state.total.is_some_and(|total| have > total) {
            part.clear()?;
            part.state = State { address: address.into(), ..State::default() };
        }
        Ok(part)
    }

    /// Forgets the bytes.
    fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        io::Seek::rewind(&mut self.file)?;
        (self.have, self.digests, self.share) = (0, Digests::default(), None);
        Ok(())
    }

    /// Asks once and writes what comes. `Ok` means that the file is as long as it should be.
    fn attempt(&mut self, store: &Store, client: &Client, space: &'a Space, watch: &dyn Watch) -> Result<(), Stop> {
        if self.have > 0 && self.state.total == Some(self.have) {
            return Ok(());
        }
        let address = self.state.address.clone();
        let mut answer = client.get(&address, self.have, self.state.etag.as_deref()).map_err(Stop::Server)?;
        let new = State {
            address,
            etag: answer.etag.clone(),
            sha256: answer.sha256.clone().or_else(|| self.state.sha256.clone().filter(|_| answer.status == 206)),
            total: answer.total,
        };
        let goes_on = answer.status == 206 && answer.start == Some(self.have) && self.state.continues(&new);
        if !goes_on {
            self.clear().map_err(Stop::Disk)?;
            if answer.status != 200 {
                // What lies here is of another file: the next request asks for the whole.
                self.state = State { address: new.address, ..State::default() };
                return Err(passing("the file has changed on the server"));
            }
        }
        self.state = new;
        let text = serde_json::to_vec(&self.state).unwrap_or_default();
        super::write_whole(&self.path.with_extension("json"), &text).map_err(Stop::Disk)?;
        let left = self.state.total.unwrap_or(0).saturating_sub(self.have);
        self.share = None;
        self.share = Some(space.reserve(store.root(), left).map_err(Stop::Failure)?);
        self.write(&mut answer, watch)
    }

    fn write(&mut self, answer: &mut Answer, watch: &dyn Watch) -> Result<(), Stop> {
        let total = self.state.total;
        let mut reader = answer.reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(passing(format!("the connection was lost ({error})"))),
            };
            if total.is_some_and(|total| self.have + n as u64 > total) {
                self.clear().map_err(Stop::Disk)?;
                return Err(passing("the server sends more than it announced"));
            }
            self.file.write_all(&buffer[..n]).map_err(Stop::Disk)?;
            self.digests.update(&buffer[..n]);
            self.have += n as u64;
            if let Some(share) = &mut self.share {
                share.written(n as u64);
            }
            watch.progress(self.have, total);
        }
        match total {
            Some(total) if self.have < total => {
                Err(passing(format!("the connection ended after {} of {}", size(self.have), size(total))))
            }
            _ => Ok(()),
        }
    }
}
