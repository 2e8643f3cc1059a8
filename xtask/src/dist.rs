//! What is released: static programs in archives with their documents, a Debian package, checksums.

use crate::deb;
use crate::docs;
use crate::target::{TARGETS, Target};
use anyhow::{Context, Result, bail, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use tar::{Builder, Header};

/// Version of the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path in the archive, without a slash in front.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Permissions.
    pub mode: u32,
}

impl Entry {
    /// A file that everybody may read.
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: bytes.into(), mode: 0o644 }
    }

    /// A program.
    pub fn program(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { mode: 0o755, ..Self::new(path, bytes) }
    }
}

/// Builds everything for the targets of these names (all when there are none) into `folder`.
pub fn dist(folder: &Path, names: &[String]) -> Result<()> {
    docs::make(folder)?;
    if let Some(unknown) = names.iter().find(|name| !TARGETS.iter().any(|target| target.name == name.as_str())) {
        bail!("no target is called {unknown}: use {}", TARGETS.map(|target| target.name).join(" or "));
    }
    let mut made = Vec::new();
    for target in TARGETS.iter().filter(|target| names.is_empty() || names.iter().any(|name| name == target.name)) {
        let (triple, program) = target.build()?;
        let said = check(target, &program)?;
        println!("{triple}: {said}");
        let program = fs::read(&program).with_context(|| format!("reading {}", program.display()))?;
        let stem = format!("noctule-{VERSION}-{triple}");
        made.push(save(folder, &format!("{stem}.tar.gz"), &archive(&stem, &program)?)?);
        if target.name == "aarch64" {
            let name = format!("noctule_{VERSION}_arm64.deb");
            made.push(save(folder, &name, &deb::package("arm64", &package_files(program)?)?)?);
        }
    }
    made.sort();
    save(folder, "SHA256SUMS", sums(&made)?.as_bytes())?;
    Ok(())
}

/// Starts the program, which must name this version and be static, and lets it transcribe.
fn check(target: &Target, program: &Path) -> Result<String> {
    let version = target.start(program, &["--version", "--json"])?;
    let said = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    ensure!(version.status.success(), "{}: {}", program.display(), String::from_utf8_lossy(&version.stderr));
    ensure!(said.contains(&format!("\"version\":\"{VERSION}\"")) && said.contains("\"static\":true"), "it says {said}");
    let sample = crate::root().join("testdata/speech/ls-1995-1837-0001.flac");
    let sample = sample.to_string_lossy();
    let quick = ["transcribe", "-q", "--no-config", "--beam-size", "1", "--no-fallback", "--duration", "3", &sample];
    let text = target.start(program, &quick)?;
    let heard = String::from_utf8_lossy(&text.stdout).to_lowercase();
    ensure!(heard.contains("first great sorrow"), "it heard {heard}{}", String::from_utf8_lossy(&text.stderr));
    Ok(said)
}

fn save(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
    println!("{}", path.display());
    Ok(path)
}

/// Lines as `sha256sum` writes and checks them.
fn sums(paths: &[PathBuf]) -> Result<String> {
    let mut text = String::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for byte in Sha256::digest(fs::read(path)?) {
            let _ = write!(text, "{byte:02x}");
        }
        let _ = writeln!(text, "  {name}");
    }
    Ok(text)
}

/// Documents that go with every program.
fn documents() -> Result<Vec<(&'static str, Vec<u8>)>> {
    let names = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md"];
    let read = |name| Ok((name, fs::read(crate::root().join(name)).with_context(|| format!("reading {name}"))?));
    names.into_iter().map(read).collect()
}

/// Man pages and completions at the places that `places` gives for them.
fn generated(man: &str, bash: &str, zsh: &str, fish: &str) -> Result<Vec<Entry>> {
    let pages = docs::man_pages()?.into_iter().map(|(name, text)| Entry::new(format!("{man}/{name}"), text));
    let mut entries: Vec<Entry> = pages.collect();
    // Of this call alone: two may run at once.
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("noctule-dist-{}-{call}", std::process::id()));
    let scripts = docs::completion_scripts(&folder)?;
    for path in scripts {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let place = match name.as_str() {
            "noctule.bash" => bash,
            "_noctule" => zsh,
            "noctule.fish" => fish,
            _ => continue,
        };
        entries.push(Entry::new(place, fs::read(&path)?));
    }
    fs::remove_dir_all(folder)?;
    Ok(entries)
}

