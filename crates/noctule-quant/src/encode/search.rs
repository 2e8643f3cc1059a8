//! Scales for groups of weights: the searches that the K types and weighted encoders share.
//!
//! Groups of weights enter, eight side by side ([`Lanes`]); scales, offsets and codes leave. One lane
//! never looks at another, and within a lane every sum runs in the order of the weights with each
//! operation rounded by itself, so the results are those of a loop over one group, to the last bit,
//! while the compiler can use vector instructions across the lanes.
//!
//! Source of the searches, their candidates and their constants: `make_qx_quants`,
//! `make_q3_quants`, `make_qkx2_quants`, `make_qkx3_quants` and `make_qp_quants` of ggml-quants.c
//! (ggml in whisper.cpp v1.9.3).
#![allow(clippy::needless_range_loop, reason = "a lane's number indexes many arrays at once")]

/// Groups that are searched side by side.
pub(super) const LANES: usize = 8;

/// One value of each of [`LANES`] groups.
pub(super) type Lanes = [f32; LANES];

/// Groups whose largest magnitude is below this count as zero (`GROUP_MAX_EPS`).
pub(super) const ZERO: f32 = 1e-15;

/// 1.5 · 2²³: a float of this size has no fraction, so adding it rounds to nearest, ties to even.
const ROUNDER: f32 = 12_582_912.0;

/// The nearest integer, ties to even, for magnitudes below 2²²; beyond, what the bits happen to say,
/// as in ggml's `nearest_int`.
#[inline(always)]
pub(super) fn nearest(x: f32) -> i32 {
    ((x + ROUNDER).to_bits() & 0x007f_ffff) as i32 - 0x0040_0000
}

/// [`nearest`] within limits, as a float; a NaN gives `low`.
#[inline(always)]
pub(super) fn code(x: f32, low: f32, high: f32) -> f32 {
    let rounded = (x + ROUNDER) - ROUNDER;
    let rounded = if rounded > low { rounded } else { low };
    if rounded < high { rounded } else { high }
}

/// Puts [`LANES`] consecutive groups of `N` values side by side.
pub(super) fn side_by_side<const N: usize>(values: &[f32]) -> [Lanes; N] {
    let mut lanes = [[0.0; LANES]; N];
    for (g, group) in values.chunks_exact(N).enumerate() {
        for (i, &value) in group.iter().enumerate() {
            lanes[i][g] = value;
        }
    }
    lanes
}

/// What a search found for each group: factors, and the code of each weight.
pub(super) struct Found<const N: usize> {
    /// What a code is multiplied with.
    pub scale: Lanes,
    /// What is then subtracted; zero in searches without an offset.
    pub min: Lanes,
    /// `codes[i][g]` belongs to weight `i` of group `g`.
    pub codes: [Lanes; N],
}

/// Which scales a search with an offset tries: `(top + first + step·k) / range` for `k` in `0..=steps`.
pub(super) struct Steps {
    /// The largest code.
    pub top: f32,
    /// See above.
    pub first: f32,
    /// See above.
    pub step: f32,
    /// See above.
    pub steps: u8,
}

