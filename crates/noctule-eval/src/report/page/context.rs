//! What to know before believing it, where it was measured and how, and how to measure it again.

use crate::report::Material;
use crate::report::figures::{digits, megabytes, minutes};
use crate::run::Status;
use crate::summary::Summary;
use maud::{Markup, html};

pub(super) fn notes(summary: &Summary) -> Markup {
    html! {
        @if !summary.notes.is_empty() {
            section #notes {
                h2 { "To know before believing this" }
                ul { @for note in &summary.notes { li { (note) } } }
            }
        }
    }
}

pub(super) fn method(material: &Material) -> Markup {
    let (summary, head) = (material.summary, &material.evidence.evaluation);
    let (board, corpus, rules) = (&summary.board, &summary.corpus, &head.grid.rules);
    let session = summary.sessions.last();
    let absent = summary.rows.iter().filter(|row| !matches!(row.status, Status::Ok)).count();
    html! {
        section #method {
            h2 { "Where and how" }
            dl {
                dt { "Board" }
                dd {
                    (board.name()) "; " (board.cpu) ", " (board.cores) " cores, " (megabytes(board.memory_bytes)) " of memory"
                    @if let Some(mhz) = board.max_mhz { ", up to " (format!("{mhz:.0}")) " MHz" }
                    @if let Some(governor) = &board.governor { ", governor " (governor) }
                }
                dt { "System" }
                dd {
                    (board.os) ", Linux " (board.kernel)
                    @if let Some(firmware) = &board.firmware { ", firmware " (firmware) }
                    @if let Some(page) = board.page_bytes { ", pages of " (page / 1024) " KiB" }
                    @for swap in &board.swap { "; swap " (megabytes(swap.size_bytes)) " on " (swap.drive.name()) }
                    @if board.swap.is_empty() { "; no swap" }
                }
                @if let Some(session) = session {
                    dt { "State" }
                    dd {
                        @if let Some(bytes) = session.available_bytes { (megabytes(bytes)) " free" }
                        @if let Some([one, ..]) = session.load { ", load " (digits(one)) " at the start" }
                        @if let Some(drive) = session.drive { ", folder on " (drive.name()) }
                        @if let Some(watts) = session.idle_w { ", " (digits(watts)) " W at rest" }
                    }
                }
                @for engine in &summary.engines {
                    dt { (engine.name) }
                    dd {
                        @if let Some(version) = &engine.version { (version) }
                        @if let Some(sum) = &engine.sha256 { " " code.hash { (sum.get(..16).unwrap_or(sum)) } }
                        @if let Some(problem) = &engine.problem { (problem) }
                    }
                }
                dt { "Recordings" }
                dd {
                    (corpus.utterances) " of " (corpus.speakers) " speakers, " (minutes(corpus.seconds)) ", and "
                    (corpus.probes) " without speech; from " (corpus.sets.join(", ")) " (" (corpus.tier) ", seed " (head.grid.seed) ") "
                    code.hash { (corpus.hash.get(..16).unwrap_or(&corpus.hash)) }
                    @if !corpus.licences.is_empty() { "; " (corpus.licences.join(", ")) }
                }
                dt { "Words" }
                dd {
                    @for (language, name) in &corpus.normalizers { (language) ": " (name) "; " }
                    "errors over all words of all recordings; intervals by drawing speakers again, BCa; differences paired; a "
                    "recording without text counts as silence"
                }
                dt { "Times" }
                dd {
                    "one process a run, cells in random order within rounds, the first round thrown away; " (rules.repeats) " to "
                    (rules.most_repeats) " runs, until the half-width of the median's interval is " (digits(100.0 * rules.half_width)) " %"
                    @if let Some(drift) = summary.drift { "; the sentinel varied by " (digits(100.0 * drift)) " %" }
                }
                dt { "Memory" }
                dd { "the kernel's own peak of each process, which pages of the model's file belong to" }
                dt { "Rows" }
                dd { (summary.rows.len()) ", of which " (absent) " are not plainly ok" }
                dt { "Measured" }
                dd { (summary.created) " by " (summary.tool) ", in " (summary.sessions.len()) @if summary.sessions.len() == 1 { " session" } @else { " sessions" } }
            }
            h3 { "To do it again" }
            div.command { code { (summary.words.join(" ")) } button type="button" data-copy=(summary.words.join(" ")) { "Copy" } }
            p.hint { "The journal beside this page holds every figure and every text; " code { "noctule eval --report DIR" } " makes the page again." }
        }
    }
}
