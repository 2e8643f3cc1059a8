//! From attention weights to words with times inside one window.

use super::{DtwScratch, MEDIAN_WIDTH, SECONDS_PER_FRAME, dtw, median_filter};
use std::ops::Range;

/// What the decoder saw and thought of one window's text.
///
/// The decoder is run over `sot_len` tokens (start of transcript and, if
/// the model has them, language and task), the no-timestamps token, the text
/// tokens of all the window's segments, and the end-of-text token. Each of them
/// is one row.
#[derive(Debug, Clone, Copy)]
pub struct AlignmentInput<'a> {
    /// Cross-attention weights of the alignment heads after softmax, `heads × rows × frames_total`.
    /// Rows are normalised again over `frames_used`, so positive factors of a row do not matter.
    pub weights: &'a [f32],
    /// Alignment heads.
    pub heads: usize,
    /// Decoder positions: `sot_len + 1 + text_tokens.len() + 1`.
    pub rows: usize,
    /// Encoder positions in a row (1500, or the shortened audio context).
    pub frames_total: usize,
    /// Encoder positions that hold audio of this window; the rest, padding, is left out.
    pub frames_used: usize,
    /// Tokens in front of the no-timestamps token.
    pub sot_len: usize,
    /// Text tokens of the window, without timestamps and specials.
    pub text_tokens: &'a [u32],
    /// Probability of each text token, from the row before it, among the text tokens of the vocabulary only.
    pub token_probs: &'a [f32],
}

/// One word, placed relative to its window.
#[derive(Debug, Clone, PartialEq)]
pub struct AlignedWord {
    /// The word with its leading blank, if it has one. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub text: String,
    /// Its tokens, as positions in the window's text tokens.
    pub tokens: Range<usize>,
    /// Start, seconds from the start of the window.
    pub start: f64,
    /// End, seconds from the start of the window.
    pub end: f64,
    /// Mean probability of its tokens.
    pub probability: f32,
}

/// Sizes that do not belong together: a mistake of the caller, not of the audio.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AlignmentError {
    /// No alignment heads.
    #[error("no alignment heads were given: choose them with alignment_heads::heads_for")]
    NoHeads,
    /// The rows are not start tokens, no-timestamps, text, end of text.
    #[error("{rows} decoder positions given, {expected} expected (start tokens, no-timestamps, text, end of text)")]
    Rows {
        /// Rows given.
        rows: usize,
        /// Rows that the tokens need.
        expected: usize,
    },
    /// More frames in use than there are.
    #[error("{used} frames hold audio but the attention has {total}")]
    Frames {
        /// Frames said to be in use.
        used: usize,
        /// Frames in a row.
        total: usize,
    },
    /// The weights do not fill heads × rows × frames.
    #[error("{given} attention weights given, heads × rows × frames needs {expected}")]
    Weights {
        /// Weights given.
        given: usize,
        /// Weights that the shape needs.
        expected: usize,
    },
    /// Not one probability a token.
    #[error("{given} token probabilities given for {expected} text tokens")]
    Probabilities {
        /// Probabilities given.
        given: usize,
        /// Text tokens.
        expected: usize,
    },
    /// The word groups do not cover the text tokens in order.
    #[error("word groups must hold the positions 0 to {tokens} of the text tokens once each, in order")]
    Groups {
        /// Text tokens.
        tokens: usize,
    },
}

/// Buffers of [`align`], kept between windows.
#[derive(Debug, Default, Clone)]
pub struct Scratch {
    /// A factor for each row.
    scale: Vec<f32>,
    /// Statistics of each frame.
    sum: Vec<f64>,
    mean: Vec<f64>,
    centre: Vec<f32>,
    sharpness: Vec<f32>,
    /// One row of one head on its way through the filter.
    line: Vec<f32>,
    padded: Vec<f32>,
    smooth: Vec<f32>,
    cost: Vec<f32>,
    dtw: DtwScratch,
}

