//! Rows of plain floats: `f32`, `f16` and `bf16`, and their rounding to 8-bit integers.

use super::unpack::Decode;
use super::{bf16_to_f32, f16_to_f32};

/// Below this magnitude a group counts as zero: its scale would have too few bits, and the
/// reciprocal would overflow. 2⁻¹¹⁹.
pub(crate) const TINY: f32 = f32::from_bits((127 - 119) << 23);

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

/// Rounds a row of floats to integers in groups of 32, which `read` expands from `SIZE` bytes. A
/// shorter last group is filled up with zero bytes, which are zeros in every type and change
/// neither its scale nor the codes kept.
///
/// # Safety
/// The processor has the instructions of `D`.
#[inline(always)]
pub(super) unsafe fn quantize<D: Decode, const SIZE: usize>(
    bytes: &[u8],
    q: &mut [i8],
    scale: &mut [f32],
    read: impl Fn(&[u8; SIZE], &mut [f32; 32]),
) {
    let (groups, rest) = bytes.as_chunks::<SIZE>();
    let (codes, last_codes) = q.as_chunks_mut::<32>();
    let mut x = [0f32; 32];
    for ((bytes, q), scale) in groups.iter().zip(codes).zip(scale.iter_mut()) {
        read(bytes, &mut x);
        // SAFETY: passed on to the caller.
        *scale = unsafe { D::quantize(&x, q) };
    }
    if let Some(scale) = scale.get_mut(groups.len()) {
        let (mut bytes, mut q) = ([0u8; SIZE], [0i8; 32]);
        bytes[..rest.len()].copy_from_slice(rest);
        read(&bytes, &mut x);
        // SAFETY: passed on to the caller.
        *scale = unsafe { D::quantize(&x, &mut q) };
        last_codes.copy_from_slice(&q[..last_codes.len()]);
    }
}

/// Rounds one group to `[−127, 127]` and returns its scale.
#[inline(always)]
pub(super) fn quantize_group(x: &[f32; 32], q: &mut [i8; 32]) -> f32 {
    let largest = largest(x);
    if largest < TINY {
        q.fill(0);
        return 0.0;
    }
    let inverse = 127.0 / largest;
    for (q, x) in q.iter_mut().zip(x) {
        let y = x * inverse;
        let y = if y.is_nan() { 0.0 } else { y };
        // Near 1.5 · 2^23 the unit of a float is 1, so that the addition rounds to an integer.
        *q = (y + 12_582_912.0).to_bits() as i8;
    }
    largest / 127.0
}

/// The largest magnitude; a NaN counts as nothing.
///
/// Compares bit patterns, which for magnitudes order as integers: LLVM may turn a comparison of
/// floats into an instruction that lets a signalling NaN through (`fmaxnm` of ARM).
#[inline(always)]
fn largest(x: &[f32; 32]) -> f32 {
    let mut largest = 0;
    for x in x {
        let magnitude = x.to_bits() & 0x7fff_ffff;
        let number = magnitude <= f32::INFINITY.to_bits();
        largest = largest.max(if number { magnitude } else { 0 });
    }
    f32::from_bits(largest)
}
