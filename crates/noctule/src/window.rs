//! One window of audio: the prompt, the attempts, the verdict.
//!
//! Temperatures rise until an attempt passes the quality tests. An attempt that
//! loops with earlier text in front of it is first tried again without that
//! text, because conditioning on a repetition is what most loops come from.
//! Where earlier text made the decoder echo itself or pass over speech without
//! failing a test, a second opinion without that text is heard.

use crate::error::Error;
use crate::grammar::GrammarState;
use crate::hypothesis::{Bounds, FRAMES_PER_TIMESTAMP, Failure, Hypothesis, State};
use crate::options::{Options, Thresholds};
use crate::repetition::longest_echo;
use crate::rules::Rules;
use crate::search::{Machine, Prompt, Strategy, search};
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
    /// Attempts that failed by looping, and otherwise.
    pub failed: (usize, usize),
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
    let (mut attempts, mut failed) = (0, (0, 0));
    while let Some((temperature, with_context)) = plan.pop_front() {
        let tokens = opening.tokens(with_context);
        let start_at = tokens.len() - opening.start.len();
        run_prompt(machine, vocab, tokens, start_at, &mut held);
        let start = Hypothesis::new(bounds, held.cells.clone(), grammar.clone());
        let strategy = Strategy::new(&options.search, temperature, seed.wrapping_add(attempts as u64));
        let (hypothesis, first_stamp) =
            search(machine, rules, bounds, &held, &start, &strategy, options.search.length_penalty)?;
        let mut outcome = judge(hypothesis, vocab, bounds, &options.thresholds, held.no_speech_prob);
        (outcome.temperature, outcome.used_context, outcome.first_stamp) = (temperature, with_context, first_stamp);
        attempts += 1;
        let failure = outcome.failure;
        match failure {
            Some(Failure::Repetition) => failed.0 += 1,
            Some(_) => failed.1 += 1,
            None => {}
        }
        best = Some(match best {
            Some(previous) if previous.failure.is_none() => second_opinion(previous, outcome, vocab, bounds),
            Some(previous) => better(previous, outcome),
            None => outcome,
        });
        let doubtful = |outcome: &Outcome| echoes(outcome, vocab) || gapes(outcome, vocab, bounds);
        if failure.is_none() {
            if with_context && options.search.fallback && best.as_ref().is_some_and(doubtful) {
                plan = VecDeque::from([(temperature, false)]);
                continue;
            }
            break;
        }
        if failure == Some(Failure::Repetition) && with_context && options.search.fallback {
            plan.iter_mut().for_each(|(_, context)| *context = false);
            plan.push_front((temperature, false));
        }
    }
    let mut outcome = best.expect("there is at least one temperature");
    (outcome.fallbacks, outcome.failed) = (attempts - 1, failed);
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
fn judge(
    hypothesis: Hypothesis,
    vocab: &Vocab,
    bounds: &Bounds,
    thresholds: &Thresholds,
    no_speech_prob: f32,
) -> Outcome {
    let (compression_ratio, found) = bounds.loops.judge(vocab, &hypothesis.tokens[..hypothesis.result_len]);
    let avg_logprob = hypothesis.avg_logprob();
    let failure = match hypothesis.state {
        // However it ended: what repeats itself must not pass for merely unlikely.
        _ if found.is_some() => Some(Failure::Repetition),
        State::Failed(failure) => Some(failure),
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
        failed: (0, 0),
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

/// A phrase this many times in a row, over as many text tokens as [`ECHO_TOKENS`], is heard as an echo.
const ECHOES: usize = 3;
const ECHO_TOKENS: usize = 6;

/// Whether a phrase is repeated, though not so often that it is a loop.
fn echoes(outcome: &Outcome, vocab: &Vocab) -> bool {
    longest_echo(&text_tokens(outcome, vocab), ECHO_TOKENS) >= ECHOES
}

/// Frames from which on the text of a stretch is counted, and the fewest text tokens in a second of it.
/// Slow speech has two.
const LONG_STRETCH: usize = 800;
const SPARSE: f32 = 1.0;

/// Whether a long stretch, a segment or between two of them, has less text than anybody says in
/// that time. It may be silence.
fn gapes(outcome: &Outcome, vocab: &Vocab, bounds: &Bounds) -> bool {
    let tokens = &outcome.hypothesis.tokens[..outcome.hypothesis.result_len];
    let sparse =
        |frames: usize, words: usize| frames >= LONG_STRETCH && (words as f32) < SPARSE * frames as f32 / 100.0;
    let (mut start, mut words) = (0, 0);
    for &token in tokens {
        if token < vocab.beg() {
            words += 1;
            continue;
        }
        let at = FRAMES_PER_TIMESTAMP * (token - vocab.beg()) as usize;
        if sparse(at.saturating_sub(start), words) {
            return true;
        }
        (start, words) = (at, 0);
    }
    // After a single timestamp the rest of the window is passed over.
    let rest = bounds.frames.min(bounds.end - bounds.seek).saturating_sub(start);
    matches!(tokens, [.., text, _] if *text < vocab.beg()) && words == 0 && sparse(rest, 0)
}

fn text_tokens(outcome: &Outcome, vocab: &Vocab) -> Vec<u32> {
    let tokens = &outcome.hypothesis.tokens[..outcome.hypothesis.result_len];
    tokens.iter().copied().filter(|token| *token < vocab.eot()).collect()
}

/// `first` knew earlier text and raised a doubt, `second` did not know it. The second counts where
/// it passed all tests and does what the first failed to do: say more, or echo less.
fn second_opinion(first: Outcome, second: Outcome, vocab: &Vocab, bounds: &Bounds) -> Outcome {
    if second.failure.is_some() {
        return first;
    }
    let says_more = 4 * text_tokens(&second, vocab).len() >= 5 * text_tokens(&first, vocab).len();
    let cured = echoes(&first, vocab) && !echoes(&second, vocab);
    if cured || gapes(&first, vocab, bounds) && says_more { second } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repetition::LoopRules;
    use crate::tokenizer::tests::english;

    /// A 30 s window in the middle of a recording.
    fn bounds() -> Bounds {
        Bounds {
            seek: 6000,
            end: 60_000,
            frames: 3000,
            timestamps: true,
            single_segment: false,
            max_tokens: 0,
            limit: 220,
            loops: LoopRules { entropy: 2.4, compression_ratio: 2.4 },
        }
    }

    /// An attempt that passed: segments of start, end (seconds) and text tokens.
    fn passed(vocab: &Vocab, segments: &[(f64, f64, &[u32])]) -> Outcome {
        let bounds = bounds();
        let mut hypothesis = Hypothesis::new(&bounds, Vec::new(), None);
        let stamp = |seconds: f64| vocab.beg() + (seconds * 50.0) as u32;
        for (start, end, words) in segments {
            hypothesis.tokens.push(stamp(*start));
            hypothesis.tokens.extend_from_slice(words);
            hypothesis.tokens.push(stamp(*end));
        }
        hypothesis.result_len = hypothesis.tokens.len();
        hypothesis.logprobs = vec![-0.1; hypothesis.tokens.len()];
        hypothesis.state = State::Completed;
        judge(hypothesis, vocab, &bounds, &Options::default().thresholds, 0.0)
    }

    const TWELVE: [u32; 12] = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22];

    #[test]
    fn passing_over_speech_is_noticed() {
        let v = english().vocab();
        let gapes = |segments: &[(f64, f64, &[u32])]| gapes(&passed(v, segments), v, &bounds());
        assert!(!gapes(&[(0.0, 6.0, &TWELVE), (6.0, 12.0, &TWELVE), (12.0, 24.0, &TWELVE)]));
        // Inside a segment, between two, before the first, and after a lone timestamp at the end.
        assert!(gapes(&[(0.0, 5.0, &TWELVE), (5.0, 24.0, &TWELVE)]));
        assert!(gapes(&[(0.0, 5.0, &TWELVE), (14.0, 20.0, &TWELVE)]));
        assert!(gapes(&[(9.0, 15.0, &TWELVE), (15.0, 29.0, &[TWELVE, TWELVE].concat())]));
        assert!(gapes(&[(0.0, 5.0, &TWELVE)]));
        // The next window starts where a pair of timestamps ends this one.
        let mut paired = passed(v, &[(0.0, 5.0, &TWELVE)]);
        paired.hypothesis.tokens.push(v.beg() + 250);
        paired.hypothesis.result_len += 1;
        assert!(!super::gapes(&paired, v, &bounds()));
    }

    #[test]
    fn a_second_opinion_counts_when_it_cures_the_doubt() {
        let v = english().vocab();
        let cold = [11, 5, 6, 5, 6, 5, 6, 12, 13, 14, 15, 16];
        let pick = |first: &[(f64, f64, &[u32])], second: &[(f64, f64, &[u32])]| {
            let second = passed(v, second);
            let wanted = second.hypothesis.tokens.clone();
            second_opinion(passed(v, first), second, v, &bounds()).hypothesis.tokens == wanted
        };
        assert!(pick(&[(0.0, 10.0, &cold)], &[(0.0, 10.0, &TWELVE)]));
        // It may simply have been said so.
        assert!(!pick(&[(0.0, 10.0, &cold)], &[(0.0, 12.0, &cold)]));
        let (gap, full) = ([(0.0, 28.0, &TWELVE[..])], [(0.0, 14.0, &TWELVE[..]), (14.0, 28.0, &TWELVE[..])]);
        assert!(pick(&gap, &full));
        assert!(!pick(&gap, &[(0.0, 5.0, &TWELVE)]));
        let mut failed = passed(v, &full);
        failed.failure = Some(Failure::LowProbability);
        assert_eq!(second_opinion(passed(v, &gap), failed, v, &bounds()).hypothesis.tokens.len(), 14);
    }

    #[test]
    fn a_loop_that_ends_by_its_length_is_a_loop() {
        let v = english().vocab();
        let mut hypothesis = passed(v, &[(0.0, 5.0, &[3000; 200])]).hypothesis;
        hypothesis.state = State::Failed(Failure::TooLong);
        let judged = judge(hypothesis, v, &bounds(), &Options::default().thresholds, 0.0);
        assert_eq!(judged.failure, Some(Failure::Repetition));
    }

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
