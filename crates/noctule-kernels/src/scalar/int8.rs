//! The reference of the integer products of a few rows.
use crate::table::GemvI8;

/// Computes a few rows.
///
/// # Safety
/// All elements that `g` names are valid.
pub(crate) unsafe fn gemv(g: &GemvI8) {
    let groups = g.k / g.group;
    // SAFETY: the caller promises the elements; every index below is inside the shapes that
    // `GemvI8` states.
    unsafe {
        for j in 0..g.n {
            for i in 0..g.m {
                let mut sum = 0f32;
                for b in 0..groups {
                    let mut dot = 0i32;
                    for p in b * g.group..(b + 1) * g.group {
                        dot += i32::from(*g.x.add(i * g.k + p)) * i32::from(*g.w.add(j * g.k + p));
                    }
                    sum += dot as f32 * *g.w_scale.add(j * groups + b);
                    if !g.w_min.is_null() {
                        sum += *g.x_sum.add(i * groups + b) * *g.w_min.add(j * groups + b);
                    }
                }
                *g.out.add(i * g.out_stride + j) = *g.x_scale.add(i) * sum;
            }
        }
    }
}
