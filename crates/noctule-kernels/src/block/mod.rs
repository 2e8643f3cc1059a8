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
pub(crate) mod iq;
pub(crate) mod k;
mod legacy;
mod matrix;
pub(crate) mod tables;
mod ternary;
mod types;
pub(crate) mod unpack;
pub(crate) mod wide;

pub use half::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
pub use matrix::{Matrix, MatrixError};
pub use types::GgmlType;

pub(crate) use float::TINY;

/// What the codes of the non-linear types stand for: for those who write blocks.
pub mod codebook {
    pub use super::float4::{e8m0_halved, ue4m3_halved};
    pub use super::tables::{
        E2M1_DOUBLED, IQ1_GRID, IQ2_S_GRID, IQ2_XS_GRID, IQ2_XXS_GRID, IQ3_S_GRID, IQ3_XXS_GRID, IQ4_VALUES,
    };
}

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
    // SAFETY: `Scalar` needs no instructions.
    unsafe { unpack::values::<unpack::Scalar>(ty, bytes, out) }
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
    check_groups(ty, bytes, q.len(), scale.len(), min.len());
    // SAFETY: `Scalar` needs no instructions.
    unsafe { unpack::codes::<unpack::Scalar>(ty, bytes, q, scale, min) }
}

/// Panics unless `bytes` holds exactly `len` weights of `ty`.
pub(crate) fn check_len(ty: GgmlType, bytes: &[u8], len: usize) {
    assert_eq!(ty.row_bytes(len), Some(bytes.len()), "{} bytes cannot hold {len} weights of {ty}", bytes.len());
}

/// Panics unless `bytes` holds exactly `len` weights of `ty` with as many factors as groups.
pub(crate) fn check_groups(ty: GgmlType, bytes: &[u8], len: usize, scales: usize, mins: usize) {
    check_len(ty, bytes, len);
    let groups = len.div_ceil(group_len(ty));
    assert_eq!(scales, groups, "scales for {len} weights of {ty}");
    assert_eq!(mins, groups, "offsets for {len} weights of {ty}");
}

/// `N` bytes of a block; the bounds are known when the caller is compiled.
#[inline(always)]
fn part<const N: usize>(block: &[u8], at: usize) -> &[u8; N] {
    block[at..].first_chunk().expect("the part lies inside the block")
}

/// Byte `i` is 1 where bit `i` is set.
#[inline(always)]
fn spread_bits(bits: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let single = (u64::from(bits) * ONES) & 0x8040_2010_0804_0201;
    ((single + 0x7f * ONES) >> 7) & ONES
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
