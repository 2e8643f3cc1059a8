//! Elementwise and row operations of every tier.

mod common;

use common::Random;
use noctule_kernels::{Compute, Precision, Rows, RowsMut, Tier};

fn computes() -> Vec<Compute> {
    let tiers = Tier::available().into_iter();
    tiers.map(|tier| Compute::new(tier, 2, Precision::Accurate)).collect()
}

/// The error function by its Taylor series, and by the continued fraction of its complement for
/// large arguments: Abramowitz and Stegun 7.1.6 and 7.1.14.
fn erf(x: f64) -> f64 {
    let z = x.abs();
    let value = if z < 3.0 {
        let (mut term, mut sum, mut n) = (z, z, 0.0);
        while term > 1e-18 * sum {
            n += 1.0;
            term *= 2.0 * z * z / (2.0 * n + 1.0);
            sum += term;
        }
        2.0 / std::f64::consts::PI.sqrt() * (-z * z).exp() * sum
    } else {
        let fraction = (1..60).rev().fold(z, |tail, n| z + f64::from(n) / 2.0 / tail);
        1.0 - (-z * z).exp() / std::f64::consts::PI.sqrt() / fraction
    };
    value.copysign(x)
}

#[test]
fn the_reference_error_function_is_right() {
    // Abramowitz and Stegun, table 7.1.
    for (x, want) in [(0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (3.5, 0.999_999_256_901_628)] {
        assert!((erf(x) - want).abs() < 1e-10, "{x}");
        assert!((erf(-x) + want).abs() < 1e-10, "{x}");
    }
}

#[test]
fn gelu_is_within_its_bound() {
    let x: Vec<f32> = (-120_000..=120_000).map(|i| i as f32 / 10_000.0).collect();
    for compute in computes() {
        let mut got = x.clone();
        compute.gelu(&mut got);
        for (&x, &got) in x.iter().zip(&got) {
            let x = f64::from(x);
            let want = 0.5 * x * (1.0 + erf(x / 2f64.sqrt()));
            let error = (f64::from(got) - want).abs();
            assert!(error <= 1e-6, "{}: gelu({x}) = {got}, off by {error:e}", compute.tier());
        }
        let mut far = [-1e30, -50.0, -0.0, 0.0, 50.0, 1e30];
        compute.gelu(&mut far);
        let error = |(got, want): (&f32, f32)| (got - want).abs() <= 1e-30;
        assert!(far.iter().zip([0.0, 0.0, 0.0, 0.0, 50.0, 1e30]).all(error), "{far:?}");
    }
}

#[test]
fn log_softmax_is_exact_to_a_rounding() {
    let mut random = Random::new(21);
    for len in [1, 2, 15, 16, 17, 1000, 51_865] {
        let mut x: Vec<f32> = random.floats(len).iter().map(|x| 12.0 * x).collect();
        for i in (1..len).step_by(3) {
            x[i] = f32::NEG_INFINITY;
        }
        let top = x.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let sum: f64 = x.iter().map(|&x| f64::from(x - top).exp()).sum();
        for compute in computes() {
            let mut got = x.clone();
            compute.log_softmax(&mut got);
            for (&x, &got) in x.iter().zip(&got) {
                let want = f64::from(x) - f64::from(top) - sum.ln();
                if x == f32::NEG_INFINITY {
                    assert_eq!(got, f32::NEG_INFINITY);
                } else {
                    assert!((f64::from(got) - want).abs() < 4e-6, "{got} instead of {want}");
                }
            }
        }
    }
}

#[test]
fn log_softmax_of_nothing_possible() {
    for compute in computes() {
        let mut x = [f32::NEG_INFINITY; 40];
        compute.log_softmax(&mut x);
        assert_eq!(x, [f32::NEG_INFINITY; 40]);
        compute.log_softmax(&mut []);
    }
}

#[test]
fn layer_norm_rows() {
    let mut random = Random::new(22);
    for (rows, cols) in [(1, 1), (3, 7), (5, 384), (40, 512), (2, 1280)] {
        // A large mean would show cancellation.
        let x: Vec<f32> = random.floats(rows * cols).iter().map(|x| 100.0 + x).collect();
        let (weight, bias) = (random.floats(cols), random.floats(cols));
        for compute in computes() {
            let mut out = vec![f32::NAN; rows * (cols + 2)];
            let to = RowsMut::strided(&mut out, rows, cols, cols + 2);
            compute.layer_norm(Rows::new(&x, rows, cols), &weight, &bias, 1e-5, to);
            for i in 0..rows {
                let row: Vec<f64> = x[i * cols..][..cols].iter().map(|&x| f64::from(x)).collect();
                let mean = row.iter().sum::<f64>() / cols as f64;
                let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / cols as f64;
                for j in 0..cols {
                    let want = (row[j] - mean) / (variance + 1e-5).sqrt() * f64::from(weight[j]) + f64::from(bias[j]);
                    let got = f64::from(out[i * (cols + 2) + j]);
                    assert!((got - want).abs() < 5e-5, "{}: {got} for {want}", compute.tier());
                }
            }
        }
    }
}

#[test]
fn row_operations_have_the_same_bits_on_every_tier() {
    let mut random = Random::new(23);
    let x: Vec<f32> = random.floats(5 * 999).iter().map(|x| 9.0 * x).collect();
    let (weight, bias) = (random.floats(999), random.floats(999));
    let results: Vec<Vec<u32>> = computes()
        .iter()
        .map(|compute| {
            let mut normed = vec![0.0; x.len()];
            let to = RowsMut::new(&mut normed, 5, 999);
            compute.layer_norm(Rows::new(&x, 5, 999), &weight, &bias, 1e-5, to);
            let mut logs = x.clone();
            compute.log_softmax(&mut logs);
            [normed, logs].concat().iter().map(|x| x.to_bits()).collect()
        })
        .collect();
    assert!(results.iter().all(|r| r == &results[0]));
}

#[test]
fn parts_are_handed_out_once() {
    let compute = Compute::new(Tier::Scalar, 3, Precision::Accurate);
    let mut data: Vec<usize> = vec![0; 1003];
    compute.par_chunks_mut(&mut data, 10, |i, part| {
        assert_eq!(part.len(), if i == 100 { 3 } else { 10 });
        for (j, x) in part.iter_mut().enumerate() {
            *x += i * 10 + j;
        }
    });
    assert!(data.iter().enumerate().all(|(i, &x)| i == x));
}
