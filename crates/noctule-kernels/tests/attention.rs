//! The three attentions of every tier against a plain one in `f64`.

mod common;

use common::Random;
use noctule_kernels::block::{f16_to_f32, f32_to_f16};
use noctule_kernels::{Compute, CrossKv, CrossWeights, Precision, Rows, RowsMut, Tier};

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
    assert_eq!(got.len(), want.len());
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(got) - want).abs();
        assert!(error < 1e-5, "{what}, element {i}: {got} instead of {want}");
    }
}

fn computes() -> impl Iterator<Item = Compute> {
    let tiers = Tier::available().into_iter();
    tiers.map(|tier| Compute::new(tier, 2, Precision::Accurate))
}

#[test]
fn encoder_attention() {
    let mut random = Random::new(11);
    for (t, heads, depth) in [(1, 1, 64), (7, 2, 64), (50, 3, 16), (300, 2, 64), (67, 1, 20)] {
        let width = heads * depth;
        let [q, k, v] = [0; 3].map(|_| random.floats(t * width));
        let q: Vec<f32> = q.iter().map(|x| 8.0 * x).collect();
        for compute in computes() {
            let mut out = vec![f32::NAN; t * width];
            let [q_rows, k_rows, v_rows] = [&q, &k, &v].map(|x| Rows::new(x, t, width));
            compute.attention(q_rows, k_rows, v_rows, heads, RowsMut::new(&mut out, t, width));
            for h in 0..heads {
                let (keys, values) = (head(&k, width, h, depth), head(&v, width, h, depth));
                for i in 0..t {
                    let at = i * width + h * depth;
                    let (_, want) = attend(&q[at..at + depth], &keys, &values);
                    let what = format!("{} t = {t}, head {h}, row {i}", compute.tier());
                    close(&what, &out[at..at + depth], &want);
                }
            }
        }
    }
}

#[test]
fn scores_far_apart_do_not_overflow() {
    let (t, depth) = (300, 64);
    let q = vec![100.0; t * depth];
    let k: Vec<f32> = (0..t * depth).map(|i| (i / depth) as f32 / 10.0 - 15.0).collect();
    let v: Vec<f32> = (0..t * depth).map(|i| (i / depth) as f32).collect();
    for compute in computes() {
        let mut out = vec![f32::NAN; t * depth];
        let [q, k, v] = [&q, &k, &v].map(|x| Rows::new(x, t, depth));
        compute.attention(q, k, v, 1, RowsMut::new(&mut out, t, depth));
        assert!(out.iter().all(|&x| (x - 299.0).abs() < 1e-3), "{}", compute.tier());
    }
}

#[test]
fn attention_over_listed_cells() {
    let mut random = Random::new(12);
    let (heads, depth, cells) = (3, 64, 90);
    let width = heads * depth;
    let (k, v) = (random.floats(cells * width), random.floats(cells * width));
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
                let (_, want) = attend(&q[at..at + depth], &pick(&k), &pick(&v));
                let what = format!("{} row {i}, head {h}", compute.tier());
                close(&what, &out[at..at + depth], &want);
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
        for compute in computes() {
            let mut kv = CrossKv::new(heads, depth);
            // What an earlier, longer window left behind must not show.
            let old = vec![9.0; (t + 20) * width];
            kv.pack(&compute, Rows::new(&old, t + 20, width), Rows::new(&old, t + 20, width));
            kv.pack(&compute, Rows::new(&k, t, width), Rows::new(&v, t, width));
            assert_eq!(kv.len(), t);
            for m in [1, 2, 3, 5, 8, 13] {
                let q: Vec<f32> = random.floats(m * width).iter().map(|x| 4.0 * x).collect();
                let mut out = vec![f32::NAN; m * width];
                let wanted = [heads - 1, 0];
                let mut weights = vec![f32::NAN; 2 * m * t];
                compute.attention_cross(
                    Rows::new(&q, m, width),
                    &kv,
                    RowsMut::new(&mut out, m, width),
                    Some(CrossWeights { heads: &wanted, out: &mut weights }),
                );
                for h in 0..heads {
                    let (keys, values) = (head(&k, width, h, depth), head(&v, width, h, depth));
                    for i in 0..m {
                        let at = i * width + h * depth;
                        let (want_weights, want) = attend(&q[at..at + depth], &keys, &values);
                        let what = format!("{} t = {t}, m = {m}, head {h}", compute.tier());
                        close(&what, &out[at..at + depth], &want);
                        for place in (0..2).filter(|&place| wanted[place] == h) {
                            let got = &weights[(place * m + i) * t..][..t];
                            close(&format!("weights of {what}"), got, &want_weights);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let mut random = Random::new(14);
    let (t, heads, depth, m) = (130, 4, 64, 3);
    let width = heads * depth;
    let [q, k, v] = [0; 3].map(|_| random.floats(t * width));
    let list: Vec<u32> = (0..t as u32).collect();
    for tier in Tier::available() {
        let results: Vec<Vec<u32>> = [1, 2, 3]
            .iter()
            .map(|&threads| {
                let compute = Compute::new(tier, threads, Precision::Fast);
                let mut out = vec![f32::NAN; (t + 2 * m) * width];
                let (encoder, rest) = out.split_at_mut(t * width);
                let (cells, cross) = rest.split_at_mut(m * width);
                let [rows_q, rows_k, rows_v] = [&q, &k, &v].map(|x| Rows::new(x, t, width));
                let few = Rows::new(&q, m, width);
                compute.attention(rows_q, rows_k, rows_v, heads, RowsMut::new(encoder, t, width));
                let lists = [&list[..], &list[..9], &list[3..77]];
                compute.attention_cells(few, &lists, &k, &v, heads, RowsMut::new(cells, m, width));
                let mut kv = CrossKv::new(heads, depth);
                kv.pack(&compute, rows_k, rows_v);
                compute.attention_cross(few, &kv, RowsMut::new(cross, m, width), None);
                out.iter().map(|x| x.to_bits()).collect()
            })
            .collect();
        assert!(results.iter().all(|r| r == &results[0]), "{tier}");
    }
}

#[test]
fn the_cache_of_cross_keys_is_small() {
    let compute = Compute::new(Tier::Scalar, 1, Precision::Accurate);
    let mut kv = CrossKv::new(8, 64);
    assert!(kv.is_empty());
    let zeros = vec![0.0; 1500 * 512];
    kv.pack(&compute, Rows::new(&zeros, 1500, 512), Rows::new(&zeros, 1500, 512));
    assert!(kv.bytes() <= 2 * 2 * 1504 * 512, "{} bytes", kv.bytes());
    kv.clear();
    assert_eq!(kv.len(), 0);
}
