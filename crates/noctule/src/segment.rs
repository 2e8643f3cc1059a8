//! A window's tokens → segments with times.

use crate::hypothesis::{FRAMES_PER_TIMESTAMP, Failure, MIN_FRAMES};
use crate::options::Options;
use crate::tokenizer::decode;
use crate::transcript::{Doubt, Segment, Token};
use crate::window::Outcome;
use noctule_model::Vocab;

/// Seconds in a mel frame.
pub(crate) const FRAME: f64 = 0.01;

/// Where the window lies, in mel frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub seek: usize,
    /// Frame after the last of the audio.
    pub end: usize,
    /// Frames that the encoder saw.
    pub frames: usize,
}

/// Cuts the tokens of `outcome` at its timestamps. Times are seconds from the
/// start of the samples, never past `duration`.
pub(crate) fn cut(
    outcome: &Outcome,
    vocab: &Vocab,
    place: Place,
    duration: f64,
    timestamps: bool,
    options: &Options,
) -> Vec<Segment> {
    let hypothesis = &outcome.hypothesis;
    let (tokens, logprobs) = (&hypothesis.tokens[..hypothesis.result_len], &hypothesis.logprobs);
    let beg = vocab.beg();
    let at = |token: u32| place.seek + FRAMES_PER_TIMESTAMP * (token.max(beg) - beg) as usize;
    let seconds = |frame: usize| (frame as f64 * FRAME).min(duration);
    let mut segments = Vec::new();
    let mut start = match tokens.first() {
        Some(token) if *token >= beg => at(*token),
        _ if timestamps => at(outcome.first_stamp),
        _ => place.seek,
    };
    let mut open = 0;
    for i in 0..=tokens.len() {
        let closes = match tokens.get(i) {
            Some(token) => *token > beg && !options.single_segment,
            None => true,
        };
        if !closes {
            continue;
        }
        let end = tokens.get(i).map_or(place.seek + hypothesis.delta, |token| at(*token));
        if let Some(segment) = build(outcome, vocab, &tokens[open..i], &logprobs[open..i], options) {
            segments.push(Segment { start: seconds(start), end: seconds(end.max(start)), ..segment });
        }
        start = end;
        open = i + 1;
    }
    segments
}

/// A segment without times; `None` when there is no text in it.
fn build(outcome: &Outcome, vocab: &Vocab, ids: &[u32], logprobs: &[f32], options: &Options) -> Option<Segment> {
    let tokens: Vec<Token> = ids
        .iter()
        .zip(logprobs)
        .filter(|(id, _)| **id < vocab.eot())
        .map(|(id, logprob)| Token { id: *id, logprob: *logprob })
        .collect();
    let text_ids: Vec<u32> = tokens.iter().map(|t| t.id).collect();
    let text = decode(vocab, &text_ids);
    if text.is_empty() {
        return None;
    }
    Some(Segment {
        id: 0,
        start: 0.0,
        end: 0.0,
        text,
        tokens,
        avg_logprob: outcome.avg_logprob,
        no_speech_prob: outcome.no_speech_prob,
        compression_ratio: outcome.compression_ratio,
        temperature: outcome.temperature,
        words: Vec::new(),
        speaker: None,
        speaker_turn_next: options.tinydiarize && ids.contains(&vocab.solm()),
        doubt: outcome.failure.map(|failure| match failure {
            Failure::Repetition => Doubt::Repetition,
            _ => Doubt::LowProbability,
        }),
    })
}

/// How many frames to move on. A window that ends in a single timestamp is
/// finished: nothing but silence follows (OpenAI's rule).
pub(crate) fn advance(outcome: &Outcome, vocab: &Vocab, place: Place, options: &Options) -> usize {
    let hypothesis = &outcome.hypothesis;
    let tokens = &hypothesis.tokens[..hypothesis.result_len];
    let beg = vocab.beg();
    let capped = options.max_tokens > 0 && !options.single_segment && tokens.len() > options.max_tokens;
    let single = matches!(tokens, [.., text, stamp] if *text < beg && *stamp > beg);
    let step = if single && !capped { (place.end - place.seek).min(place.frames) } else { hypothesis.delta };
    // A step of nothing would decode the same window for ever.
    if step < MIN_FRAMES { place.frames } else { step }
}
