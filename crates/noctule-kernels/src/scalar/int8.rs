//! The reference of the integer products.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use crate::table::{GemvI8, TileI8};

/// Rows and columns of the scalar tile, and the codes that stand side by side in its operands,
/// which are widened to 16 bits.
pub(crate) const MR: usize = 4;
pub(crate) const NR: usize = 8;
pub(crate) const UNIT: usize = 1;

/// Computes a tile.
///
/// # Safety
/// All elements that the tile names are valid.
pub(crate) unsafe fn tile(t: &TileI8) {
    let mut sums = [[0f32; NR]; MR];
    for g in 0..t.groups {
        // SAFETY: the caller promises the elements, in the shapes that `TileI8` states.
        let (dots, a_scale, a_sum, b_scale, b_min) = unsafe {
            let a = t.a.cast::<[i16; MR]>().add(g * t.group);
            let b = t.b.cast::<[i16; NR]>().add(g * t.group);
            let b_min = t.b_min.cast::<[f32; NR]>();
            (
                dots(t.group, a, b),
                *t.a_scale.cast::<[f32; MR]>().add(g * t.group / 32),
                *t.a_sum.cast::<[f32; MR]>().add(g),
                *t.b_scale.cast::<[f32; NR]>().add(g),
                if b_min.is_null() { [0.0; NR] } else { *b_min.add(g) },
            )
        };
        for r in 0..MR {
            for j in 0..NR {
                sums[r][j] += dots[r][j] as f32 * (a_scale[r] * b_scale[j]);
                sums[r][j] += a_sum[r] * b_min[j];
            }
        }
    }
    for (r, row) in sums.iter().enumerate() {
        // SAFETY: the caller promises the elements.
        unsafe { t.c.add(r * t.ldc).cast::<[f32; NR]>().write_unaligned(*row) };
    }
}

/// The exact sums of one group.
///
/// # Safety
/// Both operands have `len` elements.
#[inline(always)]
unsafe fn dots(len: usize, a: *const [i16; MR], b: *const [i16; NR]) -> [[i32; NR]; MR] {
    let mut dots = [[0i32; NR]; MR];
    // Row by row: the compiler finds vectors in one row, but not in all of them at once.
    for (r, dots) in dots.iter_mut().enumerate() {
        for p in 0..len {
            // SAFETY: the caller promises the elements.
            let (a, b) = unsafe { (a.add(p).read_unaligned()[r], b.add(p).read_unaligned()) };
            for j in 0..NR {
                dots[j] += i32::from(a) * i32::from(b[j]);
            }
        }
    }
    dots
}

/// Computes a few rows.
///
/// # Safety
/// All elements that `g` names are valid.
pub(crate) unsafe fn gemv(g: &GemvI8) {
    // SAFETY: the caller promises the elements; every index below is inside the shapes that
    // `GemvI8` states.
    unsafe {
        for j in 0..g.n {
            for i in 0..g.m {
                let mut sum = 0f32;
                for b in 0..g.k / g.group {
                    let mut dot = 0i32;
                    for p in b * g.group..(b + 1) * g.group {
                        let x = *g.x.add(i * g.k + p);
                        dot += i32::from(x) * i32::from(*g.w.add(j * g.k + p));
                    }
                    let x_scale = *g.x_scale.add(i * (g.k / 32) + b * g.group / 32);
                    let groups = g.k / g.group;
                    sum += dot as f32 * (x_scale * *g.w_scale.add(j * groups + b));
                    if !g.w_min.is_null() {
                        sum += *g.x_sum.add(i * groups + b) * *g.w_min.add(j * groups + b);
                    }
                }
                *g.out.add(i * g.out_stride + j) = sum;
            }
        }
    }
}
