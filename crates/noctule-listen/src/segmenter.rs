//! Words that stand → segments.
//!
//! A segment ends with a sentence, with a pause, or when it gets long. Words enter in order with
//! their places in the stream; [`noctule::Segment`]s leave, as the writers of
//! [`noctule::format`] take them.

use crate::stretch::seconds;
use noctule::Segment;
use noctule::Word;
use noctule::repetition::compression_ratio;
use noctule::transcript::Token;

/// A word that will not change.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// The word with its leading blank and clinging punctuation.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<Token>,
    /// First sample in the stream.
    pub start: u64,
    /// Sample behind the last.
    pub end: u64,
    /// Mean probability of its tokens.
    pub probability: f32,
    /// Probability that the audio around it holds no speech.
    pub no_speech_prob: f32,
}

/// Collects words.
#[derive(Debug, Default)]
pub struct Segmenter {
    open: Vec<Spoken>,
    closed: usize,
}

/// A sentence of less than this goes on, seconds: "Yes. I think so." is one segment.
const SHORTEST: f64 = 1.0;
/// No segment is longer, seconds; from three quarters of it on a comma is enough.
const LONGEST: f64 = 12.0;
/// A pause of this length ends a segment, seconds.
const PAUSE: f64 = 1.0;
/// They end with a full stop and no sentence.
const TITLES: [&str; 6] = ["mr.", "mrs.", "ms.", "dr.", "st.", "prof."];

impl Segmenter {
    /// Goes on counting behind `closed` segments.
    pub fn after(closed: usize) -> Self {
        Self { open: Vec::new(), closed }
    }

    /// Whether no segment is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes in a word; adds to `segments` what was complete before it, or is complete with it.
    pub fn push(&mut self, word: Spoken, segments: &mut Vec<Segment>) {
        if self
            .open
            .last()
            .is_some_and(|last| word.start.saturating_sub(last.end) >= crate::stretch::samples(PAUSE) as u64)
        {
            segments.extend(self.close());
        }
        self.open.push(word);
        if self.is_complete() {
            segments.extend(self.close());
        }
    }

    /// Ends the open segment.
    pub fn close(&mut self) -> Option<Segment> {
        let words = std::mem::take(&mut self.open);
        let segment = segment(self.closed, &words)?;
        self.closed += 1;
        Some(segment)
    }

    fn is_complete(&self) -> bool {
        let (Some(first), Some(last)) = (self.open.first(), self.open.last()) else { return false };
        let length = seconds((last.end - first.start.min(last.end)) as usize);
        let text = last.text.trim_end();
        let sentence = text.ends_with(['.', '?', '!', '…', '。', '？', '！']);
        let title = TITLES.contains(&text.trim().to_lowercase().as_str());
        let clause = text.ends_with([',', ';', ':', '，', '、']);
        sentence && !title && length >= SHORTEST || clause && length >= 0.75 * LONGEST || length >= LONGEST
    }
}

fn segment(id: usize, words: &[Spoken]) -> Option<Segment> {
    let (first, last) = (words.first()?, words.last()?);
    let text: String = words.iter().map(|word| word.text.as_str()).collect();
    let tokens: Vec<Token> = words.iter().flat_map(|word| word.tokens.iter().cloned()).collect();
    let sum: f32 = tokens.iter().map(|token| token.logprob).sum();
    let at = |place: u64| place as f64 / f64::from(noctule_audio::SAMPLE_RATE);
    let placed = |word: &Spoken| Word {
        word: word.text.clone(),
        start: at(word.start),
        end: at(word.end),
        probability: word.probability,
        token_count: word.tokens.len(),
    };
    Some(Segment {
        id,
        start: at(first.start),
        end: at(last.end.max(first.start)),
        avg_logprob: if tokens.is_empty() { 0.0 } else { sum / tokens.len() as f32 },
        no_speech_prob: words.iter().map(|word| word.no_speech_prob).fold(0.0, f32::max),
        compression_ratio: compression_ratio(text.trim()),
        temperature: 0.0,
        words: words.iter().map(placed).collect(),
        text,
        tokens,
        speaker: None,
        speaker_turn_next: false,
        doubt: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of 0.4 s, one every half second; a bar is a pause of 2 s.
    fn texts(text: &str) -> Vec<String> {
        let mut segmenter = Segmenter::default();
        let (mut segments, mut at) = (Vec::new(), 0);
        for word in text.split_whitespace() {
            if word == "|" {
                at += 32_000;
                continue;
            }
            let token = Token { id: 1, logprob: -0.5 };
            let spoken = Spoken {
                text: format!(" {word}"),
                tokens: vec![token],
                start: at,
                end: at + 6400,
                probability: 0.6,
                no_speech_prob: 0.1,
            };
            segmenter.push(spoken, &mut segments);
            at += 8000;
        }
        segments.extend(segmenter.close());
        assert!(segments.iter().enumerate().all(|(i, segment)| segment.id == i));
        assert!(segmenter.close().is_none());
        segments.into_iter().map(|segment| segment.text).collect()
    }

    #[test]
    fn sentences_and_pauses_end_segments() {
        assert_eq!(texts("I came here. I saw it. I won"), [" I came here.", " I saw it.", " I won"]);
        assert_eq!(texts("so then | he left"), [" so then", " he left"]);
        assert_eq!(texts("Yes. I think so."), [" Yes. I think so."]);
        assert_eq!(texts("and then Mr. Smith said no."), [" and then Mr. Smith said no."]);
    }

    #[test]
    fn long_ones_are_cut() {
        let words = |n: usize, mark: &str| format!("{}{mark}", vec!["a"; n].join(" "));
        let found = texts(&format!("{} {}", words(20, ","), words(5, "")));
        assert_eq!(found[0].matches('a').count(), 20);
        let found = texts(&words(60, ""));
        assert!(found.iter().all(|text| text.matches('a').count() <= 25), "{found:?}");
    }

    #[test]
    fn a_segment_tells_what_is_known() {
        let mut segmenter = Segmenter::default();
        let mut segments = Vec::new();
        let token = |logprob| Token { id: 3, logprob };
        let spoken = Spoken {
            text: " Hello.".into(),
            tokens: vec![token(-0.2), token(-0.4)],
            start: 16_000,
            end: 40_000,
            probability: 0.7,
            no_speech_prob: 0.2,
        };
        segmenter.push(spoken, &mut segments);
        let [segment] = segments.as_slice() else { panic!("{segments:?}") };
        assert_eq!((segment.id, segment.start, segment.end), (0, 1.0, 2.5));
        assert!((segment.avg_logprob + 0.3).abs() < 1e-6);
        assert_eq!((segment.words.len(), segment.words[0].token_count, segment.tokens.len()), (1, 2, 2));
    }
}
