//! Every row with every figure; failures are rows like others.

use super::hour::label;
use crate::report::Material;
use crate::report::figures::{digits, interval_percent, megabytes, minutes, percent, seconds};
use crate::run::Status;
use crate::summary::{Accuracy, Row, Suspicion};
use maud::{Markup, html};

const HEADS: [(&str, &str); 15] = [
    ("Model", "Engine and settings below it"),
    ("Status", "What became of it"),
    ("Words wrong", "Pooled word error rate after normalising, with its 95 % interval over speakers"),
    ("s d i", "Words substituted, deleted, inserted"),
    ("Against float", "Words wrong less those of the float model on the same recordings, with the 95 % interval"),
    ("No worse", "Recordings in which it has no more errors than the float model"),
    ("Raw", "Words wrong as they stand, case aside: punctuation counts"),
    (
        "Signs",
        "Recordings that look like a loop, an invention, too short, too long; words written down of silence and noise",
    ),
    ("A second takes", "Seconds for each second of audio, with the 95 % interval"),
    ("First text", "Until the first text of the first clip"),
    ("An hour takes", "By the cost model"),
    ("Memory", "Largest resident set of all runs"),
    ("Own pages", "Anonymous memory at the largest proportional set size"),
    ("Energy", "Joules for each second of audio"),
    ("Computed by", "Instruction tier, precision, types of the tensors"),
];

pub(super) fn section(material: &Material) -> Markup {
    html! {
        section #rows {
            h2 { "Everything that was measured" }
            div.scroll {
                table.full {
                    thead { tr { @for (head, title) in HEADS { th scope="col" title=(title) { (head) } } } }
                    tbody { @for (number, row) in material.summary.rows.iter().enumerate() { (line(number, row)) } }
                }
            }
        }
    }
}

fn line(number: usize, row: &Row) -> Markup {
    let accuracy = row.accuracy.first();
    let dash = html! { span.none { "–" } };
    let or_dash = |text: Option<String>| text.map_or_else(|| dash.clone(), |text| html! { (text) });
    html! {
        tr data-row=(number) {
            th scope="row" { (row.model) small { (label(row)) } }
            td.status data-status=(status_class(row.status)) { (row.status.name()) @if !row.reason.is_empty() { small { (row.reason) } } }
            td { (or_dash(accuracy.map(|a| interval_percent(&a.error_rate)))) @for other in row.accuracy.iter().skip(1) { small { (other.language) " " (interval_percent(&other.error_rate)) } } }
            td { (or_dash(accuracy.map(|a| format!("{} {} {}", a.counts.substitutions, a.counts.deletions, a.counts.insertions)))) }
            td { (or_dash(accuracy.and_then(difference))) }
            td { (or_dash(accuracy.and_then(|a| Some(percent(a.paired.as_ref()?.quality.no_worse()?))))) }
            td { (or_dash(accuracy.map(|a| percent(a.raw_error_rate)))) }
            td { (signs(row)) }
            td {
                (or_dash(row.times.as_ref().map(|times| seconds(times.real_time_factor.estimate))))
                @if let Some(times) = &row.times {
                    small { (digits(times.real_time_factor.low)) " to " (digits(times.real_time_factor.high)) ", " (times.repeats) " runs" @if !times.is_known { ", too few" } }
                }
            }
            td { (or_dash(row.times.as_ref().and_then(|times| times.clips.first()?.first_text_s).map(seconds))) }
            td { (or_dash(row.cost.map(|cost| minutes(cost.hour_s.estimate)))) }
            td {
                (or_dash(row.memory.map(|memory| megabytes(memory.peak_bytes))))
                @if let Some(memory) = row.memory { small { "expected " (megabytes(memory.expected_bytes)) } }
            }
            td { (or_dash(row.memory.and_then(|memory| Some(megabytes(memory.pss_bytes?[1]))))) }
            td { (or_dash(row.energy.map(|energy| format!("{} J", digits(energy.joules_per_second.estimate))))) }
            td.path { (computed(row)) }
        }
    }
}

/// One word for the style sheet.
fn status_class(status: Status) -> &'static str {
    match status {
        Status::Ok => "good",
        Status::Partial | Status::Throttled => "doubtful",
        Status::NotApplicable | Status::NotRun => "absent",
        _ => "bad",
    }
}

fn difference(accuracy: &Accuracy) -> Option<String> {
    let interval = accuracy.paired.as_ref()?.difference.interval;
    let points = |share: f64| format!("{:+.2}", 100.0 * share);
    Some(format!("{} ({} to {})", points(interval.estimate), points(interval.low), points(interval.high)))
}

fn signs(row: &Row) -> Markup {
    let count = |suspicion: Suspicion| -> usize {
        row.accuracy.iter().filter_map(|accuracy| accuracy.suspicions.get(&suspicion)).sum()
    };
    let named = [
        (count(Suspicion::Loop), "loop"),
        (count(Suspicion::Invention), "invention"),
        (count(Suspicion::Short), "short"),
        (count(Suspicion::Long), "long"),
    ];
    let mut parts: Vec<String> = named.iter().filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {name}")).collect();
    parts.extend(row.probe_words.filter(|words| *words > 0).map(|words| format!("{words} words of silence")));
    html! { @if parts.is_empty() { span.none { @if row.accuracy.is_empty() { "–" } @else { "none" } } } @else { (parts.join(", ")) } }
}

fn computed(row: &Row) -> Markup {
    let types: Vec<String> = row.types.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let how: Vec<String> = [row.tier.as_deref().map(short_tier), row.precision.clone()].into_iter().flatten().collect();
    html! { (how.join(", ")) @if !types.is_empty() { small { (types.join(", ")) } } }
}

/// Of ggml's system line ("CPU : AVX2 = 1 | FMA = 1") the names of what is there; any other tier as it is.
fn short_tier(tier: &str) -> String {
    let line = tier.rsplit_once(" : ").map_or(tier, |(_, flags)| flags);
    let there: Vec<&str> = line.split('|').filter_map(|flag| flag.trim().strip_suffix(" = 1")).collect();
    if there.is_empty() { tier.to_owned() } else { there.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::short_tier;

    #[test]
    fn system_lines_are_shortened() {
        assert_eq!(short_tier("CPU : AVX2 = 1 | FMA = 1 | AMX = 0 | REPACK = 1"), "AVX2 FMA REPACK");
        assert_eq!(short_tier("dotprod"), "dotprod");
    }
}
