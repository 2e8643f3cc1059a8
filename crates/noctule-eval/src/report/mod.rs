//! Tables → what people read: one page, Markdown, CSV, JSON and a few lines for a terminal.
//!
//! A [`Summary`] enters with its [`Evidence`]; files leave, each written whole or not at all. The page needs no network: its
//! style, script, figures and, as far as they fit, recordings are in it.

mod figures;
mod lines;
mod markdown;
mod page;
mod tables;
mod verdict;

#[cfg(test)]
mod tests;

pub use figures::{interval_percent, megabytes, minutes, percent, seconds};
pub use lines::terminal;
pub use verdict::{Verdict, command, describe, verdict};

use crate::Error;
use crate::recommend::Ties;
use crate::summary::{Evidence, Scores, Summary};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What may be chosen about a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Recordings in the page, bytes at most; the others are linked.
    pub embed_audio_bytes: u64,
}

/// All that the writers share.
pub(crate) struct Material<'a> {
    pub evidence: &'a Evidence,
    pub summary: &'a Summary,
    pub scores: Scores,
    pub ties: Ties,
    pub verdict: Verdict,
    pub folder: &'a Path,
    pub options: Options,
}

/// Writes all files into `folder`; returns their paths, the page first.
///
/// # Errors
/// If one of them cannot be written; those before it are there.
pub fn write(folder: &Path, evidence: &Evidence, summary: &Summary, options: &Options) -> Result<Vec<PathBuf>, Error> {
    let scores = Scores::of(evidence);
    let ties = Ties::of(evidence, &scores, &summary.rows);
    let verdict = verdict(summary, &ties);
    let material = Material { evidence, summary, scores, ties, verdict, folder, options: *options };
    let json = serde_json::to_string_pretty(summary).map_err(|error| Error::io("write", folder)(error.into()))?;
    let files = [
        ("report.html", page::page(&material).into_bytes()),
        ("report.md", markdown::markdown(&material).into_bytes()),
        ("cells.csv", tables::cells(summary).map_err(Error::io("write", folder))?),
        ("utterances.csv", tables::utterances(&material).map_err(Error::io("write", folder))?),
        ("report.json", (json + "\n").into_bytes()),
    ];
    let mut paths = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        write_whole(&path, &bytes).map_err(Error::io("write", &path))?;
        paths.push(path);
    }
    Ok(paths)
}

/// Under another name first, renamed when its bytes are on the disk.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let aside = path.with_extension("part");
    let written = File::create(&aside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&aside, path)).inspect_err(|_| {
        let _ = fs::remove_file(&aside);
    })
}
