//! Where the results of a product go.

use super::Compute;
use super::keys::{Keys, SharedKeys};
use super::operand::{Operand, SharedOperand};
use super::values::{SharedValues, Values};
use crate::view::{Rows, RowsMut, SharedRows};

/// The place of a product's results, m rows of n.
#[derive(Debug)]
pub enum Out<'a> {
    /// Rows of floats.
    Rows(RowsMut<'a>),
    /// The operand of a further product; see [`Compute::reserve`].
    Operand(&'a mut Operand),
    /// The queries of an attention; see [`Compute::reserve_queries`].
    Queries(&'a mut Operand),
    /// The keys of an attention.
    Keys(&'a mut Keys),
    /// The values of an attention.
    Values(&'a mut Values),
}

impl<'a> From<RowsMut<'a>> for Out<'a> {
    fn from(rows: RowsMut<'a>) -> Self {
        Out::Rows(rows)
    }
}

impl<'a> From<&'a mut Operand> for Out<'a> {
    fn from(x: &'a mut Operand) -> Self {
        Out::Operand(x)
    }
}

impl<'a> From<&'a mut Keys> for Out<'a> {
    fn from(keys: &'a mut Keys) -> Self {
        Out::Keys(keys)
    }
}

impl<'a> From<&'a mut Values> for Out<'a> {
    fn from(values: &'a mut Values) -> Self {
        Out::Values(values)
    }
}

impl Out<'_> {
    /// Rows and columns.
    pub(super) fn shape(&self) -> (usize, usize) {
        match self {
            Out::Rows(rows) => (rows.rows(), rows.cols()),
            Out::Operand(x) => (x.rows(), x.cols()),
            Out::Queries(x) => (x.rows(), x.cols() / x.head().stride.max(1) * x.head().depth),
            Out::Keys(keys) => (keys.len(), keys.width()),
            Out::Values(values) => (values.len(), values.width()),
        }
    }

    pub(super) fn share(&mut self, compute: &Compute, add: bool) -> SharedOut {
        assert!(!add || matches!(self, Out::Rows(_)), "only rows of floats can be added to");
        match self {
            Out::Rows(rows) => SharedOut::Rows(rows.share(), add),
            Out::Operand(x) => SharedOut::Operand(x.share()),
            Out::Queries(x) => SharedOut::Queries(x.share(), x.head()),
            Out::Keys(keys) => SharedOut::Keys(keys.share(compute)),
            Out::Values(values) => SharedOut::Values(values.share(compute)),
        }
    }
}

/// An [`Out`] that several tasks write, each its own columns.
#[derive(Clone, Copy)]
pub(super) enum SharedOut {
    Rows(SharedRows, bool),
    Operand(SharedOperand),
    Queries(SharedOperand, Head),
    Keys(SharedKeys),
    Values(SharedValues),
}

/// Floats of a head, and columns from one head to the next in an operand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) depth: usize,
    pub(super) stride: usize,
}

impl SharedOut {
    /// What the first column of a part must be a multiple of.
    pub(super) fn column_step(&self) -> usize {
        match self {
            SharedOut::Rows(..) => 1,
            SharedOut::Operand(x) => x.column_step(),
            SharedOut::Queries(_, head) => head.depth,
            SharedOut::Keys(keys) => keys.depth(),
            SharedOut::Values(values) => values.depth(),
        }
    }

    /// What the first row of a part must be a multiple of.
    pub(super) fn row_step(&self) -> usize {
        match self {
            SharedOut::Rows(..) => 1,
            SharedOut::Operand(x) | SharedOut::Queries(x, _) => x.row_step(),
            SharedOut::Keys(keys) => keys.row_step(),
            SharedOut::Values(values) => values.row_step(),
        }
    }
}

impl Compute {
    /// Puts rows where the results of a product would go.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn store(&self, x: Rows<'_>, mut out: Out<'_>) {
        let (rows, width) = (x.rows(), x.cols());
        assert_eq!(out.shape(), (rows, width), "store: output");
        let shared = out.share(self, false);
        let mut block = Vec::new();
        let step = shared.row_step();
        for from in (0..rows).step_by(step) {
            let count = step.min(rows - from);
            block.clear();
            (from..from + count).for_each(|i| block.extend_from_slice(x.row(i)));
            // SAFETY: nobody else writes the output, which is borrowed.
            unsafe { self.put_out(shared, (from, count), (0, width), &mut block, width) };
        }
    }

    /// Puts a block of finished results, rows `stride` apart in `c`, at row `from` and column `column`. The
    /// contents of `c` are used up.
    ///
    /// # Safety
    /// The output is still borrowed by whoever shared it, and no other task writes these columns.
    pub(super) unsafe fn put_out(
        &self,
        out: SharedOut,
        (from, rows): (usize, usize),
        (column, width): (usize, usize),
        c: &mut [f32],
        stride: usize,
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            match out {
                SharedOut::Rows(out, add) => {
                    for i in 0..rows {
                        let (out, sums) = (out.part(from + i, column, width), &c[i * stride..][..width]);
                        if add {
                            (self.kernels.add)(sums, out);
                        } else {
                            out.copy_from_slice(sums);
                        }
                    }
                }
                SharedOut::Operand(x) => self.put(x, from, column, c, (rows, width), stride),
                SharedOut::Queries(x, head) => {
                    for at in (0..width).step_by(head.depth) {
                        let place = (column + at) / head.depth * head.stride;
                        self.put(x, from, place, &mut c[at..], (rows, head.depth), stride);
                    }
                }
                SharedOut::Keys(keys) => self.put_keys(keys, from, column, c, (rows, width), stride),
                SharedOut::Values(values) => self.put_values(values, from, column, c, (rows, width), stride),
            }
        }
    }
}
