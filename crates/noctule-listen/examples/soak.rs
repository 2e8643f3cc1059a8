//! Hours of listening: whether memory stays flat, times stay right and no sample is lost.
//!
//! ```text
//! cargo run --release -p noctule-listen --example soak -- [KEY=VALUE…] FILE
//! ```
//!
//! FILE is heard over and over, and recorded as a meeting is. One JSON object for every ten minutes of sound: resident memory, samples that
//! are held, and *drift*, the median difference between where words lie in this repetition and where they lay in the
//! second one. At the end the recording is read again and compared with what was given, sample by sample. Keys: `hours` (8), `clock`
//! (`simulated`, or `real`: at the pace at which it was spoken), `model` (a file; the embedded one without), `threads`, `policy`, `step` (seconds), `folder` for the
//! recording (the system's for temporary files).

use noctule::options::LanguageChoice;
use noctule::{Config, Model, Transcriber};
use noctule_audio::SAMPLE_RATE;
use noctule_audio::flac::read_whole;
use noctule_audio::vad::Vad;
use noctule_listen::recording::{Recording, Tap};
use noctule_listen::ring::{Feeder, IN_MEMORY, ON_DISK, ring};
use noctule_listen::simulate::{BLOCK, simulate};
use noctule_listen::{Clock, Event, Meter, Session, SessionOptions, Stamped, live};
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A line comes after so much sound, seconds.
const EVERY: f64 = 600.0;
/// A word that lies further from where it lay before is another one, seconds.
const NEAR: f64 = 0.4;

#[derive(Serialize)]
struct Line {
    audio_s: f64,
    clock_s: f64,
    rss_mb: f64,
    words: u64,
    lag_s: f64,
    latency_s: f64,
    lost_s: f64,
    drift_ms: Option<f64>,
    compared: usize,
    computed_s: f64,
}

/// What the events tell.
struct Book {
    period: f64,
    /// Words of the second repetition, and where their ends lie in it.
    first: Vec<(String, f64)>,
    /// How far words of the last stretch lie from there.
    apart: Vec<f64>,
    due: f64,
    lines: Vec<Line>,
}

impl Book {
    fn event(&mut self, stamped: &Stamped) {
        match &stamped.event {
            Event::Commit { words, .. } => words.iter().for_each(|word| self.word(&word.word, word.end)),
            Event::Stats(stats) if stats.audio_s >= self.due => {
                self.due += EVERY;
                let compared = self.apart.len();
                let line = Line {
                    audio_s: stats.audio_s,
                    clock_s: stamped.time_s,
                    rss_mb: resident_mb(),
                    words: stats.words,
                    lag_s: stats.lag_s,
                    latency_s: stats.latency_s,
                    lost_s: stats.lost_s,
                    drift_ms: median(&mut self.apart).map(|seconds| (10_000.0 * seconds).round() / 10.0),
                    compared,
                    computed_s: stats.computed_s,
                };
                println!("{}", serde_json::to_string(&line).unwrap_or_default());
                self.lines.push(line);
                self.apart.clear();
            }
            _ => {}
        }
    }

    fn word(&mut self, text: &str, end: f64) {
        let (repetition, place) = ((end / self.period).floor(), end % self.period);
        let text = text.trim().to_lowercase();
        if repetition == 1.0 {
            self.first.push((text, place));
        } else if repetition > 1.0 {
            let same = self.first.iter().filter(|(word, at)| *word == text && (at - place).abs() < NEAR);
            let near = same.map(|(_, at)| place - at).min_by(|a, b| a.abs().total_cmp(&b.abs()));
            self.apart.extend(near);
        }
    }
}

