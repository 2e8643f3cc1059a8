//! The three attentions of every tier against a plain one in `f64`.

mod common;

use common::{Random, ways};
use noctule_kernels::block::{f16_to_f32, f32_to_f16};
use noctule_kernels::{
    Compute, CrossWeights, GgmlType, Keys, Matrix, Operand, Out, Precision, Product, Rows, RowsMut, Tier, Values,
};

/// Softmax weights and output of one query and head over some keys and values.
fn attend(q: &[f32], keys: &[&[f32]], values: &[&[f32]]) -> (Vec<f64>, Vec<f64>) {
    let scale = 1.0 / (q.len() as f64).sqrt();
    let dot = |k: &[f32]| q.iter().zip(k).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let scores: Vec<f64> = keys.iter().map(|k| scale * dot(k)).collect();
    let top = scores.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let weights: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.iter().map(|w| w / sum).collect();
    let mut out = vec![0.0; q.len()];
    for (&w, v) in weights.iter().zip(values) {
        out.iter_mut().zip(*v).for_each(|(out, &v)| *out += w * f64::from(v));
    }
    (weights, out)
}

fn head(data: &[f32], width: usize, head: usize, depth: usize) -> Vec<&[f32]> {
    data.chunks_exact(width).map(|row| &row[head * depth..][..depth]).collect()
}

fn close(what: &str, got: &[f32], want: &[f64]) {
    close_within(1e-5, what, got, want);
}

fn close_within(bound: f64, what: &str, got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(got) - want).abs();
        assert!(error < bound, "{what}, element {i}: {got} instead of {want}");
    }
}

fn computes_of(precision: Precision) -> impl Iterator<Item = Compute> {
    Tier::available().into_iter().map(move |tier| Compute::new(tier, 2, precision))
}

fn computes() -> impl Iterator<Item = Compute> {
    computes_of(Precision::Accurate)
}

/// The encoder's attention over rows of floats, through a product with the identity.
fn encoder(compute: &Compute, qkv: [&[f32]; 3], t: usize, heads: usize, depth: usize) -> Vec<f32> {
    attended(compute, qkv, t, (heads, depth), true)
}

/// The attention's result as the product with the identity has it, in 16 bits if it is `fine`.
fn attended(
    compute: &Compute,
    [q, k, v]: [&[f32]; 3],
    t: usize,
    (heads, depth): (usize, usize),
    fine: bool,
) -> Vec<f32> {
    let width = heads * depth;
    let [q, k, v] = [q, k, v].map(|x| Rows::new(x, t, width));
    let (mut queries, mut out) = (Operand::default(), Operand::default());
    let (mut keys, mut values) = (Keys::new(heads, depth), Values::new(heads, depth));
    // What an earlier, longer window left behind must not show.
    let old = vec![9.0; (t + 70) * width];
    compute.reserve_keys(&mut keys, t + 70);
    compute.store(Rows::new(&old, t + 70, width), (&mut keys).into());
    compute.reserve_queries(&mut queries, t, heads, depth);
    compute.reserve_keys(&mut keys, t);
    compute.reserve_values(&mut values, t);
    compute.store(q, Out::Queries(&mut queries));
    compute.store(k, (&mut keys).into());
    compute.store(v, (&mut values).into());
    compute.attention(&queries, &keys, &values, fine, &mut out);
    let identity: Vec<u8> =
        (0..width * width).flat_map(|i| f32::from(u8::from(i / width == i % width)).to_le_bytes()).collect();
    let identity = Matrix::new(GgmlType::F32, width, width, &identity).unwrap();
    let mut rows = vec![f32::NAN; t * width];
    let product = Product::new(identity, RowsMut::new(&mut rows, t, width)).fine(fine);
    compute.multiply(&out, &mut [product]);
    rows
}

#[test]
fn encoder_attention() {
    let mut random = Random::new(11);
    for (t, heads, depth) in [(1, 1, 64), (7, 2, 64), (50, 3, 16), (300, 2, 64), (67, 1, 20)] {
        let width = heads * depth;
        let [q, k, v] = [0; 3].map(|_| random.floats(t * width));
        let q: Vec<f32> = q.iter().map(|x| 8.0 * x).collect();
        for precision in [Precision::Accurate, Precision::Fast] {
            // Values are below 1, and so are results; queries, keys, weights and values have 8 bits under `Fast`.
            let bound = if precision == Precision::Fast { 0.04 } else { 1e-5 };
            for compute in computes_of(precision) {
                let out = encoder(&compute, [&q, &k, &v], t, heads, depth);
                for h in 0..heads {
                    let (keys, values) = (head(&k, width, h, depth), head(&v, width, h, depth));
                    for i in 0..t {
                        let at = i * width + h * depth;
                        let (_, want) = attend(&q[at..at + depth], &keys, &values);
                        let what = format!("{} {precision} t = {t}, head {h}, row {i}", compute.tier());
                        close_within(bound, &what, &out[at..at + depth], &want);
                    }
                }
            }
        }
    }
}

