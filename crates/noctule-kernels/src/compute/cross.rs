//! The decoder's cross-attention to the encoder's output.

use super::Compute;
use crate::buffer::cut;
use crate::generic::cross::{Cross, TILE};
use crate::view::{Rows, RowsMut};

/// One layer's cross-attention keys and values, as IEEE binary16 in the order in which every
/// decoded token reads them.
///
/// Keys are transposed in tiles of 16 positions, `[head][⌈t / 16⌉][depth][16]`; values are
/// `[head][t][depth]`. A head's floats are padded with zeros to a multiple of 16.
#[derive(Clone, Debug)]
pub struct CrossKv {
    heads: usize,
    depth: usize,
    t: usize,
    keys: Vec<u16>,
    values: Vec<u16>,
}

impl CrossKv {
    /// Room for `heads` heads of `depth` floats, without positions yet.
    ///
    /// # Panics
    /// When `heads` or `depth` is 0.
    pub fn new(heads: usize, depth: usize) -> Self {
        assert!(heads > 0 && depth > 0, "cross-attention without heads");
        Self { heads, depth, t: 0, keys: Vec::new(), values: Vec::new() }
    }

    /// Bytes of keys and values as they are held.
    pub fn size_bytes(&self) -> u64 {
        ((self.keys.capacity() + self.values.capacity()) * size_of::<u16>()) as u64
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

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        (self.keys.capacity() + self.values.capacity()) * size_of::<u16>()
    }

    /// Forgets all positions; the memory is kept for the next [`pack`](Self::pack).
    pub fn clear(&mut self) {
        self.t = 0;
    }

    fn padded_depth(&self) -> usize {
        self.depth.next_multiple_of(16)
    }

    /// Replaces the contents by `k` and `v`, both t × (heads · depth), rounded to binary16.
    ///
    /// # Panics
    /// When shapes do not fit together.
    pub fn pack(&mut self, compute: &Compute, k: Rows<'_>, v: Rows<'_>) {
        let width = self.heads * self.depth;
        assert_eq!((k.cols(), v.cols()), (width, width), "cross keys and values");
        assert_eq!(k.rows(), v.rows(), "cross keys and values");
        let (t, depth, padded) = (k.rows(), self.depth, self.padded_depth());
        self.t = t;
        let tiles = t.div_ceil(TILE);
        self.keys.resize(self.heads * tiles * TILE * padded, 0);
        self.values.resize(self.heads * t * padded, 0);
        compute.par_chunks_mut(&mut self.keys, TILE * padded, |task, tile| {
            let (head, first) = (task / tiles, task % tiles * TILE);
            let mut scratch = compute.scratch.take();
            let transposed = scratch.floats(TILE * padded);
            transposed.fill(0.0);
            for j in 0..TILE.min(t - first) {
                let row = &k.row(first + j)[head * depth..][..depth];
                for (to, &x) in transposed[j..].iter_mut().step_by(TILE).zip(row) {
                    *to = x;
                }
            }
            // SAFETY: `kernels` checked the tier.
            unsafe { (compute.kernels.to_f16)(transposed, tile) };
        });
        compute.par_chunks_mut(&mut self.values, (t * padded).max(1), |head, values| {
            for (i, to) in values.chunks_exact_mut(padded).enumerate() {
                let (to, padding) = to.split_at_mut(depth);
                // SAFETY: `kernels` checked the tier.
                unsafe { (compute.kernels.to_f16)(&v.row(i)[head * depth..][..depth], to) };
                padding.fill(0);
            }
        });
    }
}

/// Where the softmax weights of some heads go, for the alignment of words.
#[derive(Debug)]
pub struct CrossWeights<'a> {
    /// The heads that are wanted.
    pub heads: &'a [usize],
    /// `[head][row][t]`, in the order of `heads`.
    pub out: &'a mut [f32],
}

/// A pointer that tasks write disjoint parts through.
#[derive(Clone, Copy)]
struct SharedFloats(*mut f32);
// SAFETY: each task writes its own head's part.
unsafe impl Send for SharedFloats {}
// SAFETY: as for Send.
unsafe impl Sync for SharedFloats {}

impl SharedFloats {
    /// # Safety
    /// `from + len` floats exist and no other live slice covers any of these.
    unsafe fn part<'a>(self, from: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: passed on to the caller.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(from), len) }
    }
}

impl Compute {
    /// Cross-attention of all rows of `q` (beams, or the tokens of a prompt) in one pass over the
    /// keys and values: softmax(q · kᵀ / √depth) · v for each head, sums in `f32`.
    ///
    /// `q` and `out` are m × (heads · depth). `weights` asks for the softmax weights of some heads.
    ///
    /// # Panics
    /// When shapes do not fit together or a wanted head does not exist.
    pub fn attention_cross(&self, q: Rows<'_>, kv: &CrossKv, mut out: RowsMut<'_>, weights: Option<CrossWeights<'_>>) {
        let (m, t, heads, depth) = (q.rows(), kv.t, kv.heads, kv.depth);
        let width = heads * depth;
        assert_eq!(q.cols(), width, "attention_cross: queries");
        assert_eq!((out.rows(), out.cols()), (m, width), "attention_cross: output");
        let (wanted, wanted_out) = match weights {
            Some(weights) => {
                let len = weights.heads.len() * m * t;
                assert_eq!(weights.out.len(), len, "attention_cross: weights");
                assert!(weights.heads.iter().all(|&head| head < heads));
                (weights.heads, weights.out)
            }
            None => (&[][..], &mut [][..]),
        };
        let wanted_out = SharedFloats(wanted_out.as_mut_ptr());
        let padded = kv.padded_depth();
        let tiled = t.next_multiple_of(TILE);
        let out = out.share();
        self.pool.run(heads, |head| {
            let mut scratch = self.scratch.take();
            let mut rest = scratch.floats(m * (2 * padded + tiled));
            let queries = cut(&mut rest, m * padded);
            let result = cut(&mut rest, m * padded);
            let scale = 1.0 / (depth as f32).sqrt();
            for (i, to) in queries.chunks_exact_mut(padded).enumerate() {
                let (to, padding) = to.split_at_mut(depth);
                let row = &q.row(i)[head * depth..][..depth];
                to.iter_mut().zip(row).for_each(|(to, &x)| *to = scale * x);
                padding.fill(0.0);
            }
            let input = Cross {
                q: queries,
                rows: m,
                depth: padded,
                t,
                k: &kv.keys[head * tiled * padded..][..tiled * padded],
                v: &kv.values[head * t * padded..][..t * padded],
            };
            // SAFETY: `kernels` checked the tier.
            unsafe { (self.kernels.cross)(&input, rest, result) };
            for i in 0..m {
                // SAFETY: each task owns its head's columns, and the output stays borrowed until
                // the operation ends.
                let to = unsafe { out.part(i, head * depth, depth) };
                to.copy_from_slice(&result[i * padded..][..depth]);
            }
            for (place, _) in wanted.iter().enumerate().filter(|&(_, &h)| h == head) {
                for i in 0..m {
                    // SAFETY: the length was checked, and each task owns its head's places.
                    let to = unsafe { wanted_out.part((place * m + i) * t, t) };
                    to.copy_from_slice(&rest[i * tiled..][..t]);
                }
            }
        });
    }
}
