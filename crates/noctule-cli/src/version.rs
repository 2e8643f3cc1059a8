//! `noctule --version`.

use crate::failure::Failure;
use noctule::Tier;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Version {
    version: &'static str,
    /// CPU tier that would be used.
    tier: &'static str,
    /// Optional parts in this program.
    features: &'static [&'static str],
    /// How it was built.
    build: Build,
}

#[derive(Serialize)]
struct Build {
    /// Commit of the sources; `null` when they were no git checkout.
    commit: Option<&'static str>,
    /// Target triple.
    target: &'static str,
    /// "release" or "debug".
    profile: &'static str,
    /// C library inside the program: it runs on any Linux of its processor.
    #[serde(rename = "static")]
    is_static: bool,
}

const COMMIT: &str = env!("NOCTULE_BUILD_COMMIT");

const BUILD: Build = Build {
    commit: if COMMIT.is_empty() { None } else { Some(COMMIT) },
    target: env!("NOCTULE_BUILD_TARGET"),
    profile: env!("NOCTULE_BUILD_PROFILE"),
    is_static: cfg!(target_feature = "crt-static"),
};

const FEATURES: &[&str] = match (cfg!(feature = "embedded-model"), cfg!(feature = "download")) {
    (true, true) => &["embedded-model", "download"],
    (true, false) => &["embedded-model"],
    (false, true) => &["download"],
    (false, false) => &[],
};

/// Prints the version, as JSON with what belongs to it.
pub fn print(json: bool) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let text = if json {
        let tier = Tier::detect().map_err(Failure::usage)?.name();
        serde_json::to_string(&Version { version, tier, features: FEATURES, build: BUILD }).map_err(Failure::work)?
    } else {
        format!("noctule {version}")
    };
    writeln!(io::stdout(), "{text}").map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::work(format!("cannot write to standard output: {error}")),
    })
}
