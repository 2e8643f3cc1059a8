//! The left operand of products of many rows: activations in the order, and the precision, in which the
//! tier's tile reads them.

use super::grouping::Grouping;
use super::out::Head;
use super::{Compute, Precision};
use crate::buffer::{Buffer, cut};
use crate::generic::codes::{Encoded, place};
use crate::generic::words;
use crate::table::Int8;
use crate::view::Rows;

/// What an [`Operand`] is made from.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The rows as they are.
    Rows(Rows<'a>),
    /// The rows after layer normalisation; see [`Compute::layer_norm`].
    Normed {
        /// m × k.
        x: Rows<'a>,
        /// k factors.
        weight: &'a [f32],
        /// k summands.
        bias: &'a [f32],
        /// Added to the variance.
        eps: f32,
    },
}

impl<'a> Input<'a> {
    fn rows(&self) -> Rows<'a> {
        match *self {
            Input::Rows(x) | Input::Normed { x, .. } => x,
        }
    }
}

/// Rows of activations that several products share, kept for the next window.
///
/// Under [`Precision::Accurate`] they are floats, interleaved. Under [`Precision::Fast`] each is rounded to 8
/// bits in groups of up to 256, or, where they are *fine*, to 16: a second row of codes holds what the first lost, or, on
/// tiers with products of 16-bit integers, those.
#[derive(Debug, Default)]
pub struct Operand {
    form: Form,
    rows: usize,
    cols: usize,
    codes: Buffer,
    scales: Buffer,
    /// How heads lie in the columns of queries.
    head: Head,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// `[⌈rows / width⌉][cols][width]`.
    F32 {
        /// Rows of a panel.
        width: usize,
    },
    Int8(Codes),
}

impl Default for Form {
    fn default() -> Self {
        Form::F32 { width: 1 }
    }
}

/// Where the codes of an operand lie: `[⌈rows / mr⌉][terms][k / chunk][mr][chunk]`, scales
/// `[terms][groups][rows, padded]`. Words count as two codes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codes {
    pub(super) grouping: Grouping,
    pub(super) terms: usize,
    /// Rows, with those that fill the last panel.
    rows: usize,
    mr: usize,
    chunk: usize,
    unsigned: bool,
    /// Whether the second term is the row in [words](crate::generic::words), two bytes each, and not what the first
    /// lost.
    words: bool,
}

impl Codes {
    pub(super) fn new(int8: Int8, grouping: Grouping, terms: usize, rows: usize) -> Self {
        let (mr, chunk, words) = (int8.mr, int8.chunk.min(grouping.k), int8.words.is_some() && terms > 1);
        Self { grouping, terms, rows: rows.next_multiple_of(mr), mr, chunk, unsigned: int8.unsigned, words }
    }

    /// Bytes of a panel of `mr` rows.
    pub(super) fn panel(&self) -> usize {
        (self.terms + usize::from(self.words)) * self.mr * self.grouping.k
    }

    /// Bytes of a number of one term.
    fn width(&self, term: usize) -> usize {
        if self.words && term == 1 { 2 } else { 1 }
    }

    /// Bytes between rows of a panel.
    pub(super) fn row(&self) -> usize {
        self.chunk
    }

    /// Bytes from the start of a panel to a group of one term.
    pub(super) fn group_at(&self, term: usize, group: usize) -> usize {
        self.code_at(0, term, group * self.grouping.len)
    }

    fn code_at(&self, row: usize, term: usize, p: usize) -> usize {
        let (mr, chunk, p) = (self.mr, self.chunk, p * self.width(term));
        row / mr * self.panel() + term * mr * self.grouping.k + p / chunk * mr * chunk + row % mr * chunk + p % chunk
    }

    /// Where the scales of one group of one term stand, one a row.
    pub(super) fn scales_at(&self, term: usize, group: usize) -> usize {
        (term * self.grouping.groups() + group) * self.rows
    }
}

