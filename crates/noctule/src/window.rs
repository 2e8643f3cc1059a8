//! One window of audio: the prompt, the attempts, the verdict.
//!
//! Temperatures rise until an attempt passes the quality tests. An attempt that
//! loops with earlier text in front of it is first tried again without that
//! text, because conditioning on a repetition is what most loops come from.

use crate::error::Error;
use crate::grammar::GrammarState;
use crate::hypothesis::{Bounds, Failure, Hypothesis, State};
use crate::options::{Options, Thresholds};
use crate::repetition::{compression_ratio, tail_entropy};
use crate::rules::Rules;
use crate::search::{Machine, Prompt, Strategy, search};
use crate::tokenizer::decode;
use noctule_model::Vocab;
use std::collections::VecDeque;

/// Above this temperature earlier text is not shown to the decoder (OpenAI and whisper.cpp: 0.5).
const CONTEXT_TEMPERATURE: f32 = 0.5;

/// Tokens in front of the text: what was said before, then start, language, task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opening {
    /// Previous text with its marker; may be empty.
    pub context: Vec<u32>,
    /// From start-of-transcript on.
    pub start: Vec<u32>,
}

impl Opening {
    fn tokens(&self, with_context: bool) -> Vec<u32> {
        let context = if with_context { self.context.as_slice() } else { &[] };
        [context, &self.start].concat()
    }
}

/// The text that a window ends up with.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub hypothesis: Hypothesis,
    pub temperature: f32,
    pub no_speech_prob: f32,
    pub avg_logprob: f32,
    pub compression_ratio: f32,
    /// Whether earlier text stood in front.
    pub used_context: bool,
    /// Likeliest first timestamp, for text that starts without one.
    pub first_stamp: u32,
    /// What is wrong with it, if no attempt passed.
    pub failure: Option<Failure>,
    /// Attempts beyond the first.
    pub fallbacks: usize,
}

/// Runs `tokens` as the prompt of a window unless `held` is that prompt already.
fn run_prompt(machine: &mut Machine, vocab: &Vocab, tokens: Vec<u32>, start: usize, held: &mut Prompt) {
    if held.tokens == tokens {
        return;
    }
    machine.cells.clear();
    let cells: Vec<u32> = tokens.iter().map(|_| machine.cells.take()).collect();
    let lists: Vec<&[u32]> = (1..=cells.len()).map(|n| &cells[..n]).collect();
    let positions: Vec<usize> = (0..tokens.len()).collect();
    let wanted = [start, tokens.len() - 1];
    let batch = crate::decoder::Batch { tokens: &tokens, positions: &positions, cells: &lists, wanted: &wanted };
    let logits = machine.decoder.run(machine.net, machine.cells, machine.cross, &batch, None);
    let n = vocab.len();
    held.logits.clear();
    held.logits.extend_from_slice(&logits[n..]);
    // The probability of no speech is what the model says right after start-of-transcript.
    machine.net.compute.log_softmax(&mut logits[..n]);
    held.no_speech_prob = logits[vocab.nosp() as usize].exp();
    held.tokens = tokens;
    held.cells = cells;
    *machine.steps += 1;
}

