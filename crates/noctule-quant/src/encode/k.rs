//! The K types: 256 weights whose groups have quantised scales under one float scale.
//!
//! A super-block of weights enters, one block leaves. Without importance the bytes are those of
//! ggml's `quantize_row_q2_K_ref` … `quantize_row_q6_K_ref` (ggml-quants.c, whisper.cpp v1.9.3);
//! with it the weights of the error follow the `_impl` functions there.

use noctule_kernels::block::{f16_to_f32, f32_to_f16};

use super::search::{self, Found, LANES, Lanes, Steps, ZERO, nearest};

/// Weights in a block.
pub(super) const LEN: usize = 256;

/// Scales, offsets and codes of the groups of a block.
struct Groups {
    scale: [f32; 16],
    min: [f32; 16],
    /// Sum of the error's weights in each group.
    weight: [f32; 16],
    codes: [i8; LEN],
}

impl Groups {
    /// Runs `search` over all groups of `N` weights, eight at a time.
    fn new<const N: usize>(
        x: &[f32; LEN],
        weights: &[f32; LEN],
        search: impl Fn(&[Lanes; N], &[Lanes; N]) -> Found<N>,
    ) -> Groups {
        let mut groups = Groups { scale: [0.0; 16], min: [0.0; 16], weight: [0.0; 16], codes: [0; LEN] };
        for (part, (x, w)) in x.chunks_exact(N * LANES).zip(weights.chunks_exact(N * LANES)).enumerate() {
            let found = search(&search::side_by_side(x), &search::side_by_side(w));
            for g in 0..LANES {
                let group = part * LANES + g;
                groups.scale[group] = found.scale[g];
                groups.min[group] = found.min[g];
                groups.weight[group] = w[g * N..][..N].iter().sum();
                for (code, lanes) in groups.codes[group * N..][..N].iter_mut().zip(&found.codes) {
                    *code = lanes[g] as i8;
                }
            }
        }
        groups
    }

    /// Chooses the codes of a group anew under the factors that the block can hold; a group whose
    /// scale became zero keeps its codes.
    fn recode(&mut self, group: usize, x: &[f32], scale: f32, min: f32, low: i32, high: i32) {
        if scale == 0.0 {
            return;
        }
        for (code, &x) in self.codes[group * x.len()..].iter_mut().zip(x) {
            *code = nearest((x + min) / scale).clamp(low, high) as i8;
        }
    }
}

/// The weights of the error under an importance: `importance·√(factor·mean(x²) + x²)`.
pub(super) fn weighted<const N: usize>(x: &[f32; N], importance: &[f32; N], factor: f32) -> [f32; N] {
    let mean = x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32;
    let mut weights = [0.0; N];
    for ((weight, &x), &importance) in weights.iter_mut().zip(x).zip(importance) {
        *weight = importance * (factor * mean + x * x).sqrt();
    }
    weights
}

/// Candidates of the search under importance, for every type with offsets.
fn fine(top: f32) -> Steps {
    Steps { top, first: -0.9, step: 0.05, steps: 36 }
}

/// Writes a binary16 and returns what a reader will find.
pub(super) fn put_f16(out: &mut [u8], at: usize, value: f32) -> f32 {
    let half = f32_to_f16(value);
    out[at..at + 2].copy_from_slice(&half.to_le_bytes());
    f16_to_f32(half)
}

pub(super) fn q2_k(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    const TOP: f32 = 15.0;
    let mut groups = match importance {
        None => {
            let steps = Steps { top: 3.0, first: -0.5, step: 0.1, steps: 15 };
            Groups::new::<16>(x, &x.map(f32::abs), |x, w| search::affine::<16, true>(x, w, &steps))
        }
        Some(importance) => {
            Groups::new::<16>(x, &weighted(x, importance, 1.0), |x, w| search::affine::<16, false>(x, w, &fine(3.0)))
        }
    };
    let (mut scales, mut minima) = ([0u8; 16], [0u8; 16]);
    let (d, dmin) = if importance.is_some() {
        let d = search::positive(&groups.scale, &groups.weight, TOP, &mut scales);
        (d, search::positive(&groups.min, &groups.weight, TOP, &mut minima))
    } else {
        let (scale, min) = (largest(&groups.scale), largest(&groups.min));
        for g in 0..16 {
            scales[g] = if scale > 0.0 { nearest(TOP / scale * groups.scale[g]) as u8 } else { 0 };
            minima[g] = if min > 0.0 { nearest(TOP / min * groups.min[g]) as u8 } else { 0 };
        }
        (scale / TOP, min / TOP)
    };
    for g in 0..16 {
        out[g] = scales[g] | minima[g] << 4;
    }
    let d = put_f16(out, 80, d);
    let dmin = put_f16(out, 82, dmin);
    for (g, x) in x.chunks_exact(16).enumerate() {
        let (scale, min) = (d * f32::from(out[g] & 15), dmin * f32::from(out[g] >> 4));
        groups.recode(g, x, scale, min, 0, 3);
    }
    put_pairs(&groups.codes, &mut out[16..80]);
}

