//! The right operand of integer products: rows of weights (or keys, or values) as panels of the tile's width.

use super::Compute;
use super::grouping::Grouping;
use super::operand::as_words;
use crate::buffer::cut;
use crate::generic::codes::{Encoded, place};
use crate::generic::transpose::Transpose;
use crate::generic::words;
use crate::table::Int8;

/// Columns that are packed together: a divisor of a panel's width where four codes of a column stand together.
pub(super) const TOGETHER: usize = 8;

/// How packed columns lie: codes `[⌈columns / nr⌉][terms][k / unit][nr][unit]`; scales and starts of the sums
/// `[⌈columns / nr⌉][terms][groups][nr]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub(super) grouping: Grouping,
    pub(super) terms: usize,
    nr: usize,
    unit: usize,
    /// Bytes of a code: two where columns are [words](crate::generic::words).
    width: usize,
    /// Each sum starts at this times the sum of its column's codes.
    start: i32,
}

/// What activations hold on top of their integers, seen from the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// Signed integers.
    Rows,
    /// Softmax weights from 0 to 255.
    Weights,
}

/// Packed columns, borrowed.
#[derive(Clone, Copy)]
pub(super) struct Packed {
    codes: *mut u8,
    scales: *mut f32,
    starts: *mut i32,
}

// SAFETY: the pointers are only used by `pack_columns`, whose callers promise disjoint columns, and read afterwards.
unsafe impl Send for Packed {}
// SAFETY: as for Send.
unsafe impl Sync for Packed {}

impl Columns {
    pub(super) fn new(int8: Int8, grouping: Grouping, terms: usize, against: Against) -> Self {
        // Signed tiers hold softmax weights less 128, unsigned ones hold everything else plus 128.
        let start = match (against, int8.unsigned) {
            (Against::Rows, true) => -128,
            (Against::Weights, false) => 128,
            _ => 0,
        };
        Self { grouping, terms, nr: int8.nr, unit: int8.unit, width: 1, start }
    }

    /// Columns of [words](crate::generic::words), for a product whose operand is fine.
    pub(super) fn of_words(int8: Int8, grouping: Grouping) -> Self {
        Self { width: 2, ..Self::new(int8, grouping, 1, Against::Rows) }
    }

    /// Floats of all codes, and of the scales, which are as many as the starts.
    pub(super) fn lens(&self, columns: usize) -> (usize, usize) {
        let panels = columns.div_ceil(self.nr) * self.terms;
        (panels * self.nr * self.grouping.k * self.width / 4, panels * self.nr * self.grouping.groups())
    }

    /// Floats of scratch that packing [`TOGETHER`] columns takes.
    pub(super) fn scratch(&self) -> usize {
        let lines = self.terms * TOGETHER * self.grouping.k * self.width / 4;
        self.grouping.k + lines + 2 * self.grouping.groups()
    }

    /// Cuts the room for so many columns off `rest`.
    pub(super) fn place(&self, columns: usize, rest: &mut &mut [f32]) -> Packed {
        let (codes, scales) = self.lens(columns);
        Packed {
            codes: cut(rest, codes).as_mut_ptr().cast(),
            scales: cut(rest, scales).as_mut_ptr(),
            starts: cut(rest, scales).as_mut_ptr().cast(),
        }
    }

    /// The columns that [`place`](Self::place) made room for, to read.
    pub(super) fn place_shared(&self, columns: usize, room: &[f32]) -> Packed {
        let (codes, scales) = self.lens(columns);
        assert!(room.len() >= codes + 2 * scales);
        let start = room.as_ptr().cast_mut();
        let scales_at = start.wrapping_add(codes);
        Packed { codes: start.cast(), scales: scales_at, starts: scales_at.wrapping_add(scales).cast() }
    }

    /// The scale of column `j`, where columns have one group.
    pub(super) fn scale(&self, packed: Packed, j: usize) -> f32 {
        assert!(self.terms == 1 && self.grouping.groups() == 1, "scales of several groups");
        // SAFETY: with one group there is one scale a column, panel after panel, and `place_shared` checked their room.
        unsafe { *packed.scales.add(j) }
    }

