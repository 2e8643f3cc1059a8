//! How late words come and how right they are: recordings heard on a simulated clock, compared with the same model offline.
//!
//! ```text
//! cargo run --release -p noctule-listen --example latency -- [KEY=VALUE…] FILE…
//! ```
//!
//! Prints one JSON object a recording and one for all. The time of a word is that of the model `times` offline; the reference text stands
//! in `FILE.txt` or in `manifest.jsonl` beside the file. Keys: `model`, `times` (files; the embedded model without), `policy`,
//! `threads`, `step`, `front`, `beam`, `final`, `carry`, `context`, `positions` (`full`, `+N`, `N`), `slow`, `seconds` (only the beginning is
//! heard, and the offline text of `times` is the reference), `cache` (a folder that keeps offline transcripts). The detector is the
//! built-in one.

use noctule::options::LanguageChoice;
use noctule::{Config, Model, Options, Transcriber};
use noctule_audio::vad::Vad;
use noctule_eval::align::{Counts, Operation, align};
use noctule_eval::normalize::EnglishNormalizer;
use noctule_listen::event::Stats;
use noctule_listen::simulate::{BLOCK, simulate};
use noctule_listen::{Clock, Event, Meter, Positions, Session, SessionOptions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

/// Words in the normaliser's spelling, each with a time.
type Timed = Vec<(String, f64)>;

#[derive(Serialize, Deserialize)]
struct Offline {
    words: Timed,
    text: String,
}

/// What one recording, or all, gave.
#[derive(Default)]
struct Sums {
    seconds: f64,
    computed: f64,
    encodes: u64,
    live: Counts,
    offline: Counts,
    latency: Vec<f64>,
    /// From the beginning of speech to the first word that is shown.
    first: Vec<f64>,
    /// Words that were shown, and those of them that were shown otherwise before or vanished.
    shown: u64,
    changed: u64,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    seconds: f64,
    words: u64,
    wer_live: Option<f64>,
    wer_offline: Option<f64>,
    latency_median_s: Option<f64>,
    latency_95_s: Option<f64>,
    first_median_s: Option<f64>,
    flicker: Option<f64>,
    computed_s: f64,
    share: f64,
    encodes: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut set, mut files) = (BTreeMap::new(), Vec::new());
    for word in std::env::args().skip(1) {
        match word.split_once('=') {
            Some((key, value)) => drop(set.insert(key.to_owned(), value.to_owned())),
            None => files.push(PathBuf::from(word)),
        }
    }
    let threads: usize = set.get("threads").map_or(Ok(2), |text| text.parse())?;
    let config = Config { threads, ..Config::default() };
    let mut all = Sums::default();
    for file in &files {
        let sums = one(file, &set, config)?;
        println!("{}", serde_json::to_string(&sums.row(&file.display().to_string(), threads))?);
        all.add(sums);
    }
    println!("{}", serde_json::to_string(&all.row(&format!("all {set:?}"), threads))?);
    Ok(())
}

fn one(file: &Path, set: &BTreeMap<String, String>, config: Config) -> Result<Sums, Box<dyn Error>> {
    let mut samples = noctule_audio::file::read(file, &Default::default())?.samples;
    let cut = set.get("seconds").map(|text| text.parse::<usize>()).transpose()?;
    samples.truncate(cut.map_or(usize::MAX, |seconds| seconds * 16_000));
    let engine = |key: &str| -> Result<Transcriber, Box<dyn Error>> {
        let model = match set.get(key) {
            Some(path) => Model::open(Path::new(path))?,
            None => noctule::embedded_model()?,
        };
        Ok(Transcriber::new(model, config)?)
    };
    let cache = set.get("cache").map(Path::new);
    let times = offline(&mut engine("times")?, file, &samples, cache)?;
    let mut transcriber = engine("model")?;
    let same = offline(&mut transcriber, file, &samples, cache)?;
    let reference = if cut.is_some() { times.text.clone() } else { reference(file)? };
    let heard = hear(transcriber, &samples, set, config.threads)?;

    let normalizer = EnglishNormalizer::new();
    let reference: Vec<String> = words(&normalizer, &reference);
    let live: Vec<String> = heard.words.iter().map(|word| word.0.clone()).collect();
    let timed: Vec<String> = times.words.iter().map(|word| word.0.clone()).collect();
    let mut sums = heard.sums;
    sums.live = Counts::of(&reference, &words(&normalizer, &heard.text));
    sums.offline = Counts::of(&reference, &words(&normalizer, &same.text));
    for step in align(&timed, &live) {
        if let (Operation::Hit, Some(i), Some(j)) = (step.operation, step.reference, step.hypothesis) {
            sums.latency.push(heard.words[j].1 - times.words[i].1);
        }
    }
    Ok(sums)
}

struct Heard {
    text: String,
    words: Timed,
    sums: Sums,
}

