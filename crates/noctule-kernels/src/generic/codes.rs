//! From rows of floats to 8-bit codes, for products of many rows.
//!
//! A row is cut into *groups*, each with a scale of its own: largest magnitude / 127. Before that the
//! groups of both operands of a product are *spread*: turned by a Walsh–Hadamard matrix, which leaves
//! every product as it is (H·Hᵀ is a multiple of the identity) and levels out the few channels that are
//! much larger than the others, so that 8 bits describe them all. Source of the idea: J. Chee, Y. Cai,
//! V. Kuleshov and C. De Sa, "QuIP", arXiv:2307.13304, and S. Ashkboos et al., "QuaRot", arXiv:2404.00456.
//!
//! Elements 16 apart are mixed: then every vector of every tier is a whole operand of the butterflies
//! and no lanes are exchanged. Nothing here rounds differently from tier to tier.

use super::math::ROUND;
use crate::simd::Simd;

/// Elements between two that are mixed.
const STEP: usize = 16;

/// The most elements that are mixed with each other.
const MOST: usize = 16;

/// The largest magnitude below which a group counts as zero: 127 over it must be finite.
const TINY: f32 = 1.504_632_8e-36;

/// By how much spreading enlarges the product of two rows with groups of `group`.
pub(crate) const fn gain(group: usize) -> usize {
    let rows = group / STEP;
    if rows > MOST { MOST } else { rows }
}

/// Spreads the groups of a row in place. `group` is a power of two and at least 16.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
pub(crate) unsafe fn spread<S: Simd>(x: &mut [f32], group: usize) {
    let block = (gain(group) * STEP).min(group);
    for block in x.chunks_exact_mut(block) {
        // SAFETY: passed on to the caller; a block has as many elements as the butterflies name.
        unsafe {
            match block.len() / STEP {
                16 => butterflies::<S, 16>(block.as_mut_ptr()),
                8 => butterflies::<S, 8>(block.as_mut_ptr()),
                4 => butterflies::<S, 4>(block.as_mut_ptr()),
                2 => butterflies::<S, 2>(block.as_mut_ptr()),
                _ => {}
            }
        }
    }
}

/// The transform of `M` rows of 16 elements, column by column.
///
/// # Safety
/// The processor has the tier of `S`, and `x` has `16 · M` floats.
#[inline(always)]
unsafe fn butterflies<S: Simd, const M: usize>(x: *mut f32) {
    // SAFETY: passed on to the caller.
    unsafe {
        for lane in (0..STEP).step_by(S::LANES) {
            let mut v = [S::zero(); M];
            for (i, v) in v.iter_mut().enumerate() {
                *v = S::load(x.add(i * STEP + lane));
            }
            turn::<S, M>(&mut v);
            for (i, v) in v.iter().enumerate() {
                S::store(x.add(i * STEP + lane), *v);
            }
        }
    }
}

/// The transform of `M` numbers in each lane.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
unsafe fn turn<S: Simd, const M: usize>(v: &mut [S::V; M]) {
    let mut half = 1;
    while half < M {
        for i in 0..M {
            if i & half == 0 {
                let (a, b) = (v[i], v[i + half]);
                // SAFETY: passed on to the caller.
                unsafe {
                    v[i] = S::add(a, b);
                    v[i + half] = S::sub(a, b);
                }
            }
        }
        half *= 2;
    }
}

/// What becomes of a row that is rounded.
pub(crate) struct Encoded<'a> {
    /// One code for each element: `offset` and the integer.
    pub(crate) codes: &'a mut [u8],
    /// Added to every code, modulo 256.
    pub(crate) offset: u8,
    /// One scale for each group.
    pub(crate) scales: &'a mut [f32],
    /// The sum of each group's integers; may be empty.
    pub(crate) sums: &'a mut [i32],
    /// Whether groups are [spread](spread) first. Nobody then asks for what rounding loses, nor for the row.
    pub(crate) spread: bool,
    /// Whether nobody asks for what rounding loses.
    pub(crate) last: bool,
}