    /// Columns with those that fill the last panel.
    pub(super) fn padded(&self, columns: usize) -> usize {
        columns.next_multiple_of(self.nr)
    }

    /// Bytes from the codes of one panel to those of the next, and floats or integers from its scales or starts.
    pub(super) fn panel_steps(&self) -> (usize, usize) {
        (self.terms * self.nr * self.grouping.k * self.width, self.terms * self.grouping.groups() * self.nr)
    }

    /// The codes of one group of one panel, its scales, and its starts, or null where they are zeros.
    pub(super) fn group(
        &self,
        packed: Packed,
        panel: usize,
        term: usize,
        group: usize,
    ) -> (*const u8, *const f32, *const i32) {
        let panel = panel * self.terms + term;
        let codes = (panel * self.grouping.k + group * self.grouping.len) * self.nr * self.width;
        let at = (panel * self.grouping.groups() + group) * self.nr;
        let starts = if self.start == 0 { std::ptr::null() } else { packed.starts.wrapping_add(at).cast_const() };
        (packed.codes.wrapping_add(codes), packed.scales.wrapping_add(at), starts)
    }
}

impl Compute {
    /// Rounds `count` columns, at most [`TOGETHER`], and puts them at places from `first` on, a multiple of that. `read` gives
    /// the `k` numbers of one after the other; `scratch` has as many floats as [`Columns::scratch`] says.
    ///
    /// # Safety
    /// `packed` has the shape of `columns` with all of these, and nobody else touches them.
    pub(super) unsafe fn pack_columns(
        &self,
        columns: &Columns,
        packed: Packed,
        (first, count): (usize, usize),
        mut read: impl FnMut(usize, &mut [f32]),
        scratch: &mut [f32],
    ) {
        let Grouping { k, len, spread, .. } = columns.grouping;
        let (nr, groups, terms) = (columns.nr, columns.grouping.groups(), columns.terms);
        let bytes = columns.width * k;
        assert!(count <= TOGETHER && first.is_multiple_of(TOGETHER));
        let mut rest = scratch;
        let (x, scales) = (cut(&mut rest, k), cut(&mut rest, groups));
        let lines = cut(&mut rest, terms * TOGETHER * bytes / 4);
        // SAFETY: any bytes are integers; the length is the same.
        let sums = unsafe { std::slice::from_raw_parts_mut(cut(&mut rest, groups).as_mut_ptr().cast::<i32>(), groups) };
        // Who starts sums at 0 needs no sums of codes.
        let wanted = if columns.start == 0 { 0 } else { groups };
        sums.fill(0);
        // Only a column that is encoded once is spread on the way.
        let on_the_way = spread && terms == 1 && columns.width == 1;
        // Columns that are four codes wide come together from all lines, as floats do in a transpose.
        let turn = columns.unit == 4;
        for (r, j) in (first..first + count).enumerate() {
            read(r, x);
            if spread && !on_the_way {
                // SAFETY: `kernels` checked the tier.
                unsafe { (self.kernels.spread)(x, len) };
            }
            for term in 0..terms {
                let last = term + 1 == terms;
                let line = &mut lines[(term * TOGETHER + r) * bytes / 4..][..bytes / 4];
                // SAFETY: any bytes are codes, the length in bytes is the same; `kernels` checked the tier; the column
                // lies inside its panel.
                unsafe {
                    let line = std::slice::from_raw_parts_mut(line.as_mut_ptr().cast::<u8>(), bytes);
                    if columns.width == 2 {
                        words::encode(x, len, as_words(line), scales);
                    } else {
                        let sums = &mut sums[..wanted];
                        let mut to = Encoded { codes: line, offset: 0, scales, sums, spread: on_the_way, last };
                        (self.kernels.encode)(x, len, &mut to);
                    }
                    let panel = j / nr * terms + term;
                    if !turn {
                        let start = packed.codes.add(panel * nr * bytes + j % nr * columns.unit);
                        place(line, start, columns.unit, nr);
                    }
                    for g in 0..groups {
                        let at = (panel * groups + g) * nr + j % nr;
                        *packed.scales.add(at) = scales[g] * columns.grouping.correction();
                        *packed.starts.add(at) = columns.start * sums[g];
                    }
                }
            }
        }
        if turn {
            assert!(nr.is_multiple_of(TOGETHER), "panels of {nr} columns");
            for term in 0..terms {
                let lines = &lines[term * TOGETHER * bytes / 4..];
                let panel = first / nr * terms + term;
                let transpose = Transpose {
                    from: lines.as_ptr(),
                    from_stride: bytes / 4,
                    rows: count,
                    cols: bytes / 4,
                    // SAFETY: the columns lie inside their panel, whose width is a multiple of `TOGETHER`.
                    to: unsafe { packed.codes.add(panel * nr * bytes + first % nr * 4) }.cast(),
                    to_stride: nr,
                };
                // SAFETY: `kernels` checked the tier; both matrices exist, and floats' bits are copied as they are.
                unsafe { (self.kernels.transpose)(&transpose) };
            }
        }
    }

