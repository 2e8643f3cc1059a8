//! The reference of the integer products.

use crate::table::{GemvI8, TileI8};

/// Rows and columns of the scalar tile, and the codes that stand side by side in its operands.
pub(crate) const MR: usize = 4;
pub(crate) const NR: usize = 8;
pub(crate) const UNIT: usize = 4;

/// Computes a tile.
///
/// # Safety
/// All elements that the tile names are valid.
pub(crate) unsafe fn tile(t: &TileI8) {
    // SAFETY: the caller promises the elements; every index below is inside the shapes that
    // `TileI8` states.
    unsafe {
        for r in 0..MR {
            for j in 0..NR {
                let mut sum = 0f32;
                for g in 0..t.groups {
                    let mut dot = 0i32;
                    for unit in g * t.group / UNIT..(g + 1) * t.group / UNIT {
                        for u in 0..UNIT {
                            let a = *t.a.cast::<i8>().add((unit * MR + r) * UNIT + u);
                            let b = *t.b.cast::<i8>().add((unit * NR + j) * UNIT + u);
                            dot += i32::from(a) * i32::from(b);
                        }
                    }
                    let a_scale = *t.a_scale.add((g * t.group / 32) * MR + r);
                    sum += dot as f32 * (a_scale * *t.b_scale.add(g * NR + j));
                    if !t.b_min.is_null() {
                        sum += *t.a_sum.add(g * MR + r) * *t.b_min.add(g * NR + j);
                    }
                }
                *t.c.add(r * t.ldc + j) = sum;
            }
        }
    }
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
