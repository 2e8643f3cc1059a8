//! What a session needs of a voice-activity detector, so that it can be tested with a scripted one.

use noctule_audio::vad::Vad;

/// Tells how likely a frame of sound is speech.
pub trait Detector {
    /// Samples of a frame.
    fn frame_len(&self) -> usize;

    /// The probability (0..1) that the next frame of the stream is speech; a frame at the end of a stream may be shorter.
    fn predict(&mut self, frame: &[f32]) -> f32;
}

impl Detector for Vad {
    fn frame_len(&self) -> usize {
        Self::frame_len(self)
    }

    fn predict(&mut self, frame: &[f32]) -> f32 {
        Self::predict(self, frame)
    }
}
