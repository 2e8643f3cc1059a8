//! The faces of whisper.cpp's programs: scripts written for them run unchanged.
#![cfg(all(unix, feature = "embedded-model"))]

mod common;

use common::{SAMPLE, float_model, folder, model_of_the_program, noctule, program, speech, words};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder for `name`, with a folder `bin` of links to the program under whisper.cpp's names.
fn with_links(name: &str) -> PathBuf {
    let folder = folder(name);
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    for link in ["whisper-cli", "whisper-bench", "whisper-quantize", "quantize"] {
        symlink(env!("CARGO_BIN_EXE_noctule"), bin.join(link)).unwrap();
    }
    folder
}

/// Gives a command the program's quiet surroundings, `folder` to work in and its links to find.
fn placed(command: &str, folder: &Path) -> Command {
    let mut placed = Command::new(command);
    for (name, value) in program().get_envs() {
        match value {
            Some(value) => placed.env(name, value),
            None => placed.env_remove(name),
        };
    }
    let path = std::env::var("PATH").unwrap();
    placed.current_dir(folder).env("PATH", format!("{}:{path}", folder.join("bin").display()));
    placed
}

/// Runs a link.
fn run(folder: &Path, link: &str, arguments: &[&str]) -> (i32, String, String) {
    let output = placed(folder.join("bin").join(link).to_str().unwrap(), folder).args(arguments).output().unwrap();
    texts(output)
}

fn script(folder: &Path, name: &str, arguments: &[&str]) -> (i32, String, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts").join(name);
    texts(placed("sh", folder).arg(script).args(arguments).output().unwrap())
}

fn texts(Output { status, stdout, stderr }: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(stdout), text(stderr));
    assert!(!stderr.contains("panicked"), "{stderr}");
    (status.code().unwrap_or(-1), stdout, stderr)
}

/// The number in `text` between `before` and `after`.
#[track_caller]
fn number(text: &str, before: &str, after: &str) -> f64 {
    let start = text.find(before).unwrap_or_else(|| panic!("no '{before}' in {text}")) + before.len();
    let end = text[start..].find(after).unwrap_or_else(|| panic!("no '{after}' in {text}"));
    text[start..start + end].trim().parse().unwrap_or_else(|_| panic!("{before}: {text}"))
}

