//! Voice-activity detection: 16 kHz samples enter, the spans that hold speech
//! leave.
//!
//! Stands between [`crate::file`] and the recogniser, which then works on the
//! [collected](collect) speech only; [`TimeMap`] turns its times back into
//! times of the original audio.
//!
//! Two detectors give a probability of speech per frame:
//!
//! | | frame | weights | what it is |
//! |---|---|---|---|
//! | [`Vad::earshot`] | 16 ms | built in (40 KiB) | the `earshot` crate's small recurrent net |
//! | [`Vad::silero`] | 32 ms | handed in | Silero VAD v6.2, run by [`Silero`] |
//!
//! Which one? With the default options, on the speech that comes with the
//! repository (`testdata/speech`: 17 clips in four languages, and 20 s of
//! clattering dishes without speech):
//!
//! | | time kept of speech clips | energy kept of them | time kept of the dishes |
//! |---|---|---|---|
//! | earshot | 84.0 % | 99.8 % | 35.2 % |
//! | Silero | 80.3 % | 99.4 % | 0.0 % |
//!
//! No clip was lost by either. Silero takes less noise for speech; earshot
//! needs no file and about a third of the time. To repeat it:
//!
//! ```text
//! NOCTULE_TEST_MODELS=<folder with silero-v6.2.0-ggml.bin> \
//!   cargo run --release -p noctule-audio --example vad_compare -- testdata/speech/*.flac
//! ```
//!
//! [`segments`] then makes spans of the probabilities, with the options and
//! defaults of whisper.cpp's `--vad` flags.

mod segment;
mod silero;
mod time_map;

pub use segment::{Span, SpanBuilder, VadOptions, segments};
pub use silero::{ConvWeights, Silero, SileroShape, SileroWeights};
pub use time_map::{TimeMap, collect};

use crate::AudioError;

/// A voice-activity detector with its state.
pub enum Vad {
    /// The built-in detector.
    Earshot(Box<earshot::Detector>),
    /// Silero VAD with weights from a file.
    Silero(Box<Silero>),
}

/// Samples of one frame of the built-in detector (16 ms).
const EARSHOT_FRAME: usize = 256;

impl Vad {
    /// The built-in detector, which needs no file.
    pub fn earshot() -> Self {
        Self::Earshot(earshot::Detector::default_boxed())
    }

    /// Silero VAD on the given weights.
    ///
    /// # Errors
    /// [`AudioError::VadShape`] if a tensor does not have the size that the
    /// graph needs.
    pub fn silero(weights: SileroWeights) -> Result<Self, AudioError> {
        Ok(Self::Silero(Box::new(Silero::new(weights)?)))
    }

    /// How many samples one probability stands for.
    pub fn frame_len(&self) -> usize {
        match self {
            Self::Earshot(_) => EARSHOT_FRAME,
            Self::Silero(_) => SileroShape::V6.window,
        }
    }

    /// Forgets what was heard, for the next recording.
    pub fn reset(&mut self) {
        match self {
            Self::Earshot(detector) => detector.reset(),
            Self::Silero(silero) => silero.reset(),
        }
    }

    /// The probability (0..1) that the next frame of a stream is speech.
    ///
    /// `frame` holds the next 16 kHz samples in −1..1; one shorter than
    /// [`frame_len`](Self::frame_len) is filled with silence, and what is
    /// beyond that length is ignored. Values that are not numbers count as 0.
    pub fn predict(&mut self, frame: &[f32]) -> f32 {
        match self {
            Self::Earshot(detector) => {
                let mut clean = [0.0; EARSHOT_FRAME];
                for (to, &from) in clean.iter_mut().zip(frame) {
                    // Its contract asks for −1..1, and it asserts that.
                    *to = if from.is_nan() { 0.0 } else { from.clamp(-1.0, 1.0) };
                }
                detector.predict_f32(&clean)
            }
            Self::Silero(silero) => silero.predict(frame),
        }
    }

    /// The probability of speech in each frame of a whole recording; the last
    /// frame may be partly silence. Starts afresh.
    pub fn speech_probabilities(&mut self, samples: &[f32]) -> Vec<f32> {
        self.reset();
        samples.chunks(self.frame_len()).map(|frame| self.predict(frame)).collect()
    }

    /// The spans of a whole recording that hold speech, in order and without
    /// overlap.
    pub fn segments(&mut self, samples: &[f32], options: &VadOptions) -> Vec<Span> {
        let mut finder = SpeechFinder::new(self, options);
        finder.push(samples);
        finder.finish()
    }
}

/// Finds the speech in a recording that passes by once. Memory grows with the
/// number of spans; only to split long speech, where
/// [`VadOptions::max_speech_s`] asks for it, also with the length (0.9 MB an
/// hour).
pub struct SpeechFinder<'a> {
    vad: &'a mut Vad,
    spans: SpanBuilder,
    /// The beginning of a frame.
    rest: Vec<f32>,
    total: usize,
}

impl<'a> SpeechFinder<'a> {
    /// Starts `vad` afresh.
    pub fn new(vad: &'a mut Vad, options: &VadOptions) -> Self {
        vad.reset();
        let spans = SpanBuilder::new(vad.frame_len(), options);
        Self { vad, spans, rest: Vec::new(), total: 0 }
    }

    /// Hears the next samples.
    pub fn push(&mut self, mut samples: &[f32]) {
        let frame = self.vad.frame_len();
        self.total += samples.len();
        if !self.rest.is_empty() {
            let missing = (frame - self.rest.len()).min(samples.len());
            self.rest.extend_from_slice(&samples[..missing]);
            samples = &samples[missing..];
            if self.rest.len() < frame {
                return;
            }
            self.spans.push(self.vad.predict(&self.rest));
            self.rest.clear();
        }
        let mut frames = samples.chunks_exact(frame);
        frames.by_ref().for_each(|frame| self.spans.push(self.vad.predict(frame)));
        self.rest.extend_from_slice(frames.remainder());
    }

    /// The spans that hold speech, in order and without overlap.
    pub fn finish(mut self) -> Vec<Span> {
        if !self.rest.is_empty() {
            self.spans.push(self.vad.predict(&self.rest));
        }
        self.spans.finish(self.total)
    }
}
