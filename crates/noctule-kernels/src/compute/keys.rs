//! Keys of an attention, in the order in which queries meet them.

use super::columns::{Against, Columns, Packed};
use super::grouping::Grouping;
use super::{Compute, Precision};
use crate::buffer::{Buffer, cut};
use crate::generic::cross::TILE;
use crate::generic::weigh::KEYS;

/// The keys of some positions, all heads.
///
/// What rounds them: nothing in the encoder and binary16 in the decoder under [`Precision::Accurate`], 8 bits with
/// a scale for 64 positions of a head under [`Precision::Fast`]. Before that the mean of the first 64 keys of a head is taken away
/// from all of them: much of a key is the same at every position, and what one query has with it adds the same to all its
/// scores, which a softmax does not see. Source: J. Zhang et al., "SageAttention", arXiv:2410.02367.
#[derive(Debug)]
pub struct Keys {
    heads: usize,
    depth: usize,
    t: usize,
    form: KeyForm,
    buffer: Buffer,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum KeyForm {
    /// `[⌈t / mr⌉][heads · depth][mr]`.
    F32 { mr: usize },
    /// `[heads][⌈t / 16⌉][depth, padded to 16][16]`.
    F16,
    /// For each head columns, one a position, and behind them what was taken away from all.
    Int8(Columns),
}

impl Keys {
    /// Room for `heads` heads of `depth` numbers, without positions yet.
    ///
    /// # Panics
    /// When `heads` or `depth` is 0.
    pub fn new(heads: usize, depth: usize) -> Self {
        assert!(heads > 0 && depth > 0, "keys without heads");
        Self { heads, depth, t: 0, form: KeyForm::F16, buffer: Buffer::default() }
    }

    /// The number of positions.
    pub fn len(&self) -> usize {
        self.t
    }

    /// Whether there are no positions.
    pub fn is_empty(&self) -> bool {
        self.t == 0
    }

    /// The number of heads.
    pub fn heads(&self) -> usize {
        self.heads
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

    pub(super) fn form(&self) -> KeyForm {
        self.form
    }

    /// Floats of one head, or of all heads where they share a row.
    fn len_of_head(&self) -> usize {
        match self.form {
            KeyForm::F32 { mr } => self.t.next_multiple_of(mr) * self.width(),
            KeyForm::F16 => self.t.next_multiple_of(TILE) * self.depth.next_multiple_of(16) / 2,
            KeyForm::Int8(columns) => {
                let (codes, scales) = columns.lens(self.padded());
                codes + 2 * scales + self.depth
            }
        }
    }

    /// Positions with those that fill the last block of 64.
    pub(super) fn padded(&self) -> usize {
        self.t.next_multiple_of(KEYS)
    }

    /// Everything of one head.
    pub(super) fn head(&self, head: usize) -> &[f32] {
        let len = self.len_of_head();
        &self.buffer.as_floats()[head * len..][..len]
    }

    /// The packed columns of one head.
    pub(super) fn packed(&self, columns: &Columns, head: usize) -> Packed {
        columns.place_shared(self.padded(), self.head(head))
    }

    fn shape(&mut self, form: KeyForm, t: usize) {
        (self.form, self.t) = (form, t);
        let heads = if matches!(form, KeyForm::F32 { .. }) { 1 } else { self.heads };
        self.buffer.floats(heads * self.len_of_head());
    }

    pub(super) fn share(&mut self, compute: &Compute) -> SharedKeys {
        let (len, padded) = (self.len_of_head(), self.padded());
        if let KeyForm::Int8(columns) = self.form {
            // Positions that fill the last block count as keys of zeros, which are given no weight.
            let mut rest = self.buffer.floats(self.heads * len);
            for _ in 0..self.heads {
                let packed = columns.place(padded, &mut cut(&mut rest, len));
                // SAFETY: no task has begun.
                unsafe { compute.pack_nothing(&columns, packed, self.t..padded) };
            }
        }
        let (heads, depth, t, form) = (self.heads, self.depth, self.t, self.form);
        SharedKeys { heads, depth, t, form, len, at: self.buffer.start() }
    }
}

/// Keys that several tasks write, each its own heads.
#[derive(Clone, Copy)]
pub(super) struct SharedKeys {
    heads: usize,
    depth: usize,
    t: usize,
    form: KeyForm,
    /// Floats of a head, or of all where they share rows.
    len: usize,
    at: *mut f32,
}

// SAFETY: the pointer is only used by `put_keys`, whose callers promise disjoint parts.
unsafe impl Send for SharedKeys {}
// SAFETY: as for Send.
unsafe impl Sync for SharedKeys {}

impl SharedKeys {
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn row_step(&self) -> usize {
        match self.form {
            KeyForm::F32 { mr } => mr,
            KeyForm::F16 => TILE,
            KeyForm::Int8(_) => KEYS,
        }
    }
}

impl Compute {
    /// Makes room for the keys of `t` positions of the encoder, which a product then writes.
    pub fn reserve_keys(&self, keys: &mut Keys, t: usize) {
        let form = match self.precision {
            Precision::Accurate => KeyForm::F32 { mr: self.kernels.f32.mr },
            Precision::Fast => KeyForm::Int8(self.key_columns(keys.depth)),
        };
        keys.shape(form, t);
    }

