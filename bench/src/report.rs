//! Records → Markdown: medians, ratios of pairs with their confidence, what failed.

use crate::metric::Metric;
use crate::record::{FAILED, MACHINE, Record};
use crate::statistics::{Estimate, estimate, median};
use std::fmt::Write;

/// Start of the names of builds of which the best counts.
const WHISPER_CPP: &str = "whisper.cpp";
/// Start of the name of the other peer.
const CTRANSLATE2: &str = "CTranslate2";

/// All tables of one record.
pub fn markdown(record: &Record) -> String {
    let mut text = String::new();
    header(record, &mut text);
    let models = distinct(record, |sample| &sample.model);
    ratios(record, &models, &mut text);
    spread(record, &models, &mut text);
    memory(record, &models, &mut text);
    absolute(record, &models, &mut text);
    failures(record, &mut text);
    text
}

/// Values in the order of their first appearance.
fn distinct<'a>(record: &'a Record, of: impl Fn(&'a crate::record::Sample) -> &'a String) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for sample in &record.samples {
        let value = of(sample).as_str();
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found.sort_unstable();
    found
}

/// The record's engines without the machine.
fn engines(record: &Record) -> Vec<&str> {
    distinct(record, |sample| &sample.engine).into_iter().filter(|engine| *engine != MACHINE).collect()
}

fn header(record: &Record, text: &mut String) {
    text.push_str("## Machine\n\n");
    // Flags fill a screen; the record has them.
    for (key, value) in record.header.iter().filter(|(key, _)| key != "cpu flags") {
        let _ = writeln!(text, "- {key}: {value}");
    }
    let rates: Vec<f64> = record
        .samples
        .iter()
        .filter(|sample| sample.metric == Metric::Bandwidth.name())
        .filter_map(|sample| sample.value)
        .collect();
    if let Some(rate) = median(&rates) {
        let _ = writeln!(text, "- {}: {rate:.1} (median of {})", Metric::Bandwidth.title(), rates.len());
    }
    let states = record.samples.iter().filter(|sample| sample.engine == MACHINE && sample.value.is_some());
    if let Some(busiest) = states.max_by(|a, b| load(&a.note).total_cmp(&load(&b.note))) {
        let _ = writeln!(text, "- busiest moment: {}", busiest.note);
    }
}

/// The first number of a machine's state: how many threads wanted to run in the last minute.
fn load(state: &str) -> f64 {
    state.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// What a peer takes over what an engine takes, pair by pair: above 1 the engine is faster or smaller.
fn ratio(record: &Record, model: &str, engine: &str, peer: &str, metric: Metric) -> Option<Estimate> {
    let peers = record.values(model, peer, metric);
    let pairs: Vec<f64> = record
        .values(model, engine, metric)
        .into_iter()
        .filter_map(|(round, ours)| {
            let (_, theirs) = peers.iter().find(|(other, _)| *other == round)?;
            (ours > 0.0).then(|| theirs / ours)
        })
        .collect();
    estimate(&pairs)
}

/// The median of an engine's values.
fn middle(record: &Record, model: &str, engine: &str, metric: Metric) -> Option<f64> {
    median(&record.values(model, engine, metric).into_iter().map(|(_, value)| value).collect::<Vec<_>>())
}

/// Of several builds the one with the lowest median: the best that runs.
fn best<'a>(record: &Record, model: &str, start: &str, all: &[&'a str], metric: Metric) -> Option<&'a str> {
    let measured = all
        .iter()
        .filter(|engine| engine.starts_with(start))
        .filter_map(|engine| Some((middle(record, model, engine, metric)?, *engine)));
    measured.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, engine)| engine)
}

/// `4.21 [4.10, 4.33]`
fn cell(found: Option<Estimate>) -> String {
    match found {
        None => "–".into(),
        Some(Estimate { median, interval: Some((low, high)), .. }) => format!("{median:.2} [{low:.2}, {high:.2}]"),
        Some(Estimate { median, count, .. }) => format!("{median:.2} ({count})"),
    }
}

/// The share of the memory's speed at which a token's weights are read, of the same round.
fn share(record: &Record, model: &str, engine: &str) -> Option<Estimate> {
    let bytes = record.samples.iter().find(|sample| sample.model == model)?.token_bytes as f64;
    let rates = record.values(model, MACHINE, Metric::Bandwidth);
    let shares: Vec<f64> = record
        .values(model, engine, Metric::Single)
        .into_iter()
        .filter_map(|(round, milliseconds)| {
            let rate = rates.iter().rev().find(|(other, _)| *other == round)?.1;
            (bytes > 0.0).then(|| bytes / (milliseconds * 1e-3) / 1e9 / rate)
        })
        .collect();
    estimate(&shares)
}

