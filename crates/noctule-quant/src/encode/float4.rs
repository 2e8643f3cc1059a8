//! Blocks of 4-bit floats (E2M1) under a small shared scale: `mxfp4` and `nvfp4`.
//!
//! Blocks of weights enter, packed blocks leave. There are few scales, so the one that ggml takes
//! from the largest magnitude (`quantize_row_mxfp4_ref`, `quantize_row_nvfp4_ref` in ggml-quants.c,
//! whisper.cpp v1.9.3) and its neighbours are all tried. Codes and scales: OCP Microscaling Formats
//! Specification 1.0.

use noctule_kernels::block::codebook::{E2M1_DOUBLED, e8m0_halved, ue4m3_halved};

use super::legacy::put_nibbles;

/// The nearest of the sixteen values under half of a scale.
fn code(x: f32, halved: f32) -> u8 {
    if halved == 0.0 {
        return 0;
    }
    let magnitude = (x / halved).abs();
    // Midpoints between the doubled magnitudes 0, 1, 2, 3, 4, 6, 8, 12.
    let above = [0.5, 1.5, 2.5, 3.5, 5.0, 7.0, 10.0].iter().filter(|&&middle| magnitude > middle).count();
    above as u8 | if x < 0.0 { 8 } else { 0 }
}

/// Of the scale codes `candidates` the one with the least weighted error, and what it stands for.
fn best(
    x: &[f32],
    weights: Option<&[f32]>,
    candidates: impl Iterator<Item = u8>,
    halved: impl Fn(u8) -> f32,
) -> (u8, f32) {
    let error = |scale: f32| -> f32 {
        let term = |(i, &x): (usize, &f32)| {
            let off = scale * f32::from(E2M1_DOUBLED[usize::from(code(x, scale))]) - x;
            weights.map_or(1.0, |weights| weights[i]) * off * off
        };
        x.iter().enumerate().map(term).sum()
    };
    let tried = candidates.map(|candidate| (candidate, error(halved(candidate))));
    let (best, _) = tried.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0));
    (best, halved(best))
}

fn largest(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |amax, x| amax.max(x.abs()))
}

fn put(x: &[f32], halved: f32, out: &mut [u8]) {
    let mut codes = [0; 32];
    codes.iter_mut().zip(x).for_each(|(byte, &x)| *byte = code(x, halved));
    put_nibbles(&codes[..x.len()], out);
}

pub(super) fn mxfp4(x: &[f32; 32], importance: Option<&[f32; 32]>, out: &mut [u8]) {
    let amax = largest(x);
    // The largest value is 6, which has the exponent 2.
    let exponent = if amax > 0.0 { (amax.log2().floor() as i32 - 2 + 127).clamp(0, 254) as u8 } else { 0 };
    let around = exponent.saturating_sub(1)..=exponent + 1;
    let weights = importance.map(|importance| &importance[..]);
    let (scale, halved) = best(x, weights, around.filter(|&e| e < 255), e8m0_halved);
    out[0] = scale;
    put(x, halved, &mut out[1..]);
}

pub(super) fn nvfp4(x: &[f32; 64], importance: Option<&[f32; 64]>, out: &mut [u8]) {
    for (g, x) in x.chunks_exact(16).enumerate() {
        let target = largest(x) / 12.0;
        // Codes grow with what they stand for; 0x7f is a NaN.
        let above = (0..0x7f).find(|&code| ue4m3_halved(code) >= target).unwrap_or(0x7e);
        let around = above.saturating_sub(6)..=(above + 3).min(0x7e);
        let weights = importance.map(|importance| &importance[16 * g..][..16]);
        let (scale, halved) = best(x, weights, around, ue4m3_halved);
        out[g] = scale;
        put(x, halved, &mut out[4 + 8 * g..][..8]);
    }
}
