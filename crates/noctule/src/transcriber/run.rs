//! The loop over the windows of one recording.

use super::history::History;
use super::steps::{align, decode, detect_language, encode, start_tokens, trial};
use super::{Start, State};
use crate::alignment_heads::Head;
use crate::checkpoint::{Checkpoint, Resume};
use crate::error::Error;
use crate::events::Events;
use crate::hypothesis::MIN_FRAMES;
use crate::language;
use crate::mel::{MelComputer, MelMaximum, PeakMeter};
use crate::options::{AudioContext, LanguageChoice, Options};
use crate::rules::Rules;
use crate::segment::{FRAME, Place};
use crate::source::{Samples, SourceError};
use crate::split::split_segments;
use crate::timing::timed;
use crate::transcript::{Segment, Transcript};
use crate::weights::Net;
use crate::window::Opening;
use noctule_model::Vocab;

/// Audio shorter than this many frames at the end clears the previous text,
/// which such a scrap would only repeat (whisper.cpp: 5 s).
const SHORT_REST: usize = 500;

/// Where whole windows of digital silence were passed over, the next window
/// begins this many frames before the first sound.
const LEAD: usize = 50;

/// Silence behind the audio of a trimmed window, positions of 20 ms, and what their number is a multiple of. With less,
/// words are lost and most windows are heard again (docs/ACCURACY.md).
const MARGIN: usize = 512;
const STEP: usize = 32;

/// A language that a trimmed window is not heard in with this probability is looked for in the whole window.
const SURE_LANGUAGE: f32 = 0.8;

/// Samples that the pass for the maximum reads at once.
const BLOCK: usize = 1 << 16;

/// What is fixed for one run.
pub(super) struct Run<'a> {
    pub net: Net<'a>,
    pub heads: &'a [Head],
    pub mel: &'a MelComputer,
    pub options: &'a Options,
    pub rules: Rules<'a>,
    pub timestamps: bool,
    pub positions: usize,
    /// End of the audio, mel frames.
    pub end: usize,
    /// Length of the audio, seconds.
    pub duration: f64,
    pub prompt: Vec<u32>,
}

/// What changes from window to window.
struct Progress {
    seek: usize,
    language: Option<usize>,
    history: History,
    transcript: Transcript,
}