/// Rounds a row to integers in [−127, 127], to nearest, ties to even, and, unless it is the last time, leaves in `x`
/// what that lost. A group of nothing but tiny numbers becomes zero, and so does one with a NaN.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
pub(crate) unsafe fn encode<S: Simd>(x: &mut [f32], group: usize, to: &mut Encoded<'_>) {
    assert!(group.is_multiple_of(4 * STEP) && x.len().is_multiple_of(group));
    assert!(to.codes.len() == x.len() && to.scales.len() >= x.len() / group);
    assert!(to.last || !to.spread, "what a row that was spread loses");
    let (with_sums, last, offset) = (!to.sums.is_empty(), to.last, to.offset);
    let groups = x.chunks_exact_mut(group).zip(to.codes.chunks_exact_mut(group));
    for (g, (x, codes)) in groups.enumerate() {
        // SAFETY: passed on to the caller; whole vectors of both slices are touched.
        let (scale, sum) = unsafe {
            // A group that registers hold is not written in between.
            if to.spread && S::LANES == STEP && group <= MOST * STEP {
                match (group / STEP, with_sums) {
                    (16, false) => encode_spread::<S, 16, false>(x, codes, offset),
                    (16, true) => encode_spread::<S, 16, true>(x, codes, offset),
                    (8, false) => encode_spread::<S, 8, false>(x, codes, offset),
                    (8, true) => encode_spread::<S, 8, true>(x, codes, offset),
                    (_, false) => encode_spread::<S, 4, false>(x, codes, offset),
                    (_, true) => encode_spread::<S, 4, true>(x, codes, offset),
                }
            } else {
                if to.spread {
                    spread::<S>(x, group);
                }
                match (last, with_sums) {
                    (true, false) => encode_group::<S, false, false>(x, codes, offset),
                    (true, true) => encode_group::<S, false, true>(x, codes, offset),
                    (false, false) => encode_group::<S, true, false>(x, codes, offset),
                    (false, true) => encode_group::<S, true, true>(x, codes, offset),
                }
            }
        };
        to.scales[g] = scale;
        if let Some(to) = to.sums.get_mut(g) {
            *to = sum;
        }
    }
}

/// One group; returns its scale and, if `SUM`, the sum of its integers.
///
/// # Safety
/// The processor has the tier of `S`; both slices have whole fours of vectors.
#[inline(always)]
unsafe fn encode_group<S: Simd, const REST: bool, const SUM: bool>(
    x: &mut [f32],
    codes: &mut [u8],
    offset: u8,
) -> (f32, i32) {
    // SAFETY: passed on to the caller.
    unsafe {
        let largest = largest::<S>(x);
        if largest.is_nan() || largest < TINY {
            codes.fill(offset);
            return (0.0, 0);
        }
        let scale = largest / 127.0;
        let (inverse, lost) = (S::splat(127.0 / largest), S::splat(-scale));
        // The low byte of the rounded sum is the code with its offset.
        let round = S::splat(ROUND + f32::from(offset));
        let mut total = S::zero();
        for i in (0..x.len()).step_by(4 * S::LANES) {
            let mut n = [S::zero(); 4];
            for (v, n) in n.iter_mut().enumerate() {
                let at = x.as_mut_ptr().add(i + v * S::LANES);
                let value = S::load(at);
                *n = S::fma(value, inverse, round);
                if REST || SUM {
                    let integer = S::sub(*n, round);
                    if SUM {
                        total = S::add(total, integer);
                    }
                    if REST {
                        S::store(at, S::fma(integer, lost, value));
                    }
                }
            }
            S::store_codes4(codes.as_mut_ptr().add(i).cast(), n);
        }
        // Small integers: exact in any order.
        (scale, if SUM { S::sum(total) as i32 } else { 0 })
    }
}

