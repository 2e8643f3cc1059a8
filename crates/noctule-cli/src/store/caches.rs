//! Models that other programs have fetched already: the hub's cache, and folders of whisper.cpp.

use super::catalogue::Entry;
use std::fs;
use std::path::{Path, PathBuf};

/// A file found, and the SHA-256 that its place promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// From the name of the hub's blob.
    pub sha256: Option<String>,
}

/// The folder of the hub's own files: `HF_HOME`, `$XDG_CACHE_HOME/huggingface` or `~/.cache/huggingface`
/// (huggingface.co/docs/huggingface_hub, "Environment variables").
pub fn hub_home() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
    set("HF_HOME").or_else(|| Some(cache()?.join("huggingface")))
}

/// The folder of the hub's cached repositories: `HF_HUB_CACHE` or `hub` in [`hub_home`].
fn hub_cache() -> Option<PathBuf> {
    let set = std::env::var_os("HF_HUB_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    set.or_else(|| Some(hub_home()?.join("hub")))
}

/// The file of `entry` in the hub's cache: `models--OWNER--NAME/snapshots/REVISION/FILE`, a link to a blob whose name is
/// its SHA-256.
pub fn in_hub_cache(entry: &Entry) -> Option<Found> {
    if !entry.on_the_hub() {
        return None;
    }
    let repository = hub_cache()?.join(format!("models--{}", entry.place.replace('/', "--")));
    let main = fs::read_to_string(repository.join("refs/main")).ok().map(|revision| revision.trim().to_owned());
    let snapshots = repository.join("snapshots");
    let others = fs::read_dir(&snapshots).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut others: Vec<String> = others.collect();
    others.sort();
    let mut revisions = main.into_iter().filter(|main| super::is_name(main)).chain(others);
    revisions.find_map(|revision| {
        let path = fs::canonicalize(snapshots.join(revision).join(entry.file)).ok().filter(|path| path.is_file())?;
        let blob = path.file_name()?.to_str()?;
        let sha256 = is_sha256(blob).then(|| blob.to_owned());
        Some(Found { path, sha256 })
    })
}

/// The file of `entry` in a folder as whisper.cpp's `models/` is: `ggml-NAME.bin`, or the name that it is published by.
pub fn in_folder(folder: &Path, entry: &Entry) -> Option<Found> {
    let names = [format!("ggml-{}.bin", entry.name), entry.file.to_owned(), format!("{}.bin", entry.name)];
    let path = names.iter().map(|name| folder.join(name)).find(|path| path.is_file())?;
    Some(Found { path, sha256: None })
}

/// Whether a text is 64 hexadecimal digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
