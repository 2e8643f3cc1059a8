//! Blocks of 4-bit floats (E2M1) under a small shared scale.
//!
//! Layouts: `block_mxfp4` and `block_nvfp4` in `ggml-common.h`; MXFP4, E2M1 and E8M0 in the OCP
//! Microscaling Formats Specification 1.0. The codes are kept as twice their value, which makes
//! them integers; the scales are halved in return.

use super::tables::E2M1_DOUBLED;

#[inline(always)]
pub(super) fn mxfp4(block: &[u8; 17], q: &mut [i8; 32], scale: &mut [f32; 1]) {
    *scale = [e8m0_halved(block[0])];
    for (j, &byte) in block[1..].iter().enumerate() {
        q[j] = E2M1_DOUBLED[usize::from(byte & 15)];
        q[j + 16] = E2M1_DOUBLED[usize::from(byte >> 4)];
    }
}

#[inline(always)]
pub(super) fn nvfp4(block: &[u8; 36], q: &mut [i8; 64], scale: &mut [f32; 4]) {
    for (scale, &code) in scale.iter_mut().zip(block) {
        *scale = ue4m3_halved(code);
    }
    let groups = block[4..].as_chunks::<8>().0.iter();
    for (bytes, q) in groups.zip(q.as_chunks_mut::<16>().0) {
        for (j, &byte) in bytes.iter().enumerate() {
            q[j] = E2M1_DOUBLED[usize::from(byte & 15)];
            q[j + 8] = E2M1_DOUBLED[usize::from(byte >> 4)];
        }
    }
}

/// Half of the power of two `2^(code − 127)`. The code 255, a NaN in the specification, counts as
/// 2^128 here as it does in ggml, halved to the largest power of two.
pub const fn e8m0_halved(code: u8) -> f32 {
    match code {
        0 | 1 => f32::from_bits(0x0020_0000 << code),
        _ => f32::from_bits((code as u32 - 1) << 23),
    }
}

/// Half of an unsigned E4M3 (bias 7). The top bit is ignored; 0x7f, a NaN, counts as zero, as in
/// ggml.
pub const fn ue4m3_halved(code: u8) -> f32 {
    let exponent = (code >> 3) & 15;
    let mantissa = (code & 7) as f32;
    match (code, exponent) {
        (0x7f, _) => 0.0,
        (_, 0) => mantissa * f32::from_bits((127 - 10) << 23),
        _ => (8.0 + mantissa) * f32::from_bits((exponent as u32 + 127 - 11) << 23),
    }
}
