//! From the heard audio and the text that stands to the text that follows.

use super::attend::Attention;
use super::{Continued, End, LiveToken, Request, seconds};
use crate::decoder::{Batch, Capture};
use crate::error::Error;
use crate::hypothesis::{Bounds, Failure, Hypothesis, State};
use crate::options::{Options, Search, Thresholds};
use crate::repetition::LoopRules;
use crate::rules::Rules;
use crate::search::{Machine, Prompt, Strategy, search};
use crate::suppress::{Suppression, SuppressionRules};
use crate::transcriber::{Transcriber, opening_tokens};
use crate::weights::Net;
use crate::words::AlignedWord;
use noctule_model::Vocab;

/// Frames beyond any window: text without timestamps never reaches the end of its audio.
const ENDLESS: usize = usize::MAX / 2;

impl Transcriber {
    /// Writes down what follows `request.prefix` in the audio of the last [`hear`](Transcriber::hear). `cancelled` is asked
    /// between decoding steps.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::Option`] for a prefix that leaves no room in the model's text context.
    ///
    /// # Panics
    /// Nothing was heard since the last whole transcription, or a token or the language is not in the vocabulary.
    pub fn proceed(&mut self, request: &Request, cancelled: &mut dyn FnMut() -> bool) -> Result<Continued, Error> {
        let started = std::time::Instant::now();
        let net = Net { model: &self.model, weights: &self.weights, compute: &self.compute };
        let vocab = net.model.vocab();
        let mut start = opening_tokens(vocab, request.language, request.task);
        start.push(vocab.not_());
        let most = net.model.hparams().n_text_ctx;
        let room = most.saturating_sub(start.len() + request.prefix.len() + 2);
        if room == 0 {
            return Err(Error::Option {
                option: "prefix",
                problem: format!("{} tokens do not fit the model's text context of {most}", request.prefix.len()),
            });
        }
        let tokens = most / 2;
        let context = context(vocab, request.context, room.saturating_sub(tokens).min(tokens - 1));
        let bounds = bounds(request.max_tokens.min(room - context.len()).max(1), tokens);
        let state = &mut self.state;
        let mut steps = 0;
        let (decoder, cells, cross) = (&mut state.decoder, &mut state.cells, &state.cross);
        let mut machine = Machine { net, decoder, cells, cross, steps: &mut steps, cancelled };
        let attention = &mut state.live;
        attention.begin(self.heads.len());
        let prompt = run(&mut machine, attention, &self.heads, [&context, &start, request.prefix]);
        let rules = rules(vocab, request, bounds.max_tokens);
        let beginning = Hypothesis::new(&bounds, prompt.cells.clone(), None);
        let strategy = Strategy::new(&Search { beam_size: request.beam_size, ..Search::default() }, 0.0, 0);
        let (hypothesis, _) = search(&mut machine, &rules, &bounds, &prompt, &beginning, &strategy, None)?;
        let (kept, end) = sound_part(&hypothesis, vocab);
        follow(&mut machine, attention, &self.heads, &prompt, &hypothesis.tokens[..kept]);
        let mut continued = Continued {
            tokens: Vec::new(),
            words: Vec::new(),
            end,
            no_speech_prob: prompt.no_speech_prob,
            avg_logprob: mean(&hypothesis.logprobs[..hypothesis.logprobs.len().min(kept + 1)]),
        };
        let language = crate::language::LANGUAGES[request.language].0;
        let found = attention.place(vocab, start.len() - 1, request.prefix, &hypothesis.tokens[..kept], language);
        let attended = found.attended.iter().skip(request.prefix.len());
        let scored = hypothesis.tokens.iter().zip(&hypothesis.logprobs).take(kept);
        continued.tokens = scored
            .zip(attended)
            .map(|((&id, &logprob), &at)| LiveToken { id, logprob, attended: seconds(at) })
            .collect();
        continued.words = words(found.words, request.prefix.len(), &continued.tokens);
        state.phases.decode += started.elapsed();
        state.phases.steps += steps;
        state.phases.tokens += kept;
        Ok(continued)
    }
}

/// Marker and the last `most` tokens of earlier text; empty when there is none.
fn context(vocab: &Vocab, tokens: &[u32], most: usize) -> Vec<u32> {
    let tail = &tokens[tokens.len().saturating_sub(most)..];
    if tail.is_empty() { Vec::new() } else { [&[vocab.prev()], tail].concat() }
}

