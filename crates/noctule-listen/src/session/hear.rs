//! One step: hear the stretch, let the policy decide, tell.

use super::Session;
use super::guess::{Tail, TailWord};
use crate::event::{Event, Stamped};
use crate::pace::Level;
use crate::policy::{Guess, Hypothesis};
use crate::recogniser::Recogniser;
use crate::stretch::{samples, seconds};
use noctule::Error;
use noctule::live::{End, Request};

/// Tokens that a second of speech may have, and what is allowed on top.
const TOKENS_PER_SECOND: f64 = 10.0;
const EXTRA_TOKENS: f64 = 8.0;
/// How much too early a word may be placed, seconds.
const SLACK: f64 = 0.3;

impl<R: Recogniser> Session<R> {
    /// Looks for new words while somebody speaks.
    pub(super) fn step(&mut self, sink: &mut dyn FnMut(Stamped)) -> Result<(), Error> {
        let beams = if self.is_pausing() { self.options.final_beam_size } else { self.options.beam_size };
        self.hear(beams)?;
        let guesses: Vec<Guess> = self.tail.words.iter().map(|word| word.guess.clone()).collect();
        let heard = seconds(self.tail.heard);
        let hypothesis = Hypothesis { words: &guesses, heard, complete: self.tail.complete };
        // What sounds like no speech is judged as a whole.
        let doubtful = self.tail.no_speech_prob > self.options.no_speech;
        let stay = if doubtful { 0 } else { self.policy.decide(&hypothesis).min(guesses.len()) };
        self.commit(stay, sink);
        self.tell_partial(sink);
        Ok(())
    }

    /// Everything that was said stands: the utterance is over.
    pub(super) fn conclude(&mut self, sink: &mut dyn FnMut(Stamped)) -> Result<(), Error> {
        if self.text.stretch.is_empty() {
            return Ok(());
        }
        // Of a silence that goes on, the stretch has as much as it takes to be one.
        let silence = (self.endpoint.silence() as usize).min(samples(self.options.endpoint.hang_over));
        let voiced = self.text.stretch.len().saturating_sub(silence);
        if self.tail.heard < voiced || self.tail.heard == 0 {
            self.hear(self.options.final_beam_size)?;
        }
        self.commit(self.tail.words.len(), sink);
        let segment = self.text.close_segment();
        segment.into_iter().for_each(|event| self.tell(event, sink));
        self.tell_partial(sink);
        self.policy.forget();
        self.keep(samples(self.options.carry));
        Ok(())
    }

    /// Forgets audio for which words stand, but the last `most` samples.
    pub(super) fn keep(&mut self, most: usize) {
        if most == 0 {
            self.text.forget_before(self.text.stretch.len());
        } else {
            self.text.shorten(most);
        }
        self.text.concluded = self.text.stretch.len();
        // An empty rest was heard.
        self.tail = Tail { heard: self.text.stretch.len(), ..Tail::default() };
    }

    /// Makes room where the stretch is as long as the model can hear.
    pub(super) fn make_room(&mut self, sink: &mut dyn FnMut(Stamped)) -> Result<(), Error> {
        let longest = samples(self.options.longest);
        if self.text.stretch.len() < longest {
            return Ok(());
        }
        let gone = self.text.shorten(longest / 2);
        self.tail.heard = self.tail.heard.saturating_sub(gone);
        self.tail.words.iter_mut().for_each(|word| {
            let gone = seconds(gone);
            (word.start, word.guess.end) = ((word.start - gone).max(0.0), (word.guess.end - gone).max(0.0));
            word.guess.attended -= gone;
        });
        if self.text.stretch.len() < longest * 3 / 4 {
            return Ok(());
        }
        // Too little stands: what was said up to the quietest moment is written down as if it were an utterance.
        let cut = self.text.voice.quietest(longest / 2..longest).unwrap_or(longest);
        self.hear_until(cut)?;
        self.commit(self.tail.words.len(), sink);
        self.policy.forget();
        self.text.forget_before(cut);
        self.tail = Tail::default();
        self.tell_partial(sink);
        Ok(())
    }