fn hear(
    transcriber: Transcriber,
    samples: &[f32],
    set: &BTreeMap<String, String>,
    threads: usize,
) -> Result<Heard, Box<dyn Error>> {
    let number = |key: &str, default: f64| set.get(key).map_or(Ok(default), |text| text.parse::<f64>());
    let mut options = SessionOptions { language: LanguageChoice::Fixed("en".into()), ..SessionOptions::default() };
    if let Some(name) = set.get("policy") {
        options.policy = name.parse()?;
    }
    options.front = number("front", options.front)?;
    options.beam_size = number("beam", options.beam_size as f64)? as usize;
    options.final_beam_size = number("final", options.final_beam_size as f64)? as usize;
    options.pace.min_step = number("step", options.pace.min_step)?;
    options.carry = number("carry", options.carry)?;
    options.context_tokens = number("context", options.context_tokens as f64)? as usize;
    options.positions = match set.get("positions").map_or("full", String::as_str) {
        "full" => Positions::Full,
        text => match text.strip_prefix('+') {
            Some(margin) => Positions::Margin(margin.parse()?),
            None => Positions::AtLeast(text.parse()?),
        },
    };
    let clock = Clock::simulated(Meter::Processor { threads }).slowed_down(number("slow", 1.0)?);
    let mut session = Session::new(transcriber, Vad::earshot(), clock, options)?;
    let normalizer = EnglishNormalizer::new();
    let (mut found, mut said, mut sums) = (Timed::new(), String::new(), Sums::default());
    let (mut began, mut tail, mut stats) = (None, Vec::<String>::new(), Stats::default());
    let mut blocks = samples.chunks(BLOCK).map(<[f32]>::to_vec);
    simulate(&mut session, &mut blocks, &mut || false, &mut |stamped| match stamped.event {
        Event::SpeechStart { at } => began = Some(at),
        Event::Commit { words: these, text } => {
            said.push_str(&text);
            sums.first.extend(began.take().map(|at| stamped.time_s - at));
            let spelled: Vec<String> = these.iter().flat_map(|word| words(&normalizer, &word.word)).collect();
            sums.count_changes(&tail, &spelled);
            tail.drain(..spelled.len().min(tail.len()));
            found.extend(spelled.into_iter().map(|word| (word, stamped.time_s)));
        }
        Event::Partial { text, .. } => {
            let spelled = words(&normalizer, &text);
            if !spelled.is_empty() {
                sums.first.extend(began.take().map(|at| stamped.time_s - at));
            }
            sums.count_changes(&tail, &spelled);
            sums.shown += spelled.len() as u64;
            tail = spelled;
        }
        Event::Stats(latest) => stats = latest,
        _ => {}
    })?;
    (sums.seconds, sums.computed, sums.encodes) = (stats.audio_s, stats.computed_s, stats.encodes);
    Ok(Heard { text: said, words: found, sums })
}

fn words(normalizer: &EnglishNormalizer, text: &str) -> Vec<String> {
    noctule_eval::normalize::words(&normalizer.normalize(text)).into_iter().map(str::to_owned).collect()
}

/// The whole recording at once, beam search of five.
fn offline(
    transcriber: &mut Transcriber,
    file: &Path,
    samples: &[f32],
    cache: Option<&Path>,
) -> Result<Offline, Box<dyn Error>> {
    let model = transcriber.model();
    let name = file.display().to_string().replace('/', "_");
    let name = format!("{}-{}-{name}-{}.json", model.name(), model.weight_type(), samples.len());
    if let Some(text) = cache.and_then(|folder| std::fs::read_to_string(folder.join(&name)).ok()) {
        return Ok(serde_json::from_str(&text)?);
    }
    let options = Options { language: LanguageChoice::Fixed("en".into()), word_timestamps: true, ..Options::default() };
    let transcript = transcriber.transcribe(samples, &options, &mut ())?;
    let normalizer = EnglishNormalizer::new();
    let placed = transcript.segments.iter().filter(|segment| segment.is_shown()).flat_map(|segment| &segment.words);
    let timed = placed.flat_map(|word| words(&normalizer, &word.word).into_iter().map(|spelled| (spelled, word.end)));
    let offline = Offline { words: timed.collect(), text: transcript.text() };
    if let Some(folder) = cache {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(&name), serde_json::to_string(&offline)?)?;
    }
    Ok(offline)
}

fn reference(file: &Path) -> Result<String, Box<dyn Error>> {
    if let Ok(text) = std::fs::read_to_string(file.with_extension("txt")) {
        return Ok(text);
    }
    let manifest = std::fs::read_to_string(file.with_file_name("manifest.jsonl"))?;
    let lines = manifest.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let own = lines.filter(|line| line["audio"].as_str().map(Path::new).and_then(Path::file_name) == file.file_name());
    let text = own.filter_map(|line| line["text"].as_str().map(str::to_owned)).next();
    text.ok_or_else(|| format!("no reference for {}", file.display()).into())
}

impl Sums {
    /// Tentative words that the next ones contradict or that are gone.
    fn count_changes(&mut self, before: &[String], now: &[String]) {
        let kept = before.iter().zip(now).take_while(|(a, b)| a == b).count();
        if now.len() < before.len() && kept == now.len() {
            return;
        }
        self.changed += (before.len() - kept) as u64;
    }

    fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.computed += other.computed;
        self.encodes += other.encodes;
        self.live += other.live;
        self.offline += other.offline;
        self.latency.extend(other.latency);
        self.first.extend(other.first);
        self.shown += other.shown;
        self.changed += other.changed;
    }

    fn row<'a>(&self, name: &'a str, threads: usize) -> Row<'a> {
        let round = |x: f64| (x * 1000.0).round() / 1000.0;
        let quantile = |values: &[f64], part: f64| {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted.get(((sorted.len().max(1) - 1) as f64 * part).round() as usize).copied().map(round)
        };
        Row {
            name,
            seconds: round(self.seconds),
            words: self.live.reference_words(),
            wer_live: self.live.error_rate().map(|rate| round(100.0 * rate)),
            wer_offline: self.offline.error_rate().map(|rate| round(100.0 * rate)),
            latency_median_s: quantile(&self.latency, 0.5),
            latency_95_s: quantile(&self.latency, 0.95),
            first_median_s: quantile(&self.first, 0.5),
            flicker: (self.shown > 0).then(|| round(self.changed as f64 / self.shown as f64)),
            computed_s: round(self.computed),
            share: round(self.computed / self.seconds.max(0.001) / threads as f64),
            encodes: self.encodes,
        }
    }
}
