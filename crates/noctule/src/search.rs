//! Choosing tokens: greedy, beam search, or independent samples.
//!
//! Everything is deterministic: beams break ties by rank and token id, samples
//! come from a seeded generator, and no result depends on the number of threads.

use crate::cache::{Cells, CrossCache};
use crate::decoder::{Batch, Decoder};
use crate::error::Error;
use crate::hypothesis::{Bounds, Failure, Hypothesis, State};
use crate::options;
use crate::rng::Rng;
use crate::rules::Rules;
use crate::weights::Net;

/// How the next tokens are chosen.
#[derive(Debug, Clone)]
pub(crate) enum Strategy {
    /// The likeliest token.
    Greedy,
    /// The `width` likeliest texts at each step, until `finished` of them are complete.
    Beam { width: usize, finished: usize },
    /// `count` texts drawn at `temperature`.
    Sample { count: usize, temperature: f32, seed: u64 },
}

impl Strategy {
    pub fn new(search: &options::Search, temperature: f32, seed: u64) -> Self {
        if temperature > 0.0 {
            Self::Sample { count: search.best_of.max(1), temperature, seed }
        } else if search.beam_size > 1 {
            let finished = (search.beam_size as f32 * search.patience).round().max(1.0) as usize;
            Self::Beam { width: search.beam_size, finished }
        } else {
            Self::Greedy
        }
    }
}

/// The prompt after its run through the decoder: what every hypothesis starts from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prompt {
    pub tokens: Vec<u32>,
    pub cells: Vec<u32>,
    /// Logits after the last token.
    pub logits: Vec<f32>,
    pub no_speech_prob: f32,
}

/// The parts of the state that a search drives.
pub(crate) struct Machine<'a> {
    pub net: Net<'a>,
    pub decoder: &'a mut Decoder,
    pub cells: &'a mut Cells,
    pub cross: &'a CrossCache,
    /// Batched decoder steps so far.
    pub steps: &'a mut usize,
    pub cancelled: &'a mut dyn FnMut() -> bool,
}

impl Machine<'_> {
    /// Runs one token for each running hypothesis (its last) and returns their logits.
    fn step(&mut self, running: &mut [Hypothesis]) -> Result<&mut [f32], Error> {
        if (self.cancelled)() {
            return Err(Error::Cancelled);
        }
        *self.steps += 1;
        for hypothesis in running.iter_mut() {
            hypothesis.cells.push(self.cells.take());
        }
        let tokens: Vec<u32> = running.iter().map(|h| *h.tokens.last().expect("a token was just added")).collect();
        let positions: Vec<usize> = running.iter().map(|h| h.cells.len() - 1).collect();
        let cells: Vec<&[u32]> = running.iter().map(|h| h.cells.as_slice()).collect();
        let wanted: Vec<usize> = (0..running.len()).collect();
        let batch = Batch { tokens: &tokens, positions: &positions, cells: &cells, wanted: &wanted };
        Ok(self.decoder.run(self.net, self.cells, self.cross, &batch, None))
    }
}

/// Decodes one window from `prompt`. `start` is the empty hypothesis. Returns
/// the best complete text, or the best failed one when none is complete, and the
/// likeliest first timestamp.
pub(crate) fn search(
    machine: &mut Machine,
    rules: &Rules,
    bounds: &Bounds,
    prompt: &Prompt,
    start: &Hypothesis,
    strategy: &Strategy,
    length_penalty: Option<f32>,
) -> Result<(Hypothesis, u32), Error> {
    let mut first = prompt.logits.clone();
    let compute = machine.net.compute;
    rules.apply(compute, start, &mut first);
    let beg = rules.vocab.beg();
    let first_stamp = beg + argmax(&first[beg as usize..]);
    let ended = match strategy {
        Strategy::Greedy => sample(machine, rules, bounds, start, &first, &mut [None])?,
        Strategy::Sample { count, temperature, seed } => {
            let mut draws: Vec<_> =
                (0..*count as u64).map(|i| Some((*temperature, Rng::new(seed ^ (i << 48))))).collect();
            sample(machine, rules, bounds, start, &first, &mut draws)?
        }
        Strategy::Beam { width, finished } => beam(machine, rules, bounds, start, &first, *width, *finished)?,
    };
    machine.cells.retain(std::iter::once(prompt.cells.as_slice()));
    Ok((best(ended, length_penalty), first_stamp))
}

