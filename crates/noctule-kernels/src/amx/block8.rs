//! Integer products of many rows with AMX's `tdpbssd`: 16 rows and 16 columns, 64 codes at a time.
//!
//! Two panels of rows meet two tiles of columns, so that each tile that is loaded is multiplied twice. Up to ten rows, which
//! are the activations of five beams, would leave tiles half empty: they take the dot product of AVX-512.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

use super::tiles::{self, ROW, ROWS};
use crate::avx512::Avx512;
use crate::table::{AHEAD, Around, Block8, Int8, Scaled, Sums};
use std::arch::asm;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

const NR: usize = 64;
/// Codes of a row that a tile holds.
const CHUNK: usize = 64;
/// Columns of a tile of sums.
const COLUMNS: usize = 16;
/// Bytes from four codes of a panel's columns to the next four.
const B_ROW: usize = 4 * NR;

pub(crate) const INT8: Int8 = Int8 {
    mr: ROWS,
    nr: NR,
    unit: 4,
    chunk: CHUNK,
    unsigned: false,
    block,
    words: None,
    session: Some(Around { begin: tiles::begin, end: tiles::end }),
};

/// # Safety
/// The processor has the tier, this thread's session has begun, and all elements that `b` names are valid.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn block(b: &Block8) {
    // SAFETY: passed on to the caller; a session's tiles have the whole shape.
    unsafe {
        match b.rows {
            ..=2 => each_panel(b, few::<2>),
            3..=4 => each_panel(b, few::<4>),
            5..=10 => each_panel(b, few::<5>),
            _ if b.k.is_multiple_of(CHUNK) => each_panel(b, many),
            _ => {
                tiles::begin_half();
                each_panel(b, many);
                tiles::begin();
            }
        }
    }
}

/// # Safety
/// As for [`block`].
#[inline(always)]
unsafe fn each_panel(b: &Block8, multiply: unsafe fn(&Block8)) {
    for c in 0..b.columns {
        // SAFETY: passed on to the caller.
        unsafe { multiply(&b.panel(c, NR)) };
    }
}

/// The most panels of rows whose sums are made together.
const PANELS: usize = 3;

/// Sums of some panels of rows and two tiles of columns, `[panel][tile][row][column]`.
#[repr(C, align(64))]
struct Tiles([[[[i32; COLUMNS]; ROWS]; 2]; PANELS]);

/// Integers of a tile of sums.
const TILE: usize = ROWS * COLUMNS;

/// Where sums of tiles go.
#[derive(Clone, Copy)]
struct Place {
    /// Those of panel 0.
    to: *mut i32,
    /// Integers from one panel to the next, and from one tile to the next.
    panel: usize,
    tile: usize,
    /// Bytes from one row to the next.
    row: usize,
}

/// Some panels of rows, at most [`PANELS`], and half a panel of columns.
#[derive(Clone, Copy)]
struct Part {
    first: usize,
    panels: usize,
    column: usize,
}

impl Part {
    /// The rows that are wanted.
    fn rows(&self, b: &Block8) -> usize {
        (self.panels * ROWS).min(b.rows - self.first * ROWS)
    }

    /// Where the sums go: to the end at once, if nothing is to be done to them.
    ///
    /// # Safety
    /// As for [`block`].
    #[inline(always)]
    unsafe fn place(&self, b: &Block8, sums: &mut MaybeUninit<Tiles>) -> Place {
        match b.to {
            Sums::Raw { out, stride } if self.rows(b).is_multiple_of(ROWS) => {
                // SAFETY: passed on to the caller.
                let to = unsafe { out.add(self.first * ROWS * stride + self.column) };
                Place { to, panel: ROWS * stride, tile: COLUMNS, row: 4 * stride }
            }
            _ => Place { to: sums.as_mut_ptr().cast(), panel: 2 * TILE, tile: TILE, row: ROW },
        }
    }
}

/// One panel of columns and all rows, as tiles of the shape in force.
///
/// # Safety
/// As for [`block`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn many(b: &Block8) {
    let mut sums = MaybeUninit::uninit();
    // SAFETY: passed on to the caller: the panels exist, and the columns.
    unsafe {
        if b.k == CHUNK && b.panels == PANELS {
            // An attention's: each tile is loaded once.
            load_rows(b);
            for column in [0, 2 * COLUMNS] {
                let part = Part { first: 0, panels: PANELS, column };
                let place = part.place(b, &mut sums);
                multiply_loaded(b, column, place);
                multiply_loaded(b, column + COLUMNS, Place { to: place.to.add(place.tile), ..place });
                deliver(b, part, &sums);
            }
            return;
        }
        for column in [0, 2 * COLUMNS] {
            for first in (0..b.panels).step_by(2) {
                let part = Part { first, panels: (b.panels - first).min(2), column };
                start(b, column);
                for step in 0..b.k.div_ceil(CHUNK) {
                    multiply(b, part, step);
                }
                store(part, part.place(b, &mut sums));
                deliver(b, part, &sums);
            }
        }
    }
}

