//! How much memory a run will need, how much there is, and how much was used.

use crate::options::{AudioContext, Options};
use noctule_kernels::Precision;
use noctule_model::{Hparams, Model};
use std::fs;
use std::path::Path;

/// Bytes of an `f32`, in which activations are kept.
const F32: u64 = 4;

/// Pages of the program and of the C library, tables, tokens and audio buffers, bytes.
const FIXED: u64 = 13_000_000;

/// Weight rows that a task unpacks in the encoder, as floats and as integers.
const HIDDEN_ROWS: u64 = 192;
const INTEGER_ROWS: u64 = 256;

/// Bytes of the buffers that a [`Transcriber`](crate::Transcriber) took for its last window. Those of the encoder are given
/// back before those of the decoder are taken; the weights lie in the model's file and are not among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Keys and values of the text, of all beams.
    pub self_kv: u64,
    /// Keys and values of the audio.
    pub cross_kv: u64,
    /// Log-mel frames of a window, as they are computed and as the convolutions read them.
    pub mel: u64,
    /// Activations of the encoder, convolutions included.
    pub encoder: u64,
    /// Activations of the decoder, and logits.
    pub decoder: u64,
}

impl Buffers {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.self_kv + self.cross_kv + self.mel + self.encoder + self.decoder
    }
}

/// Bytes that these buffers hold, used or not.
pub(crate) fn floats(buffers: &[&Vec<f32>]) -> u64 {
    buffers.iter().map(|buffer| buffer.capacity() as u64 * F32).sum()
}

/// The process's peak resident set in bytes, from the kernel's own count
/// (`VmHWM`); `None` where there is no `/proc`.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    kibibytes(&status, "VmHWM:")
}

/// Bytes that a new process may take without others being swapped out (`MemAvailable`), but not more
/// than the limit of this process's control group; `None` where there is no `/proc`.
pub fn available_bytes() -> Option<u64> {
    let free = kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    Some(group_limit().map_or(free, |limit| free.min(limit)))
}

/// `memory.max` of the control group (version 2).
fn group_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let limit = fs::read_to_string(Path::new("/sys/fs/cgroup").join(group).join("memory.max")).ok()?;
    limit.trim().parse().ok()
}

fn kibibytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(field))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}

/// About how much memory a run with `model` takes, bytes: the weights, which stay in their file
/// but are all read in every window, and what [`working_set_bytes`] says. Without a `precision` that of the model's type.
pub fn predicted_bytes(model: &Model, precision: Option<Precision>, options: &Options) -> u64 {
    let precision = precision.unwrap_or_else(|| default_precision(model));
    model.size_bytes() + working_set_bytes(model.hparams(), precision, options)
}

/// How much memory a way to run takes above the weights, bytes.
pub type WorkingSet = fn(&Hparams, Precision, &Options) -> u64;

/// [`working_set_bytes`] of listening, which keeps all buffers from one step to the next.
pub fn live_set_bytes(hparams: &Hparams, precision: Precision, options: &Options) -> u64 {
    let Stages { fixed, encoder, features, cross, decoder } = Stages::of(hparams, precision, options, IN_A_ROW);
    fixed + encoder + features + cross + decoder
}

/// How much speech there is, by which some buffers grow.
#[derive(Clone, Copy)]
struct Speech {
    /// Tokens of a window's prompt and text.
    tokens: u64,
    /// Tokens that each further beam has for itself.
    own: u64,
    /// Tokens of the prompt.
    prompt: u64,
    /// Windows of log-mel frames that are kept.
    windows: u64,
    /// Samples that are kept so that a window can be read again.
    samples: u64,
}

/// A window with 10 to 20 s of speech, nothing before it.
const ALONE: Speech = Speech { tokens: 128, own: 24, prompt: 64, windows: 2, samples: 0 };

/// Windows full of speech that follow each other: the text before is in front of each as far as there is room,
/// and a minute of samples is kept.
const IN_A_ROW: Speech = Speech { tokens: 448, own: 96, prompt: 224, windows: 6, samples: 64 * 16_000 };