impl Run<'_> {
    /// Frames that the encoder sees.
    pub fn frames(&self) -> usize {
        2 * self.positions
    }

    /// Makes `state.mel` ready for `source`, with the maximum that `start` gives or a pass over `source` finds.
    pub fn prepare_mel(
        &self,
        state: &mut State,
        source: &mut dyn Samples,
        start: &Start,
        events: &mut dyn Events,
    ) -> Result<(), Error> {
        let compute = self.net.compute;
        let parallel = |data: &mut [f32], chunk, work: &(dyn Fn(usize, &mut [f32]) + Sync)| {
            compute.par_chunks_mut(data, chunk, work);
        };
        let length = source.len();
        state.mel.start(length, start.maximum.unwrap_or(MelMaximum::Running));
        if start.maximum.is_some() {
            return Ok(());
        }
        let began = std::time::Instant::now();
        let loudest = if state.mel.n_frames() <= self.frames() {
            // A single window: its frames are kept and not computed again.
            state.mel.fill(self.mel, source, 0..state.mel.n_frames(), &parallel)?;
            state.mel.loudest_stored()
        } else {
            let mut meter = PeakMeter::new(self.mel, Box::new(parallel));
            let mut block = vec![0.0; BLOCK];
            let mut at = 0;
            while at < length {
                if events.cancelled() {
                    return Err(Error::Cancelled);
                }
                let part = &mut block[..(length - at).min(BLOCK as u64) as usize];
                source.read(at, part)?;
                meter.push(part);
                at += part.len() as u64;
            }
            meter.finish()
        };
        state.mel.set_maximum(MelMaximum::Global(loudest));
        state.phases.mel += began.elapsed();
        Ok(())
    }

    /// Goes through the windows, from the start or from where `resume` stood.
    pub fn windows(
        &self,
        state: &mut State,
        source: &mut dyn Samples,
        resume: Option<Resume>,
        events: &mut dyn Events,
    ) -> Result<Transcript, Error> {
        let mut progress = self.begin(state, resume)?;
        let mut passing = false;
        while progress.seek + MIN_FRAMES < self.end {
            events.progress(progress.seek as f64 * FRAME, self.duration);
            if events.cancelled() {
                return Err(Error::Cancelled);
            }
            self.load(state, source, progress.seek)?;
            // A model makes words up where there is nothing to hear.
            let silence = state.mel.leading_silence();
            if silence == state.mel.stored().len() {
                progress.seek += self.frames();
                passing = true;
                continue;
            }
            if std::mem::take(&mut passing) && silence > LEAD {
                progress.seek += silence - LEAD;
                continue;
            }
            let before = progress.transcript.segments.len();
            self.window(state, &mut progress, events)?;
            let checkpoint = Checkpoint {
                seek: progress.seek,
                language: progress.language,
                language_probability: progress.transcript.language_probability,
                history: progress.history.clone(),
                loudest: state.mel.loudest(),
                last_speech: state.aligner.last_speech(),
                segments: progress.transcript.segments.len(),
            };
            events.checkpoint(&checkpoint, &progress.transcript.segments[before..]);
        }
        events.progress(self.duration, self.duration);
        Ok(progress.transcript)
    }

    fn begin(&self, state: &mut State, resume: Option<Resume>) -> Result<Progress, Error> {
        let mut progress = Progress {
            seek: 0,
            language: match &self.options.language {
                LanguageChoice::Fixed(code) => Some(language::index_of(code).unwrap_or(0)),
                LanguageChoice::Auto => (!self.net.model.vocab().is_multilingual()).then_some(0),
            },
            history: History::new(self.prompt.clone(), self.options),
            transcript: Transcript { language: "en".to_owned(), duration: self.duration, ..Transcript::default() },
        };
        if let Some(Resume { checkpoint, segments }) = resume {
            let language = checkpoint.language.map(|index| language::LANGUAGES.get(index).ok_or(Error::Checkpoint));
            if let Some(language) = language.transpose()? {
                progress.transcript.language = language.0.to_owned();
            }
            if checkpoint.segments != segments.len() {
                return Err(Error::Checkpoint);
            }
            progress.seek = checkpoint.seek;
            progress.language = checkpoint.language;
            progress.history = checkpoint.history;
            progress.transcript.language_probability = checkpoint.language_probability;
            progress.transcript.segments = segments;
            state.mel.raise_maximum(checkpoint.loudest);
            state.aligner.resume(checkpoint.last_speech);
        }
        Ok(progress)
    }

    /// Computes the frames of the window at `seek`.
    fn load(&self, state: &mut State, source: &mut dyn Samples, seek: usize) -> Result<(), SourceError> {
        let compute = self.net.compute;
        let State { mel, phases, .. } = state;
        timed(&mut phases.mel, || {
            mel.fill(self.mel, source, seek..seek + self.frames(), &|data, chunk, work| {
                compute.par_chunks_mut(data, chunk, work);
            })
        })
    }

    /// Encodes, decodes and hands out the window whose frames are loaded, and moves on.
    fn window(&self, state: &mut State, progress: &mut Progress, events: &mut dyn Events) -> Result<(), Error> {
        let Progress { seek, language, history, transcript } = progress;
        let options = self.options;
        let whole = Place { seek: *seek, end: self.end, frames: self.frames() };
        let mut place = self.trimmed(whole);
        encode(self, state, place);
        let spoken = *language.get_or_insert_with(|| {
            let mut found = detect_language(self.net, state);
            if place.frames < whole.frames && found.1 < SURE_LANGUAGE {
                place = whole;
                encode(self, state, place);
                found = detect_language(self.net, state);
            }
            transcript.language_probability = Some(found.1);
            events.language(language::LANGUAGES[found.0].0, found.1);
            found.0
        });
        transcript.language = language::LANGUAGES[spoken].0.to_owned();
        if *seek > 0 && *seek + SHORT_REST >= self.end {
            history.clear();
        }
        let opening = Opening { context: history.context(self.net, options), start: start_tokens(self, spoken) };
        let mut found =
            if place.frames < whole.frames { trial(self, state, place, spoken, &opening, events)? } else { None };
        if found.is_none() {
            if place.frames < whole.frames {
                place = whole;
                encode(self, state, place);
            }
            found = Some(decode(self, state, place, spoken, &opening, options, events)?);
        }
        let Some((outcome, step, mut segments)) = found else { unreachable!("the whole window gives something") };
        let silent =
            outcome.no_speech_prob > options.thresholds.no_speech && outcome.avg_logprob < options.thresholds.logprob;
        history.update(&outcome, &opening, silent, options);
        if silent {
            segments.clear();
        }
        if options.word_timestamps && !segments.is_empty() {
            align(self, state, place, spoken, &mut segments, events);
        }
        self.publish(self.net.model.vocab(), segments, transcript, events);
        *seek += step;
        Ok(())
    }

    /// The window as far as there is audio, if that is less and wanted.
    fn trimmed(&self, whole: Place) -> Place {
        match self.options.audio_ctx {
            AudioContext::Auto => Place { frames: trimmed(self.end - whole.seek, whole.frames), ..whole },
            _ => whole,
        }
    }

    /// Splits, numbers and hands out the segments of a window.
    fn publish(&self, vocab: &Vocab, mut segments: Vec<Segment>, transcript: &mut Transcript, events: &mut dyn Events) {
        if self.options.max_len > 0 {
            segments = split_segments(segments, self.options.max_len, self.options.split_on_word, |id| vocab.token(id));
        }
        for mut segment in segments {
            segment.id = transcript.segments.len();
            (segment.start, segment.end) = (segment.start.min(self.duration), segment.end.min(self.duration));
            events.segment(&segment);
            transcript.segments.push(segment);
        }
    }
}

/// Frames that are worth encoding where `rest` frames of audio are left and a window has `whole`.
fn trimmed(rest: usize, whole: usize) -> usize {
    whole.min(2 * (rest.div_ceil(2) + MARGIN).next_multiple_of(STEP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_trimmed_where_the_recording_ends() {
        // 7 s, and 10 s and a little behind them.
        assert_eq!(trimmed(700, 3000), 2 * 864);
        assert_eq!(trimmed(1, 3000), 2 * 544);
        assert_eq!(trimmed(2000, 3000), 3000);
        assert_eq!(trimmed(500_000, 3000), 3000);
    }
}