/// The largest of the values and zero.
fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, &value| if value > largest { value } else { largest })
}

/// Two bits of each code, in planes of 32: byte `32·h + l` holds codes `128·h + 32·j + l`.
fn put_pairs(codes: &[i8; LEN], out: &mut [u8]) {
    for (half, out) in codes.chunks_exact(128).zip(out.chunks_exact_mut(32)) {
        for (l, byte) in out.iter_mut().enumerate() {
            *byte = (0..4).fold(0, |byte, j| byte | (half[l + 32 * j] as u8 & 3) << (2 * j));
        }
    }
}

pub(super) fn q3_k(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    let mut groups = match importance {
        None => Groups::new::<16>(x, &x.map(|x| x * x), |x, w| search::descending::<16>(x, w, 4.0)),
        Some(importance) => {
            Groups::new::<16>(x, &weighted(x, importance, 2.0), |x, w| search::symmetric::<16>(x, w, 4.0))
        }
    };
    // A group of zeros has the code 0 of its search; every other code is stored from 0 up.
    let zeros = groups.scale.map(|scale| scale == 0.0);
    let (scales, d) = match importance {
        None => {
            let max = groups.scale.iter().fold(0.0f32, |max, &s| if s.abs() > max.abs() { s } else { max });
            let inverse = -32.0 / max;
            let quantise = |scale: f32| nearest(inverse * scale).clamp(-32, 31) as i8;
            if max == 0.0 { ([-32; 16], 0.0) } else { (groups.scale.map(quantise), 1.0 / inverse) }
        }
        Some(_) => scales_of_either_sign(&groups, 32.0),
    };
    out[96..108].fill(0);
    if d != 0.0 {
        put_q3_k_scales(&scales, &mut out[96..108]);
    }
    let d = put_f16(out, 108, d);
    for (g, x) in x.chunks_exact(16).enumerate() {
        let scale = d * f32::from(scales[g]);
        groups.recode(g, x, scale, 0.0, -4, 3);
        for code in &mut groups.codes[16 * g..][..16] {
            *code += if zeros[g] && scale == 0.0 { 0 } else { 4 };
        }
    }
    out[..32].fill(0);
    for (plane, codes) in groups.codes.chunks_exact(32).enumerate() {
        for (byte, &code) in out[..32].iter_mut().zip(codes) {
            *byte |= u8::from(code > 3) << plane;
        }
    }
    put_pairs(&groups.codes, &mut out[32..96]);
}

/// Rounds the scales to codes from `−top` to `top − 1` under the weights of their groups.
fn scales_of_either_sign(groups: &Groups, top: f32) -> ([i8; 16], f32) {
    let alone = |values: &[f32; 16]| {
        let mut lanes = [[0.0; LANES]; 16];
        lanes.iter_mut().zip(values).for_each(|(lanes, &value)| lanes[0] = value);
        lanes
    };
    let found = search::symmetric::<16>(&alone(&groups.scale), &alone(&groups.weight), top);
    let mut codes = [0; 16];
    codes.iter_mut().zip(&found.codes).for_each(|(code, lanes)| *code = lanes[0] as i8);
    (codes, found.scale[0])
}

/// Sixteen 6-bit scales: low nibbles in 8 bytes, then upper bit pairs in 4.
fn put_q3_k_scales(scales: &[i8; 16], out: &mut [u8]) {
    for (g, &scale) in scales.iter().enumerate() {
        let code = (scale + 32) as u8;
        out[g % 8] |= (code & 15) << (4 * (g / 8));
        out[8 + g % 4] |= (code >> 4) << (2 * (g / 4));
    }
}

/// What differs between `q4_k` and `q5_k`.
struct Wide {
    /// Candidates without importance.
    steps: Steps,
    /// Where the low nibbles begin.
    nibbles: usize,
}

pub(super) fn q4_k(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    let wide = Wide { steps: Steps { top: 15.0, first: -1.0, step: 0.1, steps: 20 }, nibbles: 16 };
    wide.encode(x, importance, out);
}

pub(super) fn q5_k(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    let wide = Wide { steps: Steps { top: 31.0, first: -0.5, step: 0.1, steps: 15 }, nibbles: 48 };
    let codes = wide.encode(x, importance, out);
    out[16..48].fill(0);
    for (plane, codes) in codes.chunks_exact(32).enumerate() {
        for (byte, &code) in out[16..48].iter_mut().zip(codes) {
            *byte |= (code as u8 >> 4) << plane;
        }
    }
}

