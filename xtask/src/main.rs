//! Chores of the repository, started by `cargo xtask NAME`.
//!
//! `man` and `completions` write what is made from the definitions of the
//! command line; `dist` builds what is released.
#![forbid(unsafe_code)]

mod deb;
mod dist;
mod docs;
mod target;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};

/// Chores of the noctule repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Write man pages.
    Man {
        /// Folder.
        #[arg(default_value = "target/man")]
        folder: PathBuf,
    },
    /// Write completions for bash, zsh, fish, elvish and PowerShell.
    Completions {
        /// Folder.
        #[arg(default_value = "target/completions")]
        folder: PathBuf,
    },
    /// Build static programs for x86-64 and 64-bit ARM, archives, a Debian package and checksums.
    Dist {
        /// Folder.
        #[arg(default_value = "target/dist")]
        folder: PathBuf,
        /// Only these targets.
        #[arg(long)]
        target: Vec<String>,
    },
}

fn main() -> Result<()> {
    match Cli::parse().chore {
        Chore::Man { folder } => docs::man(&folder),
        Chore::Completions { folder } => docs::completions(&folder),
        Chore::Dist { folder, target } => dist::dist(&folder, &target),
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}
