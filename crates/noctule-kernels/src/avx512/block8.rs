//! Integer products of many rows with the four-way dot product of AVX-512 VNNI.
//!
//! `vpdpbusd` multiplies unsigned by signed bytes: activations have 128 added, and each sum starts at −128
//! times the sum of its column's codes.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use super::Avx512;
use crate::table::{Block8, Int8, Sums};
use std::arch::x86_64::*;

const MR: usize = 6;
/// Vectors of 16 columns.
const NV: usize = 4;

pub(crate) const INT8: Int8 =
    Int8 { mr: MR, nr: 16 * NV, unit: 4, chunk: usize::MAX, unsigned: true, block, words: None, session: None };

/// # Safety
/// The processor has the tier, and all elements that `b` names are valid.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn block(b: &Block8) {
    for c in 0..b.columns {
        let b = b.panel(c, 16 * NV);
        // SAFETY: passed on to the caller.
        unsafe {
            match b.rows {
                // One token's attention to the audio.
                ..=2 => columns::<2>(&b),
                3..=4 => columns::<4>(&b),
                _ => columns::<MR>(&b),
            }
        }
    }
}

/// One panel of columns and the first `R` rows of each panel of rows.
///
/// # Safety
/// As for [`block`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn columns<const R: usize>(b: &Block8) {
    for panel in 0..b.panels {
        // SAFETY: passed on to the caller, in the shapes that `Block8` states.
        unsafe {
            let a = b.a.add(panel * b.a_panel);
            let mut dots = [[_mm512_setzero_si512(); NV]; R];
            if !b.init.is_null() {
                for v in 0..NV {
                    let init = _mm512_loadu_si512(b.init.add(16 * v).cast());
                    dots.iter_mut().for_each(|row| row[v] = init);
                }
            }
            for quad in 0..b.k / 4 {
                let columns: [__m512i; NV] =
                    std::array::from_fn(|v| _mm512_loadu_si512(b.b.add((quad * NV + v) * 64).cast()));
                for r in 0..R {
                    let row = a.add(r * b.a_row + 4 * quad).cast::<i32>().read_unaligned();
                    let row = _mm512_set1_epi32(row);
                    for v in 0..NV {
                        dots[r][v] = _mm512_dpbusd_epi32(dots[r][v], row, columns[v]);
                    }
                }
            }
            for r in 0..R {
                let row = panel * MR + r;
                match b.to {
                    Sums::Raw { out, stride } => {
                        for v in 0..NV {
                            _mm512_storeu_si512(out.add(row * stride + 16 * v).cast(), dots[r][v]);
                        }
                    }
                    Sums::Scaled(to) => to.row::<Avx512, NV>(row, dots[r].map(|dot| _mm512_cvtepi32_ps(dot))),
                }
            }
        }
    }
}