/// One group of `16 · M` numbers, spread; returns as [`encode_group`] does.
///
/// # Safety
/// The processor has the tier of `S`, whose vectors are 16 numbers; both slices have that many.
#[inline(always)]
unsafe fn encode_spread<S: Simd, const M: usize, const SUM: bool>(
    x: &mut [f32],
    codes: &mut [u8],
    offset: u8,
) -> (f32, i32) {
    debug_assert!(x.len() == STEP * M && codes.len() == STEP * M);
    // SAFETY: passed on to the caller.
    unsafe {
        let mut v = [S::zero(); M];
        for (i, v) in v.iter_mut().enumerate() {
            *v = S::load(x.as_ptr().add(i * STEP));
        }
        turn::<S, M>(&mut v);
        let mut tops = [S::zero(); 4];
        for (i, v) in v.iter().enumerate() {
            tops[i % 4] = S::max(tops[i % 4], S::abs(*v));
        }
        let largest = S::top(S::max(S::max(tops[0], tops[1]), S::max(tops[2], tops[3])));
        if largest.is_nan() || largest < TINY {
            codes.fill(offset);
            return (0.0, 0);
        }
        let inverse = S::splat(127.0 / largest);
        let round = S::splat(ROUND + f32::from(offset));
        let mut total = S::zero();
        for i in (0..M).step_by(4) {
            let mut n = [S::zero(); 4];
            for (n, v) in n.iter_mut().zip(&v[i..]) {
                *n = S::fma(*v, inverse, round);
                if SUM {
                    total = S::add(total, S::sub(*n, round));
                }
            }
            S::store_codes4(codes.as_mut_ptr().add(i * STEP).cast(), n);
        }
        // Small integers: exact in any order.
        (largest / 127.0, if SUM { S::sum(total) as i32 } else { 0 })
    }
}

/// The largest magnitude; NaN or anything where there is a NaN.
///
/// # Safety
/// The processor has the tier of `S`; `x` has whole fours of vectors.
#[inline(always)]
unsafe fn largest<S: Simd>(x: &[f32]) -> f32 {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut tops = [S::zero(); 4];
        for i in (0..x.len()).step_by(4 * S::LANES) {
            for (v, top) in tops.iter_mut().enumerate() {
                *top = S::max(*top, S::abs(S::load(x.as_ptr().add(i + v * S::LANES))));
            }
        }
        S::top(S::max(S::max(tops[0], tops[1]), S::max(tops[2], tops[3])))
    }
}

/// Softmax weights, none of them negative, as 16-bit integers, upper and lower bytes apart, each with `offset`
/// added; returns what an integer of 1 stands for.
///
/// # Safety
/// The processor has the tier of `S`; there are whole fours of vectors.
#[inline(always)]
pub(crate) unsafe fn split16<S: Simd>(weights: &[f32], high: &mut [u8], low: &mut [u8], offset: u8) -> f32 {
    // SAFETY: passed on to the caller.
    let top = unsafe { largest::<S>(weights) };
    // Weights that are all below this are nothing beside those of other keys.
    if top < 1e-30 {
        high.fill(offset);
        low.fill(offset);
        return 0.0;
    }
    let inverse = 65535.0 / top;
    // Beside 2²³ a float has no places behind the point, so adding it rounds, and the integer is the lowest bits; a
    // cast of floats that might be anything takes three times as long.
    const UNITS: f32 = 8_388_608.0;
    for ((&x, high), low) in weights.iter().zip(high).zip(low) {
        let n = (x * inverse + UNITS).to_bits();
        (*high, *low) = (((n >> 8) as u8).wrapping_add(offset), (n as u8).wrapping_add(offset));
    }
    top / 65535.0
}

/// Puts one row's codes among those of `beside` rows, `chunk` codes at a time.
///
/// # Safety
/// `to` has room for the codes and for those of the rows beside them.
#[inline(always)]
pub(crate) unsafe fn place(codes: &[u8], to: *mut u8, chunk: usize, beside: usize) {
    // SAFETY: passed on to the caller.
    unsafe {
        match chunk {
            1 => place_chunks::<1>(codes, to, beside),
            4 => place_chunks::<4>(codes, to, beside),
            8 => place_chunks::<8>(codes, to, beside),
            16 => place_chunks::<16>(codes, to, beside),
            64 => place_chunks::<64>(codes, to, beside),
            _ => {
                debug_assert!(chunk >= codes.len(), "a chunk that no tier has");
                std::ptr::copy_nonoverlapping(codes.as_ptr(), to, codes.len());
            }
        }
    }
}

