//! The loop of a live transcription: samples are pushed in, [events](crate::event) come out.
//!
//! Samples → frames → [endpoints](crate::endpoint) → the [stretch](crate::stretch) of audio that is heard →
//! the model's hypothesis → the [policy](crate::policy) → words that stand → [segments](crate::segmenter).
//!
//! A session does one thing at a time and knows no threads. [`Session::push`] only stores; [`Session::work`] computes, one
//! step at a time, so that its caller can bring what has come in meanwhile.

mod guess;
mod hear;
mod text;

use crate::agree::Agreement;
use crate::alignatt::Front;
use crate::clock::Clock;
use crate::detector::Detector;
use crate::endpoint::{Edge, Endpoint};
use crate::event::{Event, Stamped, Stats};
use crate::options::SessionOptions;
use crate::pace::{Level, Pace};
use crate::policy::{Patience, Policy, PolicyKind};
use crate::recogniser::Recogniser;
use crate::stretch::{samples, seconds};
use guess::Tail;
use noctule::Error;
use noctule_audio::SAMPLE_RATE;
use std::collections::VecDeque;
use text::Text;

/// Audio in front of the current frame that a beginning of speech may reach back to, seconds.
const RECENT: f64 = 2.0;
/// A pause from which on it is worth looking whether the utterance is over, seconds.
const PAUSE: f64 = 0.2;
/// After a silence of this length what was said before it is not heard again, seconds: beside speech, noise is heard as speech.
const APART: f64 = 2.0;
/// [`Event::Stats`] comes after so much audio, seconds.
const STATS: f64 = 5.0;
/// While computing is behind, [`Event::Lag`] comes after so much audio, seconds.
const LAG: f64 = 5.0;

/// A live transcription.
pub struct Session<R> {
    recogniser: R,
    options: SessionOptions,
    clock: Clock,
    detector: Box<dyn Detector>,
    endpoint: Endpoint,
    policy: Box<dyn Policy>,
    pace: Pace,
    /// Samples that have come in and were not looked at.
    input: VecDeque<f32>,
    /// Samples that wait elsewhere.
    waiting: u64,
    /// Place in the stream behind the samples that were looked at.
    place: u64,
    /// The last samples that were looked at.
    recent: VecDeque<f32>,
    text: Text,
    tail: Tail,
    /// Largest mel power so far.
    loudest: Option<f32>,
    language: Option<usize>,
    lost: u64,
    encodes: u64,
    told: Told,
}

impl<R> std::fmt::Debug for Session<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("options", &self.options).field("place", &self.place).finish_non_exhaustive()
    }
}

/// Where things were said last, as places in the stream, seconds.
#[derive(Debug, Default)]
struct Told {
    stats: f64,
    lag: f64,
    partial: String,
}

impl<R: Recogniser> Session<R> {
    /// A session at the beginning of its stream.
    ///
    /// # Errors
    /// The model does not know the language or the task of `options`.
    pub fn new(
        recogniser: R,
        detector: impl Detector + 'static,
        clock: Clock,
        options: SessionOptions,
    ) -> Result<Self, Error> {
        let policy: Box<dyn Policy> = match options.policy {
            PolicyKind::Utterance => Box::new(Patience),
            PolicyKind::LocalAgreement => Box::new(Agreement::default()),
            PolicyKind::AlignAtt => Box::new(Front::new(options.front)),
        };
        Ok(Self {
            endpoint: Endpoint::new(options.endpoint, detector.frame_len(), 0),
            policy,
            pace: Pace::new(options.pace),
            input: VecDeque::new(),
            waiting: 0,
            place: 0,
            recent: VecDeque::new(),
            text: Text::new(&recogniser, &options),
            tail: Tail::default(),
            loudest: None,
            language: recogniser.language(&options.language, options.task)?,
            lost: 0,
            encodes: 0,
            told: Told::default(),
            recogniser,
            options,
            clock,
            detector: Box::new(detector),
        })
    }

