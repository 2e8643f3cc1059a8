//! What the page's script works with: rows for budgets and plots, texts for the recordings.

use crate::corpus::Utterance;
use crate::plan::Task;
use crate::recommend::{Candidate, candidates};
use crate::report::{Material, command, describe};
use crate::statistics::Interval;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

#[derive(Serialize)]
struct Data {
    points: Vec<Point>,
    /// `worse[a][b]`: b has more errors than a, and not by accident.
    worse: Vec<Vec<bool>>,
    texts: Vec<Texts>,
    utterances: Vec<Spoken>,
}

/// A candidate for a budget.
#[derive(Serialize)]
struct Point {
    row: usize,
    name: String,
    family: String,
    engine: String,
    label: String,
    errors: Option<[f64; 3]>,
    factor: Option<[f64; 3]>,
    hour: Option<[f64; 3]>,
    /// What limits are compared with, and what was measured.
    memory: Option<u64>,
    peak: Option<u64>,
    file: u64,
    joules: Option<f64>,
    tie: Option<usize>,
    command: String,
}

/// The texts of one accuracy cell.
#[derive(Serialize)]
struct Texts {
    name: String,
    /// Whether it is a float model, which is what others are compared with.
    float: bool,
    /// By the recording: raw text, counted words, operations.
    of: BTreeMap<usize, (Option<String>, String, String)>,
}

/// A recording.
#[derive(Serialize)]
struct Spoken {
    id: String,
    speaker: Option<String>,
    seconds: f64,
    /// Words of the reference as they were counted.
    words: String,
    /// A data URI, or a path.
    audio: Option<String>,
}

/// The JSON for a script element.
pub(super) fn json(material: &Material) -> String {
    let all = candidates(&material.summary.rows, &material.ties);
    let data = Data {
        points: all.iter().map(|candidate| point(material, candidate)).collect(),
        worse: material.ties.worse.clone(),
        texts: texts(material),
        utterances: utterances(material),
    };
    // Nothing in it may end the element or begin a comment.
    serde_json::to_string(&data).unwrap_or_else(|_| "{}".into()).replace('<', "\\u003c")
}

fn point(material: &Material, candidate: &Candidate) -> Point {
    let row = &material.summary.rows[candidate.row];
    let three = |interval: Option<Interval>| interval.map(|i| [i.estimate, i.low, i.high]);
    let short = row.model.strip_prefix(&row.family).map(|rest| rest.trim_start_matches('-')).filter(|s| !s.is_empty());
    Point {
        row: candidate.row,
        name: describe(candidate),
        family: row.family.clone(),
        engine: row.engine.clone(),
        label: short.unwrap_or(&row.weights).to_owned(),
        errors: three(candidate.error_rate),
        factor: three(candidate.real_time_factor),
        hour: three(candidate.hour_s),
        memory: candidate.memory_bytes,
        peak: candidate.peak_bytes,
        file: candidate.file_bytes,
        joules: candidate.joules,
        tie: candidate.tie,
        command: command(candidate),
    }
}

fn texts(material: &Material) -> Vec<Texts> {
    let plan = &material.evidence.plan;
    let cells = plan.cells.iter().filter(|cell| cell.task == Task::Accuracy);
    let named = cells.map(|cell| {
        let model = plan.models.iter().find(|model| model.name == cell.model);
        let scores = material.scores.cell(&cell.id);
        let spoken = scores.iter().filter(|score| plan.corpus.utterances[score.utterance].is_scored());
        let settings = crate::engine::Settings { threads: None, ..cell.settings.clone() }.to_string();
        let parts = [cell.model.clone(), settings, cell.engine.clone()];
        Texts {
            name: parts.into_iter().filter(|part| !part.is_empty() && part != "noctule").collect::<Vec<_>>().join(", "),
            float: model.is_some_and(|model| ["f16", "f32", "bf16"].contains(&model.weights.as_str())),
            of: spoken.map(|s| (s.utterance, (s.text.clone(), s.words.join(" "), s.operations.clone()))).collect(),
        }
    });
    named.filter(|texts| !texts.of.is_empty()).collect()
}

