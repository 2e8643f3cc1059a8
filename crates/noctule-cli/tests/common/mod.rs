//! Runs the program and gives tests their own folders and recordings.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What one run left behind.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Standard output, for a run that must have succeeded.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "stderr: {}", self.stderr);
        self.stdout
    }

    fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        let run = Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        run
    }
}

/// The program, away from the caller's terminal and settings.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_noctule"));
    let settings = std::env::vars_os().map(|(name, _)| name);
    for name in settings.filter(|name| name.to_string_lossy().starts_with("NOCTULE_")) {
        command.env_remove(name);
    }
    // No folder of this name is there, and no configuration in it.
    command.stdin(Stdio::null()).env("XDG_CONFIG_HOME", "/nonexistent").env("COLUMNS", "100");
    // Nor any model.
    command.env("XDG_DATA_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("no models"));
    command.env("XDG_STATE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("state"));
    command
}

/// Runs `noctule transcribe` with `arguments`, separated by blanks, and then `files`.
pub fn transcribe<P: AsRef<Path>>(arguments: &str, files: &[P]) -> Run {
    let mut command = program();
    command.arg("transcribe").args(arguments.split_whitespace());
    command.args(files.iter().map(AsRef::as_ref));
    Run::new(command.output().expect("the program starts"))
}

/// Runs the program with exactly these arguments.
pub fn noctule(arguments: &[&str]) -> Run {
    Run::new(program().args(arguments).output().expect("the program starts"))
}

/// Runs `noctule transcribe ARGUMENTS -` with `input` on its standard input.
pub fn transcribe_stdin(arguments: &str, input: &[u8]) -> Run {
    let mut command = program();
    command.arg("transcribe").args(arguments.split_whitespace()).arg("-");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    // Output is small and stays in the pipes until all of the input is written.
    child.stdin.take().expect("stdin is a pipe").write_all(input).expect("the program reads");
    Run::new(child.wait_with_output().expect("the program ends"))
}

/// An empty folder for the test of this name.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("the target folder is writable");
    path
}

/// A recording of the repository.
pub fn speech(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/speech").join(name)
}

/// The model that is part of the program.
pub fn model_of_the_program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../noctule/models/tiny.en-q5_0.bin")
}

/// A random model with weights in f16, one layer of this width on each side.
pub fn float_model(width: usize) -> Vec<u8> {
    use noctule_model::{Hparams, synthetic};
    let hparams = Hparams {
        n_audio_state: width,
        n_audio_head: 1,
        n_audio_layer: 1,
        n_text_state: width,
        n_text_head: 1,
        n_text_layer: 1,
        ..synthetic::Kind::En.hparams()
    };
    let header = synthetic::header(hparams).expect("a Whisper's dimensions");
    synthetic::model(&header, noctule_quant::GgmlType::F16, 1).expect("a float type")
}

/// A clip of 8.7 s: "It was the first great sorrow of his life …"
pub const SAMPLE: &str = "ls-1995-1837-0001.flac";

/// Its samples at 16 kHz.
pub fn sample() -> Vec<f32> {
    let options = noctule_audio::file::ReadOptions::default();
    noctule_audio::file::read(&speech(SAMPLE), &options).expect("the sample is there").samples
}

/// Writes 16-bit PCM at 16 kHz, channels side by side.
pub fn wav(path: &Path, channels: &[&[f32]]) {
    let bytes = noctule_audio::wav::to_bytes(channels, noctule_audio::SAMPLE_RATE);
    fs::write(path, bytes).expect("the target folder is writable");
}

/// Lower case, words only: what two engines should agree on.
pub fn words(text: &str) -> String {
    let letters: String = text.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A zip archive with one entry, as it is.
pub fn archive(name: &str, data: &[u8]) -> Vec<u8> {
    let mut common = vec![0; 12];
    common.extend((data.len() as u32).to_le_bytes());
    common.extend((data.len() as u32).to_le_bytes());
    common.extend((name.len() as u32).to_le_bytes());
    let local = [b"PK\x03\x04\x14\0", &common[..], name.as_bytes(), data].concat();
    let table = [b"PK\x01\x02\x14\0\x14\0", &common[..], &[0; 14], name.as_bytes()].concat();
    let (size, start) = ((table.len() as u32).to_le_bytes(), (local.len() as u32).to_le_bytes());
    [&local[..], &table, b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &size, &start, &[0; 2]].concat()
}

/// How often a test does what takes time: `usual` times, or as often as this variable of the environment says.
pub fn rounds(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |rounds| rounds.parse().expect("a number of rounds"))
}
