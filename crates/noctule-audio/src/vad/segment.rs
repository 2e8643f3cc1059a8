//! From a probability per frame to spans of speech.

use crate::SAMPLE_RATE;

/// How spans are made; the fields and defaults are those of whisper.cpp's
/// `--vad-threshold`, `--vad-min-speech-duration-ms`,
/// `--vad-min-silence-duration-ms`, `--vad-max-speech-duration-s`,
/// `--vad-speech-pad-ms` and `--vad-samples-overlap`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VadOptions {
    /// A frame at or above this probability starts or continues speech. Speech
    /// ends when the probability stays under this minus 0.15.
    pub threshold: f32,
    /// Speech shorter than this is dropped, in ms.
    pub min_speech_ms: u32,
    /// Speech ends only after a silence of this length, in ms.
    pub min_silence_ms: u32,
    /// Longer speech is split at its longest pause, in seconds.
    pub max_speech_s: f32,
    /// Each span is extended by this much on both sides, in ms.
    pub speech_pad_ms: u32,
    /// [`collect`](super::collect) takes this much more audio behind every
    /// span but the last, in seconds.
    pub samples_overlap_s: f32,
}

impl Default for VadOptions {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            min_speech_ms: 250,
            min_silence_ms: 100,
            max_speech_s: f32::INFINITY,
            speech_pad_ms: 30,
            samples_overlap_s: 0.1,
        }
    }
}

/// A stretch of audio at 16 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first sample.
    pub start_sample: usize,
    /// One past the last sample.
    pub end_sample: usize,
}

impl Span {
    /// How many samples it holds.
    pub fn len(&self) -> usize {
        self.end_sample - self.start_sample
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.end_sample <= self.start_sample
    }

    /// Where it starts, in seconds.
    pub fn start_s(&self) -> f64 {
        self.start_sample as f64 / f64::from(SAMPLE_RATE)
    }

    /// Where it ends, in seconds.
    pub fn end_s(&self) -> f64 {
        self.end_sample as f64 / f64::from(SAMPLE_RATE)
    }
}

/// Speech ends below the threshold minus this (Silero's hysteresis).
const HYSTERESIS: f32 = 0.15;

/// Spans with a shorter gap become one (as in whisper.cpp): 200 ms.
const MERGE_GAP: usize = 3200;

/// Makes spans of speech from the probability of each frame of `frame_len`
/// samples; `total` is the number of samples in the recording.
///
/// Hysteresis and padding are those of Silero's `get_speech_timestamps`; the
/// merging of close spans is whisper.cpp's. Unlike there, over-long speech is
/// split after the merging (which would undo it), at the longest pause inside,
/// and positions are samples, not hundredths of a second.
pub fn segments(probabilities: &[f32], frame_len: usize, total: usize, options: &VadOptions) -> Vec<Span> {
    let mut builder = SpanBuilder::new(frame_len, options);
    probabilities.iter().for_each(|&p| builder.push(p));
    builder.finish(total)
}

/// [`segments`] of probabilities that come one after the other.
#[derive(Debug, Clone)]
pub struct SpanBuilder {
    options: VadOptions,
    frame_len: usize,
    /// Frames so far.
    frames: usize,
    /// Where the speech began that has not ended, and the silence that may end it.
    start: Option<usize>,
    silence_from: Option<usize>,
    spans: Vec<Span>,
    /// Only where speech is to be split.
    probabilities: Vec<f32>,
}

impl SpanBuilder {
    /// For frames of `frame_len` samples.
    pub fn new(frame_len: usize, options: &VadOptions) -> Self {
        let frame_len = frame_len.max(1);
        let (spans, probabilities) = (Vec::new(), Vec::new());
        Self { options: *options, frame_len, frames: 0, start: None, silence_from: None, spans, probabilities }
    }

    /// Takes in the probability of the next frame. Speech lasts from the first
    /// frame over the threshold to the start of a silence that is long enough.
    pub fn push(&mut self, p: f32) {
        let here = self.frames * self.frame_len;
        self.frames += 1;
        if longest_speech(&self.options).is_some() {
            self.probabilities.push(p);
        }
        if p >= self.options.threshold {
            self.start.get_or_insert(here);
            self.silence_from = None;
        } else if let Some(start_sample) = self.start
            && p < silence_threshold(&self.options)
        {
            let end_sample = *self.silence_from.get_or_insert(here);
            if here - end_sample >= samples(self.options.min_silence_ms) {
                self.add(Span { start_sample, end_sample });
                (self.start, self.silence_from) = (None, None);
            }
        }
    }