/// Places the words of one window.
///
/// `groups` are the words as positions in `input.text_tokens`, all of them once and in order
/// (OpenAI's `split_to_word_tokens`, cut at segments by [`cut_at_segments`]).
/// `token_bytes` gives a token's text. Without text or without audio frames the
/// words start and end at 0.
///
/// # Errors
/// Sizes that do not belong together.
pub fn align<'v>(
    token_bytes: impl Fn(u32) -> &'v [u8],
    groups: &[Vec<usize>],
    input: &AlignmentInput<'_>,
    scratch: &mut Scratch,
) -> Result<Vec<AlignedWord>, AlignmentError> {
    input.check()?;
    let ranges = group_ranges(groups, input.text_tokens.len())?;
    let starts = token_starts(input, scratch);
    Ok(ranges
        .into_iter()
        .map(|tokens| {
            let bytes: Vec<u8> =
                input.text_tokens[tokens.clone()].iter().flat_map(|&id| token_bytes(id)).copied().collect();
            let sum: f64 = input.token_probs[tokens.clone()].iter().map(|&p| f64::from(p)).sum();
            AlignedWord {
                text: String::from_utf8_lossy(&bytes).into_owned(),
                start: starts[tokens.start],
                end: starts[tokens.end],
                probability: (sum / tokens.len() as f64) as f32,
                tokens,
            }
        })
        .collect())
}

/// Cuts word groups where a segment ends, so that each word has one segment.
///
/// `lengths` are the text tokens of each segment. Words are found in the text of a whole window; when a
/// segment begins without a blank, its first word would otherwise belong to the segment before.
pub fn cut_at_segments(groups: &[Vec<usize>], lengths: &[usize]) -> Vec<Vec<usize>> {
    let ends: Vec<usize> = lengths
        .iter()
        .scan(0, |end, &length| {
            Some({
                *end += length;
                *end
            })
        })
        .collect();
    let segment_of = |position: usize| ends.partition_point(|&end| end <= position);
    groups
        .iter()
        .flat_map(|group| group.chunk_by(|&a, &b| segment_of(a) == segment_of(b)).map(<[usize]>::to_vec))
        .collect()
}

impl AlignmentInput<'_> {
    fn check(&self) -> Result<(), AlignmentError> {
        let tokens = self.text_tokens.len();
        let rows = self.sot_len.saturating_add(tokens).saturating_add(2);
        let weights = self.heads.saturating_mul(self.rows).saturating_mul(self.frames_total);
        if self.heads == 0 {
            Err(AlignmentError::NoHeads)
        } else if self.rows != rows {
            Err(AlignmentError::Rows { rows: self.rows, expected: rows })
        } else if self.frames_used > self.frames_total {
            Err(AlignmentError::Frames { used: self.frames_used, total: self.frames_total })
        } else if self.weights.len() != weights {
            Err(AlignmentError::Weights { given: self.weights.len(), expected: weights })
        } else if self.token_probs.len() != tokens {
            Err(AlignmentError::Probabilities { given: self.token_probs.len(), expected: tokens })
        } else {
            Ok(())
        }
    }

    /// The frames in use of each decoder position of one head.
    fn lines(&self, head: usize) -> impl Iterator<Item = &[f32]> {
        let size = self.rows * self.frames_total;
        self.weights[head * size..(head + 1) * size].chunks_exact(self.frames_total).map(|row| &row[..self.frames_used])
    }
}

/// Checks that the groups cover the tokens in order; drops empty ones.
fn group_ranges(groups: &[Vec<usize>], tokens: usize) -> Result<Vec<Range<usize>>, AlignmentError> {
    let in_order = groups.iter().flatten().copied().eq(0..tokens);
    if !in_order {
        return Err(AlignmentError::Groups { tokens });
    }
    Ok(groups.iter().filter(|group| !group.is_empty()).map(|group| group[0]..group[0] + group.len()).collect())
}

