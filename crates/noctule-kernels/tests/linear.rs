//! Products of every tier and type against sums in `f64`.

mod common;

use common::{Random, ways, weight_types};
use noctule_kernels::block::{Matrix, f32_to_f16, group_len, unpack_f32, unpack_i8};
use noctule_kernels::{Compute, GgmlType, Precision, Product, Rows, RowsMut, Tier};

/// The exact sums of a product, and the sums of magnitudes that bound its error.
struct Exact {
    sums: Vec<f64>,
    magnitudes: Vec<f64>,
}

fn is_float(ty: GgmlType) -> bool {
    matches!(ty, GgmlType::F32 | GgmlType::F16 | GgmlType::BF16)
}

fn exact(x: &Rows<'_>, w: &Matrix<'_>) -> Exact {
    let mut row = vec![0.0; w.cols()];
    let (m, n) = (x.rows(), w.rows());
    let mut result = Exact { sums: vec![0.0; m * n], magnitudes: vec![0.0; m * n] };
    for j in 0..n {
        unpack_f32(w.ty(), w.row(j), &mut row);
        for i in 0..m {
            for (&x, &w) in x.row(i).iter().zip(&row) {
                result.sums[i * n + j] += f64::from(x) * f64::from(w);
                result.magnitudes[i * n + j] += (f64::from(x) * f64::from(w)).abs();
            }
        }
    }
    result
}

/// The sums that activations of 16 bits and integer weights define, without further rounding.
fn exact_int8(x: &Rows<'_>, w: &Matrix<'_>) -> Exact {
    let (m, n, k) = (x.rows(), w.rows(), w.cols());
    let group = group_len(w.ty());
    let groups = k.div_ceil(group);
    let rounded: Vec<Vec<f64>> = (0..m)
        .map(|i| {
            let top = x.row(i).iter().fold(3.851_86e-34f32, |a, b| a.max(b.abs()));
            let scale = f64::from(top / LARGEST);
            x.row(i).iter().map(|x| f64::from((x * (LARGEST / top)).round_ties_even()) * scale).collect()
        })
        .collect();
    let (mut q, mut scale, mut min) = (vec![0i8; k], vec![0f32; groups], vec![0f32; groups]);
    let mut result = Exact { sums: vec![0.0; m * n], magnitudes: vec![0.0; m * n] };
    for j in 0..n {
        unpack_i8(w.ty(), w.row(j), &mut q, &mut scale, &mut min);
        for (i, x) in rounded.iter().enumerate() {
            for (p, x) in x.iter().enumerate() {
                let w = f64::from(q[p]) * f64::from(scale[p / group]);
                let min = f64::from(min[p / group]);
                result.sums[i * n + j] += x * (w + min);
                result.magnitudes[i * n + j] += (x * w).abs() + (x * min).abs();
            }
        }
    }
    result
}

/// The largest integer of a rounded activation.
const LARGEST: f32 = 127.0 * 255.0;

fn check(what: &str, got: &[f32], want: &Exact, tolerance: f64) {
    for (i, ((&got, &sum), &magnitude)) in got.iter().zip(&want.sums).zip(&want.magnitudes).enumerate() {
        let error = (f64::from(got) - sum).abs();
        assert!(
            error <= tolerance * magnitude + 1e-30,
            "{what}, element {i}: {got} instead of {sum}, off by {error:e} of {magnitude}"
        );
    }
}

fn computes(precision: Precision) -> Vec<Compute> {
    let tiers = Tier::available();
    tiers.into_iter().map(|tier| Compute::new(tier, 2, precision)).collect()
}

/// The bound that [`Compute::linear`] states.
fn bound(k: usize) -> f64 {
    (k + 4) as f64 / (1u64 << 24) as f64
}

#[test]
fn accurate_products_of_every_type() {
    let mut random = Random::new(1);
    for ty in weight_types() {
        let k = if is_float(ty) { 160 } else { 2 * ty.block_len().max(64) };
        let n = 53;
        let bytes = random.weights(ty, n, k);
        let w = Matrix::new(ty, n, k, &bytes).expect("a matrix");
        for m in [1, 5, 8, 9, 31] {
            let data = random.activations(m * k);
            let x = Rows::new(&data, m, k);
            let want = exact(&x, &w);
            for compute in computes(Precision::Accurate) {
                let mut out = vec![f32::NAN; m * n];
                compute.linear(x, &mut [Product::new(w, RowsMut::new(&mut out, m, n))]);
                let what = format!("{} {ty} m = {m}", compute.tier());
                check(&what, &out, &want, bound(k));
            }
        }
    }
}