    /// Goes on where an earlier session has ended: the first sample that is pushed lies at `place` of the stream, behind
    /// `segments` segments. The clock is set by the caller, to the time at which new samples come in.
    #[must_use]
    pub fn going_on(mut self, place: u64, segments: usize) -> Self {
        (self.place, self.told.stats, self.told.lag) = (place, time(place), time(place));
        self.endpoint.jump(place);
        self.text.go_on(segments);
        self
    }

    /// The session's clock.
    pub fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Place in the stream behind all samples that were pushed.
    pub fn end(&self) -> u64 {
        self.place + self.input.len() as u64
    }

    /// Samples that were pushed and not looked at.
    pub fn pending(&self) -> usize {
        self.input.len()
    }

    /// Samples that the session holds; no stream makes them more than some half a minute beyond those that wait.
    pub fn held(&self) -> usize {
        self.input.len() + self.recent.len() + self.text.stretch.len()
    }

    /// Takes in the next samples; `waiting` more wait to be pushed.
    pub fn push(&mut self, samples: &[f32], waiting: u64) {
        self.input.extend(samples);
        self.waiting = waiting;
    }

    /// So many samples were lost; what was pushed before is worked off.
    ///
    /// # Errors
    /// As [`work`](Self::work).
    pub fn lose(&mut self, count: u64, sink: &mut dyn FnMut(Stamped)) -> Result<(), Error> {
        while self.work(sink)? {}
        let at = self.end();
        self.lost += count;
        self.tell(Event::Lost { at: time(at), seconds: count as f64 / f64::from(SAMPLE_RATE) }, sink);
        self.input.clear();
        self.recent.clear();
        self.place = at + count;
        let edge = self.endpoint.jump(self.place);
        self.edge(edge, sink)
    }

