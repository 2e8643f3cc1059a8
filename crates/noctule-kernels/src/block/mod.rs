//! The block layouts of ggml's tensor types and their exact meaning.
//!
//! Packed bytes from a model file enter; weights leave, either as `f32` ([`unpack_f32`]) or as
//! small integers with a scale and an offset for each group ([`unpack_i8`]). Everything here is
//! plain scalar code and the truth that the SIMD unpackers are tested against. Bytes may come from
//! hostile files: any bit pattern has a defined result.
//!
//! Block layouts and the order of the arithmetic are those of `ggml-common.h` and the
//! `dequantize_row_*` functions of `ggml-quants.c` (ggml in whisper.cpp v1.9.3). The results are
//! bit-equal to them for finite scales.

pub mod half;

mod float;
mod float4;
mod iq;
mod k;
mod legacy;
mod matrix;
mod tables;
mod ternary;
mod types;

pub use half::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
pub use matrix::{Matrix, MatrixError};
pub use types::GgmlType;

use GgmlType::*;

/// How many weights along a row share one scale (and one offset) in the integer form of `ty`:
/// 16 or 32. It divides the block length of every type that has blocks; rows of `f32`, `f16` and
/// `bf16` are cut into groups of 32, the last of which may be shorter.
pub const fn group_len(ty: GgmlType) -> usize {
    match ty {
        Q2_K | Q3_K | Q6_K | IQ2_XS | IQ2_S | IQ1_M | NVFP4 => 16,
        _ => 32,
    }
}

/// Whether groups of `ty` have an offset. Without one, `min` is all zeros.
pub const fn has_min(ty: GgmlType) -> bool {
    matches!(ty, Q4_1 | Q5_1 | Q2_K | Q4_K | Q5_K)
}

/// Whether [`unpack_i8`] loses nothing: true for every type that stores integers, false for
/// `f32`, `f16` and `bf16`, whose values are rounded to 8 bits, and for the three 8-bit types,
/// where a code of −128 (which ggml's quantisers never write) becomes −127.
pub const fn is_exact_in_i8(ty: GgmlType) -> bool {
    !matches!(ty, F32 | F16 | BF16 | Q8_0 | Q8_1 | Q8_K)
}

/// Expands whole blocks of `ty` into `out`, one `f32` for each weight, in row order.
///
/// The value is the one ggml computes, bit for bit: `scale·q`, or `scale·q + min` with both
/// operations rounded, as [`unpack_i8`] states them.
///
/// # Panics
/// When `bytes` is not as long as `ty.row_bytes(out.len())`.
pub fn unpack_f32(ty: GgmlType, bytes: &[u8], out: &mut [f32]) {
    check_len(ty, bytes, out.len());
    match ty {
        F32 => float::f32_row(bytes, out),
        F16 => float::f16_row(bytes, out),
        BF16 => float::bf16_row(bytes, out),
        Q4_0 => values(bytes, out, legacy::q4_0),
        Q4_1 => values_min(bytes, out, legacy::q4_1),
        Q5_0 => values(bytes, out, legacy::q5_0),
        Q5_1 => values_min(bytes, out, legacy::q5_1),
        Q8_0 => values(bytes, out, legacy::q8_0),
        Q8_1 => values(bytes, out, legacy::q8_1),
        Q2_K => values_min(bytes, out, k::q2_k),
        Q3_K => values(bytes, out, k::q3_k),
        Q4_K => values_min(bytes, out, k::q4_k),
        Q5_K => values_min(bytes, out, k::q5_k),
        Q6_K => values(bytes, out, k::q6_k),
        Q8_K => values(bytes, out, k::q8_k),
        IQ2_XXS => values(bytes, out, iq::iq2_xxs),
        IQ2_XS => values(bytes, out, iq::iq2_xs),
        IQ2_S => values(bytes, out, iq::iq2_s),
        IQ3_XXS => values(bytes, out, iq::iq3_xxs),
        IQ3_S => values(bytes, out, iq::iq3_s),
        IQ1_S => values(bytes, out, iq::iq1_s),
        IQ1_M => values(bytes, out, iq::iq1_m),
        IQ4_NL => values(bytes, out, iq::iq4_nl),
        IQ4_XS => values(bytes, out, iq::iq4_xs),
        TQ1_0 => values(bytes, out, ternary::tq1_0),
        TQ2_0 => values(bytes, out, ternary::tq2_0),
        Q1_0 => values(bytes, out, ternary::q1_0),
        Q2_0 => values(bytes, out, ternary::q2_0),
        MXFP4 => values(bytes, out, float4::mxfp4),
        NVFP4 => values(bytes, out, float4::nvfp4),
    }
}

