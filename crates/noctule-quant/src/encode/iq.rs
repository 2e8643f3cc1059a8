//! The IQ types of one to three bits: points of fixed grids under small group scales.
//!
//! Blocks of 256 weights enter, packed blocks leave, the inverse of the decoders in
//! `noctule_kernels`. The search: for each vector of weights a list of grid points near it at any
//! plausible scale ([`grid`](super::grid)), for each group the scale with the least error, then the
//! block's scale together with the codes of all groups. The error is of squares, weighted by the
//! importance alone; ggml weighs it with magnitudes too and searches each group by itself
//! (`quantize_row_iq2_xxs_impl`, `quantize_row_iq2_xs_impl`, `quantize_row_iq2_s_impl`,
//! `quantize_row_iq3_xxs_impl`, `quantize_row_iq3_s_impl`, `quantize_row_iq1_s_impl` and
//! `quantize_row_iq1_m_impl` in ggml-quants.c, whisper.cpp v1.9.3), where the sign rule and the
//! bit layouts are from.

use std::sync::LazyLock;

use noctule_kernels::block::codebook::{IQ1_GRID, IQ2_S_GRID, IQ2_XS_GRID, IQ2_XXS_GRID, IQ3_S_GRID, IQ3_XXS_GRID};
use noctule_kernels::block::{f16_to_f32, f32_to_f16};

use super::grid::{Grid, List, Point, SCALES};

/// Weights in a block.
const LEN: usize = 256;

/// Vectors in a block at most.
const VECTORS: usize = 64;

/// The largest finite binary16.
const F16_MAX: f32 = 65504.0;

/// How a type codes its weights: `d·unit·(2·code + 1)·point`.
struct Shape<const D: usize> {
    grids: Vec<Grid<D>>,
    /// Whether all vectors of a group use the same of the grids.
    one_grid: bool,
    /// Weights under one group scale.
    group: usize,
    unit: f32,
    /// The largest group scale's code.
    top: i32,
    /// The least and the largest scale of points that is tried, in root mean squares of a group.
    range: (f32, f32),
    /// How many scales from there are tried.
    tried: usize,
}

fn eights(grid: &'static [u64]) -> impl ExactSizeIterator<Item = [i8; 8]> + Clone {
    grid.iter().map(|point| point.to_le_bytes().map(|byte| byte as i8))
}

fn fours(grid: &'static [u32]) -> impl ExactSizeIterator<Item = [i8; 4]> + Clone {
    grid.iter().map(|point| point.to_le_bytes().map(|byte| byte as i8))
}

fn two_bits(grid: &'static [u64], group: usize) -> Shape<8> {
    let grids = vec![Grid::new(eights(grid), 0.0)];
    Shape { grids, one_grid: true, group, unit: 0.125, top: 15, range: (0.034, 0.1), tried: SCALES }
}

fn one_bit(one_grid: bool, group: usize) -> Shape<8> {
    let grids = vec![Grid::new(eights(&IQ1_GRID), 0.125), Grid::new(eights(&IQ1_GRID), -0.125)];
    Shape { grids, one_grid, group, unit: 1.0, top: 7, range: (0.85, 1.8), tried: 4 }
}

fn three_bits(grid: &'static [u32], unit: f32, range: (f32, f32)) -> Shape<4> {
    Shape { grids: vec![Grid::new(fours(grid), 0.0)], one_grid: true, group: 32, unit, top: 15, range, tried: SCALES }
}

static IQ2_XXS: LazyLock<Shape<8>> = LazyLock::new(|| two_bits(&IQ2_XXS_GRID, 32));
static IQ2_XS: LazyLock<Shape<8>> = LazyLock::new(|| two_bits(&IQ2_XS_GRID, 16));
static IQ2_S: LazyLock<Shape<8>> = LazyLock::new(|| two_bits(&IQ2_S_GRID, 16));
static IQ3_XXS: LazyLock<Shape<4>> = LazyLock::new(|| three_bits(&IQ3_XXS_GRID, 0.25, (0.026, 0.08)));
static IQ3_S: LazyLock<Shape<4>> = LazyLock::new(|| three_bits(&IQ3_S_GRID, 1.0, (0.1, 0.32)));
static IQ1_S: LazyLock<Shape<8>> = LazyLock::new(|| one_bit(true, 32));
static IQ1_M: LazyLock<Shape<8>> = LazyLock::new(|| one_bit(false, 16));

/// A block that can be searched: magnitudes of at most 1.
struct Block {
    x: [f32; LEN],
    weights: [f32; LEN],
    /// What `x` was divided by; zero in a block of zeros.
    amax: f32,
}

