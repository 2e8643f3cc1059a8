//! The parts of one window: encoding, language, decoding, words.

use super::State;
use super::run::Run;
use crate::align_window::Aligned;
use crate::coverage::{Sound, find_cut, is_sparse, shorten};
use crate::decoder::Batch;
use crate::error::Error;
use crate::events::Events;
use crate::hypothesis::{Bounds, Failure};
use crate::language;
use crate::options::{Options, Task};
use crate::repetition::LoopRules;
use crate::search::Machine;
use crate::segment::{FRAME, Place, advance, cut};
use crate::timing::timed;
use crate::transcript::Segment;
use crate::weights::Net;
use crate::window::{Opening, Outcome, decode_window};
use noctule_model::Vocab;

/// A looping window is cut before its loop, and decoded again from there, when
/// at least this many frames are sound.
const SALVAGE: usize = 500;

/// Encodes the window at `place` and fills the cross-attention cache.
pub(super) fn encode(run: &Run, state: &mut State, place: Place) {
    state.release();
    let State { mel, encoder, cross, phases, .. } = state;
    let net = run.net;
    run.rules.see(place.frames / 2);
    timed(&mut phases.encode, || {
        let positions = place.frames / 2;
        mel.window(place.seek, place.frames, encoder.mel_buffer(positions, net.model.hparams().n_mels));
        encoder.run(net, positions);
        cross.fill(net, encoder.finish(net, positions));
        encoder.forget();
    });
    phases.windows += 1;
}

/// The likeliest language of the encoded window, by its token's probability among all languages.
pub(crate) fn detect_language(net: Net, state: &mut State) -> (usize, f32) {
    let State { decoder, cells, cross, phases, .. } = state;
    let vocab = net.model.vocab();
    timed(&mut phases.decode, || {
        cells.clear();
        let own = [cells.take()];
        let batch = Batch { tokens: &[vocab.sot()], positions: &[0], cells: &[&own], wanted: &[0] };
        let logits = decoder.run(net, cells, cross, &batch, None);
        let first = vocab.language(0) as usize;
        let languages = &mut logits[first..first + vocab.num_languages()];
        net.compute.log_softmax(languages);
        let mut best = (0, f32::NEG_INFINITY);
        for (index, value) in languages.iter().enumerate() {
            if *value > best.1 {
                best = (index, *value);
            }
        }
        phases.steps += 1;
        (best.0, best.1.exp())
    })
}

/// Start-of-transcript, language, task and, without timestamps, the token that says so.
pub(super) fn start_tokens(run: &Run, language: usize) -> Vec<u32> {
    let vocab = run.net.model.vocab();
    let mut tokens = opening_tokens(vocab, language, run.options.task);
    if !run.timestamps {
        tokens.push(vocab.not_());
    }
    tokens
}

/// Start-of-transcript and, where the model has them, language and task.
pub(crate) fn opening_tokens(vocab: &Vocab, language: usize, task: Task) -> Vec<u32> {
    let mut tokens = vec![vocab.sot()];
    if vocab.is_multilingual() {
        tokens.push(vocab.language(language));
        tokens.push(match task {
            Task::Transcribe => vocab.transcribe(),
            Task::Translate => vocab.translate(),
        });
    }
    tokens
}

/// What was found in a window, how far to move on, and the segments.
pub(super) type Decoded = (Outcome, usize, Vec<Segment>);

/// Decodes a trimmed window once; `None` if there is a doubt, and the whole window is to be heard.
pub(super) fn trial(
    run: &Run,
    state: &mut State,
    place: Place,
    language: usize,
    opening: &Opening,
    events: &mut dyn Events,
) -> Result<Option<Decoded>, Error> {
    let mut options = run.options.clone();
    options.search.fallback = false;
    let (outcome, step, segments) = decode(run, state, place, language, opening, &options, events)?;
    let sound = Sound::of(&state.mel, place.seek, place.frames);
    let sure = outcome.failure.is_none()
        && !segments.is_empty()
        && !is_sparse(&outcome.hypothesis, run.net.model.vocab(), &sound);
    Ok(sure.then_some((outcome, step, segments)))
}

