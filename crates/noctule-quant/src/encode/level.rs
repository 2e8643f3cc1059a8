//! Types whose codes stand for fixed values under one scale: `iq4_nl`, `iq4_xs`, `q2_0`, `q1_0` and
//! the ternary types.
//!
//! Blocks of weights enter, packed blocks leave. The scale is searched: for each candidate the codes
//! nearest to the weights are taken and the scale that fits these codes best follows by least
//! squares; a few rounds between codes and scale finish the best candidate. The candidates of the
//! IQ4 types include those of ggml's `quantize_row_iq4_nl_impl` (ggml-quants.c, whisper.cpp v1.9.3);
//! for the other types ggml searches nothing.

use noctule_kernels::block::codebook::IQ4_VALUES;

use super::k::{put_f16, weighted};
use super::legacy::put_nibbles;
use super::search::{ZERO, nearest};

/// Rounds between codes and scale after the candidates.
const ROUNDS: usize = 3;

/// The scale under which the nearest levels have the least weighted error. `candidates` are in units
/// of the block's value of largest magnitude: the level, not always an existing one, that this value is
/// made to fall on.
fn search(x: &[f32], weights: &[f32], candidates: impl Iterator<Item = f32>, level: impl Fn(f32) -> f32) -> f32 {
    let max = x.iter().fold(0.0f32, |max, &x| if x.abs() > max.abs() { x } else { max });
    if max.abs() < ZERO {
        return 0.0;
    }
    let fit = |inverse: f32| {
        let (mut lx, mut ll) = (0.0, 0.0);
        for (&x, &w) in x.iter().zip(weights) {
            let l = level(inverse * x);
            lx += w * l * x;
            ll += w * l * l;
        }
        // The second is how much of the weighted squares the scale explains.
        if ll > 0.0 { (lx / ll, lx * lx / ll) } else { (0.0, 0.0) }
    };
    let (mut scale, mut gain) = (0.0, 0.0);
    let mut consider = |inverse: f32| {
        let (found, explained) = fit(inverse);
        let better = explained > gain;
        if better {
            (scale, gain) = (found, explained);
        }
        better.then_some(found)
    };
    let best = candidates.filter_map(|level| consider(level / max)).last();
    let mut next = best;
    for _ in 0..ROUNDS {
        next = next.filter(|scale| *scale != 0.0).and_then(|scale| consider(1.0 / scale));
    }
    scale
}

/// One divided by a scale, or zero.
fn inverse(scale: f32) -> f32 {
    if scale != 0.0 { 1.0 / scale } else { 0.0 }
}

/// For each half unit from −128 on the nearest of the sixteen values. All midpoints between the
/// values are whole multiples of one half, so the half unit decides.
static NEAREST_IQ4: [u8; 512] = {
    let mut table = [0; 512];
    let mut i = 0;
    while i < 512 {
        let doubled = i as i32 - 256;
        let mut code = 0;
        while code < 15 && doubled >= IQ4_VALUES[code] as i32 + IQ4_VALUES[code + 1] as i32 {
            code += 1;
        }
        table[i] = code as u8;
        i += 1;
    }
    table
};

fn iq4_code(x: f32) -> u8 {
    NEAREST_IQ4[((2.0 * x + 256.0).clamp(0.0, 511.0)) as usize]
}

fn iq4_value(x: f32) -> f32 {
    f32::from(IQ4_VALUES[usize::from(iq4_code(x))])
}

/// Levels that the largest magnitude is made to fall on: around both ends of the values.
fn iq4_candidates() -> impl Iterator<Item = f32> {
    let ends = [f32::from(IQ4_VALUES[0]), -f32::from(IQ4_VALUES[0]), f32::from(IQ4_VALUES[15])];
    ends.into_iter().flat_map(|end| (-8i8..=8).map(move |k| end + f32::from(k)))
}

fn iq4_weights<const N: usize>(x: &[f32; N], importance: Option<&[f32; N]>) -> [f32; N] {
    importance.map_or([1.0; N], |importance| weighted(x, importance, 2.0))
}

pub(super) fn iq4_nl(x: &[f32; 32], importance: Option<&[f32; 32]>, out: &mut [u8]) {
    let scale = search(x, &iq4_weights(x, importance), iq4_candidates(), iq4_value);
    let inverse = inverse(put_f16(out, 0, scale));
    put_nibbles(&x.map(|x| iq4_code(inverse * x)), &mut out[2..]);
}