fn ratios(record: &Record, models: &[&str], text: &mut String) {
    const COLUMNS: [Metric; 6] =
        [Metric::Encode, Metric::Prompt, Metric::Single, Metric::Batch, Metric::GreedyClip, Metric::BeamClip];
    let all = engines(record);
    let mut peers = vec![WHISPER_CPP.to_owned()];
    peers.extend(all.iter().filter(|engine| engine.starts_with(CTRANSLATE2)).map(|&engine| engine.to_owned()));
    for peer in peers {
        let mut rows = Vec::new();
        for model in models {
            for engine in all.iter().filter(|engine| engine.starts_with("noctule")) {
                let cells: Vec<String> = COLUMNS
                    .iter()
                    .map(|&metric| {
                        let peer = best(record, model, &peer, &all, metric);
                        cell(peer.and_then(|peer| ratio(record, model, engine, peer, metric)))
                    })
                    .collect();
                if cells.iter().all(|cell| cell == "–") {
                    continue;
                }
                rows.push([vec![(*model).to_owned(), (*engine).to_owned()], cells].concat());
            }
        }
        if rows.is_empty() {
            continue;
        }
        let best = if peer == WHISPER_CPP { ", the best build that runs for each figure" } else { "" };
        let _ = write!(
            text,
            "\n## Times of {peer} over times of noctule\n\nMedians of pairs with 95 % intervals (without one: the number of pairs){best}.\n\n"
        );
        let titles = COLUMNS.map(|metric| metric.title().rsplit_once(", ").map_or(metric.title(), |(title, _)| title));
        let head = [vec!["model", "engine"], titles.to_vec()].concat();
        table(&head, &rows, text);
    }
}

/// How much slower the slowest type of a network is than its fastest.
fn spread(record: &Record, models: &[&str], text: &mut String) {
    let network = |model: &str| model.split('-').next().unwrap_or(model).to_owned();
    let mut networks: Vec<String> = models.iter().map(|model| network(model)).collect();
    networks.dedup();
    let mut rows = Vec::new();
    for name in networks {
        for engine in engines(record).into_iter().filter(|engine| !engine.starts_with(CTRANSLATE2)) {
            let of = |model: &&&str| network(model) == name;
            let time = |model: &&str| Some((middle(record, model, engine, Metric::Encode)?, (*model).to_owned()));
            let mut times: Vec<(f64, String)> = models.iter().filter(of).filter_map(time).collect();
            times.sort_by(|a, b| a.0.total_cmp(&b.0));
            if let [fastest, .., slowest] = times.as_slice() {
                rows.push(vec![
                    name.clone(),
                    engine.to_owned(),
                    format!("{} {:.0} ms", fastest.1, fastest.0),
                    format!("{} {:.0} ms", slowest.1, slowest.0),
                    format!("{:.2}", slowest.0 / fastest.0),
                ]);
            }
        }
    }
    if !rows.is_empty() {
        text.push_str("\n## Slowest and fastest type, encode\n\n");
        table(&["network", "engine", "fastest", "slowest", "ratio"], &rows, text);
    }
}

/// Memory of noctule over memory of whisper.cpp: here less is better, as such tables are read.
fn memory(record: &Record, models: &[&str], text: &mut String) {
    let all = engines(record);
    let mut rows = Vec::new();
    for model in models {
        for engine in all.iter().filter(|engine| engine.starts_with("noctule")) {
            let mut row = vec![(*model).to_owned(), (*engine).to_owned()];
            for metric in [Metric::GreedyRss, Metric::BeamRss] {
                let ours = middle(record, model, engine, metric);
                let theirs =
                    best(record, model, WHISPER_CPP, &all, metric).and_then(|peer| middle(record, model, peer, metric));
                let show = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.1}"));
                row.extend([show(ours), show(theirs)]);
                row.push(ours.zip(theirs).map_or("–".into(), |(ours, theirs)| format!("{:.2}", ours / theirs)));
            }
            if row[2..].iter().any(|cell| cell != "–") {
                rows.push(row);
            }
        }
    }
    if !rows.is_empty() {
        text.push_str("\n## Peak resident memory beyond the size of the model's file, MB\n\n");
        let head = ["model", "engine", "1 beam", "whisper.cpp", "ratio", "5 beams", "whisper.cpp", "ratio"];
        table(&head, &rows, text);
    }
}

