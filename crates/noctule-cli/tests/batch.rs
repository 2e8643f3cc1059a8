//! Folders, patterns, names of results, files that are there already, summaries.
#![cfg(feature = "embedded-model")]

mod common;

use common::{folder, program, wav};
use std::fs;
use std::path::{Path, PathBuf};

/// Silent recordings of these names, which need no decoding.
fn recordings(test: &str, names: &[&str]) -> PathBuf {
    let folder = folder(&format!("batch-{test}"));
    for name in names {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        wav(&folder.join(name), &[&[0.0; 16_000]]);
    }
    folder
}

struct Ran {
    code: Option<i32>,
    stderr: String,
}

fn run(folder: &Path, arguments: &str) -> Ran {
    let output = program().current_dir(folder).arg("transcribe").args(arguments.split(' ')).output().unwrap();
    Ran { code: output.status.code(), stderr: String::from_utf8(output.stderr).unwrap() }
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_keeps_its_shape() {
    let folder = recordings("shape", &["in/b.wav", "in/a.wav", "in/sub/a.wav", "in/sub/deep/c.wav"]);
    fs::write(folder.join("in/notes.txt"), "no audio").unwrap();
    assert_eq!(run(&folder, "-q -o flat in").code, Some(0));
    assert_eq!(files(&folder.join("flat")), ["a.txt", "b.txt"]);
    assert_eq!(run(&folder, "-q -o deep -f srt,vtt --recursive in").code, Some(0));
    let all = ["a.srt", "a.vtt", "b.srt", "b.vtt", "sub/a.srt", "sub/a.vtt", "sub/deep/c.srt", "sub/deep/c.vtt"];
    assert_eq!(files(&folder.join("deep")), all);
}

#[test]
fn a_quoted_pattern_is_expanded() {
    let folder = recordings("pattern", &["in/a.wav", "in/b.wav", "in/other.wav"]);
    assert_eq!(run(&folder, "-q -o out in/?.wav").code, Some(0));
    assert_eq!(files(&folder.join("out")), ["a.txt", "b.txt"]);
}

#[test]
fn equal_names_never_share_a_file() {
    let folder = recordings("names", &["x.wav", "x.mp3", "y.wav", "one/z.wav", "two/z.wav"]);
    assert_eq!(run(&folder, "-q -o out x.wav x.mp3 y.wav").code, Some(0));
    assert_eq!(files(&folder.join("out")), ["x.mp3.txt", "x.wav.txt", "y.txt"]);
    let refused = run(&folder, "-q -o two-out one/z.wav two/z.wav");
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("'one/z.wav' and 'two/z.wav'"), "{}", refused.stderr);
    assert!(!folder.join("two-out").exists());
    assert_eq!(run(&folder, "-q -o same y.wav y.wav").code, Some(2), "the same file twice");
}

#[test]
fn what_is_there_is_replaced_or_left() {
    let folder = recordings("existing", &["a.wav", "b.wav"]);
    fs::create_dir(folder.join("out")).unwrap();
    fs::write(folder.join("out/a.txt"), "mine").unwrap();
    let mine = || fs::read_to_string(folder.join("out/a.txt")).unwrap();
    let skipped = run(&folder, "--skip-existing -o out a.wav b.wav");
    assert_eq!((skipped.code, mine().as_str()), (Some(0), "mine"));
    assert!(skipped.stderr.contains("a.wav: skipped"), "{}", skipped.stderr);
    assert!(skipped.stderr.contains("2 recordings: 1 done, 1 skipped;"), "{}", skipped.stderr);
    let all_skipped = run(&folder, "--skip-existing -o out a.wav b.wav -m missing.bin");
    assert_eq!(all_skipped.code, Some(0), "no model is needed for nothing: {}", all_skipped.stderr);
    run(&folder, "--skip-existing -f txt,srt -q -o out a.wav");
    assert_eq!(mine(), "", "one of its files was missing");
    fs::write(folder.join("out/a.txt"), "mine").unwrap();
    assert_eq!(run(&folder, "-q -o out a.wav").code, Some(0));
    assert_eq!(mine(), "", "replaced without being asked, as whisper.cpp does");
}

#[test]
fn each_recording_gets_a_line_and_all_of_them_another() {
    let folder = recordings("summary", &["a.wav", "b.wav"]);
    let ran = run(&folder, "-o out a.wav missing.wav b.wav *.ogg");
    assert_eq!(ran.code, Some(1));
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert!(lines.contains(&"noctule: wrote out/a.txt"), "{}", ran.stderr);
    assert!(lines.iter().any(|line| line.starts_with("noctule: b.wav: 0:01 of audio in 0:0")), "{}", ran.stderr);
    assert!(lines.iter().any(|line| line.starts_with("error: ") && line.contains("missing.wav")), "{}", ran.stderr);
    assert!(lines.contains(&"error: no file matches '*.ogg'"), "{}", ran.stderr);
    assert!(
        lines.last().unwrap().starts_with("noctule: 4 recordings: 2 done, 2 failed; 0:02 of audio"),
        "{}",
        ran.stderr
    );
    assert_eq!(files(&folder.join("out")), ["a.txt", "b.txt"]);
    let alone = run(&folder, "-o out a.wav");
    assert!(!alone.stderr.contains("recordings:"), "{}", alone.stderr);
    assert_eq!(run(&folder, "-q -o out a.wav b.wav").stderr, "");
}
