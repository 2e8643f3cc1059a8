//! The softmax between the two integer products of an attention.
//!
//! Scores and weights stay integers: subtracting the highest score of a block of 64 keys leaves numbers of which only
//! those near it matter, and these fit 16 bits in the logarithm to base two. All tiers give the same bits.

use super::attention::exp;
use crate::simd::Simd;
use crate::words::Words;
use std::mem::MaybeUninit;

/// Keys that share a scale of their softmax weights.
pub(crate) const KEYS: usize = 64;

/// The most queries at once.
const MOST_ROWS: usize = 96;

/// Scores of some queries with a block of keys, on their way to 8-bit weights.
pub(crate) struct Weigh<'a> {
    /// Queries.
    pub(crate) rows: usize,
    /// Integer scores, `[rows][KEYS]`. Those of absent keys are overwritten.
    pub(crate) raw: &'a mut [i32],
    /// Keys that exist in this block.
    pub(crate) present: usize,
    /// Scale of each row's queries.
    pub(crate) row_scale: *const f32,
    /// What all scores are multiplied by to be powers of two: the keys' scale · log₂ e / √depth.
    pub(crate) factor: f32,
    /// Highest score so far, `[rows]`, in powers of two. This and the next three are padded to a multiple of 16.
    pub(crate) top: &'a mut [f32],
    /// Sum of the weights so far, `[rows]`, relative to `top`.
    pub(crate) sum: &'a mut [f32],
    /// What earlier sums must be multiplied by, since `top` rose, `[rows]`.
    pub(crate) keep: &'a mut [f32],
    /// What a weight of 1 in this block stands for, `[rows]`.
    pub(crate) unit: &'a mut [f32],
    /// The weights, 0 to 255, exclusive-or `flip`: `[rows]` in the order of activations.
    pub(crate) codes: *mut u8,
    pub(crate) flip: u8,
    /// Rows that lie beside each other in `codes`, and how many codes of one row stand together.
    pub(crate) rows_beside: usize,
    pub(crate) chunk: usize,
}

/// How integer scores become 16-bit logarithms to base two with ten bits behind the point: shifted right, then
/// multiplied by `factor`/2¹⁵, so that what is 16 below the highest score, and counts for nothing, may saturate.
///
/// `step` is what an integer of 1 stands for.
#[inline(always)]
fn logarithms(step: f32) -> (i32, i16) {
    // A step of 0, of a query of nothing but zeros, is far below what one shift can serve; all its scores are 0.
    let exponent = ((step.to_bits() >> 23) as i32 - 127).clamp(-30, -1);
    // Now step · 2^shift lies in [2⁻¹¹, 2⁻¹⁰), but for the outermost exponents.
    let shift = -11 - exponent;
    let factor = step * f32::from_bits(((shift + 10 + 15 + 127) as u32) << 23);
    (shift, (factor + 0.5).min(32767.0) as i32 as i16)
}

/// 255·2^(x/1024) for x ≤ 0, within 0.52 of itself: a polynomial of third degree for the fraction, the least wrong one that
/// is exact at 0, then a shift.
///
/// # Safety
/// The processor has the tier of `I`.
#[inline(always)]
unsafe fn weights<I: Words>(x: I::W) -> I::W {
    // SAFETY: passed on to the caller.
    unsafe {
        let f = I::fraction(x);
        let p = I::add(I::mul(I::splat(113), f), I::splat(992));
        let p = I::add(I::mul(p, f), I::splat(5679));
        let p = I::add(I::mul(p, f), I::splat(16384));
        I::mul(I::lower(p, I::whole(x)), I::splat(510))
    }
}