fn utterances(material: &Material) -> Vec<Spoken> {
    let all = &material.evidence.plan.corpus.utterances;
    let embedded = embedded(material, &heard_differently(material));
    let spoken = all.iter().enumerate().map(|(index, utterance)| Spoken {
        id: utterance.id.clone(),
        speaker: utterance.speaker.clone(),
        seconds: (utterance.duration_s * 10.0).round() / 10.0,
        words: material.scores.references.get(&index).map(|words| words.join(" ")).unwrap_or_default(),
        audio: embedded.get(&index).cloned().or_else(|| link(material.folder, utterance)),
    });
    spoken.collect()
}

/// Recordings in the order in which somebody will want to hear them: those with most errors over all cells first.
fn heard_differently(material: &Material) -> Vec<usize> {
    let mut errors: BTreeMap<usize, u64> = BTreeMap::new();
    for cell in material.evidence.plan.cells.iter().filter(|cell| cell.task == Task::Accuracy) {
        for score in material.scores.cell(&cell.id) {
            *errors.entry(score.utterance).or_default() += score.counts.errors();
        }
    }
    let mut order: Vec<(usize, u64)> = errors.into_iter().collect();
    order.sort_by_key(|(index, errors)| (std::cmp::Reverse(*errors), *index));
    order.into_iter().map(|(index, _)| index).collect()
}

/// Kinds of files that browsers play.
const PLAYED: [(&str, &str); 9] = [
    ("wav", "audio/wav"),
    ("flac", "audio/flac"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("oga", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("m4a", "audio/mp4"),
    ("webm", "audio/webm"),
    ("aac", "audio/aac"),
];

fn kind(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_string_lossy().to_lowercase();
    PLAYED.iter().find(|(name, _)| *name == ending).map(|(_, kind)| *kind)
}

/// Recordings as data URIs, as many as fit.
fn embedded(material: &Material, order: &[usize]) -> BTreeMap<usize, String> {
    let mut left = material.options.embed_audio_bytes;
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for index in order.iter().filter(|index| seen.insert(**index)) {
        let utterance = &material.evidence.plan.corpus.utterances[*index];
        let path = utterance.path(material.folder);
        let Some(kind) = kind(&path).filter(|_| utterance.is_scored()) else { continue };
        // Four letters stand for three bytes.
        let cost = fs::metadata(&path).map_or(u64::MAX, |metadata| metadata.len().saturating_mul(4) / 3);
        if cost > left {
            continue;
        }
        if let Ok(bytes) = fs::read(&path) {
            left -= cost;
            found.insert(*index, format!("data:{kind};base64,{}", STANDARD.encode(bytes)));
        }
    }
    found
}

/// The recording beside the page, or wherever it lies.
fn link(folder: &Path, utterance: &Utterance) -> Option<String> {
    let path = utterance.path(folder);
    kind(&path).filter(|_| utterance.problem.is_none())?;
    let relative = relative(folder, &path)?;
    let parts = relative.iter().map(|part| encoded(&part.to_string_lossy())).collect::<Vec<_>>();
    Some(parts.join("/"))
}

/// The way from a folder to a file, both absolute.
fn relative(from: &Path, to: &Path) -> Option<PathBuf> {
    let parts = |path: &Path| path.components().map(|c| c.as_os_str().to_owned()).collect::<Vec<_>>();
    if !from.is_absolute() || !to.is_absolute() || to.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let (from, to) = (parts(from), parts(to));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".into(), from.len() - shared);
    Some(up.chain(to[shared..].iter().cloned()).collect())
}

/// A part of a path in an address (RFC 3986).
fn encoded(part: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    part.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_from_the_page_to_the_recording() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to)).map(|p| p.display().to_string());
        assert_eq!(way("/a/eval", "/a/eval/audio/x.wav").as_deref(), Some("audio/x.wav"));
        assert_eq!(way("/a/eval", "/a/speech/x.wav").as_deref(), Some("../speech/x.wav"));
        assert_eq!(way("eval", "/a/x.wav"), None);
        assert_eq!(encoded("a b#ü.wav"), "a%20b%23%C3%BC.wav");
    }
}
