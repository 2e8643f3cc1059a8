//! Where the decoder looked: attention of the alignment heads, row by row as the text grows.

use crate::tokenizer::word_groups;
use crate::words::{
    APPENDED, AlignedWord, AlignmentInput, PREPENDED, Scratch, align, attended, cut_at_segments, merge_punctuations,
};
use noctule_model::Vocab;

/// Attention of one text to the audio that was heard.
#[derive(Debug, Default)]
pub(crate) struct Attention {
    /// Positions that hold audio, and positions of the encoder.
    heard: usize,
    positions: usize,
    heads: usize,
    /// What the last run of the decoder gave: [head][token][position].
    latest: Vec<f32>,
    /// For each head the rows that are kept: [token][heard].
    rows: Vec<Vec<f32>>,
    /// All rows in one piece, as the alignment wants them.
    joined: Vec<f32>,
    scratch: Scratch,
}

/// What the rows say about a text.
pub(crate) struct Placed {
    /// Words of prefix and new text; none crosses from one to the other.
    pub words: Vec<AlignedWord>,
    /// For each text token the position that was looked at most.
    pub attended: Vec<usize>,
}

impl Attention {
    /// The encoder holds `positions`, the first `heard` of which are audio.
    pub fn heard(&mut self, heard: usize, positions: usize) {
        (self.heard, self.positions) = (heard.min(positions), positions);
    }

    /// Whether there is audio to look at.
    pub fn is_ready(&self) -> bool {
        self.heard > 0
    }

    /// Forgets the rows of the last text.
    pub fn begin(&mut self, heads: usize) {
        assert!(self.is_ready(), "nothing was heard");
        self.heads = heads;
        self.rows.resize_with(heads, Vec::new);
        self.rows.iter_mut().for_each(Vec::clear);
    }

    /// Where a run of so many tokens puts its attention.
    pub fn buffer(&mut self, tokens: usize) -> &mut [f32] {
        self.latest.clear();
        self.latest.resize(self.heads * tokens * self.positions, 0.0);
        &mut self.latest
    }

    /// Keeps the rows of the last run from row `from` on.
    pub fn keep(&mut self, from: usize) {
        let size = self.latest.len() / self.heads.max(1);
        for (rows, latest) in self.rows.iter_mut().zip(self.latest.chunks_exact(size.max(1))) {
            for row in latest.chunks_exact(self.positions).skip(from) {
                rows.extend_from_slice(&row[..self.heard]);
            }
        }
    }

    /// Places the words of `prefix` and `text`, before which `sot_len` tokens and the one for no timestamps were run.
    pub fn place(&mut self, vocab: &Vocab, sot_len: usize, prefix: &[u32], text: &[u32], language: &str) -> Placed {
        let tokens = [prefix, text].concat();
        if tokens.is_empty() {
            return Placed { words: Vec::new(), attended: Vec::new() };
        }
        self.joined.clear();
        self.rows.iter().for_each(|rows| self.joined.extend_from_slice(rows));
        let groups = cut_at_segments(&word_groups(vocab, &tokens, language), &[prefix.len(), text.len()]);
        let input = AlignmentInput {
            weights: &self.joined,
            heads: self.heads,
            rows: sot_len + 2 + tokens.len(),
            frames_total: self.heard,
            frames_used: self.heard,
            text_tokens: &tokens,
            token_probs: &vec![1.0; tokens.len()],
            sot_len,
        };
        let mut words = align(|id| vocab.token(id), &groups, &input, &mut self.scratch)
            .unwrap_or_else(|error| unreachable!("sizes were made together: {error}"));
        let first = words.partition_point(|word| word.tokens.start < prefix.len());
        merge_punctuations(&mut words[first..], PREPENDED, APPENDED);
        Placed { words, attended: attended(&self.scratch, self.heard, tokens.len()) }
    }

    /// Bytes of the buffers.
    pub fn size_bytes(&self) -> u64 {
        let rows: u64 = self.rows.iter().map(|rows| crate::memory::floats(&[rows])).sum();
        rows + crate::memory::floats(&[&self.latest, &self.joined])
    }
}
