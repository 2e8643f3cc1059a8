//! Choices under budgets, on the made-up evaluation.

use super::*;
use crate::summary::tests::{Made, USUAL, evidence};
use crate::summary::{Scores, Summary, summarize};

fn choose(made: &[Made], budget: &str) -> Recommendation {
    let evidence = evidence(made, 5);
    let (scores, summary): (Scores, Summary) = (Scores::of(&evidence), summarize(&evidence));
    let ties = Ties::of(&evidence, &scores, &summary.rows);
    recommend(&candidates(&summary.rows, &ties), &ties, Budget::parse(budget).unwrap())
}

fn chosen(budget: &str) -> (String, Option<u32>) {
    let found = choose(&USUAL, budget).choice.unwrap();
    (found.model, found.settings.threads)
}

#[test]
fn sentences_are_understood() {
    let of = |text: &str| Budget::parse(text).unwrap();
    assert_eq!(
        of("real time with 1 GB"),
        Budget { real_time_factor: Some(1.0), memory_bytes: Some(1_000_000_000), ..Budget::default() }
    );
    assert_eq!(of("an hour's meeting within 10 minutes").hour_s, Some(600.0));
    assert_eq!(of("one hour of speech in 90 s").hour_s, Some(90.0));
    assert_eq!(of("within 5 min").hour_s, Some(300.0));
    assert_eq!(of("best words in 200 MB"), Budget { memory_bytes: Some(200_000_000), ..Budget::default() });
    assert_eq!(
        of("Fastest, at most 12 % wrong"),
        Budget { goal: Goal::Speed, error_rate: Some(0.12), ..Budget::default() }
    );
    assert_eq!(of("smallest under 1.5 GiB of RAM").memory_bytes, Some(3 << 29));
    assert_eq!(
        of("50 MB file, live"),
        Budget { file_bytes: Some(50_000_000), real_time_factor: Some(1.0), ..Budget::default() }
    );
    assert_eq!(of("4x faster than real time").real_time_factor, Some(0.25));
    assert!(of("").is_open() && of("coolest").goal == Goal::Energy);
    for (text, odd) in [("purple", "'purple'"), ("with 1 TB", "'1'"), ("within 0 minutes", "above 0")] {
        assert!(Budget::parse(text).unwrap_err().contains(odd), "{text}");
    }
    assert_eq!(of("real time with 1 GB").to_string(), "fewest wrong words; real time, 1000 MB of memory");
}

#[test]
fn of_equals_the_smaller_and_of_that_the_quicker() {
    // base has 3 errors and q4_k 4 of 144 words, which is no difference; q2_k has 12, which is one.
    assert_eq!(chosen("best words"), ("base-q4_k".into(), Some(2)));
    let found = choose(&USUAL, "best words");
    assert_eq!(found.tied, ["base"]);
    assert_eq!(found.runner_up.unwrap().model, "base");
}

#[test]
fn limits_hold_for_upper_bounds() {
    assert_eq!(chosen("best words in 145 MB").0, "base-q2_k", "150 MiB and a twentieth are 165 MB");
    assert_eq!(chosen("best words in 166 MB").0, "base-q4_k");
    // An hour takes base-q4_k 192 s on one thread, and 97 s on two.
    assert_eq!(chosen("an hour within 2 minutes"), ("base-q4_k".into(), Some(2)));
    let none = choose(&USUAL, "an hour within 1 minute with 1 GB");
    assert!(none.choice.is_none() && none.runner_up.is_none());
    let nearest = none.nearest.unwrap();
    assert_eq!((nearest.candidate.model.as_str(), nearest.limit.as_str()), ("base-q4_k", "time"));
    assert!((1.5..1.7).contains(&nearest.excess), "{}", nearest.excess);
}

#[test]
fn what_binds_is_told() {
    let found = choose(&USUAL, "best words in 145 MB");
    assert_eq!(found.relaxed.len(), 1);
    assert_eq!((found.relaxed[0].limit.as_str(), found.relaxed[0].choice.model.as_str()), ("memory", "base-q4_k"));
    assert_eq!(found.relaxed[0].to, "174 MB");
    assert!(choose(&USUAL, "best words in 1 GB").relaxed.is_empty());
}

#[test]
fn other_goals() {
    assert_eq!(chosen("fastest"), ("base-q4_k".into(), Some(2)));
    assert_eq!(chosen("smallest").0, "base-q2_k");
    assert_eq!(chosen("smallest with at most 7 % wrong").0, "base-q4_k");
    assert!(choose(&USUAL, "coolest").choice.is_none(), "nobody measured energy");
}

#[test]
fn the_frontier_has_no_row_that_another_beats() {
    let found = choose(&USUAL, "");
    let evidence = evidence(&USUAL, 5);
    let rows = summarize(&evidence).rows;
    let names: Vec<String> =
        found.frontier.iter().map(|row| format!("{} {:?}", rows[*row].model, rows[*row].settings.threads)).collect();
    assert_eq!(names, ["base Some(2)", "base-q4_k Some(2)", "base-q2_k Some(2)"]);
}

#[test]
fn rows_without_figures_are_no_choice() {
    let mut evidence = evidence(&USUAL, 5);
    let bad: Vec<String> =
        evidence.plan.cells.iter().filter(|cell| cell.model == "base-q4_k").map(|c| c.id.clone()).collect();
    evidence.done.each(|outcome| {
        if bad.contains(&outcome.cell) {
            outcome.status = crate::Status::Crashed;
            outcome.texts.clear();
        }
    });
    let (scores, summary) = (Scores::of(&evidence), summarize(&evidence));
    let ties = Ties::of(&evidence, &scores, &summary.rows);
    let found = recommend(&candidates(&summary.rows, &ties), &ties, Budget::default());
    assert_eq!(found.choice.unwrap().model, "base");
}