    /// The spans in a recording of `total` samples.
    pub fn finish(mut self, total: usize) -> Vec<Span> {
        if let Some(start_sample) = self.start.filter(|start| *start < total) {
            self.add(Span { start_sample, end_sample: total });
        }
        let Self { options, frame_len, mut spans, probabilities, .. } = self;
        // The last frame may be longer than what is left of the recording.
        spans.retain(|span| span.start_sample < total);
        spans.iter_mut().for_each(|span| span.end_sample = span.end_sample.min(total));
        merge(&mut spans);
        if let Some(longest) = longest_speech(&options) {
            spans = split_all(&spans, longest, &probabilities, frame_len, &options);
        }
        pad(&mut spans, samples(options.speech_pad_ms), total);
        spans
    }

    fn add(&mut self, span: Span) {
        if span.len() > samples(self.options.min_speech_ms) {
            self.spans.push(span);
        }
    }
}

/// The longest speech that is left whole, samples; `None` where there is no limit.
fn longest_speech(options: &VadOptions) -> Option<usize> {
    let longest = f64::from(options.max_speech_s) * f64::from(SAMPLE_RATE);
    (longest < usize::MAX as f64).then_some(longest as usize)
}

fn samples(ms: u32) -> usize {
    (u64::from(ms) * u64::from(SAMPLE_RATE) / 1000) as usize
}

fn silence_threshold(options: &VadOptions) -> f32 {
    (options.threshold - HYSTERESIS).max(0.01)
}

fn merge(spans: &mut Vec<Span>) {
    spans.dedup_by(|next, kept| {
        let close = next.start_sample - kept.end_sample < MERGE_GAP;
        if close {
            kept.end_sample = next.end_sample;
        }
        close
    });
}

/// Splits what is longer than the longest allowed speech.
fn split_all(
    spans: &[Span],
    longest: usize,
    probabilities: &[f32],
    frame_len: usize,
    options: &VadOptions,
) -> Vec<Span> {
    let pads = 2 * samples(options.speech_pad_ms);
    // Less than a few frames would cut speech to dust.
    let longest = longest.saturating_sub(pads).max(8 * frame_len);
    let mut out = Vec::with_capacity(spans.len());
    for &span in spans {
        let mut rest = span;
        while rest.len() > longest {
            let (end_sample, start_sample) = cut(rest, longest, probabilities, frame_len, options);
            out.push(Span { end_sample, ..rest });
            rest.start_sample = start_sample;
        }
        if !rest.is_empty() {
            out.push(rest);
        }
    }
    out
}

/// Where to cut `span` within its first `longest` samples: the end of the
/// first part and the start of the second, which differ by the pause.
fn cut(span: Span, longest: usize, probabilities: &[f32], frame_len: usize, options: &VadOptions) -> (usize, usize) {
    let low = silence_threshold(options);
    let first = span.start_sample / frame_len + 1;
    let last = ((span.start_sample + longest) / frame_len).min(probabilities.len());
    let frames = &probabilities[first.min(last)..last];

    let (mut pause, mut run) = (0..0, 0..0);
    for (i, &p) in frames.iter().enumerate() {
        run = if p < low { run.start..i + 1 } else { i + 1..i + 1 };
        if run.len() > pause.len() {
            pause = run.clone();
        }
    }
    if !pause.is_empty() {
        return ((first + pause.start) * frame_len, (first + pause.end) * frame_len);
    }
    // No pause at all: the weakest frame of the second half, so that the parts
    // stay long.
    let half = frames.len() / 2;
    let weakest = frames[half..].iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
    let frame = first + half + weakest.map_or(0, |(i, _)| i);
    let at = (frame * frame_len).clamp(span.start_sample + 1, span.start_sample + longest);
    (at, at)
}

