//! Real speech through the embedded model: text, formats, several files,
//! standard input, stretches, silence, damage.
#![cfg(feature = "embedded-model")]

mod common;

use common::{SAMPLE, folder, program, sample, speech, transcribe, transcribe_stdin, wav, words};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// How the sample begins.
const SORROW: &str = "it was the first great sorrow of his life";

/// Greedy, which is quicker and enough to know the words.
const QUICK: &str = "--quiet --beam-size 1 --no-fallback";

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

fn json_of(arguments: &str, file: &Path) -> Value {
    json_lines(&transcribe(&format!("{QUICK} --json {arguments}"), &[file]).success()).remove(0)
}

fn segments(json: &Value) -> Vec<(f64, f64, String)> {
    let all = json["segments"].as_array().expect("segments");
    let number = |segment: &Value, key: &str| segment[key].as_f64().expect("a time");
    let text = |segment: &Value| segment["text"].as_str().expect("a text").to_owned();
    all.iter().map(|s| (number(s, "start"), number(s, "end"), text(s))).collect()
}

#[test]
fn the_default_run_writes_text_and_names_the_model() {
    let run = transcribe("", &[speech(SAMPLE)]);
    assert!(run.stderr.contains("embedded") && run.stderr.contains("-m PATH"), "{}", run.stderr);
    let text = run.success();
    assert!(words(&text).contains(SORROW), "{text}");
    assert!(!text.contains("-->"), "no times in a pipe: {text}");
    assert!(text.lines().all(|line| line == line.trim() && !line.is_empty()), "{text:?}");
}

#[test]
fn every_format_into_a_folder() {
    let folder = folder("formats");
    let out = folder.join("a/b");
    let run =
        transcribe(&format!("{QUICK} -f txt,srt,vtt -f json,lrc,csv,tsv -o {}", out.display()), &[speech(SAMPLE)]);
    assert_eq!(run.success(), "");
    let read =
        |extension: &str| fs::read_to_string(out.join(format!("ls-1995-1837-0001.{extension}"))).expect(extension);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 7, "nothing but the seven files");
    for extension in ["txt", "srt", "vtt", "json", "lrc", "csv", "tsv"] {
        assert!(words(&read(extension)).contains(SORROW), "{extension}: {}", read(extension));
    }
    let (srt, vtt) = (read("srt"), read("vtt"));
    assert!(srt.starts_with("1\n00:00:0") && srt.contains(" --> 00:00:"), "{srt}");
    assert!(vtt.starts_with("WEBVTT\n\n00:00:0") && vtt.contains(" --> 00:00:"), "{vtt}");
    assert!(read("lrc").lines().any(|line| line.starts_with("[00:0")), "{}", read("lrc"));
    assert_eq!(read("csv").lines().next(), Some("start,end,text"));
    let tsv = read("tsv");
    let row: Vec<&str> = tsv.lines().nth(1).expect("a row").split('\t').collect();
    assert!(row[0].parse::<u64>().unwrap() < row[1].parse::<u64>().unwrap(), "{tsv}");
    let json = json_lines(&read("json")).remove(0);
    assert!(json["file"].as_str().unwrap().ends_with(SAMPLE));
    assert_eq!(read("txt").lines().count(), segments(&json).len());
}

#[test]
fn one_format_to_standard_output() {
    let text = transcribe(&format!("{QUICK} -f srt"), &[speech(SAMPLE)]).success();
    assert!(text.starts_with("1\n00:00:"), "{text}");
}

#[test]
fn json_has_the_documented_shape() {
    let json = json_of("--word-timestamps", &speech(SAMPLE));
    for key in ["file", "model", "language", "duration_s", "text", "segments", "timing", "memory", "kernels"] {
        assert!(!json[key].is_null(), "{key} in {json}");
    }
    assert_eq!(json["model"]["name"], "tiny.en-q5_0");
    assert_eq!(json["model"]["type"], "q5_0");
    assert_eq!(json["language"], "en");
    assert_eq!(json["duration_s"], 8.73);
    assert_eq!(json["kernels"]["precision"], "fast");
    assert!(json["timing"]["total_s"].as_f64().unwrap() > 0.0);
    assert_eq!(json["timing"]["encoder_windows"], 1);
    assert!(words(json["text"].as_str().unwrap()).contains(SORROW), "{json}");
    let mut last = 0.0;
    let mut count = 0;
    for segment in json["segments"].as_array().unwrap() {
        for word in segment["words"].as_array().unwrap() {
            let (start, end) = (word["start"].as_f64().unwrap(), word["end"].as_f64().unwrap());
            assert!(last <= start && start <= end && end <= 8.73, "{word} after {last}");
            last = start;
            count += 1;
        }
    }
    assert_eq!(count, words(json["text"].as_str().unwrap()).split(' ').count(), "a word for each word: {json}");
}

#[test]
fn a_bad_file_does_not_stop_the_others() {
    let files = [speech(SAMPLE), "missing.wav".into(), speech("kathleen-a0214.flac")];
    let run = transcribe(&format!("{QUICK} --json"), &files);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("missing.wav"), "{}", run.stderr);
    let lines = json_lines(&run.stdout);
    assert_eq!(lines.len(), 2);
    assert!(lines[0]["file"].as_str().unwrap().ends_with(SAMPLE));
    assert!(lines[1]["file"].as_str().unwrap().ends_with("kathleen-a0214.flac"));
    assert!(lines[0]["timing"]["load_s"].as_f64() > Some(0.0));
    assert_eq!(lines[1]["timing"]["load_s"], 0.0, "the model is loaded once");
}