/// Complete texts before failed ones, then by score; the first of equals.
fn best(ended: Vec<Hypothesis>, length_penalty: Option<f32>) -> Hypothesis {
    let rank = |h: &Hypothesis| {
        let class = match h.state {
            State::Completed => 2,
            State::Failed(Failure::Repetition) => 0,
            _ => 1,
        };
        (class, h.score(length_penalty))
    };
    ended
        .into_iter()
        .reduce(|a, b| {
            let ((ca, sa), (cb, sb)) = (rank(&a), rank(&b));
            if cb > ca || (cb == ca && sb > sa) { b } else { a }
        })
        .expect("a search ends with at least one hypothesis")
}

/// Independent texts, each greedy (`None`) or drawn at a temperature.
fn sample(
    machine: &mut Machine,
    rules: &Rules,
    bounds: &Bounds,
    start: &Hypothesis,
    first: &[f32],
    draws: &mut [Option<(f32, Rng)>],
) -> Result<Vec<Hypothesis>, Error> {
    let (vocab, compute, n) = (rules.vocab, machine.net.compute, first.len());
    let mut running = Vec::new();
    let mut ended = Vec::new();
    let mut generators = Vec::new();
    for draw in draws.iter_mut() {
        let mut hypothesis = start.clone();
        let token = choose(first, draw);
        hypothesis.push(token, first[token as usize], vocab, bounds);
        if hypothesis.state == State::Running {
            running.push(hypothesis);
            generators.push(draw.take());
        } else {
            ended.push(hypothesis);
        }
    }
    while !running.is_empty() {
        let logits = machine.step(&mut running)?;
        for (hypothesis, row) in running.iter_mut().zip(logits.chunks_exact_mut(n)) {
            rules.apply(compute, hypothesis, row);
        }
        for ((hypothesis, row), draw) in running.iter_mut().zip(logits.chunks_exact(n)).zip(&mut generators) {
            let token = choose(row, draw);
            hypothesis.push(token, row[token as usize], vocab, bounds);
        }
        let (mut still, mut kept) = (Vec::new(), Vec::new());
        for (hypothesis, draw) in running.into_iter().zip(generators) {
            if hypothesis.state == State::Running {
                still.push(hypothesis);
                kept.push(draw);
            } else {
                ended.push(hypothesis);
            }
        }
        (running, generators) = (still, kept);
    }
    Ok(ended)
}

/// The likeliest token (the first of equals), or one drawn from exp(logprob / temperature).
fn choose(logprobs: &[f32], draw: &mut Option<(f32, Rng)>) -> u32 {
    match draw {
        None => argmax(logprobs),
        Some((temperature, rng)) => rng.categorical(logprobs, *temperature).unwrap_or_else(|| argmax(logprobs)),
    }
}

fn argmax(values: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, value) in values.iter().enumerate() {
        if *value > best.1 {
            best = (i, *value);
        }
    }
    best.0 as u32
}

/// The `count` largest entries, largest first, ties by index; neither −∞ nor a NaN is one.
fn top(values: &[f32], count: usize) -> Vec<(u32, f32)> {
    /// Entries that are compared with the least of the largest together, as vectors.
    const TOGETHER: usize = 64;
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(count + 1);
    for (number, block) in values.chunks(TOGETHER).enumerate() {
        let least = |best: &[(u32, f32)]| if best.len() < count { f32::NEG_INFINITY } else { best[count - 1].1 };
        let bound = least(&best);
        if !block.iter().fold(false, |any, value| any | (*value > bound)) {
            continue;
        }
        for (i, value) in block.iter().enumerate() {
            if *value > least(&best) {
                let at = best.partition_point(|(_, other)| *other >= *value);
                best.insert(at, ((number * TOGETHER + i) as u32, *value));
                best.truncate(count);
            }
        }
    }
    best
}

