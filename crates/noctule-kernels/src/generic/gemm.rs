//! The register tile of every large `f32` product.

use crate::simd::Simd;

/// One tile: `c[r][j] (+)= Σₚ a[p·MR + r] · b[p·NR + j]`, with `p` ascending.
///
/// `r` runs over the `MR` rows of the tier's tile, `j` over whole vectors, at most `NR` columns. Every sum is one chain of
/// multiply-adds in the order of `p`, so that no blocking changes a result.
pub(crate) struct Tile {
    /// Length of the sums.
    pub(crate) k: usize,
    /// Left operand, tile rows side by side.
    pub(crate) a: *const f32,
    /// Right operand, tile columns side by side.
    pub(crate) b: *const f32,
    /// Result, row after row.
    pub(crate) c: *mut f32,
    /// Floats from one row to the next in `c`.
    pub(crate) ldc: usize,
    /// Whether the sums continue those that `c` holds.
    pub(crate) accumulate: bool,
}

/// Computes a tile of `MR` rows by `NV` vectors; panels of columns are `NR` wide.
///
/// # Safety
/// The processor has the tier of `S`, and all elements that the tile names are valid.
#[inline(always)]
pub(crate) unsafe fn tile<S: Simd, const MR: usize, const NV: usize, const NR: usize>(t: &Tile) {
    // SAFETY: the caller promises the tier and the elements.
    unsafe {
        let mut acc = [[S::zero(); NV]; MR];
        if t.accumulate {
            for r in 0..MR {
                for v in 0..NV {
                    acc[r][v] = S::load(t.c.add(r * t.ldc + v * S::LANES));
                }
            }
        }
        let (mut a, mut b) = (t.a, t.b);
        for _ in 0..t.k / S::STEPS {
            for _ in 0..S::STEPS {
                step::<S, MR, NV>(&mut acc, a, b);
                a = a.wrapping_add(MR);
                b = b.wrapping_add(NR);
            }
        }
        for _ in 0..t.k % S::STEPS {
            step::<S, MR, NV>(&mut acc, a, b);
            a = a.wrapping_add(MR);
            b = b.wrapping_add(NR);
        }
        for r in 0..MR {
            for v in 0..NV {
                S::store(t.c.add(r * t.ldc + v * S::LANES), acc[r][v]);
            }
        }
    }
}

/// One product of a column of `a` and a row of `b`.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn step<S: Simd, const MR: usize, const NV: usize>(acc: &mut [[S::V; NV]; MR], a: *const f32, b: *const f32) {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut columns = [S::zero(); NV];
        for v in 0..NV {
            columns[v] = S::load(b.add(v * S::LANES));
        }
        for r in (0..MR - MR % 4).step_by(4) {
            let four = S::splat4(a.add(r));
            for i in 0..4 {
                for v in 0..NV {
                    acc[r + i][v] = S::fma(four[i], columns[v], acc[r + i][v]);
                }
            }
        }
        for r in MR - MR % 4..MR {
            let x = S::splat(*a.add(r));
            for v in 0..NV {
                acc[r][v] = S::fma(x, columns[v], acc[r][v]);
            }
        }
    }
}