impl Operand {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The numbers in a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes that are held.
    pub fn size_bytes(&self) -> u64 {
        (self.codes.bytes() + self.scales.bytes()) as u64
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Makes room for rows that are [`put`](Compute::put) afterwards.
    pub(super) fn shape(&mut self, form: Form, rows: usize, cols: usize) {
        (self.form, self.rows, self.cols) = (form, rows, cols);
        match form {
            Form::F32 { width } => {
                self.codes.floats(rows.next_multiple_of(width) * cols);
            }
            Form::Int8(codes) => {
                self.codes.floats(codes.rows / codes.mr * codes.panel() / 4);
                self.scales.floats(codes.terms * codes.grouping.groups() * codes.rows);
            }
        }
    }

    /// The interleaved floats.
    pub(super) fn floats(&self) -> &[f32] {
        self.codes.as_floats()
    }

    /// The codes, and their scales.
    pub(super) fn codes(&self) -> (*const u8, *const f32) {
        (self.codes.as_floats().as_ptr().cast(), self.scales.as_floats().as_ptr())
    }

    /// A handle through which tasks put disjoint parts.
    pub(super) fn share(&mut self) -> SharedOperand {
        let (form, rows, cols) = (self.form, self.rows, self.cols);
        SharedOperand { form, rows, cols, codes: self.codes.start(), scales: self.scales.start() }
    }
}

/// An operand that several tasks fill at once, each with rows or columns of its own.
///
/// It carries no lifetime: whoever makes one keeps the [`Operand`] borrowed until all tasks ended.
#[derive(Clone, Copy)]
pub(super) struct SharedOperand {
    form: Form,
    rows: usize,
    cols: usize,
    codes: *mut f32,
    scales: *mut f32,
}

// SAFETY: the pointers are only used by `Compute::put`, whose callers promise disjoint parts.
unsafe impl Send for SharedOperand {}
// SAFETY: as for Send.
unsafe impl Sync for SharedOperand {}

impl SharedOperand {
    /// What the first column of a part and the length of all but the last must be a multiple of.
    pub(super) fn column_step(&self) -> usize {
        match self.form {
            Form::F32 { .. } => 1,
            Form::Int8(codes) => codes.grouping.len,
        }
    }

    /// What the first row of a part must be a multiple of.
    pub(super) fn row_step(&self) -> usize {
        match self.form {
            Form::F32 { width } => width,
            Form::Int8(_) => 1,
        }
    }
}

impl Compute {
    /// The form of activations under the precision in force.
    pub(super) fn operand_form(&self, rows: usize, cols: usize, fine: bool) -> Form {
        match self.precision {
            Precision::Accurate => Form::F32 { width: self.kernels.f32.mr },
            Precision::Fast => {
                let terms = if fine { 2 } else { 1 };
                Form::Int8(Codes::new(self.kernels.int8, Grouping::of_product(cols), terms, rows))
            }
        }
    }

    /// Fills `to` from `input`, under the precision in force; `fine` asks for 16 bits where that is
    /// [`Precision::Fast`].
    ///
    /// # Panics
    /// When the parameters of a normalisation have other lengths than the rows.
    pub fn load(&self, input: Input<'_>, fine: bool, to: &mut Operand) {
        let x = input.rows();
        let form = self.operand_form(x.rows(), x.cols(), fine);
        self.load_as(form, input, to);
    }

    /// As [`load`](Self::load) under [`Precision::Accurate`].
    ///
    /// # Panics
    /// When the parameters of a normalisation have other lengths than the rows.
    pub fn load_accurate(&self, input: Input<'_>, to: &mut Operand) {
        self.load_as(Form::F32 { width: self.kernels.f32.mr }, input, to);
    }

    /// Makes room for an operand of products that other products or an attention then write; `fine` as for
    /// [`load`](Self::load).
    pub fn reserve(&self, to: &mut Operand, rows: usize, cols: usize, fine: bool) {
        to.shape(self.operand_form(rows, cols, fine), rows, cols);
    }

    /// Makes room for the queries of `heads` heads of `depth` numbers, which a product then writes.
    ///
    /// # Panics
    /// When `heads` or `depth` is 0.
    pub fn reserve_queries(&self, to: &mut Operand, rows: usize, heads: usize, depth: usize) {
        assert!(heads > 0 && depth > 0, "queries without heads");
        let (form, stride) = match self.precision {
            Precision::Accurate => (Form::F32 { width: self.kernels.f32.nr }, depth),
            Precision::Fast => {
                let grouping = Grouping::of_heads(heads, depth);
                (Form::Int8(Codes::new(self.kernels.int8, grouping, 1, rows)), grouping.len)
            }
        };
        to.head = Head { depth, stride };
        to.shape(form, rows, heads * stride);
    }

