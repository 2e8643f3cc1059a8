//! The table that everybody makes first: type by type, the runtime of one clip; with what was missing from it.

use crate::plan::Task;
use crate::report::Material;
use crate::report::figures::{digits, megabytes, percent};
use crate::run::Status;
use crate::summary::Row;
use maud::{Markup, html};

/// Types in the order in which they are always listed; others come behind, by their bits.
const ORDER: [&str; 10] = ["q2_k", "q3_k", "q4_0", "q4_1", "q4_k", "q5_0", "q5_1", "q5_k", "q6_k", "q8_0"];

/// Sizes, largest first.
const SIZES: [&str; 5] = ["large", "medium", "small", "base", "tiny"];

pub(super) fn section(material: &Material) -> Markup {
    let summary = material.summary;
    let engines: Vec<&str> = summary.engines.iter().map(|engine| engine.name.as_str()).collect();
    let families = families(&summary.rows);
    let threads = summary.rows.iter().filter_map(|row| row.settings.threads).max();
    let clip = material.evidence.plan.clips().first().map(|i| &material.evidence.plan.corpus.utterances[*i]);
    let slowest = times(&summary.rows, threads).fold(0.0, f64::max);
    let worst = summary.rows.iter().filter_map(|r| Some(r.accuracy.first()?.error_rate.estimate)).fold(0.0, f64::max);
    html! {
        section #types {
            h2 { "Type by type" }
            @if let Some(clip) = clip {
                p.hint {
                    "Runtime: one recording of " (digits(clip.duration_s)) " s from start to end, loading included"
                    @if let Some(threads) = threads { ", " (threads) @if threads == 1 { " thread" } @else { " threads" } }
                    "; the median of several runs. Words wrong: over all recordings."
                }
            }
            div.scroll {
                table.classic {
                    thead {
                        @if engines.len() > 1 {
                            tr { th {} @for engine in &engines { th colspan="3" scope="colgroup" { (engine) } } th {} }
                        }
                        tr {
                            th scope="col" { "Model" }
                            @for _ in &engines {
                                th scope="col" { "Runtime (s)" }
                                th scope="col" { "Words wrong" }
                                th scope="col" { "Memory" }
                            }
                            th scope="col" { "File" }
                        }
                    }
                    @for family in &families {
                        tbody {
                            tr.family { th colspan=(2 + 3 * engines.len()) scope="rowgroup" { (title(family)) } }
                            @for (model, size) in models(&summary.rows, family) {
                                tr {
                                    th scope="row" { (model) }
                                    @for engine in &engines {
                                        (cells(row_of(&summary.rows, engine, model, threads), slowest, worst))
                                    }
                                    td { (megabytes(size)) }
                                }
                            }
                        }
                    }
                }
            }
            @if !material.evidence.evaluation.grid.tasks.contains(&Task::Timing) {
                p.hint { "Time was not asked for." }
            }
        }
    }
}

fn times(rows: &[Row], threads: Option<u32>) -> impl Iterator<Item = f64> {
    rows.iter()
        .filter(move |row| row.settings.threads == threads)
        .filter_map(|row| Some(row.times.as_ref()?.clips.first()?.wall_s.estimate))
}

/// Families, larger models first, as they appear in the rows otherwise.
fn families(rows: &[Row]) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for row in rows {
        if !all.contains(&row.family.as_str()) {
            all.push(&row.family);
        }
    }
    let rank = |family: &str| SIZES.iter().position(|size| family.starts_with(size)).unwrap_or(SIZES.len());
    all.sort_by_key(|family| rank(family));
    all
}

fn title(family: &str) -> String {
    let mut letters = family.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{} models", letters.as_str())
}

/// Models of a family with the sizes of their files, in the usual order, the float model last.
fn models<'a>(rows: &'a [Row], family: &str) -> Vec<(&'a str, u64)> {
    let mut all: Vec<(&str, &str, u64)> = Vec::new();
    for row in rows.iter().filter(|row| row.family == family) {
        if !all.iter().any(|(model, ..)| *model == row.model) {
            all.push((&row.model, &row.weights, row.size_bytes));
        }
    }
    let rank = |weights: &str| match ORDER.iter().position(|name| *name == weights) {
        Some(place) => place,
        None if ["f16", "f32", "bf16"].contains(&weights) => 2 * ORDER.len(),
        None => ORDER.len(),
    };
    all.sort_by_key(|(_, weights, size)| (rank(weights), *size));
    all.into_iter().map(|(model, _, size)| (model, size)).collect()
}

/// The row of an engine and model at so many threads: the first of several settings.
pub(super) fn row_of<'a>(rows: &'a [Row], engine: &str, model: &str, threads: Option<u32>) -> Option<&'a Row> {
    let mut found = rows.iter().filter(|row| row.engine == engine && row.model == model);
    let exact = found.clone().find(|row| row.settings.threads == threads);
    exact.or_else(|| found.next())
}

fn cells(row: Option<&Row>, slowest: f64, worst: f64) -> Markup {
    let Some(row) = row else {
        return html! { td.none colspan="3" { "–" } };
    };
    let time = row.times.as_ref().and_then(|times| times.clips.first()).map(|clip| clip.wall_s);
    let accuracy = row.accuracy.first();
    if time.is_none() && accuracy.is_none() {
        return html! { td.none colspan="3" title=(row.reason) { (row.status.name()) @if !row.reason.is_empty() { ": " (row.reason) } } };
    }
    html! {
        td.bar style={ "--w:" (share(time.map_or(0.0, |time| time.estimate), slowest)) } {
            @match time {
                Some(time) => span title={ (digits(time.low)) " to " (digits(time.high)) " s" } { (digits(time.estimate)) },
                None => span.none title=(row.reason) { (missing(row)) },
            }
        }
        td.bar.errors style={ "--w:" (share(accuracy.map_or(0.0, |a| a.error_rate.estimate), worst)) } {
            @match accuracy {
                Some(accuracy) => span { (percent(accuracy.error_rate.estimate)) small { " ±" (digits(100.0 * accuracy.error_rate.half_width())) } },
                None => span.none title=(row.reason) { (missing(row)) },
            }
            @if loops(row) > 0 { span.flag title={ (loops(row)) " recordings look like a loop" } { "↻" } }
        }
        td { @match row.memory { Some(memory) => (megabytes(memory.peak_bytes)), None => "–" } }
    }
}

fn missing(row: &Row) -> &'static str {
    if row.status == Status::Ok { "–" } else { row.status.name() }
}

pub(super) fn loops(row: &Row) -> usize {
    let loops =
        |accuracy: &crate::summary::Accuracy| accuracy.suspicions.get(&crate::summary::Suspicion::Loop).copied();
    row.accuracy.iter().filter_map(loops).sum()
}

/// A width in per cent.
pub(super) fn share(value: f64, most: f64) -> String {
    let share = if most > 0.0 { 100.0 * value / most } else { 0.0 };
    format!("{:.1}%", share.clamp(0.0, 100.0))
}
