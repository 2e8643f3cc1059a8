//! Elementwise and row operations, written so that the compiler turns each into the vectors of the
//! tier that it is compiled for.
//!
//! All but GELU round after each multiplication and addition and sum in 16 lanes, whatever
//! the tier, so all tiers give the same bits.

use super::attention;
use crate::simd::Simd;

/// Partial sums that run side by side in every reduction.
const LANES: usize = 16;

/// Adding and subtracting this (1.5 · 2²³) rounds a float below 2²² to the nearest integer, ties to
/// even, and leaves the integer in the low bits.
pub(super) const ROUND: f32 = 12_582_912.0;

/// eˣ within 2 ulp for x in [−87, 88]; 0 below, including at −∞. Cody and Waite's reduction and
/// the polynomial of `expf` in the Cephes library (S. L. Moshier, public).
#[inline(always)]
#[allow(clippy::excessive_precision)]
pub(crate) fn exp(x: f32) -> f32 {
    let clamped = if x < 88.0 { x } else { 88.0 };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (clamped - n * 0.693_359_375) + n * 2.121_944_4e-4;
    let mut p = 1.987_569_15e-4;
    p = p * r + 1.398_199_950_7e-3;
    p = p * r + 8.333_451_907_3e-3;
    p = p * r + 4.166_579_589_4e-2;
    p = p * r + 1.666_666_545_9e-1;
    p = p * r + 5.000_000_120_1e-1;
    p = p * (r * r) + r + 1.0;
    // The integer n is in the low bits of `shifted`; it goes to the exponent of `p`.
    let scaled = f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23));
    if x < -87.0 { 0.0 } else { scaled }
}

/// GELU of a vector of numbers: x·Φ(x), off by at most 1e-6 for any finite x.
///
/// With z = |x|/√2 it is max(x, 0) − |x|/2 · erfc(z), and erfc(z) = (a₁t + … + a₅t⁵)·e^(−z²),
/// t = 1/(1 + pz), within 1.5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions,
/// 7.1.26.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
unsafe fn gelu_of<S: Simd>(x: S::V) -> S::V {
    // SAFETY: passed on to the caller.
    unsafe {
        let magnitude = S::abs(x);
        let z = S::mul(magnitude, S::splat(std::f32::consts::FRAC_1_SQRT_2));
        let t = S::div(S::splat(1.0), S::fma(z, S::splat(0.327_591_1), S::splat(1.0)));
        let mut p = S::splat(1.061_405_4);
        for c in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
            p = S::fma(p, t, S::splat(c));
        }
        let power = attention::exp::<S>(S::mul(S::mul(z, S::splat(-1.0)), z));
        let half = S::mul(magnitude, S::splat(-0.5));
        S::fma(S::mul(p, t), S::mul(half, power), S::max(x, S::zero()))
    }
}

/// GELU in place; see [`gelu_of`] for the error.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
pub(crate) unsafe fn gelu<S: Simd>(x: &mut [f32]) {
    // SAFETY: passed on to the caller.
    unsafe { each::<S, Exact>(x, &[]) }
}

/// Adds the terms of one lane-wise pass and its tail.
#[inline(always)]
fn sum_of(x: &[f32], term: impl Fn(f32) -> f32) -> f64 {
    let mut total = 0.0;
    // Lanes hold at most 64 terms before they go to a double: their rounding stays far below
    // that of the terms.
    for block in x.chunks(LANES * 64) {
        let mut lanes = [0f32; LANES];
        let (chunks, tail) = block.as_chunks::<LANES>();
        for chunk in chunks {
            // Terms first, all of them: else the compiler takes some lanes out of their vectors in between.
            let mut terms = [0f32; LANES];
            terms.iter_mut().zip(chunk).for_each(|(to, &x)| *to = term(x));
            lanes.iter_mut().zip(terms).for_each(|(lane, term)| *lane += term);
        }
        for (lane, &x) in lanes.iter_mut().zip(tail) {
            *lane += term(x);
        }
        total += lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>();
    }
    total
}

