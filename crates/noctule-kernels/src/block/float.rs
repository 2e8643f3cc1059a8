//! Rows of plain floats: `f32`, `f16` and `bf16`, and their rounding to 8-bit integers.

use super::{bf16_to_f32, f16_to_f32};

/// Below this magnitude a group counts as zero: its scale would have too few bits, and the
/// reciprocal would overflow. 2⁻¹¹⁹.
const TINY: f32 = f32::from_bits((127 - 119) << 23);

/// Reads little-endian binary32.
#[inline(always)]
pub(super) fn f32_row(bytes: &[u8], out: &mut [f32]) {
    for (out, &x) in out.iter_mut().zip(bytes.as_chunks().0) {
        *out = f32::from_le_bytes(x);
    }
}

/// Reads little-endian binary16.
#[inline(always)]
pub(super) fn f16_row(bytes: &[u8], out: &mut [f32]) {
    for (out, &x) in out.iter_mut().zip(bytes.as_chunks().0) {
        *out = f16_to_f32(u16::from_le_bytes(x));
    }
}

/// Reads little-endian bfloat16.
#[inline(always)]
pub(super) fn bf16_row(bytes: &[u8], out: &mut [f32]) {
    for (out, &x) in out.iter_mut().zip(bytes.as_chunks().0) {
        *out = bf16_to_f32(u16::from_le_bytes(x));
    }
}

/// Rounds a row of floats to integers in groups of 32: `read` expands the bytes of a group,
/// `round` rounds it. A shorter last group is filled with zeros, which change neither its scale
/// nor the codes kept.
#[inline(always)]
pub(super) fn quantize(
    bytes: &[u8],
    q: &mut [i8],
    scale: &mut [f32],
    read: impl Fn(&[u8], &mut [f32]),
    round: impl Fn(&[f32; 32], &mut [i8; 32]) -> f32,
) {
    let Some(size) = bytes.len().checked_div(q.len()) else {
        return;
    };
    let groups = bytes.chunks(32 * size).zip(q.chunks_mut(32));
    for ((bytes, q), scale) in groups.zip(scale) {
        let (mut x, mut codes) = ([0f32; 32], [0i8; 32]);
        read(bytes, &mut x[..q.len()]);
        *scale = round(&x, &mut codes);
        q.copy_from_slice(&codes[..q.len()]);
    }
}

/// Rounds one group to `[−127, 127]` and returns its scale.
#[inline(always)]
pub(super) fn quantize_group(x: &[f32; 32], q: &mut [i8; 32]) -> f32 {
    let largest = x.iter().fold(0f32, |max, x| max.max(x.abs()));
    if largest < TINY {
        q.fill(0);
        return 0.0;
    }
    let inverse = 127.0 / largest;
    for (q, x) in q.iter_mut().zip(x) {
        *q = (x * inverse).round_ties_even() as i8;
    }
    largest / 127.0
}
