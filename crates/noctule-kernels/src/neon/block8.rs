//! Integer products of many rows with the base instructions of 64-bit ARM.
//!
//! [`dots`] multiplies; what happens to its sums is here.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use super::dots;
use crate::table::{Block8, Int8, Scaled, Sums};
use std::arch::aarch64::*;

const MR: usize = 4;
const NR: usize = 4;

pub(crate) const INT8: Int8 =
    Int8 { mr: MR, nr: NR, unit: 16, chunk: 16, unsigned: false, block, words: Some(words), session: None };

/// What is multiplied: as many codes as the block says, 64 or 256 of them, or words.
const CODES: u8 = 0;
const CODES_64: u8 = 1;
const CODES_256: u8 = 2;
const WORDS: u8 = 3;

/// The exact sums of four rows and four columns.
///
/// # Safety
/// As for the functions of [`dots`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn sums<const KIND: u8>(a: *const u8, b: *const u8, k: usize) -> [int32x4_t; MR] {
    // SAFETY: passed on to the caller.
    unsafe {
        match KIND {
            CODES => dots::codes(a, b, k),
            CODES_64 => dots::codes_of::<64>(a, b),
            CODES_256 => dots::codes_of::<256>(a, b),
            _ => dots::words(a, b, k),
        }
    }
}

/// # Safety
/// The processor has the tier, and all elements that `b` names are valid.
#[target_feature(enable = "neon")]
unsafe fn block(b: &Block8) {
    // SAFETY: passed on to the caller.
    unsafe {
        match b.k {
            64 => block64(b),
            256 => block256(b),
            _ => all::<CODES>(b),
        }
    }
}

/// A function of its own, so that machine code can be told apart.
///
/// # Safety
/// As for [`block`]; `b.k` is 64.
#[inline(never)]
#[target_feature(enable = "neon")]
unsafe fn block64(b: &Block8) {
    // SAFETY: passed on to the caller.
    unsafe { all::<CODES_64>(b) }
}

/// As [`block64`].
///
/// # Safety
/// As for [`block`]; `b.k` is 256.
#[inline(never)]
#[target_feature(enable = "neon")]
unsafe fn block256(b: &Block8) {
    // SAFETY: passed on to the caller.
    unsafe { all::<CODES_256>(b) }
}

/// All panels of columns.
///
/// # Safety
/// As for [`block`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn all<const KIND: u8>(b: &Block8) {
    for c in 0..b.columns {
        // SAFETY: passed on to the caller.
        unsafe { columns::<KIND>(&b.panel(c, NR)) };
    }
}

/// As [`block`] for words.
///
/// # Safety
/// As for [`block`].
#[target_feature(enable = "neon")]
unsafe fn words(b: &Block8) {
    let Sums::Scaled(_) = b.to else { panic!("sums of words have scales") };
    assert!(b.k.is_multiple_of(128) && b.init.is_null());
    for c in 0..b.columns {
        let b = b.panel(c, NR);
        let Sums::Scaled(to) = b.to else { continue };
        // SAFETY: passed on to the caller.
        unsafe {
            if to.add {
                scaled::<true, false, false, WORDS>(&b, &to);
            } else {
                scaled::<false, false, false, WORDS>(&b, &to);
            }
        }
    }
}

/// One panel of columns.
///
/// # Safety
/// As for [`block`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn columns<const KIND: u8>(b: &Block8) {
    // SAFETY: passed on to the caller, in the shapes that `Block8` states.
    unsafe {
        match b.to {
            Sums::Raw { out, stride } => {
                if b.init.is_null() {
                    raw::<false, KIND>(b, out, stride);
                } else {
                    raw::<true, KIND>(b, out, stride);
                }
            }
            Sums::Scaled(to) => match (!to.keep.is_null(), to.add, !b.init.is_null()) {
                (true, ..) => scaled::<true, true, true, KIND>(b, &to),
                (false, true, true) => scaled::<true, false, true, KIND>(b, &to),
                (false, true, false) => scaled::<true, false, false, KIND>(b, &to),
                (false, false, true) => scaled::<false, false, true, KIND>(b, &to),
                (false, false, false) => scaled::<false, false, false, KIND>(b, &to),
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

/// Sums as they are; they start anywhere if `INIT`, else at 0.
///
/// # Safety
/// As for [`block`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn raw<const INIT: bool, const KIND: u8>(b: &Block8, out: *mut i32, stride: usize) {
    // SAFETY: passed on to the caller.
    unsafe {
        let init = start(b);
        for panel in 0..b.panels {
            let rows = sums::<KIND>(b.a.add(panel * b.a_panel), b.b, b.k);
            let out = out.add(panel * MR * stride);
            for (r, &row) in rows.iter().enumerate() {
                vst1q_s32(out.add(r * stride), if INIT { vaddq_s32(row, init) } else { row });
            }
        }
    }
}

/// Scaled sums, added to what `out` holds if `ADD`, which is multiplied by factors of its own before if `KEEP`; sums start
/// anywhere if `INIT`, else at 0.
///
/// # Safety
/// As for [`block`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn scaled<const ADD: bool, const KEEP: bool, const INIT: bool, const KIND: u8>(b: &Block8, to: &Scaled) {
    // SAFETY: passed on to the caller, in the shapes that `Block8` and `Scaled` state.
    unsafe {
        // Read once: the compiler cannot know that no result overwrites them.
        let column_scale = vld1q_f32(to.column_scale);
        let init = start(b);
        for panel in 0..b.panels {
            let first = panel * MR;
            let rows = sums::<KIND>(b.a.add(panel * b.a_panel), b.b, b.k);
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
