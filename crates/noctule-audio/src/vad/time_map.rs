//! The speech without the silence between it, and the way back for times.

use super::{Span, VadOptions};
use crate::SAMPLE_RATE;

/// Silence that is put between two spans: 0.1 s.
const GAP: usize = 1600;

/// Joins the speech of a recording into one shorter signal, and gives the map
/// that takes its times back to the recording.
///
/// `spans` are in order, without overlap and inside `samples`, as
/// [`segments`](super::segments) gives them; whatever lies outside is cut off.
/// Between two spans come 0.1 s of silence; each span but the last is extended
/// by `options.samples_overlap_s` of what follows it, at most up to the next
/// span (as in whisper.cpp).
pub fn collect(samples: &[f32], spans: &[Span], options: &VadOptions) -> (Vec<f32>, TimeMap) {
    let map = TimeMap::of_speech(spans, samples.len(), options);
    let mut out = vec![0.0; map.collected_len()];
    let copied: Result<(), std::convert::Infallible> = map.read_collected(0, &mut out, |start, out| {
        out.copy_from_slice(&samples[start as usize..][..out.len()]);
        Ok(())
    });
    let Ok(()) = copied;
    (out, map)
}

/// Takes times in the collected speech back to the original recording, exactly
/// (to the sample, not to a hundredth of a second).
///
/// The map is monotonic. A time inside a piece of speech moves with it; a time
/// in the silence between two pieces goes to the nearer border; times before
/// the first and behind the last piece go to their borders. Without any speech
/// every time stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeMap {
    pieces: Vec<Piece>,
}

/// A stretch of the recording and its place in the collected signal, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    original_start: usize,
    collected_start: usize,
    len: usize,
}

impl TimeMap {
    /// A map for spans of a recording of `total` samples, each but the last
    /// extended by `overlap` samples, with `gap` samples between them.
    pub fn new(spans: &[Span], total: usize, overlap: usize, gap: usize) -> Self {
        let mut pieces: Vec<Piece> = Vec::with_capacity(spans.len());
        let mut original_end = 0;
        for (i, span) in spans.iter().enumerate() {
            let start = span.start_sample.clamp(original_end, total.max(original_end));
            let next = spans.get(i + 1);
            let limit = next.map_or(span.end_sample, |next| next.start_sample.max(span.end_sample));
            let end = span.end_sample.saturating_add(overlap).min(limit).min(total);
            if end <= start {
                continue;
            }
            let collected_start = pieces.last().map_or(0, |p| p.collected_start + p.len + gap);
            pieces.push(Piece { original_start: start, collected_start, len: end - start });
            original_end = end;
        }
        Self { pieces }
    }

    /// The map that [`collect`] makes for a recording of `total` samples.
    pub fn of_speech(spans: &[Span], total: usize, options: &VadOptions) -> Self {
        let overlap = f64::from(options.samples_overlap_s) * f64::from(SAMPLE_RATE);
        Self::new(spans, total, overlap.max(0.0) as usize, GAP)
    }

