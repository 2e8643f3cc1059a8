//! Products of many rows on every tier: what rounding to 8 bits means, number by number, and how near it stays.

mod common;

use common::{Random, weight_types};
use noctule_kernels::block::{Matrix, unpack_f32};
use noctule_kernels::{Compute, GgmlType, Input, Operand, Out, Precision, Product, Rows, RowsMut, Tier};

fn floats(w: &Matrix<'_>) -> Vec<Vec<f32>> {
    let mut row = vec![0.0; w.cols()];
    (0..w.rows())
        .map(|j| {
            unpack_f32(w.ty(), w.row(j), &mut row);
            row.clone()
        })
        .collect()
}

fn exact(x: &[Vec<f32>], w: &[Vec<f32>]) -> Vec<f64> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    x.iter().flat_map(|x| w.iter().map(move |w| dot(x, w))).collect()
}

/// The groups of rows of `k`: padded length, length of a group.
fn groups(k: usize) -> (usize, usize) {
    let k = k.next_multiple_of(64);
    (k, (1 << k.trailing_zeros()).min(256))
}

/// A row after the Walsh–Hadamard transform of elements 16 apart, in the order in which the kernels add.
fn spread(row: &[f32], group: usize) -> Vec<f32> {
    let mut row = row.to_vec();
    for group in row.chunks_exact_mut(group) {
        let mut half = 16;
        while half < group.len() {
            for i in 0..group.len() {
                if i & half == 0 {
                    (group[i], group[i + half]) = (group[i] + group[i + half], group[i] - group[i + half]);
                }
            }
            half *= 2;
        }
    }
    row
}

/// A row as its codes have it, in `f64`, and what they lost.
fn rounded(row: &[f32], group: usize) -> (Vec<f64>, Vec<f32>) {
    let mut codes = Vec::new();
    let mut rest = Vec::new();
    for group in row.chunks_exact(group) {
        let top = group.iter().fold(0f32, |top, x| top.max(x.abs())).max(1e-30);
        let scale = top / 127.0;
        for x in group {
            // Rounded once, by adding and subtracting 1.5 · 2²³.
            let n = x.mul_add(127.0 / top, 12_582_912.0) - 12_582_912.0;
            codes.push(f64::from(n) * f64::from(scale));
            rest.push(n.mul_add(-scale, *x));
        }
    }
    (codes, rest)
}

/// A row as integers of 16 bits, as large as the sum of products of two groups allows.
fn words(row: &[f32], group: usize) -> Vec<f64> {
    let mut numbers = Vec::new();
    for group in row.chunks_exact(group) {
        let top = group.iter().fold(0f32, |top, x| top.max(x.abs())).max(1e-30);
        let inverse = 1.0 / top;
        let mut squares = [0f32; 16];
        for part in group.chunks_exact(16) {
            squares.iter_mut().zip(part).for_each(|(square, x)| *square += (x * inverse) * (x * inverse));
        }
        let largest = (46_000.0 / squares.iter().sum::<f32>().sqrt()).min(32_700.0);
        for x in group {
            let n = (x * (largest / top) + 12_582_912.0) - 12_582_912.0;
            numbers.push(f64::from(n) * f64::from(top / largest));
        }
    }
    numbers
}

/// Whether fine products multiply words there.
fn has_words(compute: &Compute) -> bool {
    compute.tier() == Tier::Neon
}

/// The fine product of words.
fn defined_in_words(x: &[Vec<f32>], w: &[Vec<f32>]) -> Vec<f64> {
    let (k, group) = groups(x[0].len());
    let numbers = |row: &Vec<f32>| {
        let mut row = row.clone();
        row.resize(k, 0.0);
        words(&spread(&row, group), group)
    };
    let (x, w): (Vec<_>, Vec<_>) = (x.iter().map(numbers).collect(), w.iter().map(numbers).collect());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / (group / 16) as f64;
    x.iter().flat_map(|x| w.iter().map(|w| dot(x, w)).collect::<Vec<_>>()).collect()
}

