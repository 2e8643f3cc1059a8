//! The stretch of audio that is heard, the words that stand for it, and the text before it.

use crate::event::{Event, SegmentEvent, Word};
use crate::options::SessionOptions;
use crate::recogniser::Recogniser;
use crate::segmenter::{Segmenter, Spoken};
use crate::session::guess::TailWord;
use crate::stretch::{Stretch, samples};
use noctule_audio::SAMPLE_RATE;

/// Words over which the latency is averaged, about.
const LATENCY_WORDS: f64 = 20.0;

/// Audio and its words.
#[derive(Debug)]
pub(super) struct Text {
    pub stretch: Stretch,
    pub voice: Voice,
    /// Samples of the stretch that belong to utterances that are over.
    pub concluded: usize,
    /// Words that stand for the beginning of the stretch.
    standing: Vec<Standing>,
    /// The user's words, in front of everything.
    prompt: Vec<u32>,
    /// Tokens of words that stand for audio before the stretch.
    context: Vec<u32>,
    context_tokens: usize,
    segmenter: Segmenter,
    /// End of the last word, place in the stream.
    end: u64,
    pub words: u64,
    pub latency: f64,
}

#[derive(Debug)]
struct Standing {
    tokens: Vec<u32>,
    /// Sample of the stretch behind its last.
    end: usize,
}

/// How sure the detector was of speech, over the stretch.
#[derive(Debug, Default)]
pub(super) struct Voice {
    /// Sample behind a frame, and the probability of speech in it.
    frames: Vec<(usize, f32)>,
}

impl Voice {
    pub fn push(&mut self, end: usize, probability: f32) {
        self.frames.push((end, probability));
    }

    /// The sample in `range` around which there is the least speech, over half a second.
    pub fn quietest(&self, range: std::ops::Range<usize>) -> Option<usize> {
        let half = samples(0.25);
        let inside: Vec<(usize, f32)> = self.frames.iter().copied().filter(|(end, _)| range.contains(end)).collect();
        let around = |at: usize| {
            let near = inside.iter().filter(|(end, _)| end.abs_diff(at) <= half);
            let (count, sum) = near.fold((0usize, 0.0), |(count, sum), (_, p)| (count + 1, sum + p));
            sum / count.max(1) as f32
        };
        // The frame itself counts as much as its surroundings, so that a short gap between words is better than a word.
        let scored = inside.iter().map(|(end, own)| (*end, own + around(*end)));
        scored.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(end, _)| end)
    }

    fn forget_before(&mut self, offset: usize) {
        self.frames.retain(|(end, _)| *end > offset);
        self.frames.iter_mut().for_each(|(end, _)| *end -= offset);
    }
}

impl Text {
    pub fn new(recogniser: &impl Recogniser, options: &SessionOptions) -> Self {
        let given = options.prompt.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let prompt = given.map_or_else(Vec::new, |text| recogniser.tokens(&format!(" {text}")));
        Self {
            stretch: Stretch::default(),
            voice: Voice::default(),
            concluded: 0,
            standing: Vec::new(),
            prompt,
            context: Vec::new(),
            context_tokens: options.context_tokens,
            segmenter: Segmenter::default(),
            end: 0,
            words: 0,
            latency: 0.0,
        }
    }

    /// Counts segments behind `segments` earlier ones.
    pub fn go_on(&mut self, segments: usize) {
        self.segmenter = Segmenter::after(segments);
    }

    /// What the decoder is shown of earlier text.
    pub fn context(&self) -> Vec<u32> {
        [&self.prompt[..], &self.context].concat()
    }

    /// Tokens of the words that stand for the beginning of the stretch.
    pub fn prefix(&self) -> Vec<u32> {
        self.standing.iter().flat_map(|word| word.tokens.iter().copied()).collect()
    }

    /// Sample of the stretch behind the last word that stands.
    pub fn standing_end(&self) -> usize {
        self.standing.last().map_or(0, |word| word.end)
    }

    /// Lets `words` stand; returns what there is to tell at `now`.
    pub fn commit(&mut self, words: &[TailWord], no_speech_prob: f32, now: f64) -> Vec<Event> {
        if words.is_empty() {
            return Vec::new();
        }
        let (mut placed, mut segments) = (Vec::new(), Vec::new());
        for word in words {
            let offset = |time: f64| samples(time).min(self.stretch.len());
            let (from, to) = (offset(word.start), offset(word.guess.end));
            let start = self.stretch.place(from, false).max(self.end);
            let end = self.stretch.place(to, true).max(start);
            self.end = end;
            self.standing.push(Standing { tokens: word.tokens.iter().map(|token| token.id).collect(), end: to });
            self.words += 1;
            let seconds = |place: u64| place as f64 / f64::from(SAMPLE_RATE);
            let latency = now - seconds(end);
            self.latency += (latency - self.latency) / LATENCY_WORDS.min(self.words as f64);
            placed.push(Word {
                word: word.guess.text.clone(),
                start: seconds(start),
                end: seconds(end),
                probability: word.guess.probability,
            });
            let spoken = Spoken {
                text: word.guess.text.clone(),
                tokens: word.tokens.clone(),
                start,
                end,
                probability: word.guess.probability,
                no_speech_prob,
            };
            self.segmenter.push(spoken, &mut segments);
        }
        let text = placed.iter().map(|word| word.word.as_str()).collect();
        let commit = Event::Commit { text, words: placed };
        let segments = segments.into_iter().map(|segment| Event::Segment(SegmentEvent(segment)));
        std::iter::once(commit).chain(segments).collect()
    }

    /// The marks that would end what was written down already stand for the model, which goes on better behind them, and are not
    /// told.
    pub fn pass_over(&mut self, marks: &[TailWord]) {
        let end = self.standing_end();
        let tokens = |mark: &TailWord| mark.tokens.iter().map(|token| token.id).collect();
        self.standing.extend(marks.iter().map(|mark| Standing { tokens: tokens(mark), end }));
    }

    /// Whether a word that came now would begin a segment.
    pub fn is_between_segments(&self) -> bool {
        self.segmenter.is_empty()
    }

    /// Ends the segment that is open.
    pub fn close_segment(&mut self) -> Option<Event> {
        self.segmenter.close().map(|segment| Event::Segment(SegmentEvent(segment)))
    }

    /// Forgets the beginning of the stretch, so that at most `most` samples are left, where words that stand allow that. A cut lies between two
    /// words, if it can be in a pause. Returns how many samples went.
    pub fn shorten(&mut self, most: usize) -> usize {
        let least = self.stretch.len().saturating_sub(most);
        let Some(last) = self.standing.last() else { return 0 };
        if least == 0 {
            return 0;
        }
        let seam = self.stretch.seams().find(|seam| *seam >= least && *seam <= last.end);
        let word = self.standing.iter().map(|word| word.end).find(|end| *end >= least);
        let cut = seam.or(word).unwrap_or(last.end);
        self.forget_before(cut);
        cut
    }

    /// Forgets the stretch before `cut` and the words that end there.
    pub fn forget_before(&mut self, cut: usize) {
        let gone = self.standing.iter().take_while(|word| word.end <= cut).count();
        let tokens = self.standing.drain(..gone).flat_map(|word| word.tokens);
        self.context.extend(tokens);
        let excess = self.context.len().saturating_sub(self.context_tokens);
        self.context.drain(..excess);
        self.standing.iter_mut().for_each(|word| word.end -= cut);
        self.concluded = self.concluded.saturating_sub(cut);
        self.stretch.forget_before(cut);
        self.voice.forget_before(cut);
    }
}