/// Beam search with a pool of finished texts, as in OpenAI's decoding: each
/// step extends every beam by its `width + 1` likeliest tokens, keeps the
/// `width` best unfinished ones, and stops when `wanted` texts are finished.
fn beam(
    machine: &mut Machine,
    rules: &Rules,
    bounds: &Bounds,
    start: &Hypothesis,
    first: &[f32],
    width: usize,
    wanted: usize,
) -> Result<Vec<Hypothesis>, Error> {
    let (compute, n) = (machine.net.compute, first.len());
    let mut finished = Vec::new();
    let mut failed = Vec::new();
    let candidates: Vec<_> = top(first, width + 1).into_iter().map(|(token, p)| (0, token, p)).collect();
    let mut running =
        extend(std::slice::from_ref(start), candidates, rules, bounds, width, wanted, &mut finished, &mut failed);
    while !running.is_empty() && finished.len() < wanted {
        machine.cells.retain(running.iter().map(|h: &Hypothesis| h.cells.as_slice()));
        let logits = machine.step(&mut running)?;
        let mut candidates = Vec::with_capacity(running.len() * (width + 1));
        for (index, (hypothesis, row)) in running.iter().zip(logits.chunks_exact_mut(n)).enumerate() {
            rules.apply(compute, hypothesis, row);
            candidates.extend(top(row, width + 1).into_iter().map(|(token, p)| (index, token, p)));
        }
        running = extend(&running, candidates, rules, bounds, width, wanted, &mut finished, &mut failed);
    }
    if finished.is_empty() {
        finished.append(&mut failed);
        // Beams cut off by the token limit of all others cannot be left over: the limit ends every beam.
        finished.append(&mut running);
    }
    Ok(finished)
}

/// Extends beams by candidates (beam, token, log-probability) in order of the sum.
#[expect(clippy::too_many_arguments, reason = "one step of one loop, split for reading")]
fn extend(
    beams: &[Hypothesis],
    mut candidates: Vec<(usize, u32, f32)>,
    rules: &Rules,
    bounds: &Bounds,
    width: usize,
    wanted: usize,
    finished: &mut Vec<Hypothesis>,
    failed: &mut Vec<Hypothesis>,
) -> Vec<Hypothesis> {
    let sum = |(beam, _, p): &(usize, u32, f32)| beams[*beam].sum + f64::from(*p);
    candidates.sort_by(|a, b| sum(b).total_cmp(&sum(a)).then(a.0.cmp(&b.0)).then(a.1.cmp(&b.1)));
    let mut running = Vec::with_capacity(width);
    for (beam, token, logprob) in candidates {
        if running.len() == width || finished.len() >= wanted {
            break;
        }
        let mut child = beams[beam].clone();
        child.push(token, logprob, rules.vocab, bounds);
        match child.state {
            State::Running => running.push(child),
            State::Completed => finished.push(child),
            State::Failed(_) => failed.push(child),
        }
    }
    running
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_is_sorted_and_breaks_ties_by_index() {
        let values = [0.1, 0.5, f32::NEG_INFINITY, 0.5, 0.9, 0.2];
        assert_eq!(top(&values, 3), [(4, 0.9), (1, 0.5), (3, 0.5)]);
        assert_eq!(top(&[f32::NEG_INFINITY; 4], 2), []);
        assert_eq!(argmax(&values), 4);
    }

    #[test]
    fn top_of_many_is_that_of_sorting() {
        // Few different values, so that many are equal, in more than one block and a part of one.
        let mut values: Vec<f32> = (0..1000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as f32).collect();
        values[10] = f32::NAN;
        values[999] = 256.0;
        let mut sorted: Vec<(u32, f32)> = (0..).zip(values.iter().copied()).filter(|(_, x)| !x.is_nan()).collect();
        sorted.sort_by(|(i, x), (j, y)| y.total_cmp(x).then(i.cmp(j)));
        for count in [1, 2, 6, 64, 2000] {
            assert_eq!(top(&values, count), sorted[..count.min(sorted.len())], "{count}");
        }
    }
}
