//! Elementwise and row operations, written so that the compiler turns each into the vectors of the
//! tier that it is compiled for.
//!
//! Every operation rounds after each multiplication and addition and sums in 16 lanes, whatever
//! the tier, so all tiers give the same bits.

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

/// GELU of one number: x·Φ(x), off by at most 1e-6 for any finite x.
///
/// With z = |x|/√2 it is max(x, 0) − |x|/2 · erfc(z), and erfc(z) = (a₁t + … + a₅t⁵)·e^(−z²),
/// t = 1/(1 + pz), within 1.5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions,
/// 7.1.26.
#[inline(always)]
fn gelu_one(x: f32) -> f32 {
    let magnitude = x.abs();
    let z = magnitude * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let mut p = 1.061_405_4;
    p = p * t - 1.453_152;
    p = p * t + 1.421_413_7;
    p = p * t - 0.284_496_74;
    p = p * t + 0.254_829_6;
    let positive = if x > 0.0 { x } else { 0.0 };
    positive - 0.5 * magnitude * (p * t * exp(-z * z))
}

/// GELU in place; see [`gelu_one`] for the error.
#[inline(always)]
pub(crate) fn gelu(x: &mut [f32]) {
    for x in x {
        *x = gelu_one(*x);
    }
}

/// Adds the terms of one lane-wise pass and its tail.
#[inline(always)]
fn sum_of(x: &[f32], term: impl Fn(f32) -> f32) -> f64 {
    let mut total = 0.0;
    // Lanes hold at most 64 terms before they go to a double: their rounding stays far below
    // that of the terms.
    for block in x.chunks(LANES * 64) {
        let mut lanes = [0f32; LANES];
        let chunks = block.chunks_exact(LANES);
        let tail = chunks.remainder();
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane += term(x);
            }
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

/// What happens to a finished row of a product.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) gelu: bool,
    pub(crate) add: bool,
}

/// Brings a row of sums to its place: out (+)= act(sums + bias).
#[inline(always)]
pub(crate) fn finish(sums: &mut [f32], finish: Finish<'_>, out: &mut [f32]) {
    if let Some(bias) = finish.bias {
        for (sum, &bias) in sums.iter_mut().zip(bias) {
            *sum += bias;
        }
    }
    if finish.gelu {
        gelu(sums);
    }
    if finish.add {
        for (out, &sum) in out.iter_mut().zip(&*sums) {
            *out += sum;
        }
    } else {
        out.copy_from_slice(sums);
    }
}

/// Floats that share one scale when activations are rounded to 8 bits.
pub(crate) const GROUP: usize = 32;

/// Rounds a row to integers in [−127, 127] with a scale for each [`GROUP`] (the last may be
/// short): scale = largest magnitude / 127, to nearest, ties to even. A group below 2⁻¹¹⁹ becomes
/// zero; one with a NaN or an infinity becomes anything. `sums` receives the sum of every 16
/// integers, two for each group. The result is the same on every tier.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
pub(crate) unsafe fn quantize<S: Simd>(x: &[f32], q: &mut [i8], scales: &mut [f32], sums: &mut [i32]) {
    let (groups, tail) = x.as_chunks::<GROUP>();
    let (codes, last_codes) = q.as_chunks_mut::<GROUP>();
    let sums = sums.as_chunks_mut::<2>().0;
    for (((x, q), scale), sums) in groups.iter().zip(codes).zip(&mut *scales).zip(&mut *sums) {
        // SAFETY: passed on to the caller.
        *scale = unsafe { quantize_group::<S>(x, q, sums) };
    }
    if !tail.is_empty() {
        let mut padded = [0f32; GROUP];
        let mut codes = [0i8; GROUP];
        padded[..tail.len()].copy_from_slice(tail);
        let (scale, sums) = (&mut scales[groups.len()], &mut sums[groups.len()]);
        // SAFETY: passed on to the caller.
        *scale = unsafe { quantize_group::<S>(&padded, &mut codes, sums) };
        last_codes.copy_from_slice(&codes[..tail.len()]);
    }
}

/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
unsafe fn quantize_group<S: Simd>(x: &[f32; GROUP], q: &mut [i8; GROUP], sums: &mut [i32; 2]) -> f32 {
    // SAFETY: passed on to the caller; the vectors lie inside the arrays.
    unsafe {
        let mut top = S::zero();
        for i in (0..GROUP).step_by(S::LANES) {
            let x = S::load(x.as_ptr().add(i));
            top = S::max(top, S::max(x, S::mul(x, S::splat(-1.0))));
        }
        let largest = S::top(top);
        if largest.is_nan() || largest < 1.504_632_8e-36 {
            q.fill(0);
            *sums = [0; 2];
            return 0.0;
        }
        let inverse = S::splat(127.0 / largest);
        for (half, sum) in sums.iter_mut().enumerate() {
            let mut total = S::zero();
            for i in (16 * half..16 * half + 16).step_by(S::LANES) {
                let n = S::add(S::mul(S::load(x.as_ptr().add(i)), inverse), S::splat(ROUND));
                S::store_codes(q.as_mut_ptr().add(i), n);
                total = S::add(total, S::add(n, S::splat(-ROUND)));
            }
            // Small integers: exact in any order.
            *sum = S::sum(total) as i32;
        }
        largest / 127.0
    }
}