/// Decodes a window: attempts at rising temperatures until one passes.
pub(crate) fn decode_window(
    machine: &mut Machine,
    rules: &Rules,
    bounds: &Bounds,
    opening: &Opening,
    options: &Options,
    seed: u64,
) -> Result<Outcome, Error> {
    let vocab = rules.vocab;
    let grammar = options.grammar.as_ref().map(|g| GrammarState::new(g.grammar.clone()));
    let mut plan: VecDeque<(f32, bool)> = temperatures(options)
        .into_iter()
        .map(|t| (t, t < CONTEXT_TEMPERATURE && !opening.context.is_empty()))
        .collect();
    let mut held = Prompt::default();
    let mut best: Option<Outcome> = None;
    let mut attempts = 0;
    while let Some((temperature, with_context)) = plan.pop_front() {
        let tokens = opening.tokens(with_context);
        let start_at = tokens.len() - opening.start.len();
        run_prompt(machine, vocab, tokens, start_at, &mut held);
        let start = Hypothesis::new(bounds, held.cells.clone(), grammar.clone());
        let strategy = Strategy::new(&options.search, temperature, seed.wrapping_add(attempts as u64));
        let (hypothesis, first_stamp) =
            search(machine, rules, bounds, &held, &start, &strategy, options.search.length_penalty)?;
        let mut outcome = judge(hypothesis, vocab, &options.thresholds, held.no_speech_prob);
        (outcome.temperature, outcome.used_context, outcome.first_stamp) = (temperature, with_context, first_stamp);
        attempts += 1;
        let failure = outcome.failure;
        best = Some(match best {
            Some(previous) => better(previous, outcome),
            None => outcome,
        });
        if failure.is_none() {
            break;
        }
        if failure == Some(Failure::Repetition) && with_context && options.search.fallback {
            plan.iter_mut().for_each(|(_, context)| *context = false);
            plan.push_front((temperature, false));
        }
    }
    let mut outcome = best.expect("there is at least one temperature");
    outcome.fallbacks = attempts - 1;
    Ok(outcome)
}

fn temperatures(options: &Options) -> Vec<f32> {
    let search = &options.search;
    let mut all = vec![search.temperature];
    if search.fallback && search.temperature_inc > 0.0 {
        // Counted, not summed: the sum of five 0.2 in f32 must not decide whether 1.0 is tried.
        let steps = ((1.0 - search.temperature) / search.temperature_inc + 1e-3).floor().max(0.0) as usize;
        all.extend((1..=steps).map(|i| search.temperature + i as f32 * search.temperature_inc));
    }
    all
}

/// Applies the quality tests.
fn judge(hypothesis: Hypothesis, vocab: &Vocab, thresholds: &Thresholds, no_speech_prob: f32) -> Outcome {
    let kept = &hypothesis.tokens[..hypothesis.result_len];
    let words: Vec<u32> = kept.iter().copied().filter(|t| *t < vocab.eot()).collect();
    let compression_ratio = compression_ratio(decode(vocab, &words).trim());
    let avg_logprob = hypothesis.avg_logprob();
    let loops = kept.len() > 32 && tail_entropy(kept) < thresholds.entropy;
    let failure = match hypothesis.state {
        State::Failed(failure) => Some(failure),
        _ if loops || compression_ratio > thresholds.compression_ratio => Some(Failure::Repetition),
        _ if avg_logprob < thresholds.logprob && no_speech_prob < thresholds.no_speech => Some(Failure::LowProbability),
        _ => None,
    };
    Outcome {
        hypothesis,
        temperature: 0.0,
        no_speech_prob,
        avg_logprob,
        compression_ratio,
        used_context: false,
        first_stamp: vocab.beg(),
        failure,
        fallbacks: 0,
    }
}

/// The better of two attempts: one that passed, then one that does not loop, then the likelier.
fn better(a: Outcome, b: Outcome) -> Outcome {
    let rank = |o: &Outcome| match o.failure {
        None => 2,
        Some(Failure::Repetition) => 0,
        Some(_) => 1,
    };
    match rank(&b).cmp(&rank(&a)) {
        std::cmp::Ordering::Greater => b,
        std::cmp::Ordering::Equal if b.avg_logprob > a.avg_logprob => b,
        _ => a,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_reach_one() {
        let mut options = Options::default();
        let all = temperatures(&options);
        assert_eq!(all.len(), 6);
        assert!((all[5] - 1.0).abs() < 1e-6);
        options.search.fallback = false;
        assert_eq!(temperatures(&options), [0.0]);
        options.search.fallback = true;
        options.search.temperature = 0.9;
        assert_eq!(temperatures(&options), [0.9]);
    }
}