/// Codes from 0 to `top` with a scale and an offset that is never above zero, so that
/// `scale·code − min` has the least weighted error: of squares, or of magnitudes with `ABSOLUTE`.
pub(super) fn affine<const N: usize, const ABSOLUTE: bool>(
    x: &[Lanes; N],
    weights: &[Lanes; N],
    steps: &Steps,
) -> Found<N> {
    let range = Range::of(x, weights);
    let mut min = range.min;
    let mut scale = [0.0; LANES];
    // What the codes of the best candidate were made with.
    let mut coding = (scale, min);
    for g in 0..LANES {
        coding.0[g] = steps.top / (range.max[g] - min[g]);
        scale[g] = 1.0 / coding.0[g];
    }
    let mut codes = encode(x, &coding.0, &min, steps.top);
    let mut least = error::<N, ABSOLUTE>(x, weights, &codes, &scale, &min);
    for k in 0..=steps.steps {
        let mut inverse = [0.0; LANES];
        for g in 0..LANES {
            inverse[g] = (steps.first + steps.step * f32::from(k) + steps.top) / (range.max[g] - min[g]);
        }
        codes = encode(x, &inverse, &min, steps.top);
        let sums = Sums::of(x, weights, &codes);
        let mut fit = (scale, min);
        let mut regular = [false; LANES];
        for g in 0..LANES {
            let (sum_w, sum_x) = (range.sum_w[g], range.sum_x[g]);
            let determinant = sum_w * sums.ll[g] - sums.l[g] * sums.l[g];
            regular[g] = determinant > 0.0;
            fit.0[g] = (sum_w * sums.xl[g] - sum_x * sums.l[g]) / determinant;
            fit.1[g] = (sums.ll[g] * sum_x - sums.l[g] * sums.xl[g]) / determinant;
            if fit.1[g] > 0.0 {
                fit.1[g] = 0.0;
                fit.0[g] = sums.xl[g] / sums.ll[g];
            }
        }
        let found = error::<N, ABSOLUTE>(x, weights, &codes, &fit.0, &fit.1);
        for g in 0..LANES {
            if regular[g] && found[g] < least[g] {
                least[g] = found[g];
                coding.0[g] = inverse[g];
                coding.1[g] = min[g];
                scale[g] = fit.0[g];
                min[g] = fit.1[g];
            }
        }
    }
    codes = encode(x, &coding.0, &coding.1, steps.top);
    for g in 0..LANES {
        if range.max[g] <= range.min[g] {
            scale[g] = 0.0;
            min[g] = range.min[g];
            codes.iter_mut().for_each(|codes| codes[g] = 0.0);
        }
    }
    Found { scale, min: min.map(|min| -min), codes }
}

/// What does not depend on the candidate.
struct Range {
    /// Least value, never above zero.
    min: Lanes,
    max: Lanes,
    sum_w: Lanes,
    sum_x: Lanes,
}

impl Range {
    fn of<const N: usize>(x: &[Lanes; N], weights: &[Lanes; N]) -> Range {
        let (mut min, mut max, mut sum_w) = (x[0], x[0], weights[0]);
        let mut sum_x = [0.0; LANES];
        for g in 0..LANES {
            sum_x[g] = sum_w[g] * x[0][g];
        }
        for (x, w) in x.iter().zip(weights).skip(1) {
            for g in 0..LANES {
                min[g] = if x[g] < min[g] { x[g] } else { min[g] };
                max[g] = if x[g] > max[g] { x[g] } else { max[g] };
                sum_w[g] += w[g];
                sum_x[g] += w[g] * x[g];
            }
        }
        Range { min: min.map(|min| if min > 0.0 { 0.0 } else { min }), max, sum_w, sum_x }
    }
}

#[inline(always)]
fn encode<const N: usize>(x: &[Lanes; N], inverse: &Lanes, min: &Lanes, top: f32) -> [Lanes; N] {
    let mut codes = [[0.0; LANES]; N];
    for (codes, x) in codes.iter_mut().zip(x) {
        for g in 0..LANES {
            codes[g] = code(inverse[g] * (x[g] - min[g]), 0.0, top);
        }
    }
    codes
}

#[inline(always)]
fn error<const N: usize, const ABSOLUTE: bool>(
    x: &[Lanes; N],
    weights: &[Lanes; N],
    codes: &[Lanes; N],
    scale: &Lanes,
    min: &Lanes,
) -> Lanes {
    let mut sum = [0.0; LANES];
    for i in 0..N {
        for g in 0..LANES {
            let off = scale[g] * codes[i][g] + min[g] - x[i][g];
            sum[g] += weights[i][g] * if ABSOLUTE { off.abs() } else { off * off };
        }
    }
    sum
}

