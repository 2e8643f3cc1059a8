//! How far weights move, whatever they are, and what importance is good for.

mod common;

use noctule_kernels::block::unpack_f32;
use noctule_quant::{GgmlType, encode};
use proptest::prelude::*;

use GgmlType::*;

/// A row that is whole blocks of every type.
const COLS: usize = 512;

/// Root mean square error of each type on [`common::weights`], in parts of the root mean square of the
/// weights: the most that is tolerated.
const TOLERATED: [(GgmlType, f64); 27] = [
    (F16, 0.0004),
    (BF16, 0.003),
    (Q8_0, 0.009),
    (Q6_K, 0.03),
    (Q5_1, 0.045),
    (Q5_0, 0.055),
    (Q5_K, 0.045),
    (Q4_1, 0.09),
    (Q4_0, 0.12),
    (Q4_K, 0.09),
    (IQ4_NL, 0.1),
    (IQ4_XS, 0.1),
    (NVFP4, 0.13),
    (MXFP4, 0.16),
    (IQ3_S, 0.2),
    (IQ3_XXS, 0.25),
    (IQ2_S, 0.35),
    (IQ2_XS, 0.4),
    (IQ2_XXS, 0.45),
    (IQ1_M, 0.55),
    (IQ1_S, 0.6),
    (Q3_K, 0.2),
    (Q2_K, 0.4),
    (Q2_0, 0.6),
    (TQ2_0, 0.62),
    (TQ1_0, 0.62),
    (Q1_0, 0.8),
];

fn coded(ty: GgmlType, x: &[f32], importance: Option<&[f32]>) -> Vec<f32> {
    let mut bytes = vec![0; ty.row_bytes(COLS).expect("whole blocks") * (x.len() / COLS)];
    encode::rows(ty, COLS, x, importance, &mut bytes);
    let mut values = vec![0.0; x.len()];
    unpack_f32(ty, &bytes, &mut values);
    values
}

/// Sum of squares, weighted by column.
fn squares(x: &[f32], importance: Option<&[f32]>) -> f64 {
    let weight = |i: usize| f64::from(importance.map_or(1.0, |importance| importance[i % COLS]));
    x.iter().enumerate().map(|(i, &x)| weight(i) * f64::from(x).powi(2)).sum()
}

fn errors(x: &[f32], coded: &[f32]) -> Vec<f32> {
    x.iter().zip(coded).map(|(x, y)| x - y).collect()
}

#[test]
fn every_type_has_a_limit() {
    for ty in encode::TYPES {
        assert!(TOLERATED.iter().any(|(of, _)| *of == ty), "{ty}");
    }
}

#[test]
fn importance_lowers_the_weighted_error() {
    let x = common::weights(16 * COLS, 7);
    let importance: Vec<f32> = common::weights(COLS, 8).iter().map(|x| (60.0 * x).exp()).collect();
    for ty in [
        Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, IQ3_S, IQ3_XXS, IQ2_S, IQ2_XS, IQ2_XXS,
        IQ1_M, IQ1_S, MXFP4, NVFP4, Q2_0, TQ2_0, Q1_0,
    ] {
        let weighted = |importance_used| squares(&errors(&x, &coded(ty, &x, importance_used)), Some(&importance));
        let (with, without) = (weighted(Some(&importance[..])), weighted(None));
        assert!(with < without, "{ty}: {with} with, {without} without");
    }
}

#[test]
fn ternary_weights_come_back() {
    let x: Vec<f32> =
        common::weights(COLS, 3).iter().map(|x| if x.abs() < 0.03 { 0.0 } else { x.signum() * 0.25 }).collect();
    for ty in [TQ1_0, TQ2_0, Q2_0] {
        assert_eq!(coded(ty, &x, None), x, "{ty}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn weights_move_little(seed: u64, exponent in -6i32..3) {
        let x: Vec<f32> = common::weights(COLS, seed).iter().map(|x| x * 10f32.powi(exponent)).collect();
        let mut beyond = Vec::new();
        for (ty, tolerated) in TOLERATED {
            // Subnormal scales are coarser than the codes: E4M3 has them below 2⁻⁶, binary16 below 2⁻¹⁴.
            let least = match ty {
                BF16 | MXFP4 => -6,
                NVFP4 => 0,
                // Weights of real models are at 1e0.
                _ => -1,
            };
            if exponent < least {
                continue;
            }
            let y = coded(ty, &x, None);
            let relative = (squares(&errors(&x, &y), None) / squares(&x, None)).sqrt();
            if relative > tolerated {
                beyond.push(format!("{ty}: {relative:.4}"));
            }
        }
        prop_assert!(beyond.is_empty(), "at 1e{exponent}: {beyond:?}");
    }

    #[test]
    fn any_bits_can_be_encoded(bits in prop::collection::vec(any::<u32>(), COLS), important: bool) {
        let x: Vec<f32> = bits.iter().map(|&bits| f32::from_bits(bits)).collect();
        for ty in encode::TYPES {
            coded(ty, &x, important.then_some(&x[..]));
        }
    }

    #[test]
    fn any_bytes_can_be_decoded(bytes in prop::collection::vec(any::<u8>(), 292)) {
        for ty in GgmlType::ALL {
            let mut values = vec![0.0; ty.block_len()];
            unpack_f32(ty, &bytes[..ty.block_bytes()], &mut values);
        }
    }
}

#[test]
fn zeros_stay_zeros() {
    for ty in encode::TYPES {
        assert_eq!(coded(ty, &[0.0; COLS], None), [0.0; COLS], "{ty}");
        assert_eq!(coded(ty, &[0.0; COLS], Some(&[1.0; COLS])), [0.0; COLS], "{ty}");
    }
}

#[test]
fn constant_rows_stay_near() {
    for ty in encode::TYPES {
        for value in [1e-30f32, -0.01, 1.0, -300.0] {
            // The floats of few exponents end in zero below their least; what is left is to be finite.
            let y = coded(ty, &[value; COLS], None);
            assert!(y.iter().all(|y| y.is_finite()), "{ty} of {value}");
            let limit = if value.abs() < 1e-3 { 1.0 } else { 0.6 };
            assert!(y.iter().all(|y| (y / value - 1.0).abs() <= limit), "{ty} of {value}: {}", y[0]);
        }
    }
}

#[test]
fn importance_of_nothing_counts_as_none() {
    let x = common::weights(COLS, 5);
    for ty in [IQ3_S, IQ3_XXS, IQ2_S, IQ2_XS, IQ2_XXS, IQ1_M, IQ1_S] {
        let none = coded(ty, &x, None);
        for importance in [0.0, f32::NAN, f32::INFINITY, -1.0] {
            assert_eq!(coded(ty, &x, Some(&[importance; COLS])), none, "{ty} with {importance}");
        }
    }
}
