//! whisper.cpp as the crate `whisper-rs` builds it, in a process of this program.
//!
//! What [`run`] prints has the shape of noctule's own lines, so [`crate::noctule`] reads it.

use crate::metric::{Job, Metric};
use crate::noctule;
use crate::process::Finished;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState};

/// Version of whisper.cpp inside the crate.
pub fn version() -> String {
    format!("whisper.cpp {} in whisper-rs", whisper_rs::WHISPER_CPP_VERSION)
}

/// The command that runs `job` in a process of its own.
pub fn command(job: Job, model: &Path, threads: usize, clip: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap_or_else(|_| "noctule-bench".into()));
    command
        .args(["whisper-rs", job.name(), "--threads", &threads.to_string(), "--model"])
        .arg(model)
        .arg("--clip")
        .arg(clip);
    command
}

/// The quantities of a job. The crate does not tell the time of the spectrogram.
pub fn metrics(job: Job, finished: &Finished) -> Result<Vec<(Metric, f64)>> {
    let mut found = noctule::metrics(job, finished)?;
    found.retain(|(metric, _)| *metric != Metric::Mel);
    Ok(found)
}

/// Does `job` and prints its line.
pub fn run(job: Job, model: &Path, threads: usize, clip: &Path) -> Result<()> {
    whisper_rs::install_logging_hooks();
    let started = Instant::now();
    let mut parameters = WhisperContextParameters::default();
    // The default of whisper.cpp's own programs.
    parameters.use_gpu(false).flash_attn(true);
    let context = WhisperContext::new_with_params(model, parameters).context("whisper.cpp cannot open the model")?;
    let mut state = context.create_state().context("whisper.cpp makes no state")?;
    let load = started.elapsed().as_secs_f64();
    if job == Job::Network {
        println!("{}", network(&mut state, threads, load)?);
        return Ok(());
    }
    let mut params = FullParams::new(match job.beams() {
        1 => SamplingStrategy::Greedy { best_of: 1 },
        beams => SamplingStrategy::BeamSearch { beam_size: beams as i32, patience: -1.0 },
    });
    params.set_n_threads(threads as i32);
    params.set_language(Some("en"));
    params.set_temperature_inc(0.0);
    params.set_print_progress(false);
    params.set_print_realtime(false);
    params.set_print_timestamps(false);
    state.full(params, &samples(clip)?).context("whisper.cpp fails")?;
    println!("{}", json!({ "timing": { "mel_s": 0.0 } }));
    Ok(())
}

/// whisper-bench's loads: some to warm up, then one window, 256 tokens, 64 batches of five, 16 prompts of 256.
fn network(state: &mut WhisperState, threads: usize, load_s: f64) -> Result<serde_json::Value> {
    state.pcm_to_mel(&vec![0.0; 30 * 16_000], threads)?;
    let tokens = [0; 256];
    state.encode(0, threads)?;
    state.decode(&tokens, 0, threads)?;
    state.decode(&tokens[..5], 0, threads)?;
    let (_, encode_s) = timed(|| state.encode(0, threads))?;
    let (_, single_s) = timed(|| (0..256).try_for_each(|past| state.decode(&tokens[..1], past, threads)))?;
    let (_, batch_s) = timed(|| (0..64).try_for_each(|_| state.decode(&tokens[..5], 0, threads)))?;
    let (_, prompt_s) = timed(|| (0..16).try_for_each(|_| state.decode(&tokens, 0, threads)))?;
    let load = |count: usize, total_s: f64| json!({ "count": count, "total_s": total_s });
    Ok(json!({
        "load_s": load_s,
        "encode": load(1, encode_s),
        "single": load(256, single_s),
        "batch": load(64 * 5, batch_s),
        "prompt": load(16 * 256, prompt_s),
    }))
}

fn timed<T, E: std::error::Error + Send + Sync + 'static>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, f64)> {
    let started = Instant::now();
    let result = work()?;
    Ok((result, started.elapsed().as_secs_f64()))
}

/// Samples of a WAV file of 16 kHz with one channel and 16 bits.
fn samples(clip: &Path) -> Result<Vec<f32>> {
    let mut reader = hound::WavReader::open(clip).with_context(|| format!("reading {}", clip.display()))?;
    let spec = reader.spec();
    ensure!(
        (spec.channels, spec.sample_rate, spec.bits_per_sample) == (1, 16_000, 16),
        "{}: whisper-rs is given WAV files of 16 kHz, one channel, 16 bits",
        clip.display()
    );
    reader.samples::<i16>().map(|sample| Ok(f32::from(sample?) / 32_768.0)).collect()
}
