//! A few lines for a terminal.

use super::figures::{interval_percent, megabytes, minutes, seconds};
use crate::recommend::Ties;
use crate::summary::{Evidence, Row, Scores, Summary};

/// The verdict and a table.
pub fn terminal(evidence: &Evidence, summary: &Summary) -> String {
    let verdict = super::verdict(summary, &Ties::of(evidence, &Scores::of(evidence), &summary.rows));
    let mut text = format!("{}\n", verdict.sentence);
    if let Some(command) = &verdict.command {
        text += &format!("  {command}\n");
    }
    let head = ["engine", "model", "settings", "words wrong", "a second", "an hour", "memory", "status"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(summary.rows.iter().map(cells));
    let widths: Vec<usize> =
        (0..head.len()).map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0)).collect();
    text.push('\n');
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text += &format!("{}\n", cells.join("  ").trim_end());
    }
    summary.notes.iter().for_each(|note| text += &format!("\n{note}"));
    text + if summary.notes.is_empty() { "" } else { "\n" }
}

fn cells(row: &Row) -> [String; 8] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let status = match row.reason.is_empty() {
        true => row.status.name().to_owned(),
        false => format!("{}: {}", row.status.name(), row.reason),
    };
    [
        row.engine.clone(),
        row.model.clone(),
        row.settings.to_string(),
        or_dash(row.accuracy.first().map(|accuracy| interval_percent(&accuracy.error_rate))),
        or_dash(row.times.as_ref().map(|times| seconds(times.real_time_factor.estimate))),
        or_dash(row.cost.map(|cost| minutes(cost.hour_s.estimate))),
        or_dash(row.memory.map(|memory| megabytes(memory.peak_bytes))),
        status,
    ]
}