/// One key is far ahead, and all others together weigh as much: rounding its block must not lose them.
#[test]
fn many_small_weights_count_beside_a_large_one() {
    let (t, depth) = (1500, 64);
    let mut random = Random::new(15);
    let q = vec![1.0; t * depth];
    let mut k: Vec<f32> = random.floats(t * depth).iter().map(|x| 0.01 * x).collect();
    // 8 · ln 1400 more than the others' scores, times √depth.
    k[700 * depth..701 * depth].fill(8.0 * 1400f32.ln() / 64.0);
    let mut v = vec![-1.0; t * depth];
    v[700 * depth..701 * depth].fill(1.0);
    for compute in computes_of(Precision::Fast) {
        let out = encoder(&compute, [&q, &k, &v], t, 1, depth);
        let (_, want) = attend(&q[..depth], &head(&k, depth, 0, depth), &head(&v, depth, 0, depth));
        close_within(0.05, compute.tier().name(), &out[..depth], &want);
    }
}

#[test]
fn queries_of_zeros_attend_to_what_exists() {
    let (t, depth) = (70, 64);
    let mut random = Random::new(16);
    let (q, k) = (vec![0.0; t * depth], random.floats(t * depth));
    let v = vec![1.0; t * depth];
    for precision in [Precision::Accurate, Precision::Fast] {
        for compute in computes_of(precision) {
            let out = encoder(&compute, [&q, &k, &v], t, 1, depth);
            assert!(out.iter().all(|x| (x - 1.0).abs() < 1e-2), "{} {precision}: {:?}", compute.tier(), &out[..4]);
        }
    }
}

#[test]
fn tiers_with_vectors_agree_to_the_bit() {
    let mut random = Random::new(17);
    let (t, heads, depth) = (150, 2, 64);
    let [q, k, v] = [0; 3].map(|_| random.floats(t * heads * depth));
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for fine in [false, true] {
        // Fine products of the neon tier are those of words.
        let results: Vec<_> = computes_of(Precision::Fast)
            .filter(|compute| compute.tier() != Tier::Scalar && !(fine && compute.tier() == Tier::Neon))
            .map(|compute| attended(&compute, [&q, &k, &v], t, (heads, depth), fine))
            .collect();
        assert!(results.iter().all(|result| bits(result) == bits(&results[0])), "fine: {fine}");
    }
}

#[test]
fn scores_far_apart_do_not_overflow() {
    let (t, depth) = (300, 64);
    let q = vec![100.0; t * depth];
    let k: Vec<f32> = (0..t * depth).map(|i| (i / depth) as f32 / 10.0 - 15.0).collect();
    let v: Vec<f32> = (0..t * depth).map(|i| (i / depth) as f32).collect();
    for precision in [Precision::Accurate, Precision::Fast] {
        for compute in computes_of(precision) {
            let out = encoder(&compute, [&q, &k, &v], t, 1, depth);
            let bound = if precision == Precision::Fast { 2.0 } else { 1e-3 };
            assert!(out.iter().all(|&x| (x - 299.0).abs() < bound), "{} {precision}", compute.tier());
        }
    }
}

/// In binary16.
fn halves(floats: &[f32]) -> Vec<u16> {
    floats.iter().map(|&x| f32_to_f16(x)).collect()
}

#[test]
fn attention_over_listed_cells() {
    let mut random = Random::new(12);
    // A depth that is no multiple of a vector, too.
    for (heads, depth) in [(3, 64), (2, 21)] {
        let (cells, width) = (90, heads * depth);
        let (k, v) = (halves(&random.floats(cells * width)), halves(&random.floats(cells * width)));
        let [wide_k, wide_v] = [&k, &v].map(|half: &Vec<u16>| half.iter().map(|&x| f16_to_f32(x)).collect::<Vec<_>>());
        let lists: [Vec<u32>; 4] = [vec![5], (0..90).rev().collect(), vec![], vec![1, 80, 3, 3, 7]];
        let q = random.floats(lists.len() * width);
        let refs: Vec<&[u32]> = lists.iter().map(Vec::as_slice).collect();
        for compute in computes() {
            let mut out = vec![f32::NAN; lists.len() * width];
            let rows = Rows::new(&q, lists.len(), width);
            compute.attention_cells(rows, &refs, &k, &v, heads, RowsMut::new(&mut out, 4, width));
            for (i, list) in lists.iter().enumerate() {
                for h in 0..heads {
                    let pick = |data| {
                        let all = head(data, width, h, depth);
                        list.iter().map(|&c| all[c as usize]).collect::<Vec<_>>()
                    };
                    let at = i * width + h * depth;
                    let (_, want) = attend(&q[at..at + depth], &pick(&wide_k), &pick(&wide_v));
                    let what = format!("{} depth {depth}, row {i}, head {h}", compute.tier());
                    close(&what, &out[at..at + depth], &want);
                }
            }
        }
    }
}

