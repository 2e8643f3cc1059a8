//! The frames of a recording that the current window needs.

use super::{FrameBuffer, HOP, MelComputer, PADDING, ParallelFn, RANGE, SILENCE, WINDOW, n_frames, normalise};
use crate::source::{Samples, SourceError};
use std::ops::Range;

/// Which maximum the floor lies 8 decades under.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MelMaximum {
    /// That of the whole recording (base-10 logarithm of a mel power), as in
    /// OpenAI's package and whisper.cpp. [`PeakMeter`](super::PeakMeter) finds it.
    Global(f32),
    /// That of everything up to the end of the window: all that is known of
    /// sound that is still being recorded. The text can differ a little (docs/MODEL.md).
    Running,
}

/// A stretch of a log-mel spectrogram that moves through the recording, and
/// what lies behind its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Mel {
    n_mels: usize,
    n_samples: u64,
    running: bool,
    /// Base-10 logarithm of the largest mel power, as far as it is known.
    loudest: f32,
    /// Index of the first frame that is stored.
    first: usize,
    /// Base-10 logarithms, `[frames][n_mels]`, not yet raised to the floor.
    logs: Vec<f32>,
    samples: FrameBuffer,
}

impl Mel {
    /// An empty spectrogram of `n_mels` channels.
    pub fn new(n_mels: usize) -> Self {
        let samples = FrameBuffer::default();
        Self { n_mels, n_samples: 0, running: false, loudest: SILENCE.log10(), first: 0, logs: Vec::new(), samples }
    }

    /// Bytes of the frames and of the samples under them.
    pub(crate) fn size_bytes(&self) -> u64 {
        crate::memory::floats(&[&self.logs, &self.samples.samples])
    }

    /// Forgets everything and expects a recording of `n_samples`. Memory is kept.
    pub fn start(&mut self, n_samples: u64, maximum: MelMaximum) {
        (self.n_samples, self.first) = (n_samples, 0);
        self.logs.clear();
        self.set_maximum(maximum);
    }

    /// Changes the maximum; [`Running`](MelMaximum::Running) begins at silence.
    pub fn set_maximum(&mut self, maximum: MelMaximum) {
        (self.running, self.loudest) = match maximum {
            MelMaximum::Global(loudest) => (false, loudest.max(SILENCE.log10())),
            MelMaximum::Running => (true, SILENCE.log10()),
        };
    }

    /// The maximum, as far as it is known.
    pub fn loudest(&self) -> f32 {
        self.loudest
    }

    /// Takes in a maximum that was heard before the frames that are stored.
    pub(crate) fn raise_maximum(&mut self, loudest: f32) {
        self.loudest = self.loudest.max(loudest);
    }

    /// Channels per frame.
    pub fn n_mels(&self) -> usize {
        self.n_mels
    }

    /// Frames of the recording whose window holds at least one sample.
    pub fn n_frames(&self) -> usize {
        n_frames(self.n_samples)
    }

    /// Frames that count as the audio's own, `1 + (samples − 200) / 160`
    /// (whisper.cpp's `n_len_org`): where the transcriber stops.
    pub fn n_frames_org(&self) -> usize {
        let half = (WINDOW / 2) as i64;
        usize::try_from(1 + (self.n_samples as i64 - half) / HOP as i64).unwrap_or(0)
    }

    /// Frames including the 30 s of silence behind the audio; behind these there is nothing.
    pub fn n_frames_padded(&self) -> usize {
        ((self.n_samples + PADDING as u64) / HOP as u64) as usize
    }

    /// Samples of the recording.
    pub fn n_samples(&self) -> u64 {
        self.n_samples
    }

    /// The value of every channel of a frame of silence.
    pub fn floor(&self) -> f32 {
        normalise(SILENCE.log10(), self.loudest - RANGE)
    }

    /// The frames that are stored.
    pub fn stored(&self) -> Range<usize> {
        self.first..self.first + self.logs.len() / self.n_mels.max(1)
    }

    /// The loudest logarithm among the stored frames, at least −10.
    pub fn loudest_stored(&self) -> f32 {
        self.logs.iter().copied().fold(SILENCE.log10(), f32::max)
    }

    /// How many of the stored frames come before the first that holds more than
    /// silence (a mel power above 10⁻¹⁰).
    pub fn leading_silence(&self) -> usize {
        let silent = |frame: &&[f32]| frame.iter().all(|log| *log <= SILENCE.log10());
        self.logs.chunks_exact(self.n_mels.max(1)).take_while(silent).count()
    }

    /// Moves to the `frames` of `source`; what is stored of them already is not computed again.
    ///
    /// # Errors
    /// Those of `source`.
    pub fn fill(
        &mut self,
        computer: &MelComputer,
        source: &mut dyn Samples,
        frames: Range<usize>,
        parallel: &ParallelFn,
    ) -> Result<(), SourceError> {
        let wanted = frames.start.min(self.n_frames())..frames.end.min(self.n_frames());
        let stored = self.stored();
        if stored.contains(&wanted.start) {
            self.logs.drain(..(wanted.start - stored.start) * self.n_mels);
        } else {
            self.logs.clear();
        }
        self.first = wanted.start;
        let missing = self.stored().end..wanted.end;
        if missing.is_empty() {
            return Ok(());
        }
        self.samples.read(source, missing.clone())?;
        let kept = self.logs.len();
        self.logs.resize(kept + missing.len() * self.n_mels, 0.0);
        computer.log_frames(&self.samples, missing.start, &mut self.logs[kept..], parallel);
        if self.running {
            self.loudest = self.loudest.max(self.loudest_stored());
        }
        Ok(())
    }

    /// The values of frame `index`: those of a stored frame, or of silence behind the end of the audio.
    ///
    /// # Panics
    /// The frame holds audio and is not stored.
    pub fn frame(&self, index: usize) -> impl Iterator<Item = f32> + '_ {
        let floor = self.loudest - RANGE;
        let own = (index < self.n_frames()).then(|| {
            let at = index.checked_sub(self.first).expect("frame before the stored ones");
            &self.logs[at * self.n_mels..][..self.n_mels]
        });
        (0..self.n_mels).map(move |channel| normalise(own.map_or(SILENCE.log10(), |own| own[channel]), floor))
    }

    /// Fills `out`, `[n_frames + 2][n_mels]`, with frames `start..start + n_frames`
    /// between two rows of zeros, which the padded convolution of the encoder's
    /// stem reads. Frames behind the padded end are zero, as in OpenAI's
    /// `pad_or_trim`, not silence.
    ///
    /// # Panics
    /// `out` has another length, or frames of the recording are not stored.
    pub fn window(&self, start: usize, n_frames: usize, out: &mut [f32]) {
        assert_eq!(out.len(), (n_frames + 2) * self.n_mels, "window buffer holds another number of frames");
        if self.n_mels == 0 {
            return;
        }
        let padded = self.n_frames_padded();
        for (i, row) in out.chunks_exact_mut(self.n_mels).enumerate() {
            let index = start.saturating_add(i).wrapping_sub(1);
            if i == 0 || i > n_frames || index >= padded {
                row.fill(0.0);
            } else {
                row.iter_mut().zip(self.frame(index)).for_each(|(to, value)| *to = value);
            }
        }
    }
}
