//! Integer products of many rows with the four-way dot product on 256-bit vectors.
//!
//! As in the AVX-512 kernel, activations have 128 added and sums start at what that adds too much.

use crate::avx2::block8::block_with;
use crate::table::{Block8, Int8};
use std::arch::x86_64::*;

const MR: usize = 6;
/// Vectors of 8 columns.
const NV: usize = 2;

pub(crate) const INT8: Int8 =
    Int8 { mr: MR, nr: 8 * NV, unit: 4, chunk: usize::MAX, unsigned: true, block, words: None, session: None };

/// # Safety
/// The processor has the tier, and all elements that `b` names are valid.
#[target_feature(enable = "avx2,fma,avxvnni")]
unsafe fn block(b: &Block8) {
    // SAFETY: passed on to the caller.
    unsafe { block_with::<MR>(b, |sums, row, columns| _mm256_dpbusd_avx_epi32(sums, row, columns)) }
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
        unsafe { block_with::<MR>(b, |sums, row, columns| _mm256_dpbusd_epi32(sums, row, columns)) }
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