pub(super) fn iq4_xs(x: &[f32; 256], importance: Option<&[f32; 256]>, out: &mut [u8]) {
    let weights = iq4_weights(x, importance);
    let groups = || x.chunks_exact(32).zip(weights.chunks_exact(32));
    let mut scales = [0.0; 8];
    for (scale, (x, w)) in scales.iter_mut().zip(groups()) {
        *scale = search(x, w, iq4_candidates(), iq4_value);
    }
    let max = scales.iter().fold(0.0f32, |max, &s| if s.abs() > max.abs() { s } else { max });
    let d = put_f16(out, 0, -max / 32.0);
    out[2..8].fill(0);
    for (g, (x, w)) in groups().enumerate() {
        // The rounded scale is a little off, so its neighbours are tried as well.
        let middle = nearest(inverse(d) * scales[g]).clamp(-32, 31);
        let around = (middle - 1).max(-32)..=(middle + 1).min(31);
        let error = |code: i32| -> f32 {
            let (scale, inverse) = (d * code as f32, inverse(d * code as f32));
            let off = |x: f32| scale * iq4_value(inverse * x) - x;
            x.iter().zip(w).map(|(&x, &w)| w * off(x) * off(x)).sum()
        };
        let code = around.min_by(|&a, &b| error(a).total_cmp(&error(b))).unwrap_or(0);
        let inverse = inverse(d * code as f32);
        let stored = (code + 32) as u8;
        out[2 + g / 4] |= (stored >> 4) << (2 * (g % 4));
        out[4 + g / 2] |= (stored & 15) << (4 * (g % 2));
        let mut codes = [0; 32];
        codes.iter_mut().zip(x).for_each(|(code, &x)| *code = iq4_code(inverse * x));
        put_nibbles(&codes, &mut out[8 + 16 * g..][..16]);
    }
}

/// What errors count where nothing is known: all the same.
fn given<const N: usize>(importance: Option<&[f32; N]>) -> [f32; N] {
    importance.copied().unwrap_or([1.0; N])
}

/// Candidates for codes of few values: the largest magnitude on levels from 0.5 to `most`.
fn few(most: u8) -> impl Iterator<Item = f32> {
    (5..=10 * most).map(|tenths| f32::from(tenths) / 10.0)
}

fn ternary(x: f32) -> f32 {
    x.round_ties_even().clamp(-1.0, 1.0)
}

pub(super) fn tq2_0(x: &[f32; 256], importance: Option<&[f32; 256]>, out: &mut [u8]) {
    let scale = search(x, &given(importance), few(4), ternary);
    let inverse = inverse(put_f16(out, 64, scale));
    for (half, out) in x.chunks_exact(128).zip(out[..64].chunks_exact_mut(32)) {
        for (l, byte) in out.iter_mut().enumerate() {
            let code = |j: usize| (ternary(inverse * half[l + 32 * j]) + 1.0) as u8;
            *byte = (0..4).fold(0, |byte, j| byte | code(j) << (2 * j));
        }
    }
}

pub(super) fn tq1_0(x: &[f32; 256], importance: Option<&[f32; 256]>, out: &mut [u8]) {
    let scale = search(x, &given(importance), few(4), ternary);
    let inverse = inverse(put_f16(out, 52, scale));
    let mut rest = &x[..];
    // Runs of bytes with so many base-3 digits each; digit `n` of byte `i` is weight `n·len + i`.
    for (first, len, digits) in [(0, 32, 5), (32, 16, 5), (48, 4, 4)] {
        let (run, after) = rest.split_at(len * digits);
        rest = after;
        for (i, byte) in out[first..first + len].iter_mut().enumerate() {
            let digit = |n: usize| run.get(n * len + i).map_or(0, |&x| (ternary(inverse * x) + 1.0) as u16);
            let number = (0..5).fold(0, |number, n| 3 * number + digit(n));
            // The fraction number/3⁵ in units of 1/256, rounded up so that it can be read back.
            *byte = (number * 256).div_ceil(243) as u8;
        }
    }
}

pub(super) fn q2_0(x: &[f32; 64], importance: Option<&[f32; 64]>, out: &mut [u8]) {
    let level = |x: f32| x.round_ties_even().clamp(-1.0, 2.0);
    let both = few(4).chain(few(2).map(|level| -level));
    let scale = search(x, &given(importance), both, level);
    let inverse = inverse(put_f16(out, 0, scale));
    for (byte, x) in out[2..].iter_mut().zip(x.as_chunks::<4>().0) {
        *byte = x.iter().rev().fold(0, |byte, &x| byte << 2 | (level(inverse * x) + 1.0) as u8);
    }
}

/// With the signs as codes the best scale is the mean magnitude.
pub(super) fn q1_0(x: &[f32; 128], importance: Option<&[f32; 128]>, out: &mut [u8]) {
    let weights = given(importance);
    let total: f32 = weights.iter().sum();
    let sum: f32 = x.iter().zip(&weights).map(|(x, w)| w * x.abs()).sum();
    put_f16(out, 0, if total > 0.0 { sum / total } else { 0.0 });
    for (byte, x) in out[2..].iter_mut().zip(x.as_chunks::<8>().0) {
        *byte = x.iter().rev().fold(0, |byte, &x| byte << 1 | u8::from(x >= 0.0));
    }
}