/// Weighted sums over codes and their products with the values.
struct Sums {
    l: Lanes,
    ll: Lanes,
    xl: Lanes,
}

impl Sums {
    #[inline(always)]
    fn of<const N: usize>(x: &[Lanes; N], weights: &[Lanes; N], codes: &[Lanes; N]) -> Sums {
        let mut sums = Sums { l: [0.0; LANES], ll: [0.0; LANES], xl: [0.0; LANES] };
        for i in 0..N {
            for g in 0..LANES {
                let wl = weights[i][g] * codes[i][g];
                sums.l[g] += wl;
                sums.ll[g] += wl * codes[i][g];
                sums.xl[g] += wl * x[i][g];
            }
        }
        sums
    }
}

/// Codes from `−top` to `top − 1` with a scale of either sign; the largest magnitude gets about
/// `−top`. Codes of a group of zeros are 0.
pub(super) fn symmetric<const N: usize>(x: &[Lanes; N], weights: &[Lanes; N], top: f32) -> Found<N> {
    let (max, amax) = extremes(x);
    let mut coding = max.map(|max| -top / max);
    let (lx, ll) = projections(x, weights, &coding, top);
    let (mut scale, mut best) = ([0.0; LANES], [0.0; LANES]);
    for g in 0..LANES {
        scale[g] = if ll[g] != 0.0 { lx[g] / ll[g] } else { 0.0 };
        best[g] = scale[g] * lx[g];
    }
    for k in (-9i8..=9).filter(|&k| k != 0) {
        let inverse = max.map(|max| -(top + 0.1 * f32::from(k)) / max);
        let (lx, ll) = projections(x, weights, &inverse, top);
        for g in 0..LANES {
            if ll[g] > 0.0 && lx[g] * lx[g] > best[g] * ll[g] {
                coding[g] = inverse[g];
                scale[g] = lx[g] / ll[g];
                best[g] = scale[g] * lx[g];
            }
        }
    }
    let mut codes = [[0.0; LANES]; N];
    for (codes, x) in codes.iter_mut().zip(x) {
        for g in 0..LANES {
            codes[g] = code(coding[g] * x[g], -top, top - 1.0);
        }
    }
    clear_zeros(&amax, &mut scale, &mut codes);
    Found { scale, min: [0.0; LANES], codes }
}

/// The value of largest magnitude, the first of equals, and that magnitude.
fn extremes<const N: usize>(x: &[Lanes; N]) -> (Lanes, Lanes) {
    let (mut max, mut amax) = ([0.0; LANES], [0.0; LANES]);
    for x in x {
        for g in 0..LANES {
            let larger = x[g].abs() > amax[g];
            amax[g] = if larger { x[g].abs() } else { amax[g] };
            max[g] = if larger { x[g] } else { max[g] };
        }
    }
    (max, amax)
}

/// Weighted sums of value times code and of squared codes.
#[inline(always)]
fn projections<const N: usize>(x: &[Lanes; N], weights: &[Lanes; N], inverse: &Lanes, top: f32) -> (Lanes, Lanes) {
    let (mut lx, mut ll) = ([0.0; LANES], [0.0; LANES]);
    for (x, w) in x.iter().zip(weights) {
        for g in 0..LANES {
            let l = code(inverse[g] * x[g], -top, top - 1.0);
            lx[g] += w[g] * x[g] * l;
            ll[g] += w[g] * l * l;
        }
    }
    (lx, ll)
}

fn clear_zeros<const N: usize>(amax: &Lanes, scale: &mut Lanes, codes: &mut [Lanes; N]) {
    for g in 0..LANES {
        if amax[g] < ZERO {
            scale[g] = 0.0;
            codes.iter_mut().for_each(|codes| codes[g] = 0.0);
        }
    }
}

