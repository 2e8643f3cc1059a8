//! The loudest value of a spectrogram, from samples that pass by once.

use super::{FrameBuffer, MelComputer, ParallelFn, SILENCE, n_frames};
use std::ops::Range;

/// Frames that are computed at once.
const BLOCK: usize = 2048;

/// Hears all samples of a recording, in order, and tells the maximum that
/// [`MelMaximum::Global`](super::MelMaximum::Global) asks for. Memory does not
/// grow with the recording.
pub struct PeakMeter<'a> {
    computer: &'a MelComputer,
    parallel: Box<ParallelFn<'a>>,
    heard: FrameBuffer,
    next: usize,
    rows: Vec<f32>,
    loudest: f32,
}

impl<'a> PeakMeter<'a> {
    /// A meter that has heard nothing. `parallel` shares out the work, see [`ParallelFn`].
    pub fn new(computer: &'a MelComputer, parallel: Box<ParallelFn<'a>>) -> Self {
        let heard = FrameBuffer::default();
        Self { computer, parallel, heard, next: 0, rows: Vec::new(), loudest: SILENCE.log10() }
    }

    /// Hears the next samples.
    pub fn push(&mut self, samples: &[f32]) {
        for part in samples.chunks(BLOCK * super::HOP) {
            self.heard.samples.extend_from_slice(part);
            // Frames all of whose samples are there.
            let end = self.heard.end();
            let ready = end.checked_sub(super::REACH).map_or(0, |n| n / super::HOP as u64 + 1) as usize;
            if ready >= self.next + BLOCK {
                self.measure(self.next..ready);
            }
        }
    }

    /// The base-10 logarithm of the largest mel power, at least −10.
    pub fn finish(mut self) -> f32 {
        let frames = n_frames(self.heard.end());
        self.measure(self.next..frames);
        self.loudest
    }

    fn measure(&mut self, frames: Range<usize>) {
        self.rows.clear();
        self.rows.resize(frames.len() * self.computer.n_mels(), 0.0);
        self.computer.log_frames(&self.heard, frames.start, &mut self.rows, &*self.parallel);
        self.loudest = self.rows.iter().copied().fold(self.loudest, f32::max);
        self.next = frames.end;
        self.heard.forget_before(frames.end);
    }
}