/// About how much memory a run with a recording of one window takes above the weights, bytes. What the encoder takes is
/// given back before the decoder works, so it is the most that one of three stages holds: the encoder in its layers; keys
/// and values of the audio beside the features that they are made of; these with the keys and values of the text. How far
/// it is off: docs/SPEED.md.
pub fn working_set_bytes(hparams: &Hparams, precision: Precision, options: &Options) -> u64 {
    Stages::of(hparams, precision, options, ALONE).peak()
}

/// As [`working_set_bytes`] for recordings of more than one window. It does not grow with their length.
pub fn long_set_bytes(hparams: &Hparams, precision: Precision, options: &Options) -> u64 {
    Stages::of(hparams, precision, options, IN_A_ROW).peak()
}

/// What the stages of a run take, bytes.
struct Stages {
    fixed: u64,
    encoder: u64,
    features: u64,
    cross: u64,
    decoder: u64,
}

impl Stages {
    fn peak(self) -> u64 {
        self.fixed + self.encoder.max(self.cross + self.features).max(self.cross + self.decoder)
    }

    fn of(hparams: &Hparams, precision: Precision, options: &Options, speech: Speech) -> Self {
        let h = |n: usize| n as u64;
        let positions = h(match options.audio_ctx {
            AudioContext::Full | AudioContext::Auto => hparams.n_audio_ctx,
            AudioContext::Positions(n) => n.min(hparams.n_audio_ctx),
        });
        let (d, width, layers) = (h(hparams.n_audio_state), h(hparams.n_text_state), h(hparams.n_text_layer));
        let (mels, vocabulary) = (h(hparams.n_mels), h(hparams.n_vocab));
        // Values of 8 bits have a scale and a sum for each 64 positions.
        let cached = 2 * positions.next_multiple_of(64) * width * layers;
        let (encoder, features, cross) = match precision {
            // Residual stream, norm, queries, keys and values, all f32; weights of 192 rows for each of two threads.
            Precision::Accurate => (20 * positions * d + 2 * HIDDEN_ROWS * 4 * d * F32, 4 * positions * d, 2 * cached),
            // The residual stream in f32, all else in bytes, of which the norm has two and the hidden layer four.
            Precision::Fast => (13 * positions * d + 2 * INTEGER_ROWS * 4 * d, 2 * positions * d, cached * 9 / 8),
        };
        let search = &options.search;
        let samples = if search.fallback && search.temperature_inc > 0.0 { search.best_of } else { 1 };
        let beams = h(search.beam_size.max(samples).max(1));
        // Keys and values of two bytes.
        let cells = 2 * 2 * (speech.tokens + speech.own * (beams - 1)) * width * layers;
        // Logits of the prompt and of each beam; activations of the prompt.
        let decoder = cells + F32 * ((beams + 5) * vocabulary + 7 * width * speech.prompt);
        let words = if options.word_timestamps { F32 * positions * 8 * speech.tokens / 2 } else { 0 };
        // The convolutions' weights in f16, log-mel frames, samples.
        let kept = 2 * 3 * d * (mels + d) + F32 * (speech.windows * positions * mels + speech.samples);
        Self { fixed: FIXED + kept, encoder, features, cross, decoder: decoder + words }
    }
}

/// The precision that the type of the model's weights asks for: what is rounded in the file may be rounded in the run.
pub fn default_precision(model: &Model) -> Precision {
    match model.weight_type().to_string().as_str() {
        "f32" | "f16" | "bf16" => Precision::Accurate,
        _ => Precision::Fast,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        let text = "MemTotal:  100 kB\nMemAvailable:      42 kB\n";
        assert_eq!(kibibytes(text, "MemAvailable:"), Some(43_008));
        assert_eq!(kibibytes(text, "SwapFree:"), None);
        assert_eq!(kibibytes("MemAvailable: 99999999999999999999 kB", "MemAvailable:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells() {
        assert!(peak_rss_bytes() > Some(1 << 20));
        assert!(available_bytes() > Some(1 << 20));
    }

    #[cfg(feature = "embedded-model")]
    #[test]
    fn more_beams_need_more() {
        let model = crate::embedded_model().unwrap();
        let mut options = Options::default();
        let five = predicted_bytes(&model, None, &options);
        assert!((model.size_bytes() + (20 << 20)..model.size_bytes() + (40 << 20)).contains(&five), "{five}");
        (options.search.beam_size, options.search.best_of) = (1, 1);
        assert!(predicted_bytes(&model, None, &options) < five);
    }
}