impl Book {
    fn summary(&self, given: usize, heard: u64, recorded: u64, differing: usize) -> serde_json::Value {
        let rss: Vec<f64> = self.lines.iter().map(|line| line.rss_mb).collect();
        let drift = self.lines.iter().filter_map(|line| line.drift_ms).map(f64::abs).fold(0.0, f64::max);
        serde_json::json!({
            "given": given, "heard": heard, "recorded": recorded, "differing": differing,
            "rss_mb_first": rss.first(), "rss_mb_most": rss.iter().copied().fold(0.0, f64::max), "rss_mb_last": rss.last(),
            "drift_ms_most": drift,
        })
    }
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Resident memory now; zero where the system does not tell.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok())
        .map_or(0.0, |kb| (kb / 102.4).round() / 10.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut set, mut file) = (BTreeMap::new(), None);
    for word in std::env::args().skip(1) {
        match word.split_once('=') {
            Some((key, value)) => drop(set.insert(key.to_owned(), value.to_owned())),
            None => file = Some(word),
        }
    }
    let number = |key: &str, default: f64| set.get(key).map_or(Ok(default), |text| text.parse::<f64>());
    let samples = noctule_audio::file::read(Path::new(&file.ok_or("which file?")?), &Default::default())?.samples;
    let total = (3600.0 * number("hours", 8.0)? * f64::from(SAMPLE_RATE)) as usize;
    let model = match set.get("model") {
        Some(path) => Model::open(Path::new(path))?,
        None => noctule::embedded_model()?,
    };
    let threads = number("threads", 2.0)? as usize;
    let transcriber = Transcriber::new(model, Config { threads, ..Config::default() })?;
    let mut options = SessionOptions { language: LanguageChoice::Fixed("en".into()), ..SessionOptions::default() };
    if let Some(name) = set.get("policy") {
        options.policy = name.parse()?;
    }
    options.pace.min_step = number("step", options.pace.min_step)?;
    let real = set.get("clock").is_some_and(|clock| clock == "real");
    let clock = if real { Clock::real() } else { Clock::simulated(Meter::Processor { threads }) };
    let mut session = Session::new(transcriber, Vad::earshot(), clock, options)?;
    let folder = set.get("folder").map_or_else(std::env::temp_dir, Into::into);
    let path = folder.join(format!("soak-{}.flac", std::process::id()));
    let recording = Recording::start(std::fs::File::create_new(&path)?)?;
    let period = samples.len() as f64 / f64::from(SAMPLE_RATE);
    let mut book = Book { period, first: Vec::new(), apart: Vec::new(), due: EVERY, lines: Vec::new() };
    let sound = Arc::new(samples);
    if real {
        let (feeder, drain) = ring(IN_MEMORY, &folder, ON_DISK);
        let (tap, sound) = (recording.tap(), sound.clone());
        let thread = std::thread::spawn(move || play(&sound, total, &feeder, &tap));
        live::listen(&mut session, &drain, &mut || false, &mut |stamped| book.event(&stamped))?;
        thread.join().map_err(|_| "the thread that plays has failed")?;
    } else {
        let tap = recording.tap();
        let mut kept = blocks(&sound, total).inspect(|block| tap.push(block));
        simulate(&mut session, &mut kept, &mut || false, &mut |stamped| book.event(&stamped))?;
    }
    let (heard, recorded) = (session.end(), recording.finish()?);
    let differing = differing(&path, &sound, total);
    std::fs::remove_file(&path)?;
    println!("{}", book.summary(total, heard, recorded, differing));
    Ok(())
}

/// The sound over and over, `total` samples in all.
fn blocks(sound: &[f32], total: usize) -> impl Iterator<Item = Vec<f32>> + '_ {
    (0..total).step_by(BLOCK).map(move |from| {
        let to = total.min(from + BLOCK);
        (from..to).map(|i| sound[i % sound.len()]).collect()
    })
}

/// The same at its pace.
fn play(sound: &[f32], total: usize, feeder: &Feeder, tap: &Tap) {
    let (started, mut given) = (Instant::now(), 0);
    for block in blocks(sound, total) {
        given += block.len();
        let due = Duration::from_secs_f64(given as f64 / f64::from(SAMPLE_RATE));
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        tap.push(&block);
        feeder.push(&block);
    }
    feeder.end(None);
}

/// How many samples of the recording are not what was given, or are not there.
fn differing(path: &Path, sound: &[f32], total: usize) -> usize {
    let (mut place, mut differing) = (0, 0);
    read_whole(path, &mut |block| {
        for sample in block.iter().take(total - place.min(total)) {
            differing += usize::from((sample - sound[place % sound.len()]).abs() > 1.0 / 32_768.0);
            place += 1;
        }
    });
    differing + total - place
}