impl Block {
    /// Values and weights that are not finite count as zero. As in ggml's `quantize_row_iq3_s_impl` and its like, an
    /// importance counts more for large weights: inputs move together, and on OpenAI's base this lowers the divergence
    /// by a tenth, though not the error that the importance alone would measure.
    fn new(x: &[f32; LEN], importance: Option<&[f32; LEN]>) -> Block {
        let finite = x.map(|x| if x.is_finite() { x } else { 0.0 });
        let largest = |values: &[f32]| values.iter().fold(0.0f32, |amax, x| amax.max(x.abs()));
        let amax = largest(&finite);
        let mut weights = [1.0; LEN];
        if let Some(importance) = importance {
            let positive = importance.map(|w| if w.is_finite() && w > 0.0 { w } else { 0.0 });
            let most = largest(&positive);
            if most > 0.0 && amax > 0.0 {
                let square = |x: f32| (x / amax) * (x / amax);
                let mean = finite.iter().map(|&x| square(x)).sum::<f32>() / LEN as f32;
                weights = std::array::from_fn(|i| positive[i] / most * (2.0 * mean + square(finite[i])).sqrt());
            }
        }
        let divisor = if amax > 0.0 { amax } else { 1.0 };
        Block { x: finite.map(|x| x / divisor), weights, amax }
    }

    /// Makes all values magnitudes and returns the signs, a bit each. With `even`, eight weights have
    /// an even number of minus signs: where needed the one that counts least gets the wrong sign.
    fn take_signs(&mut self, even: bool) -> [u8; LEN / 8] {
        let mut signs = [0u8; LEN / 8];
        let eights = self.x.as_chunks_mut::<8>().0.iter_mut().zip(self.weights.as_chunks::<8>().0);
        for (signs, (x, w)) in signs.iter_mut().zip(eights) {
            *signs = (0..8).fold(0, |signs, i| signs | u8::from(x[i] < 0.0) << i);
            *x = x.map(f32::abs);
            if even && signs.count_ones() % 2 == 1 {
                let cost = |i: &usize| w[*i] * x[*i];
                let least = (0..8).min_by(|i, j| cost(i).total_cmp(&cost(j))).unwrap_or(0);
                *signs ^= 1 << least;
                x[least] = -x[least];
            }
        }
        signs
    }
}

/// What a search found.
struct Coded {
    /// The block's scale, a binary16.
    d: u16,
    /// The code of each group's scale.
    scales: [u8; 16],
    points: [Point; VECTORS],
}

/// The vectors of a group with the points near them: one list for each grid if all must use the same.
struct Group {
    lists: [[List; 8]; 2],
    grids: usize,
    vectors: usize,
    /// The best scale of points.
    scale: f32,
}

impl Group {
    fn new<const D: usize>(shape: &Shape<D>, x: &[f32], weights: &[f32]) -> Group {
        let grids = if shape.one_grid { shape.grids.len() } else { 1 };
        let mut group = Group { lists: [[List::default(); 8]; 2], grids, vectors: x.len() / D, scale: 0.0 };
        let Some(scales) = scales(shape.range, shape.tried, x, weights) else { return group };
        let scales = &scales[..shape.tried];
        let vectors = x.as_chunks::<D>().0.iter().zip(weights.as_chunks::<D>().0);
        for (v, (x, w)) in vectors.enumerate() {
            for (number, grid) in shape.grids.iter().enumerate() {
                let list = if shape.one_grid { number } else { 0 };
                grid.near(number as u8, x, w, scales, &mut group.lists[list][v]);
            }
        }
        let mut most = 0.0;
        for lists in &group.lists[..grids] {
            for &start in scales {
                let (gain, scale) = fit(&lists[..group.vectors], start);
                if gain > most {
                    (most, group.scale) = (gain, scale);
                }
            }
        }
        group
    }

    /// The grid with the least error under a scale, and that error less the one of zeros.
    fn cost(&self, scale: f32) -> (usize, f32) {
        let cost = |grid: usize| -> f32 {
            self.lists[grid][..self.vectors].iter().map(|list| list.nearest(scale).cost(scale)).sum()
        };
        let first = (0, cost(0));
        (1..self.grids)
            .map(|grid| (grid, cost(grid)))
            .fold(first, |best, other| if other.1 < best.1 { other } else { best })
    }
}

/// Scales in equal ratios, of which `count` span the range; none if there is nothing to code.
fn scales((low, high): (f32, f32), count: usize, x: &[f32], weights: &[f32]) -> Option<[f32; SCALES]> {
    let total: f32 = weights.iter().sum();
    let squares: f32 = x.iter().zip(weights).map(|(x, w)| w * x * x).sum();
    let rms = (squares / total).sqrt();
    let ratio = (high / low).powf(1.0 / (count - 1) as f32);
    (rms.is_finite() && rms > 0.0).then(|| std::array::from_fn(|i| rms * low * ratio.powi(i as i32)))
}

