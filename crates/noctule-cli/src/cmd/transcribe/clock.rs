//! Times of what the engine heard → times of the file.

use noctule::Segment;
use noctule_audio::stereo::Loudness;
use noctule_audio::vad::TimeMap;
use noctule_listen::speakers::speaker;

/// Places segments in the file: over skipped silence and behind the offset.
/// With two channels it also says who speaks.
pub struct FileClock {
    offset: f64,
    map: Option<TimeMap>,
    loudness: Option<Loudness>,
}

impl FileClock {
    /// `offset`: where reading began, seconds. `map`: from speech to what was read.
    pub fn new(offset: f64, map: Option<TimeMap>, loudness: Option<Loudness>) -> Self {
        Self { offset, map, loudness }
    }

    /// The file's time at `seconds` of what the engine heard.
    pub fn time(&self, seconds: f64) -> f64 {
        self.offset + self.map.as_ref().map_or(seconds, |map| map.to_original(seconds))
    }

    /// Gives `segment` the file's times and its speaker.
    pub fn place(&self, segment: &mut Segment) {
        let read = |t: f64| self.map.as_ref().map_or(t, |map| map.to_original(t));
        let (start, end) = (read(segment.start), read(segment.end));
        if let Some(loudness) = &self.loudness {
            segment.speaker = Some(speaker(loudness.speaker(start, end)));
        }
        (segment.start, segment.end) = (start + self.offset, end + self.offset);
        for word in &mut segment.words {
            (word.start, word.end) = (read(word.start) + self.offset, read(word.end) + self.offset);
        }
    }
}

/// `h:mm:ss`, for people.
pub fn clock_time(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use noctule::Word;
    use noctule::transcript::Speaker;
    use noctule_audio::vad::Span;

    fn segment() -> Segment {
        Segment {
            id: 0,
            start: 0.5,
            end: 2.0,
            text: " a b".into(),
            tokens: Vec::new(),
            avg_logprob: 0.0,
            no_speech_prob: 0.0,
            compression_ratio: 1.0,
            temperature: 0.0,
            words: vec![Word { word: " a".into(), start: 0.5, end: 1.0, probability: 1.0, token_count: 1 }],
            speaker: None,
            speaker_turn_next: false,
            doubt: None,
        }
    }

    #[test]
    fn times_move_by_map_and_offset() {
        // One second of speech from 3 s and one from 8 s, 0.1 s of silence between them.
        let spans = [(3, 4), (8, 9)].map(|(a, b)| Span { start_sample: a * 16_000, end_sample: b * 16_000 });
        let map = TimeMap::new(&spans, 160_000, 0, 1600);
        let clock = FileClock::new(10.0, Some(map), None);
        let mut segment = segment();
        clock.place(&mut segment);
        assert!((segment.start - 13.5).abs() < 1e-9, "{}", segment.start);
        assert!((segment.end - 18.9).abs() < 1e-9, "{}", segment.end);
        assert!((segment.words[0].start - 13.5).abs() < 1e-9);
        assert!((segment.words[0].end - 14.0).abs() < 1e-9);
        assert_eq!(segment.speaker, None);
    }

    #[test]
    fn times_for_people() {
        assert_eq!([0.0, 61.9, 36_000.0].map(clock_time), ["0:00:00", "0:01:01", "10:00:00"]);
    }

    #[test]
    fn the_offset_does_not_move_the_channels() {
        let mut loudness = Loudness::default();
        loudness.push(&[0.1; 48_000], &[0.5; 48_000]);
        let clock = FileClock::new(100.0, None, Some(loudness));
        let mut segment = segment();
        clock.place(&mut segment);
        assert_eq!(segment.speaker, Some(Speaker::Right));
        assert_eq!(segment.end, 102.0);
    }
}
