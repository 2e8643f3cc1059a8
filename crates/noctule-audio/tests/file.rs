//! Every supported form of file gives the expected samples.

use noctule_audio::file::{self, ReadOptions};
use noctule_audio::wav;

fn sine(rate: u32, hz: f64, frames: usize) -> Vec<f32> {
    (0..frames).map(|i| (0.5 * (std::f64::consts::TAU * hz * i as f64 / f64::from(rate)).sin()) as f32).collect()
}

#[test]
fn sixteen_bit_mono_at_16_khz_comes_back_exactly() {
    let samples: Vec<f32> = (-500i16..500).map(|i| f32::from(i * 60) / 32768.0).collect();
    let bytes = wav::to_bytes(&[&samples], 16_000);
    let audio = file::read_bytes(&bytes, "x.wav", &ReadOptions::default()).unwrap();
    assert_eq!(audio.samples, samples);
    assert!(audio.warnings.is_empty());
    assert_eq!((audio.source_rate, audio.source_channels), (16_000, 1));
}

#[test]
fn an_excerpt_equals_the_same_stretch_of_the_whole() {
    for rate in [8_000, 16_000, 22_050, 44_100, 48_000] {
        let source = sine(rate, 440.0, rate as usize * 3);
        let bytes = wav::to_bytes(&[&source], rate);
        let whole = file::read_bytes(&bytes, "x", &ReadOptions::default()).unwrap();
        for (offset_s, duration_s) in [(0.0, 1.0), (0.5, 0.25), (1.2345, 1.0), (2.5, 9.0)] {
            let options = ReadOptions { offset_s, duration_s: Some(duration_s), ..Default::default() };
            let part = file::read_bytes(&bytes, "x", &options).unwrap();
            let first = (offset_s * 16_000.0_f64).round() as usize;
            let last = (((offset_s + duration_s) * 16_000.0).round() as usize).min(whole.samples.len());
            assert!(part.samples == whole.samples[first..last], "{rate} Hz from {offset_s} s");
        }
    }
}