/// From a scale to the nearest points, from them to the scale with the least error, twice over:
/// the error saved and the scale.
fn fit(lists: &[List], start: f32) -> (f32, f32) {
    let mut scale = start;
    let mut saved = 0.0;
    for _ in 0..2 {
        let (mut a, mut b) = (0.0, 0.0);
        for list in lists {
            let point = list.nearest(scale);
            a += point.a;
            b += point.b;
        }
        if !(a > 0.0 && b > 0.0) {
            return (0.0, 0.0);
        }
        scale = b / a;
        saved = b * scale;
    }
    (saved, scale)
}

/// Of each group the scale's code and the grid, and the error less that of zeros.
type Choice = ([(u8, usize); 16], f32);

/// Chooses for each group among the codes around its own best scale.
fn choose<const D: usize>(shape: &Shape<D>, groups: &[Group], d: f32) -> Choice {
    let mut choice = [(0, 0); 16];
    let mut total = 0.0;
    for (choice, group) in choice.iter_mut().zip(groups) {
        let step = d * shape.unit;
        let middle = ((group.scale / step - 1.0) / 2.0).round().clamp(0.0, shape.top as f32) as i32;
        let mut least = f32::INFINITY;
        for code in (middle - 1).clamp(0, shape.top)..=(middle + 1).clamp(0, shape.top) {
            let (grid, cost) = group.cost(step * (2 * code + 1) as f32);
            if cost < least {
                (*choice, least) = ((code as u8, grid), cost);
            }
        }
        total += least;
    }
    (choice, total)
}

/// Searches scales and points of a block; `None` for one that becomes zeros.
fn search<const D: usize>(shape: &Shape<D>, block: &Block) -> Option<Coded> {
    let parts = block.x.chunks_exact(shape.group).zip(block.weights.chunks_exact(shape.group));
    let groups: Vec<Group> = parts.map(|(x, w)| Group::new(shape, x, w)).collect();
    let largest = groups.iter().fold(0.0f32, |largest, group| largest.max(group.scale));
    let plain = largest / (shape.unit * (2 * shape.top + 1) as f32);
    let mut best: Option<(u16, Choice)> = None;
    let attempt = |d: f32, best: &mut Option<(u16, Choice)>| {
        let half = f32_to_f16((d * block.amax).min(F16_MAX));
        let d = f16_to_f32(half) / block.amax;
        if d > 0.0 && d.is_finite() {
            let choice = choose(shape, &groups, d);
            if best.as_ref().is_none_or(|best| choice.1 < best.1.1) {
                *best = Some((half, choice));
            }
        }
    };
    for percent in [100u8, 75, 80, 84, 88, 91, 94, 97, 103, 106, 110, 115] {
        attempt(plain * f32::from(percent) / 100.0, &mut best);
    }
    for _ in 0..2 {
        let (half, choice) = best.as_ref()?;
        attempt(refit(shape, &groups, &choice.0, f16_to_f32(*half) / block.amax), &mut best);
    }
    let (d, (choice, _)) = best?;
    Some(coded(shape, block, &groups, d, &choice))
}

/// The block's scale with the least error while codes and points stay.
fn refit<const D: usize>(shape: &Shape<D>, groups: &[Group], choice: &[(u8, usize); 16], d: f32) -> f32 {
    let (mut a, mut b) = (0.0, 0.0);
    for (group, &(code, grid)) in groups.iter().zip(choice) {
        let factor = shape.unit * f32::from(2 * code + 1);
        for list in &group.lists[grid][..group.vectors] {
            let point = list.nearest(d * factor);
            a += factor * factor * point.a;
            b += factor * point.b;
        }
    }
    if a > 0.0 && b > 0.0 { b / a } else { d }
}

fn coded<const D: usize>(
    shape: &Shape<D>,
    block: &Block,
    groups: &[Group],
    d: u16,
    choice: &[(u8, usize); 16],
) -> Coded {
    let mut coded = Coded { d, scales: [0; 16], points: [Point::default(); VECTORS] };
    let step = f16_to_f32(d) / block.amax * shape.unit;
    let per_group = shape.group / D;
    for (g, (group, &(code, grid))) in groups.iter().zip(choice).enumerate() {
        coded.scales[g] = code;
        let scale = step * f32::from(2 * code + 1);
        for (point, list) in coded.points[g * per_group..].iter_mut().zip(&group.lists[grid][..per_group]) {
            *point = list.nearest(scale);
            // A group of zeros has no list, but its vectors share one grid all the same.
            point.grid = if shape.one_grid { grid as u8 } else { point.grid };
        }
    }
    coded
}