/// A `.tar.gz` with one folder.
fn archive(stem: &str, program: &[u8]) -> Result<Vec<u8>> {
    let mut entries = vec![Entry::program("noctule", program)];
    entries.extend(documents()?.into_iter().map(|(name, bytes)| Entry::new(name, bytes)));
    entries.extend(generated("man", "completions/noctule.bash", "completions/_noctule", "completions/noctule.fish")?);
    for entry in &mut entries {
        entry.path = format!("{stem}/{}", entry.path);
    }
    gzip(&tarball(&entries)?)
}

/// The files of the Debian package, at the places that Debian's policy gives them.
fn package_files(program: Vec<u8>) -> Result<Vec<Entry>> {
    let root = crate::root();
    let mut entries = vec![
        Entry::program("usr/bin/noctule", program),
        Entry::new("usr/share/doc/noctule/copyright", deb::copyright(&fs::read_to_string(root.join("LICENSE-MIT"))?)),
        Entry::new("usr/share/doc/noctule/changelog.gz", gzip(&fs::read(root.join("CHANGELOG.md"))?)?),
    ];
    let made = generated(
        "usr/share/man/man1",
        "usr/share/bash-completion/completions/noctule",
        "usr/share/zsh/vendor-completions/_noctule",
        "usr/share/fish/vendor_completions.d/noctule.fish",
    )?;
    for mut entry in made {
        if entry.path.ends_with(".1") {
            entry = Entry::new(format!("{}.gz", entry.path), gzip(&entry.bytes)?);
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// A tar archive with the folders that its files need; owner root, no times, so that equal input gives equal bytes.
pub fn tarball(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    let mut folders: Vec<String> = Vec::new();
    for entry in entries {
        for (slash, _) in entry.path.match_indices('/') {
            let folder = format!("{}/", &entry.path[..slash]);
            if !folders.contains(&folder) {
                let mut header = header(0o755, 0);
                header.set_entry_type(tar::EntryType::Directory);
                builder.append_data(&mut header, &folder, std::io::empty())?;
                folders.push(folder);
            }
        }
        builder.append_data(&mut header(entry.mode, entry.bytes.len()), &entry.path, entry.bytes.as_slice())?;
    }
    Ok(builder.into_inner()?)
}

fn header(mode: u32, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size as u64);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Compressed without name and time.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut encoder, bytes)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn archives_read_back() {
        let packed = archive("noctule-x", b"program").unwrap();
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut text).unwrap();
        let mut archive = tar::Archive::new(text.as_slice());
        let names: Vec<(String, u32)> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap()))
            .collect();
        for (name, mode) in
            [("noctule-x/noctule", 0o755), ("noctule-x/LICENSE-MIT", 0o644), ("noctule-x/man/noctule.1", 0o644)]
        {
            assert!(names.contains(&(name.into(), mode)), "{name}: {names:?}");
        }
    }

    #[test]
    fn the_same_input_gives_the_same_bytes() {
        assert_eq!(archive("a", b"p").unwrap(), archive("a", b"p").unwrap());
    }

    #[test]
    fn the_package_holds_what_debian_wants() {
        let files = package_files(b"program".to_vec()).unwrap();
        let has = |path: &str| files.iter().any(|entry| entry.path == path);
        for path in [
            "usr/bin/noctule",
            "usr/share/doc/noctule/copyright",
            "usr/share/doc/noctule/changelog.gz",
            "usr/share/man/man1/noctule.1.gz",
            "usr/share/man/man1/noctule-transcribe.1.gz",
            "usr/share/bash-completion/completions/noctule",
        ] {
            assert!(has(path), "{path}");
        }
        assert_eq!(files[0].mode, 0o755);
    }

    /// Builds and starts both programs, or one, which takes minutes: `NOCTULE_TEST_DIST=all cargo test -p xtask` (`x86_64`, `aarch64`).
    #[test]
    fn programs_start_on_their_machines() {
        let Ok(name) = std::env::var("NOCTULE_TEST_DIST") else {
            eprintln!("skipped: NOCTULE_TEST_DIST is not set");
            return;
        };
        // What a target makes: an archive, for ARM a package as well.
        let (names, made) = match name.as_str() {
            "all" => (Vec::new(), 3),
            "aarch64" => (vec![name], 2),
            _ => (vec![name], 1),
        };
        let folder = std::env::temp_dir().join(format!("noctule-dist-test-{}", std::process::id()));
        dist(&folder, &names).unwrap();
        let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
        assert_eq!(sums.lines().count(), made, "{sums}");
        let checked =
            std::process::Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&folder).status();
        assert!(checked.is_ok_and(|status| status.success()));
        fs::remove_dir_all(folder).unwrap();
    }
}