    /// As [`reserve_keys`](Self::reserve_keys) for the decoder's attention to the audio.
    pub fn reserve_cross_keys(&self, keys: &mut Keys, t: usize) {
        let form = match self.precision {
            Precision::Accurate => KeyForm::F16,
            Precision::Fast => KeyForm::Int8(self.key_columns(keys.depth)),
        };
        keys.shape(form, t);
    }

    fn key_columns(&self, depth: usize) -> Columns {
        Columns::new(self.kernels.int8, Grouping::of_heads(1, depth), 1, Against::Rows)
    }

    /// Puts the keys of `rows` positions from `from` on, of the heads in columns `column..column + width`,
    /// `stride` floats apart in `x`, which is used up.
    ///
    /// # Safety
    /// The keys are still borrowed by whoever shared them, and no other task writes these heads.
    pub(super) unsafe fn put_keys(
        &self,
        to: SharedKeys,
        from: usize,
        column: usize,
        x: &mut [f32],
        (rows, width): (usize, usize),
        stride: usize,
    ) {
        let depth = to.depth;
        assert!(from + rows <= to.t && column + width <= to.heads * depth, "keys outside");
        assert!(column.is_multiple_of(depth) && width.is_multiple_of(depth), "parts of heads");
        for at in (0..width).step_by(depth) {
            let head = (column + at) / depth;
            // SAFETY: passed on to the caller; every access lies inside the buffer, which has room for `t` positions.
            unsafe {
                match to.form {
                    KeyForm::F32 { mr } => {
                        for i in (0..rows).step_by(mr) {
                            let start = to.at.add((from + i) * to.heads * depth + head * depth * mr);
                            let panel = std::slice::from_raw_parts_mut(start, depth * mr);
                            if rows - i < mr {
                                panel.fill(0.0);
                            }
                            let part = (mr.min(rows - i), depth);
                            self.transpose((&x[i * stride + at..], stride), part, (panel, mr));
                        }
                    }
                    KeyForm::F16 => self.put_half_keys(to, head, from, &x[at..], rows, stride),
                    KeyForm::Int8(columns) => {
                        let mut place = std::slice::from_raw_parts_mut(to.at.add(head * to.len), to.len);
                        let packed = columns.place(to.t.next_multiple_of(KEYS), &mut place);
                        if from == 0 {
                            mean(&x[at..], rows.min(KEYS), stride, &mut place[..depth]);
                        }
                        self.pack_keys(&columns, packed, &place[..depth], from, &x[at..], rows, stride);
                    }
                }
            }
        }
    }

    /// `mean` is taken away from each.
    ///
    /// # Safety
    /// As for [`put_keys`](Self::put_keys), which has checked the places.
    #[allow(clippy::too_many_arguments)]
    unsafe fn pack_keys(
        &self,
        columns: &Columns,
        packed: Packed,
        mean: &[f32],
        from: usize,
        x: &[f32],
        rows: usize,
        stride: usize,
    ) {
        assert!(from.is_multiple_of(KEYS), "keys from the middle of a block");
        let k = columns.grouping.k;
        let mut scratch = self.scratch.take();
        let mut rest = scratch.floats(2 * KEYS * k);
        let block = cut(&mut rest, KEYS * k);
        for i in (0..rows).step_by(KEYS) {
            let count = KEYS.min(rows - i);
            for (j, to) in block.chunks_exact_mut(k).take(count).enumerate() {
                let (to, padding) = to.split_at_mut(mean.len());
                for ((to, x), mean) in to.iter_mut().zip(&x[(i + j) * stride..]).zip(mean) {
                    *to = x - mean;
                }
                padding.fill(0.0);
            }
            // SAFETY: passed on to the caller; the head has room for these positions.
            unsafe { self.pack_columns_together(columns, packed, (from + i, count), &mut block[..count * k], rest) };
        }
    }

    /// # Safety
    /// As for [`put_keys`](Self::put_keys), which has checked the places.
    unsafe fn put_half_keys(&self, to: SharedKeys, head: usize, from: usize, x: &[f32], rows: usize, stride: usize) {
        let padded = to.depth.next_multiple_of(16);
        let mut scratch = self.scratch.take();
        let tile = scratch.floats(TILE * padded);
        for i in (0..rows).step_by(TILE) {
            tile.fill(0.0);
            let part = (TILE.min(rows - i), to.depth);
            self.transpose((&x[i * stride..], stride), part, (&mut tile[..TILE * to.depth], TILE));
            // SAFETY: `kernels` checked the tier; the tile lies inside the head.
            unsafe {
                let start = to.at.add(head * to.len).cast::<u16>().add((from + i) * padded);
                (self.kernels.to_f16)(tile, std::slice::from_raw_parts_mut(start, TILE * padded));
            }
        }
    }
}

/// The mean of `rows` rows, `stride` floats apart.
fn mean(x: &[f32], rows: usize, stride: usize, mean: &mut [f32]) {
    mean.fill(0.0);
    for row in x.chunks(stride).take(rows) {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x);
    }
    mean.iter_mut().for_each(|mean| *mean /= rows as f32);
}
