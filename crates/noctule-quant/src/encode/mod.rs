//! Weights as packed blocks of each type: the inverse of `noctule_kernels::block::unpack_f32`.
//!
//! Rows of `f32` enter, the bytes of a ggml tensor leave. The ten types of whisper-quantize come out
//! bit for bit as from whisper.cpp's x86-64 build (v1.9.3), which fuses no multiplications and
//! additions. Results do not depend on the processor or the number of threads.

mod float4;
mod grid;
mod iq;
mod k;
mod legacy;
mod level;
mod search;

use noctule_kernels::block::{GgmlType, f32_to_bf16, f32_to_f16};

use GgmlType::*;

/// The types that can be made here, from many bits to few within each family.
pub const TYPES: [GgmlType; 27] = [
    F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1, Q4_0, Q6_K, Q5_K, Q4_K, Q3_K, Q2_K, IQ4_NL, IQ4_XS, IQ3_S, IQ3_XXS, IQ2_S,
    IQ2_XS, IQ2_XXS, IQ1_M, IQ1_S, NVFP4, MXFP4, Q2_0, TQ2_0, TQ1_0, Q1_0,
];

/// Packs whole rows of `cols` weights. `importance` has one value for each column: how much an error
/// there counts, as the mean square of the activations that meet it. Without it every type has a
/// measure of its own.
///
/// # Panics
/// When `x` is not whole rows, rows are not whole blocks of `ty`, `out` is not as long as the rows
/// need, `importance` is not as long as a row, or `ty` is not one of [`TYPES`].
pub fn rows(ty: GgmlType, cols: usize, x: &[f32], importance: Option<&[f32]>, out: &mut [u8]) {
    let row_bytes = ty.row_bytes(cols).filter(|_| cols > 0);
    let row_bytes = row_bytes.unwrap_or_else(|| panic!("rows of {cols} weights are not whole blocks of {ty}"));
    assert!(x.len().is_multiple_of(cols), "{} weights are not rows of {cols}", x.len());
    assert_eq!(out.len(), x.len() / cols * row_bytes, "bytes for {} weights of {ty}", x.len());
    assert!(importance.is_none_or(|importance| importance.len() == cols), "importance of {cols} columns");
    for (x, out) in x.chunks_exact(cols).zip(out.chunks_exact_mut(row_bytes)) {
        row(ty, x, importance, out);
    }
}

fn row(ty: GgmlType, x: &[f32], importance: Option<&[f32]>, out: &mut [u8]) {
    match ty {
        F16 => halves(x, out, f32_to_f16),
        BF16 => halves(x, out, f32_to_bf16),
        Q8_0 => blocks(ty, x, None, out, |x, _, out| legacy::q8_0(x, out)),
        Q4_0 => old(ty, legacy::Q4_0, x, importance, out),
        Q4_1 => old(ty, legacy::Q4_1, x, importance, out),
        Q5_0 => old(ty, legacy::Q5_0, x, importance, out),
        Q5_1 => old(ty, legacy::Q5_1, x, importance, out),
        Q2_K => blocks(ty, x, importance, out, k::q2_k),
        Q3_K => blocks(ty, x, importance, out, k::q3_k),
        Q4_K => blocks(ty, x, importance, out, k::q4_k),
        Q5_K => blocks(ty, x, importance, out, k::q5_k),
        Q6_K => blocks(ty, x, importance, out, k::q6_k),
        IQ4_NL => blocks(ty, x, importance, out, level::iq4_nl),
        IQ4_XS => blocks(ty, x, importance, out, level::iq4_xs),
        IQ3_S => blocks(ty, x, importance, out, iq::iq3_s),
        IQ3_XXS => blocks(ty, x, importance, out, iq::iq3_xxs),
        IQ2_S => blocks(ty, x, importance, out, iq::iq2_s),
        IQ2_XS => blocks(ty, x, importance, out, iq::iq2_xs),
        IQ2_XXS => blocks(ty, x, importance, out, iq::iq2_xxs),
        IQ1_M => blocks(ty, x, importance, out, iq::iq1_m),
        IQ1_S => blocks(ty, x, importance, out, iq::iq1_s),
        MXFP4 => blocks(ty, x, importance, out, float4::mxfp4),
        NVFP4 => blocks(ty, x, importance, out, float4::nvfp4),
        Q1_0 => blocks(ty, x, importance, out, level::q1_0),
        Q2_0 => blocks(ty, x, importance, out, level::q2_0),
        TQ1_0 => blocks(ty, x, importance, out, level::tq1_0),
        TQ2_0 => blocks(ty, x, importance, out, level::tq2_0),
        _ => panic!("there is no encoder for {ty}"),
    }
}

fn halves(x: &[f32], out: &mut [u8], half: impl Fn(f32) -> u16) {
    for (out, &x) in out.as_chunks_mut::<2>().0.iter_mut().zip(x) {
        *out = half(x).to_le_bytes();
    }
}

/// Encodes block by block, each with its part of the importance.
fn blocks<const LEN: usize>(
    ty: GgmlType,
    x: &[f32],
    importance: Option<&[f32]>,
    out: &mut [u8],
    encode: impl Fn(&[f32; LEN], Option<&[f32; LEN]>, &mut [u8]),
) {
    let importance = importance.map(|importance| importance.as_chunks::<LEN>().0);
    let blocks = x.as_chunks::<LEN>().0.iter().zip(out.chunks_exact_mut(ty.block_bytes()));
    for (i, (x, out)) in blocks.enumerate() {
        encode(x, importance.map(|importance| &importance[i]), out);
    }
}

fn old(ty: GgmlType, layout: legacy::Layout, x: &[f32], importance: Option<&[f32]>, out: &mut [u8]) {
    match importance {
        None => blocks(ty, x, None, out, |x, _, out| layout.encode(x, out)),
        Some(importance) => layout.encode_weighted(x, &row_weights(x, importance), out),
    }
}

/// The weights of the error under an importance: `importance·√(mean(x²) + x²)` with the mean over
/// the row, as ggml has it for types with small blocks.
fn row_weights(x: &[f32], importance: &[f32]) -> Vec<f32> {
    let mean = x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32;
    x.iter().zip(importance).map(|(x, importance)| importance * (mean + x * x).sqrt()).collect()
}
