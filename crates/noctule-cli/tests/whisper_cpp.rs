//! whisper.cpp's JSON shapes and ways to ask for files, against what its own program wrote.
#![cfg(feature = "embedded-model")]

mod common;

use common::{SAMPLE, folder, program, speech, transcribe, words};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The recording that both programs read, greedily: whisper.cpp's beam search is random.
const CLIP: &str = "lj-LJ001-0029.flac";

/// What `whisper-cli` (commit 233fe1fc) wrote of it with the same model, `-oj` or `-ojf`.
fn stock_text(option: &str) -> String {
    let name = format!("../../testdata/whisper-cli/lj-LJ001-0029.{option}.json");
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn stock(option: &str) -> Value {
    serde_json::from_str(&stock_text(option)).unwrap()
}

fn ours_text(format: &str) -> String {
    transcribe(&format!("--quiet -l en --beam-size 1 -f {format}"), &[speech(CLIP)]).success()
}

fn ours(format: &str) -> Value {
    serde_json::from_str(&ours_text(format)).unwrap()
}

/// Indentation and keys, line by line, up to the end of the first segment, or of its first token.
fn skeleton(text: &str) -> Vec<&str> {
    let end = text.find("\t\t},").or(text.find("\t\t\t\t},")).unwrap();
    text[..end].lines().map(|line| line.split_once("\":").map_or(line, |(key, _)| key)).collect()
}

/// Same keys, same types, down to the leaves; of lists the elements' own.
#[track_caller]
fn same_shape(ours: &Value, stock: &Value, path: &str) {
    match (ours, stock) {
        (Value::Object(a), Value::Object(b)) => {
            let (a_keys, b_keys): (Vec<_>, Vec<_>) = (a.keys().collect(), b.keys().collect());
            assert_eq!(a_keys, b_keys, "{path}");
            a.iter().for_each(|(key, value)| same_shape(value, &b[key], &format!("{path}.{key}")));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert!(!a.is_empty() && !b.is_empty(), "{path}");
            a.iter().for_each(|value| same_shape(value, &b[0], &format!("{path}[]")));
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_)) => {}
        _ => panic!("{path}: {ours} and {stock}"),
    }
}

fn offset(value: &Value, end: &str) -> i64 {
    value["offsets"][end].as_i64().unwrap()
}

fn close(ours: &Value, stock: &Value, most: i64) {
    for end in ["from", "to"] {
        let (a, b) = (offset(ours, end), offset(stock, end));
        assert!((a - b).abs() <= most, "{a} and {b} ms: {ours} {stock}");
        let text = ours["timestamps"][end].as_str().unwrap();
        let clock =
            |ms: i64| format!("{:02}:{:02}:{:02},{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
        assert_eq!(text, clock(a));
    }
}

#[test]
fn both_shapes_are_whisper_cpps() {
    for (format, option) in [("wcpp-json", "oj"), ("wcpp-json-full", "ojf")] {
        let (ours, stock) = (ours(format), stock(option));
        same_shape(&ours, &stock, format);
        assert_eq!(ours["model"], stock["model"]);
        assert_eq!(ours["params"]["language"], stock["params"]["language"]);
        assert_eq!(ours["params"]["translate"], stock["params"]["translate"]);
        assert_eq!(ours["result"], stock["result"]);
        let (a, b) = (ours["transcription"].as_array().unwrap(), stock["transcription"].as_array().unwrap());
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!(a["text"].as_str().unwrap().starts_with(' '));
            assert_eq!(words(a["text"].as_str().unwrap()), words(b["text"].as_str().unwrap()));
            close(a, b, 300);
        }
    }
}

#[test]
fn lines_keys_and_their_order_are_whisper_cpps() {
    let (ours, stock) = (ours_text("wcpp-json"), stock_text("oj"));
    assert_eq!(skeleton(&ours), skeleton(&stock));
    let (ours, stock) = (ours_text("wcpp-json-full"), stock_text("ojf"));
    assert_eq!(skeleton(&ours), skeleton(&stock));
}

#[test]
fn tokens_are_whisper_cpps_without_marks() {
    for word_timestamps in [false, true] {
        let format = format!("wcpp-json-full{}", if word_timestamps { " --word-timestamps" } else { "" });
        let (ours, stock) = (ours(&format), stock("ojf"));
        for (a, b) in ours["transcription"].as_array().unwrap().iter().zip(stock["transcription"].as_array().unwrap()) {
            let text = |token: &&Value| !token["text"].as_str().unwrap().starts_with("[_");
            let b: Vec<&Value> = b["tokens"].as_array().unwrap().iter().filter(text).collect();
            let a = a["tokens"].as_array().unwrap();
            let ids = |list: &[&Value]| list.iter().map(|token| token["id"].as_u64().unwrap()).collect::<Vec<_>>();
            assert_eq!(ids(&a.iter().collect::<Vec<_>>()), ids(&b));
            for (a, b) in a.iter().zip(b) {
                assert_eq!(a["text"], b["text"]);
                // Times by attention come within what the heuristic of the other program allows.
                close(a, b, 1000);
                let p = a["p"].as_f64().unwrap();
                assert!((p - b["p"].as_f64().unwrap()).abs() < 0.05, "{a} {b}");
                let dtw = a["t_dtw"].as_i64().unwrap();
                assert_eq!(dtw, if word_timestamps { offset(a, "from") / 10 } else { -1 });
            }
        }
    }
}

#[test]
fn files_lie_beside_the_audio_as_whisper_cli_puts_them() {
    let folder = folder("beside");
    let audio = folder.join("talk.flac");
    fs::copy(speech(SAMPLE), &audio).unwrap();
    let short = "-np -bs 1 -nf -t 2 -otxt -osrt -ovtt -olrc -ocsv -oj -ojf";
    assert_eq!(transcribe(short, &[&audio]).success(), "");
    for ending in ["txt", "srt", "vtt", "lrc", "csv", "json"] {
        let text = fs::read_to_string(folder.join(format!("talk.flac.{ending}"))).expect(ending);
        assert!(!text.is_empty());
        assert_eq!(text.contains("\"tokens\""), ending == "json", "the full shape wins");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 7);
    let named = folder.join("named");
    transcribe(&format!("-np --duration 1 -osrt -of {}", named.display()), &[&audio]).success();
    assert!(folder.join("named.srt").exists());
}

#[test]
fn one_name_for_each_recording() {
    let audio = speech(SAMPLE);
    let mut command = program();
    command.args(["transcribe", "-of", "a"]).args([&audio, &speech("dishes.flac")]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 --output-file for 2 recordings"));
}
