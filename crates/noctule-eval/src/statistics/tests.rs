use super::*;
use crate::align::Counts;

fn counts(errors: u64, words: u64) -> Counts {
    Counts { hits: words - errors, insertions: 0, substitutions: errors, deletions: 0 }
}

#[test]
fn utterances_add_up_by_speaker() {
    let utterances = [("b", counts(1, 10)), ("a", counts(2, 10)), ("b", counts(3, 20))];
    assert_eq!(blocks(utterances), [counts(4, 30), counts(2, 10)]);
}

#[test]
fn intervals_are_the_same_every_time() {
    let blocks: Vec<Counts> = (0..20).map(|i| counts(i % 5, 50 + i)).collect();
    let bootstrap = Bootstrap::default();
    let interval = error_rate(&blocks, &bootstrap).unwrap();
    assert_eq!(interval, error_rate(&blocks, &bootstrap).unwrap());
    assert_ne!(interval, error_rate(&blocks, &Bootstrap { seed: 2, ..bootstrap }).unwrap());
    assert_eq!(interval.estimate, 40.0 / 1190.0);
    assert!(interval.low < interval.estimate && interval.estimate < interval.high);
    let wider = error_rate(&blocks, &Bootstrap { level: 0.99, ..bootstrap }).unwrap();
    assert!(wider.half_width() > interval.half_width());
}

#[test]
fn no_figure_without_data() {
    let bootstrap = Bootstrap::default();
    let few = error_rate(&[counts(1, 9)], &bootstrap).unwrap_err();
    assert!(matches!(few, Error::TooFew { needed: 2, found: 1, .. }), "{few}");
    assert!(matches!(error_rate(&[counts(0, 0); 3], &bootstrap), Err(Error::Undefined { .. })));
    for level in [0.0, 1.0, 95.0, f64::NAN] {
        let found = error_rate(&[counts(1, 9); 3], &Bootstrap { level, ..bootstrap });
        assert!(matches!(found, Err(Error::Level { .. })), "{level}");
    }
}

#[test]
fn no_errors_are_not_certainty() {
    let interval = error_rate(&[counts(0, 9); 3], &Bootstrap::default()).unwrap();
    assert_eq!((interval.low, interval.high, interval.relative_half_width()), (0.0, 0.0, None));
    assert!((zero_errors_bound(22, 0.95) - 0.1273).abs() < 1e-4);
    assert!((zero_errors_bound(10_000, 0.95) - 3.0 / 10_000.0).abs() < 1e-6);
    assert_eq!(zero_errors_bound(0, 0.95), 1.0);
}

#[test]
fn paired_difference_sees_what_both_find_hard() {
    // The candidate has one error more in each speaker, and speakers differ much.
    let pair = |i: u64| Pair { baseline: counts(i * 7 % 40, 100), candidate: counts(i * 7 % 40 + 1, 100) };
    let found = error_rate_difference(&(0..30).map(pair).collect::<Vec<_>>(), &Bootstrap::default()).unwrap();
    assert!((found.interval.low - 0.01).abs() < 1e-12 && (found.interval.high - 0.01).abs() < 1e-12);
    assert_eq!((found.improvement, found.p_value), (0.0, 2.0 / 10_001.0));
    let same = |i: u64| Pair { baseline: counts(i, 100), candidate: counts(i, 100) };
    let found = error_rate_difference(&(0..30).map(same).collect::<Vec<_>>(), &Bootstrap::default()).unwrap();
    assert_eq!((found.interval.estimate, found.improvement, found.p_value), (0.0, 0.5, 1.0));
}

#[test]
fn segments_end_at_two_words_that_both_have() {
    let words = |text: &'static str| text.split(' ').collect::<Vec<_>>();
    let (reference, a, b) = (words("a b c d e f g h i"), words("x b c d e f y h i"), words("a b c d z f g h j"));
    let segments = mapsswe::segments(&crate::align::three_way(&reference, &a, &b));
    // b c end the first; f alone does not end the second, h alone does not end it either.
    assert_eq!(segments, [mapsswe::Segment { a: 1, b: 0 }, mapsswe::Segment { a: 1, b: 2 }]);
    assert!(matches!(mapsswe::test(&segments[..1]), Err(Error::TooFew { .. })));
    // Nine segments, each one error worse: as improbable as nine coins alike.
    let worse = [mapsswe::Segment { a: 0, b: 1 }; 9];
    assert_eq!(mapsswe::test(&worse).unwrap().p_value, 2.0 / 512.0);
    let equal = [mapsswe::Segment { a: 1, b: 1 }; 9];
    assert_eq!(mapsswe::test(&equal).unwrap().p_value, 1.0);
}