/// Extends each span on both sides; neighbours that are too close share the
/// silence between them.
fn pad(spans: &mut [Span], pad: usize, total: usize) {
    let count = spans.len();
    for i in 0..count {
        if i == 0 {
            spans[0].start_sample = spans[0].start_sample.saturating_sub(pad);
        }
        if i + 1 == count {
            spans[i].end_sample = (spans[i].end_sample + pad).min(total);
        } else {
            let gap = spans[i + 1].start_sample - spans[i].end_sample;
            let (after, before) = if gap < 2 * pad { (gap / 2, gap - gap / 2) } else { (pad, pad) };
            spans[i].end_sample += after;
            spans[i + 1].start_sample -= before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: usize = 512;

    fn spans_of(probabilities: &[f32], options: &VadOptions) -> Vec<(usize, usize)> {
        segments(probabilities, FRAME, probabilities.len() * FRAME, options)
            .iter()
            .map(|s| (s.start_sample, s.end_sample))
            .collect()
    }

    /// `(value, frames)` pairs, written out.
    fn curve(parts: &[(f32, usize)]) -> Vec<f32> {
        parts.iter().flat_map(|&(p, n)| vec![p; n]).collect()
    }

    #[test]
    fn one_stretch_is_padded_by_30_ms() {
        let p = curve(&[(0.1, 20), (0.9, 30), (0.1, 20)]);
        assert_eq!(spans_of(&p, &VadOptions::default()), [(20 * FRAME - 480, 50 * FRAME + 480)]);
    }

    #[test]
    fn the_hysteresis_bridges_weak_frames() {
        // 0.40 is under the threshold but not under 0.35.
        let p = curve(&[(0.0, 20), (0.9, 20), (0.40, 40), (0.9, 20), (0.0, 20)]);
        assert_eq!(spans_of(&p, &VadOptions::default()).len(), 1);
        let p = curve(&[(0.0, 20), (0.9, 20), (0.30, 40), (0.9, 20), (0.0, 20)]);
        assert_eq!(spans_of(&p, &VadOptions::default()).len(), 2);
    }

    #[test]
    fn short_speech_is_dropped_and_short_gaps_are_merged() {
        let p = curve(&[(0.0, 20), (0.9, 7), (0.0, 20)]);
        assert_eq!(spans_of(&p, &VadOptions::default()), []);
        // 5 frames are 160 ms: a silence (over 100 ms), but merged (under 200 ms).
        let p = curve(&[(0.0, 20), (0.9, 20), (0.0, 5), (0.9, 20), (0.0, 20)]);
        assert_eq!(spans_of(&p, &VadOptions::default()).len(), 1);
        // 7 frames are 224 ms.
        let p = curve(&[(0.0, 20), (0.9, 20), (0.0, 7), (0.9, 20), (0.0, 20)]);
        assert_eq!(spans_of(&p, &VadOptions::default()).len(), 2);
    }

    #[test]
    fn speech_at_the_end_lasts_to_the_last_sample() {
        let p = curve(&[(0.0, 20), (0.9, 20)]);
        let total = 40 * FRAME - 100;
        let spans = segments(&p, FRAME, total, &VadOptions::default());
        assert_eq!(spans.last().map(|s| s.end_sample), Some(total));
    }

    #[test]
    fn long_speech_is_split_at_its_longest_pause() {
        // Two pauses that are too short to end speech: 1 frame and 3 frames.
        let p = curve(&[(0.9, 40), (0.1, 1), (0.9, 30), (0.1, 3), (0.9, 60)]);
        let options = VadOptions { max_speech_s: 3.0, speech_pad_ms: 0, ..Default::default() };
        let (pause_start, pause_end) = (71 * FRAME, 74 * FRAME);
        assert_eq!(spans_of(&p, &options), [(0, pause_start), (pause_end, 134 * FRAME)]);
        // No pause at all: still never longer than asked.
        let p = vec![0.9; 1000];
        for span in spans_of(&p, &options) {
            assert!(span.1 - span.0 <= 48_000);
        }
    }

    proptest! {
        #[test]
        fn spans_are_ordered_and_inside(
            p in prop::collection::vec(0.0f32..1.0, 0..400),
            threshold in 0.0f32..1.0,
            min_speech_ms in 0u32..500,
            min_silence_ms in 0u32..500,
            max_speech_s in prop_oneof![Just(f32::INFINITY), 0.0f32..6.0],
            speech_pad_ms in 0u32..400,
            cut_off in 0usize..FRAME,
        ) {
            let options = VadOptions {
                threshold, min_speech_ms, min_silence_ms, max_speech_s, speech_pad_ms,
                ..Default::default()
            };
            let total = (p.len() * FRAME).saturating_sub(cut_off);
            let spans = segments(&p, FRAME, total, &options);
            let mut last = 0;
            for span in &spans {
                prop_assert!(last <= span.start_sample);
                prop_assert!(span.start_sample < span.end_sample || total == 0);
                last = span.end_sample;
            }
            prop_assert!(last <= total);
        }
    }
}
