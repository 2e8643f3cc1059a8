//! `noctule listen` from files, standard input and programs that pretend to record.
#![cfg(all(unix, feature = "embedded-model"))]

mod common;

use common::{SAMPLE, folder, program, sample, speech, wav, words};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn listen(arguments: &str) -> Command {
    let mut command = program();
    command.arg("listen").args(arguments.split_whitespace());
    command
}

#[track_caller]
fn done(output: Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !stderr.contains("panicked"), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The 16-bit samples of the clip and a second of silence.
fn raw() -> Vec<u8> {
    let mut samples = sample();
    samples.extend([0.0; 16_000]);
    samples.iter().flat_map(|x| ((x * 32767.0) as i16).to_le_bytes()).collect()
}

/// The clip beside low noise, on the left and then on the right.
fn call() -> [Vec<f32>; 2] {
    let mut clip = sample();
    clip.resize(10 * 16_000, 0.0);
    let noise: Vec<f32> = (0..clip.len()).map(|i| ((i * i % 1009) as f32 / 1009.0 - 0.5) / 500.0).collect();
    [[&clip[..], &noise].concat(), [noise, clip].concat()]
}

/// Both channels as 16-bit samples in turn.
fn interleaved([left, right]: &[Vec<f32>; 2]) -> Vec<u8> {
    let frames = left.iter().zip(right).flat_map(|(left, right)| [*left, *right]);
    frames.flat_map(|x| ((x * 32767.0) as i16).to_le_bytes()).collect()
}

/// The first speaker says the clip, and then the second.
#[track_caller]
fn is_the_call(text: &str) {
    let of = |name: &str| text.lines().filter_map(|line| line.strip_prefix(name)).collect::<Vec<_>>().join(" ");
    let second = text.lines().position(|line| line.starts_with("(speaker 1) ")).expect(text);
    assert!(text.lines().take(second).all(|line| line.starts_with("(speaker 0) ")), "{text}");
    is_the_clip(&of("(speaker 0) "));
    is_the_clip(&of("(speaker 1) "));
}

/// A folder whose program of this name is the script.
fn fake(test: &str, name: &str, script: &str) -> std::path::PathBuf {
    let folder = folder(test);
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[track_caller]
fn is_the_clip(text: &str) {
    let heard = words(text);
    let heard: Vec<&str> = heard.split(' ').collect();
    let wanted = ["first", "great", "sorrow", "loss", "cotton", "hopes", "dreams"];
    let missed = wanted.iter().filter(|word| !heard.contains(word)).count();
    assert!(missed <= 1 && (20..40).contains(&heard.len()), "{text}");
}

#[test]
fn a_file_on_a_simulated_clock_tells_documented_events() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/listen.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let schema = jsonschema::validator_for(&schema).unwrap();
    let text = done(listen("--quiet --json --simulate --step 1").arg(speech(SAMPLE)).output().unwrap());
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for event in &events {
        let errors: Vec<String> = schema.iter_errors(event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{event}: {errors:?}");
    }
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).cloned().collect::<Vec<_>>();
    for kind in ["speech-start", "partial", "commit", "segment", "speech-end", "stats"] {
        assert!(!of(kind).is_empty(), "no {kind}");
    }
    let join = |kind: &str| of(kind).iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect::<String>();
    assert_eq!(join("commit"), join("segment"));
    is_the_clip(&join("commit"));
    let mut broken = events[0].clone();
    broken["at"] = Value::from(-1);
    assert!(!schema.is_valid(&broken));
}

#[test]
fn raw_samples_come_by_standard_input() {
    let mut command = listen("- --pcm s16le:16000:1 --quiet --policy utterance --step 4");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&raw()).unwrap();
    is_the_clip(&done(child.wait_with_output().unwrap()));
}

#[test]
fn a_program_records_the_microphone() {
    let folder = fake("records", "arecord", "cat \"$0.pcm\"; echo 'arecord: no such device any more' >&2; exit 1");
    fs::write(folder.join("arecord.pcm"), raw()).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let output = listen("--quiet --recorder arecord --step 4").env("PATH", path).output().unwrap();
    // The text is there; that the microphone went away is told.
    is_the_clip(&String::from_utf8_lossy(&output.stdout));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("arecord: no such device any more"), "{stderr}");
}

