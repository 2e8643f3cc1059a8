//! Integer products of many rows with AVX2.
//!
//! `vpmaddubsw` multiplies unsigned by signed bytes and adds pairs in 16 bits: it gets the magnitudes of
//! the activations and columns that took over their signs, and 2 · 127 · 127 fits.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use super::Avx2;
use crate::table::{Block8, Int8, Sums};
use std::arch::x86_64::*;

const MR: usize = 4;
/// Vectors of 8 columns.
const NV: usize = 2;

pub(crate) const INT8: Int8 =
    Int8 { mr: MR, nr: 8 * NV, unit: 4, chunk: usize::MAX, unsigned: false, block, words: None, session: None };

/// # Safety
/// The processor has the tier, and all elements that `b` names are valid.
#[target_feature(enable = "avx2,fma")]
unsafe fn block(b: &Block8) {
    let dot = |sums, row, columns| {
        let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(row), _mm256_sign_epi8(columns, row));
        _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    };
    // SAFETY: passed on to the caller.
    unsafe { block_with::<MR>(b, dot) }
}

/// The block for anything that multiplies four codes of a row with those of eight columns and adds them to a lane each.
///
/// # Safety
/// The processor has AVX2 and what `dot` needs; all elements that `b` names are valid.
#[inline(always)]
pub(crate) unsafe fn block_with<const MR: usize>(b: &Block8, dot: impl Fn(__m256i, __m256i, __m256i) -> __m256i) {
    for c in 0..b.columns {
        // SAFETY: passed on to the caller.
        unsafe { panel_with::<MR>(&b.panel(c, 8 * NV), &dot) };
    }
}

/// One panel of columns.
///
/// # Safety
/// As for [`block_with`].
#[inline(always)]
unsafe fn panel_with<const MR: usize>(b: &Block8, dot: impl Fn(__m256i, __m256i, __m256i) -> __m256i) {
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