    /// Hears all of the stretch; what it says becomes the tail.
    fn hear(&mut self, beams: usize) -> Result<(), Error> {
        self.hear_part(self.text.stretch.len(), beams)
    }

    fn hear_until(&mut self, end: usize) -> Result<(), Error> {
        self.hear_part(end, self.options.final_beam_size)
    }

    fn hear_part(&mut self, end: usize, beams: usize) -> Result<(), Error> {
        let (prefix, context) = (self.text.prefix(), self.text.context());
        let new = seconds(end - self.text.standing_end().min(end));
        let audio = &self.text.stretch.samples()[..end];
        let positions = self.options.positions.of(audio.len(), self.recogniser.positions());
        let (recogniser, loudest) = (&mut self.recogniser, self.loudest);
        let known = self.language;
        let mut request = Request {
            context: &context,
            language: 0,
            task: self.options.task,
            prefix: &prefix,
            beam_size: if self.pace.level() >= Level::Greedy { 1 } else { beams },
            max_tokens: (EXTRA_TOKENS + TOKENS_PER_SECOND * new) as usize,
            suppress_non_speech: self.options.suppress_non_speech,
        };
        let (result, cost) = self.clock.timed(|| {
            let loudest = recogniser.hear(audio, loudest, positions);
            let language = known.map_or_else(|| recogniser.heard_language(), |known| (known, 1.0));
            request.language = language.0;
            recogniser.proceed(&request).map(|continued| (continued, loudest, language))
        });
        let (continued, loudest, language) = result?;
        self.encodes += 1;
        self.pace.measured(cost);
        self.loudest = Some(loudest);
        let silent = continued.no_speech_prob > self.options.no_speech && continued.avg_logprob < self.options.logprob;
        let mut words = TailWord::all(&continued);
        // Where all that the model writes lies in what was said before, it hears nothing in what follows.
        let before = seconds(self.text.concluded) - SLACK;
        if silent || words.iter().all(|word| word.start < before) {
            words.clear();
        }
        self.tail = Tail {
            words,
            heard: end,
            no_speech_prob: continued.no_speech_prob,
            complete: continued.end == End::EndOfText,
            language: known.is_none().then_some(language),
        };
        Ok(())
    }

    /// The first words of the tail stand from now on. They were heard in a language, which all others will be, too.
    fn commit(&mut self, count: usize, sink: &mut dyn FnMut(Stamped)) {
        if let Some((language, probability)) = self.tail.language.filter(|_| count > 0) {
            self.tail.language = None;
            self.language = Some(language);
            let language = noctule::language::LANGUAGES[language].0;
            self.tell(Event::Language { language, probability }, sink);
        }
        let marks = self.marks().min(count);
        let mut words: Vec<TailWord> = self.tail.words.drain(..count).collect();
        self.text.pass_over(&words[..marks]);
        words.drain(..marks);
        let events = self.text.commit(&words, self.tail.no_speech_prob, self.clock.now());
        if !events.is_empty() {
            self.told.partial.clear();
        }
        events.into_iter().for_each(|event| self.tell(event, sink));
    }

    /// How many words of the tail are marks that would end what was written down already.
    fn marks(&self) -> usize {
        let words = if self.text.is_between_segments() { &self.tail.words[..] } else { &[] };
        words.iter().take_while(|word| !word.guess.text.contains(char::is_alphanumeric)).count()
    }

    /// Tells the tentative words, if they are others than before.
    fn tell_partial(&mut self, sink: &mut dyn FnMut(Stamped)) {
        let words = &self.tail.words[self.marks()..];
        let text: String = words.iter().map(|word| word.guess.text.as_str()).collect();
        if text != self.told.partial {
            self.told.partial.clone_from(&text);
            let heard = super::time(self.text.stretch.end().unwrap_or(self.place));
            self.tell(Event::Partial { text, heard }, sink);
        }
    }
}
