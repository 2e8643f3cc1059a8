//! Whether intervals contain the truth as often as they say, by simulation with fixed seeds.

use noctule_eval::align::Counts;
use noctule_eval::statistics::mapsswe::{self, Segment};
use noctule_eval::statistics::{
    Bootstrap, Pair, SplitMix64, blocks, error_rate, error_rate_difference, median_interval,
};

const SPEAKERS: usize = 40;
const UTTERANCES: usize = 12;
const WORDS: u64 = 15;

/// Errors in `WORDS` words, each wrong with the same probability.
fn utterance(random: &mut SplitMix64, rate: f64) -> Counts {
    let errors = (0..WORDS).filter(|_| random.uniform() < rate).count() as u64;
    Counts { hits: WORDS - errors, substitutions: errors, ..Counts::default() }
}

/// Error rates of speakers: skew, 6 % in the mean.
fn speaker(random: &mut SplitMix64) -> f64 {
    0.02 + 0.12 * random.uniform().powi(2)
}

fn bootstrap(seed: u64) -> Bootstrap {
    Bootstrap { replicates: 1000, level: 0.95, seed }
}

/// Share of `rounds` in which `hit` holds.
fn share(rounds: u64, mut hit: impl FnMut(&mut SplitMix64, u64) -> bool) -> f64 {
    let mut random = SplitMix64::new(77);
    (0..rounds).filter(|&round| hit(&mut random, round)).count() as f64 / rounds as f64
}

#[track_caller]
fn lies_in(found: f64, low: f64, high: f64) {
    assert!((low..=high).contains(&found), "{found}");
}

#[test]
fn error_rates_by_speaker() {
    let covered = |by_utterance: bool| {
        share(400, |random, round| {
            let corpus: Vec<(usize, Counts)> = (0..SPEAKERS)
                .flat_map(|who| {
                    let rate = speaker(random);
                    (0..UTTERANCES).map(|_| (who, utterance(random, rate))).collect::<Vec<_>>()
                })
                .collect();
            let keyed =
                corpus.iter().enumerate().map(|(i, &(who, counts))| (if by_utterance { i } else { who }, counts));
            error_rate(&blocks(keyed), &bootstrap(round)).unwrap().contains(0.06)
        })
    };
    lies_in(covered(false), 0.92, 0.97);
    // Utterances of a speaker are alike: drawing them one by one promises too much.
    lies_in(covered(true), 0.5, 0.8);
}

/// Pairs by speaker of two systems, the second `more` worse; what is hard for one is hard for both.
fn pairs(random: &mut SplitMix64, more: f64) -> Vec<Pair> {
    let pair = |random: &mut SplitMix64, rate: f64| Pair {
        baseline: utterance(random, rate),
        candidate: utterance(random, rate + more),
    };
    let speakers = (0..SPEAKERS).flat_map(|who| {
        let rate = speaker(random);
        (0..UTTERANCES).map(|_| (who, pair(random, rate))).collect::<Vec<_>>()
    });
    blocks(speakers.collect::<Vec<_>>())
}

#[test]
fn paired_differences() {
    lies_in(
        share(400, |random, round| {
            error_rate_difference(&pairs(random, 0.01), &bootstrap(round)).unwrap().interval.contains(0.01)
        }),
        0.92,
        0.97,
    );
    // False alarms where nothing differs, and what is found where something does.
    let found = |more: f64| {
        share(400, |random, round| {
            error_rate_difference(&pairs(random, more), &bootstrap(round)).unwrap().p_value < 0.05
        })
    };
    lies_in(found(0.0), 0.02, 0.08);
    lies_in(found(0.02), 0.9, 1.0);
}

#[test]
fn matched_pairs() {
    let found = |more: f64| {
        share(1000, |random, _| {
            let mut errors = |rate: f64| (0..3).filter(|_| random.uniform() < rate).count() as u32;
            let segments: Vec<Segment> = (0..120).map(|_| Segment { a: errors(0.4), b: errors(0.4 + more) }).collect();
            mapsswe::test(&segments).unwrap().p_value < 0.05
        })
    };
    lies_in(found(0.0), 0.03, 0.07);
    lies_in(found(0.1), 0.7, 1.0);
}

#[test]
fn medians_of_times() {
    for (runs, low, high) in [(5, 0.9, 0.97), (15, 0.92, 0.98)] {
        let covered = share(1000, |random, round| {
            // Half of the times below 1, and a long tail above.
            let times: Vec<f64> = (0..runs).map(|_| 1.0 / (1.5 - random.uniform())).collect();
            median_interval(&times, &bootstrap(round)).unwrap().contains(1.0)
        });
        lies_in(covered, low, high);
    }
}
