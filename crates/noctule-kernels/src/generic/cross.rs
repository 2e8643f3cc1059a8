//! The decoder's cross-attention: a few queries stream one head's packed keys and values.

use super::math::softmax_unscaled;
use crate::simd::Simd;
use crate::streams::Streams;
use crate::table::AHEAD;

/// Keys in one tile of the packed cross keys.
pub(crate) const TILE: usize = 16;

/// The most query rows that one pass over the keys serves: the beams of a usual search.
const MAX_ROWS: usize = 5;

/// One head of the cross-attention and a few query rows.
pub(crate) struct Cross<'a> {
    /// Scaled queries, `[rows][depth]`.
    pub(crate) q: &'a [f32],
    /// Query rows.
    pub(crate) rows: usize,
    /// Floats of a head, padded to a multiple of 16 with zeros.
    pub(crate) depth: usize,
    /// Positions.
    pub(crate) t: usize,
    /// Floats from one row of scores to the next: at least `t` rounded up to 16.
    pub(crate) stride: usize,
    /// Keys of this head as binary16, `[⌈t / 16⌉][depth][16]`.
    pub(crate) k: &'a [u16],
    /// Values of this head as binary16, `[t][depth]`.
    pub(crate) v: &'a [u16],
    pub(crate) streams: Streams,
}

impl Cross<'_> {
    /// Asks for what will be read after `len` bytes from `from` on, where that helps.
    ///
    /// # Safety
    /// The processor has the tier of `S`.
    #[inline(always)]
    unsafe fn ask<S: Simd>(&self, from: *const u8, len: usize) {
        if S::SEVERAL && self.streams == Streams::Several {
            for line in (0..len).step_by(64) {
                // SAFETY: passed on to the caller; a prefetch cannot fault.
                unsafe { S::prefetch(from.wrapping_add(AHEAD + line)) };
            }
        }
    }
}

/// Attends: `scores` becomes the softmax weights, `[rows][stride]` (0 beyond `t`), and
/// `out` the weighted values, `[rows][depth]`.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
pub(crate) unsafe fn cross<S: Simd, const NV: usize>(c: &Cross<'_>, scores: &mut [f32], out: &mut [f32]) {
    let padded = c.stride;
    assert!(padded >= c.t.next_multiple_of(TILE) && c.depth.is_multiple_of(16) && c.q.len() >= c.rows * c.depth);
    assert!(c.k.len() >= c.t.next_multiple_of(TILE) * c.depth && c.v.len() >= c.t * c.depth);
    assert!(scores.len() >= c.rows * padded && out.len() >= c.rows * c.depth);
    let mut row = 0;
    while row < c.rows {
        let left = c.rows - row;
        let rows = left.div_ceil(left.div_ceil(MAX_ROWS));
        let scores = &mut scores[row * padded..(row + rows) * padded];
        let out = &mut out[row * c.depth..(row + rows) * c.depth];
        // SAFETY: the caller promises the tier; the lengths are checked above.
        unsafe {
            let q = c.q.as_ptr().add(row * c.depth);
            match rows {
                1 => cross_rows::<S, 1, NV>(c, q, padded, scores, out),
                2 => cross_rows::<S, 2, NV>(c, q, padded, scores, out),
                3 => cross_rows::<S, 3, NV>(c, q, padded, scores, out),
                4 => cross_rows::<S, 4, NV>(c, q, padded, scores, out),
                _ => cross_rows::<S, 5, NV>(c, q, padded, scores, out),
            }
        }
        row += rows;
    }
}