#[test]
fn times_are_compared_by_their_medians() {
    let bootstrap = Bootstrap::default();
    let times = [1.01, 0.99, 1.0, 1.02, 7.0];
    let interval = median_interval(&times, &bootstrap).unwrap();
    assert_eq!((interval.estimate, interval.low, interval.high), (1.01, 0.99, 7.0));
    assert!((interval.relative_half_width().unwrap() - 3.005 / 1.01).abs() < 1e-12);
    let slower: Vec<f64> = times.iter().map(|time| 2.0 * time).collect();
    let ratio = ratio_of_medians(&times, &slower, &bootstrap).unwrap();
    assert!(ratio.estimate == 2.0 && ratio.contains(2.0) && !ratio.contains(0.1), "{ratio:?}");
    assert!(matches!(ratio_of_medians(&times, &[1.0], &bootstrap), Err(Error::TooFew { found: 1, .. })));
    assert!(matches!(ratio_of_medians(&times, &[1.0, 0.0], &bootstrap), Err(Error::Value { .. })));
    assert!(matches!(mann_whitney(&times, &[]), Err(Error::TooFew { .. })));
    assert!(matches!(mann_whitney(&times, &[f64::NAN]), Err(Error::Value { .. })));
}

fn run(windows: u32, tokens: u32, seconds: f64) -> Run {
    Run { windows: windows.into(), tokens: tokens.into(), seconds }
}

/// Runs that take exactly what a model says, up to noise of a stated share.
fn runs(load: f64, encode: f64, step: f64, noise: f64) -> Vec<Run> {
    let mut random = SplitMix64::new(5);
    let run = |i: u32| {
        let (windows, tokens) = (1 + i % 7, 20 + i * 37 % 400);
        let exact = load + f64::from(windows) * encode + f64::from(tokens) * step;
        run(windows, tokens, exact * (1.0 + noise * (2.0 * random.uniform() - 1.0)))
    };
    (0..40).map(run).collect()
}

#[test]
fn cost_of_a_transcription_comes_apart() {
    let model = CostModel::fit(&runs(0.4, 2.5, 0.03, 0.0)).unwrap();
    for (found, expected) in [(model.load(), 0.4), (model.encode(), 2.5), (model.step(), 0.03)] {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }
    assert!(model.scatter() < 1e-9 && model.relative_residuals().iter().all(|r| r.abs() < 1e-9));
    // An hour from runs of up to seven windows, each off by up to 2 %.
    let model = CostModel::fit(&runs(0.4, 2.5, 0.03, 0.02)).unwrap();
    let hour = model.predict(120.0, 14_000.0);
    let exact = 0.4 + 120.0 * 2.5 + 14_000.0 * 0.03;
    assert!((hour.seconds - exact).abs() < 3.0 * hour.standard_error, "{hour:?}");
    assert!(hour.standard_error < 0.02 * exact && hour.standard_error > 0.0005 * exact, "{hour:?}");
    assert!((0.008..0.015).contains(&model.scatter()), "{}", model.scatter());
}

#[test]
fn no_part_of_a_cost_is_negative() {
    let shrinking = runs(-0.5, 3.0, 0.01, 0.001);
    let model = CostModel::fit(&shrinking).unwrap();
    assert_eq!(model.load(), 0.0);
    assert!(model.encode() > 2.5 && model.step() >= 0.0);
}

#[test]
fn costs_that_cannot_be_told_apart_are_named() {
    let one_window: Vec<Run> = (0..10).map(|i| run(1, 20 + i, 3.0 + 0.1 * f64::from(i))).collect();
    let found = CostModel::fit(&one_window).unwrap_err();
    assert!(matches!(&found, Error::Dependent { column } if column == "the number of windows"), "{found}");
    assert!(matches!(CostModel::fit(&one_window[..3]), Err(Error::TooFew { needed: 4, found: 3, .. })));
    assert!(matches!(CostModel::fit(&[run(1, 1, 0.0); 9]), Err(Error::Value { .. })));
}