/// The largest element, −∞ for none. NaNs are passed over.
#[inline(always)]
pub(crate) fn max(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = x.chunks_exact(LANES);
    let tail = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(tail) {
        *lane = if x > *lane { x } else { *lane };
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// Replaces each x by e^(x − max x) and returns the sum of the results. All results are 0 when no
/// element is above −∞.
#[inline(always)]
pub(crate) fn softmax_unscaled(x: &mut [f32]) -> f32 {
    let top = max(x);
    if top == f32::NEG_INFINITY {
        x.fill(0.0);
        return 0.0;
    }
    for x in x.iter_mut() {
        *x = exp(*x - top);
    }
    sum_of(x, |x| x) as f32
}

/// Replaces each x by e^x / Σ e^x; all become 0 when no element is above −∞.
#[inline(always)]
pub(crate) fn softmax(x: &mut [f32]) {
    let sum = softmax_unscaled(x);
    if sum > 0.0 {
        let inverse = 1.0 / sum;
        x.iter_mut().for_each(|x| *x *= inverse);
    }
}

/// Replaces each x by x − ln Σ eˣ; elements of −∞ stay. Nothing changes when all are −∞.
#[inline(always)]
pub(crate) fn log_softmax(x: &mut [f32]) {
    let top = max(x);
    if top == f32::NEG_INFINITY {
        return;
    }
    let sum = sum_of(x, |x| exp(x - top));
    let log_sum = (f64::from(top) + sum.ln()) as f32;
    for x in x {
        *x -= log_sum;
    }
}

/// (x − mean) / √(variance + eps) · weight + bias over one row, in two passes.
#[inline(always)]
pub(crate) fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let count = x.len().max(1) as f64;
    let mean = (sum_of(x, |x| x) / count) as f32;
    let variance = sum_of(x, |x| (x - mean) * (x - mean)) / count;
    let factor = (1.0 / (variance + f64::from(eps)).sqrt()) as f32;
    for (((out, &x), &weight), &bias) in out.iter_mut().zip(x).zip(weight).zip(bias) {
        *out = (x - mean) * factor * weight + bias;
    }
}

/// GELU of a vector of numbers in its tanh form, x·σ(2√(2/π)·(x + 0.044715x³)), off from [`gelu_of`] by less than 6e-4 for
/// any finite x: for products that are rounded far more. Source: Hendrycks and Gimpel, arXiv:1606.08415.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
unsafe fn gelu_near<S: Simd>(x: S::V) -> S::V {
    // SAFETY: passed on to the caller.
    unsafe {
        // −2√(2/π)·log₂ e, without and with the factor of x³.
        let inner = S::fma(S::mul(x, x), S::splat(-0.102_943_24), S::splat(-2.302_208_2));
        // Where x is far below 0 the power must stay finite.
        let power = S::min(S::mul(inner, x), S::splat(126.0));
        S::div(x, S::add(attention::exp2::<S>(power), S::splat(1.0)))
    }
}

/// What is done to a sum and its bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gelu {
    /// Nothing.
    None,
    /// See [`gelu_of`].
    Exact,
    /// See [`gelu_near`].
    Near,
}

/// What happens to a finished row of a product.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) gelu: Gelu,
}

/// Something done to each number of a row and the number in the same place of another row. A type and not a closure:
/// closures that are made outside of a function with the tier's instructions do not have these.
trait Each<S: Simd> {
    /// # Safety
    /// The processor has the tier of `S`.
    unsafe fn of(x: S::V, other: S::V) -> S::V;
}

/// Ways to finish a row: with or without a bias that is added first.
macro_rules! each {
    ($($name:ident = |$x:ident, $other:ident| $result:expr;)+) => {$(
        struct $name;
        impl<S: Simd> Each<S> for $name {
            #[inline(always)]
            unsafe fn of($x: S::V, $other: S::V) -> S::V {
                // SAFETY: passed on to the caller.
                unsafe { $result }
            }
        }
    )+};
}

each! {
    Exact = |x, _other| gelu_of::<S>(x);
    Near = |x, _other| gelu_near::<S>(x);
    Bias = |x, bias| S::add(x, bias);
    BiasExact = |x, bias| gelu_of::<S>(S::add(x, bias));
    BiasNear = |x, bias| gelu_near::<S>(S::add(x, bias));
}

/// Makes results of a row of sums, in place: act(sums + bias).
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
pub(crate) unsafe fn finish<S: Simd>(sums: &mut [f32], finish: Finish<'_>) {
    // SAFETY: passed on to the caller; inlined, so that each way through the row is a loop of its own.
    unsafe {
        match (finish.bias, finish.gelu) {
            (None, Gelu::None) => {}
            (None, Gelu::Exact) => each::<S, Exact>(sums, &[]),
            (None, Gelu::Near) => each::<S, Near>(sums, &[]),
            (Some(bias), Gelu::None) => each::<S, Bias>(sums, bias),
            (Some(bias), Gelu::Exact) => each::<S, BiasExact>(sums, bias),
            (Some(bias), Gelu::Near) => each::<S, BiasNear>(sums, bias),
        }
    }
}