/// Expands whole blocks of `ty` into integers with a scale and an offset for each group:
/// weight `i` is `scale[g]·q[i] + min[g]` with `g = i / group_len(ty)` and `q` in `[−127, 127]`.
///
/// `q` has one entry for each weight; `scale` and `min` have one for each group, the last group
/// being shorter where a row of floats ends inside it. `min` is zero where
/// [`has_min`]`(ty)` is false.
///
/// For the types of [`is_exact_in_i8`], computing `scale·q` and then adding `min` gives exactly the
/// bits of [`unpack_f32`]. `f32`, `f16` and `bf16` are rounded to nearest, ties to even, with
/// `scale` = the group's largest magnitude / 127, so each weight is off by at most
/// `scale·(½ + 2⁻¹⁴)`; a group whose magnitudes are all below 2⁻¹¹⁹ becomes zero, a NaN becomes 0,
/// and a group with an infinity has an infinite scale.
///
/// # Panics
/// When `bytes` is not as long as `ty.row_bytes(q.len())`, or `scale` or `min` does not have
/// `q.len().div_ceil(group_len(ty))` entries.
pub fn unpack_i8(ty: GgmlType, bytes: &[u8], q: &mut [i8], scale: &mut [f32], min: &mut [f32]) {
    check_len(ty, bytes, q.len());
    let groups = q.len().div_ceil(group_len(ty));
    assert_eq!(scale.len(), groups, "scales for {} weights of {ty}", q.len());
    assert_eq!(min.len(), groups, "offsets for {} weights of {ty}", q.len());
    if !has_min(ty) {
        min.fill(0.0);
    }
    match ty {
        F32 => float::quantize(bytes, q, scale, float::f32_row),
        F16 => float::quantize(bytes, q, scale, float::f16_row),
        BF16 => float::quantize(bytes, q, scale, float::bf16_row),
        Q4_0 => codes(bytes, q, scale, legacy::q4_0),
        Q4_1 => codes_min(bytes, q, scale, min, legacy::q4_1),
        Q5_0 => codes(bytes, q, scale, legacy::q5_0),
        Q5_1 => codes_min(bytes, q, scale, min, legacy::q5_1),
        Q8_0 => codes(bytes, q, scale, legacy::q8_0),
        Q8_1 => codes(bytes, q, scale, legacy::q8_1),
        Q2_K => codes_min(bytes, q, scale, min, k::q2_k),
        Q3_K => codes(bytes, q, scale, k::q3_k),
        Q4_K => codes_min(bytes, q, scale, min, k::q4_k),
        Q5_K => codes_min(bytes, q, scale, min, k::q5_k),
        Q6_K => codes(bytes, q, scale, k::q6_k),
        Q8_K => codes(bytes, q, scale, k::q8_k),
        IQ2_XXS => codes(bytes, q, scale, iq::iq2_xxs),
        IQ2_XS => codes(bytes, q, scale, iq::iq2_xs),
        IQ2_S => codes(bytes, q, scale, iq::iq2_s),
        IQ3_XXS => codes(bytes, q, scale, iq::iq3_xxs),
        IQ3_S => codes(bytes, q, scale, iq::iq3_s),
        IQ1_S => codes(bytes, q, scale, iq::iq1_s),
        IQ1_M => codes(bytes, q, scale, iq::iq1_m),
        IQ4_NL => codes(bytes, q, scale, iq::iq4_nl),
        IQ4_XS => codes(bytes, q, scale, iq::iq4_xs),
        TQ1_0 => codes(bytes, q, scale, ternary::tq1_0),
        TQ2_0 => codes(bytes, q, scale, ternary::tq2_0),
        Q1_0 => codes(bytes, q, scale, ternary::q1_0),
        Q2_0 => codes(bytes, q, scale, ternary::q2_0),
        MXFP4 => codes(bytes, q, scale, float4::mxfp4),
        NVFP4 => codes(bytes, q, scale, float4::nvfp4),
    }
    if matches!(ty, Q8_0 | Q8_1 | Q8_K) {
        for q in q {
            *q = (*q).max(-127);
        }
    }
}

