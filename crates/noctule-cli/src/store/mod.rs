//! Models on this machine: where they lie, what they are called, and how two processes share them.
//!
//! A name enters, a path leaves; [`catalogue`] knows what is published, `pull` fetches it,
//! [`caches`] finds it where other programs have it already. The folder holds
//!
//! - `NAME.bin`: a whole, checked model, and nothing else ever has such a name;
//! - `NAME.json`: where it came from and its digests, written after the model;
//! - `.partial/`: what is being fetched; `.locks/`: one empty file a name, locked by whoever changes that name.
//!
//! A model appears by a rename and vanishes by a removal, so a process that has it mapped keeps it.

pub mod caches;
pub mod catalogue;
pub mod digest;
#[cfg(feature = "download")]
pub mod http;
#[cfg(feature = "download")]
pub mod pull;
pub mod quantised;
pub mod space;

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The folder of models.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// What is known of an installed model: the content of `NAME.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where it came from: an address or a path.
    pub source: String,
    /// Bytes of the file.
    pub size_bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// What was compared when it was installed, as sentences.
    pub checked: Vec<String>,
}

/// The right to change one name; ends when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Store {
    /// The user's store: `$XDG_DATA_HOME/noctule/models`, by default under `~/.local/share` (XDG base directory
    /// specification 0.8), on Windows under `%LOCALAPPDATA%`. Nothing is made yet.
    ///
    /// # Errors
    /// If there is no home folder.
    pub fn open() -> Result<Self, Failure> {
        let named = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let local = if cfg!(windows) { named("LOCALAPPDATA") } else { None };
        let home = || std::env::home_dir().map(|home| home.join(".local/share"));
        let data = named("XDG_DATA_HOME").or(local).or_else(home);
        let data = data.ok_or_else(|| Failure::work("there is no home folder for models: set XDG_DATA_HOME"))?;
        Ok(Self { root: data.join("noctule").join("models") })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a model of this name lies, or would.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.bin"))
    }

    /// Where what is fetched lies until it is whole.
    pub fn partial(&self, name: &str) -> PathBuf {
        self.root.join(".partial").join(format!("{name}.bin"))
    }

    fn record_path(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.json"))
    }

    /// The path of an installed model.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let path = self.path(&canonical(name)?);
        path.is_file().then_some(path)
    }

    /// Names of all installed models, sorted.
    ///
    /// # Errors
    /// If the folder is there and cannot be read.
    pub fn installed(&self) -> Result<Vec<String>, Failure> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.error("read", &self.root, &error)),
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let file = entry.file_name().into_string().ok()?;
                let name = file.strip_suffix(".bin")?;
                (is_name(name) && entry.path().is_file()).then(|| name.to_owned())
            })
            .collect();
        names.sort();
        Ok(names)
    }

    /// What was written down of a model; `None` when nothing was, or what was does not belong to the file.
    pub fn record(&self, name: &str) -> Option<Record> {
        let record: Record = serde_json::from_slice(&fs::read(self.record_path(name)).ok()?).ok()?;
        let size = fs::metadata(self.path(name)).ok()?.len();
        (record.size_bytes == size).then_some(record)
    }

    /// Makes the folders and waits for the right to change `name`; `waiting` is called once when somebody else has it.
    ///
    /// # Errors
    /// If the folders or the lock cannot be made.
    pub fn lock(&self, name: &str, waiting: impl FnOnce()) -> Result<Lock, Failure> {
        let folder = self.root.join(".locks");
        for folder in [&folder, &self.root.join(".partial")] {
            fs::create_dir_all(folder).map_err(|error| self.error("make", folder, &error))?;
        }
        let path = folder.join(name);
        // The file stays for ever: a lock on a file that another process removes would exclude nobody.
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| self.error("open", &path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(|error| self.error("lock", &path, &error))?;
            }
            Err(TryLockError::Error(error)) => return Err(self.error("lock", &path, &error)),
        }
        Ok(Lock { _file: file })
    }

    /// Gives a whole file in this store's file system its name. The lock shows that nobody else does.
    ///
    /// # Errors
    /// If the disk refuses; there is then no model of this name, or the one before.
    pub fn install(&self, _lock: &Lock, name: &str, file: &Path, record: &Record) -> Result<PathBuf, Failure> {
        let target = self.path(name);
        let io = |action, path: &Path| {
            let path = path.to_path_buf();
            move |error: io::Error| self.error(action, &path, &error)
        };
        File::open(file).and_then(|file| file.sync_all()).map_err(io("force to the disk", file))?;
        // In this order a record never speaks of another file than the one beside it.
        remove(&self.record_path(name)).map_err(io("remove", &self.record_path(name)))?;
        fs::rename(file, &target).map_err(io("rename to", &target))?;
        let text = serde_json::to_vec_pretty(record).map_err(Failure::work)?;
        write_whole(&self.record_path(name), &text).map_err(io("write", &self.record_path(name)))?;
        sync_folder(&self.root);
        Ok(target)
    }

    /// Removes a model and all that was kept with it; returns the bytes that were freed, `None` when there was nothing.
    ///
    /// # Errors
    /// If something that is there cannot be removed.
    pub fn remove(&self, _lock: &Lock, name: &str) -> Result<Option<u64>, Failure> {
        let mut freed = None;
        let partial = self.partial(name);
        let state = partial.with_extension("json");
        for path in [self.record_path(name), self.path(name), partial, state] {
            let size = fs::metadata(&path).map(|metadata| metadata.len());
            remove(&path).map_err(|error| self.error("remove", &path, &error))?;
            if let Ok(size) = size {
                freed = Some(freed.unwrap_or(0) + size);
            }
        }
        sync_folder(&self.root);
        Ok(freed)
    }

    pub(crate) fn error(&self, action: &str, path: &Path, error: &io::Error) -> Failure {
        let more = match error.kind() {
            io::ErrorKind::StorageFull => "; free some space, or set XDG_DATA_HOME to a folder on a larger disk",
            _ => "; models are kept in noctule/models in $XDG_DATA_HOME or ~/.local/share",
        };
        Failure::work(format!("cannot {action} {}: {error}{more}", path.display()))
    }
}