    /// As [`pack_columns`](Self::pack_columns) for any number of columns of one group, `count` of them from `first` on, which share a
    /// scale; `x` holds one behind the other, and `scratch` as many bytes.
    ///
    /// # Safety
    /// As for [`pack_columns`](Self::pack_columns), for all these columns.
    pub(super) unsafe fn pack_columns_together(
        &self,
        columns: &Columns,
        packed: Packed,
        (first, count): (usize, usize),
        x: &mut [f32],
        scratch: &mut [f32],
    ) {
        let (k, nr) = (columns.grouping.k, columns.nr);
        assert!(columns.terms == 1 && columns.width == 1);
        assert!(columns.grouping.groups() == 1 && x.len() == count * k);
        // SAFETY: any bytes are codes; the length in bytes is the same.
        let line = unsafe { std::slice::from_raw_parts_mut(scratch.as_mut_ptr().cast::<u8>(), count * k) };
        if columns.grouping.spread {
            // SAFETY: `kernels` checked the tier.
            unsafe { (self.kernels.spread)(x, k) };
        }
        let mut scale = [0.0];
        let mut to = Encoded { codes: line, offset: 0, scales: &mut scale, sums: &mut [], spread: false, last: true };
        // SAFETY: `kernels` checked the tier.
        unsafe { (self.kernels.encode)(x, count * k, &mut to) };
        for (j, line) in (first..).zip(line.chunks_exact(k)) {
            let sum: i32 = if columns.start == 0 { 0 } else { line.iter().map(|&q| i32::from(q as i8)).sum() };
            // SAFETY: the column lies inside its panel.
            unsafe {
                place(line, packed.codes.add(j / nr * nr * k + j % nr * columns.unit), columns.unit, nr);
                *packed.scales.add(j) = scale[0] * columns.grouping.correction();
                *packed.starts.add(j) = columns.start * sum;
            }
        }
    }

    /// Makes zeros of some columns.
    ///
    /// # Safety
    /// As for [`pack_columns`](Self::pack_columns), for all these columns.
    pub(super) unsafe fn pack_nothing(&self, columns: &Columns, packed: Packed, which: std::ops::Range<usize>) {
        let (nr, groups, k) = (columns.nr, columns.grouping.groups(), columns.grouping.k * columns.width);
        for j in which {
            for term in 0..columns.terms {
                let panel = j / nr * columns.terms + term;
                // SAFETY: the column lies inside its panel.
                unsafe {
                    for p in (0..k).step_by(columns.unit) {
                        packed.codes.add(panel * nr * k + p * nr + j % nr * columns.unit).write_bytes(0, columns.unit);
                    }
                    for g in 0..groups {
                        let at = (panel * groups + g) * nr + j % nr;
                        *packed.scales.add(at) = 0.0;
                        *packed.starts.add(at) = 0;
                    }
                }
            }
        }
    }
}
