//! `noctule listen --meeting` from the outside: what is kept, and what a crash leaves.
#![cfg(all(unix, feature = "embedded-model"))]

mod common;

use common::{SAMPLE, folder, program, rounds, sample, speech, words};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn listen(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder).args(["listen", "--quiet"]).args(arguments);
    command
}

#[track_caller]
fn ended(output: &Output) -> (Option<i32>, String) {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!stderr.contains("panicked"), "{stderr}");
    (output.status.code(), stderr)
}

/// Samples of a recording, torn or not.
fn recorded(path: &Path) -> Vec<f32> {
    let mut all = Vec::new();
    noctule_audio::flac::read_whole(path, &mut |block| all.extend_from_slice(block));
    all
}

#[track_caller]
fn is_the_clip(text: &str) {
    let heard = words(text);
    let missed = ["first", "great", "sorrow", "loss", "cotton"].iter().filter(|word| !heard.contains(**word)).count();
    assert!(missed <= 1, "{text}");
}

/// The segments' texts in a transcript.
fn texts(folder: &Path) -> Vec<String> {
    let json: Value = serde_json::from_str(&fs::read_to_string(folder.join("talk.json")).unwrap()).unwrap();
    let segments = json["segments"].as_array().unwrap().iter().enumerate();
    let text = |(id, segment): (usize, &Value)| {
        assert_eq!(segment["id"], id);
        segment["text"].as_str().unwrap().to_owned()
    };
    segments.map(text).collect()
}

/// The segments' texts in the minutes, torn or not.
fn noted(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("talk.minutes.jsonl")).unwrap_or_default();
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let segment = |line: &str| Some(serde_json::from_str::<Value>(line).ok()?["segment"]["text"].as_str()?.to_owned());
    lines.filter_map(segment).collect()
}

#[test]
fn a_meeting_is_recorded_and_written_down() {
    let folder = folder("meeting");
    let clip = speech(SAMPLE);
    let clip = clip.to_str().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../noctule/models/tiny.en-q5_0.bin");
    let words = [clip, "--simulate", "--meeting", "talk.flac", "--refine", model.to_str().unwrap()];
    let output = listen(&folder, &words).output().unwrap();
    assert_eq!(ended(&output).0, Some(0), "{}", ended(&output).1);
    let mut files: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["talk.flac", "talk.json", "talk.srt", "talk.txt"]);
    // To the last sample; the rest of a block may be 2 ms longer.
    let (kept, heard) = (recorded(&folder.join("talk.flac")), sample());
    assert!((heard.len()..heard.len() + 32).contains(&kept.len()), "{} of {}", kept.len(), heard.len());
    assert!(heard.iter().zip(&kept).all(|(a, b)| (a - b).abs() < 1e-4));
    is_the_clip(&String::from_utf8_lossy(&output.stdout));
    is_the_clip(&fs::read_to_string(folder.join("talk.txt")).unwrap());
    is_the_clip(&texts(&folder).concat());
    assert!(fs::read_to_string(folder.join("talk.srt")).unwrap().contains("00:00:0"));

    for (arguments, message) in [
        (&[clip, "--simulate", "--meeting", "talk"][..], "talk.flac is there already"),
        (&["--meeting", "talk", "--resume"], "talk.minutes.jsonl"),
        (&[clip, "--simulate", "--meeting", "none/talk"], "none/talk.minutes.jsonl"),
    ] {
        let (code, stderr) = ended(&listen(&folder, arguments).output().unwrap());
        assert!(code == Some(1) && stderr.contains(message), "{arguments:?}: {stderr}");
    }
    assert!(!folder.join("talk.minutes.jsonl").exists(), "the refused meeting leaves nothing");
}