/// The product that the codes of both operands define; with two codes for each number where it is fine.
fn defined(x: &[Vec<f32>], w: &[Vec<f32>], fine: bool) -> Vec<f64> {
    let (k, group) = groups(x[0].len());
    let code = |row: &Vec<f32>| {
        let mut row = row.clone();
        row.resize(k, 0.0);
        let (first, rest) = rounded(&spread(&row, group), group);
        (first, rounded(&rest, group).0)
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / (group / 16) as f64;
    let (x, w): (Vec<_>, Vec<_>) = (x.iter().map(code).collect(), w.iter().map(code).collect());
    let mut out = Vec::new();
    for (x, rest_x) in &x {
        for (w, rest_w) in &w {
            let more = if fine { dot(rest_x, w) + dot(x, rest_w) } else { 0.0 };
            out.push(dot(x, w) + more);
        }
    }
    out
}

/// What sums of floats may differ by. The scalar tier rounds twice where others round once, so that a number
/// near the middle between two codes may fall to the other side.
fn bound(compute: &Compute) -> f64 {
    if compute.tier() == Tier::Scalar { 5e-3 } else { 2e-6 }
}

fn relative(got: &[f32], want: &[f64]) -> f64 {
    let error: f64 = got.iter().zip(want).map(|(&got, want)| (f64::from(got) - want).powi(2)).sum();
    (error / want.iter().map(|x| x * x).sum::<f64>()).sqrt()
}

fn multiply(compute: &Compute, x: &[Vec<f32>], w: Matrix<'_>, fine: bool) -> Vec<f32> {
    let (m, k, n) = (x.len(), x[0].len(), w.rows());
    let data: Vec<f32> = x.iter().flatten().copied().collect();
    let mut operand = Operand::default();
    compute.load(Input::Rows(Rows::new(&data, m, k)), fine, &mut operand);
    let mut out = vec![f32::NAN; m * n];
    compute.multiply(&operand, &mut [Product::new(w, RowsMut::new(&mut out, m, n)).fine(fine)]);
    out
}

fn activations(random: &mut Random, m: usize, k: usize) -> Vec<Vec<f32>> {
    (0..m).map(|_| random.activations(k)).collect()
}

fn computes(precision: Precision) -> Vec<Compute> {
    Tier::available().into_iter().map(|tier| Compute::new(tier, 2, precision)).collect()
}

#[test]
fn codes_of_every_type_and_tier_are_the_stated_ones() {
    let mut random = Random::new(21);
    for ty in weight_types() {
        let (k, n, m) = (2 * ty.block_len().max(64), 70, 23);
        let bytes = random.weights(ty, n, k);
        let w = Matrix::new(ty, n, k, &bytes).unwrap();
        let x = activations(&mut random, m, k);
        for fine in [false, true] {
            let want = defined(&x, &floats(&w), fine);
            let in_words = defined_in_words(&x, &floats(&w));
            for compute in computes(Precision::Fast) {
                let want = if fine && has_words(&compute) { &in_words } else { &want };
                let error = relative(&multiply(&compute, &x, w, fine), want);
                assert!(error < bound(&compute), "{} {ty}, fine: {fine}: {error:e}", compute.tier());
            }
        }
    }
}

#[test]
fn shapes_with_tails() {
    let mut random = Random::new(22);
    for precision in [Precision::Accurate, Precision::Fast] {
        for (m, k, n) in [(1, 64, 1), (5, 80, 3), (6, 384, 65), (49, 512, 130), (50, 240, 64), (131, 1280, 17)] {
            let bytes = random.weights(GgmlType::F16, n, k);
            let w = Matrix::new(GgmlType::F16, n, k, &bytes).unwrap();
            let x = activations(&mut random, m, k);
            let want = match precision {
                Precision::Accurate => exact(&x, &floats(&w)),
                Precision::Fast => defined(&x, &floats(&w), false),
            };
            for compute in computes(precision) {
                let error = relative(&multiply(&compute, &x, w, false), &want);
                assert!(error < bound(&compute), "{} {precision} {m} x {k} x {n}: {error:e}", compute.tier());
            }
        }
    }
}

/// All tiers with fused multiply-adds do the same operations in the same order, but for fine products of words.
#[test]
fn tiers_with_vectors_agree_to_the_bit() {
    let mut random = Random::new(23);
    let bytes = random.weights(GgmlType::Q5_1, 96, 512);
    let w = Matrix::new(GgmlType::Q5_1, 96, 512, &bytes).unwrap();
    let x = activations(&mut random, 77, 512);
    for fine in [false, true] {
        let results: Vec<_> = computes(Precision::Fast)
            .iter()
            .filter(|compute| compute.tier() != Tier::Scalar && !(fine && has_words(compute)))
            .map(|compute| multiply(compute, &x, w, fine).iter().map(|x| x.to_bits()).collect::<Vec<_>>())
            .collect();
        assert!(results.iter().all(|result| result == &results[0]));
    }
}

/// 8 bits on both sides, for numbers like those of a transformer: a few channels far larger than the rest.
#[test]
fn fast_stays_near_exact() {
    let mut random = Random::new(24);
    let (m, k, n) = (60, 512, 64);
    let bytes = random.weights(GgmlType::F16, n, k);
    let w = Matrix::new(GgmlType::F16, n, k, &bytes).unwrap();
    let mut x: Vec<Vec<f32>> = (0..m).map(|_| random.floats(k)).collect();
    for row in &mut x {
        (row[17], row[300]) = (30.0 * row[17], 40.0);
    }
    let want = exact(&x, &floats(&w));
    for compute in computes(Precision::Fast) {
        let coarse = relative(&multiply(&compute, &x, w, false), &want);
        assert!(coarse < 0.012, "{}: {coarse}", compute.tier());
        assert!(coarse > 1e-4, "{}: rounding must show", compute.tier());
        let fine = relative(&multiply(&compute, &x, w, true), &want);
        assert!(fine < 2e-4, "{}: {fine}", compute.tier());
    }
}

#[test]
fn threads_and_blocks_change_no_bit() {
    let mut random = Random::new(25);
    let bytes = random.weights(GgmlType::Q4_K, 391, 512);
    let w = Matrix::new(GgmlType::Q4_K, 391, 512, &bytes).unwrap();
    let x = activations(&mut random, 211, 512);
    for tier in Tier::available() {
        for precision in [Precision::Accurate, Precision::Fast] {
            let one = |threads| multiply(&Compute::new(tier, threads, precision), &x, w, false);
            let first = one(1);
            assert!([2, 3].iter().all(|&threads| one(threads) == first), "{tier} {precision}");
            let compute = Compute::new(tier, 2, precision);
            assert_eq!(multiply(&compute, &x[96..], w, false), first[96 * 391..], "{tier}: rows stand alone");
        }
    }
}

/// A normalised input, a part of its rows, and a result that is the operand of another product.
#[test]
fn products_feed_products() {
    let mut random = Random::new(26);
    let (m, k, hidden, n) = (101, 128, 512, 70);
    let data: Vec<f32> = random.activations(m * k);
    let (weight, bias) = (random.floats(k), random.floats(k));
    let (up, down) = (random.weights(GgmlType::F16, hidden, k), random.weights(GgmlType::F16, n, hidden));
    let up = Matrix::new(GgmlType::F16, hidden, k, &up).unwrap();
    let down = Matrix::new(GgmlType::F16, n, hidden, &down).unwrap();
    for precision in [Precision::Accurate, Precision::Fast] {
        for compute in computes(precision) {
            let x = Rows::new(&data, m, k);
            let (mut normed, mut middle) = (vec![0.0; m * k], vec![0.0; 5 * hidden]);
            compute.layer_norm(x, &weight, &bias, 1e-5, RowsMut::new(&mut normed, m, k));
            let (mut operand, mut inner) = (Operand::default(), Operand::default());
            compute.load(Input::Normed { x, weight: &weight, bias: &bias, eps: 1e-5 }, false, &mut operand);
            compute.reserve(&mut inner, 5, hidden, false);
            let product = Product::new(up, Out::Operand(&mut inner)).gelu();
            compute.multiply_rows(&operand, 96..101, &mut [product]);
            let mut got = vec![1.0; 5 * n];
            compute.multiply(&inner, &mut [Product::new(down, RowsMut::new(&mut got, 5, n)).add()]);

            let rows: Vec<Vec<f32>> = normed[96 * k..].chunks(k).map(<[f32]>::to_vec).collect();
            let fast = precision == Precision::Fast;
            let product = |x: &[Vec<f32>], w: &Matrix<'_>| {
                if fast { defined(x, &floats(w), false) } else { exact(x, &floats(w)) }
            };
            middle.iter_mut().zip(product(&rows, &up)).for_each(|(to, x)| *to = x as f32);
            compute.gelu(&mut middle);
            let middle: Vec<Vec<f32>> = middle.chunks(hidden).map(<[f32]>::to_vec).collect();
            let want: Vec<f64> = product(&middle, &down).iter().map(|x| x + 1.0).collect();
            // GELU is its tanh form there, and a sum near the middle between two codes may fall to either side.
            let bound = if fast { 2e-3 } else { 1e-5 };
            let error = relative(&got, &want);
            assert!(error < bound, "{} {precision}: {error:e}", compute.tier());
        }
    }
}

#[test]
#[should_panic(expected = "only rows of floats can be added to")]
fn operands_are_not_added_to() {
    let compute = Compute::new(Tier::Scalar, 1, Precision::Fast);
    let bytes = [0; 128 * 64];
    let w = Matrix::new(GgmlType::F16, 64, 64, &bytes).unwrap();
    let (mut x, mut out) = (Operand::default(), Operand::default());
    compute.load(Input::Rows(Rows::new(&[0.0; 64], 1, 64)), false, &mut x);
    compute.reserve(&mut out, 1, 64, false);
    compute.multiply(&x, &mut [Product::new(w, &mut out).add()]);
}