/// Decodes one window.
pub(super) fn decode(
    run: &Run,
    state: &mut State,
    place: Place,
    language: usize,
    opening: &Opening,
    options: &Options,
    events: &mut dyn Events,
) -> Result<Decoded, Error> {
    let State { mel, encoder, decoder, cells, cross, phases, aligner, .. } = state;
    let net = run.net;
    let vocab = net.model.vocab();
    let start = std::time::Instant::now();
    let bounds = Bounds {
        seek: place.seek,
        end: place.end,
        frames: place.frames,
        timestamps: run.timestamps,
        single_segment: options.single_segment,
        max_tokens: options.max_tokens,
        limit: net.model.hparams().n_text_ctx / 2 - 4,
        loops: LoopRules::from(&options.thresholds),
    };
    let mut cancelled = || events.cancelled();
    let mut machine = Machine { net, decoder, cells, cross, steps: &mut phases.steps, cancelled: &mut cancelled };
    let seed = options.search.seed.wrapping_add((place.seek as u64) << 16);
    let mut outcome = decode_window(&mut machine, &run.rules, &bounds, opening, options, seed)?;
    let looped = outcome.failure == Some(Failure::Repetition);
    if looped && outcome.hypothesis.salvage(vocab, SALVAGE) {
        outcome.failure = None;
        outcome.avg_logprob = outcome.hypothesis.avg_logprob();
    }
    let whole = run.timestamps && !options.single_segment && options.max_tokens == 0 && options.grammar.is_none();
    if whole && options.search.fallback && outcome.failure.is_none() {
        let sound = Sound::of(mel, place.seek, place.frames);
        if is_sparse(&outcome.hypothesis, vocab, &sound) {
            let segments = cut(&outcome, vocab, place, run.duration, run.timestamps, options);
            let tokens = alignment_start(run, language);
            let window = aligned(run, place, language, &tokens);
            let words = aligner.words(&mut machine, &window, &segments, encoder.spare());
            if let Some(cut) = find_cut(&words, &sound, outcome.hypothesis.delta) {
                shorten(&mut outcome.hypothesis, cut, vocab);
            }
        }
    }
    phases.fallbacks += outcome.fallbacks;
    phases.looped += outcome.failed.0;
    phases.improbable += outcome.failed.1;
    phases.tokens += outcome.hypothesis.result_len;
    let segments = cut(&outcome, vocab, place, run.duration, run.timestamps, options);
    let step = advance(&outcome, vocab, place, options);
    phases.decode += start.elapsed();
    Ok((outcome, step, segments))
}

/// Gives the segments of a window their words.
pub(super) fn align(
    run: &Run,
    state: &mut State,
    place: Place,
    language: usize,
    segments: &mut [Segment],
    events: &mut dyn Events,
) {
    let State { encoder, decoder, cells, cross, phases, aligner, .. } = state;
    let start = std::time::Instant::now();
    let mut cancelled = || events.cancelled();
    let steps = &mut phases.steps;
    let mut machine = Machine { net: run.net, decoder, cells, cross, steps, cancelled: &mut cancelled };
    let tokens = alignment_start(run, language);
    aligner.run(&mut machine, &aligned(run, place, language, &tokens), segments, encoder.spare());
    phases.decode += start.elapsed();
}

/// What stands before the no-timestamps token while words are placed.
fn alignment_start(run: &Run, language: usize) -> Vec<u32> {
    opening_tokens(run.net.model.vocab(), language, run.options.task)
}

fn aligned<'a>(run: &'a Run, place: Place, language: usize, start: &'a [u32]) -> Aligned<'a> {
    Aligned {
        vocab: run.net.model.vocab(),
        heads: run.heads,
        start,
        language: language::LANGUAGES[language].0,
        positions: place.frames / 2,
        used: ((place.end - place.seek).min(place.frames) / 2).max(1),
        offset: place.seek as f64 * FRAME,
    }
}
