//! The page: one HTML file that needs no network, no server and, but for sliders and plots, no script.

mod bars;
mod classic;
mod context;
mod data;
mod drawing;
mod heat;
mod hour;
mod recordings;
mod rows;
mod threads;

use super::Material;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Nothing may be fetched, whatever a transcript contains. Recordings that are linked lie beside the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      media-src data: blob: file: 'self'";

pub(super) fn page(material: &Material) -> String {
    let summary = material.summary;
    let title = format!("noctule eval: {}", summary.board.name());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(material))
                main {
                    (classic::section(material))
                    (budget(material))
                    (plots())
                    (hour::section(material))
                    (bars::section(material))
                    (threads::section(material))
                    (heat::section(material))
                    (rows::section(material))
                    (recordings::section(material))
                    (context::notes(summary))
                    (context::method(material))
                }
                script type="application/json" id="data" { (PreEscaped(data::json(material))) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn header(material: &Material) -> Markup {
    let (summary, verdict) = (material.summary, &material.verdict);
    let day = summary.created.get(..10).unwrap_or(&summary.created);
    html! {
        header {
            p.kicker { "noctule eval" span { (summary.board.name()) } span { (day) } }
            h1 { (verdict.sentence) }
            @if !verdict.more.is_empty() { p.lede { (verdict.more) } }
            @if let Some(command) = &verdict.command {
                div.command { code { (command) } button type="button" data-copy=(command) { "Copy" } }
            }
            @if !summary.complete {
                p.warning { "This evaluation was stopped before everything was measured. What is missing is said below." }
            }
        }
    }
}

/// Sliders; the script fills in their ranges and what they lead to.
fn budget(material: &Material) -> Markup {
    let can_choose = material.summary.rows.iter().any(|row| row.times.is_some() && !row.accuracy.is_empty());
    html! {
        @if can_choose {
            section #budget {
                h2 { "With a budget of your own" }
                p.hint { "Limits hold for the upper ends of the intervals. Of what is equally good, the smaller is taken." }
                div.sliders {
                    (slider("hour", "An hour of speech may take"))
                    (slider("memory", "Memory at most"))
                    (slider("errors", "Words wrong at most"))
                    label {
                        span { "Of what fits, take" }
                        select #goal {
                            option value="words" { "the fewest wrong words" }
                            option value="speed" { "the quickest" }
                            option value="memory" { "the one with least memory" }
                        }
                    }
                }
                output #pick for="hour memory errors goal" { noscript { "The sliders need JavaScript; they use no network." } }
            }
        }
    }
}

fn slider(id: &str, label: &str) -> Markup {
    html! {
        label for=(id) {
            span { (label) " " b id={ (id) "-value" } { "anything" } }
            input type="range" id=(id) min="0" max="100" value="100";
        }
    }
}

/// Places for the two plots that the script draws.
fn plots() -> Markup {
    html! {
        section #pareto {
            h2 { "Words against time and memory" }
            p.hint {
                "Left and below is better. Crosses are 95 % intervals; the line joins what no other beats. An arrow stands "
                "for what is far above. What does not fit the budget is hollow. Touch a point for its figures."
            }
            div.plots {
                figure { div #by-time {} figcaption { "seconds for a second of audio" } }
                figure { div #by-memory {} figcaption { "peak of the memory, MB" } }
            }
            p #point .hint aria-live="polite" {}
        }
    }
}