#[test]
fn an_empty_line_separates_the_text_of_files() {
    let text = transcribe(QUICK, &[speech("kathleen-a0214.flac"), speech(SAMPLE)]).success();
    let parts: Vec<&str> = text.split("\n\n").collect();
    assert_eq!(parts.len(), 2, "{text}");
    assert!(words(parts[1]).contains(SORROW), "{text}");
}

#[test]
fn standard_input_gives_the_same_text() {
    let file = transcribe(QUICK, &[speech(SAMPLE)]).success();
    let bytes = fs::read(speech(SAMPLE)).unwrap();
    assert_eq!(transcribe_stdin(QUICK, &bytes).success(), file);
    let folder = folder("stdin");
    transcribe_stdin(&format!("{QUICK} -o {}", folder.display()), &bytes).success();
    assert_eq!(fs::read_to_string(folder.join("stdin.txt")).unwrap(), file);
}

#[test]
fn results_do_not_depend_on_threads() {
    let [one, three] = [1, 3].map(|n| json_of(&format!("--threads {n}"), &speech(SAMPLE)));
    assert_eq!(one["kernels"]["threads"], 1);
    assert_eq!(three["kernels"]["threads"], 3);
    assert_eq!(one["segments"], three["segments"]);
}

#[test]
fn short_forms_of_whisper_cli() {
    let text = transcribe("-np -nf -bs 1 -nt", &[speech(SAMPLE)]).success();
    assert!(words(&text).contains(SORROW), "{text}");
    assert_eq!(text.lines().count(), 1, "no timestamps, one segment: {text}");
}

#[test]
fn a_stretch_has_the_times_of_the_file() {
    // The second sentence begins at 2.9 s.
    let json = json_of("--offset 2.7s --duration 0:03", &speech(SAMPLE));
    assert_eq!(json["duration_s"], 3.0);
    let text = words(json["text"].as_str().unwrap());
    assert!(text.contains("so much the loss") && !text.contains("sorrow"), "{text}");
    for (start, end, _) in segments(&json) {
        assert!((2.7..=5.7).contains(&start) && (start..=5.7).contains(&end), "{start} {end}");
    }
}

#[test]
fn vad_skips_silence_and_keeps_the_times() {
    let folder = folder("vad");
    let file = folder.join("padded.wav");
    let mut samples = vec![0.0; 20 * 16_000];
    samples.extend(sample());
    samples.extend(vec![0.0; 10 * 16_000]);
    wav(&file, &[&samples]);
    let silero = std::env::var_os("NOCTULE_TEST_MODELS").map(|f| Path::new(&f).join("silero-v6.2.0-ggml.bin"));
    let mut detectors = vec![String::new()];
    match silero.filter(|path| path.exists()) {
        Some(path) => detectors.push(format!("--vad-model {}", path.display())),
        None => eprintln!("skipped: NOCTULE_TEST_MODELS names no folder with silero-v6.2.0-ggml.bin"),
    }
    for detector in detectors {
        let json = json_of(&format!("--vad --word-timestamps {detector}"), &file);
        assert!(words(json["text"].as_str().unwrap()).contains(SORROW), "{json}");
        assert_eq!(json["duration_s"], 38.73);
        assert_eq!(json["timing"]["encoder_windows"], 1, "39 s would be two windows");
        let segments = segments(&json);
        assert!((20.0..21.0).contains(&segments[0].0), "{segments:?}");
        assert!(segments.last().unwrap().1 <= 28.8, "{segments:?}");
        let first = &json["segments"][0]["words"][0];
        assert!((20.0..21.0).contains(&first["start"].as_f64().unwrap()), "{first}");
        // The same words, two seconds into the file.
        let later = json_of(&format!("--vad --offset 2 {detector}"), &file);
        assert!((20.0..21.0).contains(&later["segments"][0]["start"].as_f64().unwrap()), "{later}");
    }
}

#[test]
fn silence_and_a_single_sample_are_empty() {
    let folder = folder("silence");
    let silence = folder.join("silence.wav");
    wav(&silence, &[&vec![0.0; 5 * 16_000]]);
    let sample = folder.join("sample.wav");
    wav(&sample, &[&[0.25]]);
    for (arguments, file) in [("", &silence), ("--vad", &silence), ("", &sample), ("--vad", &sample)] {
        assert_eq!(transcribe(&format!("--quiet {arguments}"), &[file]).success(), "", "{arguments} {file:?}");
        let json = json_of(arguments, file);
        assert_eq!(json["text"], "");
        assert_eq!(json["segments"].as_array().unwrap().len(), 0, "{json}");
    }
}

#[test]
fn what_is_there_of_a_cut_file_is_transcribed() {
    let folder = folder("cut");
    let bytes = fs::read(speech(SAMPLE)).unwrap();
    let file = folder.join("cut.flac");
    fs::write(&file, &bytes[..bytes.len() * 9 / 10]).unwrap();
    let run = transcribe(QUICK, &[&file]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("warning: ") && run.stderr.contains("cut.flac"), "{}", run.stderr);
    assert!(words(&run.stdout).contains(SORROW), "{}", run.stdout);
}

#[test]
fn speakers_are_told_apart_by_channel() {
    let folder = folder("speakers");
    let file = folder.join("stereo.wav");
    let right = sample();
    wav(&file, &[&vec![0.0; right.len()], &right]);
    let json = json_of("--diarize", &file);
    let speakers: Vec<&Value> = json["segments"].as_array().unwrap().iter().map(|s| &s["speaker"]).collect();
    assert!(!speakers.is_empty() && speakers.iter().all(|speaker| **speaker == "right"), "{json}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in ["--json", ""] {
        let mut command = program();
        command.arg("transcribe").args(QUICK.split(' ')).args(arguments.split_whitespace()).arg(speech(SAMPLE));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}
