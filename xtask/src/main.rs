//! Chores of the repository, started by `cargo xtask NAME`.
//!
//! `man` and `completions` write what is made from the definitions of the
//! command line; `dist` builds what is released; `catalogue` asks the network
//! whether the table of published models is right; `cycles`, `count` and `profile`
//! measure the kernels for ARM without an ARM machine.
#![forbid(unsafe_code)]

mod arm;
mod catalogue;
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
    /// Ask the hub for every published model and compare sizes and digests (needs a network).
    Catalogue {
        /// Address of the hub or a mirror.
        #[arg(long)]
        endpoint: Option<String>,
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
    /// Model the inner kernels on Cortex-A72 and Cortex-A76 with llvm-mca (docs/KERNELS.md).
    Cycles {
        /// List every loop that multiplies instead.
        #[arg(long)]
        all: bool,
        /// Only print: leave docs/KERNELS.md alone.
        #[arg(long)]
        dry_run: bool,
    },
    /// Count executed instructions under qemu and predict seconds on Raspberry Pis (docs/KERNELS.md).
    Count(arm::count::CountArgs),
    /// Show where the instructions of one run on ARM go: cargo xtask profile -- transcribe -t 1 x.wav.
    Profile(arm::count::ProfileArgs),
}

fn main() -> Result<()> {
    match Cli::parse().chore {
        Chore::Man { folder } => docs::man(&folder),
        Chore::Completions { folder } => docs::completions(&folder),
        Chore::Catalogue { endpoint } => catalogue::check(endpoint.as_deref()),
        Chore::Dist { folder, target } => dist::dist(&folder, &target),
        Chore::Cycles { all, dry_run } => arm::cycles::run(all, !dry_run),
        Chore::Count(args) => arm::count::run(&args),
        Chore::Profile(args) => arm::count::profile(&args),
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}
