//! Both detectors on real speech, silence and strange input.

mod common;

use std::path::Path;

use noctule_audio::file::{self, ReadOptions};
use noctule_audio::vad::{Span, Vad, VadOptions, collect};

fn detectors() -> Vec<(&'static str, Vad)> {
    let mut all = vec![("earshot", Vad::earshot())];
    if let Some(weights) = common::silero_weights() {
        all.push(("silero", Vad::silero(weights).unwrap()));
    }
    all
}

fn clip(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/speech").join(name);
    file::read(&path, &ReadOptions::default()).unwrap().samples
}

/// Recordings without audible noise, in which the level tells where speech is.
const CLIPS: [&str; 4] =
    ["kathleen-a0214.flac", "ls-2414-128291-0006.flac", "ls-3080-5032-0000.flac", "lj-LJ001-0029.flac"];

/// Where the clip's own level first and last comes within 30 dB of its loudest
/// 10 ms.
fn audible(samples: &[f32]) -> Span {
    let levels: Vec<f32> = samples.chunks(160).map(|c| c.iter().map(|x| x * x).sum()).collect();
    let floor = levels.iter().fold(0.0f32, |m, &l| m.max(l)) * 1e-3;
    let first = levels.iter().position(|&l| l > floor).unwrap();
    let last = levels.iter().rposition(|&l| l > floor).unwrap();
    Span { start_sample: first * 160, end_sample: last * 160 + 160 }
}

#[test]
fn speech_between_silences_is_found_where_it_is() {
    const SILENCE: usize = 32_000;
    for (name, mut vad) in detectors() {
        for file in CLIPS {
            let speech = clip(file);
            let heard = audible(&speech);
            let mut samples = vec![0.0; SILENCE];
            samples.extend(&speech);
            samples.resize(samples.len() + SILENCE, 0.0);
            let spans = vad.segments(&samples, &VadOptions::default());
            let (first, last) = (spans.first().unwrap(), spans.last().unwrap());
            let ms = |samples: i64| samples / 16;
            let early = ms((SILENCE + heard.start_sample) as i64 - first.start_sample as i64);
            let late = ms(last.end_sample as i64 - (SILENCE + heard.end_sample) as i64);
            println!("{name}, {file}: starts {early} ms early, ends {late} ms late, {} spans", spans.len());
            assert!((-100..100).contains(&early), "{name}, {file}: {early} ms");
            assert!((-50..350).contains(&late), "{name}, {file}: {late} ms");
        }
    }
}

#[test]
fn silence_and_nothing_hold_no_speech() {
    for (name, mut vad) in detectors() {
        assert_eq!(vad.segments(&[], &VadOptions::default()), [], "{name}");
        assert_eq!(vad.segments(&[0.1], &VadOptions::default()), [], "{name}");
        assert_eq!(vad.segments(&vec![0.0; 80_000], &VadOptions::default()), [], "{name}");
        let (speech, map) = collect(&[0.0; 100], &[], &VadOptions::default());
        assert_eq!((speech.len(), map.collected_len()), (0, 0));
    }
}

#[test]
fn strange_values_give_probabilities() {
    let strange = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, 7.0, f32::MIN_POSITIVE];
    let samples: Vec<f32> = strange.iter().cycle().take(50_000).copied().collect();
    for (name, mut vad) in detectors() {
        let probabilities = vad.speech_probabilities(&samples);
        assert_eq!(probabilities.len(), samples.len().div_ceil(vad.frame_len()));
        assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "{name}");
        // Bad values must not poison what comes after them.
        let speech = clip(CLIPS[0]);
        assert!(!vad.segments(&speech, &VadOptions::default()).is_empty(), "{name}");
    }
}

#[test]
fn the_same_audio_gives_the_same_spans() {
    for (name, mut vad) in detectors() {
        let speech = clip(CLIPS[1]);
        let first = vad.speech_probabilities(&speech);
        vad.speech_probabilities(&clip(CLIPS[2]));
        assert_eq!(vad.speech_probabilities(&speech), first, "{name}");
    }
}
