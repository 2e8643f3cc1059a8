//! Integer products of many rows with the base instructions of 64-bit ARM.
//!
//! Sixteen codes of a row stand side by side. `smull`, `smlal2` and `sadalp` multiply them in two multiplier
//! slots: codes are within −128 and 127, columns within ±127, so two products fit 16 bits. The loop is
//! assembly because it needs all 32 registers: sixteen sums, four rows, four columns, eight products.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use crate::table::{Block8, Int8, Scaled, Sums};
use std::arch::aarch64::*;
use std::arch::asm;

const MR: usize = 4;
const NR: usize = 4;

pub(crate) const INT8: Int8 = Int8 { mr: MR, nr: NR, unit: 16, chunk: 16, unsigned: false, block };

/// One row (`$a`) times four columns (`v4` to `v7`), with products in `$p` and sums in `$s`, which `$add` either begins
/// (`saddlp`) or continues (`sadalp`).
macro_rules! row {
    ($add:literal, $a:literal, [$p0:literal, $p1:literal, $p2:literal, $p3:literal], [$s0:literal, $s1:literal, $s2:literal, $s3:literal]) => {
        concat!(
            "smull ",
            $p0,
            ".8h, ",
            $a,
            ".8b, v4.8b\n", //
            "smull ",
            $p1,
            ".8h, ",
            $a,
            ".8b, v5.8b\n", //
            "smull ",
            $p2,
            ".8h, ",
            $a,
            ".8b, v6.8b\n", //
            "smull ",
            $p3,
            ".8h, ",
            $a,
            ".8b, v7.8b\n", //
            "smlal2 ",
            $p0,
            ".8h, ",
            $a,
            ".16b, v4.16b\n", //
            "smlal2 ",
            $p1,
            ".8h, ",
            $a,
            ".16b, v5.16b\n", //
            "smlal2 ",
            $p2,
            ".8h, ",
            $a,
            ".16b, v6.16b\n", //
            "smlal2 ",
            $p3,
            ".8h, ",
            $a,
            ".16b, v7.16b\n", //
            $add,
            " ",
            $s0,
            ".4s, ",
            $p0,
            ".8h\n", //
            $add,
            " ",
            $s1,
            ".4s, ",
            $p1,
            ".8h\n", //
            $add,
            " ",
            $s2,
            ".4s, ",
            $p2,
            ".8h\n", //
            $add,
            " ",
            $s3,
            ".4s, ",
            $p3,
            ".8h\n",
        )
    };
}

/// Sixteen codes of four rows and four columns.
macro_rules! sixteen {
    ($add:literal) => {
        concat!(
            "ld1 {{v0.16b, v1.16b, v2.16b, v3.16b}}, [{a}], #64\n",
            "ld1 {{v4.16b, v5.16b, v6.16b, v7.16b}}, [{b}], #64\n",
            row!($add, "v0", ["v8", "v9", "v10", "v11"], ["v16", "v17", "v18", "v19"]),
            row!($add, "v1", ["v12", "v13", "v14", "v15"], ["v20", "v21", "v22", "v23"]),
            row!($add, "v2", ["v8", "v9", "v10", "v11"], ["v24", "v25", "v26", "v27"]),
            row!($add, "v3", ["v12", "v13", "v14", "v15"], ["v28", "v29", "v30", "v31"]),
        )
    };
}

/// Adds up the lanes of four times four sums, which are in `v16` to `v31`: rows into `v0` to `v3`.
macro_rules! add_lanes {
    () => {
        concat!(
            "addp v16.4s, v16.4s, v17.4s\n", //
            "addp v18.4s, v18.4s, v19.4s\n", //
            "addp v20.4s, v20.4s, v21.4s\n", //
            "addp v22.4s, v22.4s, v23.4s\n", //
            "addp v24.4s, v24.4s, v25.4s\n", //
            "addp v26.4s, v26.4s, v27.4s\n", //
            "addp v28.4s, v28.4s, v29.4s\n", //
            "addp v30.4s, v30.4s, v31.4s\n", //
            "addp v0.4s, v16.4s, v18.4s\n",  //
            "addp v1.4s, v20.4s, v22.4s\n",  //
            "addp v2.4s, v24.4s, v26.4s\n",  //
            "addp v3.4s, v28.4s, v30.4s\n",
        )
    };
}

