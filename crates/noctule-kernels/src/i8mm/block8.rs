//! Integer products of many rows with `smmla`: two rows times two columns of eight codes in one instruction.
//!
//! The intrinsic is not stable in Rust 1.94, so the loop is assembly.

use crate::neon::Neon;
use crate::table::{Block8, Int8, Sums};
use std::arch::aarch64::*;
use std::arch::asm;

const MR: usize = 8;
const NR: usize = 8;

pub(crate) const INT8: Int8 =
    Int8 { mr: MR, nr: NR, unit: 8, chunk: 8, unsigned: false, block, words: None, session: None };

/// One pair of rows times four pairs of columns.
macro_rules! pair {
    ($a:literal, $s0:literal, $s1:literal, $s2:literal, $s3:literal) => {
        concat!(
            "smmla ",
            $s0,
            ".4s, ",
            $a,
            ".16b, v4.16b\n", //
            "smmla ",
            $s1,
            ".4s, ",
            $a,
            ".16b, v5.16b\n", //
            "smmla ",
            $s2,
            ".4s, ",
            $a,
            ".16b, v6.16b\n", //
            "smmla ",
            $s3,
            ".4s, ",
            $a,
            ".16b, v7.16b\n",
        )
    };
}

/// # Safety
/// The processor has the tier, and all elements that `b` names are valid.
#[target_feature(enable = "neon,i8mm")]
unsafe fn block(b: &Block8) {
    for c in 0..b.columns {
        // SAFETY: passed on to the caller.
        unsafe { columns(&b.panel(c, NR)) };
    }
}

/// One panel of columns.
///
/// # Safety
/// As for [`block`].
#[inline]
#[target_feature(enable = "neon,i8mm")]
unsafe fn columns(b: &Block8) {
    // SAFETY: passed on to the caller, in the shapes that `Block8` states; `k` is a multiple of 8.
    unsafe {
        for panel in 0..b.panels {
            let mut dots = [vdupq_n_s32(0); 16];
            asm!(
                "2:",
                "ld1 {{v0.16b, v1.16b, v2.16b, v3.16b}}, [{a}], #64",
                "ld1 {{v4.16b, v5.16b, v6.16b, v7.16b}}, [{b}], #64",
                pair!("v0", "v16", "v17", "v18", "v19"),
                pair!("v1", "v20", "v21", "v22", "v23"),
                pair!("v2", "v24", "v25", "v26", "v27"),
                pair!("v3", "v28", "v29", "v30", "v31"),
                "subs {n}, {n}, #1",
                "b.ne 2b",
                a = inout(reg) b.a.add(panel * b.a_panel) => _,
                b = inout(reg) b.b => _,
                n = inout(reg) b.k / 8 => _,
                inout("v16") dots[0], inout("v17") dots[1], inout("v18") dots[2], inout("v19") dots[3],
                inout("v20") dots[4], inout("v21") dots[5], inout("v22") dots[6], inout("v23") dots[7],
                inout("v24") dots[8], inout("v25") dots[9], inout("v26") dots[10], inout("v27") dots[11],
                inout("v28") dots[12], inout("v29") dots[13], inout("v30") dots[14], inout("v31") dots[15],
                out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _,
                out("v7") _,
                options(nostack, readonly)
            );
            let zero = vdupq_n_s32(0);
            let start = |from: *const i32| if b.init.is_null() { zero } else { vld1q_s32(from) };
            let (low, high) = (start(b.init), start(b.init.wrapping_add(4)));
            for (pair, squares) in dots.as_chunks::<4>().0.iter().enumerate() {
                let rows = |i: usize| {
                    let [left, right] = [squares[i], squares[i + 1]].map(|x| vreinterpretq_s64_s32(x));
                    let (first, second) = (vzip1q_s64(left, right), vzip2q_s64(left, right));
                    (vreinterpretq_s32_s64(first), vreinterpretq_s32_s64(second))
                };
                let ((first_low, second_low), (first_high, second_high)) = (rows(0), rows(2));
                for (r, row) in [[first_low, first_high], [second_low, second_high]].into_iter().enumerate() {
                    let i = panel * MR + 2 * pair + r;
                    let sums = [vaddq_s32(row[0], low), vaddq_s32(row[1], high)];
                    match b.to {
                        Sums::Raw { out, stride } => {
                            vst1q_s32(out.add(i * stride), sums[0]);
                            vst1q_s32(out.add(i * stride + 4), sums[1]);
                        }
                        Sums::Scaled(to) => to.row::<Neon, 2>(i, sums.map(|sum| vcvtq_f32_s32(sum))),
                    }
                }
            }
        }
    }
}
