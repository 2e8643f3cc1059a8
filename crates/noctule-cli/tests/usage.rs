//! What the program says of itself, and how it refuses what is wrong.

mod common;

use common::{SAMPLE, folder, noctule, program, speech, transcribe};
use std::fs;
use std::path::Path;

/// Compares with a file of this crate; `NOCTULE_BLESS=1` writes it anew.
#[track_caller]
fn snapshot(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("NOCTULE_BLESS").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(actual, expected, "{name} differs; if that is meant, run the tests with NOCTULE_BLESS=1");
}

#[test]
fn help_is_as_recorded() {
    snapshot("tests/snapshots/help.txt", &noctule(&["--help"]).success());
    snapshot("tests/snapshots/listen-help.txt", &noctule(&["listen", "--help"]).success());
    snapshot("tests/snapshots/models-help.txt", &noctule(&["models", "--help"]).success());
    snapshot("tests/snapshots/transcribe-help.txt", &noctule(&["transcribe", "--help"]).success());
    snapshot("tests/snapshots/quantize-help.txt", &noctule(&["quantize", "--help"]).success());
    snapshot("tests/snapshots/imatrix-help.txt", &noctule(&["imatrix", "--help"]).success());
}

#[test]
fn the_manual_is_fresh() {
    let manual = noctule_cli::manual();
    let help = noctule(&["transcribe", "--help"]).success();
    let options = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 3);
    for option in options.map(|word| word.trim_end_matches([',', ']', '.', ':', ')', ';'])) {
        assert!(manual.contains(option), "{option}");
    }
    snapshot("../../docs/CLI.md", &manual);
}

#[test]
fn without_arguments_help_and_exit_code_2() {
    let run = noctule(&[]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("Usage:"), "{}", run.stderr);
}

#[test]
fn version_as_text_and_json() {
    assert_eq!(noctule(&["--version"]).success(), format!("noctule {}\n", env!("CARGO_PKG_VERSION")));
    let json: serde_json::Value = serde_json::from_str(&noctule(&["--version", "--json"]).success()).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert!(json["tier"].is_string() && json["features"].is_array(), "{json}");
    let build = &json["build"];
    assert!(build["target"].as_str().unwrap().contains(std::env::consts::ARCH), "{json}");
    assert!(["debug", "release"].contains(&build["profile"].as_str().unwrap()), "{json}");
    assert!(build["static"].is_boolean(), "{json}");
    if let Some(commit) = build["commit"].as_str() {
        assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{json}");
    }
    assert_eq!(noctule(&["--json"]).code, Some(2));
}

/// Wrong usage: arguments, and what the message must say.
const WRONG: &[(&str, &str)] = &[
    ("--beam-sise 5 a.wav", "--beam-size"),
    ("--language", "--language"),
    ("--language klingon a.wav", "no such language"),
    ("--language germn a.wav", "'german'"),
    ("--language english2 a.wav", "'english'"),
    ("--beam-size x a.wav", "x"),
    ("--beam-size 0 a.wav", "1..=64"),
    ("--threads 0 a.wav", "1..=256"),
    ("--max-context -1 a.wav", "--max-context"),
    ("--temperature 1.5 a.wav", "from 0 to 1"),
    ("--temperature nan a.wav", "from 0 to 1"),
    ("--patience 0 a.wav", "greater than 0"),
    ("--offset -1 a.wav", "hh:mm:ss"),
    ("--offset 1:99 a.wav", "hh:mm:ss"),
    ("--duration 0 a.wav", "greater than 0"),
    ("--audio-ctx most a.wav", "'full' or 'auto'"),
    ("--precision exact a.wav", "accurate"),
    ("--suppress-regex ( a.wav", "--suppress-regex"),
    ("--grammar root::=x a.wav", "--grammar"),
    ("--grammar-rule x a.wav", "--grammar"),
    ("--carry-prompt a.wav", "--prompt"),
    ("--vad-model m.bin a.wav", "--vad"),
    ("--diarize --tinydiarize a.wav", "--tinydiarize"),
    ("--format docx a.wav", "srt"),
    ("--format srt,vtt a.wav", "--output-dir"),
    ("--format srt a.wav b.wav", "--output-dir"),
    ("--format srt --json a.wav", "--output-dir"),
    ("- -", "standard input"),
    ("-o out one/a.wav two/a.wav", "one/a.wav"),
    ("-ot 500 a.wav", "--offset"),
    ("-d 5000 a.wav", "--duration"),
    ("", "AUDIO"),
];

#[test]
fn wrong_usage_is_exit_code_2() {
    for (arguments, message) in WRONG {
        let run = transcribe::<&str>(arguments, &[]);
        assert_eq!(run.code, Some(2), "{arguments}: {}", run.stderr);
        assert!(run.stderr.contains(message), "{arguments}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments}");
    }
}