/// The exact sums of four rows and four columns of `k` codes: 32, or a multiple of 64.
///
/// # Safety
/// The processor has NEON, and both panels have `k` codes.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn dots(a: *const u8, b: *const u8, k: usize) -> [int32x4_t; MR] {
    let (d0, d1, d2, d3);
    // SAFETY: passed on to the caller; the loop reads 4 · k bytes of both.
    unsafe {
        asm!(
            sixteen!("saddlp"),
            sixteen!("sadalp"),
            "subs {n}, {n}, #1",
            "b.lt 3f",
            sixteen!("sadalp"),
            sixteen!("sadalp"),
            "cbz {n}, 3f",
            "2:",
            sixteen!("sadalp"),
            sixteen!("sadalp"),
            sixteen!("sadalp"),
            sixteen!("sadalp"),
            "subs {n}, {n}, #1",
            "b.ne 2b",
            "3:",
            add_lanes!(),
            a = inout(reg) a => _,
            b = inout(reg) b => _,
            n = inout(reg) k / 64 => _,
            out("v0") d0, out("v1") d1, out("v2") d2, out("v3") d3,
            out("v4") _, out("v5") _, out("v6") _, out("v7") _, out("v8") _, out("v9") _, out("v10") _,
            out("v11") _, out("v12") _, out("v13") _, out("v14") _, out("v15") _, out("v16") _, out("v17") _,
            out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _, out("v23") _, out("v24") _,
            out("v25") _, out("v26") _, out("v27") _, out("v28") _, out("v29") _, out("v30") _, out("v31") _,
            options(nostack, readonly)
        );
    }
    [d0, d1, d2, d3]
}

/// # Safety
/// The processor has the tier, and all elements that `b` names are valid.
#[target_feature(enable = "neon")]
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
#[target_feature(enable = "neon")]
unsafe fn columns(b: &Block8) {
    // SAFETY: passed on to the caller, in the shapes that `Block8` states.
    unsafe {
        match b.to {
            Sums::Raw { out, stride } => {
                let init = start(b);
                for panel in 0..b.panels {
                    let rows = dots(b.a.add(panel * b.a_panel), b.b, b.k);
                    let out = out.add(panel * MR * stride);
                    for (r, &row) in rows.iter().enumerate() {
                        vst1q_s32(out.add(r * stride), vaddq_s32(row, init));
                    }
                }
            }
            Sums::Scaled(to) => match (!to.keep.is_null(), to.add, !b.init.is_null()) {
                (true, ..) => scaled::<true, true, true>(b, &to),
                (false, true, true) => scaled::<true, false, true>(b, &to),
                (false, true, false) => scaled::<true, false, false>(b, &to),
                (false, false, true) => scaled::<false, false, true>(b, &to),
                (false, false, false) => scaled::<false, false, false>(b, &to),
            },
        }
    }
}

/// Where the sums of four columns start.
///
/// # Safety
/// As for [`block`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn start(b: &Block8) -> int32x4_t {
    // SAFETY: passed on to the caller.
    if b.init.is_null() { vdupq_n_s32(0) } else { unsafe { vld1q_s32(b.init) } }
}

/// Scaled sums, added to what `out` holds if `ADD`, which is multiplied by factors of its own before if `KEEP`; sums start
/// anywhere if `INIT`, else at 0.
///
/// # Safety
/// As for [`block`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn scaled<const ADD: bool, const KEEP: bool, const INIT: bool>(b: &Block8, to: &Scaled) {
    // SAFETY: passed on to the caller, in the shapes that `Block8` and `Scaled` state.
    unsafe {
        // Read once: the compiler cannot know that no result overwrites them.
        let column_scale = vld1q_f32(to.column_scale);
        let init = start(b);
        for panel in 0..b.panels {
            let first = panel * MR;
            let rows = dots(b.a.add(panel * b.a_panel), b.b, b.k);
            let row_scale = vld1q_f32(to.row_scale.add(first));
            let keep = if KEEP { vld1q_f32(to.keep.add(first)) } else { row_scale };
            let out = to.out.add(first * to.stride);
            let scale = [
                vmulq_laneq_f32::<0>(column_scale, row_scale),
                vmulq_laneq_f32::<1>(column_scale, row_scale),
                vmulq_laneq_f32::<2>(column_scale, row_scale),
                vmulq_laneq_f32::<3>(column_scale, row_scale),
            ];
            let mut held = [vdupq_n_f32(0.0); MR];
            if ADD {
                for (r, held) in held.iter_mut().enumerate() {
                    *held = vld1q_f32(out.add(r * to.stride));
                }
            }
            if KEEP {
                held = [
                    vmulq_laneq_f32::<0>(held[0], keep),
                    vmulq_laneq_f32::<1>(held[1], keep),
                    vmulq_laneq_f32::<2>(held[2], keep),
                    vmulq_laneq_f32::<3>(held[3], keep),
                ];
            }
            for r in 0..MR {
                let sums = vcvtq_f32_s32(if INIT { vaddq_s32(rows[r], init) } else { rows[r] });
                let value = if ADD { vfmaq_f32(held[r], sums, scale[r]) } else { vmulq_f32(sums, scale[r]) };
                vst1q_f32(out.add(r * to.stride), value);
            }
        }
    }
}