/// As [`symmetric`], by moving one code at a time to where the whole group fits better, at most five
/// rounds. A group that has settled stays as it is in further rounds.
pub(super) fn descending<const N: usize>(x: &[Lanes; N], weights: &[Lanes; N], top: f32) -> Found<N> {
    let (max, amax) = extremes(x);
    let coding = max.map(|max| -top / max);
    let mut codes = [[0.0; LANES]; N];
    let (mut lx, mut ll) = ([0.0; LANES], [0.0; LANES]);
    for i in 0..N {
        for g in 0..LANES {
            let l = code(coding[g] * x[i][g], -top, top - 1.0);
            codes[i][g] = l;
            lx[g] += weights[i][g] * x[i][g] * l;
            ll[g] += weights[i][g] * l * l;
        }
    }
    for _ in 0..5 {
        let mut changed = false;
        for i in 0..N {
            for g in 0..LANES {
                let (x, w, old) = (x[i][g], weights[i][g], codes[i][g]);
                let (without_x, without_l) = (lx[g] - w * x * old, ll[g] - w * old * old);
                // The quotient may be beyond what `code` rounds.
                let new = (nearest(x * without_l / without_x) as f32).clamp(-top, top - 1.0);
                let (with_x, with_l) = (without_x + w * x * new, without_l + w * new * new);
                let better = with_x * with_x * ll[g] > lx[g] * lx[g] * with_l;
                let take = (without_x > 0.0) & (new != old) & (with_l > 0.0) & better;
                codes[i][g] = if take { new } else { old };
                lx[g] = if take { with_x } else { lx[g] };
                ll[g] = if take { with_l } else { ll[g] };
                changed |= take;
            }
        }
        if !changed {
            break;
        }
    }
    let mut scale = [0.0; LANES];
    for g in 0..LANES {
        scale[g] = if ll[g] > 0.0 { lx[g] / ll[g] } else { 0.0 };
    }
    clear_zeros(&amax, &mut scale, &mut codes);
    Found { scale, min: [0.0; LANES], codes }
}

/// Codes from 0 to `top` for values that are not negative, with one scale; `codes[i]` belongs to
/// `x[i]`. For the scales and offsets of a block under the weights of their groups.
pub(super) fn positive(x: &[f32], weights: &[f32], top: f32, codes: &mut [u8]) -> f32 {
    let max = x.iter().copied().fold(0.0, f32::max);
    if max < ZERO {
        codes.fill(0);
        return 0.0;
    }
    let quantise = |x: f32, inverse: f32| code(inverse * x, 0.0, top);
    let error = |inverse: f32| -> f32 {
        let terms = x.iter().zip(weights).map(|(&x, &w)| {
            let off = x - quantise(x, inverse) / inverse;
            w * off * off
        });
        terms.sum()
    };
    let mut inverse = top / max;
    let mut least = error(inverse);
    for k in (-4i8..=4).filter(|&k| k != 0) {
        let candidate = (0.1 * f32::from(k) + top) / max;
        let found = error(candidate);
        if found < least {
            (inverse, least) = (candidate, found);
        }
    }
    let (mut lx, mut ll) = (0.0, 0.0);
    for ((&x, &w), code) in x.iter().zip(weights).zip(codes.iter_mut()) {
        let l = quantise(x, inverse);
        *code = l as u8;
        lx += w * x * l;
        ll += w * l * l;
    }
    for _ in 0..5 {
        let mut changed = false;
        for ((&x, &w), code) in x.iter().zip(weights).zip(codes.iter_mut()) {
            let old = f32::from(*code);
            let (without_x, without_l) = (lx - w * x * old, ll - w * old * old);
            if without_x <= 0.0 || without_l <= 0.0 {
                continue;
            }
            let new = (x * without_l / without_x).round_ties_even().clamp(0.0, top);
            let (with_x, with_l) = (without_x + w * x * new, without_l + w * new * new);
            if new != old && with_x * with_x * ll > lx * lx * with_l {
                *code = new as u8;
                (lx, ll) = (with_x, with_l);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    if ll > 0.0 { lx / ll } else { 0.0 }
}