    /// Fills `out` with the collected signal from sample `start` on. `read`
    /// fills a slice with the recording's samples from a place on; it is called
    /// for one piece after the other.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read_collected<E>(
        &self,
        start: u64,
        out: &mut [f32],
        mut read: impl FnMut(u64, &mut [f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let end = start + out.len() as u64;
        out.fill(0.0);
        let first = self.pieces.partition_point(|p| (p.collected_start + p.len) as u64 <= start);
        for piece in self.pieces[first..].iter().take_while(|p| (p.collected_start as u64) < end) {
            let begin = piece.collected_start as u64;
            let (from, to) = (start.max(begin), end.min(begin + piece.len as u64));
            let place = (from - start) as usize..(to - start) as usize;
            read(piece.original_start as u64 + (from - begin), &mut out[place])?;
        }
        Ok(())
    }

    /// The length of the collected signal in samples.
    pub fn collected_len(&self) -> usize {
        self.pieces.last().map_or(0, |p| p.collected_start + p.len)
    }

    /// Takes a time in the collected signal, in seconds, to the time in the
    /// recording, in seconds.
    pub fn to_original(&self, t: f64) -> f64 {
        let rate = f64::from(SAMPLE_RATE);
        let at = t * rate;
        // The last piece that starts at or before the time.
        let after = self.pieces.partition_point(|p| p.collected_start as f64 <= at);
        let Some(piece) = after.checked_sub(1).map(|i| self.pieces[i]) else {
            return self.pieces.first().map_or(t, |p| p.original_start as f64 / rate);
        };
        let inside = at - piece.collected_start as f64;
        if inside <= piece.len as f64 {
            return (piece.original_start as f64 + inside) / rate;
        }
        let end = (piece.original_start + piece.len) as f64 / rate;
        match self.pieces.get(after) {
            Some(next) => {
                let middle = (piece.collected_start + piece.len + next.collected_start) as f64 / 2.0;
                if at < middle { end } else { next.original_start as f64 / rate }
            }
            None => end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(start_sample: usize, end_sample: usize) -> Span {
        Span { start_sample, end_sample }
    }

    const S: f64 = 16_000.0;

    #[test]
    fn speech_moves_and_silence_goes_to_the_nearer_border() {
        let recording: Vec<f32> = (0..100_000).map(|i| i as f32).collect();
        let spans = [span(10_000, 20_000), span(50_000, 60_000)];
        let options = VadOptions { samples_overlap_s: 0.1, ..Default::default() };
        let (speech, map) = collect(&recording, &spans, &options);
        // 10 000 + 1600 of overlap, 1600 of silence, 10 000.
        assert_eq!(speech.len(), 23_200);
        assert_eq!(map.collected_len(), 23_200);
        assert_eq!(speech[0], 10_000.0);
        assert_eq!(speech[11_599], 21_599.0);
        assert!(speech[11_600..13_200].iter().all(|&x| x == 0.0));
        assert_eq!(speech[13_200], 50_000.0);

        let back = |sample: f64| map.to_original(sample / S) * S;
        assert_eq!(back(0.0).round(), 10_000.0);
        assert_eq!(back(11_000.0).round(), 21_000.0);
        assert_eq!(back(11_900.0).round(), 21_600.0);
        assert_eq!(back(12_500.0).round(), 50_000.0);
        assert_eq!(back(13_300.0).round(), 50_100.0);
        assert_eq!(back(99_999.0).round(), 60_000.0);
        assert_eq!(back(-1.0).round(), 10_000.0);
    }

    #[test]
    fn the_overlap_stops_at_the_next_span() {
        let map = TimeMap::new(&[span(0, 1000), span(1200, 3000)], 3000, 1600, 1600);
        assert_eq!(map.collected_len(), 1200 + 1600 + 1800);
    }

    #[test]
    fn without_speech_times_stay() {
        let map = TimeMap::new(&[], 1000, 0, 1600);
        assert_eq!(map.to_original(1.25), 1.25);
        assert_eq!(map.collected_len(), 0);
    }

    proptest! {
        #[test]
        fn exact_inside_and_monotonic(
            lengths in prop::collection::vec((0usize..5000, 1usize..20_000), 1..12),
            overlap in 0usize..3000,
            times in prop::collection::vec(-1.0f64..30.0, 2..40),
        ) {
            let mut at = 0;
            let spans: Vec<Span> = lengths
                .iter()
                .map(|&(silence, speech)| {
                    let start = at + silence;
                    at = start + speech;
                    span(start, at)
                })
                .collect();
            // Every sample knows its own index.
            let recording: Vec<f32> = (0..at).map(|i| i as f32 + 1.0).collect();
            let options = VadOptions {
                samples_overlap_s: overlap as f32 / 16_000.0,
                ..Default::default()
            };
            let (speech, map) = collect(&recording, &spans, &options);
            prop_assert_eq!(speech.len(), map.collected_len());
            for (i, &value) in speech.iter().enumerate().filter(|&(_, &v)| v != 0.0) {
                let original = map.to_original(i as f64 / S) * S;
                prop_assert!((original - f64::from(value - 1.0)).abs() < 1e-6);
            }
            let mut times = times;
            times.sort_by(f64::total_cmp);
            let mapped: Vec<f64> = times.iter().map(|&t| map.to_original(t)).collect();
            prop_assert!(mapped.is_sorted());
            for t in mapped {
                prop_assert!(t >= spans[0].start_s() && t <= spans[spans.len() - 1].end_s() + 1e-9);
            }
        }
    }
}