/// Softmax weights of one block of keys, rounded to 8 bits relative to the block's own highest score: so a
/// weight in one block takes no precision from the others, and what all blocks hold is put together in
/// floats (the running maximum is that of Milakov and Gimelshein, arXiv:1805.02867; rounding block by
/// block is that of SageAttention, arXiv:2410.02367, refined by a scale for each row and block).
///
/// # Safety
/// The processor has the tiers of `S` and `I`; `row_scale` has a factor and `codes` a place for each row.
#[inline(always)]
pub(crate) unsafe fn weigh<S: Simd, I: Words>(w: &mut Weigh<'_>) {
    let rows = w.rows;
    let padded = rows.next_multiple_of(S::LANES);
    assert!(w.raw.len() >= rows * KEYS && (1..=KEYS).contains(&w.present));
    assert!([w.top.len(), w.sum.len(), w.keep.len(), w.unit.len()].into_iter().all(|len| len >= padded));
    assert!(rows <= MOST_ROWS, "{rows} queries at once");
    assert!(w.chunk == KEYS || w.chunk <= I::WORDS, "{} codes side by side", w.chunk);
    // SAFETY: passed on to the caller; the lengths are checked above.
    unsafe {
        // All highest scores first: each is a long chain of operations, and chains run side by side.
        if w.present < KEYS {
            w.raw.chunks_exact_mut(KEYS).take(rows).for_each(|raw| raw[w.present..].fill(i32::MIN / 2));
        }
        let tops = tops::<I>(w.raw.as_ptr(), rows);
        let (unit, keep) = (w.unit.as_mut_ptr(), w.keep.as_mut_ptr());
        let mut sums = [const { MaybeUninit::uninit() }; MOST_ROWS];
        for first in (0..rows).step_by(w.rows_beside) {
            for beside in 0..w.rows_beside.min(rows - first) {
                let i = first + beside;
                let (top, step) = (*tops.as_ptr().add(i), w.factor * *w.row_scale.add(i));
                *unit.add(i) = top as f32 * step;
                let place = w.codes.add(first * KEYS + beside * w.chunk);
                let sum = weigh_row::<I>(w, i, top, step, place);
                if w.present < KEYS {
                    *keep.add(i) = forget_absent(w, place) as f32;
                } else if I::BY_FOURS {
                    (*sums.as_mut_ptr().add(i)).write(sum);
                } else {
                    *keep.add(i) = I::total(sum) as f32;
                }
            }
        }
        if I::BY_FOURS && w.present == KEYS {
            total_all::<I>(&mut sums, rows, keep);
        }
        for i in (0..rows).step_by(S::LANES) {
            let (top, sum) = (w.top.as_mut_ptr().add(i), w.sum.as_mut_ptr().add(i));
            let (keep, unit) = (w.keep.as_mut_ptr().add(i), w.unit.as_mut_ptr().add(i));
            let (old, block) = (S::load(top), S::load(unit));
            let new = S::max(old, block);
            let ln_2 = S::splat(std::f32::consts::LN_2);
            let kept = exp::<S>(S::mul(S::sub(old, new), ln_2));
            let one = exp::<S>(S::mul(S::sub(block, new), ln_2));
            S::store(sum, S::fma(S::load(sum), kept, S::mul(S::load(keep), one)));
            S::store(top, new);
            S::store(keep, kept);
            S::store(unit, one);
        }
    }
}

/// The highest scores of rows.
///
/// # Safety
/// The processor has the tier of `I`, and so many rows are there.
#[inline(always)]
unsafe fn tops<I: Words>(raw: *const i32, rows: usize) -> [i32; MOST_ROWS] {
    let mut tops = [0; MOST_ROWS];
    let (fours, rest) = tops[..rows].as_chunks_mut::<4>();
    let from = 4 * fours.len();
    // SAFETY: passed on to the caller.
    unsafe {
        for (i, four) in fours.iter_mut().enumerate() {
            *four = I::largest_of_four(raw.add(4 * i * KEYS));
        }
        for (i, top) in rest.iter_mut().enumerate() {
            *top = I::largest(raw.add((from + i) * KEYS));
        }
    }
    tops
}

/// The sum of the lanes of each of `rows` vectors.
///
/// # Safety
/// The processor has the tier of `I`; so many vectors are there, and room for whole fours of sums.
#[inline(always)]
unsafe fn total_all<I: Words>(sums: &mut [MaybeUninit<I::W>; MOST_ROWS], rows: usize, to: *mut f32) {
    // SAFETY: passed on to the caller.
    unsafe {
        for sums in &mut sums[rows..rows.next_multiple_of(4)] {
            sums.write(I::splat(0));
        }
        for (four, sums) in sums.as_chunks::<4>().0.iter().take(rows.div_ceil(4)).enumerate() {
            let totals = I::total_of_four([
                sums[0].assume_init(),
                sums[1].assume_init(),
                sums[2].assume_init(),
                sums[3].assume_init(),
            ]);
            for (beside, total) in totals.into_iter().enumerate() {
                *to.add(4 * four + beside) = total as f32;
            }
        }
    }
}

