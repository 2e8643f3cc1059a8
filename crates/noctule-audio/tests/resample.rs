//! The converter's figures: pass band, alias rejection, times and lengths.
//!
//! `cargo test -p noctule-audio --test resample -- --nocapture` prints them.

use noctule_audio::resample::{RATES, Resampler, output_len, to_16k};
use proptest::prelude::*;

const COMMON: [u32; 8] = [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];

fn sine(rate: u32, hz: f64, seconds: f64) -> Vec<f32> {
    let turn = std::f64::consts::TAU * hz / f64::from(rate);
    (0..(seconds * f64::from(rate)) as usize).map(|i| (turn * i as f64).sin() as f32).collect()
}

/// Amplitude of the component at `hz` of a 16 kHz signal, and the root mean
/// square of all that is left, both in dB, away from the ends.
fn measure(signal: &[f32], hz: f64) -> (f64, f64) {
    let middle = &signal[signal.len() / 4..signal.len() * 3 / 4];
    let turn = std::f64::consts::TAU * hz / 16_000.0;
    let at = |i: usize| (turn * i as f64).sin_cos();
    let n = middle.len() as f64;
    // Least squares on sine and cosine.
    let (mut ss, mut sc, mut cc, mut xs, mut xc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (i, &x) in middle.iter().enumerate() {
        let ((s, c), x) = (at(i), f64::from(x));
        (ss, sc, cc, xs, xc) = (ss + s * s, sc + s * c, cc + c * c, xs + x * s, xc + x * c);
    }
    let det = ss * cc - sc * sc;
    let (a, b) = ((xs * cc - xc * sc) / det, (xc * ss - xs * sc) / det);
    let rest: f64 = middle
        .iter()
        .enumerate()
        .map(|(i, &x)| {
            let (s, c) = at(i);
            (f64::from(x) - a * s - b * c).powi(2)
        })
        .sum();
    (20.0 * a.hypot(b).log10(), 10.0 * (rest / n * 2.0 + 1e-30).log10())
}

fn level_db(signal: &[f32]) -> f64 {
    let middle = &signal[signal.len() / 4..signal.len() * 3 / 4];
    let power = middle.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / middle.len() as f64;
    10.0 * (power * 2.0 + 1e-30).log10()
}

#[test]
fn the_pass_band_is_flat_and_clean() {
    for rate in COMMON {
        let edge = (f64::from(rate) / 2.0).min(8_000.0);
        let (mut ripple, mut noise) = (0.0f64, -200.0f64);
        let at = |part: f64| {
            let hz = edge * part;
            measure(&to_16k(&sine(rate, hz, 1.0), rate).unwrap(), hz)
        };
        for part in [0.01, 0.1, 0.25, 0.5, 0.75, 0.8, 0.85, 0.9] {
            let (gain, rest) = at(part);
            ripple = ripple.max(gain.abs());
            noise = noise.max(rest);
        }
        let edge_gain = at(0.95).0;
        println!(
            "{rate} Hz: to {:.0} Hz within {ripple:.5} dB, at {:.0} Hz {edge_gain:.2} dB, distortion and noise {noise:.0} dB",
            edge * 0.9,
            edge * 0.95
        );
        assert!(edge_gain > -0.2, "{rate} Hz: {edge_gain} dB");
        assert!(ripple < 1e-4, "{rate} Hz: {ripple} dB");
        assert!(noise < -130.0, "{rate} Hz: {noise} dB");
    }
}

#[test]
fn what_16_khz_cannot_hold_is_removed() {
    for rate in COMMON.into_iter().filter(|&r| r > 16_000) {
        let top = f64::from(rate) / 2.0;
        let mut worst = -200.0f64;
        for hz in [8_200.0, 8_500.0, 9_000.0, 10_000.0, 12_000.0, 15_000.0, 20_000.0, 40_000.0] {
            if hz < top {
                worst = worst.max(level_db(&to_16k(&sine(rate, hz, 1.0), rate).unwrap()));
            }
        }
        println!("{rate} Hz: sines from 8200 Hz on leave {worst:.0} dB");
        assert!(worst < -135.0, "{rate} Hz: {worst} dB");
    }
}

#[test]
fn images_are_removed_when_the_rate_rises() {
    for rate in [8_000, 11_025] {
        let hz = f64::from(rate) / 2.0 * 0.9;
        let (_, rest) = measure(&to_16k(&sine(rate, hz, 1.0), rate).unwrap(), hz);
        println!("{rate} Hz: images of {hz:.0} Hz {rest:.0} dB");
        assert!(rest < -130.0, "{rate} Hz: {rest} dB");
    }
}

/// The centre of a band-limited click, found with three points around its peak.
#[test]
fn a_click_keeps_its_time() {
    for rate in COMMON.into_iter().chain([12_000, 37_800, 44_056, 192_000]) {
        let mut worst = 0.0f64;
        for at_s in [0.02, 0.1, 0.33, 0.5, 0.777] {
            let frame = (at_s * f64::from(rate)).round();
            let mut click = vec![0.0f32; rate as usize];
            // A raised cosine of 1 ms is well inside every pass band.
            let half = f64::from(rate) / 1_000.0;
            for (i, x) in click.iter_mut().enumerate() {
                let d = (i as f64 - frame) / half;
                if d.abs() < 1.0 {
                    *x = (0.5 + 0.5 * (std::f64::consts::PI * d).cos()) as f32;
                }
            }
            let out = to_16k(&click, rate).unwrap();
            let weight: f64 = out.iter().map(|&x| f64::from(x).powi(2)).sum();
            let centre = out.iter().enumerate().map(|(i, &x)| i as f64 * f64::from(x).powi(2)).sum::<f64>() / weight;
            worst = worst.max((centre - frame * 16_000.0 / f64::from(rate)).abs());
        }
        println!("{rate} Hz: clicks within {worst:.5} samples");
        assert!(worst < 1e-4, "{rate} Hz: {worst} samples");
    }
}

#[test]
fn sixteen_khz_passes_bit_for_bit() {
    let signal = sine(16_000, 1234.5, 0.7);
    assert_eq!(to_16k(&signal, 16_000).unwrap(), signal);
}

#[test]
fn rates_out_of_reason_are_refused() {
    for rate in [0, 1, 999, 768_001, u32::MAX] {
        assert!(Resampler::new(rate).is_none(), "{rate}");
    }
    // The worst ratios: no common factor with 16000.
    for rate in [*RATES.start(), 1_009, 15_999, 16_001, 44_101, 383_981, 767_999, *RATES.end()] {
        let out = to_16k(&vec![0.25; rate as usize / 2], rate).unwrap();
        assert!(out.len().abs_diff(8_000) <= 8, "{rate}: {}", out.len());
        assert!((out[4_000] - 0.25).abs() < 1e-4, "{rate}: {}", out[4_000]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
    #[test]
    fn pieces_give_what_the_whole_gives(
        rate in prop::sample::select(vec![8_000u32, 11_025, 16_000, 22_050, 44_100, 48_000]),
        len in 0usize..30_000,
        pieces in prop::collection::vec(0usize..5_000, 0..12),
    ) {
        let signal: Vec<f32> = (0..len).map(|i| ((i * i) as f32 * 0.001).sin()).collect();
        let whole = to_16k(&signal, rate).unwrap();
        prop_assert_eq!(whole.len() as u64, output_len(len as u64, rate));
        prop_assert_eq!(whole.len(), (len as f64 * 16_000.0 / f64::from(rate)).round() as usize);
        let mut resampler = Resampler::new(rate).unwrap();
        // Twice, because a finished converter starts afresh.
        for _ in 0..2 {
            let (mut out, mut at) = (vec![9.0], 0);
            for piece in &pieces {
                let end = (at + piece).min(len);
                resampler.push(&signal[at..end], &mut out);
                at = end;
            }
            resampler.push(&signal[at..], &mut out);
            resampler.finish(&mut out);
            prop_assert!(out[1..] == whole[..]);
        }
    }
}