    /// Looks at samples until there is something to compute, and computes it. `false` when all samples are done and there is nothing
    /// to do before more come.
    ///
    /// # Errors
    /// What the recogniser says.
    pub fn work(&mut self, sink: &mut dyn FnMut(Stamped)) -> Result<bool, Error> {
        let frame = self.detector.frame_len();
        while self.input.len() >= frame {
            let samples: Vec<f32> = self.input.drain(..frame).collect();
            if self.frame(&samples, sink)? {
                return Ok(true);
            }
        }
        if self.waiting == 0 && self.is_due() {
            self.step(sink)?;
            return Ok(true);
        }
        // An end that was passed over while computing was behind.
        if self.waiting == 0 && !self.endpoint.is_speaking() && self.tail.heard < self.text.stretch.len() {
            self.conclude(sink)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The stream has ended: everything that is left becomes text.
    ///
    /// # Errors
    /// As [`work`](Self::work).
    pub fn finish(&mut self, sink: &mut dyn FnMut(Stamped)) -> Result<(), Error> {
        self.waiting = 0;
        while self.work(sink)? {}
        let rest: Vec<f32> = self.input.drain(..).collect();
        if !rest.is_empty() {
            self.frame(&rest, sink)?;
        }
        let edge = self.endpoint.finish();
        self.edge(edge, sink)?;
        self.conclude(sink)?;
        self.stats(sink);
        Ok(())
    }

    /// Looks at a frame (the last may be shorter); returns whether something was computed.
    fn frame(&mut self, samples: &[f32], sink: &mut dyn FnMut(Stamped)) -> Result<bool, Error> {
        let (detector, clock) = (&mut self.detector, &mut self.clock);
        let (probability, _) = clock.timed(|| detector.predict(samples));
        let start = self.place;
        self.place += samples.len() as u64;
        self.remember(samples);
        if self.endpoint.is_speaking() {
            self.text.stretch.push(start, samples);
            self.text.voice.push(self.text.stretch.len(), probability);
        }
        let before = self.encodes;
        let edge = self.endpoint.push(probability);
        self.edge(edge, sink)?;
        self.make_room(sink)?;
        self.pace_on(sink);
        Ok(self.encodes != before)
    }

    /// Keeps the last samples, from which speech that begins takes its pre-roll.
    fn remember(&mut self, new: &[f32]) {
        self.recent.extend(new);
        let excess = self.recent.len().saturating_sub(samples(RECENT));
        self.recent.drain(..excess);
    }

    fn edge(&mut self, edge: Option<Edge>, sink: &mut dyn FnMut(Stamped)) -> Result<(), Error> {
        match edge {
            None => Ok(()),
            Some(Edge::Start(at)) => {
                let first = self.place - self.recent.len() as u64;
                let at = at.max(first);
                let apart = self.text.stretch.end().is_some_and(|end| at.saturating_sub(end) > samples(APART) as u64);
                if apart && self.tail.words.is_empty() && self.tail.heard == self.text.stretch.len() {
                    self.keep(0);
                }
                let (front, back) = self.recent.as_slices();
                let all = [front, back].concat();
                self.text.stretch.push(at, &all[(at - first) as usize..]);
                self.text.voice.push(self.text.stretch.len(), 1.0);
                self.tell(Event::SpeechStart { at: time(at) }, sink);
                Ok(())
            }
            Some(Edge::End(at)) => {
                // Far behind, pauses are passed over: one window is the least work for what is said in half a minute.
                if self.pace.level() < Level::Windows
                    || self.waiting == 0 && self.input.len() < self.detector.frame_len()
                {
                    self.conclude(sink)?;
                }
                self.tell(Event::SpeechEnd { at: time(at) }, sink);
                Ok(())
            }
        }
    }

    /// Whether it is time to look for new words.
    fn is_due(&self) -> bool {
        if !self.endpoint.is_speaking() || self.text.stretch.is_empty() {
            return false;
        }
        let new = seconds(self.text.stretch.len() - self.tail.heard.min(self.text.stretch.len()));
        if self.is_pausing() {
            return true;
        }
        self.pace.step().is_some_and(|step| new >= step)
    }

    /// Whether the speaker may have ended, and what was said was not heard to its end.
    fn is_pausing(&self) -> bool {
        let silence = self.endpoint.silence();
        let voiced = self.text.stretch.len().saturating_sub(silence as usize);
        self.pace.level() < Level::Utterances && silence >= samples(PAUSE) as u64 && self.tail.heard < voiced
    }

    /// Adapts to the audio that waits.
    fn pace_on(&mut self, sink: &mut dyn FnMut(Stamped)) {
        let (place, waiting) = (time(self.place), self.lag());
        let changed = self.pace.behind(place, waiting).is_some();
        let lagging = self.pace.level() > Level::Full && waiting > self.options.pace.max_lag;
        if changed || lagging && place - self.told.lag >= LAG {
            self.told.lag = place;
            let (level, step_s) = (self.pace.level(), self.pace.step());
            self.tell(Event::Lag { lag_s: waiting, level, step_s }, sink);
        }
        if place - self.told.stats >= STATS {
            self.told.stats = place;
            self.stats(sink);
        }
    }

    /// Audio that waits, seconds.
    fn lag(&self) -> f64 {
        (self.input.len() as u64 + self.waiting) as f64 / f64::from(SAMPLE_RATE)
    }

    fn stats(&mut self, sink: &mut dyn FnMut(Stamped)) {
        let stats = Stats {
            audio_s: time(self.end() + self.waiting),
            lag_s: self.lag(),
            cost_s: self.pace.cost().unwrap_or(0.0),
            step_s: self.pace.step(),
            level: self.pace.level(),
            computed_s: self.clock.computed(),
            encodes: self.encodes,
            words: self.text.words,
            latency_s: self.text.latency,
            lost_s: self.lost as f64 / f64::from(SAMPLE_RATE),
        };
        self.tell(Event::Stats(stats), sink);
    }

    fn tell(&self, event: Event, sink: &mut dyn FnMut(Stamped)) {
        sink(Stamped { time_s: self.clock.now(), event });
    }
}

/// Seconds of a place in the stream.
fn time(place: u64) -> f64 {
    place as f64 / f64::from(SAMPLE_RATE)
}