/// Puts the weights of row `i`, whose highest score is `top`, into their place, the first at `to`, and returns vectors of them added
/// up.
///
/// # Safety
/// As for [`weigh`], with the lengths that it checks.
#[inline(always)]
unsafe fn weigh_row<I: Words>(w: &Weigh<'_>, i: usize, top: i32, step: f32, to: *mut u8) -> I::W {
    // SAFETY: passed on to the caller.
    unsafe {
        let raw = w.raw.as_ptr().add(i * KEYS);
        let beside = w.rows_beside * w.chunk;
        let (shift, factor) = logarithms(step);
        let factor = I::splat(factor);
        let mut total = I::splat(0);
        // From one vector to the next: a chunk is a whole row or no more than a vector.
        let apart = if w.chunk > I::WORDS { I::WORDS } else { I::WORDS / w.chunk * beside };
        let mut place = to;
        for j in (0..KEYS).step_by(I::WORDS) {
            let x = I::mul(I::narrow(raw.add(j), top, shift), factor);
            let x = weights::<I>(x);
            total = I::add(total, x);
            if w.chunk < I::WORDS {
                I::store_parts(place, beside, x, w.flip);
            } else {
                I::store(place, x, w.flip);
            }
            place = place.wrapping_add(apart);
        }
        total
    }
}

/// Keys that do not exist weigh nothing: takes their weights, of the row whose first is at `to`, away, and returns the sum of the
/// others.
///
/// # Safety
/// As for [`weigh`]; the row has its weights.
unsafe fn forget_absent(w: &Weigh<'_>, to: *mut u8) -> i32 {
    // Where code `j` stands. Chunks are 8 or 16 codes or all, a power of two.
    let (bits, beside) = (w.chunk.trailing_zeros(), w.rows_beside * w.chunk);
    let at = |j: usize| (j >> bits) * beside + (j & (w.chunk - 1));
    let mut sum = 0;
    for j in 0..KEYS {
        // SAFETY: passed on to the caller.
        let code = unsafe { &mut *to.add(at(j)) };
        if j >= w.present {
            *code = w.flip;
        }
        sum += i32::from(*code ^ w.flip);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Scalar;

    #[test]
    fn weights_are_powers_of_two() {
        for from in (-32768..=0i32).step_by(8) {
            let x: [i16; 8] = std::array::from_fn(|i| (from + i as i32).min(0) as i16);
            // SAFETY: the scalar tier needs nothing.
            let got = unsafe { weights::<Scalar>(x) };
            for (x, got) in x.into_iter().zip(got) {
                let want = 255.0 * (f64::from(x) / 1024.0).exp2();
                assert!((f64::from(got) - want).abs() < 0.52, "{x}: {got} instead of {want}");
            }
        }
    }

    #[test]
    fn logarithms_keep_what_counts() {
        for step in [1e-12f32, 3e-7, 1.7e-6, 2e-5, 4.8e-4, 4.9e-4, 0.01, 0.3] {
            let (shift, factor) = logarithms(step);
            for wanted in [0.0, -0.5, -3.0, -9.0f64] {
                let difference = (wanted / f64::from(step)).round().max(-2e9) as i32;
                let raw = [difference; 8];
                // SAFETY: the scalar tier needs nothing.
                let x = unsafe { <Scalar as Words>::mul(Scalar::narrow(raw.as_ptr(), 0, shift), [factor; 8]) };
                let true_one = f64::from(difference) * f64::from(step);
                let error = f64::from(x[0]) / 1024.0 - true_one;
                assert!(error.abs() < 2e-3, "step {step}, {true_one}: off by {error}");
            }
        }
        assert_eq!(logarithms(0.0).1, 0);
    }
}