/// Begins a meeting, kills it after `after`, and returns what was recorded and noted by then.
fn interrupted(folder: &Path, after: Duration) -> (Vec<f32>, Vec<String>) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).unwrap();
    let clip: Vec<u8> = sample().iter().flat_map(|x| ((x * 32_767.0) as i16).to_le_bytes()).collect();
    let mut child = listen(folder, &["-", "--pcm", "s16le:16000:1", "--meeting", "talk", "--pause", "0.3"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let spawned = Instant::now();
    while !fs::metadata(folder.join("talk.flac")).is_ok_and(|data| data.len() > 0) {
        assert!(
            child.try_wait().unwrap().is_none() && spawned.elapsed() < Duration::from_secs(60),
            "it does not begin"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let started = Instant::now();
    // Four times as fast as it was spoken, over and over.
    let mut given: Vec<(Duration, usize)> = Vec::new();
    for (block, bytes) in clip.chunks(3200).cycle().enumerate() {
        let due = Duration::from_millis(25 * block as u64);
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        if started.elapsed() >= after || stdin.write_all(bytes).is_err() {
            break;
        }
        given.push((started.elapsed(), bytes.len() / 2));
    }
    child.kill().unwrap();
    let at = started.elapsed();
    child.wait().unwrap();
    let noted = noted(folder);
    // On a machine that is busy with other tests the disk may answer late.
    let patience = Duration::from_secs(2);
    let least: usize = given.iter().filter(|(when, _)| *when + patience < at).map(|(_, count)| count).sum();
    let kept = recorded(&folder.join("talk.flac"));
    assert!(kept.len() >= least, "{} of {least} samples after {after:?}", kept.len());
    (kept, noted)
}

/// Kills a meeting after `after`, and finishes it.
fn killed(folder: &Path, after: Duration) {
    let (kept, noted) = interrupted(folder, after);
    let (code, stderr) = ended(&listen(folder, &["--meeting", "talk", "--resume"]).output().unwrap());
    assert_eq!(code, Some(0), "{after:?}: {stderr}");
    let texts = texts(folder);
    assert!(texts.starts_with(&noted), "{after:?}: {noted:?} {texts:?}");
    if kept.len() >= 16_000 * 8 {
        is_the_clip(&texts.concat());
    }
    assert!(!folder.join("talk.minutes.jsonl").exists());
    assert!(recorded(&folder.join("talk.flac")) == kept);
}

#[test]
fn a_killed_meeting_loses_nothing_that_was_written_down() {
    let folder = folder("meeting-killed");
    let mut state = 7u64;
    for _ in 0..rounds("NOCTULE_KILLS", 4) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        killed(&folder.join("folder"), Duration::from_millis(300 + (state >> 33) % 5000));
    }
}

#[test]
fn a_killed_meeting_goes_on() {
    let folder = folder("meeting-continued").join("folder");
    let (kept, noted) = interrupted(&folder, Duration::from_millis(3600));
    let clip = speech(SAMPLE);
    let words = [clip.to_str().unwrap(), "--simulate", "--meeting", "talk", "--continue"];
    let (code, stderr) = ended(&listen(&folder, &[&words[..], &["--resume"]].concat()).output().unwrap());
    assert!(code == Some(2) && stderr.contains("--resume"), "{stderr}");
    let output = listen(&folder, &words).output().unwrap();
    assert_eq!(ended(&output).0, Some(0), "{}", ended(&output).1);
    let (all, heard) = (recorded(&folder.join("talk.flac")), sample());
    assert!(all[..kept.len()] == kept[..] && all.len() >= kept.len() + heard.len());
    assert!(all[kept.len()..].iter().zip(&heard).all(|(a, b)| (a - b).abs() < 1e-4));
    let told = texts(&folder);
    assert!(told.starts_with(&noted), "{noted:?} {told:?}");
    // What lies before and behind the kill: 14 s and 9 s of the clip, over and over.
    let text = told.concat();
    assert!(kept.len() < 16_000 * 8 || text.matches("sorrow").count() >= 2, "{text}");
    let json: Value = serde_json::from_str(&fs::read_to_string(folder.join("talk.json")).unwrap()).unwrap();
    let ends: Vec<f64> = json["segments"].as_array().unwrap().iter().map(|one| one["end"].as_f64().unwrap()).collect();
    assert!(ends.is_sorted() && *ends.last().unwrap() > kept.len() as f64 / 16_000.0, "{ends:?}");
    assert!(!folder.join("talk.minutes.jsonl").exists());
    let (code, stderr) = ended(&listen(&folder, &words).output().unwrap());
    assert!(code == Some(1) && stderr.contains("talk.minutes.jsonl"), "an ended meeting is not gone on with: {stderr}");
}

#[test]
fn the_interrupt_that_ends_a_meeting_does_not_end_what_refines_it() {
    let folder = folder("meeting-interrupted");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../noctule/models/tiny.en-q5_0.bin");
    let words = ["-", "--pcm", "s16le:16000:1", "--meeting", "talk", "--refine", model.to_str().unwrap(), "--json"];
    let mut child =
        listen(&folder, &words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let clip: Vec<u8> = sample().iter().flat_map(|x| ((x * 32_767.0) as i16).to_le_bytes()).collect();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&clip).unwrap();
    // A pause, after which the text is complete, and nothing more.
    stdin.write_all(&[0; 3 * 2 * 16_000]).unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert!(lines.any(|line| line.unwrap().contains("\"segment\"")));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let last = lines.map(Result::unwrap).last();
    let output = child.wait_with_output().unwrap();
    assert_eq!(ended(&output).0, Some(0), "{} {last:?}", ended(&output).1);
    let json: Value = serde_json::from_str(&fs::read_to_string(folder.join("talk.json")).unwrap()).unwrap();
    assert_eq!(json["model"]["name"], "tiny.en-q5_0", "the model of the file, not the one that listened");
    is_the_clip(&texts(&folder).concat());
}