/// Seconds at which each text token starts, and at which the end of text does.
///
/// Row r of the attention is what the decoder looked at to predict token r + 1,
/// so the row of the no-timestamps token places the first text token.
fn token_starts(input: &AlignmentInput<'_>, scratch: &mut Scratch) -> Vec<f64> {
    let count = input.text_tokens.len() + 1;
    let mut starts = vec![0.0; count];
    if input.frames_used == 0 || count == 1 {
        return starts;
    }
    cost_matrix(input, scratch);
    let mut placed = None;
    for (row, frame) in dtw(&scratch.cost, input.frames_used, &mut scratch.dtw) {
        if placed != Some(row) {
            starts[row] = frame as f64 * SECONDS_PER_FRAME;
            placed = Some(row);
        }
    }
    starts
}

/// The frame that each of `tokens` text tokens looked at most, by what the last [`align`] has computed in `scratch`.
pub(crate) fn attended(scratch: &Scratch, frames: usize, tokens: usize) -> Vec<usize> {
    let least = |row: &[f32]| row.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(frame, _)| frame);
    scratch.cost.chunks_exact(frames.max(1)).take(tokens).map(least).collect()
}

/// Fills `scratch.cost`, (text tokens + 1) × frames in use, with the negative mean over heads of the
/// standardised and filtered weights.
fn cost_matrix(input: &AlignmentInput<'_>, scratch: &mut Scratch) {
    let frames = input.frames_used;
    let rows = input.text_tokens.len() + 1;
    scratch.cost.clear();
    scratch.cost.resize(rows * frames, 0.0);
    scratch.line.resize(frames, 0.0);
    for head in 0..input.heads {
        standardisation(input, head, scratch);
        let lines = input.lines(head).zip(&scratch.scale).skip(input.sot_len);
        for ((line, &scale), cost) in lines.zip(scratch.cost.chunks_exact_mut(frames)) {
            let statistics = line.iter().zip(&scratch.centre).zip(&scratch.sharpness);
            for (score, ((&w, &centre), &sharpness)) in scratch.line.iter_mut().zip(statistics) {
                let standard = (w * scale - centre) * sharpness;
                *score = if standard.is_finite() { standard } else { 0.0 };
            }
            median_filter(&scratch.line, MEDIAN_WIDTH, &mut scratch.padded, &mut scratch.smooth);
            for (cost, &score) in cost.iter_mut().zip(&scratch.smooth) {
                *cost -= score;
            }
        }
    }
    let heads = input.heads as f32;
    scratch.cost.iter_mut().for_each(|cost| *cost /= heads);
}

/// Finds, for one head, the factor that makes each row sum to 1, and the mean and the inverse population
/// standard deviation of each frame over all rows. Sums are in f64: weights span many orders of magnitude.
fn standardisation(input: &AlignmentInput<'_>, head: usize, scratch: &mut Scratch) {
    let frames = input.frames_used;
    scratch.scale.clear();
    scratch.scale.extend(input.lines(head).map(|line| {
        let sum: f64 = line.iter().map(|&w| f64::from(w)).sum();
        if sum > 0.0 { (1.0 / sum) as f32 } else { 0.0 }
    }));
    let rows = input.rows as f64;
    scratch.sum.clear();
    scratch.sum.resize(frames, 0.0);
    for (line, &scale) in input.lines(head).zip(&scratch.scale) {
        for (sum, &w) in scratch.sum.iter_mut().zip(line) {
            *sum += f64::from(w * scale);
        }
    }
    scratch.mean.clear();
    scratch.mean.extend(scratch.sum.iter().map(|sum| sum / rows));
    scratch.sum.fill(0.0);
    for (line, &scale) in input.lines(head).zip(&scratch.scale) {
        for ((sum, mean), &w) in scratch.sum.iter_mut().zip(&scratch.mean).zip(line) {
            let distance = f64::from(w * scale) - mean;
            *sum += distance * distance;
        }
    }
    scratch.centre.clear();
    scratch.centre.extend(scratch.mean.iter().map(|&mean| mean as f32));
    scratch.sharpness.clear();
    scratch.sharpness.extend(scratch.sum.iter().map(|sum| (sum / rows).sqrt().recip() as f32));
}
