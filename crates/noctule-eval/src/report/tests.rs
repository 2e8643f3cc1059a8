//! Files of the made-up evaluation.

use super::*;
use crate::summary::summarize;
use crate::summary::tests::{Made, USUAL, evidence};

fn written(made: &[Made]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let evidence = evidence(made, 5);
    let summary = summarize(&evidence);
    let files = write(folder.path(), &evidence, &summary, &Options { embed_audio_bytes: 1 << 20 }).unwrap();
    (folder, files)
}

fn read(folder: &tempfile::TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

#[test]
fn all_files_are_there_and_whole() {
    let (folder, files) = written(&USUAL);
    let names: Vec<String> = files.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["report.html", "report.md", "cells.csv", "utterances.csv", "report.json"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "nothing half-written stays");
    let _: Summary = serde_json::from_str(&read(&folder, "report.json")).unwrap();
    let mut cells = csv::Reader::from_path(folder.path().join("cells.csv")).unwrap();
    let columns = cells.headers().unwrap().len();
    let rows: Vec<csv::StringRecord> = cells.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row.len() == columns));
    let mut utterances = csv::Reader::from_path(folder.path().join("utterances.csv")).unwrap();
    assert_eq!(utterances.records().count(), 3 * 12);
}

#[test]
fn the_verdict_is_one_sentence_with_the_facts() {
    let (folder, _) = written(&USUAL);
    let sentence =
        "On this board, run base-q4_k with 2 threads: 2.78 % of the words wrong, an hour in 96 s, 157 MB of memory.";
    assert!(read(&folder, "report.md").starts_with(&format!("# {sentence}\n")), "{}", read(&folder, "report.md"));
    let page = read(&folder, "report.html");
    assert!(page.contains(&format!("<h1>{sentence}</h1>")));
    assert!(page.contains("base is as good as far as can be told, and larger."));
    assert!(page.contains("noctule transcribe -m base-q4_k.bin -t 2 recording.wav"));
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let (folder, _) = written(&USUAL);
    let page = read(&folder, "report.html");
    for forbidden in ["http://", "https://", "src=\"//", "@import", "url("] {
        let allowed = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!allowed.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("default-src 'none'"));
    // Family headings, in the order of the usual table.
    let places = ["Base models", ">base-q2_k<", ">base-q4_k<", ">base<"].map(|text| page.find(text).unwrap());
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn texts_cannot_break_out_of_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut evidence = evidence(&USUAL, 2);
    let evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>";
    evidence.done.each(|outcome| {
        outcome.texts.iter_mut().for_each(|text| text.text = Some(evil.into()));
        outcome.tier = Some(evil.into());
    });
    evidence.plan.corpus.utterances[12].problem = Some(evil.into());
    let summary = summarize(&evidence);
    write(folder.path(), &evidence, &summary, &Options { embed_audio_bytes: 0 }).unwrap();
    let page = read(&folder, "report.html");
    assert!(!page.contains("alert(1)</script>") && !page.contains("<img"), "markup from a transcript");
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn recordings_are_in_the_page_as_far_as_they_fit() {
    let folder = tempfile::tempdir().unwrap();
    let mut evidence = evidence(&USUAL, 2);
    for (i, utterance) in evidence.plan.corpus.utterances.iter_mut().enumerate().take(3) {
        fs::create_dir_all(folder.path().join("audio")).unwrap();
        utterance.audio = format!("audio/u{i}.wav").into();
        fs::write(utterance.path(folder.path()), vec![7; 3000]).unwrap();
    }
    let summary = summarize(&evidence);
    write(folder.path(), &evidence, &summary, &Options { embed_audio_bytes: 9000 }).unwrap();
    let page = read(&folder, "report.html");
    assert_eq!(page.matches("data:audio/wav;base64,").count(), 2);
    assert!(["\"audio/u0.wav\"", "\"audio/u1.wav\"", "\"audio/u2.wav\""].iter().any(|link| page.contains(link)));
}

#[test]
fn an_evaluation_in_which_everything_failed_has_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let mut evidence = evidence(&USUAL, 2);
    evidence.done.each(|outcome| {
        (outcome.status, outcome.detail) = (crate::Status::Crashed, "signal 11".into());
        outcome.texts.clear();
    });
    let summary = summarize(&evidence);
    write(folder.path(), &evidence, &summary, &Options { embed_audio_bytes: 0 }).unwrap();
    let page = read(&folder, "report.html");
    assert!(page.contains("Nothing could be measured") && page.contains("signal 11"));
    assert!(terminal(&evidence, &summary).contains("crashed"));
}

#[test]
fn a_terminal_gets_a_table() {
    let evidence = evidence(&USUAL, 5);
    let text = terminal(&evidence, &summarize(&evidence));
    assert!(text.starts_with("On this board, run base"), "{text}");
    assert!(
        text.lines().any(|line| line.contains("base-q2_k") && line.contains("1 thread") && line.ends_with("ok")),
        "{text}"
    );
}
