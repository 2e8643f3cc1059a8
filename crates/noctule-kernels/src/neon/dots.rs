//! Exact sums of products of four rows and four columns, of codes or of [words](crate::generic::words), with the base
//! instructions of 64-bit ARM.
//!
//! Sixteen codes, or eight words, of a row stand side by side. `smull`, `smlal2` and `sadalp` multiply codes in two
//! multiplier slots: codes are within −128 and 127, columns within ±127, so two products fit 16 bits. The loops are
//! assembly because they need all 32 registers: sixteen sums, four rows, four columns, eight products.

use std::arch::aarch64::int32x4_t;
use std::arch::asm;

const MR: usize = 4;

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
pub(super) unsafe fn codes(a: *const u8, b: *const u8, k: usize) -> [int32x4_t; MR] {
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

/// The same for `K` codes, a number that attention or products have often: there is nothing to count.
///
/// # Safety
/// As for [`codes`], for `K` codes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn codes_of<const K: usize>(a: *const u8, b: *const u8) -> [int32x4_t; MR] {
    let (d0, d1, d2, d3);
    // SAFETY: passed on to the caller; 4 · K bytes of both are read.
    unsafe {
        asm!(
            sixteen!("saddlp"),
            ".rept {more}",
            sixteen!("sadalp"),
            ".endr",
            add_lanes!(),
            more = const K / 16 - 1,
            a = inout(reg) a => _,
            b = inout(reg) b => _,
            out("v0") d0, out("v1") d1, out("v2") d2, out("v3") d3,
            out("v4") _, out("v5") _, out("v6") _, out("v7") _, out("v8") _, out("v9") _, out("v10") _,
            out("v11") _, out("v12") _, out("v13") _, out("v14") _, out("v15") _, out("v16") _, out("v17") _,
            out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _, out("v23") _, out("v24") _,
            out("v25") _, out("v26") _, out("v27") _, out("v28") _, out("v29") _, out("v30") _, out("v31") _,
            options(nostack, readonly, preserves_flags)
        );
    }
    [d0, d1, d2, d3]
}

/// One row of eight words (`$a`) times four columns (`v4` to `v7`); `$mul` begins their sums (`smull`) or continues them (`smlal`).
macro_rules! row_of_words {
    ($mul:literal, $a:literal, [$s0:literal, $s1:literal, $s2:literal, $s3:literal]) => {
        concat!(
            row_of_words!(@half $mul, "4h", $a, $s0, $s1, $s2, $s3),
            row_of_words!(@half "smlal2", "8h", $a, $s0, $s1, $s2, $s3),
        )
    };
    (@half $mul:literal, $part:literal, $a:literal, $s0:literal, $s1:literal, $s2:literal, $s3:literal) => {
        concat!(
            row_of_words!(@one $mul, $part, $a, $s0, "v4"),
            row_of_words!(@one $mul, $part, $a, $s1, "v5"),
            row_of_words!(@one $mul, $part, $a, $s2, "v6"),
            row_of_words!(@one $mul, $part, $a, $s3, "v7"),
        )
    };
    (@one $mul:literal, $part:literal, $a:literal, $s:literal, $b:literal) => {
        concat!($mul, " ", $s, ".4s, ", $a, ".", $part, ", ", $b, ".", $part, "\n")
    };
}

/// Eight words of four rows and four columns.
macro_rules! eight_words {
    ($mul:literal) => {
        concat!(
            "ld1 {{v0.16b, v1.16b, v2.16b, v3.16b}}, [{a}], #64\n",
            "ld1 {{v4.16b, v5.16b, v6.16b, v7.16b}}, [{b}], #64\n",
            row_of_words!($mul, "v0", ["v16", "v17", "v18", "v19"]),
            row_of_words!($mul, "v1", ["v20", "v21", "v22", "v23"]),
            row_of_words!($mul, "v2", ["v24", "v25", "v26", "v27"]),
            row_of_words!($mul, "v3", ["v28", "v29", "v30", "v31"]),
        )
    };
}

/// The exact sums of four rows and four columns of words in `k` bytes, a multiple of 128.
///
/// # Safety
/// The processor has NEON, and both panels have `k` bytes a row.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn words(a: *const u8, b: *const u8, k: usize) -> [int32x4_t; MR] {
    let (d0, d1, d2, d3);
    // SAFETY: passed on to the caller; the loop reads 4 · k bytes of both.
    unsafe {
        asm!(
            eight_words!("smull"),
            eight_words!("smlal"),
            eight_words!("smlal"),
            eight_words!("smlal"),
            "2:",
            eight_words!("smlal"),
            eight_words!("smlal"),
            eight_words!("smlal"),
            eight_words!("smlal"),
            "subs {n}, {n}, #1",
            "b.ne 2b",
            add_lanes!(),
            a = inout(reg) a => _,
            b = inout(reg) b => _,
            n = inout(reg) k / 64 - 1 => _,
            out("v0") d0, out("v1") d1, out("v2") d2, out("v3") d3,
            out("v4") _, out("v5") _, out("v6") _, out("v7") _, out("v16") _, out("v17") _, out("v18") _,
            out("v19") _, out("v20") _, out("v21") _, out("v22") _, out("v23") _, out("v24") _, out("v25") _,
            out("v26") _, out("v27") _, out("v28") _, out("v29") _, out("v30") _, out("v31") _,
            options(nostack, readonly)
        );
    }
    [d0, d1, d2, d3]
}
