//! Where the time goes: one bar a row, cut by phase.

use super::classic::share;
use super::hour::label;
use crate::report::Material;
use crate::report::figures::{digits, seconds};
use crate::summary::{Row, Times};
use maud::{Markup, html};

/// Name of a phase, its class, and its seconds.
type Part = (&'static str, &'static str, f64);

pub(super) fn section(material: &Material) -> Markup {
    let threads = material.summary.rows.iter().filter_map(|row| row.settings.threads).max();
    let rows: Vec<(&Row, &Times)> = material
        .summary
        .rows
        .iter()
        .filter(|row| row.settings.threads == threads)
        .filter_map(|row| Some((row, row.times.as_ref().filter(|times| times.phases.encode_s.is_some())?)))
        .collect();
    let longest = rows.iter().map(|(_, times)| times.wall_s.estimate).fold(0.0, f64::max);
    html! {
        @if !rows.is_empty() {
            section #phases {
                h2 { "Where the time goes" }
                p.hint {
                    "Seconds for all clips together. The encoder works once for every 30 s, however little is said; the decoder "
                    "works for every token, and again for every second attempt."
                }
                ul.legend {
                    @for (name, class) in [("load", "load"), ("spectrogram", "mel"), ("encoder", "encode"), ("prompts", "prompt"), ("decoder", "decode"), ("the rest", "rest")] {
                        li { i class=(class) {} (name) }
                    }
                }
                div.bars {
                    @for (row, times) in rows { (bar(row, times, longest)) }
                }
            }
        }
    }
}

fn bar(row: &Row, times: &Times, longest: f64) -> Markup {
    let parts = parts(times);
    let said: Vec<String> = parts.iter().map(|(name, _, s)| format!("{name} {}", seconds(*s))).collect();
    let fallbacks = times.phases.fallbacks.filter(|count| *count > 0.0);
    html! {
        div.row {
            span.name { (row.model) small { " " (label(row)) } }
            span.track role="img" aria-label=(said.join(", ")) title=(said.join(", ")) {
                @for (_, class, value) in &parts { i class=(class) style={ "width:" (share(*value, longest)) } {} }
            }
            span.value {
                (digits(times.wall_s.estimate)) " s"
                @if let Some(count) = fallbacks { small { " " (digits(count)) " second attempts" } }
            }
        }
    }
}

fn parts(times: &Times) -> Vec<Part> {
    let phases = &times.phases;
    let value = |seconds: Option<f64>| seconds.unwrap_or(0.0);
    let prompt = value(phases.prompt_s);
    let named = [
        ("load", "load", value(phases.load_s)),
        ("spectrogram", "mel", value(phases.mel_s)),
        ("encoder", "encode", value(phases.encode_s)),
        ("prompts", "prompt", prompt),
        ("decoder", "decode", (value(phases.decode_s) - prompt).max(0.0)),
    ];
    let rest = times.wall_s.estimate - named.iter().map(|(_, _, seconds)| seconds).sum::<f64>();
    named.into_iter().chain([("the rest", "rest", rest.max(0.0))]).collect()
}
