//! Made-up evaluations before and after made-up changes.

use super::*;
use crate::Status;
use crate::summary::tests::{Made, USUAL, evidence};

/// One model, after `change` was done to it.
fn side(change: impl Fn(&mut Made)) -> Side {
    let [mut base, ..] = USUAL;
    change(&mut base);
    Side::new(evidence(&[base], 5), None)
}

fn found(comparison: &Comparison, measure: Measure) -> &Finding {
    comparison.findings.iter().find(|finding| finding.measure == measure).unwrap()
}

#[test]
fn the_same_passes() {
    let same = compare(&side(|_| ()), &side(|_| ()), Limits::default()).unwrap();
    assert_eq!(same.verdict, Verdict::Pass);
    // Two rows, of one and two threads: words, time, memory.
    assert_eq!(same.findings.len(), 6);
    assert_eq!(found(&same, Measure::Words).equal_texts, Some([12, 12]));
    assert!(same.only_baseline.is_empty() && same.only_candidate.is_empty() && same.notes.is_empty());
}

#[test]
fn each_figure_that_gets_worse_is_a_regression() {
    let after = |change: fn(&mut Made)| compare(&side(|_| ()), &side(change), Limits::default()).unwrap();
    let words = after(|made| made.wrong_every = 1);
    assert_eq!((words.verdict, found(&words, Measure::Words).verdict), (Verdict::Regression, Verdict::Regression));
    assert_eq!(found(&words, Measure::Time).verdict, Verdict::Pass);
    // 3 and 12 errors in 144 words.
    assert!((found(&words, Measure::Words).change.estimate - 9.0 / 144.0).abs() < 1e-12);
    let time = after(|made| made.window_s *= 1.5);
    assert_eq!((time.verdict, found(&time, Measure::Time).verdict), (Verdict::Regression, Verdict::Regression));
    let memory = after(|made| made.peak_megabytes += 29);
    assert_eq!(found(&memory, Measure::Memory).verdict, Verdict::Regression);
    assert!((found(&memory, Measure::Memory).change.estimate - 0.1).abs() < 1e-9);
    assert_eq!(
        after(|made| made.peak_megabytes += 14).verdict,
        Verdict::Pass,
        "14 of 290 MB are less than a twentieth"
    );
}

#[test]
fn what_gets_better_passes() {
    let better = |made: &mut Made| {
        (made.wrong_every, made.window_s, made.peak_megabytes) = (0, 1.0, 100);
    };
    let found = compare(&side(|_| ()), &side(better), Limits::default()).unwrap();
    assert_eq!(found.verdict, Verdict::Pass);
    assert!(found.findings.iter().all(|finding| finding.change.estimate < 0.0));
}

#[test]
fn a_change_that_may_be_an_accident_is_inconclusive() {
    // Four errors for three in twelve recordings of four speakers.
    let found = compare(&side(|_| ()), &side(|made| made.wrong_every = 3), Limits::default()).unwrap();
    assert_eq!(found.verdict, Verdict::Inconclusive);
    let wide = Limits { words: Some(0.2), ..Limits::default() };
    assert_eq!(compare(&side(|_| ()), &side(|made| made.wrong_every = 3), wide).unwrap().verdict, Verdict::Pass);
}

#[test]
fn many_rows_do_not_raise_false_alarms() {
    let finding = |p_value: f64| Finding {
        measure: Measure::Words,
        engine: String::new(),
        model: String::new(),
        settings: Settings::default(),
        language: None,
        baseline: 0.1,
        candidate: 0.12,
        change: Interval { estimate: 0.02, low: 0.001, high: 0.04, level: 0.95 },
        limit: 0.005,
        p_value: Some(p_value),
        equal_texts: None,
        verdict: Verdict::Inconclusive,
        reason: String::new(),
    };
    let mut one = [finding(0.03)];
    measures::correct(&mut one);
    assert_eq!(one[0].verdict, Verdict::Regression);
    let mut two = [finding(0.03), finding(0.6)];
    measures::correct(&mut two);
    assert_eq!(two.map(|finding| finding.verdict), [Verdict::Inconclusive; 2]);
}

#[test]
fn a_row_that_cannot_be_measured_any_more_is_a_regression() {
    let [base, ..] = USUAL;
    let mut broken = evidence(&[base], 5);
    broken.done.each(|outcome| {
        (outcome.status, outcome.detail) = (Status::Crashed, "signal 11".into());
        outcome.texts.clear();
    });
    let found = compare(&side(|_| ()), &Side::new(broken, None), Limits::default()).unwrap();
    assert_eq!(found.verdict, Verdict::Regression);
    assert!(found.findings[0].reason.contains("crashed"), "{:?}", found.findings[0]);
}

#[test]
fn other_recordings_and_machines_are_refused() {
    let change = |change: fn(&mut crate::summary::Evidence)| {
        let [base, ..] = USUAL;
        let mut other = evidence(&[base], 5);
        change(&mut other);
        Side::new(other, None)
    };
    let refused = |side: &Side, limits: Limits| compare(&self::side(|_| ()), side, limits).unwrap_err().to_string();
    let recordings = change(|other| other.evaluation.corpus_hash = "other".into());
    assert!(refused(&recordings, Limits::default()).contains("recordings"));
    let machine = change(|other| other.evaluation.board.cpu = "Cortex-A76".into());
    assert!(refused(&machine, Limits::default()).contains("--only words"));
    let words = Limits { time: None, memory: None, ..Limits::default() };
    assert_eq!(compare(&side(|_| ()), &machine, words).unwrap().verdict, Verdict::Pass);
    let clips = change(|other| other.evaluation.clips.truncate(1));
    assert!(refused(&clips, Limits::default()).contains("clips"));
}

#[test]
fn rows_of_other_names_meet_when_they_are_named() {
    let all = || evidence(&USUAL, 5);
    let (base, q4) = (Side::new(all(), Some("base")), Side::new(all(), Some("noctule/base-q4_k")));
    let found = compare(&base, &q4, Limits::default()).unwrap();
    assert_eq!(found.findings.len(), 6);
    assert!(found.findings.iter().all(|finding| finding.model == "base-q4_k"));
    assert!(found.only_baseline.is_empty() && found.only_candidate.is_empty());
    let other = Side::new(evidence(&USUAL[1..], 5), None);
    let [first, ..] = USUAL;
    let alone = Side::new(evidence(&[first], 5), None);
    let problem = compare(&alone, &other, Limits::default()).unwrap_err().to_string();
    assert!(problem.contains("noctule/base (1 thread)") && problem.contains("FOLDER@MODEL"), "{problem}");
    let some = compare(&alone, &Side::new(all(), None), Limits::default()).unwrap();
    assert_eq!((some.only_baseline.len(), some.only_candidate.len()), (0, 4));
}

#[test]
fn a_folder_without_a_journal_is_an_error() {
    let problem = Side::read("/nowhere/out@base").unwrap_err().to_string();
    assert!(problem.contains("/nowhere/out"), "{problem}");
}