/// Brings sums to their place, if they are not there already.
///
/// # Safety
/// As for [`block`]; `sums` are there unless [`Part::place`] wanted them elsewhere.
#[inline(always)]
unsafe fn deliver(b: &Block8, part: Part, sums: &MaybeUninit<Tiles>) {
    let rows = part.rows(b);
    // SAFETY: passed on to the caller; rows of sums are aligned vectors.
    unsafe {
        let sums_of = |row: usize| {
            let sums = sums.as_ptr().cast::<i32>().add(row / ROWS * 2 * TILE + row % ROWS * COLUMNS);
            [_mm512_load_si512(sums.cast()), _mm512_load_si512(sums.add(TILE).cast())]
        };
        match b.to {
            Sums::Raw { .. } if rows.is_multiple_of(ROWS) => {}
            Sums::Raw { out, stride } => {
                for row in 0..rows {
                    let out = out.add((part.first * ROWS + row) * stride + part.column);
                    let [low, high] = sums_of(row);
                    _mm512_storeu_si512(out.cast(), low);
                    _mm512_storeu_si512(out.add(COLUMNS).cast(), high);
                }
            }
            Sums::Scaled(to) => {
                let column_scale = to.column_scale.add(part.column);
                let to = Scaled { column_scale, out: to.out.add(part.column), ..to };
                for row in 0..rows {
                    let [low, high] = sums_of(row);
                    let sums = [_mm512_cvtepi32_ps(low), _mm512_cvtepi32_ps(high)];
                    to.row::<Avx512, 2>(part.first * ROWS + row, sums);
                }
            }
        }
    }
}

// The next ones keep numbers in tiles from one to another. Only vectors are used in between: the compiler has no use for tiles,
// and nothing is called that could change their shapes.

/// Loads the codes of three panels of rows, 64 each.
///
/// # Safety
/// As for [`block`].
#[inline(always)]
unsafe fn load_rows(b: &Block8) {
    // SAFETY: passed on to the caller.
    unsafe {
        asm!(
            "tileloadd tmm5, [{first} + {row}]",
            "tileloadd tmm6, [{second} + {row}]",
            "tileloadd tmm7, [{third} + {row}]",
            first = in(reg) b.a,
            second = in(reg) b.a.add(b.a_panel),
            third = in(reg) b.a.add(2 * b.a_panel),
            row = in(reg) b.a_row,
            options(readonly, nostack, preserves_flags)
        );
    }
}

/// Multiplies [loaded](load_rows) rows with a tile of columns and writes the sums.
///
/// # Safety
/// As for [`block`]; the rows are loaded, and there is room for whole tiles.
#[inline(always)]
unsafe fn multiply_loaded(b: &Block8, column: usize, place: Place) {
    // SAFETY: passed on to the caller.
    unsafe {
        if b.init.is_null() {
            asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", options(nomem, nostack, preserves_flags));
        } else {
            asm!(
                "tileloadd tmm0, [{init} + {none}]",
                "tileloadd tmm1, [{init} + {none}]",
                "tileloadd tmm2, [{init} + {none}]",
                init = in(reg) b.init.add(column),
                none = in(reg) 0usize,
                options(readonly, nostack, preserves_flags)
            );
        }
        asm!(
            "tileloadd tmm4, [{columns} + {b_row}]",
            "tdpbssd tmm0, tmm5, tmm4",
            "tdpbssd tmm1, tmm6, tmm4",
            "tdpbssd tmm2, tmm7, tmm4",
            "tilestored [{first} + {row}], tmm0",
            "tilestored [{second} + {row}], tmm1",
            "tilestored [{third} + {row}], tmm2",
            columns = in(reg) b.b.add(4 * column),
            b_row = in(reg) B_ROW,
            first = in(reg) place.to,
            second = in(reg) place.to.add(place.panel),
            third = in(reg) place.to.add(2 * place.panel),
            row = in(reg) place.row,
            options(nostack, preserves_flags)
        );
    }
}

/// Sums of one or two panels start.
///
/// # Safety
/// As for [`block`].
#[inline(always)]
unsafe fn start(b: &Block8, column: usize) {
    // SAFETY: passed on to the caller; with a step of 0 from row to row all rows start alike.
    unsafe {
        if b.init.is_null() {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                options(nomem, nostack, preserves_flags)
            );
        } else {
            asm!(
                "tileloadd tmm0, [{init} + {none}]",
                "tileloadd tmm1, [{init} + {none} + 64]",
                "tileloadd tmm2, [{init} + {none}]",
                "tileloadd tmm3, [{init} + {none} + 64]",
                init = in(reg) b.init.add(column),
                none = in(reg) 0usize,
                options(readonly, nostack, preserves_flags)
            );
        }
    }
}

