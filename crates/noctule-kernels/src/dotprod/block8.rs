//! Integer products of many rows with `sdot`.
//!
//! Sixteen codes of a row are four lanes, each of which meets the four codes of four columns. The intrinsic
//! is not stable in Rust 1.94, and the loop needs all 32 registers: sixteen sums, eight rows, eight vectors of columns.

use crate::neon::Neon;
use crate::table::{Block8, Int8, Sums};
use std::arch::aarch64::*;
use std::arch::asm;

const MR: usize = 8;
const NR: usize = 8;

pub(crate) const INT8: Int8 =
    Int8 { mr: MR, nr: NR, unit: 4, chunk: 16, unsigned: false, block, words: None, session: None };

/// One lane of all eight rows times two vectors of four columns.
macro_rules! quad {
    ($lane:literal, $low:literal, $high:literal) => {
        concat!(
            quad!(@row "v0", $lane, $low, $high, "v16", "v17"),
            quad!(@row "v1", $lane, $low, $high, "v18", "v19"),
            quad!(@row "v2", $lane, $low, $high, "v20", "v21"),
            quad!(@row "v3", $lane, $low, $high, "v22", "v23"),
            quad!(@row "v4", $lane, $low, $high, "v24", "v25"),
            quad!(@row "v5", $lane, $low, $high, "v26", "v27"),
            quad!(@row "v6", $lane, $low, $high, "v28", "v29"),
            quad!(@row "v7", $lane, $low, $high, "v30", "v31"),
        )
    };
    (@row $a:literal, $lane:literal, $low:literal, $high:literal, $s0:literal, $s1:literal) => {
        concat!(
            "sdot ", $s0, ".4s, ", $low, ".16b, ", $a, ".4b[", $lane, "]\n",
            "sdot ", $s1, ".4s, ", $high, ".16b, ", $a, ".4b[", $lane, "]\n",
        )
    };
}

/// # Safety
/// The processor has the tier, and all elements that `b` names are valid.
#[target_feature(enable = "neon,dotprod")]
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
#[target_feature(enable = "neon,dotprod")]
unsafe fn columns(b: &Block8) {
    // SAFETY: passed on to the caller, in the shapes that `Block8` states; `k` is a multiple of 16.
    unsafe {
        let zero = vdupq_n_s32(0);
        let start = |from: *const i32| if b.init.is_null() { zero } else { vld1q_s32(from) };
        let (low, high) = (start(b.init), start(b.init.wrapping_add(4)));
        for panel in 0..b.panels {
            let mut dots = [low, high, low, high, low, high, low, high, low, high, low, high, low, high, low, high];
            asm!(
                "2:",
                "ld1 {{v0.16b, v1.16b, v2.16b, v3.16b}}, [{a}], #64",
                "ld1 {{v8.16b, v9.16b, v10.16b, v11.16b}}, [{b}], #64",
                "ld1 {{v4.16b, v5.16b, v6.16b, v7.16b}}, [{a}], #64",
                "ld1 {{v12.16b, v13.16b, v14.16b, v15.16b}}, [{b}], #64",
                quad!("0", "v8", "v9"),
                quad!("1", "v10", "v11"),
                quad!("2", "v12", "v13"),
                quad!("3", "v14", "v15"),
                "subs {n}, {n}, #1",
                "b.ne 2b",
                a = inout(reg) b.a.add(panel * b.a_panel) => _,
                b = inout(reg) b.b => _,
                n = inout(reg) b.k / 16 => _,
                inout("v16") dots[0], inout("v17") dots[1], inout("v18") dots[2], inout("v19") dots[3],
                inout("v20") dots[4], inout("v21") dots[5], inout("v22") dots[6], inout("v23") dots[7],
                inout("v24") dots[8], inout("v25") dots[9], inout("v26") dots[10], inout("v27") dots[11],
                inout("v28") dots[12], inout("v29") dots[13], inout("v30") dots[14], inout("v31") dots[15],
                out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _,
                out("v7") _, out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _,
                out("v14") _, out("v15") _,
                options(nostack, readonly)
            );
            for (r, row) in dots.as_chunks::<2>().0.iter().enumerate() {
                let i = panel * MR + r;
                match b.to {
                    Sums::Raw { out, stride } => {
                        vst1q_s32(out.add(i * stride), row[0]);
                        vst1q_s32(out.add(i * stride + 4), row[1]);
                    }
                    Sums::Scaled(to) => to.row::<Neon, 2>(i, row.map(|sum| vcvtq_f32_s32(sum))),
                }
            }
        }
    }
}
