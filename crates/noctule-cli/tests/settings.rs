//! Configuration file and environment: what they may say, and who has the last word.

mod common;

use common::{folder, program, wav};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A run on a silent file, which needs no decoding; tells the formats of the files that it wrote.
struct Bench {
    folder: PathBuf,
}

impl Bench {
    fn new(name: &str) -> Self {
        let folder = folder(&format!("settings-{name}"));
        wav(&folder.join("a.wav"), &[&[0.0; 1600]]);
        Self { folder }
    }

    fn config(&self, text: &str) -> PathBuf {
        let path = self.folder.join("noctule/config.toml");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = program();
        command.current_dir(&self.folder).env("XDG_CONFIG_HOME", &self.folder);
        command.args(["transcribe", "-q", "-o", "out"]).args(arguments.split_whitespace()).arg("a.wav");
        command
    }

    #[track_caller]
    fn formats(&self, command: &mut Command) -> Vec<String> {
        let out = self.folder.join("out");
        let _ = fs::remove_dir_all(&out);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let name = |path: PathBuf| path.extension().unwrap().to_string_lossy().into_owned();
        let mut names: Vec<String> = fs::read_dir(&out).unwrap().map(|entry| name(entry.unwrap().path())).collect();
        names.sort();
        names
    }
}

#[track_caller]
fn refused(command: &mut Command, code: i32, message: &str) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(message), "{stderr}");
}

#[test]
fn the_command_line_counts_more_than_the_environment_and_that_more_than_the_file() {
    let bench = Bench::new("precedence");
    assert_eq!(bench.formats(&mut bench.command("")), ["txt"], "the default");
    bench.config("format = [\"srt\", \"vtt\"]\n");
    assert_eq!(bench.formats(&mut bench.command("")), ["srt", "vtt"]);
    assert_eq!(bench.formats(bench.command("").env("NOCTULE_FORMAT", "csv,tsv")), ["csv", "tsv"]);
    assert_eq!(bench.formats(bench.command("-f lrc").env("NOCTULE_FORMAT", "csv,tsv")), ["lrc"]);
    assert_eq!(bench.formats(bench.command("").env("NOCTULE_FORMAT", "")), ["srt", "vtt"], "empty is not set");
}

#[test]
fn the_file_can_be_chosen_and_refused() {
    let bench = Bench::new("choice");
    bench.config("format = \"srt\"\n");
    let other = bench.folder.join("other.toml");
    fs::write(&other, "format = \"vtt\"\n").unwrap();
    assert_eq!(bench.formats(&mut bench.command("--config other.toml")), ["vtt"]);
    assert_eq!(bench.formats(bench.command("").env("NOCTULE_CONFIG", &other)), ["vtt"]);
    assert_eq!(bench.formats(&mut bench.command("--no-config")), ["txt"]);
    let home = bench.command("").env_remove("XDG_CONFIG_HOME").env("HOME", &bench.folder).output().unwrap();
    assert_eq!(home.status.code(), Some(0), "no configuration in that home");
    fs::create_dir_all(bench.folder.join(".config")).unwrap();
    fs::rename(bench.folder.join("noctule"), bench.folder.join(".config/noctule")).unwrap();
    let mut command = bench.command("");
    assert_eq!(bench.formats(command.env_remove("XDG_CONFIG_HOME").env("HOME", &bench.folder)), ["srt"]);
    refused(&mut bench.command("--config missing.toml"), 1, "missing.toml");
}

#[test]
fn flags_of_the_file_are_taken_back() {
    let bench = Bench::new("flags");
    bench.config("json = true\nskip-existing = true\n");
    let stdout = |command: &mut Command| String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(stdout(&mut bench.command("")).starts_with('{'));
    assert_eq!(stdout(&mut bench.command("")), "", "skipped");
    assert!(stdout(&mut bench.command("--overwrite")).starts_with('{'));
    assert!(stdout(&mut bench.command("--no-skip-existing")).starts_with('{'));
    assert_eq!(stdout(&mut bench.command("--no-skip-existing --no-json")), "");
    assert!(stdout(bench.command("").env("NOCTULE_SKIP_EXISTING", "no")).starts_with('{'));
}

#[test]
fn options_that_only_tune_others_may_stand_in_the_file() {
    let bench = Bench::new("tuning");
    bench.config("vad-threshold = 0.6\nprompt = \"Names: Ada, Grace.\"\n");
    bench.formats(&mut bench.command(""));
    bench.formats(&mut bench.command("--carry-prompt"));
    refused(&mut bench.command("--vad-threshold 0.5"), 2, "--vad-threshold needs --vad");
    refused(&mut bench.command("--no-config --carry-prompt"), 2, "--carry-prompt needs --prompt");
    bench.config("vad = true\n");
    bench.formats(&mut bench.command("--vad-threshold 0.5"));
}

#[test]
fn mistakes_name_their_place() {
    let bench = Bench::new("mistakes");
    let path = bench.config("threads = 2\nlangauge = \"de\"\n");
    let place = format!("{}:2: there is no option 'langauge'; did you mean 'language'?", path.display());
    refused(&mut bench.command(""), 2, &place);
    bench.config("language = \"germn\"\n");
    refused(&mut bench.command(""), 2, "config.toml:1: language: the value 'germn' is wrong");
    bench.config("");
    refused(bench.command("").env("NOCTULE_THREADS", "x"), 2, "NOCTULE_THREADS: the value 'x' is wrong");
    refused(bench.command("").env("NOCTULE_VAD", "perhaps"), 2, "NOCTULE_VAD");
    let slip = bench.command("").env("NOCTULE_THREDS", "2").output().unwrap();
    assert_eq!(slip.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&slip.stderr).contains("did you mean NOCTULE_THREADS?"));
}

#[test]
fn help_and_version_need_no_configuration() {
    let bench = Bench::new("help");
    bench.config("no such thing");
    for arguments in [["--version", "--json"], ["transcribe", "--help"]] {
        let output = program().env("XDG_CONFIG_HOME", &bench.folder).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
    assert!(Path::new(&bench.folder).exists());
}