fn clip() -> String {
    fs::canonicalize(speech(SAMPLE)).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_loop_over_models_finds_time_and_memory() {
    let folder = with_links("face models");
    fs::create_dir(folder.join("models")).unwrap();
    let model = fs::canonicalize(model_of_the_program()).unwrap();
    for name in ["tiny.en", "tiny.en-q5_0"] {
        symlink(&model, folder.join(format!("models/ggml-{name}.bin"))).unwrap();
    }
    let (code, stdout, stderr) =
        script(&folder, "compare-models.sh", &["models", &clip(), "tiny.en", "medium", "tiny.en-q5_0"]);
    assert_eq!((code, stdout.as_str()), (0, "medium: no such model, left out\n"), "{stderr}");
    let summary = fs::read_to_string(folder.join("summary.log")).unwrap();
    let lines: Vec<&str> = summary.lines().collect();
    assert_eq!(lines.len(), 7, "{summary}");
    for part in [&lines[1..4], &lines[4..7]] {
        assert!(part[0].starts_with("== tiny.en"), "{summary}");
        let memory = number(part[1], "total memory = ", " MB");
        // The file alone has 30 MB.
        assert!((30.0..500.0).contains(&memory), "{summary}");
        assert!(number(part[2], "total time = ", " ms") > 1.0, "{summary}");
    }
}

#[test]
fn a_loop_over_types_quantises_and_transcribes() {
    let folder = with_links("face types");
    fs::write(folder.join("small.bin"), float_model(64)).unwrap();
    common::wav(&folder.join("noise.wav"), &[&common::sample()[..16_000]]);
    let (code, stdout, stderr) =
        script(&folder, "compare-types.sh", &["small.bin", "noise.wav", "q5_0", "q4_9", "q8_0"]);
    assert_eq!(code, 0, "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!((lines.len(), lines[1]), (3, "q4_9: quantize failed"), "{stdout}");
    let size = |line: &str| number(line, ": ", " bytes");
    assert!(size(lines[0]) < size(lines[2]) && number(lines[0], "bytes, ", " ms") > 0.0, "{stdout}");
    assert!(folder.join("text-q5_0.txt").exists() && folder.join("text-q8_0.txt").exists());
    assert!(!folder.join("smaller/model-q4_9.bin").exists());
    let log = fs::read_to_string(folder.join("q5_0.log")).unwrap();
    assert!(
        number(&log, "main: quantize time = ", " ms") > 0.0 && number(&log, "   total time = ", " ms") > 0.0,
        "{log}"
    );
    assert!(fs::read_to_string(folder.join("q4_9.log")).unwrap().contains("q4_9"));
}

#[test]
fn lines_and_files_are_whisper_clis() {
    let folder = with_links("face lines");
    let audio = folder.join("talk.flac");
    fs::copy(speech(SAMPLE), &audio).unwrap();
    let model = fs::canonicalize(model_of_the_program()).unwrap();
    let model = model.to_str().unwrap();
    let all = ["-m", model, "-f", "talk.flac", "-otxt", "-osrt", "-ovtt", "-olrc", "-ocsv", "-oj", "-pp"];
    let (code, stdout, stderr) = run(&folder, "whisper-cli", &all);
    assert_eq!(code, 0, "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(lines[0].is_empty() && lines.len() > 1, "{stdout}");
    for line in &lines[1..] {
        // [00:00:00.000 --> 00:00:00.000]   text
        assert!(
            line.starts_with("[00:00:") && line[13..].starts_with(" --> 00:00:") && &line[30..34] == "]   ",
            "{line}"
        );
    }
    assert!(words(&stdout).contains("first great sorrow of his life"), "{stdout}");
    for ending in ["txt", "srt", "vtt", "lrc", "csv", "json"] {
        assert!(fs::metadata(folder.join(format!("talk.flac.{ending}"))).unwrap().len() > 0);
        assert!(stderr.contains(&format!("output_{ending}: saving output to 'talk.flac.{ending}'")), "{stderr}");
    }
    assert!(stderr.contains("main: processing 'talk.flac' (139680 samples, 8.7 sec), "), "{stderr}");
    assert!(stderr.contains(" 5 beams + best of 5, lang = en, task = transcribe, timestamps = 1 ..."), "{stderr}");
    assert!(stderr.contains("whisper_model_load: n_audio_state = 384\n"), "{stderr}");
    assert!(stderr.contains("whisper_print_progress_callback: progress = 100%"), "{stderr}");
    let prints = |name: &str| number(&stderr, &format!("whisper_print_timings: {name:>8} time = "), " ms");
    let parts: f64 = ["load", "mel", "sample", "encode", "decode", "batchd", "prompt"].map(prints).iter().sum();
    let total = prints("total");
    assert!(prints("encode") > 0.0 && prints("batchd") > 0.0 && parts <= total, "{stderr}");
    // 4 layers, 1500 positions of 384 bytes, keys and values: 4.6 MB, scales and some padding.
    assert!((4.6..5.6).contains(&number(&stderr, "kv cross size = ", " MB")), "{stderr}");
    let buffers = ["(conv)  ", "(encode)", "(decode)"]
        .map(|name| number(&stderr, &format!("whisper_init_state: compute buffer {name} = "), " MB"));
    assert!(buffers.iter().all(|size| *size > 0.0), "{stderr}");
    let size = number(&stderr, "whisper_model_load: model size    = ", " MB");
    assert!(size + buffers.iter().sum::<f64>() <= number(&stderr, "total memory = ", " MB") * 1.05, "{stderr}");

    let (code, quiet, stderr) = run(&folder, "whisper-cli", &["-np", "-m", model, "talk.flac"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(quiet, stdout, "the text is the same without the other lines");
    let verb =
        noctule(&["whisper-cli", "-m", model, "-np", "-nt", "-bs", "1", "-d", "3000", "-of", "-", "-osrt", &clip()]);
    let srt = verb.success();
    assert!(srt.starts_with("1\n00:00:00,") && srt.contains(" --> "), "{srt}");
}

#[test]
fn text_without_times_is_one_line() {
    let folder = with_links("face no times");
    let model = fs::canonicalize(model_of_the_program()).unwrap();
    let (code, stdout, _) =
        run(&folder, "whisper-cli", &["-np", "-nt", "-bs", "1", "-m", model.to_str().unwrap(), &clip()]);
    assert_eq!(code, 0);
    assert!(stdout.starts_with("\n ") && !stdout.contains('['), "{stdout:?}");
    let (code, stdout, _) =
        run(&folder, "whisper-cli", &["-np", "-pc", "-bs", "1", "-m", model.to_str().unwrap(), &clip()]);
    assert!(code == 0 && stdout.contains("\x1b[38;5;46m"), "{stdout:?}");
}

#[test]
fn exit_codes() {
    let folder = with_links("face codes");
    let model = fs::canonicalize(model_of_the_program()).unwrap();
    let model = model.to_str().unwrap();
    common::wav(&folder.join("a.wav"), &[&[0.0; 16_000]]);
    fs::write(folder.join("arguments"), format!("-m\n{model}\n-np\n-f\na.wav\n")).unwrap();
    for (arguments, code, part) in [
        (&["--help"][..], 0, ""),
        (&["--version"], 0, ""),
        (&["@arguments"], 0, ""),
        (&["@missing"], 1, "response file 'missing'"),
        (&["--no-prnts", "a.wav"], 2, "'--no-prints'"),
        (&["-owts", "a.wav"], 2, "-owts"),
        (&["-p", "2", "a.wav"], 2, "-p: 2"),
        (&["-bs", "none", "a.wav"], 2, "--beam-size"),
        (&["-m"], 2, "-m requires a value"),
        (&["-np"], 2, "no input files"),
        (&["-np", "missing.wav"], 2, "input file not found 'missing.wav'"),
        (&["-np", "a.wav"], 1, "models/ggml-base.en.bin"),
        (&["-np", "-m", model, "-l", "de", "a.wav"], 2, "English only"),
        (&["-np", "-m", model, "-dl", "a.wav"], 2, "--detect-language"),
        (&["-np", "-m", model, "-di", "-tdrz", "a.wav"], 2, "exclude each other"),
        (&["-np", "-m", model, "a.wav", "missing.wav"], 1, "input file not found 'missing.wav'"),
        (&["-np", "-m", model, "-otxt", "a.wav"], 0, ""),
    ] {
        let (found, _, stderr) = run(&folder, "whisper-cli", arguments);
        assert_eq!(found, code, "{arguments:?}: {stderr}");
        assert!(stderr.contains(part) && stderr.is_empty() == part.is_empty(), "{arguments:?}: {stderr}");
    }
    let usage = run(&folder, "whisper-cli", &["-h"]).1;
    for flag in ["-bs, --beam-size N", "-owts, --output-words", "--vad-samples-overlap N"] {
        assert!(usage.contains(flag), "{usage}");
    }
    for (arguments, code, part) in [
        (&[][..], 1, "usage: whisper-quantize model-f32.bin model-quant.bin type\n"),
        (&["a", "b"], 1, "  type = \"q4_k\" or 12\n"),
        (&["missing.bin", "b.bin", "q5_0"], 1, "missing.bin"),
        (&[model, "b.bin", "q5_0"], 1, "are q5_0 already"),
    ] {
        for name in ["quantize", "whisper-quantize"] {
            let (found, _, stderr) = run(&folder, name, arguments);
            assert!(found == code && stderr.contains(part), "{arguments:?}: {found} {stderr}");
        }
    }
    for (arguments, code, part) in [
        (&["-w", "1"][..], 2, "-w: 1"),
        (&["-x"], 2, "-x"),
        (&["-m", "missing.bin"], 1, "missing.bin"),
        (&["-h"], 0, ""),
    ] {
        let (found, _, stderr) = run(&folder, "whisper-bench", arguments);
        assert!(found == code && stderr.contains(part), "{arguments:?}: {found} {stderr}");
    }
}

#[test]
fn whisper_bench_times_every_load() {
    let folder = with_links("face bench");
    fs::write(folder.join("small.bin"), float_model(64)).unwrap();
    let (code, _, stderr) = run(&folder, "whisper-bench", &["-m", "small.bin", "-t", "2", "-w", "0"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("system_info: n_threads = 2 / "), "{stderr}");
    for (name, runs) in [("encode", 1), ("decode", 256), ("batchd", 320), ("prompt", 4096)] {
        let line = stderr.lines().find(|line| line.contains(&format!("{name} time ="))).unwrap();
        assert!(number(line, "time = ", " ms") > 0.0, "{line}");
        assert_eq!(number(line, " ms / ", " runs"), f64::from(runs), "{line}");
    }
    assert!(
        number(&stderr, "total memory = ", " MB") > 1.0 && number(&stderr, "   total time = ", " ms") > 0.0,
        "{stderr}"
    );
}

#[test]
fn bench_prints_a_line_and_stays_hidden() {
    let folder = folder("bench");
    let model = folder.join("small.bin");
    fs::write(&model, float_model(64)).unwrap();
    let model = model.to_str().unwrap();
    let few = ["--windows", "2", "--singles", "3", "--batches", "1", "--prompts", "0", "--no-warm-up"];
    let line = noctule(&[&["bench", "-m", model, "-t", "2", "--precision", "fast"][..], &few].concat()).success();
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    assert_eq!((json["kernels"]["precision"].as_str(), json["kernels"]["threads"].as_u64()), (Some("fast"), Some(2)));
    for (name, count) in [("encode", 2), ("single", 3), ("batch", 5), ("prompt", 0)] {
        assert_eq!(json[name]["count"], count, "{name}: {json}");
        assert_eq!(json[name]["total_s"].as_f64().unwrap() > 0.0, count > 0, "{name}: {json}");
    }
    assert!(json["load_s"].as_f64().unwrap() > 0.0 && json["memory"]["peak_rss_bytes"].as_u64().unwrap() > 0);
    assert_eq!(noctule(&["bench"]).code, Some(2), "a model is needed");
    assert_eq!(noctule(&["bench", "-m", "missing.bin"]).code, Some(1));
    assert!(!noctule(&["--help"]).success().contains("\n  bench"), "it is for those who measure");
}
