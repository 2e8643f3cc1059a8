//! Values of an attention, in the order in which softmax weights meet them.

use super::columns::{Against, Columns, Packed, TOGETHER};
use super::grouping::Grouping;
use super::{Compute, Precision};
use crate::buffer::{Buffer, cut};
use crate::generic::weigh::KEYS;

/// The values of some positions, all heads.
///
/// What rounds them: nothing in the encoder and binary16 in the decoder under [`Precision::Accurate`], 8 bits with
/// a scale for each number of a head and 64 positions under [`Precision::Fast`].
#[derive(Debug)]
pub struct Values {
    heads: usize,
    depth: usize,
    t: usize,
    form: ValueForm,
    buffer: Buffer,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ValueForm {
    /// `[heads][⌈depth / mr⌉][t][mr]`.
    F32 { mr: usize },
    /// `[heads][t][depth, padded to 16]`.
    F16,
    /// For each head and 64 positions columns, one a number of the head.
    Int8(Columns),
}

impl Values {
    /// Room for `heads` heads of `depth` numbers, without positions yet.
    ///
    /// # Panics
    /// When `heads` or `depth` is 0.
    pub fn new(heads: usize, depth: usize) -> Self {
        assert!(heads > 0 && depth > 0, "values without heads");
        Self { heads, depth, t: 0, form: ValueForm::F16, buffer: Buffer::default() }
    }

    /// The number of positions.
    pub fn len(&self) -> usize {
        self.t
    }

    /// Whether there are no positions.
    pub fn is_empty(&self) -> bool {
        self.t == 0
    }

    /// Numbers of all heads of a position.
    pub fn width(&self) -> usize {
        self.heads * self.depth
    }

    /// Bytes that are held.
    pub fn size_bytes(&self) -> u64 {
        self.buffer.bytes() as u64
    }

    /// Forgets all positions and gives the memory back.
    pub fn release(&mut self) {
        self.t = 0;
        self.buffer.release();
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn form(&self) -> ValueForm {
        self.form
    }

    fn len_of_head(&self) -> usize {
        match self.form {
            ValueForm::F32 { mr } => self.t * self.depth.next_multiple_of(mr),
            ValueForm::F16 => self.t * self.depth.next_multiple_of(16) / 2,
            ValueForm::Int8(columns) => self.t.div_ceil(KEYS) * len_of_block(&columns, self.depth),
        }
    }

    /// Everything of one head.
    pub(super) fn head(&self, head: usize) -> &[f32] {
        let len = self.len_of_head();
        &self.buffer.as_floats()[head * len..][..len]
    }

    /// The packed columns of one head and block of 64 positions.
    pub(super) fn packed(&self, columns: &Columns, head: usize, block: usize) -> Packed {
        let len = len_of_block(columns, self.depth);
        columns.place_shared(self.depth, &self.head(head)[block * len..][..len])
    }

    fn shape(&mut self, form: ValueForm, t: usize) {
        (self.form, self.t) = (form, t);
        self.buffer.floats(self.heads * self.len_of_head());
    }

    pub(super) fn share(&mut self, _: &Compute) -> SharedValues {
        let (heads, depth, t, form, len) = (self.heads, self.depth, self.t, self.form, self.len_of_head());
        SharedValues { heads, depth, t, form, len, at: self.buffer.start() }
    }
}

/// Floats of the columns of one block of positions.
fn len_of_block(columns: &Columns, depth: usize) -> usize {
    let (codes, scales) = columns.lens(depth);
    codes + 2 * scales
}

/// Values that several tasks write, each its own heads.
#[derive(Clone, Copy)]
pub(super) struct SharedValues {
    heads: usize,
    depth: usize,
    t: usize,
    form: ValueForm,
    /// Floats of a head.
    len: usize,
    at: *mut f32,
}

// SAFETY: the pointer is only used by `put_values`, whose callers promise disjoint parts.
unsafe impl Send for SharedValues {}
// SAFETY: as for Send.
unsafe impl Sync for SharedValues {}

impl SharedValues {
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn row_step(&self) -> usize {
        match self.form {
            ValueForm::Int8(_) => KEYS,
            _ => 1,
        }
    }
}

impl Compute {
    /// Makes room for the values of `t` positions of the encoder, which a product then writes.
    pub fn reserve_values(&self, values: &mut Values, t: usize) {
        let form = match self.precision {
            Precision::Accurate => ValueForm::F32 { mr: self.kernels.f32.mr },
            Precision::Fast => ValueForm::Int8(self.value_columns()),
        };
        values.shape(form, t);
    }

