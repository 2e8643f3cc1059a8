//! Errors next to those of ggml's own encoders on the same weights.

mod common;

use noctule_kernels::block::unpack_f32;
use noctule_quant::{GgmlType, encode};

use GgmlType::*;

const COLS: usize = 512;

/// Squared errors of `ggml_quantize_chunk` in parts of the squares of the weights: with importance,
/// weighted by it, and without, plain (`None` where ggml demands importance). Measured with ggml of
/// whisper.cpp v1.9.3 (commit 233fe1fc, built for x86-64) on the rows and the importance of the test
/// below, read back with its own `to_float`, and rounded to six digits after the point.
const GGML: [(GgmlType, f64, Option<f64>); 15] = [
    (IQ4_NL, 0.001161, Some(0.005252)),
    (IQ4_XS, 0.001331, Some(0.005363)),
    (IQ3_S, 0.00378, Some(0.02562)),
    (IQ3_XXS, 0.003871, Some(0.041885)),
    (IQ2_S, 0.012606, Some(0.065054)),
    (IQ2_XS, 0.011773, None),
    (IQ2_XXS, 0.026449, None),
    (IQ1_M, 0.033126, Some(0.322336)),
    (IQ1_S, 0.046454, None),
    (MXFP4, 0.013566, Some(0.012907)),
    (NVFP4, 0.008863, Some(0.009514)),
    (TQ1_0, 0.786511, Some(0.601725)),
    (TQ2_0, 0.786511, Some(0.601725)),
    (Q1_0, 0.32033, Some(0.364073)),
    (Q2_0, 0.658997, Some(0.458328)),
];

/// Half of the last digit above.
const ROUNDED: f64 = 0.5e-6;

fn error(ty: GgmlType, x: &[f32], used: Option<&[f32]>, weight: impl Fn(usize) -> f64) -> f64 {
    let mut bytes = vec![0; ty.row_bytes(COLS).expect("whole blocks") * (x.len() / COLS)];
    encode::rows(ty, COLS, x, used, &mut bytes);
    let mut y = vec![0.0; x.len()];
    unpack_f32(ty, &bytes, &mut y);
    let sum = |value: &dyn Fn(usize) -> f32| -> f64 {
        (0..x.len()).map(|i| weight(i % COLS) * f64::from(value(i)).powi(2)).sum()
    };
    sum(&|i| x[i] - y[i]) / sum(&|i| x[i])
}

#[test]
fn errors_are_no_larger_than_ggmls() {
    let x = common::weights(16 * COLS, 7);
    let importance: Vec<f32> = common::weights(COLS, 8).iter().map(|x| (60.0 * x).exp()).collect();
    for (ty, weighted, plain) in GGML {
        let ours = error(ty, &x, Some(&importance), |i| f64::from(importance[i]));
        assert!(ours <= weighted + ROUNDED, "{ty} with importance: {ours}, ggml {weighted}");
        if let Some(plain) = plain {
            let ours = error(ty, &x, None, |_| 1.0);
            assert!(ours <= plain + ROUNDED, "{ty}: {ours}, ggml {plain}");
        }
    }
}