/// # Safety
/// As for [`place`].
#[inline(always)]
unsafe fn place_chunks<const CHUNK: usize>(codes: &[u8], mut to: *mut u8, beside: usize) {
    let step = CHUNK * beside;
    // Four at a time: the Cortex-A72 spends more instructions on the loop than on the chunks.
    let (fours, rest) = codes.as_chunks::<CHUNK>().0.as_chunks::<4>();
    let mut put = |part: &[u8; CHUNK]| {
        // SAFETY: passed on to the caller.
        unsafe { to.cast::<[u8; CHUNK]>().write(*part) };
        to = to.wrapping_add(step);
    };
    fours.iter().for_each(|parts| parts.iter().for_each(&mut put));
    rest.iter().for_each(&mut put);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Scalar;

    fn numbers(len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 37 + i * i * 11) % 101) as f32 / 50.0 - 1.0).collect()
    }

    #[test]
    fn spreading_keeps_products() {
        for group in [16, 32, 64, 128, 256, 512] {
            let (mut a, mut b) = (numbers(512), numbers(1024)[512..].to_vec());
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
            let want = dot(&a, &b);
            // SAFETY: the scalar tier needs nothing.
            unsafe {
                spread::<Scalar>(&mut a, group);
                spread::<Scalar>(&mut b, group);
            }
            let got = dot(&a, &b) / gain(group) as f64;
            assert!((got - want).abs() < 1e-3, "groups of {group}: {got} instead of {want}");
        }
    }

    #[test]
    fn spreading_levels_one_large_channel() {
        let mut x = vec![0.01; 256];
        x[77] = 16.0;
        // SAFETY: the scalar tier needs nothing.
        unsafe { spread::<Scalar>(&mut x, 256) };
        assert!(x.iter().all(|x| x.abs() < 17.0));
        assert_eq!(x.iter().filter(|x| x.abs() > 15.0).count(), 16);
    }

    #[test]
    fn codes_and_what_they_lost_are_the_row() {
        let row = numbers(192);
        for offset in [0, 128] {
            let (mut rest, mut codes, mut scales, mut sums) = (row.clone(), vec![0; 192], [0.0; 3], [0; 3]);
            let mut to =
                Encoded { codes: &mut codes, offset, scales: &mut scales, sums: &mut sums, spread: false, last: false };
            // SAFETY: the scalar tier needs nothing.
            unsafe { encode::<Scalar>(&mut rest, 64, &mut to) };
            let integers: Vec<i32> = codes.iter().map(|&q| i32::from(q.wrapping_sub(offset) as i8)).collect();
            for (i, &x) in row.iter().enumerate() {
                assert!(integers[i].abs() <= 127);
                assert!((integers[i] as f32 * scales[i / 64] + rest[i] - x).abs() < 1e-6);
                assert!(rest[i].abs() <= 0.5001 * scales[i / 64]);
            }
            assert_eq!(sums[1], integers[64..128].iter().sum::<i32>());
        }
    }

    #[test]
    fn what_is_no_number_becomes_zero() {
        let mut x = numbers(128);
        x[20] = f32::NAN;
        x[64..].fill(1e-40);
        let (mut codes, mut scales) = ([1; 128], [1.0; 2]);
        let mut to =
            Encoded { codes: &mut codes, offset: 0, scales: &mut scales, sums: &mut [], spread: false, last: true };
        // SAFETY: the scalar tier needs nothing.
        unsafe { encode::<Scalar>(&mut x, 64, &mut to) };
        assert_eq!(codes[64..], [0; 64]);
        assert_eq!(scales[1], 0.0);
    }
}