/// Adds the products of the next codes of one or two panels.
///
/// # Safety
/// As for [`block`]; there are more than `step` times so many codes.
#[inline(always)]
unsafe fn multiply(b: &Block8, part: Part, step: usize) {
    // SAFETY: passed on to the caller.
    unsafe {
        let a = b.a.add(part.first * b.a_panel + step * ROWS * CHUNK);
        asm!(
            "tileloadd tmm4, [{a} + {a_row}]",
            "tileloadd tmm6, [{columns} + {b_row}]",
            "tdpbssd tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{columns} + {b_row} + 64]",
            "tdpbssd tmm1, tmm4, tmm7",
            a = in(reg) a,
            a_row = in(reg) b.a_row,
            columns = in(reg) b.b.add(step * B_ROW * CHUNK / 4 + 4 * part.column),
            b_row = in(reg) B_ROW,
            options(readonly, nostack, preserves_flags)
        );
        if part.panels == 2 {
            asm!(
                "tileloadd tmm5, [{a} + {a_row}]",
                "tdpbssd tmm2, tmm5, tmm6",
                "tdpbssd tmm3, tmm5, tmm7",
                a = in(reg) a.add(b.a_panel),
                a_row = in(reg) b.a_row,
                options(readonly, nostack, preserves_flags)
            );
        }
    }
}

/// Writes the sums of one or two panels.
///
/// # Safety
/// As for [`block`]; there is room for whole tiles.
#[inline(always)]
unsafe fn store(part: Part, place: Place) {
    // SAFETY: passed on to the caller.
    unsafe {
        asm!(
            "tilestored [{low} + {row}], tmm0",
            "tilestored [{high} + {row}], tmm1",
            low = in(reg) place.to,
            high = in(reg) place.to.add(place.tile),
            row = in(reg) place.row,
            options(nostack, preserves_flags)
        );
        if part.panels == 2 {
            asm!(
                "tilestored [{low} + {row}], tmm2",
                "tilestored [{high} + {row}], tmm3",
                low = in(reg) place.to.add(place.panel),
                high = in(reg) place.to.add(place.panel + place.tile),
                row = in(reg) place.row,
                options(nostack, preserves_flags)
            );
        }
    }
}

/// One panel of columns and one panel of rows, `R` rows at a time.
///
/// The columns take the place of the unsigned factor, with 128 added, for which 128 times the sum of a row's codes is
/// taken away.
///
/// # Safety
/// As for [`block`]; there is one panel of rows, which has room for whole `R`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn few<const R: usize>(b: &Block8) {
    for first in (0..b.rows).step_by(R) {
        // SAFETY: passed on to the caller.
        unsafe { few_from::<R>(b, first) };
    }
}

/// The rows from `first` on.
///
/// # Safety
/// As for [`few`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn few_from<const R: usize>(b: &Block8, first: usize) {
    const NV: usize = NR / 16;
    // SAFETY: passed on to the caller, in the shapes that `Block8` states.
    unsafe {
        let a = b.a.add(first * b.a_row);
        let mut dots = [[_mm512_setzero_si512(); NV]; R];
        if !b.init.is_null() {
            for v in 0..NV {
                let init = _mm512_loadu_si512(b.init.add(16 * v).cast());
                dots.iter_mut().for_each(|row| row[v] = init);
            }
        }
        let flip = _mm512_set1_epi8(-128);
        let mut excess = [_mm512_setzero_si512(); R];
        for quad in 0..b.k / 4 {
            let columns: [__m512i; NV] = std::array::from_fn(|v| {
                _mm512_xor_si512(flip, _mm512_loadu_si512(b.b.add((quad * NV + v) * 64).cast()))
            });
            if first == 0 {
                for v in 0..NV {
                    // Columns for so few rows are keys or values of the audio, one panel after the other.
                    _mm_prefetch::<_MM_HINT_T0>(b.b.wrapping_add(AHEAD + (quad * NV + v) * 64).cast());
                }
            }
            let at = 4 * quad / CHUNK * ROWS * CHUNK + 4 * quad % CHUNK;
            for r in 0..R {
                let row = _mm512_set1_epi32(a.add(r * b.a_row + at).cast::<i32>().read_unaligned());
                excess[r] = _mm512_dpbusd_epi32(excess[r], flip, row);
                for v in 0..NV {
                    dots[r][v] = _mm512_dpbusd_epi32(dots[r][v], columns[v], row);
                }
            }
        }
        for r in 0..R.min(b.rows - first) {
            let dots = dots[r].map(|dot| _mm512_sub_epi32(dot, excess[r]));
            match b.to {
                Sums::Raw { out, stride } => {
                    for v in 0..NV {
                        _mm512_storeu_si512(out.add((first + r) * stride + 16 * v).cast(), dots[v]);
                    }
                }
                Sums::Scaled(to) => to.row::<Avx512, NV>(first + r, dots.map(|dot| _mm512_cvtepi32_ps(dot))),
            }
        }
    }
}
