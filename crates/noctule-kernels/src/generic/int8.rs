//! The loops around the integer products, written once and compiled for every tier.

use crate::simd::Simd;
use crate::table::{GemvI8, TileI8};

/// What a tier contributes: one tile, and one row of weights against a few rows of activations.
///
/// # Safety
/// Every function of an implementation requires that the processor has the instructions of its
/// tier, and is meant to be inlined into a function that enables them.
pub(crate) unsafe trait Int8Simd {
    /// The tier's floats.
    type Floats: Simd;
    /// The most rows of activations that [`few`](Self::few) takes.
    const ROWS: usize;

    /// Computes a tile of groups of `GROUP` weights, with offsets if `MIN`.
    unsafe fn tile<const GROUP: usize, const MIN: bool>(t: &TileI8);

    /// Computes `out[i..i + M][j]`.
    unsafe fn few<const M: usize>(g: &GemvI8, j: usize, i: usize);
}

/// Computes a tile.
///
/// # Safety
/// The processor has the tier, and all elements that the tile names are valid.
#[inline(always)]
pub(crate) unsafe fn tile<T: Int8Simd>(t: &TileI8) {
    // SAFETY: passed on to the caller.
    unsafe {
        match (t.group, t.b_min.is_null()) {
            (16, true) => T::tile::<16, false>(t),
            (16, false) => T::tile::<16, true>(t),
            (_, true) => T::tile::<32, false>(t),
            (_, false) => T::tile::<32, true>(t),
        }
    }
}

/// Computes a few rows.
///
/// # Safety
/// The processor has the tier, and all elements that `g` names are valid.
#[inline(always)]
pub(crate) unsafe fn gemv<T: Int8Simd>(g: &GemvI8) {
    // SAFETY: passed on to the caller; every block stays within `n` and `m`.
    unsafe {
        let mut i = 0;
        while i < g.m {
            let rows = (g.m - i).min(T::ROWS);
            for j in 0..g.n {
                match rows {
                    1 => T::few::<1>(g, j, i),
                    2 => T::few::<2>(g, j, i),
                    3 => T::few::<3>(g, j, i),
                    4 => T::few::<4>(g, j, i),
                    _ => T::few::<5>(g, j, i),
                }
                if i == 0 {
                    // The packed weights that are unpacked next arrive while these are multiplied.
                    for line in (0..g.row_bytes).step_by(64) {
                        T::Floats::prefetch(g.next.wrapping_add(j * g.row_bytes + line));
                    }
                }
            }
            i += rows;
        }
    }
}

/// What the offsets of weight row `j` add to its sum with activation row `i`.
///
/// # Safety
/// All elements that `g` names are valid.
#[inline(always)]
pub(crate) unsafe fn offsets(g: &GemvI8, j: usize, i: usize) -> f32 {
    if g.w_min.is_null() {
        return 0.0;
    }
    let groups = g.k / g.group;
    let mut sum = 0.0;
    for b in 0..groups {
        // SAFETY: passed on to the caller.
        sum += unsafe { *g.x_sum.add(i * groups + b) * *g.w_min.add(j * groups + b) };
    }
    sum
}