/// Medians of everything.
fn absolute(record: &Record, models: &[&str], text: &mut String) {
    let columns: Vec<Metric> = Metric::ALL.into_iter().filter(|metric| *metric != Metric::Bandwidth).collect();
    let mut rows = Vec::new();
    for model in models {
        for engine in engines(record) {
            let show = |metric: &Metric| middle(record, model, engine, *metric).map_or("–".into(), digits);
            let mut cells: Vec<String> = columns.iter().map(show).collect();
            let share = share(record, model, engine).filter(|_| !engine.starts_with(CTRANSLATE2));
            cells.push(share.map_or("–".into(), |share| format!("{:.0} %", 100.0 * share.median)));
            if cells.iter().any(|cell| cell != "–") {
                rows.push([vec![(*model).to_owned(), engine.to_owned()], cells].concat());
            }
        }
    }
    if rows.is_empty() {
        return;
    }
    text.push_str(
        "\n## Medians\n\nThe last column is the share of the measured memory speed at which the weights of a token are read with one \
         beam, without keys and values.\n\n",
    );
    let titles = columns.iter().map(|metric| metric.title());
    let head: Vec<&str> = ["model", "engine"].into_iter().chain(titles).chain(["of memory speed"]).collect();
    table(&head, &rows, text);
}

/// Three significant digits, none of them invented.
pub fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Engines that could not do a job, each reason once.
fn failures(record: &Record, text: &mut String) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for sample in record.samples.iter().filter(|sample| sample.metric == FAILED) {
        let why = sample.note.replace('|', "/").replace('\n', " ");
        let row = vec![sample.model.clone(), sample.engine.clone(), sample.job.clone(), why];
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    if !rows.is_empty() {
        text.push_str("\n## What did not run\n\n");
        table(&["model", "engine", "job", "why"], &rows, text);
    }
}

/// A Markdown table.
pub fn table(head: &[&str], rows: &[Vec<String>], text: &mut String) {
    let _ = writeln!(text, "| {} |", head.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(head.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::sample;
    use crate::record::{Sample, Writer};

    fn record() -> Record {
        let mut samples = Vec::new();
        for round in 0..5 {
            let drift = 1.0 + round as f64;
            for (engine, encode) in [("noctule fast", 100.0), ("whisper.cpp a", 400.0), ("whisper.cpp b", 300.0)] {
                samples.push(sample(round, "base", engine, Metric::Encode, drift * encode));
            }
            samples.push(sample(round, "base-q5_k", "noctule fast", Metric::Encode, drift * 110.0));
            samples.push(sample(round, "base", "CTranslate2 int8", Metric::Encode, drift * 250.0));
            samples.push(sample(round, "base", "noctule fast", Metric::Single, 10.0));
            let note = format!("load {}.50 2.00 2.00, 60.0 °C", round);
            samples.push(Sample { note, ..sample(round, "base", MACHINE, Metric::Bandwidth, 10.0) });
            samples.push(sample(round, "base", "noctule fast", Metric::BeamRss, 30.0));
            samples.push(sample(round, "base", "whisper.cpp a", Metric::BeamRss, 120.0));
        }
        let failed = sample(0, "base-q5_k", "whisper.cpp a", Metric::Encode, 0.0);
        samples.push(Sample { metric: FAILED.into(), value: None, note: "signal: 4 | SIGILL".into(), ..failed });
        Record { header: vec![("cpu".into(), "AMD EPYC".into()), ("cpu flags".into(), "fpu".into())], samples }
    }

    #[test]
    fn ratios_are_of_pairs_and_of_the_best_build() {
        let text = markdown(&record());
        assert!(text.contains("- cpu: AMD EPYC\n") && !text.contains("fpu"), "{text}");
        assert!(
            text.contains("| base | noctule fast | 3.00 [3.00, 3.00] | – | – |"),
            "a machine that slows down: {text}"
        );
        assert!(text.contains("| base | noctule fast | 2.50 [2.50, 2.50] |"), "{text}");
        assert!(text.contains("- busiest moment: load 4.50 2.00 2.00, 60.0 °C\n"), "{text}");
        // 50 MB in 10 ms of 10 GB/s.
        assert!(text.contains("| 50 % |"), "{text}");
        assert!(text.contains("| base | noctule fast | base 300 ms | base-q5_k 330 ms | 1.10 |"), "{text}");
        assert!(text.contains("| – | – | – | 30.0 | 120.0 | 0.25 |"), "{text}");
        assert!(text.contains("| base-q5_k | whisper.cpp a | network | signal: 4 / SIGILL |"), "{text}");
    }

    #[test]
    fn an_empty_record_has_no_tables() {
        let text = markdown(&Record::default());
        assert_eq!(text, "## Machine\n\n");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        Writer::open(&path, &[]).unwrap();
        assert_eq!(markdown(&Record::read(&path).unwrap()), text);
    }

    #[test]
    fn every_row_of_a_table_has_its_columns() {
        let text = markdown(&record());
        let mut columns = 0;
        for line in text.lines() {
            match line.starts_with('|') {
                false => columns = 0,
                true if columns == 0 => columns = line.matches('|').count(),
                true => assert_eq!(line.matches('|').count(), columns, "{line}"),
            }
        }
    }

    #[test]
    fn few_digits() {
        assert_eq!([1234.5, 12.345, 1.2345, 0.01234].map(digits), ["1234", "12.3", "1.23", "0.01"]);
    }
}
