//! The softmax of the encoder's self-attention, between its two products.

use super::math::ROUND;
use crate::simd::Simd;

/// What counts as this is 10⁻³⁰ of the highest, which no sum of floats notices, and may be multiplied with small numbers: smaller
/// ones, products of which are subnormal, made the encoder take four times as long on an Intel processor.
const LEAST: f32 = -69.0;

/// eˣ for x ≤ 0, within 2 ulp down to [`LEAST`] and e^LEAST below; the reduction and polynomial of
/// [`math::exp`](super::math::exp).
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
#[allow(clippy::excessive_precision)]
pub(super) unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    // SAFETY: passed on to the caller.
    unsafe {
        let x = S::max(x, S::splat(LEAST));
        let shifted = S::fma(x, S::splat(std::f32::consts::LOG2_E), S::splat(ROUND));
        let n = S::add(shifted, S::splat(-ROUND));
        let r = S::fma(n, S::splat(-0.693_359_375), x);
        let r = S::fma(n, S::splat(2.121_944_4e-4), r);
        let mut p = S::splat(1.987_569_15e-4);
        for c in [1.398_199_950_7e-3, 8.333_451_907_3e-3, 4.166_579_589_4e-2, 1.666_666_545_9e-1] {
            p = S::fma(p, r, S::splat(c));
        }
        p = S::fma(p, r, S::splat(0.5));
        p = S::fma(p, S::mul(r, r), S::add(r, S::splat(1.0)));
        S::scale(p, shifted)
    }
}

/// 2ˣ for x in [−126, 126], within 10⁻⁴ of itself; see [`weigh`](super::weigh) for the like in integers. The polynomial is
/// the one of third degree with the least largest relative error on [−½, ½].
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
pub(super) unsafe fn exp2<S: Simd>(x: S::V) -> S::V {
    // SAFETY: passed on to the caller.
    unsafe {
        let x = S::max(x, S::splat(-126.0));
        let shifted = S::add(x, S::splat(ROUND));
        let f = S::sub(x, S::sub(shifted, S::splat(ROUND)));
        let mut p = S::splat(0.055_171_67);
        for c in [0.242_611_1, 0.693_260_99, 0.999_928_07] {
            p = S::fma(p, f, S::splat(c));
        }
        S::scale(p, shifted)
    }
}

/// One softmax step over a block of keys for `NV` vectors of queries that lie side by side.
///
/// `s` holds the scores, `[keys][queries]`, and becomes e^(score − top); `top` and `sum` are the
/// running maximum and sum of each query, and `out`, `[..][queries]`, the running weighted values,
/// which are scaled down where the maximum rose. Source: M. Milakov and N. Gimelshein, "Online
/// normalizer calculation for softmax", arXiv:1805.02867.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
pub(crate) unsafe fn columns<S: Simd, const NV: usize>(
    s: &mut [f32],
    top: &mut [f32],
    sum: &mut [f32],
    out: &mut [f32],
) {
    let width = NV * S::LANES;
    assert!(top.len() == width && sum.len() == width);
    // SAFETY: the caller promises the tier; all accesses are whole vectors of the rows that
    // `chunks_exact_mut` yields or of `top` and `sum`.
    unsafe {
        let mut highest = [S::zero(); NV];
        for v in 0..NV {
            highest[v] = S::load(top.as_ptr().add(v * S::LANES));
        }
        for row in s.chunks_exact(width) {
            for v in 0..NV {
                highest[v] = S::max(highest[v], S::load(row.as_ptr().add(v * S::LANES)));
            }
        }
        let mut total = [S::zero(); NV];
        let mut lower = [S::zero(); NV];
        for v in 0..NV {
            lower[v] = S::mul(highest[v], S::splat(-1.0));
        }
        for row in s.chunks_exact_mut(width) {
            for v in 0..NV {
                let at = row.as_mut_ptr().add(v * S::LANES);
                let weight = exp::<S>(S::add(S::load(at), lower[v]));
                total[v] = S::add(total[v], weight);
                S::store(at, weight);
            }
        }
        let mut factor = [S::zero(); NV];
        for v in 0..NV {
            let top = top.as_mut_ptr().add(v * S::LANES);
            factor[v] = exp::<S>(S::add(S::load(top), lower[v]));
            S::store(top, highest[v]);
            let sum = sum.as_mut_ptr().add(v * S::LANES);
            S::store(sum, S::fma(S::load(sum), factor[v], total[v]));
        }
        for row in out.chunks_exact_mut(width) {
            for v in 0..NV {
                let at = row.as_mut_ptr().add(v * S::LANES);
                S::store(at, S::mul(S::load(at), factor[v]));
            }
        }
    }
}