pub(super) fn iq2_xxs(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    out.fill(0);
    let mut block = Block::new(x, importance);
    let signs = block.take_signs(true);
    let Some(coded) = search(&IQ2_XXS, &block) else { return };
    out[..2].copy_from_slice(&coded.d.to_le_bytes());
    for (g, out) in out[2..].as_chunks_mut::<8>().0.iter_mut().enumerate() {
        for (out, point) in out.iter_mut().zip(&coded.points[4 * g..4 * g + 4]) {
            *out = point.index as u8;
        }
        out[4..].copy_from_slice(&sign_word(&signs[4 * g..], coded.scales[g]).to_le_bytes());
    }
}

/// Four times seven signs, below the code of a scale.
fn sign_word(signs: &[u8], scale: u8) -> u32 {
    (0..4).fold(u32::from(scale) << 28, |word, l| word | u32::from(signs[l] & 127) << (7 * l))
}

/// Writes codes of four bits, two in a byte, the first one low.
fn put_scales(scales: &[u8], out: &mut [u8]) {
    for (out, pair) in out.iter_mut().zip(scales.as_chunks::<2>().0) {
        *out = pair[0] | pair[1] << 4;
    }
}

pub(super) fn iq2_xs(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    out.fill(0);
    let mut block = Block::new(x, importance);
    let signs = block.take_signs(true);
    let Some(coded) = search(&IQ2_XS, &block) else { return };
    out[..2].copy_from_slice(&coded.d.to_le_bytes());
    for (l, word) in out[2..66].as_chunks_mut::<2>().0.iter_mut().enumerate() {
        *word = (coded.points[l].index | u16::from(signs[l] & 127) << 9).to_le_bytes();
    }
    put_scales(&coded.scales, &mut out[66..]);
}

pub(super) fn iq2_s(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    out.fill(0);
    let mut block = Block::new(x, importance);
    let signs = block.take_signs(false);
    let Some(coded) = search(&IQ2_S, &block) else { return };
    out[..2].copy_from_slice(&coded.d.to_le_bytes());
    out[34..66].copy_from_slice(&signs);
    for (l, point) in coded.points[..32].iter().enumerate() {
        out[2 + l] = point.index as u8;
        out[66 + l / 4] |= ((point.index >> 8) as u8) << (2 * (l % 4));
    }
    put_scales(&coded.scales, &mut out[74..]);
}

pub(super) fn iq3_xxs(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    out.fill(0);
    let mut block = Block::new(x, importance);
    let signs = block.take_signs(true);
    let Some(coded) = search(&IQ3_XXS, &block) else { return };
    out[..2].copy_from_slice(&coded.d.to_le_bytes());
    for (out, point) in out[2..66].iter_mut().zip(&coded.points) {
        *out = point.index as u8;
    }
    for (g, word) in out[66..].as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *word = sign_word(&signs[4 * g..], coded.scales[g]).to_le_bytes();
    }
}

pub(super) fn iq3_s(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    out.fill(0);
    let mut block = Block::new(x, importance);
    let signs = block.take_signs(false);
    let Some(coded) = search(&IQ3_S, &block) else { return };
    out[..2].copy_from_slice(&coded.d.to_le_bytes());
    for (i, point) in coded.points.iter().enumerate() {
        out[2 + i] = point.index as u8;
        out[66 + i / 8] |= ((point.index >> 8) as u8) << (i % 8);
    }
    out[74..106].copy_from_slice(&signs);
    put_scales(&coded.scales[..8], &mut out[106..]);
}

pub(super) fn iq1_s(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    out.fill(0);
    let Some(coded) = search(&IQ1_S, &Block::new(x, importance)) else { return };
    out[..2].copy_from_slice(&coded.d.to_le_bytes());
    for (g, points) in coded.points[..32].as_chunks::<4>().0.iter().enumerate() {
        let mut word = u16::from(coded.scales[g]) << 12 | u16::from(points[0].grid) << 15;
        for (l, point) in points.iter().enumerate() {
            out[2 + 4 * g + l] = point.index as u8;
            word |= point.index >> 8 << (3 * l);
        }
        out[34 + 2 * g..][..2].copy_from_slice(&word.to_le_bytes());
    }
}

pub(super) fn iq1_m(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    out.fill(0);
    let Some(coded) = search(&IQ1_M, &Block::new(x, importance)) else { return };
    for (l, point) in coded.points[..32].iter().enumerate() {
        out[l] = point.index as u8;
        out[32 + l / 2] |= ((point.index >> 8) as u8 | point.grid << 3) << (4 * (l % 2));
    }
    for (i, word) in out[48..].as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let scales = coded.scales[4 * i..][..4].iter().rev();
        let codes = scales.fold(0, |word, &code| word << 3 | u16::from(code));
        *word = (codes | (coded.d >> (4 * i) & 15) << 12).to_le_bytes();
    }
}