#[test]
fn cross_attention() {
    let mut random = Random::new(13);
    for (t, heads, depth) in [(1, 1, 64), (37, 2, 64), (150, 3, 64), (33, 2, 20)] {
        let width = heads * depth;
        // Only what binary16 can hold, so that packing loses nothing.
        let [k, v] = [0; 2].map(|_| {
            let floats = random.floats(t * width);
            floats.iter().map(|&x| f16_to_f32(f32_to_f16(x))).collect::<Vec<_>>()
        });
        for (precision, bound) in [(Precision::Accurate, 1e-5), (Precision::Fast, 0.03)] {
            for compute in computes_of(precision) {
                let (keys, values) = cross(&compute, &k, &v, t, heads, depth);
                assert_eq!(keys.len(), t);
                for m in [1, 2, 3, 5, 8, 13, 33] {
                    let q: Vec<f32> = random.floats(m * width).iter().map(|x| 4.0 * x).collect();
                    let mut out = vec![f32::NAN; m * width];
                    let wanted = [heads - 1, 0];
                    let mut weights = vec![f32::NAN; 2 * m * t];
                    compute.attention_cross(
                        Rows::new(&q, m, width),
                        &keys,
                        &values,
                        RowsMut::new(&mut out, m, width),
                        Some(CrossWeights { heads: &wanted, out: &mut weights }),
                    );
                    for h in 0..heads {
                        let (keys, values) = (head(&k, width, h, depth), head(&v, width, h, depth));
                        for i in 0..m {
                            let at = i * width + h * depth;
                            let (want_weights, want) = attend(&q[at..at + depth], &keys, &values);
                            let what = format!("{} {precision} t = {t}, m = {m}, head {h}", compute.tier());
                            close_within(bound, &what, &out[at..at + depth], &want);
                            for place in (0..2).filter(|&place| wanted[place] == h) {
                                let got = &weights[(place * m + i) * t..][..t];
                                close_within(bound, &format!("weights of {what}"), got, &want_weights);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Keys and values of the decoder, after those of an earlier, longer window.
fn cross(compute: &Compute, k: &[f32], v: &[f32], t: usize, heads: usize, depth: usize) -> (Keys, Values) {
    let width = heads * depth;
    let (mut keys, mut values) = (Keys::new(heads, depth), Values::new(heads, depth));
    let old = vec![9.0; (t + 20) * width];
    for (k, v, t) in [(&old[..], &old[..], t + 20), (k, v, t)] {
        compute.reserve_cross_keys(&mut keys, t);
        compute.reserve_cross_values(&mut values, t);
        compute.store(Rows::new(k, t, width), (&mut keys).into());
        compute.store(Rows::new(v, t, width), (&mut values).into());
    }
    (keys, values)
}

#[test]
fn neither_threads_nor_streams_change_a_bit() {
    let mut random = Random::new(14);
    let (t, heads, depth, m) = (130, 4, 64, 3);
    let width = heads * depth;
    let [q, k, v] = [0; 3].map(|_| random.floats(t * width));
    let list: Vec<u32> = (0..t as u32).collect();
    for tier in Tier::available() {
        for precision in [Precision::Accurate, Precision::Fast] {
            let results: Vec<Vec<u32>> = ways(tier)
                .map(|(threads, streams)| {
                    let mut compute = Compute::new(tier, threads, precision);
                    compute.set_streams(streams);
                    let mut out = encoder(&compute, [&q, &k, &v], t, heads, depth);
                    let at = out.len();
                    out.resize(at + 2 * m * width, f32::NAN);
                    let (listed, crossed) = out[at..].split_at_mut(m * width);
                    let few = Rows::new(&q, m, width);
                    let lists = [&list[..], &list[..9], &list[3..77]];
                    let (short_k, short_v) = (halves(&k), halves(&v));
                    compute.attention_cells(few, &lists, &short_k, &short_v, heads, RowsMut::new(listed, m, width));
                    let (keys, values) = cross(&compute, &k, &v, t, heads, depth);
                    compute.attention_cross(few, &keys, &values, RowsMut::new(crossed, m, width), None);
                    out.iter().map(|x| x.to_bits()).collect()
                })
                .collect();
            assert!(results.iter().all(|r| r == &results[0]), "{tier} {precision}");
        }
    }
}

#[test]
fn the_cache_of_cross_keys_is_small() {
    let zeros = vec![0.0; 1500 * 512];
    for (precision, most) in [(Precision::Accurate, 4 * 1504 * 512), (Precision::Fast, 23 * 1536 * 512 / 10)] {
        let compute = Compute::new(Tier::Scalar, 1, precision);
        let (mut keys, mut values) = (Keys::new(8, 64), Values::new(8, 64));
        assert!(keys.is_empty() && values.is_empty());
        compute.reserve_cross_keys(&mut keys, 1500);
        compute.reserve_cross_values(&mut values, 1500);
        compute.store(Rows::new(&zeros, 1500, 512), (&mut keys).into());
        let bytes = keys.size_bytes() + values.size_bytes();
        assert!(bytes <= most, "{precision}: {bytes} bytes");
    }
}
