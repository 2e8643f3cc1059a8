//! 16 kHz mono samples in, log-mel frames out: the first station of the engine,
//! between the audio reader and the encoder.
//!
//! The spectrogram is the one that Whisper was trained on: a periodic Hann
//! window of 400 samples every 160 samples, power spectrum, the filter bank
//! that comes with the model, base-10 logarithm, everything more than 8 below
//! the loudest value of the *whole* input raised to that floor, then
//! `(x + 4) / 4`. The input counts as followed by 30 s of silence. That silence
//! is never stored: a frame that holds no sample has one known value, the floor.
//!
//! A recording is never stored either. [`PeakMeter`] finds the loudest value in
//! a first pass over the samples; [`Mel`] then holds the frames of one window,
//! which are the same, bit for bit, as those of a spectrogram of the whole.
//!
//! Source: `log_mel_spectrogram` of OpenAI's package, called with 30 s of
//! padding, and whisper.cpp, which agree. They part at one frame: OpenAI
//! reflects the padded signal at its far end, where both sides are silence, so
//! even that frame is the same unless the window of the last frame reaches
//! real samples, which 30 s of silence rule out.

mod peak;
mod spectrogram;

pub use peak::PeakMeter;
pub use spectrogram::{Mel, MelMaximum};

use crate::source::{Samples, SourceError};
use noctule_model::MelFilters;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use std::ops::Range;
use std::sync::Arc;

/// Samples per second of every input.
pub const SAMPLE_RATE: usize = 16_000;
/// Samples between the centres of neighbouring frames (10 ms).
pub const HOP: usize = 160;
/// Samples under one window.
pub const WINDOW: usize = 400;
/// Silence that the input counts as followed by, samples (30 s).
pub const PADDING: usize = 30 * SAMPLE_RATE;

const BINS: usize = WINDOW / 2 + 1;
/// Smallest mel power that is told from silence.
const SILENCE: f32 = 1e-10;
/// Samples from a frame's centre up to and including the last that it needs:
/// the first frame's reflection takes one more than half a window.
const REACH: u64 = WINDOW as u64 / 2 + 1;
/// Decades under the loudest value that are kept.
const RANGE: f32 = 8.0;
/// Frames that one parallel piece of work holds: long enough that a thread's
/// scratch costs nothing, short enough to share out 30 s among four.
const FRAMES_PER_CHUNK: usize = 128;

/// Shares out work: `parallel(data, chunk_len, work)` must call `work(i, chunk)`
/// for the `i`-th chunk of `chunk_len` values of `data`, in any order and on any
/// thread. No result depends on how.
pub type ParallelFn<'a> = dyn Fn(&mut [f32], usize, &(dyn Fn(usize, &mut [f32]) + Sync)) + 'a;

/// Why a filter bank cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MelError {
    /// The model brings filters for another transform.
    #[error(
        "the model's mel filters have {found} frequency bins, but a 400-sample window has 201; the model file is damaged or of another kind"
    )]
    Bins {
        /// Bins per filter in the file.
        found: usize,
    },
    /// The filter data does not match its stated shape.
    #[error("the model states {n_mel} mel filters of {n_fft} bins but holds {found} values; the model file is damaged")]
    Shape {
        /// Filters stated.
        n_mel: usize,
        /// Bins stated.
        n_fft: usize,
        /// Values present.
        found: usize,
    },
}

/// One triangular filter: the bins where it is not zero and its weights there.
#[derive(Debug, Clone)]
struct Filter {
    bins: Range<usize>,
    first_weight: usize,
}

/// Everything that a spectrogram needs besides the samples.
pub struct MelComputer {
    fft: Arc<dyn RealToComplex<f32>>,
    hann: Vec<f32>,
    filters: Vec<Filter>,
    weights: Vec<f32>,
}

/// Buffers of one thread.
struct Scratch {
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    power: Vec<f32>,
    fft: Vec<Complex<f32>>,
}

impl std::fmt::Debug for MelComputer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MelComputer").field("n_mels", &self.filters.len()).finish_non_exhaustive()
    }
}

impl MelComputer {
    /// Plans the transform and keeps the non-zero part of each filter.
    ///
    /// # Errors
    /// The filters are not for a 400-sample window, or their data is cut short.
    pub fn new(filters: &MelFilters) -> Result<Self, MelError> {
        let (n_mel, n_fft) = (filters.n_mel, filters.n_fft);
        if n_fft != BINS {
            return Err(MelError::Bins { found: n_fft });
        }
        if n_mel.checked_mul(n_fft) != Some(filters.data.len()) {
            return Err(MelError::Shape { n_mel, n_fft, found: filters.data.len() });
        }
        let mut weights = Vec::new();
        let sparse = filters.data.chunks_exact(BINS).map(|row| {
            let first = row.iter().position(|&w| w != 0.0).unwrap_or(0);
            let end = row.iter().rposition(|&w| w != 0.0).map_or(0, |last| last + 1);
            let first_weight = weights.len();
            weights.extend_from_slice(&row[first..end.max(first)]);
            Filter { bins: first..end.max(first), first_weight }
        });
        let filters = sparse.collect();
        let hann = (0..WINDOW).map(|i| hann(i) as f32).collect();
        Ok(Self { fft: RealFftPlanner::new().plan_fft_forward(WINDOW), hann, filters, weights })
    }