/// Removes a file; one that is not there is as good as removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes a small file so that it is whole or not there.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".part");
    let mut file = File::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, path)
}

/// A rename lasts when its folder is on the disk; some file systems cannot do that, and the file is safe all the same.
fn sync_folder(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

/// Whether a word can be a model's name: it cannot leave the folder, hide, or be taken for an option.
pub fn is_name(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    word.len() <= 100 && word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.chars().all(plain)
}

/// The name that a word means: whisper.cpp's file names and OpenAI's short names are understood. `None` for what is no
/// name.
pub fn canonical(word: &str) -> Option<String> {
    let word = word.strip_suffix(".bin").unwrap_or(word);
    let word = word.strip_prefix("ggml-").unwrap_or(word);
    let name = match word {
        // OpenAI's package, whisper/__init__.py.
        "large" => "large-v3",
        "turbo" => "large-v3-turbo",
        _ => word,
    };
    is_name(name).then(|| name.to_owned())
}

/// Why there is no model file `given`, and what to do about it.
pub fn missing(given: &Path) -> Failure {
    let name = given.to_str().and_then(canonical);
    let published = name.filter(|name| catalogue::find(name).is_some());
    let advice = match published {
        Some(name) => format!("'noctule models pull {name}' fetches the model of this name"),
        None => "give the path of a ggml model as whisper.cpp uses it, for example models/ggml-base.bin, \
                 or a name that 'noctule models list' shows"
            .into(),
    };
    Failure::work(format!("there is no model file '{}': {advice}", given.display()))
}

/// The file that `given` means where a model is asked for: a path that leads to a file, or else the name of a model in
/// the store. What is neither comes back as it is.
pub fn resolve(given: &Path) -> PathBuf {
    let name = given.to_str().filter(|_| !given.is_file()).and_then(canonical);
    let installed = name.and_then(|name| Store::open().ok()?.find(&name));
    installed.unwrap_or_else(|| given.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_folder() {
        for name in ["base", "tiny.en", "large-v3-turbo-q5_0", "my.model+2"] {
            assert_eq!(canonical(name).as_deref(), Some(name));
        }
        assert_eq!(canonical("ggml-base.en.bin").as_deref(), Some("base.en"));
        assert_eq!(canonical("turbo").as_deref(), Some("large-v3-turbo"));
        for word in ["", ".", "..", "../base", "a/b", "a\\b", ".hidden", "-q", "a b", "a\n", "ü", &"x".repeat(101)] {
            assert_eq!(canonical(word), None, "{word}");
        }
    }
}