impl Wide {
    fn encode(&self, x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) -> [i8; LEN] {
        let top = self.steps.top;
        let mut groups = match importance {
            None => Groups::new::<32>(x, &magnitudes(x), |x, w| search::affine::<32, false>(x, w, &self.steps)),
            Some(importance) => Groups::new::<32>(x, &weighted(x, importance, 2.0), |x, w| {
                search::affine::<32, false>(x, w, &fine(top))
            }),
        };
        let (mut scales, mut minima) = ([0u8; 8], [0u8; 8]);
        let (d, dmin) = match importance {
            None => (rounded(&groups.scale[..8], &mut scales), rounded(&groups.min[..8], &mut minima)),
            Some(_) => (
                search::positive(&groups.scale[..8], &groups.weight[..8], 63.0, &mut scales),
                search::positive(&groups.min[..8], &groups.weight[..8], 63.0, &mut minima),
            ),
        };
        let d = put_f16(out, 0, d);
        let dmin = put_f16(out, 2, dmin);
        put_scales_and_minima(&scales, &minima, &mut out[4..16]);
        for (g, x) in x.chunks_exact(32).enumerate() {
            let (scale, min) = (d * f32::from(scales[g]), dmin * f32::from(minima[g]));
            groups.recode(g, x, scale, min, 0, top as i32);
        }
        for (bytes, codes) in out[self.nibbles..].chunks_exact_mut(32).zip(groups.codes.chunks_exact(64)) {
            for (l, byte) in bytes.iter_mut().enumerate() {
                *byte = codes[l] as u8 & 15 | (codes[l + 32] as u8 & 15) << 4;
            }
        }
        groups.codes
    }
}

/// Each weight's magnitude plus the root mean square of its group of 32.
fn magnitudes(x: &[f32; LEN]) -> [f32; LEN] {
    let mut weights = [0.0; LEN];
    for (weights, x) in weights.chunks_exact_mut(32).zip(x.chunks_exact(32)) {
        let average = (x.iter().map(|x| x * x).sum::<f32>() / 32.0).sqrt();
        weights.iter_mut().zip(x).for_each(|(weight, x)| *weight = average + x.abs());
    }
    weights
}

/// Six-bit codes of factors that are not negative, and the factor of a code.
fn rounded(factors: &[f32], codes: &mut [u8; 8]) -> f32 {
    let max = largest(factors);
    let inverse = if max > 0.0 { 63.0 / max } else { 0.0 };
    for (code, &factor) in codes.iter_mut().zip(factors) {
        *code = (nearest(inverse * factor) as u8).min(63);
    }
    max / 63.0
}

/// The 12 bytes of `q4_k` and `q5_k` that hold eight 6-bit scales and eight 6-bit minima.
fn put_scales_and_minima(scales: &[u8; 8], minima: &[u8; 8], out: &mut [u8]) {
    for g in 0..4 {
        let (scale, min) = (scales[g + 4], minima[g + 4]);
        out[g] = scales[g] | scale >> 4 << 6;
        out[g + 4] = minima[g] | min >> 4 << 6;
        out[g + 8] = scale & 15 | (min & 15) << 4;
    }
}

pub(super) fn q6_k(x: &[f32; LEN], importance: Option<&[f32; LEN]>, out: &mut [u8]) {
    let squares = x.map(|x| x * x);
    let weights = importance.unwrap_or(&squares);
    let mut groups = Groups::new::<16>(x, weights, |x, w| search::symmetric::<16>(x, w, 32.0));
    let max = groups.scale.iter().fold(0.0f32, |max, &s| if s.abs() > max.abs() { s } else { max });
    if max.abs() < ZERO {
        out.fill(0);
        return;
    }
    let inverse = -128.0 / max;
    let zeros = groups.scale.map(|scale| scale == 0.0);
    let scales = groups.scale.map(|scale| nearest(inverse * scale).min(127) as i8);
    let d = put_f16(out, 208, 1.0 / inverse);
    for (g, x) in x.chunks_exact(16).enumerate() {
        let scale = d * f32::from(scales[g]);
        groups.recode(g, x, scale, 0.0, -32, 31);
        for code in &mut groups.codes[16 * g..][..16] {
            *code += if zeros[g] && scale == 0.0 { 0 } else { 32 };
        }
        out[192 + g] = scales[g] as u8;
    }
    for (half, codes) in groups.codes.chunks_exact(128).enumerate() {
        for l in 0..32 {
            let code = |j: usize| codes[l + 32 * j] as u8;
            out[64 * half + l] = code(0) & 15 | (code(2) & 15) << 4;
            out[64 * half + 32 + l] = code(1) & 15 | (code(3) & 15) << 4;
            out[128 + 32 * half + l] = (0..4).fold(0, |byte, j| byte | code(j) >> 4 << (2 * j));
        }
    }
}
