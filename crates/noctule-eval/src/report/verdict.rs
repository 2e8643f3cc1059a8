//! One sentence: what to run on this board.

use super::figures::{interval_percent, megabytes, minutes, percent, seconds};
use crate::recommend::{Budget, Candidate, Recommendation, Ties, candidates, recommend};
use crate::summary::Summary;

/// What the report says first.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The sentence.
    pub sentence: String,
    /// What else is to be said about it, as sentences.
    pub more: String,
    /// The command to run, if there is something to run.
    pub command: Option<String>,
    /// What is behind it.
    pub recommendation: Recommendation,
}

/// Without a budget: the best words that keep up with speech, or else the best words.
pub fn verdict(summary: &Summary, ties: &Ties) -> Verdict {
    let all = candidates(&summary.rows, ties);
    let live = Budget { real_time_factor: Some(1.0), ..Budget::default() };
    let mut recommendation = recommend(&all, ties, live);
    if recommendation.choice.is_none() {
        recommendation = recommend(&all, ties, Budget::default());
    }
    let Some(choice) = recommendation.choice.clone() else {
        let measured = summary.rows.iter().filter(|row| row.status.has_figures()).count();
        let sentence = match measured {
            0 => "Nothing could be measured: the rows say why.".to_owned(),
            // Times alone, or words alone, decide nothing.
            _ => fastest(&all).unwrap_or_else(|| "What was measured does not decide between models.".to_owned()),
        };
        return Verdict { sentence, more: String::new(), command: None, recommendation };
    };
    Verdict {
        sentence: sentence(&choice),
        more: more(summary, &recommendation, &choice),
        command: Some(command(&choice)),
        recommendation,
    }
}

fn fastest(all: &[Candidate]) -> Option<String> {
    let timed = all.iter().filter_map(|candidate| Some((candidate, candidate.real_time_factor?)));
    let (candidate, factor) = timed.min_by(|a, b| a.1.estimate.total_cmp(&b.1.estimate))?;
    Some(format!(
        "{} is the quickest, with {} for each second of audio; nobody has counted the words yet.",
        describe(candidate),
        seconds(factor.estimate)
    ))
}

/// Model, threads and, where it is not noctule, the engine.
pub fn describe(candidate: &Candidate) -> String {
    let settings = candidate.settings.to_string();
    let engine = if candidate.engine == "noctule" { String::new() } else { format!("{} with ", candidate.engine) };
    let with = if settings.is_empty() { String::new() } else { format!(" with {settings}") };
    format!("{engine}{}{with}", candidate.model)
}

fn sentence(choice: &Candidate) -> String {
    let mut facts = Vec::new();
    facts.extend(choice.error_rate.map(|rate| format!("{} of the words wrong", percent(rate.estimate))));
    facts.extend(choice.hour_s.map(|hour| format!("an hour in {}", minutes(hour.estimate))));
    if choice.hour_s.is_none() {
        facts.extend(choice.real_time_factor.map(|f| format!("{} for a second of audio", seconds(f.estimate))));
    }
    facts.extend(choice.peak_bytes.map(|bytes| format!("{} of memory", megabytes(bytes))));
    format!("On this board, run {}: {}.", describe(choice), facts.join(", "))
}

fn more(summary: &Summary, recommendation: &Recommendation, choice: &Candidate) -> String {
    let mut sentences = Vec::new();
    let row = &summary.rows[choice.row];
    if let (Some(rate), Some(accuracy)) = (choice.error_rate, row.accuracy.first()) {
        sentences.push(format!(
            "Of {} words in {} recordings it gets {} wrong.",
            accuracy.counts.reference_words(),
            accuracy.utterances,
            interval_percent(&rate)
        ));
    }
    match recommendation.tied.as_slice() {
        [] => {}
        [one] => sentences.push(format!("{one} is as good as far as can be told, and larger.")),
        some if some.len() <= 4 => {
            sentences.push(format!("{} are as good as far as can be told, and larger.", listed(some)));
        }
        some => sentences.push(format!("{} others are as good as far as can be told, and larger.", some.len())),
    }
    if let Some(next) = &recommendation.runner_up {
        let facts = [
            next.error_rate.map(|rate| format!("{} wrong", percent(rate.estimate))),
            next.hour_s.map(|hour| format!("an hour in {}", minutes(hour.estimate))),
            next.peak_bytes.map(megabytes),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        sentences.push(format!("The next best is {} ({}).", describe(next), facts.join(", ")));
    }
    if recommendation.budget.real_time_factor.is_none() && choice.real_time_factor.is_some() {
        sentences.push("Nothing that was measured keeps up with speech on this board.".into());
    }
    sentences.join(" ")
}

/// "a, b and c".
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The command that runs a candidate.
pub fn command(candidate: &Candidate) -> String {
    let settings = &candidate.settings;
    let mut words = Vec::new();
    let number = |flag: &str, value: Option<u32>| value.map(|value| format!(" {flag} {value}")).unwrap_or_default();
    let model = candidate.path.as_ref().map(|path| format!(" -m {}", quoted(&path.display().to_string())));
    let model = model.unwrap_or_default();
    if candidate.engine == "noctule" {
        words.push(format!("noctule transcribe{model}"));
        words.push(number("-t", settings.threads));
        words.push(number("--beam-size", settings.beam_size));
        words.push(number("--audio-ctx", settings.audio_ctx));
        words.extend(settings.precision.as_ref().map(|precision| format!(" --precision {precision}")));
        if settings.mode == crate::engine::Mode::Bare {
            words.push(" --beam-size 1 --best-of 1 --no-fallback".into());
        }
    } else {
        words.push(format!("{}{model}", candidate.engine));
        words.push(number("-t", settings.threads));
        words.push(number("-bs", settings.beam_size));
    }
    words.push(" recording.wav".into());
    words.concat()
}

/// A word as a POSIX shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