    /// Channels of the spectrograms that this makes.
    pub fn n_mels(&self) -> usize {
        self.filters.len()
    }

    /// Computes base-10 logarithms of the mel powers of the frames from `first`
    /// on, `out` is `[frames][n_mels]`; `samples` hold what they need. Samples
    /// that are not finite spoil the frames they lie in, which then count as silence.
    fn log_frames(&self, samples: &FrameBuffer, first: usize, out: &mut [f32], parallel: &ParallelFn) {
        let n_mels = self.n_mels();
        if n_mels == 0 || out.is_empty() {
            return;
        }
        parallel(out, FRAMES_PER_CHUNK * n_mels, &|chunk, rows| {
            let mut scratch = self.scratch();
            for (i, row) in rows.chunks_exact_mut(n_mels).enumerate() {
                self.log_mel(samples, first + chunk * FRAMES_PER_CHUNK + i, &mut scratch, row);
            }
        });
    }

    fn scratch(&self) -> Scratch {
        Scratch {
            frame: vec![0.0; WINDOW],
            spectrum: self.fft.make_output_vec(),
            power: vec![0.0; BINS],
            fft: self.fft.make_scratch_vec(),
        }
    }

    /// log10 of the mel powers of frame `index`, centred on sample `index × 160`.
    fn log_mel(&self, samples: &FrameBuffer, index: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let Scratch { frame, spectrum, power, fft } = scratch;
        samples.frame(index, frame);
        if frame.iter().all(|x| *x == 0.0) {
            // What the transform would give; hours of digital silence must not take minutes.
            out.fill(SILENCE.log10());
            return;
        }
        frame.iter_mut().zip(&self.hann).for_each(|(x, w)| *x *= w);
        if self.fft.process_with_scratch(frame, spectrum, fft).is_err() {
            // Only wrong buffer lengths are refused, and scratch() made these.
            spectrum.fill(Complex::default());
        }
        power.iter_mut().zip(spectrum.iter()).for_each(|(p, c)| *p = c.norm_sqr());
        for (value, filter) in out.iter_mut().zip(&self.filters) {
            let weights = &self.weights[filter.first_weight..][..filter.bins.len()];
            let sum: f32 = power[filter.bins.clone()].iter().zip(weights).map(|(p, w)| p * w).sum();
            // A NaN compares as not greater and so counts as silence.
            let power = if sum > SILENCE { sum.min(f32::MAX) } else { SILENCE };
            *value = power.log10();
        }
    }
}

/// Frames whose window holds at least one of `n_samples`.
fn n_frames(n_samples: u64) -> usize {
    if n_samples == 0 { 0 } else { (n_samples + WINDOW as u64 / 2).div_ceil(HOP as u64) as usize }
}

/// The samples that some frames need.
#[derive(Debug, Clone, Default, PartialEq)]
struct FrameBuffer {
    samples: Vec<f32>,
    /// Where `samples` begin in the recording.
    start: u64,
}

impl FrameBuffer {
    /// Where the samples end in the recording.
    fn end(&self) -> u64 {
        self.start + self.samples.len() as u64
    }

    /// First sample that frame `index` or a later one needs.
    fn first_of(index: usize) -> u64 {
        (index as u64 * HOP as u64).saturating_sub(WINDOW as u64 / 2)
    }

    /// Reads the samples of `frames`, of which there is at least one.
    fn read(&mut self, source: &mut dyn Samples, frames: Range<usize>) -> Result<(), SourceError> {
        self.start = Self::first_of(frames.start);
        let end = ((frames.end as u64 - 1) * HOP as u64 + REACH).min(source.len());
        self.samples.clear();
        self.samples.resize(end.saturating_sub(self.start) as usize, 0.0);
        source.read(self.start, &mut self.samples)
    }

    /// Drops what only frames before `index` need.
    fn forget_before(&mut self, index: usize) {
        let before = Self::first_of(index).saturating_sub(self.start).min(self.samples.len() as u64);
        self.samples.drain(..before as usize);
        self.start += before;
    }

    /// Copies the 400 samples around sample `index × 160`: reflected before the
    /// start of the recording, silent behind its end.
    fn frame(&self, index: usize, out: &mut [f32]) {
        let (centre, half) = (index as u64 * HOP as u64, WINDOW as u64 / 2);
        if centre >= half + self.start && centre + half <= self.end() {
            let first = (centre - half - self.start) as usize;
            out.copy_from_slice(&self.samples[first..first + WINDOW]);
            return;
        }
        for (i, x) in out.iter_mut().enumerate() {
            // A position before the start mirrors to its distance from sample 0.
            let position = (centre + i as u64).abs_diff(half);
            let at = position.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
            *x = at.and_then(|at| self.samples.get(at)).copied().unwrap_or(0.0);
        }
    }
}

fn hann(i: usize) -> f64 {
    0.5 - 0.5 * (2.0 * std::f64::consts::PI * i as f64 / WINDOW as f64).cos()
}

fn normalise(log10: f32, floor: f32) -> f32 {
    (log10.max(floor) + 4.0) / 4.0
}

#[cfg(test)]
#[path = "mel_tests.rs"]
mod tests;