    /// As [`reserve_values`](Self::reserve_values) for the decoder's attention to the audio.
    pub fn reserve_cross_values(&self, values: &mut Values, t: usize) {
        let form = match self.precision {
            Precision::Accurate => ValueForm::F16,
            Precision::Fast => ValueForm::Int8(self.value_columns()),
        };
        values.shape(form, t);
    }

    fn value_columns(&self) -> Columns {
        Columns::new(self.kernels.int8, Grouping::whole(KEYS), 1, Against::Weights)
    }

    /// Puts the values of `rows` positions from `from` on, of the heads in columns `column..column + width`,
    /// `stride` floats apart in `x`.
    ///
    /// # Safety
    /// The values are still borrowed by whoever shared them, and no other task writes these heads.
    pub(super) unsafe fn put_values(
        &self,
        to: SharedValues,
        from: usize,
        column: usize,
        x: &[f32],
        (rows, width): (usize, usize),
        stride: usize,
    ) {
        let depth = to.depth;
        assert!(from + rows <= to.t && column + width <= to.heads * depth, "values outside");
        assert!(column.is_multiple_of(depth) && width.is_multiple_of(depth), "parts of heads");
        for at in (0..width).step_by(depth) {
            let head = (column + at) / depth;
            let x = &x[at..];
            // SAFETY: passed on to the caller; the head lies inside the buffer.
            let place = unsafe { std::slice::from_raw_parts_mut(to.at.add(head * to.len), to.len) };
            match to.form {
                ValueForm::F32 { mr } => {
                    for (part, place) in place.chunks_exact_mut(to.t * mr).enumerate() {
                        let count = mr.min(depth - part * mr);
                        for i in 0..rows {
                            let (out, padding) = place[(from + i) * mr..][..mr].split_at_mut(count);
                            out.copy_from_slice(&x[i * stride + part * mr..][..count]);
                            padding.fill(0.0);
                        }
                    }
                }
                ValueForm::F16 => {
                    let padded = depth.next_multiple_of(16);
                    for i in 0..rows {
                        // SAFETY: `kernels` checked the tier; the position lies inside the head.
                        unsafe {
                            let start = place.as_mut_ptr().cast::<u16>().add((from + i) * padded);
                            let (out, padding) = std::slice::from_raw_parts_mut(start, padded).split_at_mut(depth);
                            (self.kernels.to_f16)(&x[i * stride..][..depth], out);
                            padding.fill(0);
                        }
                    }
                }
                // SAFETY: passed on to the caller.
                ValueForm::Int8(columns) => unsafe { self.pack_values(&columns, depth, place, from, x, rows, stride) },
            }
        }
    }

    /// # Safety
    /// As for [`put_values`](Self::put_values).
    #[allow(clippy::too_many_arguments)]
    unsafe fn pack_values(
        &self,
        columns: &Columns,
        depth: usize,
        place: &mut [f32],
        from: usize,
        x: &[f32],
        rows: usize,
        stride: usize,
    ) {
        assert!(from.is_multiple_of(KEYS), "values from the middle of a block");
        let len = len_of_block(columns, depth);
        let mut scratch = self.scratch.take();
        let mut rest = scratch.floats(depth * KEYS + columns.scratch());
        let turned = cut(&mut rest, depth * KEYS);
        for i in (0..rows).step_by(KEYS) {
            let count = KEYS.min(rows - i);
            if count < KEYS {
                turned.fill(0.0);
            }
            self.transpose((&x[i * stride..], stride), (count, depth), (turned, KEYS));
            let packed = columns.place(depth, &mut &mut place[(from + i) / KEYS * len..][..len]);
            for d in (0..depth).step_by(TOGETHER) {
                let read = |r: usize, x: &mut [f32]| x.copy_from_slice(&turned[(d + r) * KEYS..][..KEYS]);
                // SAFETY: passed on to the caller; the block has room for `depth` columns.
                unsafe { self.pack_columns(columns, packed, (d, TOGETHER.min(depth - d)), read, rest) };
            }
            // SAFETY: as above.
            unsafe { self.pack_nothing(columns, packed, depth..columns.padded(depth)) };
        }
    }
}