/// Whether `m` rows are rounded where weights of type `ty` meet them, as [`Compute::linear`] states.
fn rounds(compute: &Compute, ty: GgmlType, m: usize) -> bool {
    let many = match compute.tier() {
        Tier::Avx512 | Tier::Amx => 64,
        Tier::Avx2 | Tier::AvxVnni => 128,
        _ => usize::MAX,
    };
    compute.precision() == Precision::Fast && !is_float(ty) && m < many
}

#[test]
fn fast_products_of_every_type() {
    let mut random = Random::new(2);
    for ty in weight_types() {
        // A row of floats need not be a whole number of groups.
        let k = if is_float(ty) { 240 } else { 2 * ty.block_len().max(64) };
        let n = 53;
        let bytes = random.weights(ty, n, k);
        let w = Matrix::new(ty, n, k, &bytes).expect("a matrix");
        for m in [1, 5, 8, 9, 31, 130] {
            let data = random.activations(m * k);
            let x = Rows::new(&data, m, k);
            let (floats, integers) = (exact(&x, &w), exact_int8(&x, &w));
            for compute in computes(Precision::Fast) {
                let mut out = vec![f32::NAN; m * n];
                compute.linear(x, &mut [Product::new(w, RowsMut::new(&mut out, m, n))]);
                let what = format!("{} {ty} m = {m}", compute.tier());
                let want = if rounds(&compute, ty, m) { &integers } else { &floats };
                check(&what, &out, want, bound(k));
            }
        }
    }
}

#[test]
fn every_shape_of_tails() {
    let mut random = Random::new(3);
    for precision in [Precision::Accurate, Precision::Fast] {
        for compute in computes(precision) {
            for ty in [GgmlType::F16, GgmlType::Q5_1, GgmlType::Q8_0] {
                for k in [32, 64, 288, 544] {
                    for (m, n) in [(1, 1), (2, 7), (3, 17), (4, 96), (7, 100), (12, 5), (17, 49), (100, 33)] {
                        let bytes = random.weights(ty, n, k);
                        let w = Matrix::new(ty, n, k, &bytes).expect("a matrix");
                        let data = random.activations(m * k);
                        let x = Rows::new(&data, m, k);
                        let want = if rounds(&compute, ty, m) { exact_int8(&x, &w) } else { exact(&x, &w) };
                        let mut out = vec![f32::NAN; m * n];
                        compute.linear(x, &mut [Product::new(w, RowsMut::new(&mut out, m, n))]);
                        let what = format!("{} {precision} {ty} {m} x {k} x {n}", compute.tier());
                        check(&what, &out, &want, bound(k));
                    }
                }
            }
        }
    }
}

#[test]
fn float_rows_of_any_length() {
    let mut random = Random::new(4);
    for ty in [GgmlType::F32, GgmlType::F16, GgmlType::BF16] {
        for k in [1, 2, 3, 15, 17, 31, 33, 77] {
            for m in [1, 4, 10] {
                let n = 9;
                let bytes = random.weights(ty, n, k);
                let w = Matrix::new(ty, n, k, &bytes).expect("a matrix");
                let data = random.floats(m * k);
                let x = Rows::new(&data, m, k);
                for compute in computes(Precision::Accurate) {
                    let mut out = vec![f32::NAN; m * n];
                    compute.linear(x, &mut [Product::new(w, RowsMut::new(&mut out, m, n))]);
                    let what = format!("{} {ty} {m} x {k}", compute.tier());
                    check(&what, &out, &exact(&x, &w), bound(k));
                }
            }
        }
    }
}

#[test]
fn overlapping_rows_are_a_convolution() {
    // Three taps over 8 channels with stride 2: rows of 24 floats, 16 apart.
    let mut random = Random::new(5);
    let (m, k, n) = (40, 24, 20);
    let data = random.floats((m - 1) * 16 + k);
    let x = Rows::strided(&data, m, k, 16);
    let bytes = random.weights(GgmlType::F16, n, k);
    let w = Matrix::new(GgmlType::F16, n, k, &bytes).expect("a matrix");
    for rows in [m, 6] {
        let x = Rows::strided(&data, rows, k, 16);
        for compute in computes(Precision::Accurate) {
            let mut out = vec![f32::NAN; rows * n];
            compute.linear(x, &mut [Product::new(w, RowsMut::new(&mut out, rows, n))]);
            check(compute.tier().name(), &out, &exact(&x, &w), bound(k));
        }
    }
    assert_eq!(x.rows(), m);
}

