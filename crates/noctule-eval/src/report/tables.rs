//! CSV files for spreadsheets.

use super::Material;
use crate::summary::{Row, Summary};
use std::io;

/// One line for each row. Times in seconds, memory in bytes, rates as shares; what is not known is empty.
pub(super) fn cells(summary: &Summary) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "engine",
        "model",
        "family",
        "weights",
        "file_bytes",
        "threads",
        "beam_size",
        "audio_ctx",
        "precision",
        "mode",
        "status",
        "reason",
        "language",
        "words",
        "error_rate",
        "error_rate_low",
        "error_rate_high",
        "substitutions",
        "deletions",
        "insertions",
        "raw_error_rate",
        "character_error_rate",
        "utterances",
        "silent",
        "no_worse",
        "difference",
        "difference_low",
        "difference_high",
        "probe_words",
        "repeats",
        "wall_s",
        "wall_s_low",
        "wall_s_high",
        "real_time_factor",
        "user_s",
        "system_s",
        "load_s",
        "mel_s",
        "encode_s",
        "prompt_s",
        "decode_s",
        "windows",
        "tokens",
        "fallbacks",
        "first_text_s",
        "cold_wall_s",
        "peak_bytes",
        "pss_bytes",
        "swap_bytes",
        "major_faults",
        "expected_bytes",
        "joules_per_second",
        "hour_s",
        "hour_s_low",
        "hour_s_high",
        "mhz_mean",
        "celsius_highest",
        "throttled",
        "tier",
        "kl_mean",
        "top_1_agreement",
    ])?;
    for row in &summary.rows {
        writer.write_record(record(row))?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn record(row: &Row) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let count = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
    let settings = &row.settings;
    let (accuracy, times, memory) = (row.accuracy.first(), row.times.as_ref(), row.memory.as_ref());
    let of = |get: &dyn Fn(&crate::summary::Accuracy) -> f64| number(accuracy.map(get));
    let errors = |get: &dyn Fn(&crate::align::Counts) -> u64| count(accuracy.map(|a| get(&a.counts)));
    let paired = accuracy.and_then(|accuracy| accuracy.paired.as_ref());
    let difference = paired.map(|paired| paired.difference.interval);
    let phases = times.map(|times| &times.phases);
    let hour = row.cost.map(|cost| cost.hour_s);
    let divergence = |name: &str| number(row.divergence.get(name).copied());
    vec![
        row.engine.clone(),
        row.model.clone(),
        row.family.clone(),
        row.weights.clone(),
        row.size_bytes.to_string(),
        count(settings.threads.map(u64::from)),
        count(settings.beam_size.map(u64::from)),
        count(settings.audio_ctx.map(u64::from)),
        row.precision.clone().unwrap_or_default(),
        settings.mode.name().to_owned(),
        row.status.name().to_owned(),
        row.reason.clone(),
        accuracy.map(|accuracy| accuracy.language.clone()).unwrap_or_default(),
        errors(&|counts| counts.reference_words()),
        of(&|a| a.error_rate.estimate),
        of(&|a| a.error_rate.low),
        of(&|a| a.error_rate.high),
        errors(&|counts| counts.substitutions),
        errors(&|counts| counts.deletions),
        errors(&|counts| counts.insertions),
        of(&|a| a.raw_error_rate),
        of(&|a| a.character_error_rate),
        count(accuracy.map(|a| a.utterances as u64)),
        count(accuracy.map(|a| a.silent as u64)),
        number(paired.and_then(|paired| paired.quality.no_worse())),
        number(difference.map(|interval| interval.estimate)),
        number(difference.map(|interval| interval.low)),
        number(difference.map(|interval| interval.high)),
        count(row.probe_words.map(|words| words as u64)),
        count(times.map(|times| times.repeats as u64)),
        number(times.map(|times| times.wall_s.estimate)),
        number(times.map(|times| times.wall_s.low)),
        number(times.map(|times| times.wall_s.high)),
        number(times.map(|times| times.real_time_factor.estimate)),
        number(times.map(|times| times.processor_s[0])),
        number(times.map(|times| times.processor_s[1])),
        number(phases.and_then(|phases| phases.load_s)),
        number(phases.and_then(|phases| phases.mel_s)),
        number(phases.and_then(|phases| phases.encode_s)),
        number(phases.and_then(|phases| phases.prompt_s)),
        number(phases.and_then(|phases| phases.decode_s)),
        number(phases.and_then(|phases| phases.windows)),
        number(phases.and_then(|phases| phases.tokens)),
        number(phases.and_then(|phases| phases.fallbacks)),
        number(times.and_then(|times| times.clips.first()?.first_text_s)),
        number(times.and_then(|times| Some(times.cold?.wall_s))),
        count(memory.map(|memory| memory.peak_bytes)),
        count(memory.and_then(|memory| Some(memory.pss_bytes?[0]))),
        count(memory.map(|memory| memory.swap_bytes)),
        number(memory.map(|memory| memory.major_faults)),
        count(memory.map(|memory| memory.expected_bytes)),
        number(row.energy.map(|energy| energy.joules_per_second.estimate)),
        number(hour.map(|interval| interval.estimate)),
        number(hour.map(|interval| interval.low)),
        number(hour.map(|interval| interval.high)),
        number(times.and_then(|times| Some(times.mhz?[1]))),
        number(times.and_then(|times| Some(times.celsius?[1]))),
        count(times.map(|times| times.throttled.into())),
        row.tier.clone().unwrap_or_default(),
        divergence("kl_mean"),
        divergence("top_1_agreement"),
    ]
}

/// One line for each recording and accuracy cell: raw text and errors.
pub(super) fn utterances(material: &Material) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "engine",
        "model",
        "settings",
        "utterance",
        "speaker",
        "language",
        "seconds",
        "reference",
        "text",
        "words",
        "hits",
        "substitutions",
        "deletions",
        "insertions",
        "suspicions",
    ])?;
    let plan = &material.evidence.plan;
    for cell in plan.cells.iter().filter(|cell| cell.task == crate::plan::Task::Accuracy) {
        for score in material.scores.cell(&cell.id) {
            let utterance = &plan.corpus.utterances[score.utterance];
            let counts = score.counts;
            let suspicions: Vec<String> = score.suspicions.iter().map(|s| format!("{s:?}").to_lowercase()).collect();
            writer.write_record([
                cell.engine.clone(),
                cell.model.clone(),
                cell.settings.to_string(),
                utterance.id.clone(),
                utterance.speaker.clone().unwrap_or_default(),
                utterance.language.clone().unwrap_or_default(),
                utterance.duration_s.to_string(),
                utterance.text.clone().unwrap_or_default(),
                score.text.clone().unwrap_or_default(),
                counts.reference_words().to_string(),
                counts.hits.to_string(),
                counts.substitutions.to_string(),
                counts.deletions.to_string(),
                counts.insertions.to_string(),
                suspicions.join(" "),
            ])?;
        }
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