#[test]
fn an_unknown_verb_is_exit_code_2() {
    let run = noctule(&["transcrib", "a.wav"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("transcribe"), "{}", run.stderr);
}

#[test]
fn an_unknown_cpu_tier_is_exit_code_2() {
    let output = program().args(["--version", "--json"]).env("NOCTULE_CPU", "mmx").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("scalar"));
}

#[test]
fn output_does_not_replace_the_audio() {
    let folder = folder("replace");
    let audio = folder.join("talk.txt");
    fs::copy(speech(SAMPLE), &audio).unwrap();
    let before = fs::read(&audio).unwrap();
    let run = transcribe(&format!("-o {}", folder.display()), &[&audio]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert_eq!(fs::read(&audio).unwrap(), before);
}

#[test]
fn models_that_cannot_be_used_are_exit_code_1() {
    let folder = folder("models");
    let text = folder.join("text.bin");
    fs::write(&text, "this is no model").unwrap();
    let empty = folder.join("empty.bin");
    fs::write(&empty, "").unwrap();
    let cut = folder.join("cut.bin");
    let embedded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../noctule/models/tiny.en-q5_0.bin");
    fs::write(&cut, &fs::read(embedded).unwrap()[..1_000_000]).unwrap();
    for (model, message) in [
        (Path::new("base"), "there is no model file 'base'"),
        (&folder, "directory"),
        (&text, "ggml"),
        (&empty, "ggml"),
        (&cut, "too early"),
    ] {
        let run = transcribe(&format!("-m {}", model.display()), &[speech(SAMPLE)]);
        assert_eq!(run.code, Some(1), "{}: {}", model.display(), run.stderr);
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(message), "{}", run.stderr);
        assert!(run.stderr.contains(&*model.to_string_lossy()), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
}

#[test]
fn a_missing_grammar_file_is_exit_code_1() {
    let run = transcribe("--grammar nowhere.gbnf", &["a.wav"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("nowhere.gbnf"), "{}", run.stderr);
}

#[cfg(feature = "embedded-model")]
mod with_the_embedded_model {
    use super::*;

    #[test]
    fn audio_that_cannot_be_read_is_exit_code_1() {
        let folder = folder("audio");
        let text = folder.join("text.wav");
        fs::write(&text, "this is no audio, whatever its name says").unwrap();
        let empty = folder.join("empty.wav");
        fs::write(&empty, "").unwrap();
        let header = folder.join("header.wav");
        fs::write(&header, b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\0\0").unwrap();
        for audio in [Path::new("missing.wav"), &text, &empty, &header] {
            let run = transcribe("--quiet", &[audio]);
            assert_eq!(run.code, Some(1), "{}: {}", audio.display(), run.stderr);
            assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
            assert!(run.stderr.contains(&*audio.to_string_lossy()), "{}", run.stderr);
            assert_eq!(run.stdout, "");
        }
    }

    #[test]
    fn what_an_english_model_cannot_do_is_exit_code_2() {
        for (arguments, message) in
            [("--language de", "german"), ("--translate", "translate"), ("--audio-ctx 1500", "")]
        {
            let run = transcribe(&format!("--duration 10ms {arguments}"), &[speech(SAMPLE)]);
            let code = if message.is_empty() { 0 } else { 2 };
            assert_eq!(run.code, Some(code), "{arguments}: {}", run.stderr);
            if code == 2 {
                assert!(run.stderr.contains("English only"), "{}", run.stderr);
            }
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_exit_code_1() {
        let folder = folder("unwritable");
        let file = folder.join("file");
        fs::write(&file, "in the way").unwrap();
        let run = transcribe(&format!("-o {}", file.join("out").display()), &[speech(SAMPLE)]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("file/out") && run.stderr.contains("--output-dir"), "{}", run.stderr);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_exit_code_1() {
        let folder = folder("in-the-way");
        fs::create_dir_all(folder.join("ls-1995-1837-0001.txt")).unwrap();
        let run = transcribe(&format!("--duration 10ms -o {}", folder.display()), &[speech(SAMPLE)]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("ls-1995-1837-0001.txt") && run.stderr.contains("--output-dir"), "{}", run.stderr);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing half-written stays");
    }

    #[test]
    fn an_offset_behind_the_end_is_exit_code_1() {
        let run = transcribe("--quiet --offset 1:00", &[speech(SAMPLE)]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("offset"), "{}", run.stderr);
    }

    #[test]
    fn one_channel_has_no_speakers() {
        let run = transcribe("--quiet --diarize", &[speech(SAMPLE)]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("stereo"), "{}", run.stderr);
    }
}
