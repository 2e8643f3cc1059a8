//! What a reader should know before believing a report, as sentences.

use super::{Evidence, Summary};
use crate::board::describe_throttle;
use crate::plan::{Task, size};
use crate::run::Status;

/// A sentinel that changes more than this casts doubt on all times.
const DRIFT: f64 = 0.05;
/// Others wanting the processors for more than this share of the time disturb.
const DISTURBANCE: f64 = 0.25;
/// Fewer words than this cannot rank models: one error is two thousandths.
const FEW_WORDS: u64 = 500;

pub(super) fn notes(evidence: &Evidence, summary: &Summary) -> Vec<String> {
    let mut notes = evidence.warnings.iter().map(|warning| format!("The journal's {warning}.")).collect::<Vec<_>>();
    if !summary.complete {
        notes.push("The evaluation was stopped before everything was measured: rows say what is missing.".into());
    }
    if let Some(drift) = summary.drift.filter(|drift| *drift > DRIFT) {
        notes.push(format!(
            "The sentinel, one cell that was measured again and again, differed by {:.0} % between its runs: the machine \
             got slower or busier meanwhile, and differences between times that are smaller mean little.",
            100.0 * drift
        ));
    }
    let bits = summary.rows.iter().filter_map(|row| row.times.as_ref()).fold(0, |bits, times| bits | times.throttled);
    if bits != 0 {
        notes.push(format!(
            "Some times count although the machine was not at its best ({}), because every try was so.",
            describe_throttle(bits).join(", ")
        ));
    }
    let busy = summary.rows.iter().filter_map(|row| row.times.as_ref()?.disturbance).fold(0.0, f64::max);
    if busy > DISTURBANCE {
        notes.push(format!(
            "Something waited for a processor in up to {:.0} % of the time: other programs were running, or there were more \
             threads than processors.",
            100.0 * busy.min(1.0)
        ));
    }
    let words = summary.rows.iter().filter_map(|row| row.accuracy.first()).map(|a| a.counts.reference_words()).max();
    if let Some(words) = words.filter(|words| *words < FEW_WORDS) {
        notes.push(format!(
            "The references have {words} words: enough to see what is broken, too few to rank models that are nearly equal."
        ));
    }
    for (name, why) in &summary.corpus.unreadable {
        notes.push(format!("The recording {name} cannot be read and counts for nothing: {why}."));
    }
    let steps = evidence.outcomes().filter_map(|outcome| outcome.clock_step_s);
    if let Some(step) = steps.reduce(|a, b| if b.abs() > a.abs() { b } else { a }) {
        notes.push(format!("The clock was set by {step:+.1} s during a measurement; no time was measured with it."));
    }
    let hot = evidence.outcomes().filter(|outcome| outcome.started_hot.is_some()).count();
    if hot > 0 {
        notes.push(format!("{hot} runs began although the machine had not cooled down."));
    }
    notes.extend(different_texts(evidence));
    notes.extend(drives(evidence));
    notes
}

/// Texts must not depend on the number of threads or on when they are made.
fn different_texts(evidence: &Evidence) -> Vec<String> {
    let mut notes = Vec::new();
    for cell in evidence.plan.cells.iter().filter(|cell| cell.task == Task::Timing) {
        let mut texts = std::collections::BTreeMap::new();
        for text in evidence.done.of(&cell.id).iter().flat_map(|outcome| &outcome.texts) {
            texts.entry(&text.utterance).or_insert_with(Vec::new).push(&text.text);
        }
        if texts.values().any(|all| all.iter().any(|text| *text != all[0])) {
            notes.push(format!("{} with {} does not give the same text every time.", cell.engine, cell.model));
        }
    }
    notes.dedup();
    notes
}

fn drives(evidence: &Evidence) -> Vec<String> {
    let mut notes = Vec::new();
    let swapped: u64 = evidence.outcomes().map(|outcome| outcome.usage.swap_bytes).max().unwrap_or(0);
    if swapped > 0 {
        notes.push(format!(
            "Up to {} of an engine's memory were swapped out: such times say more about the drive.",
            size(swapped)
        ));
    }
    let down = evidence.outcomes().filter(|outcome| outcome.status == Status::Quarantined).count();
    if down > 0 {
        notes.push(format!("The machine went down during {down} measurements, which are not tried again."));
    }
    notes
}
