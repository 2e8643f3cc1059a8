//! Every kind of bad input with the exit code and the message that it gets.
//! The table is also a document: docs/ERRORS.md, which `NOCTULE_BLESS=1` writes anew.
#![cfg(all(unix, feature = "embedded-model"))]

mod common;

use common::{SAMPLE, float_model, folder, model_of_the_program, program, sample, speech, wav};
use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Output;

const SONG: &str = "../noctule-audio/tests/data/tone-16000-mono.m4a";

/// What is wrong.
enum What {
    /// Words behind `noctule transcribe`, in a folder that [`make_files`] fills.
    Words(&'static str),
    /// Words of another command.
    Command(&'static str),
    /// A variable, its value, and words behind `noctule transcribe`.
    Variable(&'static str, &'static str, &'static str),
    /// The text of a configuration file, used for `a.wav`.
    Config(&'static str),
    /// Words behind `noctule transcribe`, with standard output on a disk that is full.
    FullDisk(&'static str),
}
use What::{Command, Config, FullDisk, Variable, Words};

/// What, exit code, and what the message must say.
type Case = (What, i32, &'static str);

const QUANTIZE: &[Case] = &[
    (Command("quantize"), 2, "<MODEL>"),
    (Command("quantize float.bin"), 2, "<TYPE>"),
    (Command("quantize float.bin q4k"), 2, "did you mean 'q4_k'?"),
    (Command("quantize float.bin zzz"), 2, "the types are f16, bf16, q8_0"),
    (Command("quantize float.bin iq4_s"), 2, "iq4_xs (4.25 bits)"),
    (Command("quantize float.bin q8_1"), 2, "not made here"),
    (Command("quantize float.bin out.bin q9_0"), 2, "did you mean"),
    (Command("quantize -o out float.bin out.bin q8_0"), 2, "--output-dir"),
    (Command("quantize --threads 0 float.bin q8_0"), 2, "1..=256"),
    (Command("quantize base q8_0"), 1, "noctule models pull base"),
    (Command("quantize nowhere.bin q8_0"), 1, "there is no model file 'nowhere.bin'"),
    (Command("quantize text.bin q8_0"), 1, "ggml"),
    (Command("quantize quantised.bin q8_0"), 1, "are q5_0 already"),
    (Command("quantize float.bin float.bin q8_0"), 1, "the model itself"),
    (Command("quantize there.bin q8_0"), 1, "--overwrite"),
    (Command("quantize -o text.bin float.bin q8_0"), 1, "cannot make the folder 'text.bin'"),
    (Command("quantize float.bin missing/out.bin q8_0"), 1, "missing/out.bin"),
    (Command("quantize float.bin . q8_0"), 1, "directory"),
    (Command("quantize float.bin --target-bpw 0"), 2, "above 0"),
    (Command("quantize float.bin --target-bpw 4"), 2, "--audio"),
    (Command("quantize float.bin --target-bpw 4 --target-size 9"), 2, "cannot be used with"),
    (Command("quantize float.bin --target-bpw 4 --sensitivity text.bin"), 1, "no file of sensitivity"),
    (Command("quantize float.bin q8_0 --imatrix text.bin"), 1, "noctule imatrix"),
    (Command("quantize float.bin q8_0 --report"), 2, "--audio"),
    (Command("quantize --compare float.bin quantised.bin --audio a.wav"), 1, "was not made from"),
    (Command("imatrix"), 2, "--audio"),
    (Command("imatrix float.bin -o x.imatrix"), 2, "--audio"),
    (Command("imatrix quantised.bin -o x.imatrix --audio a.wav"), 1, "are q5_0 already"),
    (Command("imatrix float.bin -o x.imatrix --audio nothing.wav"), 1, "nothing.wav"),
    (Command("imatrix float.bin -o x.imatrix --audio text.jsonl"), 1, "line 1"),
    (Command("imatrix --show text.bin"), 1, "noctule imatrix"),
];

const LISTEN: &[Case] = &[
    (Command("listen --policy agree"), 2, "local-agreement"),
    (Command("listen --recorder sox"), 2, "pw-record, arecord"),
    (Command("listen --pcm s16le:16000:1"), 2, "AUDIO"),
    (Command("listen --speakers --pcm s16le:16000:1 a.wav"), 2, "two channels"),
    (Command("listen --simulate"), 2, "AUDIO"),
    (Command("listen --step 0 a.wav"), 2, "greater than 0"),
    (Command("listen --device mic a.wav"), 2, "cannot be used with"),
    (Command("listen -q --language de a.wav"), 2, "English only"),
    (Command("listen -q --translate a.wav"), 2, "cannot translate"),
    (Command("listen -q -m base a.wav"), 1, "noctule models pull base"),
    (Command("listen -q --vad-model text.wav a.wav"), 1, "text.wav"),
    (Command("listen -q --simulate missing.wav"), 1, "missing.wav"),
    (Command("listen -q --simulate --speakers a.wav"), 1, "one channel"),
    (Command("listen -q text.wav"), 1, "text.wav"),
    (Command("listen -q -"), 1, "standard input"),
    (Command("listen -q --simulate silence.wav"), 0, ""),
];

const WRONG_USAGE: &[Case] = &[
    (Command(""), 2, "Usage:"),
    (Command("transcrib a.wav"), 2, "'transcribe'"),
    (Command("--json"), 2, "--version"),
    (Command("whisper-cli -owts a.wav"), 2, "karaoke"),
    (Command("whisper-cli --beam a.wav"), 2, "did you mean '--beam-size'?"),
    (Command("whisper-cli -p 4 a.wav"), 2, "only 1"),
    (Command("whisper-cli -np"), 2, "no input files"),
    (Command("whisper-bench -w 1"), 2, "only 0"),
    (Words(""), 2, "<AUDIO>"),
    (Words("--beam-sise 5 a.wav"), 2, "'--beam-size'"),
    (Words("--langauge de a.wav"), 2, "'--language'"),
    (Words("-x a.wav"), 2, "'-x'"),
    (Words("a.wav --threads"), 2, "a value is required"),
    (Words("--threads two a.wav"), 2, "invalid digit"),
    (Words("--threads 0 a.wav"), 2, "1..=256"),
    (Words("--threads -1 a.wav"), 2, "--threads"),
    (Words("--language klingon a.wav"), 2, "no such language"),
    (Words("--language germn a.wav"), 2, "did you mean 'german'?"),
    (Words("--beam-size 65 a.wav"), 2, "1..=64"),
    (Words("--temperature 1.5 a.wav"), 2, "from 0 to 1"),
    (Words("--temperature-inc 0.001 a.wav"), 2, "0.01"),
    (Words("--patience 0 a.wav"), 2, "greater than 0"),
    (Words("--offset -1 a.wav"), 2, "hh:mm:ss"),
    (Words("--offset 1:99 a.wav"), 2, "hh:mm:ss"),
    (Words("--duration 0 a.wav"), 2, "greater than 0"),
    (Words("--audio-ctx 1501 a.wav"), 2, "1500"),
    (Words("--precision exact a.wav"), 2, "accurate, fast"),
    (Words("--seed x a.wav"), 2, "--seed"),
    (Words("--max-line-width 0 a.wav"), 2, "1..=1000"),
    (Words("--max-cps 0 a.wav"), 2, "17 is usual"),
    (Words("--memory-limit lots a.wav"), 2, "500M"),
    (Words("--format docx a.wav"), 2, "srt"),
    (Words("--format tst a.wav"), 2, "'tsv'"),
    (Words("-f a.wav"), 2, "give audio files without an option"),
    (Words("--format srt,vtt a.wav"), 2, "--output-dir"),
    (Words("--format srt a.wav silence.wav"), 2, "--output-dir"),
    (Words("--format srt --json a.wav"), 2, "--output-dir"),
    (Words("-f json,wcpp-json -o out a.wav"), 2, "both written as .json"),
    (Words("-o out one/a.wav two/a.wav"), 2, "both be written to out/a.wav.txt"),
    (Words("-f wcpp-json -o . talk.json"), 2, "would replace the audio"),
    (Words("-o out --output-file x a.wav"), 2, "exclude each other"),
    (Words("--output-file x a.wav silence.wav"), 2, "1 --output-file for 2"),
    (Words("--skip-existing a.wav"), 2, "--output-dir"),
    (Words("- -"), 2, "standard input"),
    (Words("--diarize --tinydiarize a.wav"), 2, "exclude each other"),
    (Words("--vad-threshold 0.5 a.wav"), 2, "needs --vad"),
    (Words("--carry-prompt a.wav"), 2, "needs --prompt"),
    (Words("--suppress-regex ( a.wav"), 2, "unclosed group"),
    (Words("--grammar root::=x a.wav"), 2, "--grammar"),
    (Words("--grammar bad.gbnf a.wav"), 2, "--grammar"),
    (Words("--grammar good.gbnf --grammar-rule other a.wav"), 2, "other"),
    (Words("-ot 500 a.wav"), 2, "--offset TIME"),
    (Words("-d 5000 a.wav"), 2, "--duration TIME"),
    (Words("--language de a.wav"), 2, "English only"),
    (Words("--translate a.wav"), 2, "cannot translate"),
    (Variable("NOCTULE_THREADS", "many", "a.wav"), 2, "NOCTULE_THREADS: the value 'many'"),
    (Variable("NOCTULE_VAD", "perhaps", "a.wav"), 2, "NOCTULE_VAD"),
    (Variable("NOCTULE_CPU", "mmx", "a.wav"), 2, "scalar"),
    (Config("thread = 2"), 2, "config.toml:1: there is no option 'thread'; did you mean 'threads'?"),
    (Config("# mine\nlanguage = \"germn\""), 2, "config.toml:2: language"),
    (Config("vad = \"yes\""), 2, "write true or false"),
    (Config("threads = = 2"), 2, "not TOML"),
];

const MODELS: &[Case] = &[
    (Command("models pull tny"), 2, "did you mean 'tiny'?"),
    (Command("models pull ../x"), 2, "cannot be the name"),
    (Command("models pull base:q4k"), 2, "did you mean 'q4_k'?"),
    (Command("models pull base-q4_k"), 2, "pull base:q4_k"),
    (Command("models pull base --offline"), 1, "--from"),
    (Command("models pull base --from one"), 1, "no ggml-base.bin in one"),
    (Command("models verify base"), 1, "noctule models pull base"),
    (Command("models rm base"), 1, "not installed"),
    (Command("models info missing.bin"), 1, "missing.bin"),
    (Command("models convert text.wav --name x"), 1, "text.wav"),
    (Command("models convert one --name x"), 1, "model.safetensors"),
    (Command("models convert missing.pt"), 1, "no checkpoint"),
    (Command("models convert evil.pt --name x"), 1, "posix.system"),
    (Words("-m base a.wav"), 1, "there is no model file 'base'"),
    (Words("-m one a.wav"), 1, "directory"),
    (Words("-m text.wav a.wav"), 1, "text.wav"),
    (Words("-m empty.wav a.wav"), 1, "empty.wav"),
    (Words("-m cut.bin a.wav"), 1, "too early"),
    (Words("-m gguf.bin a.wav"), 1, "gguf.bin"),
    (Words("-m absurd.bin a.wav"), 1, "absurd.bin"),
    (Words("--vad --vad-model missing.bin a.wav"), 1, "missing.bin"),
    (Words("--vad --vad-model text.wav a.wav"), 1, "text.wav"),
    (Words("--memory-limit 10M a.wav"), 1, "10 MB are free"),
];

const EVAL: &[Case] = &[
    (Command("eval --threads 0"), 2, "--threads: '0' is neither a number nor a range"),
    (Command("eval --beam-size 4-1"), 2, "write the smaller number first"),
    (Command("eval --types q4k"), 2, "did you mean 'q4_k'?"),
    (Command("eval tiny..huge"), 2, "'huge' is none of tiny"),
    (Command("eval --tasks beauty"), 2, "accuracy, timing, divergence"),
    (Command("eval --budget soon"), 2, "--budget"),
    (Command("eval --resume out --types q8_0"), 2, "cannot be used with"),
    (Command("eval --engine bad.gbnf"), 2, "bad.gbnf: TOML"),
    (Command("eval --engine noctule,noctule"), 2, "two engines are called 'noctule'"),
    (Command("eval --engine missing.toml"), 1, "cannot read missing.toml"),
    (Command("eval --audio missing"), 1, "cannot read missing"),
    (Command("eval --audio nothing"), 1, "nothing: there is no audio in it"),
    (Command("eval --audio text.jsonl"), 1, "text.jsonl, line 1"),
    (Command("eval --resume nothing"), 1, "nothing/journal.jsonl"),
    (Command("eval --report text.jsonl"), 1, "no journal of an evaluation"),
    (Command("listen --audio-ctx auto --simulate a.wav"), 2, "give a number or 'full'"),
    (Command("recommend cheap --from nothing"), 2, "'cheap' is not understood"),
    (Command("recommend --from nothing"), 1, "nothing/journal.jsonl"),
    (Command("compare nothing"), 2, "<CANDIDATE>"),
    (Command("compare nothing nothing --only beauty"), 2, "words, time, memory"),
    (Command("compare nothing nothing --words few"), 2, "--words"),
    (Command("compare nothing nothing"), 1, "nothing/journal.jsonl"),
    (Command("compare nothing@base nothing"), 1, "nothing/journal.jsonl"),
];

const AUDIO: &[Case] = &[
    (Words("missing.wav"), 1, "missing.wav"),
    (Words("text.wav"), 1, "text.wav"),
    (Words("empty.wav"), 1, "empty.wav"),
    (Words("header.wav"), 1, "header.wav"),
    (Words("no-channel.wav"), 1, "no-channel.wav"),
    (Words("rate-0.wav"), 1, "rate-0.wav"),
    (Words("no-sample.wav"), 1, "no audio samples"),
    (Words("dangling.wav"), 1, "dangling.wav"),
    (Words("loop.wav"), 1, "loop.wav"),
    (Words("nothing"), 1, "no audio in the folder nothing"),
    (Words("*.ogg"), 1, "no file matches '*.ogg'"),
    (Words("-"), 1, "standard input"),
    (Words("cut.flac"), 1, "cut.flac"),
    (Words("bought.m4a"), 1, "protected against copying"),
    (Words("--offset 1:00 a.wav"), 1, "offset"),
    (Words("--diarize a.wav"), 1, "stereo"),
    (Words("missing.wav a.wav"), 1, "missing.wav"),
    (Words("{not UTF-8}.wav"), 1, "does-not-exist-"),
    (Words("{new line}.wav"), 1, "does\\nnot exist.wav"),
    (Words("--grammar missing.gbnf a.wav"), 1, "missing.gbnf"),
    (Words("--config missing.toml a.wav"), 1, "missing.toml"),
];

const OUTPUT: &[Case] = &[
    (Words("-o a.wav/out a.wav"), 1, "cannot make the folder a.wav/out"),
    (Words("-o in-the-way a.wav"), 1, "in-the-way/a.txt"),
    (FullDisk("--json a.wav"), 1, "No space left"),
    (FullDisk("-f srt words.wav"), 1, "No space left"),
];

const FINE: &[Case] = &[
    (Words("a.wav"), 0, ""),
    (Words("silence.wav"), 0, ""),
    (Words("one-sample.wav"), 0, ""),
    (Words("{a blank}.wav"), 0, ""),
    (Words("--duration 1000000 a.wav"), 0, ""),
];

/// 16-bit PCM whose header says what it likes.
fn odd_wav(channels: u16, rate: u32) -> Vec<u8> {
    let mut bytes = b"RIFF\x34\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * 2).to_le_bytes());
    bytes.extend([2, 0, 16, 0]);
    bytes.extend(b"data\x10\0\0\0");
    bytes.extend([0; 16]);
    bytes
}

/// The files that the cases name.
fn make_files(folder: &Path) {
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    let quiet = vec![0.0; 16_000];
    for name in ["a.wav", "silence.wav", "a blank.wav"] {
        wav(&folder.join(name), &[&quiet]);
    }
    wav(&folder.join("one-sample.wav"), &[&[0.25]]);
    wav(&folder.join("no-sample.wav"), &[&[]]);
    wav(&folder.join("words.wav"), &[&sample()[..48_000]]);
    write("text.wav", b"this is no audio, whatever its name says\n");
    write("empty.wav", b"");
    write("header.wav", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\0\0");
    write("no-channel.wav", &odd_wav(0, 16_000));
    write("rate-0.wav", &odd_wav(1, 0));
    let flac = fs::read(speech(SAMPLE)).unwrap();
    write("cut.flac", &flac[..flac.len() * 9 / 10]);
    write("talk.json", &flac);
    // The mark of a song from a shop in place of that of plain AAC.
    let mut song = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(SONG)).unwrap();
    let mark = song.windows(4).position(|bytes| bytes == b"mp4a").unwrap();
    song[mark..mark + 4].copy_from_slice(b"drms");
    write("bought.m4a", &song);
    write("bad.gbnf", b"root ::= \"a\" |\nroot ::= (\n");
    write("good.gbnf", b"root ::= \"a\"\n");
    let mut model = fs::read(model_of_the_program()).unwrap()[..1_000_000].to_vec();
    write("cut.bin", &model);
    model[4..8].copy_from_slice(&(-1i32).to_le_bytes());
    write("absurd.bin", &model);
    write("evil.pt", &common::archive("archive/data.pkl", b"\x80\x02cposix\nsystem\n(X\x02\0\0\0ls" as &[u8]));
    write("gguf.bin", b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    write("text.bin", b"this is no model\n");
    write("text.jsonl", b"this is no manifest\n");
    for name in ["float.bin", "there.bin", "there-q8_0.bin"] {
        write(name, &float_model(16));
    }
    let quantised = fs::canonicalize(model_of_the_program()).unwrap();
    std::os::unix::fs::symlink(quantised, folder.join("quantised.bin")).unwrap();
    for name in ["one", "two", "nothing", "in-the-way/a.txt"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    std::os::unix::fs::symlink("nowhere.wav", folder.join("dangling.wav")).unwrap();
    std::os::unix::fs::symlink("loop.wav", folder.join("loop.wav")).unwrap();
}

/// A word of a case as it is passed on; what a table cannot hold stands in braces.
fn word(text: &str) -> OsString {
    match text {
        "{not UTF-8}.wav" => OsString::from_vec(b"does-not-exist-\xff.wav".to_vec()),
        "{new line}.wav" => "does\nnot exist.wav".into(),
        "{a blank}.wav" => "a blank.wav".into(),
        other => other.into(),
    }
}

/// Blanks separate words, but not inside braces.
fn split(text: &str) -> Vec<OsString> {
    let mut words: Vec<String> = Vec::new();
    for part in text.split_whitespace() {
        match words.last_mut().filter(|last| last.contains('{') && !last.contains('}')) {
            Some(last) => *last = format!("{last} {part}"),
            None => words.push(part.into()),
        }
    }
    words.iter().map(|text| word(text)).collect()
}

fn run(what: &What, folder: &Path) -> Output {
    let mut command = program();
    command.current_dir(folder);
    let (words, verb) = match what {
        Command(words) => (words, false),
        Words(words) | FullDisk(words) => (words, true),
        Variable(name, value, words) => {
            command.env(name, value);
            (words, true)
        }
        Config(text) => {
            fs::write(folder.join("config.toml"), text).unwrap();
            (&"--config config.toml a.wav", true)
        }
    };
    command.args(if verb { &["transcribe", "--quiet"][..] } else { &[] });
    if let FullDisk(_) = what {
        command.stdout(File::options().write(true).open("/dev/full").unwrap());
    }
    command.args(split(words)).output().unwrap()
}

/// How a person would write the case.
fn shown(what: &What) -> String {
    match what {
        Command(words) => format!("`noctule {words}`").replace(" `", "`"),
        Words(words) => format!("`{words}`"),
        FullDisk(words) => format!("`{words} > /dev/full`"),
        Variable(name, value, words) => format!("`{name}={value}` `{words}`"),
        Config(text) => format!("config.toml: `{}`", text.lines().last().unwrap()),
    }
}

/// Errors, tips and warnings of one run, each on its line.
fn messages(stderr: &str) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for line in stderr.lines() {
        let text = line.trim();
        if text.starts_with("error: ") || text.starts_with("warning: ") || text.starts_with("tip: ") {
            kept.push(text.into());
        } else if text.starts_with("[possible values: ") || text.starts_with('<') {
            let last = kept.last_mut().expect("a list follows an error");
            last.push_str(&format!(" {text}"));
        }
    }
    kept
}

/// Runs the cases; returns what went otherwise.
fn section(title: &str, cases: &[Case], folder: &Path, document: &mut String) -> Vec<String> {
    let mut wrong = Vec::new();
    let _ = write!(document, "\n## {title}\n\n| given | exit code | message |\n|---|---|---|\n");
    for (what, code, needle) in cases {
        let output = run(what, folder);
        let stderr = String::from_utf8(output.stderr).expect("messages are UTF-8");
        let name = shown(what);
        let plain = |line: &str| line.starts_with("error: ") || line.starts_with("warning: ");
        let as_expected = output.status.code() == Some(*code)
            && stderr.contains(needle)
            && !stderr.contains("panicked")
            && (*code == 2 || stderr.lines().all(plain));
        if !as_expected {
            wrong.push(format!("{name}: not {code} and '{needle}' but {}: {stderr}", output.status));
        }
        let escape = |text: String| text.replace('|', "\\|").replace('<', "\\<").replace('*', "\\*");
        let lines: Vec<String> = messages(&stderr).into_iter().map(of_any_processor).map(escape).collect();
        let message = if lines.is_empty() && *code == 0 { "(empty text)".into() } else { lines.join("<br>") };
        let _ = writeln!(document, "| {} | {code} | {message} |", name.replace('|', "\\|"));
    }
    wrong
}

/// A message without the names of the tiers that only some processors have.
fn of_any_processor(message: String) -> String {
    match message.split_once("NOCTULE_CPU may be scalar") {
        Some((before, _)) => format!("{before}NOCTULE_CPU may be scalar, … here"),
        None => message,
    }
}

#[test]
fn bad_input_gets_one_clear_message() {
    let folder = folder("bad input");
    make_files(&folder);
    let mut document = String::from(
        "# Bad input and what it gets\n\n\
         Made by the test `errors` of `noctule-cli`, which gives each of these to the program. Words stand behind \
         `noctule transcribe --quiet`. Exit codes: 0 done, 1 the work failed (other files of the batch are done), \
         2 wrong usage.\n",
    );
    let sections = [
        ("Wrong usage", WRONG_USAGE),
        ("Models", MODELS),
        ("Evaluation", EVAL),
        ("Audio", AUDIO),
        ("Output", OUTPUT),
        ("No error", FINE),
        ("Quantising", QUANTIZE),
        ("Listening", LISTEN),
    ];
    assert!(sections.iter().map(|(_, cases)| cases.len()).sum::<usize>() >= 90);
    let mut wrong = Vec::new();
    for (title, cases) in sections {
        wrong.extend(section(title, cases, &folder, &mut document));
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ERRORS.md");
    if std::env::var_os("NOCTULE_BLESS").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(document, recorded, "docs/ERRORS.md differs; if that is meant, run with NOCTULE_BLESS=1");
}

#[test]
fn a_file_that_may_not_be_read_is_exit_code_1() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("locked");
    let locked = folder.join("locked.wav");
    wav(&locked, &[&[0.0; 100]]);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&locked).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    let output = program().args(["transcribe", "-q"]).arg(&locked).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("locked.wav") && stderr.contains("Permission denied"), "{stderr}");
}

/// The program with files in `folder`, where a file system of 64 KB is mounted in a name space of its own.
fn on_a_small_disk(folder: &Path, script: &str) -> Output {
    let mounted = format!("mount -t tmpfs -o size=64k none '{0}' && cd '{0}' || exit 77; {script}", folder.display());
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mounted]);
    command.env("NOCTULE", env!("CARGO_BIN_EXE_noctule")).env("SAMPLE", speech(SAMPLE)).env("NOCTULE_CONFIG", "");
    command.env("TMPDIR", folder).output().unwrap_or_else(|error| panic!("unshare: {error}"))
}

#[test]
fn a_full_disk_keeps_whole_files_only() {
    let folder = folder("small disk");
    let script = "head -c 200000 /dev/zero > fill 2> /dev/null; truncate -s 61440 fill; \
        $NOCTULE transcribe -q --no-config --beam-size 1 -f txt,json -o out $SAMPLE; code=$?; \
        $NOCTULE transcribe -q --no-config --pcm s16le:16000:1 - < $NOCTULE; echo $code $?; ls -A . out";
    let output = on_a_small_disk(&folder, script);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(77) || stderr.contains("unshare") {
        eprintln!("skipped: no file system may be mounted here: {stderr}");
        return;
    }
    // The short text fits beside what fills the disk, the JSON and the spooled input do not.
    assert_eq!(stdout.split_whitespace().collect::<Vec<_>>().join(" "), "1 1 .: fill out out: ls-1995-1837-0001.txt");
    let lines: Vec<&str> = stderr.lines().collect();
    let json = "error: cannot write out/ls-1995-1837-0001.json: No space left on device (os error 28)";
    assert!(lines.len() == 2 && lines[0].starts_with(json), "{stderr}");
    assert!(lines[1].starts_with("error: cannot keep standard input in a temporary file"), "{stderr}");
}
