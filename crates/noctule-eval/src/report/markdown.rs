//! The report as Markdown, for issues and wikis.

use super::Material;
use super::figures::{interval_percent, megabytes, minutes, seconds};
use crate::summary::Row;
use std::fmt::Write;

pub(super) fn markdown(material: &Material) -> String {
    let (summary, verdict) = (material.summary, &material.verdict);
    let mut text = format!("# {}\n\n{}\n", verdict.sentence, verdict.more);
    if let Some(command) = &verdict.command {
        let _ = write!(text, "\n```sh\n{command}\n```\n");
    }
    text += "\n| model | engine | settings | words wrong | a second takes | an hour takes | memory | file | status |\n";
    text += "|---|---|---|---|---|---|---|---|---|\n";
    summary.rows.iter().for_each(|row| text += &line(row));
    if !summary.notes.is_empty() {
        text += "\n## To know before believing this\n\n";
        summary.notes.iter().for_each(|note| text += &format!("- {}\n", escape(note)));
    }
    let (board, corpus) = (&summary.board, &summary.corpus);
    text += "\n## Where and how\n\n";
    let mut fact = |name: &str, value: String| text += &format!("- {name}: {}\n", escape(&value));
    fact(
        "board",
        format!("{} ({}, {} cores, {} of memory)", board.name(), board.cpu, board.cores, megabytes(board.memory_bytes)),
    );
    fact("system", format!("{}, Linux {}", board.os, board.kernel));
    fact("measured by", format!("{} on {}", summary.tool, summary.created));
    for engine in &summary.engines {
        let version = engine.version.clone().or(engine.problem.clone()).unwrap_or_default();
        fact("engine", format!("{} ({version})", engine.name));
    }
    fact(
        "recordings",
        format!(
            "{} of {} speakers, {}, from {}; digest {}",
            corpus.utterances,
            corpus.speakers,
            minutes(corpus.seconds),
            corpus.sets.join(", "),
            corpus.hash.get(..16).unwrap_or(&corpus.hash)
        ),
    );
    for (language, name) in &corpus.normalizers {
        fact("counted", format!("{language}: {name}"));
    }
    let _ = write!(
        text,
        "\nIntervals have 95 %; those of errors are over speakers.\n\n```sh\n{}\n```\n",
        summary.words.join(" ")
    );
    text
}

fn line(row: &Row) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
    let status = match row.reason.is_empty() {
        true => row.status.name().to_owned(),
        false => format!("{}: {}", row.status.name(), row.reason),
    };
    let cells = [
        row.model.clone(),
        row.engine.clone(),
        row.settings.to_string(),
        or_dash(row.accuracy.first().map(|accuracy| interval_percent(&accuracy.error_rate))),
        or_dash(row.times.as_ref().map(|times| seconds(times.real_time_factor.estimate))),
        or_dash(row.cost.map(|cost| minutes(cost.hour_s.estimate))),
        or_dash(row.memory.map(|memory| megabytes(memory.peak_bytes))),
        megabytes(row.size_bytes),
        status,
    ];
    format!("| {} |\n", cells.map(|cell| escape(&cell)).join(" | "))
}

/// What would break a table or become markup.
fn escape(text: &str) -> String {
    let one_line = text.replace(['\n', '\r'], " ");
    one_line.replace('\\', "\\\\").replace('|', "\\|").replace('<', "\\<").replace('*', "\\*").replace('_', "\\_")
}
