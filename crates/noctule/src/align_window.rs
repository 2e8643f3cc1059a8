//! Runs the decoder over a window's finished text once more and reads from its
//! cross-attention where each word lies in the audio.

use crate::alignment_heads::Head;
use crate::decoder::{Batch, Capture};
use crate::search::Machine;
use crate::tokenizer::word_groups;
use crate::transcript::Segment;
use crate::words::{AlignedWord, AlignmentInput, Scratch, align, cut_at_segments, place_words};
use noctule_model::Vocab;

/// What word alignment keeps between windows.
#[derive(Debug, Default)]
pub(crate) struct Aligner {
    scratch: Scratch,
    /// End of the last word before this window, seconds.
    last_speech: f64,
}

/// The window that is being aligned.
pub(crate) struct Aligned<'a> {
    pub vocab: &'a Vocab,
    pub heads: &'a [Head],
    /// Start-of-transcript, language and task.
    pub start: &'a [u32],
    pub language: &'a str,
    /// Encoder positions, and how many of them hold audio.
    pub positions: usize,
    pub used: usize,
    /// Start of the window, seconds.
    pub offset: f64,
}

impl Aligner {
    /// Begins behind speech that ended at `last_speech` seconds.
    pub fn resume(&mut self, last_speech: f64) {
        self.last_speech = last_speech;
    }

    /// End of the last word so far, seconds.
    pub fn last_speech(&self) -> f64 {
        self.last_speech
    }

    /// Fills `segments[..].words` and moves the segments' times to their words. `weights` is room for attention.
    pub fn run(&mut self, machine: &mut Machine, window: &Aligned, segments: &mut [Segment], weights: &mut Vec<f32>) {
        let words = self.words(machine, window, segments, weights);
        if !words.is_empty() {
            place_words(segments, words, window.offset, &mut self.last_speech);
        }
    }

    /// The words of `segments` where the attention has them: pauses belong to words. `weights` as for [`run`](Self::run).
    pub fn words(
        &mut self,
        machine: &mut Machine,
        window: &Aligned,
        segments: &[Segment],
        weights: &mut Vec<f32>,
    ) -> Vec<AlignedWord> {
        let text: Vec<u32> = segments.iter().flat_map(|s| s.tokens.iter().map(|t| t.id)).collect();
        if text.is_empty() || window.used == 0 {
            return Vec::new();
        }
        let probs: Vec<f32> = segments.iter().flat_map(|s| s.tokens.iter().map(|t| t.logprob.exp())).collect();
        let lengths: Vec<usize> = segments.iter().map(|s| s.tokens.len()).collect();
        let tokens = [window.start, &[window.vocab.not_()], &text, &[window.vocab.eot()]].concat();
        attend(machine, window, &tokens, weights);
        let groups = cut_at_segments(&word_groups(window.vocab, &text, window.language), &lengths);
        let input = AlignmentInput {
            weights,
            heads: window.heads.len(),
            rows: tokens.len(),
            frames_total: window.positions,
            frames_used: window.used,
            text_tokens: &text,
            token_probs: &probs,
            sot_len: window.start.len(),
        };
        align(|id| window.vocab.token(id), &groups, &input, &mut self.scratch)
            .unwrap_or_else(|error| unreachable!("sizes were made together: {error}"))
    }
}

/// Runs `tokens` from an empty cache and collects the attention of the heads.
fn attend(machine: &mut Machine, window: &Aligned, tokens: &[u32], weights: &mut Vec<f32>) {
    machine.cells.clear();
    let cells: Vec<u32> = tokens.iter().map(|_| machine.cells.take()).collect();
    let lists: Vec<&[u32]> = (1..=cells.len()).map(|n| &cells[..n]).collect();
    let positions: Vec<usize> = (0..tokens.len()).collect();
    weights.resize(window.heads.len() * tokens.len() * window.positions, 0.0);
    let batch = Batch { tokens, positions: &positions, cells: &lists, wanted: &[] };
    let capture = Capture { heads: window.heads, weights };
    machine.decoder.run(machine.net, machine.cells, machine.cross, &batch, Some(capture));
    *machine.steps += 1;
}