/// # Safety
/// As for [`cross`], with `M` rows in `q`, `scores` and `out`, and the lengths that it checks.
#[inline(always)]
unsafe fn cross_rows<S: Simd, const M: usize, const NV: usize>(
    c: &Cross<'_>,
    q: *const f32,
    padded: usize,
    scores: &mut [f32],
    out: &mut [f32],
) {
    let tiles = c.t.div_ceil(TILE);
    // SAFETY: the caller promises the tier and the lengths.
    unsafe {
        let s = scores.as_mut_ptr();
        for tile in 0..tiles {
            let k = c.k.as_ptr().add(tile * c.depth * TILE).cast::<u8>();
            c.ask::<S>(k, c.depth * TILE * 2);
            for part in 0..TILE / S::LANES {
                key_tile::<S, M>(c.depth, k.add(part * S::LANES * 2), q, s.add(tile * TILE + part * S::LANES), padded);
            }
        }
    }
    for row in scores.chunks_exact_mut(padded) {
        let sum = softmax_unscaled(&mut row[..c.t]);
        let inverse = 1.0 / sum;
        for weight in &mut row[..c.t] {
            *weight *= inverse;
        }
        row[c.t..].fill(0.0);
    }
    out.fill(0.0);
    // Blocks of keys whose values stay in the nearest cache while all parts of them are used.
    for from in (0..c.t).step_by(64) {
        let to = (from + 64).min(c.t);
        let mut d = 0;
        while d < c.depth {
            // SAFETY: the caller promises the tier and the lengths; a head is a multiple of 16.
            unsafe {
                let v = c.v.as_ptr().add(d);
                let s = scores.as_ptr();
                let o = out.as_mut_ptr().add(d);
                if d == 0 {
                    c.ask::<S>(v.add(from * c.depth).cast(), (to - from) * c.depth * 2);
                }
                if c.depth - d >= NV * S::LANES {
                    value_block::<S, M, NV>(c.depth, v, from..to, s, padded, o);
                    d += NV * S::LANES;
                } else {
                    value_block::<S, M, 1>(c.depth, v, from..to, s, padded, o);
                    d += S::LANES;
                }
            }
        }
    }
}

/// Scores of `M` queries against one vector of keys.
///
/// # Safety
/// The processor has the tier of `S`; `k` has `depth` steps of [`TILE`] numbers, `q` and `s` have
/// `M` rows.
#[inline(always)]
unsafe fn key_tile<S: Simd, const M: usize>(depth: usize, k: *const u8, q: *const f32, s: *mut f32, s_stride: usize) {
    // SAFETY: passed on to the caller. Two chains for each row hide the latency of the sums.
    unsafe {
        let mut even = [S::zero(); M];
        let mut odd = [S::zero(); M];
        for d in (0..depth).step_by(2) {
            let first = S::load_f16(k.add(d * TILE * 2));
            let second = S::load_f16(k.add((d + 1) * TILE * 2));
            for i in 0..M {
                even[i] = S::fma(S::splat(*q.add(i * depth + d)), first, even[i]);
                odd[i] = S::fma(S::splat(*q.add(i * depth + d + 1)), second, odd[i]);
            }
        }
        for i in 0..M {
            S::store(s.add(i * s_stride), S::add(even[i], odd[i]));
        }
    }
}

/// Adds the weighted values of some keys to `NV` vectors of `M` outputs.
///
/// # Safety
/// The processor has the tier of `S`; `v` has `depth` numbers for each key, `s` and `out` have `M`
/// rows.
#[inline(always)]
unsafe fn value_block<S: Simd, const M: usize, const NV: usize>(
    depth: usize,
    v: *const u16,
    keys: std::ops::Range<usize>,
    s: *const f32,
    s_stride: usize,
    out: *mut f32,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut acc = [[S::zero(); NV]; M];
        for i in 0..M {
            for n in 0..NV {
                acc[i][n] = S::load(out.add(i * depth + n * S::LANES));
            }
        }
        for key in keys {
            let mut values = [S::zero(); NV];
            for n in 0..NV {
                values[n] = S::load_f16(v.add(key * depth + n * S::LANES).cast());
            }
            for i in 0..M {
                let weight = S::splat(*s.add(i * s_stride + key));
                for n in 0..NV {
                    acc[i][n] = S::fma(weight, values[n], acc[i][n]);
                }
            }
        }
        for i in 0..M {
            for n in 0..NV {
                S::store(out.add(i * depth + n * S::LANES), acc[i][n]);
            }
        }
    }
}

/// Rounds floats to binary16, to nearest, ties to even.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
pub(crate) unsafe fn to_f16<S: Simd>(x: &[f32], out: &mut [u16]) {
    assert_eq!(x.len(), out.len());
    let whole = x.len() - x.len() % S::LANES;
    for i in (0..whole).step_by(S::LANES) {
        // SAFETY: the caller promises the tier; a whole vector is left in both slices.
        unsafe { S::store_f16(out.as_mut_ptr().add(i), S::load(x.as_ptr().add(i))) };
    }
    for (out, &x) in out[whole..].iter_mut().zip(&x[whole..]) {
        *out = crate::block::f32_to_f16(x);
    }
}