fn bounds(max_tokens: usize, limit: usize) -> Bounds {
    let Thresholds { entropy, compression_ratio, .. } = Thresholds::default();
    Bounds {
        seek: 0,
        end: ENDLESS,
        frames: 0,
        timestamps: false,
        single_segment: true,
        max_tokens,
        limit,
        loops: LoopRules { entropy, compression_ratio },
    }
}

fn rules<'v>(vocab: &'v Vocab, request: &Request, max_tokens: usize) -> Rules<'v> {
    let suppression = SuppressionRules {
        non_speech: request.suppress_non_speech,
        pattern: None,
        // Behind a prefix there may well be nothing.
        blank: request.prefix.is_empty(),
        timestamps: false,
        tinydiarize: false,
    };
    let options = Options { timestamps: false, max_tokens, ..Options::default() };
    Rules::new(vocab, Suppression::new(vocab, suppression), &options, false, 0)
}

/// Runs what stands before the new text from empty cells; keeps attention from the start of transcript on.
fn run(machine: &mut Machine, attention: &mut Attention, heads: &[(usize, usize)], parts: [&[u32]; 3]) -> Prompt {
    let [context, start, prefix] = parts;
    let tokens = [context, start, prefix].concat();
    machine.cells.clear();
    let cells: Vec<u32> = tokens.iter().map(|_| machine.cells.take()).collect();
    let lists: Vec<&[u32]> = (1..=cells.len()).map(|n| &cells[..n]).collect();
    let positions: Vec<usize> = (0..tokens.len()).collect();
    let wanted = [context.len(), tokens.len() - 1];
    let batch = Batch { tokens: &tokens, positions: &positions, cells: &lists, wanted: &wanted };
    let capture = Capture { heads, weights: attention.buffer(tokens.len()) };
    let logits = machine.decoder.run(machine.net, machine.cells, machine.cross, &batch, Some(capture));
    *machine.steps += 1;
    let vocab = machine.net.model.vocab();
    let (first, last) = logits.split_at_mut(vocab.len());
    machine.net.compute.log_softmax(first);
    let no_speech_prob = first[vocab.nosp() as usize].exp();
    let logits = last.to_vec();
    attention.keep(context.len());
    Prompt { tokens, cells, logits, no_speech_prob }
}

/// Runs the new text at once, to see where the decoder looks.
fn follow(machine: &mut Machine, attention: &mut Attention, heads: &[(usize, usize)], prompt: &Prompt, text: &[u32]) {
    let tokens = [text, &[machine.net.model.vocab().eot()]].concat();
    let mut cells = prompt.cells.clone();
    cells.extend(tokens.iter().map(|_| machine.cells.take()));
    let before = prompt.cells.len();
    let lists: Vec<&[u32]> = (before + 1..=cells.len()).map(|n| &cells[..n]).collect();
    let positions: Vec<usize> = (before..cells.len()).collect();
    let batch = Batch { tokens: &tokens, positions: &positions, cells: &lists, wanted: &[] };
    let capture = Capture { heads, weights: attention.buffer(tokens.len()) };
    machine.decoder.run(machine.net, machine.cells, machine.cross, &batch, Some(capture));
    *machine.steps += 1;
    attention.keep(0);
}

/// How many tokens of `hypothesis` are text and no loop, and how it ended.
fn sound_part(hypothesis: &Hypothesis, vocab: &Vocab) -> (usize, End) {
    let text = hypothesis.tokens.iter().take_while(|token| **token < vocab.eot()).count();
    match hypothesis.state {
        State::Failed(Failure::Repetition) => (hypothesis.loop_start.unwrap_or(0).min(text), End::Loop),
        _ if text < hypothesis.tokens.len() => (text, End::EndOfText),
        _ => (text, End::Limit),
    }
}

fn mean(values: &[f32]) -> f32 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f32>() / values.len() as f32 }
}

/// The words behind the prefix, their tokens counted from there.
fn words(all: Vec<AlignedWord>, prefix: usize, tokens: &[LiveToken]) -> Vec<super::LiveWord> {
    let behind = all.into_iter().filter(|word| word.tokens.start >= prefix && !word.text.is_empty());
    behind
        .map(|word| {
            let range = word.tokens.start - prefix..word.tokens.end - prefix;
            let sum: f32 = tokens[range.clone()].iter().map(|token| token.logprob.exp()).sum();
            let probability = sum / range.len() as f32;
            super::LiveWord { text: word.text, start: word.start, end: word.end, probability, tokens: range }
        })
        .collect()
}
