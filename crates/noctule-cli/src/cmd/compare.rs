//! `noctule compare`: two evaluations → whether anything got worse, as an exit code too.

use super::eval::{print, print_json};
use crate::args::{CompareArgs, MeasureArg};
use crate::failure::Failure;
use noctule_eval::compare::{Comparison, Finding, Limits, Measure, Side, Verdict, compare};
use noctule_eval::report::{megabytes, percent, seconds};

/// Does what the arguments say; returns the exit code.
///
/// # Errors
/// [`Failure::Work`] for evaluations that cannot be read or compared.
pub fn run(args: &CompareArgs) -> Result<u8, Failure> {
    let wanted = |measure, limit: f32| args.only.contains(&measure).then_some(f64::from(limit) / 100.0);
    let limits = Limits {
        words: wanted(MeasureArg::Words, args.words),
        time: wanted(MeasureArg::Time, args.time),
        memory: wanted(MeasureArg::Memory, args.memory),
    };
    let found = compare(&Side::read(&args.baseline)?, &Side::read(&args.candidate)?, limits)?;
    match args.json {
        true => print_json(&found)?,
        false => print(&told(&found))?,
    }
    Ok(match found.verdict {
        Verdict::Pass => 0,
        Verdict::Regression => 3,
        Verdict::Inconclusive => 4,
    })
}

/// A line for each figure, the worst first, and the verdict.
fn told(found: &Comparison) -> String {
    let mut findings: Vec<&Finding> = found.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    let rows: Vec<[String; 5]> = findings.into_iter().map(cells).collect();
    let widths: Vec<usize> = (0..5).map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text += &format!("{}\n", cells.join("  ").trim_end());
    }
    for (name, rows) in [("baseline", &found.only_baseline), ("candidate", &found.only_candidate)] {
        if !rows.is_empty() {
            text += &format!("Only in the {name}: {}.\n", rows.join(", "));
        }
    }
    found.notes.iter().for_each(|note| text += &format!("{note}\n"));
    text + match found.verdict {
        Verdict::Pass => "Nothing is worse than the limits allow.\n",
        Verdict::Regression => "Something is worse than the limits allow.\n",
        Verdict::Inconclusive => "The measurements do not tell: more recordings or repeats would.\n",
    }
}

fn cells(of: &Finding) -> [String; 5] {
    let mut row = format!("{}/{}", of.engine, of.model);
    let settings = of.settings.to_string();
    if of.measure == Measure::Time && !settings.is_empty() {
        row += &format!(" ({settings})");
    }
    let measure = match &of.language {
        Some(language) => format!("{} ({language})", of.measure.name()),
        None => of.measure.name().to_owned(),
    };
    let figure = |value: f64| match of.measure {
        Measure::Words => percent(value),
        Measure::Time => seconds(value),
        Measure::Memory => megabytes(value as u64),
        Measure::Silence | Measure::Status => format!("{value:.0}"),
    };
    let figures = match of.measure {
        Measure::Status => of.reason.clone(),
        _ => format!("{} → {}", figure(of.baseline), figure(of.candidate)),
    };
    [of.verdict.name().to_owned(), row, measure, figures, change(of)]
}

/// The change, its interval, the limit.
fn change(of: &Finding) -> String {
    let unit = match of.measure {
        Measure::Words => "points",
        Measure::Time | Measure::Memory => "%",
        Measure::Silence | Measure::Status => return String::new(),
    };
    let [estimate, low, high] = [of.change.estimate, of.change.low, of.change.high].map(|value| 100.0 * value);
    let mut text = format!("{estimate:+.2} {unit}");
    if of.change.level > 0.0 {
        text += &format!(" ({low:+.2} to {high:+.2})");
    }
    text += &format!(", limit {:+.1}", 100.0 * of.limit);
    if let Some([equal, all]) = of.equal_texts {
        text += &format!("; {equal} of {all} texts equal");
    }
    text
}