/// Panics unless `bytes` holds exactly `len` weights of `ty`.
pub(crate) fn check_len(ty: GgmlType, bytes: &[u8], len: usize) {
    assert_eq!(ty.row_bytes(len), Some(bytes.len()), "{} bytes cannot hold {len} weights of {ty}", bytes.len());
}

/// Decodes each block of a type without offsets.
fn codes<const BYTES: usize, const LEN: usize, const GROUPS: usize>(
    bytes: &[u8],
    q: &mut [i8],
    scale: &mut [f32],
    decode: impl Fn(&[u8; BYTES], &mut [i8; LEN], &mut [f32; GROUPS]),
) {
    let blocks = bytes.as_chunks().0;
    let groups = scale.as_chunks_mut().0;
    for ((block, q), scale) in blocks.iter().zip(q.as_chunks_mut().0).zip(groups) {
        decode(block, q, scale);
    }
}

/// Decodes each block of a type with offsets.
fn codes_min<const BYTES: usize, const LEN: usize, const GROUPS: usize>(
    bytes: &[u8],
    q: &mut [i8],
    scale: &mut [f32],
    min: &mut [f32],
    decode: impl Fn(&[u8; BYTES], &mut [i8; LEN], &mut [f32; GROUPS], &mut [f32; GROUPS]),
) {
    let blocks = bytes.as_chunks().0;
    let groups = scale.as_chunks_mut().0.iter_mut().zip(min.as_chunks_mut().0);
    for ((block, q), (scale, min)) in blocks.iter().zip(q.as_chunks_mut().0).zip(groups) {
        decode(block, q, scale, min);
    }
}

/// Decodes each block of a type without offsets and multiplies.
fn values<const BYTES: usize, const LEN: usize, const GROUPS: usize>(
    bytes: &[u8],
    out: &mut [f32],
    decode: impl Fn(&[u8; BYTES], &mut [i8; LEN], &mut [f32; GROUPS]),
) {
    let (mut q, mut scale) = ([0i8; LEN], [0f32; GROUPS]);
    let blocks = bytes.as_chunks().0;
    for (block, out) in blocks.iter().zip(out.as_chunks_mut::<LEN>().0) {
        decode(block, &mut q, &mut scale);
        let groups = out.chunks_exact_mut(LEN / GROUPS);
        for ((out, q), &scale) in groups.zip(q.chunks_exact(LEN / GROUPS)).zip(&scale) {
            for (out, &q) in out.iter_mut().zip(q) {
                *out = scale * f32::from(q);
            }
        }
    }
}

/// Decodes each block of a type with offsets, multiplies and adds.
fn values_min<const BYTES: usize, const LEN: usize, const GROUPS: usize>(
    bytes: &[u8],
    out: &mut [f32],
    decode: impl Fn(&[u8; BYTES], &mut [i8; LEN], &mut [f32; GROUPS], &mut [f32; GROUPS]),
) {
    let (mut q, mut scale, mut min) = ([0i8; LEN], [0f32; GROUPS], [0f32; GROUPS]);
    let blocks = bytes.as_chunks().0;
    for (block, out) in blocks.iter().zip(out.as_chunks_mut::<LEN>().0) {
        decode(block, &mut q, &mut scale, &mut min);
        let groups = out.chunks_exact_mut(LEN / GROUPS);
        let factors = scale.iter().zip(&min);
        for ((out, q), (&scale, &min)) in groups.zip(q.chunks_exact(LEN / GROUPS)).zip(factors) {
            for (out, &q) in out.iter_mut().zip(q) {
                *out = scale * f32::from(q) + min;
            }
        }
    }
}

/// The binary16 at byte `at` of a block.
#[inline(always)]
fn f16_at(block: &[u8], at: usize) -> f32 {
    f16_to_f32(u16_at(block, at))
}

/// The 16-bit word at byte `at` of a block.
#[inline(always)]
fn u16_at(block: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([block[at], block[at + 1]])
}

/// The 32-bit word at byte `at` of a block.
#[inline(always)]
fn u32_at(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}