/// Does `F` to all numbers of a row, with zeros where `other` is empty.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
unsafe fn each<S: Simd, F: Each<S>>(x: &mut [f32], other: &[f32]) {
    let len = x.len();
    assert!(other.is_empty() || other.len() == len);
    let whole = len - len % S::LANES;
    // SAFETY: passed on to the caller; whole vectors of both are touched.
    unsafe {
        // The way is chosen once: a loop as short as these must not ask in every round.
        if other.is_empty() {
            vectors::<S, F, false>(x.as_mut_ptr(), other.as_ptr(), whole);
        } else {
            vectors::<S, F, true>(x.as_mut_ptr(), other.as_ptr(), whole);
        }
        if whole < len {
            let (mut first, mut second) = ([0f32; 16], [0f32; 16]);
            first[..len - whole].copy_from_slice(&x[whole..]);
            if !other.is_empty() {
                second[..len - whole].copy_from_slice(&other[whole..]);
            }
            S::store(first.as_mut_ptr(), F::of(S::load(first.as_ptr()), S::load(second.as_ptr())));
            x[whole..].copy_from_slice(&first[..len - whole]);
        }
    }
}

/// Does `F` to whole vectors of `len` numbers, four at a time as far as there are so many.
///
/// # Safety
/// The processor has the tier of `S`; `x` has `len` numbers, and `other` as many if `OTHER`.
#[inline(always)]
unsafe fn vectors<S: Simd, F: Each<S>, const OTHER: bool>(x: *mut f32, other: *const f32, len: usize) {
    // SAFETY: passed on to the caller.
    unsafe {
        let fours = len - len % (4 * S::LANES);
        for i in (0..fours).step_by(4 * S::LANES) {
            for v in 0..4 {
                vector::<S, F, OTHER>(x.add(i + v * S::LANES), other.wrapping_add(i + v * S::LANES));
            }
        }
        for i in (fours..len).step_by(S::LANES) {
            vector::<S, F, OTHER>(x.add(i), other.wrapping_add(i));
        }
    }
}

/// Does `F` to one vector.
///
/// # Safety
/// The processor has the tier of `S`; there is a vector at `x`, and one at `other` if `OTHER`.
#[inline(always)]
unsafe fn vector<S: Simd, F: Each<S>, const OTHER: bool>(x: *mut f32, other: *const f32) {
    // SAFETY: passed on to the caller.
    unsafe {
        let second = if OTHER { S::load(other) } else { S::zero() };
        S::store(x, F::of(S::load(x), second));
    }
}

/// Adds a row to another.
#[inline(always)]
pub(crate) fn add(row: &[f32], to: &mut [f32]) {
    for (to, &x) in to.iter_mut().zip(row) {
        *to += x;
    }
}

/// The largest magnitude of a rounded activation, 127·255: two signed bytes hold it as 256·h + l.
pub(crate) const LARGEST: i16 = 127 * 255;

/// Rounds a row, whose length is a multiple of 16, to integers within ±[`LARGEST`] and returns their scale, the largest
/// magnitude divided by that: to nearest, ties to even. A row below 2⁻¹¹¹ becomes zero, one with a NaN or an infinity
/// anything. `sums` receives the sum of every 16 integers. The result is the same on every tier.
#[inline(always)]
pub(crate) fn round(x: &[f32], q: &mut [i16], sums: &mut [f32]) -> f32 {
    assert!(x.len() == q.len() && x.len() == 16 * sums.len());
    let mut tops = [0f32; LANES];
    let (groups, _) = x.as_chunks::<LANES>();
    for group in groups {
        for (top, x) in tops.iter_mut().zip(group) {
            *top = if x.abs() > *top { x.abs() } else { *top };
        }
    }
    let top = tops.into_iter().fold(0.0, f32::max);
    if top < 3.851_86e-34 {
        q.fill(0);
        sums.fill(0.0);
        return 0.0;
    }
    let inverse = f32::from(LARGEST) / top;
    let (codes, _) = q.as_chunks_mut::<LANES>();
    for ((x, q), sum) in groups.iter().zip(codes).zip(sums) {
        let mut total = 0;
        for (q, x) in q.iter_mut().zip(x) {
            // The low bits of the sum are the integer.
            *q = (x * inverse + ROUND).to_bits() as i16;
            total += i32::from(*q);
        }
        *sum = total as f32;
    }
    top / f32::from(LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Scalar;

    #[test]
    fn the_short_gelu_is_near_the_long_one() {
        let x: Vec<f32> = (-130_000..=130_000).map(|i| i as f32 / 10_000.0).chain([-1e30, -90.0, 90.0, 1e30]).collect();
        let (mut near, mut exact) = (x.clone(), x.clone());
        // SAFETY: the scalar tier needs nothing.
        unsafe {
            finish::<Scalar>(&mut near, Finish { bias: None, gelu: Gelu::Near });
            finish::<Scalar>(&mut exact, Finish { bias: None, gelu: Gelu::Exact });
        }
        for ((x, near), exact) in x.iter().zip(&near).zip(&exact) {
            assert!((near - exact).abs() < 6e-4 + 1e-6 * exact.abs(), "{x}: {near} instead of {exact}");
        }
    }
}