    /// As [`load`](Self::load) in a given form.
    pub(super) fn load_as(&self, form: Form, input: Input<'_>, to: &mut Operand) {
        let x = input.rows();
        let (rows, cols) = (x.rows(), x.cols());
        if let Input::Normed { weight, bias, .. } = input {
            assert_eq!((weight.len(), bias.len()), (cols, cols), "parameters of a normalisation");
        }
        to.shape(form, rows, cols);
        let shared = to.share();
        // Whole panels, and some of them: a task costs a microsecond.
        let step = shared.row_step().next_multiple_of(8).next_multiple_of(shared.row_step());
        self.pool.run(rows.div_ceil(step), |task| {
            let from = task * step;
            let count = step.min(rows - from);
            let mut scratch = self.scratch.take();
            let block = scratch.floats(count * cols);
            for (i, out) in block.chunks_exact_mut(cols.max(1)).enumerate() {
                self.read_row(input, from + i, out);
            }
            // SAFETY: each task puts its own rows, and `to` stays borrowed until all have ended.
            unsafe { self.put(shared, from, 0, block, (count, cols), cols) };
        });
    }

    fn read_row(&self, input: Input<'_>, i: usize, out: &mut [f32]) {
        match input {
            Input::Rows(x) => out.copy_from_slice(x.row(i)),
            Input::Normed { x, weight, bias, eps } => {
                // SAFETY: `kernels` checked the tier.
                unsafe { (self.kernels.layer_norm)(x.row(i), weight, bias, eps, out) }
            }
        }
    }

    /// Some rows of an operand as they were before they were interleaved, and, under [`Precision::Fast`], as their
    /// codes have them.
    pub(super) fn rows_of(&self, x: &Operand, rows: std::ops::Range<usize>) -> Vec<f32> {
        let cols = x.cols();
        let mut out = vec![0.0; rows.len() * cols];
        match x.form {
            Form::F32 { width } => {
                let (panels, len) = (x.floats(), width * cols);
                for (out, i) in out.chunks_exact_mut(cols.max(1)).zip(rows) {
                    let panel = &panels[i / width * len..][..len];
                    out.iter_mut().zip(panel[i % width..].iter().step_by(width)).for_each(|(out, x)| *out = *x);
                }
            }
            Form::Int8(codes) => {
                let Grouping { k, len, spread, .. } = codes.grouping;
                let (bytes, scales) = x.codes();
                let offset = if codes.unsigned { 128 } else { 0 };
                let mut row = vec![0.0; k];
                for (out, i) in out.chunks_exact_mut(cols.max(1)).zip(rows) {
                    row.fill(0.0);
                    // Words are the whole row, other second terms a part of it.
                    let terms = usize::from(codes.words)..codes.terms;
                    for (term, p) in terms.flat_map(|term| (0..k).map(move |p| (term, p))) {
                        let at = codes.scales_at(term, p / len) + i;
                        // SAFETY: the operand has this row; words need no alignment.
                        let (code, scale) = unsafe {
                            let code = bytes.add(codes.code_at(i, term, p));
                            let code = match codes.width(term) {
                                2 => f32::from(code.cast::<i16>().read_unaligned()),
                                _ => f32::from((*code).wrapping_sub(offset) as i8),
                            };
                            (code, *scales.add(at))
                        };
                        row[p] += code * scale * codes.grouping.correction();
                    }
                    if spread {
                        // SAFETY: `kernels` checked the tier.
                        unsafe { (self.kernels.spread)(&mut row, len) };
                    }
                    out.copy_from_slice(&row[..cols]);
                }
            }
        }
        out
    }

