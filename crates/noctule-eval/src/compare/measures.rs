//! The figures of two rows that meet.

use super::rows::Side;
use super::{Finding, Limits, Measure, Verdict};
use crate::align::Counts;
use crate::run::Status;
use crate::statistics::{Bootstrap, Interval, Pair, error_rate_difference, holm, ratio_of_medians};
use crate::summary::{Row, Score, Times, by_speaker};
use std::collections::{BTreeMap, HashMap};

/// Everything that both rows have.
pub(super) fn of_rows(baseline: &Side, candidate: &Side, before: &Row, after: &Row, limits: Limits) -> Vec<Finding> {
    if let Some(finding) = standing(before, after) {
        return vec![finding];
    }
    let mut found = Vec::new();
    if let Some(limit) = limits.words {
        found.extend(words(baseline, candidate, before, after, limit));
        found.extend(silence(before, after));
    }
    if let Some((limit, (a, b))) = limits.time.zip(before.times.as_ref().zip(after.times.as_ref())) {
        found.push(time(after, a, b, limit, &baseline.evidence().bootstrap()));
    }
    if let Some((limit, (a, b))) = limits.memory.zip(before.memory.zip(after.memory)) {
        let (a, b) = (a.peak_bytes as f64, b.peak_bytes as f64);
        found.push(Finding {
            baseline: a,
            candidate: b,
            ..judged(after, Measure::Memory, exactly(b / a - 1.0), limit)
        });
    }
    found
}

/// Whether a row that could be measured no longer can.
fn standing(before: &Row, after: &Row) -> Option<Finding> {
    if !before.status.has_figures() || after.status.has_figures() {
        return None;
    }
    let verdict = match after.status {
        Status::NotRun | Status::NotApplicable => Verdict::Inconclusive,
        _ => Verdict::Regression,
    };
    let reason = match after.reason.is_empty() {
        true => after.status.name().to_owned(),
        false => format!("{}: {}", after.status.name(), after.reason),
    };
    Some(Finding { candidate: 1.0, verdict, reason, ..judged(after, Measure::Status, exactly(1.0), 0.0) })
}

/// A change without an interval.
fn exactly(change: f64) -> Interval {
    Interval { estimate: change, low: change, high: change, level: 0.0 }
}

/// A finding with the verdict that its interval gives by itself.
fn judged(row: &Row, measure: Measure, change: Interval, limit: f64) -> Finding {
    let verdict = if change.high <= limit {
        Verdict::Pass
    } else if change.low > limit {
        Verdict::Regression
    } else {
        Verdict::Inconclusive
    };
    Finding {
        measure,
        engine: row.engine.clone(),
        model: row.model.clone(),
        settings: row.settings.clone(),
        language: None,
        baseline: 0.0,
        candidate: 0.0,
        change,
        limit,
        p_value: None,
        equal_texts: None,
        verdict,
        reason: String::new(),
    }
}

fn words(baseline: &Side, candidate: &Side, before: &Row, after: &Row, limit: f64) -> Vec<Finding> {
    let (Some(old), Some(new)) = (&before.accuracy_cell, &after.accuracy_cell) else { return Vec::new() };
    let evidence = candidate.evidence();
    let utterances = &evidence.plan.corpus.utterances;
    // The corpora are equal, so an index means the same recording in both.
    let old: HashMap<usize, &Score> =
        baseline.scores().cell(old).iter().map(|score| (score.utterance, score)).collect();
    let mut by_language: BTreeMap<&str, Vec<(usize, &Score, &Score)>> = BTreeMap::new();
    for score in candidate.scores().cell(new) {
        let utterance = &utterances[score.utterance];
        if let Some(other) = old.get(&score.utterance).filter(|_| utterance.is_scored()) {
            let language = utterance.language.as_deref().unwrap_or("en");
            by_language.entry(language).or_default().push((score.utterance, other, score));
        }
    }
    let findings = by_language.into_iter().map(|(language, pairs)| {
        let sum = |of: &dyn Fn(&(usize, &Score, &Score)) -> Counts| pairs.iter().map(of).sum::<Counts>().error_rate();
        let (a, b) = (sum(&|pair| pair.1.counts)?, sum(&|pair| pair.2.counts)?);
        let counted =
            pairs.iter().map(|(index, old, new)| (*index, Pair { baseline: old.counts, candidate: new.counts }));
        let difference = error_rate_difference(&by_speaker(evidence, counted), &evidence.bootstrap()).ok();
        // A single recording cannot tell whether its errors are an accident.
        let unknown = Interval { estimate: b - a, low: f64::min(0.0, b - a), high: 1.0, level: 0.0 };
        let change = difference.map_or(if a == b { exactly(0.0) } else { unknown }, |difference| difference.interval);
        let equal = pairs.iter().filter(|(_, old, new)| old.text == new.text).count();
        Some(Finding {
            language: Some(language.to_owned()),
            baseline: a,
            candidate: b,
            p_value: difference.map(|difference| difference.p_value),
            equal_texts: Some([equal, pairs.len()]),
            ..judged(after, Measure::Words, change, limit)
        })
    });
    findings.flatten().collect()
}

/// Words where nobody speaks: any more than before are too many.
fn silence(before: &Row, after: &Row) -> Option<Finding> {
    let (a, b) = (before.probe_words? as f64, after.probe_words? as f64);
    Some(Finding { baseline: a, candidate: b, ..judged(after, Measure::Silence, exactly(b - a), 0.0) })
}

fn time(row: &Row, before: &Times, after: &Times, limit: f64, bootstrap: &Bootstrap) -> Finding {
    let ratio = ratio_of_medians(&rounds(before), &rounds(after), bootstrap);
    let estimate = after.wall_s.estimate / before.wall_s.estimate - 1.0;
    // Of a single run nobody knows how much the next would differ.
    let unknown = Interval { estimate, low: -1.0, high: f64::MAX, level: 0.0 };
    let change = ratio.map_or(unknown, |ratio| Interval {
        estimate: ratio.estimate - 1.0,
        low: ratio.low - 1.0,
        high: ratio.high - 1.0,
        level: ratio.level,
    });
    Finding {
        baseline: before.wall_s.estimate,
        candidate: after.wall_s.estimate,
        ..judged(row, Measure::Time, change, limit)
    }
}

/// Seconds of all clips together, one for each repetition.
fn rounds(times: &Times) -> Vec<f64> {
    let runs = times.clips.iter().map(|clip| clip.walls_s.len()).min().unwrap_or(0);
    (0..runs).map(|run| times.clips.iter().map(|clip| clip.walls_s[run]).sum()).collect()
}

/// Words are compared in many rows: among all of them the probability of a false alarm stays below a twentieth (Holm).
/// What is beyond the limit by a corrected p-value is a regression, though the interval may reach into the limit.
pub(super) fn correct(findings: &mut [Finding]) {
    let words: Vec<usize> = (0..findings.len()).filter(|i| findings[*i].p_value.is_some()).collect();
    let p_values: Vec<f64> = words.iter().filter_map(|i| findings[*i].p_value).collect();
    for (i, p_value) in words.into_iter().zip(holm(&p_values)) {
        let finding = &mut findings[i];
        finding.p_value = Some(p_value);
        if finding.change.high > finding.limit {
            let beyond = finding.change.estimate > finding.limit && p_value <= 1.0 - finding.change.level;
            finding.verdict = if beyond { Verdict::Regression } else { Verdict::Inconclusive };
        }
    }
}
