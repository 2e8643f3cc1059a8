//! Tells the program how it was built: target, profile, and the commit where the sources are a git checkout.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for name in ["TARGET", "PROFILE"] {
        println!("cargo::rustc-env=NOCTULE_BUILD_{name}={}", env::var(name).unwrap_or_default());
    }
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    println!("cargo::rustc-env=NOCTULE_BUILD_COMMIT={}", commit(&root).unwrap_or_default());
}

/// The commit that is checked out, read from git's files; the program git is not needed.
fn commit(root: &Path) -> Option<String> {
    let dot_git = root.join(".git");
    // In a second work tree `.git` is a file that names the folder.
    let folder = match fs::read_to_string(&dot_git) {
        Ok(text) => root.join(text.strip_prefix("gitdir:")?.trim()),
        Err(_) => dot_git,
    };
    let shared = match fs::read_to_string(folder.join("commondir")) {
        Ok(text) => folder.join(text.trim()),
        Err(_) => folder.clone(),
    };
    println!("cargo::rerun-if-changed={}", folder.join("HEAD").display());
    let head = fs::read_to_string(folder.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else {
        return Some(head.trim().to_owned());
    };
    let loose = shared.join(name);
    if let Ok(hash) = fs::read_to_string(&loose) {
        println!("cargo::rerun-if-changed={}", loose.display());
        return Some(hash.trim().to_owned());
    }
    let packed = shared.join("packed-refs");
    println!("cargo::rerun-if-changed={}", packed.display());
    let list = fs::read_to_string(packed).ok()?;
    list.lines().find_map(|line| line.strip_suffix(name)?.strip_suffix(' ').map(str::to_owned))
}
