//! Compares the two voice-activity detectors on audio files.
//!
//! `vad_compare FILE…` prints one line per file and detector and a sum: the share of
//! the time and of the energy that counts as speech, and what the detector costs.
//! Where `FILE.jsonl` stands beside `FILE.flac` with a `start` and an `end` (seconds)
//! in each line, also the share of that speech that was kept and of the rest that was
//! rejected. `-q` prints the sums only; `-t N` sets the threshold (0.5). Silero takes part where `NOCTULE_TEST_MODELS`
//! names a folder with `silero-v6.2.0-ggml.bin`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use noctule_audio::file::{self, ReadOptions};
use noctule_audio::vad::{Span, Vad, VadOptions};

#[derive(Default, Clone, Copy)]
struct Tally {
    samples: usize,
    kept: usize,
    energy: f64,
    kept_energy: f64,
    truth: usize,
    kept_truth: usize,
    labelled: usize,
    files: usize,
    empty: usize,
    spans: usize,
    seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = VadOptions::default();
    let (mut quiet, mut paths) = (false, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-q" => quiet = true,
            "-t" => options.threshold = args.next().ok_or("-t wants a threshold")?.parse()?,
            _ => paths.push(arg),
        }
    }
    let mut vads = vec![("earshot", Vad::earshot())];
    if let Some(weights) = common::silero_weights() {
        vads.push(("silero", Vad::silero(weights)?));
    }
    println!("file\tdetector\tfiles\tempty\tspans\tkept %\tenergy kept %\tspeech kept %\trest rejected %\tx real time");
    let mut sums = vec![Tally::default(); vads.len()];
    for path in &paths {
        let path = Path::new(path);
        let samples = file::read(path, &ReadOptions::default())?.samples;
        let truth = truth(path, samples.len())?;
        for ((name, vad), sum) in vads.iter_mut().zip(&mut sums) {
            let start = Instant::now();
            let spans = vad.segments(&samples, &options);
            let seconds = start.elapsed().as_secs_f64();
            let tally = Tally { seconds, ..count(&samples, &spans, truth.as_deref()) };
            if !quiet {
                print(&path.display().to_string(), name, &tally);
            }
            add(sum, &tally);
        }
    }
    for ((name, _), sum) in vads.iter().zip(&sums) {
        print("sum", name, sum);
    }
    Ok(())
}

/// Which samples are speech, from the labels beside the file.
fn truth(path: &Path, len: usize) -> Result<Option<Vec<bool>>, Box<dyn Error>> {
    let Ok(labels) = std::fs::read_to_string(path.with_extension("jsonl")) else { return Ok(None) };
    let mut truth = vec![false; len];
    for line in labels.lines() {
        let label: serde_json::Value = serde_json::from_str(line)?;
        let sample = |key: &str| label[key].as_f64().map(|s| ((s * 16_000.0) as usize).min(len));
        if let (Some(start), Some(end)) = (sample("start"), sample("end")) {
            truth[start..end.max(start)].fill(true);
        }
    }
    Ok(Some(truth))
}

fn count(samples: &[f32], spans: &[Span], truth: Option<&[bool]>) -> Tally {
    let mut kept = vec![false; samples.len()];
    for span in spans {
        kept[span.start_sample..span.end_sample].fill(true);
    }
    let mut tally = Tally {
        samples: samples.len(),
        files: 1,
        empty: usize::from(spans.is_empty()),
        spans: spans.len(),
        labelled: truth.map_or(0, <[bool]>::len),
        ..Tally::default()
    };
    for (i, (&x, &kept)) in samples.iter().zip(&kept).enumerate() {
        let speech = truth.is_some_and(|t| t[i]);
        let energy = f64::from(x) * f64::from(x);
        tally.energy += energy;
        tally.truth += usize::from(speech);
        if kept {
            tally.kept += 1;
            tally.kept_energy += energy;
            tally.kept_truth += usize::from(speech);
        }
    }
    tally
}

fn add(sum: &mut Tally, one: &Tally) {
    sum.samples += one.samples;
    sum.kept += one.kept;
    sum.energy += one.energy;
    sum.kept_energy += one.kept_energy;
    sum.truth += one.truth;
    sum.kept_truth += one.kept_truth;
    sum.labelled += one.labelled;
    sum.files += one.files;
    sum.empty += one.empty;
    sum.spans += one.spans;
    sum.seconds += one.seconds;
}

fn print(file: &str, detector: &str, t: &Tally) {
    let percent = |part: f64, whole: f64| {
        if whole > 0.0 { format!("{:.1}", 100.0 * part / whole) } else { "-".to_string() }
    };
    let kept = percent(t.kept as f64, t.samples as f64);
    let energy = percent(t.kept_energy, t.energy);
    let speech = percent(t.kept_truth as f64, t.truth as f64);
    // Only where all that was counted is labelled, the rest is known not to be speech.
    let rest = if t.labelled == t.samples { t.samples - t.truth } else { 0 };
    let rejected = percent((rest + t.kept_truth).saturating_sub(t.kept) as f64, rest as f64);
    let speed = t.samples as f64 / 16_000.0 / t.seconds;
    let (files, empty, spans) = (t.files, t.empty, t.spans);
    println!("{file}\t{detector}\t{files}\t{empty}\t{spans}\t{kept}\t{energy}\t{speech}\t{rejected}\t{speed:.0}");
}