#[test]
fn products_share_an_input_and_finish_their_sums() {
    let mut random = Random::new(6);
    let k = 64;
    for m in [1, 3, 20] {
        let data = random.floats(m * k);
        let x = Rows::new(&data, m, k);
        let bytes: Vec<_> = [30, 1, 70].map(|n| random.weights(GgmlType::F16, n, k)).into();
        let w: Vec<_> =
            bytes.iter().map(|b| Matrix::new(GgmlType::F16, b.len() / 2 / k, k, b).expect("a matrix")).collect();
        let bias = random.floats(30);
        let before = random.floats(m * 70);
        for compute in computes(Precision::Accurate) {
            let (mut a, mut b, mut c) = (vec![0.0; m * 30], vec![0.0; m * 5], before.clone());
            compute.linear(
                x,
                &mut [
                    Product::new(w[0], RowsMut::new(&mut a, m, 30)).bias(Some(&bias)).gelu(),
                    Product::new(w[1], RowsMut::strided(&mut b, m, 1, 5)),
                    Product::new(w[2], RowsMut::new(&mut c, m, 70)).add(),
                ],
            );
            let [wa, wb, wc] = [0, 1, 2].map(|i| exact(&x, &w[i]).sums);
            for i in 0..m {
                for j in 0..30 {
                    let sum = wa[i * 30 + j] as f32 + bias[j];
                    let mut want = [sum];
                    compute.gelu(&mut want);
                    assert!((a[i * 30 + j] - want[0]).abs() < 1e-5, "{} gelu", compute.tier());
                }
                assert!((f64::from(b[i * 5]) - wb[i]).abs() < 1e-5);
                assert_eq!(b[i * 5 + 1..].first().copied().unwrap_or(0.0), 0.0, "beside the output");
                for j in 0..70 {
                    let want = wc[i * 70 + j] + f64::from(before[i * 70 + j]);
                    assert!((f64::from(c[i * 70 + j]) - want).abs() < 1e-5, "{}", compute.tier());
                }
            }
        }
    }
}

/// Types want activations in orders of their own.
#[test]
fn types_that_share_an_input_are_those_one_by_one() {
    use GgmlType::{F16, IQ3_S, IQ4_XS, Q2_K, Q4_0, Q4_K, Q6_K, Q8_0};
    let mut random = Random::new(10);
    let (k, n) = (512, 37);
    let types = [Q4_0, Q6_K, F16, Q4_K, IQ3_S, Q2_K, Q8_0, IQ4_XS];
    let bytes = types.map(|ty| random.weights(ty, n, k));
    for compute in computes(Precision::Fast) {
        for m in [1, 2, 3, 4, 5, 8] {
            let data = random.activations(m * k);
            let x = Rows::new(&data, m, k);
            let matrix = |i: usize| Matrix::new(types[i], n, k, &bytes[i]).expect("a matrix");
            let mut together = vec![vec![f32::NAN; m * n]; types.len()];
            let outs = together.iter_mut().enumerate();
            let mut products: Vec<Product<'_>> =
                outs.map(|(i, out)| Product::new(matrix(i), RowsMut::new(out, m, n))).collect();
            compute.linear(x, &mut products);
            for (i, together) in together.iter().enumerate() {
                let mut alone = vec![f32::NAN; m * n];
                compute.linear(x, &mut [Product::new(matrix(i), RowsMut::new(&mut alone, m, n))]);
                assert_eq!(*together, alone, "{} {} m = {m}", compute.tier(), types[i]);
            }
        }
    }
}

#[test]
fn neither_threads_nor_streams_change_a_bit() {
    let mut random = Random::new(7);
    let (k, n) = (512, 391);
    for tier in Tier::available() {
        for precision in [Precision::Accurate, Precision::Fast] {
            for ty in [GgmlType::F16, GgmlType::Q5_0, GgmlType::Q4_K] {
                let bytes = random.weights(ty, n, k);
                let w = Matrix::new(ty, n, k, &bytes).expect("a matrix");
                for m in [1, 2, 5, 61] {
                    let data = random.activations(m * k);
                    let results: Vec<Vec<u32>> = ways(tier)
                        .map(|(threads, streams)| {
                            let mut compute = Compute::new(tier, threads, precision);
                            compute.set_streams(streams);
                            let mut out = vec![f32::NAN; m * n];
                            let x = Rows::new(&data, m, k);
                            compute.linear(x, &mut [Product::new(w, RowsMut::new(&mut out, m, n))]);
                            out.iter().map(|x| x.to_bits()).collect()
                        })
                        .collect();
                    assert!(results.iter().all(|r| r == &results[0]), "{tier} {precision} {ty}");
                }
            }
        }
    }
}

