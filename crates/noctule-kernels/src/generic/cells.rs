//! The decoder's self-attention: one query of one head and the cells that it sees.

use super::math::softmax_unscaled;
use crate::block::f16_to_f32;
use crate::simd::Simd;

/// One query of one head, and the cells that it sees.
pub(crate) struct Cells<'a> {
    /// The query of this head.
    pub(crate) q: &'a [f32],
    /// The factor of the scores.
    pub(crate) scale: f32,
    /// Cells in order.
    pub(crate) cells: &'a [u32],
    /// Keys and values of all cells in binary16, `stride` of them a cell, this head's at `offset`.
    pub(crate) k: &'a [u16],
    pub(crate) v: &'a [u16],
    pub(crate) stride: usize,
    pub(crate) offset: usize,
}

/// How many cells ahead a head's part is asked for: parts of a head lie too far apart for the processor to foresee them.
const AHEAD: usize = 8;

/// Cells whose scores are added up over their lanes together.
const TOGETHER: usize = 4;

impl Cells<'_> {
    /// Asks for this head's part of the cell [`AHEAD`] behind number `i` of the list.
    ///
    /// # Safety
    /// The processor has the tier of `S`.
    #[inline(always)]
    unsafe fn prefetch<S: Simd>(&self, data: &[u16], i: usize) {
        let Some(&cell) = self.cells.get(i + AHEAD) else { return };
        let from = data.as_ptr().wrapping_add(cell as usize * self.stride + self.offset);
        for line in (0..self.q.len()).step_by(32) {
            // SAFETY: passed on to the caller; a prefetch cannot fault.
            unsafe { S::prefetch(from.wrapping_add(line).cast()) };
        }
    }

    /// This head's part of a cell.
    fn part<'b>(&self, data: &'b [u16], cell: u32) -> &'b [u16] {
        &data[cell as usize * self.stride + self.offset..][..self.q.len()]
    }
}

/// Attends to the listed cells; `scores` is scratch as long as the list, `out` as long as the
/// query.
///
/// # Panics
/// When a cell lies outside the keys or values.
///
/// # Safety
/// The processor has the tier of `S`.
#[inline(always)]
pub(crate) unsafe fn cells<S: Simd, const NV: usize>(c: &Cells<'_>, scores: &mut [f32], out: &mut [f32]) {
    assert!(scores.len() == c.cells.len() && out.len() == c.q.len());
    for (i, (scores, cells)) in scores.chunks_mut(TOGETHER).zip(c.cells.chunks(TOGETHER)).enumerate() {
        let mut keys = [&[][..]; TOGETHER];
        for (n, keys) in keys.iter_mut().enumerate() {
            // Fewer than four are filled up with the last, so that a score does not depend on how many follow.
            *keys = c.part(c.k, cells[n.min(cells.len() - 1)]);
            // SAFETY: passed on to the caller.
            unsafe { c.prefetch::<S>(c.k, i * TOGETHER + n) };
        }
        // SAFETY: passed on to the caller; all slices are as long as the query.
        let dots = unsafe { dots::<S>(c.q, keys) };
        scores.iter_mut().zip(dots).for_each(|(score, dot)| *score = c.scale * dot);
    }
    let inverse = 1.0 / softmax_unscaled(scores);
    scores.iter_mut().for_each(|score| *score *= inverse);
    let mut d = 0;
    while d < out.len() {
        // SAFETY: passed on to the caller; whole vectors are left where vectors are written.
        unsafe {
            if out.len() - d >= NV * S::LANES {
                weigh::<S, NV>(c, scores, d, out.as_mut_ptr().add(d));
                d += NV * S::LANES;
            } else if out.len() - d >= S::LANES {
                weigh::<S, 1>(c, scores, d, out.as_mut_ptr().add(d));
                d += S::LANES;
            } else {
                let terms = scores.iter().zip(c.cells);
                out[d] = terms.map(|(&score, &cell)| score * f16_to_f32(c.part(c.v, cell)[d])).sum();
                d += 1;
            }
        }
    }
}

/// The products of a query with four keys in binary16.
///
/// # Safety
/// The processor has the tier of `S`, and the slices are equally long.
#[inline(always)]
unsafe fn dots<S: Simd>(q: &[f32], keys: [&[u16]; TOGETHER]) -> [f32; TOGETHER] {
    let whole = q.len() - q.len() % S::LANES;
    // SAFETY: passed on to the caller; only whole vectors are loaded.
    let mut sums = unsafe {
        let mut acc = [S::zero(); TOGETHER];
        for i in (0..whole).step_by(S::LANES) {
            let q = S::load(q.as_ptr().add(i));
            for n in 0..TOGETHER {
                acc[n] = S::fma(q, S::load_f16(keys[n].as_ptr().add(i).cast()), acc[n]);
            }
        }
        S::sum4(acc)
    };
    for (sum, key) in sums.iter_mut().zip(keys) {
        *sum += q[whole..].iter().zip(&key[whole..]).map(|(q, &k)| q * f16_to_f32(k)).sum::<f32>();
    }
    sums
}

/// Writes the weighted sum of `NV` vectors of the values, from float `d` of the head on.
///
/// # Safety
/// The processor has the tier of `S`, and so many vectors are left in the head and at `out`.
#[inline(always)]
unsafe fn weigh<S: Simd, const NV: usize>(c: &Cells<'_>, weights: &[f32], d: usize, out: *mut f32) {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut acc = [S::zero(); NV];
        for (i, (&weight, &cell)) in weights.iter().zip(c.cells).enumerate() {
            c.prefetch::<S>(c.v, i);
            let weight = S::splat(weight);
            let from = c.part(c.v, cell).as_ptr().add(d);
            for n in 0..NV {
                acc[n] = S::fma(weight, S::load_f16(from.add(n * S::LANES).cast()), acc[n]);
            }
        }
        for n in 0..NV {
            S::store(out.add(n * S::LANES), acc[n]);
        }
    }
}
