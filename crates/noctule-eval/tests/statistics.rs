//! Figures next to those of SciPy, NumPy, statsmodels and NIST's SCTK, as `testdata/make_statistics.py` recorded them.

mod common;

use noctule_eval::align::{Counts, three_way};
use noctule_eval::normalize::words;
use noctule_eval::statistics::{
    Bootstrap, Interval, Replicates, error_rate, holm, least_squares, mann_whitney, mapsswe, median_absolute_deviation,
    non_negative_least_squares, quantile,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    quantiles: Vec<Quantiles>,
    bootstraps: Vec<Resampled>,
    ranks: Vec<Ranks>,
    models: Vec<Model>,
    holm: Vec<Corrected>,
    mapsswe: Vec<Pairs>,
}

#[derive(Deserialize)]
struct Quantiles {
    values: Vec<f64>,
    ps: Vec<f64>,
    quantiles: Vec<f64>,
    mad: f64,
}

#[derive(Deserialize)]
struct Resampled {
    errors: Vec<u64>,
    words: Vec<u64>,
    level: f64,
    replicates: Vec<f64>,
    percentile: (f64, f64),
    bca: (f64, f64),
}

#[derive(Deserialize)]
struct Ranks {
    a: Vec<f64>,
    b: Vec<f64>,
    u: f64,
    p: f64,
}

#[derive(Deserialize)]
struct Model {
    rows: Vec<[f64; 3]>,
    observed: Vec<f64>,
    coefficients: [f64; 3],
    residuals: Vec<f64>,
    covariance: [[f64; 3]; 3],
    non_negative: [f64; 3],
    non_negative_norm: f64,
}

#[derive(Deserialize)]
struct Corrected {
    p: Vec<f64>,
    corrected: Vec<f64>,
}

#[derive(Deserialize)]
struct Pairs {
    #[serde(rename = "ref")]
    reference: Vec<String>,
    a: Vec<String>,
    b: Vec<String>,
    segments: usize,
    errors: (u32, u32),
    mean: f64,
    deviation: f64,
    z: f64,
}

fn recorded() -> Recorded {
    common::read("statistics.json.z")
}

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
}

#[track_caller]
fn all_near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    found
        .iter()
        .zip(expected)
        .for_each(|(&found, &expected)| near(found, expected, tolerance * (1.0 + expected.abs())));
}

#[test]
fn quantiles_are_numpys() {
    for case in recorded().quantiles {
        let found: Vec<f64> = case.ps.iter().filter_map(|&p| quantile(&case.values, p)).collect();
        all_near(&found, &case.quantiles, 1e-14);
        near(median_absolute_deviation(&case.values).unwrap(), case.mad, 1e-14);
    }
}

fn counts(case: &Resampled) -> Vec<Counts> {
    let counts =
        |(&errors, &words): (&u64, &u64)| Counts { hits: words - errors, deletions: errors, ..Counts::default() };
    case.errors.iter().zip(&case.words).map(counts).collect()
}

/// From SciPy's own replicates its own intervals.
#[test]
fn intervals_are_scipys() {
    for case in recorded().bootstraps {
        let counts = counts(&case);
        let rate = |left_out: usize| {
            let kept = counts.iter().enumerate().filter(|&(i, _)| i != left_out).map(|(_, counts)| *counts);
            kept.sum::<Counts>().error_rate().unwrap()
        };
        let jackknife: Vec<f64> = (0..counts.len()).map(rate).collect();
        let replicates = Replicates::new(rate(usize::MAX), case.replicates).unwrap();
        let check = |found: Interval, (low, high): (f64, f64)| all_near(&[found.low, found.high], &[low, high], 1e-11);
        check(replicates.percentile(case.level).unwrap(), case.percentile);
        check(replicates.bca(case.level, &jackknife).unwrap(), case.bca);
    }
}

/// With our own replicates, up to what 2,000 draws leave to chance.
#[test]
fn error_rate_intervals_are_near_scipys() {
    for case in recorded().bootstraps {
        let bootstrap = Bootstrap { level: case.level, ..Bootstrap::default() };
        let found = error_rate(&counts(&case), &bootstrap).unwrap();
        let width = case.bca.1 - case.bca.0;
        near(found.low, case.bca.0, 0.08 * width);
        near(found.high, case.bca.1, 0.08 * width);
    }
}

#[test]
fn rank_tests_are_scipys() {
    for case in recorded().ranks {
        let found = mann_whitney(&case.a, &case.b).unwrap();
        assert_eq!(found.u, case.u);
        near(found.p_value, case.p, 1e-12);
    }
}

#[test]
fn fitted_models_are_numpys() {
    for case in recorded().models {
        let columns = ["a", "b", "c"];
        let rows: Vec<([f64; 3], f64)> = case.rows.into_iter().zip(case.observed).collect();
        let fit = least_squares(columns, &rows).unwrap();
        all_near(&fit.coefficients, &case.coefficients, 1e-10);
        all_near(&fit.residuals, &case.residuals, 1e-10);
        all_near(fit.covariance.as_flattened(), case.covariance.as_flattened(), 1e-10);
        let fit = non_negative_least_squares(columns, &rows).unwrap();
        all_near(&fit.coefficients, &case.non_negative, 1e-10);
        near(fit.residuals.iter().map(|r| r * r).sum::<f64>().sqrt(), case.non_negative_norm, 1e-10);
    }
}

#[test]
fn corrected_p_values_are_those_of_statsmodels() {
    for case in recorded().holm {
        all_near(&holm(&case.p), &case.corrected, 1e-15);
    }
}

#[test]
fn matched_pairs_test_is_sctks() {
    for case in recorded().mapsswe {
        let mut segments = Vec::new();
        for ((reference, a), b) in case.reference.iter().zip(&case.a).zip(&case.b) {
            segments.extend(mapsswe::segments(&three_way(&words(reference), &words(a), &words(b))));
        }
        let verdict = mapsswe::test(&segments).unwrap();
        let errors = segments.iter().fold((0, 0), |(a, b), segment| (a + segment.a, b + segment.b));
        assert_eq!((verdict.segments, errors), (case.segments, case.errors));
        // SCTK subtracts the other way round.
        near(verdict.mean, -case.mean, 6e-4);
        near(verdict.deviation, case.deviation, 6e-4);
        near(verdict.statistic, -case.z, 6e-4);
    }
}
