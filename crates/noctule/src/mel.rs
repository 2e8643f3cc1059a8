//! 16 kHz mono samples in, log-mel frames out: the first station of the engine,
//! between the audio reader and the encoder.
//!
//! The spectrogram is the one that Whisper was trained on: a periodic Hann
//! window of 400 samples every 160 samples, power spectrum, the filter bank
//! that comes with the model, base-10 logarithm, everything more than 8 below
//! the loudest value of the *whole* input raised to that floor, then
//! `(x + 4) / 4`. The input counts as followed by 30 s of silence. That silence
//! is never stored: a frame that holds no sample has one known value, the
//! floor, so memory follows the length of the audio and no sample is copied.
//!
//! Source: `log_mel_spectrogram` of OpenAI's package, called with 30 s of
//! padding, and whisper.cpp, which agree. They part at one frame: OpenAI
//! reflects the padded signal at its far end, where both sides are silence, so
//! even that frame is the same unless the window of the last frame reaches
//! real samples, which 30 s of silence rule out.

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
/// Decades under the loudest value that are kept.
const RANGE: f32 = 8.0;
/// Frames that one parallel piece of work holds: long enough that a thread's
/// scratch costs nothing, short enough to share out 30 s among four.
const FRAMES_PER_CHUNK: usize = 128;

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

/// A log-mel spectrogram, frame after frame, and what lies behind its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Mel {
    n_mels: usize,
    n_samples: usize,
    floor: f32,
    data: Vec<f32>,
}

impl Mel {
    /// An empty spectrogram of `n_mels` channels.
    pub fn new(n_mels: usize) -> Self {
        Self { n_mels, n_samples: 0, floor: normalise(SILENCE.log10(), SILENCE.log10()), data: Vec::new() }
    }

    /// Channels per frame.
    pub fn n_mels(&self) -> usize {
        self.n_mels
    }

    /// Frames whose window holds at least one sample; only these are stored.
    pub fn n_frames(&self) -> usize {
        self.data.len() / self.n_mels.max(1)
    }

    /// Frames that count as the audio's own, `1 + (samples − 200) / 160`
    /// (whisper.cpp's `n_len_org`): where the transcriber stops.
    pub fn n_frames_org(&self) -> usize {
        let half = (WINDOW / 2) as i64;
        usize::try_from(1 + (self.n_samples as i64 - half) / HOP as i64).unwrap_or(0)
    }

    /// Frames including the 30 s of silence behind the audio; behind these there is nothing.
    pub fn n_frames_padded(&self) -> usize {
        (self.n_samples + PADDING) / HOP
    }

    /// Samples that the spectrogram was computed from.
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// The stored frames, `[n_frames][n_mels]`.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The value of every channel of a frame of silence.
    pub fn floor(&self) -> f32 {
        self.floor
    }

    /// Frame `index` if it holds audio; `None` for a frame of silence, all of
    /// whose channels are [`floor`](Self::floor).
    pub fn frame(&self, index: usize) -> Option<&[f32]> {
        (index < self.n_frames()).then(|| &self.data[index * self.n_mels..][..self.n_mels])
    }

    /// Fills `out`, `[n_frames + 2][n_mels]`, with frames `start..start + n_frames`
    /// between two rows of zeros, which the padded convolution of the encoder's
    /// stem reads. Frames behind the padded end are zero, as in OpenAI's
    /// `pad_or_trim`, not silence.
    ///
    /// # Panics
    /// `out` has another length.
    pub fn window(&self, start: usize, n_frames: usize, out: &mut [f32]) {
        assert_eq!(out.len(), (n_frames + 2) * self.n_mels, "window buffer holds another number of frames");
        if self.n_mels == 0 {
            return;
        }
        let padded = self.n_frames_padded();
        let (before, rows) = out.split_at_mut(self.n_mels);
        before.fill(0.0);
        for (i, row) in rows.chunks_exact_mut(self.n_mels).enumerate() {
            let index = start.saturating_add(i);
            match self.frame(index) {
                _ if i == n_frames => row.fill(0.0),
                Some(frame) => row.copy_from_slice(frame),
                None if index < padded => row.fill(self.floor),
                None => row.fill(0.0),
            }
        }
    }
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

    /// Computes the spectrogram of 16 kHz mono `samples` (range −1 to 1) into
    /// `out`, on this thread. `out`'s memory is reused. Samples that are not
    /// finite spoil the frames they lie in, which then count as silence.
    pub fn compute(&self, samples: &[f32], out: &mut Mel) {
        self.compute_parallel(samples, out, |data, chunk, work| {
            data.chunks_mut(chunk).enumerate().for_each(|(i, piece)| work(i, piece));
        });
    }

    /// Like [`compute`](Self::compute), with the frames shared out by
    /// `par_chunks(data, chunk_len, work)`, which must call `work(i, chunk)` for
    /// the `i`-th chunk of `chunk_len` values of `data`, in any order and on any
    /// thread. The result does not depend on how.
    pub fn compute_parallel<P>(&self, samples: &[f32], out: &mut Mel, par_chunks: P)
    where
        P: Fn(&mut [f32], usize, &(dyn Fn(usize, &mut [f32]) + Sync)),
    {
        let n_mels = self.n_mels();
        let n_frames = if samples.is_empty() { 0 } else { (samples.len() + WINDOW / 2).div_ceil(HOP) };
        out.n_mels = n_mels;
        out.n_samples = samples.len();
        out.data.clear();
        out.data.resize(n_frames * n_mels, 0.0);
        if n_mels > 0 {
            par_chunks(&mut out.data, FRAMES_PER_CHUNK * n_mels, &|chunk, rows| {
                let mut scratch = self.scratch();
                for (i, row) in rows.chunks_exact_mut(n_mels).enumerate() {
                    self.log_mel(samples, chunk * FRAMES_PER_CHUNK + i, &mut scratch, row);
                }
            });
        }
        let loudest = out.data.iter().copied().fold(SILENCE.log10(), f32::max);
        let floor = loudest - RANGE;
        out.floor = normalise(SILENCE.log10(), floor);
        if n_mels > 0 {
            par_chunks(&mut out.data, FRAMES_PER_CHUNK * n_mels, &|_, rows| {
                rows.iter_mut().for_each(|x| *x = normalise(*x, floor));
            });
        }
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
    fn log_mel(&self, samples: &[f32], index: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let Scratch { frame, spectrum, power, fft } = scratch;
        fill_frame(samples, index, frame);
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

/// Copies the 400 samples around sample `index × 160`: reflected before the
/// start, silent behind the end.
fn fill_frame(samples: &[f32], index: usize, frame: &mut [f32]) {
    let centre = index * HOP;
    let half = WINDOW / 2;
    if centre >= half && centre + half <= samples.len() {
        frame.copy_from_slice(&samples[centre - half..centre + half]);
        return;
    }
    for (i, x) in frame.iter_mut().enumerate() {
        // Position before the start mirrors to its distance from sample 0.
        let position = (centre + i).abs_diff(half);
        *x = samples.get(position).copied().unwrap_or(0.0);
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
