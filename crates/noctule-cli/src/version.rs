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
}

const FEATURES: &[&str] = if cfg!(feature = "embedded-model") { &["embedded-model"] } else { &[] };

/// Prints the version, as JSON with what belongs to it.
pub fn print(json: bool) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let text = if json {
        let tier = Tier::detect().map_err(Failure::usage)?.name();
        serde_json::to_string(&Version { version, tier, features: FEATURES }).map_err(Failure::work)?
    } else {
        format!("noctule {version}")
    };
    writeln!(io::stdout(), "{text}").map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::work(format!("cannot write to standard output: {error}")),
    })
}
