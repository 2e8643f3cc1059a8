//! Integer products of many rows with the four-way dot product on 256-bit vectors.
//!
//! As in the AVX-512 kernel, activations have 128 added and sums start at what that adds too much.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use crate::avx2::Avx2;
use crate::table::{Block8, Int8, Sums};
use std::arch::x86_64::*;

const MR: usize = 6;
/// Vectors of 8 columns.
const NV: usize = 2;

pub(crate) const INT8: Int8 = Int8 { mr: MR, nr: 8 * NV, unit: 4, chunk: usize::MAX, unsigned: true, block };

/// # Safety
/// The processor has the tier, and all elements that `b` names are valid.
#[target_feature(enable = "avx2,fma,avxvnni")]
unsafe fn block(b: &Block8) {
    // SAFETY: passed on to the caller.
    unsafe { block_with(b, |sums, row, columns| _mm256_dpbusd_avx_epi32(sums, row, columns)) }
}

/// The block for any instruction that multiplies four unsigned by four signed bytes and adds them to a lane: AVX-512's
/// 256-bit form of it lets the kernel be tested where there is no AVX-VNNI.
///
/// # Safety
/// The processor has AVX2 and what `dot` needs; all elements that `b` names are valid.
#[inline(always)]
unsafe fn block_with(b: &Block8, dot: impl Fn(__m256i, __m256i, __m256i) -> __m256i) {
    for b in (0..b.columns).map(|c| b.panel(c, 8 * NV)) {
        // SAFETY: passed on to the caller.
        unsafe { panel_with(&b, &dot) };
    }
}

/// One panel of columns.
///
/// # Safety
/// As for [`block_with`].
#[inline(always)]
unsafe fn panel_with(b: &Block8, dot: impl Fn(__m256i, __m256i, __m256i) -> __m256i) {
    for panel in 0..b.panels {
        // SAFETY: passed on to the caller, in the shapes that `Block8` states.
        unsafe {
            let a = b.a.add(panel * b.a_panel);
            let mut dots = [[_mm256_setzero_si256(); NV]; MR];
            if !b.init.is_null() {
                for v in 0..NV {
                    let init = _mm256_loadu_si256(b.init.add(8 * v).cast());
                    dots.iter_mut().for_each(|row| row[v] = init);
                }
            }
            for quad in 0..b.k / 4 {
                let columns: [__m256i; NV] =
                    std::array::from_fn(|v| _mm256_loadu_si256(b.b.add((quad * NV + v) * 32).cast()));
                for r in 0..MR {
                    let row = a.add(r * b.a_row + 4 * quad).cast::<i32>().read_unaligned();
                    let row = _mm256_set1_epi32(row);
                    for v in 0..NV {
                        dots[r][v] = dot(dots[r][v], row, columns[v]);
                    }
                }
            }
            for r in 0..MR {
                let row = panel * MR + r;
                match b.to {
                    Sums::Raw { out, stride } => {
                        for v in 0..NV {
                            _mm256_storeu_si256(out.add(row * stride + 8 * v).cast(), dots[r][v]);
                        }
                    }
                    Sums::Scaled(to) => to.row::<Avx2, NV>(row, dots[r].map(|dot| _mm256_cvtepi32_ps(dot))),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::check_block8;

    /// The same block with AVX-512's instruction.
    ///
    /// # Safety
    /// As for [`block`], with AVX-512 VNNI and VL.
    #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512vnni")]
    unsafe fn block_evex(b: &Block8) {
        // SAFETY: passed on to the caller.
        unsafe { block_with(b, |sums, row, columns| _mm256_dpbusd_epi32(sums, row, columns)) }
    }

    #[test]
    fn agrees_with_scalar() {
        if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl") {
            check_block8(Int8 { block: block_evex, ..INT8 });
        } else {
            eprintln!("skipped: neither instruction is here");
        }
    }
}