/// Where a row stands among the others is a matter of how they were cut for the threads.
#[test]
fn products_of_a_weight_row_do_not_depend_on_its_place() {
    use GgmlType::{F16, F32, IQ3_S, IQ4_NL, Q2_K, Q4_0, Q4_K, Q5_1, Q6_K, Q8_0};
    let mut random = Random::new(12);
    let n = 23;
    for compute in [Precision::Accurate, Precision::Fast].into_iter().flat_map(computes) {
        for (ty, k) in [F32, F16, Q8_0, Q4_0, Q5_1, IQ4_NL, Q4_K, Q6_K, Q2_K, IQ3_S]
            .into_iter()
            .flat_map(|ty| [(ty, 512), (ty, 1536)])
        {
            let bytes = random.weights(ty, n, k);
            let matrix =
                |from: usize| Matrix::new(ty, n - from, k, &bytes[bytes.len() / n * from..]).expect("a matrix");
            for m in [1, 2, 5, 8] {
                let data = random.activations(m * k);
                let products = |from: usize| {
                    let mut out = vec![f32::NAN; m * (n - from)];
                    let output = RowsMut::new(&mut out, m, n - from);
                    compute.linear(Rows::new(&data, m, k), &mut [Product::new(matrix(from), output)]);
                    out
                };
                let all = products(0);
                for from in [1, 2, 3, 6] {
                    for (all, some) in all.chunks(n).zip(products(from).chunks(n - from)) {
                        assert_eq!(&all[from..], some, "{} {ty} {m} x {k}, from row {from}", compute.tier());
                    }
                }
            }
        }
    }
}

/// Activations have 16 bits; the largest error is that of weight codes of −128, which become −127.
#[test]
fn fast_stays_near_accurate() {
    let mut random = Random::new(8);
    let (m, k, n) = (16, 512, 64);
    for ty in [GgmlType::Q8_0, GgmlType::Q4_K, GgmlType::Q6_K] {
        let bytes = random.weights(ty, n, k);
        let w = Matrix::new(ty, n, k, &bytes).expect("a matrix");
        let data = random.floats(m * k);
        let x = Rows::new(&data, m, k);
        let want = exact(&x, &w);
        for compute in computes(Precision::Fast) {
            let mut out = vec![f32::NAN; m * n];
            compute.linear(x, &mut [Product::new(w, RowsMut::new(&mut out, m, n))]);
            let (mut error, mut power) = (0.0, 0.0);
            for (&got, &want) in out.iter().zip(&want.sums) {
                error += (f64::from(got) - want).powi(2);
                power += want * want;
            }
            let ratio = (error / power).sqrt();
            assert!(ratio < 2e-3, "{} {ty}: relative error {ratio}", compute.tier());
            assert!(ratio > 0.0, "{} {ty}: rounding must show", compute.tier());
        }
    }
}

/// Sums of a group are exact until each lane becomes a float: what is left is the rounding of a few additions, and codes
/// at their extremes would show any saturation.
#[test]
fn integer_sums_are_exact() {
    let mut random = Random::new(9);
    let n = 40;
    let long = [GgmlType::Q8_0, GgmlType::Q5_0, GgmlType::Q6_K].map(|ty| (ty, 512));
    for (ty, k) in [(GgmlType::Q8_0, 32), (GgmlType::Q5_0, 32)].into_iter().chain(long) {
        for extreme in [false, true] {
            let mut bytes = random.weights(ty, n, k);
            for block in bytes.chunks_exact_mut(ty.block_bytes()) {
                if extreme {
                    // The largest magnitudes, all of one sign within half a row.
                    let fill = if random.bits().is_multiple_of(2) { 0x81 } else { 0x7f };
                    block.fill(fill);
                }
                let scale = if ty == GgmlType::Q6_K {
                    block[192..208].fill(1);
                    208
                } else {
                    0
                };
                block[scale..scale + 2].copy_from_slice(&f32_to_f16(0.25).to_le_bytes());
            }
            let w = Matrix::new(ty, n, k, &bytes).expect("a matrix");
            for m in [1, 4, 8, 21] {
                let data: Vec<f32> = (0..m * k)
                    .map(|i| match random.bits() % 64_771 {
                        // A full-scale value in each row makes its scale exactly 1.
                        _ if i % k == 0 || extreme => LARGEST,
                        integer => integer as f32 - LARGEST,
                    })
                    .collect();
                let x = Rows::new(&data, m, k);
                let want = exact_int8(&x, &w);
                for compute in computes(Precision::Fast) {
                    let mut out = vec![f32::NAN; m * n];
                    compute.linear(x, &mut [Product::new(w, RowsMut::new(&mut out, m, n))]);
                    let what = format!("{} {ty} m = {m}", compute.tier());
                    check(&what, &out, &want, if k == 32 { 2.5e-7 } else { 1e-6 });
                }
            }
        }
    }
}

#[test]
fn empty_products_do_nothing() {
    let compute = Compute::new(Tier::Scalar, 2, Precision::Fast);
    compute.linear(Rows::new(&[], 0, 64), &mut []);
    let w = Matrix::new(GgmlType::F16, 0, 64, &[]).expect("no rows");
    let x = vec![1.0; 640];
    for m in [0, 1, 10] {
        let out = RowsMut::new(&mut [], m, 0);
        compute.linear(Rows::new(&x, m, 64), &mut [Product::new(w, out)]);
    }
}