#[test]
fn the_louder_channel_speaks() {
    let folder = folder("listen speakers");
    let [left, right] = call();
    for (name, channels, first) in [("ab.wav", [&left, &right], "left"), ("ba.wav", [&right, &left], "right")] {
        let path = folder.join(name);
        wav(&path, &[channels[0], channels[1]]);
        let text = done(listen("--quiet --json --simulate --step 2 --speakers").arg(&path).output().unwrap());
        let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let segments: Vec<&Value> = events.iter().filter(|event| event["type"] == "segment").collect();
        let second = if first == "left" { "right" } else { "left" };
        for segment in &segments {
            let speaker = if segment["start"].as_f64().unwrap() < 9.5 { first } else { second };
            assert_eq!(segment["speaker"], speaker, "{segment}");
        }
        assert!([first, second].iter().all(|name| segments.iter().any(|segment| segment["speaker"] == *name)));
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/listen.schema.json");
        let schema = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        assert!(segments.iter().all(|segment| schema.is_valid(segment)), "{segments:?}");
    }
}

#[test]
fn speakers_come_by_standard_input_and_stand_in_a_meeting() {
    let meeting = folder("listen call").join("call");
    let mut command = listen("- --pcm s16le:16000:2 --quiet --policy utterance --speakers --meeting");
    command.arg(&meeting).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&interleaved(&call())).unwrap();
    is_the_call(&done(child.wait_with_output().unwrap()));
    let read = |ending: &str| fs::read_to_string(meeting.with_extension(ending)).unwrap();
    is_the_call(&read("txt"));
    is_the_call(&read("srt").lines().filter(|line| line.contains("speaker")).collect::<Vec<_>>().join("\n"));
    let json: Value = serde_json::from_str(&read("json")).unwrap();
    assert_eq!(json["segments"][0]["speaker"], "left", "{json}");
}

#[test]
fn a_microphone_of_two_channels_has_speakers() {
    let script = "test \"$(echo \"$*\" | grep -c -e '-c 2 ')\" = 1 && cat \"$0.pcm\"; exit 1";
    let folder = fake("two channels", "arecord", script);
    fs::write(folder.join("arecord.pcm"), interleaved(&call())).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let output = listen("--quiet --policy utterance --speakers").env("PATH", &path).output().unwrap();
    is_the_call(&String::from_utf8_lossy(&output.stdout));
    // A mono microphone gives the same twice.
    let [left, _] = call();
    fs::write(folder.join("arecord.pcm"), interleaved(&[left.clone(), left])).unwrap();
    let output = listen("--quiet --policy utterance --speakers").env("PATH", &path).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(stdout.starts_with("(speaker ?) "), "{stdout}");
    assert_eq!(stderr.matches("both channels are the same").count(), 1, "{stderr}");
}

#[test]
fn one_channel_has_no_speakers() {
    let meeting = folder("listen mono").join("talk");
    for arguments in ["--simulate", ""] {
        let mut command = listen("--quiet --speakers --meeting");
        let output = command.arg(&meeting).args(arguments.split_whitespace()).arg(speech(SAMPLE)).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("has one channel") && stderr.contains("--speakers"), "{stderr}");
        assert!(!meeting.with_extension("flac").exists(), "nothing was begun");
    }
    let mut command = listen("- --quiet --speakers");
    let output = command.stdin(fs::File::open(speech(SAMPLE)).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard input has one channel"));
}

#[test]
fn an_interrupt_ends_the_recording_and_keeps_the_text() {
    // Two seconds of the clip at once, then nothing more, as from a muted microphone.
    let folder = fake("interrupt", "pw-record", "cat \"$0.pcm\"; exec sleep 600");
    fs::write(folder.join("pw-record.pcm"), &raw()[..2 * 2 * 16_000]).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let mut command = listen("--json --policy utterance --step 4");
    let mut child = command.env("PATH", path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("speech-start"), "{first}");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(rest.iter().any(|line| line.contains("\"commit\"")), "{rest:?}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn devices_are_listed_or_missed() {
    let folder = fake("devices", "arecord", "printf 'null\\n    Nothing\\nhw:CARD=Mic\\n    USB Mic\\n'");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let text = done(listen("--list-devices").env("PATH", path).output().unwrap());
    assert!(text.contains("arecord") && text.contains("hw:CARD=Mic") && text.contains("USB Mic"), "{text}");
    assert!(!text.contains("null"));
    for arguments in ["--list-devices", "--quiet", "--quiet --recorder pw-record"] {
        let output = listen(arguments).env("PATH", "/nonexistent").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && stderr.contains("alsa-utils"), "{arguments}: {stderr}");
    }
}

#[test]
fn silence_gives_no_text_and_a_gone_reader_is_no_failure() {
    let folder = folder("listen silence");
    let path = folder.join("silence.wav");
    wav(&path, &[&[0.0; 48_000]]);
    assert_eq!(done(listen("--quiet --simulate").arg(&path).output().unwrap()), "");
    let (noctule, clip) = (env!("CARGO_BIN_EXE_noctule"), speech(SAMPLE));
    let script = format!("'{noctule}' listen --quiet --simulate --json '{}' | head -n 1 > /dev/null", clip.display());
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
