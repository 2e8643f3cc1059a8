//! The plan for people: what will be measured, what will not and why, how long it takes.

use super::{Cell, Task};
use std::fmt::Write;

/// Seconds as people say them: "40 s", "12 min", "3 h 20 min".
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..100 => format!("{whole} s"),
        100..6000 => format!("{} min", (whole + 30) / 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Bytes in MB of 1,000,000.
pub fn size(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

/// A table of all cells, and what they take together.
pub fn show(cells: &[Cell]) -> String {
    let mut rows = vec![["task", "engine", "model", "settings", "expected", "memory", ""].map(str::to_owned)];
    for cell in cells {
        let (expected, memory, note) = match &cell.struck {
            None => (duration(cell.expected_s), size(cell.expected_bytes), String::new()),
            Some(struck) => (struck.status.name().to_owned(), "-".into(), struck.reason.clone()),
        };
        let task = cell.task.name().to_owned();
        rows.push([task, cell.engine.clone(), cell.model.clone(), cell.settings.to_string(), expected, memory, note]);
    }
    let mut text = String::new();
    let widths: Vec<usize> = (0..6).map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let cells: Vec<String> = row[..6].iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", format!("{}  {}", cells.join("  "), row[6]).trim_end());
    }
    let planned = || cells.iter().filter(|cell| cell.struck.is_none());
    let seconds: f64 = planned().map(|cell| cell.expected_s).sum();
    let count = |task| planned().filter(|cell| cell.task == task).count();
    let _ = write!(
        text,
        "\n{} of {} cells: {} for accuracy, {} for timing, {} for divergence; about {}\n",
        planned().count(),
        cells.len(),
        count(Task::Accuracy),
        count(Task::Timing),
        count(Task::Divergence),
        duration(seconds)
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_say_them() {
        for (seconds, text) in
            [(0.4, "0 s"), (99.0, "99 s"), (720.0, "12 min"), (12_000.0, "3 h 20 min"), (-1.0, "0 s")]
        {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(size(59_707_625), "60 MB");
    }
}