    /// Puts a block of numbers, `count` rows of `width` that start `stride` floats apart in `x`, at row
    /// `from` and column `column` of an operand. The contents of `x` are used up.
    ///
    /// # Safety
    /// The operand is still borrowed by whoever shared it, and no other task puts the same columns of the
    /// same rows.
    pub(super) unsafe fn put(
        &self,
        to: SharedOperand,
        from: usize,
        column: usize,
        x: &mut [f32],
        (count, width): (usize, usize),
        stride: usize,
    ) {
        assert!(from + count <= to.rows && column + width <= to.cols, "a part outside the operand");
        assert!(count == 0 || x.len() >= (count - 1) * stride + width);
        match to.form {
            Form::F32 { width: panel } => {
                // SAFETY: passed on to the caller.
                unsafe { self.put_floats(to, panel, (from, column), x, (count, width), stride) }
            }
            Form::Int8(codes) => {
                let mut scratch = self.scratch.take();
                let mut rest = scratch.floats(2 * codes.grouping.k + codes.grouping.groups());
                let row = cut(&mut rest, codes.grouping.k);
                // Padding, at the end of the last group or of each head, is zero.
                let padded = width.next_multiple_of(codes.grouping.len);
                for i in 0..count {
                    let x = &mut x[i * stride..][..width];
                    let row = if padded == width {
                        x
                    } else {
                        row[..width].copy_from_slice(x);
                        row[width..padded].fill(0.0);
                        &mut row[..padded]
                    };
                    // SAFETY: passed on to the caller.
                    unsafe { self.put_codes(to, &codes, from + i, column, row, rest) };
                }
            }
        }
    }

    /// # Safety
    /// As for [`put`](Self::put), which has checked the lengths.
    unsafe fn put_floats(
        &self,
        to: SharedOperand,
        panel: usize,
        (from, column): (usize, usize),
        x: &[f32],
        (count, width): (usize, usize),
        stride: usize,
    ) {
        assert!(from.is_multiple_of(panel), "a part that starts inside a panel");
        for i in (0..count).step_by(panel) {
            let rows = panel.min(count - i);
            // SAFETY: the part lies inside the operand, whose last panel is whole; other tasks put other columns or panels.
            let out = unsafe {
                let start = to.codes.add((from + i) * to.cols + column * panel);
                std::slice::from_raw_parts_mut(start, width * panel)
            };
            if rows < panel {
                out.fill(0.0);
            }
            self.transpose((&x[i * stride..], stride), (rows, width), (out, panel));
        }
    }

    /// Rounds one row's groups from `column` on. `row` is used up; `scratch` has room for as many codes, and a float
    /// for each group.
    ///
    /// # Safety
    /// As for [`put`](Self::put), which has checked the lengths.
    unsafe fn put_codes(
        &self,
        to: SharedOperand,
        codes: &Codes,
        i: usize,
        column: usize,
        row: &mut [f32],
        scratch: &mut [f32],
    ) {
        let Grouping { len, spread, .. } = codes.grouping;
        assert!(column.is_multiple_of(len), "a part that starts inside a group");
        // Only a row that is encoded once is spread on the way.
        let on_the_way = spread && codes.terms == 1;
        if spread && !on_the_way {
            // SAFETY: `kernels` checked the tier.
            unsafe { (self.kernels.spread)(row, len) };
        }
        let (groups, first) = (row.len() / len, column / len);
        for term in 0..codes.terms {
            // SAFETY: the row's scales and codes lie inside the operand, and no other task writes these
            // groups of it; any bytes are codes, and `scratch` is as long in bytes.
            unsafe {
                let (scales, line) = scratch.split_at_mut(groups);
                let line =
                    std::slice::from_raw_parts_mut(line.as_mut_ptr().cast::<u8>(), row.len() * codes.width(term));
                let offset = if codes.unsigned { 128 } else { 0 };
                let last = codes.words || term + 1 == codes.terms;
                if codes.width(term) == 2 {
                    words::encode(row, len, as_words(line), scales);
                } else {
                    let sums = &mut [];
                    let mut to = Encoded { codes: line, offset, scales, sums, spread: on_the_way, last };
                    (self.kernels.encode)(row, len, &mut to);
                }
                for (g, scale) in scales.iter().enumerate() {
                    *to.scales.add(codes.scales_at(term, first + g) + i) = *scale;
                }
                let start = to.codes.cast::<u8>().add(codes.code_at(i, term, column));
                place(line, start, codes.chunk, codes.mr);
            }
        }
    }
}

/// Floats' bytes as integers of 16 bits.
pub(super) fn as_words(bytes: &mut [u8]) -> &mut [i16] {
    // SAFETY: any bytes are integers; the middle part is aligned and inside the slice.
    let (before, words, after) = unsafe { bytes.align_to_mut() };
    assert!(before.is_empty() && after.is_empty(), "bytes that start where a float does");
    words
}
