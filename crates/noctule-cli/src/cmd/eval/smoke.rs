//! The program's own clips: thirteen people, one sentence each, so that an evaluation needs nothing else.

use crate::failure::Failure;
use std::fs;
use std::path::{Path, PathBuf};

/// Name and bytes. Their licences are public domain, CC0 and CC BY 4.0: testdata/speech/ATTRIBUTION.md.
#[cfg(feature = "smoke-set")]
macro_rules! clips {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../../../testdata/speech/", $name)))),+]
    };
}

#[cfg(feature = "smoke-set")]
const CLIPS: &[(&str, &[u8])] = clips![
    "ami-ES2011a-40s-46s.flac",
    "fleurs-en-001.flac",
    "fleurs-en-003.flac",
    "kathleen-a0214.flac",
    "lj-LJ001-0029.flac",
    "ls-1688-142285-0005.flac",
    "ls-1995-1837-0001.flac",
    "ls-2414-128291-0006.flac",
    "ls-2609-156975-0001.flac",
    "ls-3005-163389-0002.flac",
    "ls-3080-5032-0000.flac",
    "ls-61-70968-0000.flac",
    "ps-0930-sense-and-sensibility.flac",
    "manifest.jsonl",
    "ATTRIBUTION.md",
];

#[cfg(not(feature = "smoke-set"))]
const CLIPS: &[(&str, &[u8])] = &[];

/// The set's name.
const NAME: &str = "smoke";

/// Writes the clips and their manifest below `folder`; returns the set.
///
/// # Errors
/// [`Failure::Work`] if they cannot be written, [`Failure::Usage`] if this program has none.
pub fn write(folder: &Path) -> Result<PathBuf, Failure> {
    if CLIPS.is_empty() {
        return Err(Failure::usage("--audio is needed: this program was built without recordings"));
    }
    let set = folder.join("audio").join(NAME);
    let failed = |path: &Path, error| Failure::work(format!("cannot write {}: {error}", path.display()));
    fs::create_dir_all(&set).map_err(|error| failed(&set, error))?;
    for (name, bytes) in CLIPS {
        let path = set.join(name);
        let bytes = if *name == "manifest.jsonl" { manifest(bytes) } else { bytes.to_vec() };
        fs::write(&path, bytes).map_err(|error| failed(&path, error))?;
    }
    Ok(set)
}

/// The lines of the manifest whose recordings are here.
fn manifest(all: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(all);
    let here = |line: &&str| {
        let named = serde_json::from_str::<serde_json::Value>(line).ok();
        let name = named.as_ref().and_then(|line| line["audio"].as_str());
        name.is_some_and(|name| CLIPS.iter().any(|(clip, _)| *clip == name))
    };
    text.lines().filter(here).flat_map(|line| [line, "\n"]).collect::<String>().into_bytes()
}

#[cfg(all(test, feature = "smoke-set"))]
mod tests {
    use super::*;

    #[test]
    fn every_clip_has_a_line_and_every_line_a_clip() {
        let folder = tempfile::tempdir().unwrap();
        let set = write(folder.path()).unwrap();
        let entries = noctule_eval::corpus::find(&set).unwrap();
        assert_eq!(entries.len(), CLIPS.len() - 2);
        assert!(entries.iter().all(|entry| entry.audio.is_file() && entry.text.is_some() && entry.licence.is_some()));
        let size: usize = CLIPS.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(size < 1_500_000, "{size} bytes in every program");
    }
}
