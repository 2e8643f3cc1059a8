//! The operations that the encoder and the decoder are made of, each split over the threads.
//!
//! Rows of `f32` and packed weights enter, rows of `f32` leave. Work is split over outputs, never
//! along a sum, so a result has the same bits for every number of threads.

mod attention;
mod cells;
mod columns;
mod cross;
mod gemv;
mod grouping;
mod keys;
mod linear;
mod many;
mod observer;
mod operand;
mod out;
mod rounded;
mod values;

pub use cross::CrossWeights;
pub use keys::Keys;
pub use linear::{Activation, Product};
pub use observer::Observer;
pub use operand::{Input, Operand};
pub use out::Out;
pub use values::Values;

use crate::buffer::Buffers;
use crate::cpu::{Caches, Tier};
use crate::generic::transpose::Transpose;
use crate::pool::Pool;
use crate::streams::Streams;
use crate::table::{Kernels, kernels};
use crate::view::{Rows, RowsMut};
use std::sync::{Arc, Mutex, PoisonError};

/// How activations meet quantised weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// The file's weights times unrounded activations, in `f32`.
    Accurate,
    /// Integers and exact integer sums. In the encoder ([`Compute::multiply`], [`Compute::attention`]) both operands
    /// have 8 bits in groups of up to 256; in the decoder ([`Compute::linear`]) activations have 16 bits and quantised
    /// weights those of the file.
    Fast,
}

impl Precision {
    /// `accurate` or `fast`.
    pub const fn name(self) -> &'static str {
        match self {
            Precision::Accurate => "accurate",
            Precision::Fast => "fast",
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The processor's kernels, the threads that run them and the scratch memory that they reuse.
///
/// It may be shared between threads; operations then take turns.
pub struct Compute {
    kernels: Kernels,
    pool: Pool,
    precision: Precision,
    /// Scratch of single tasks.
    scratch: Buffers,
    /// Operands that all tasks of an operation share.
    operands: Buffers,
    /// Operands that nobody uses at the moment.
    spare: Mutex<Vec<Operand>>,
    observer: Option<Arc<dyn Observer>>,
    caches: Caches,
}

/// While it lives fewer threads work, see [`Compute::fewer`].
#[must_use]
pub struct Fewer<'a> {
    pool: &'a Pool,
    before: usize,
}

impl Drop for Fewer<'_> {
    fn drop(&mut self) {
        self.pool.limit(self.before);
    }
}

impl std::fmt::Debug for Compute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compute")
            .field("tier", &self.tier())
            .field("threads", &self.threads())
            .field("precision", &self.precision)
            .finish_non_exhaustive()
    }
}

impl Compute {
    /// Starts `threads` threads, the caller of an operation being one of them, with the kernels of
    /// `tier`.
    ///
    /// # Panics
    /// When this processor lacks the tier ([`Tier::is_available`]).
    pub fn new(tier: Tier, threads: usize, precision: Precision) -> Self {
        let kernels = kernels(tier).unwrap_or_else(|| panic!("this processor lacks the instructions of {tier}"));
        Self {
            kernels,
            pool: Pool::new(threads.max(1)),
            precision,
            scratch: Buffers::default(),
            operands: Buffers::default(),
            spare: Mutex::default(),
            observer: None,
            caches: Caches::detect(),
        }
    }

    /// Reads weights so from now on, in place of what [`Streams::of`] says; tiers that know one way keep to it.
    pub fn set_streams(&mut self, streams: Streams) {
        self.kernels.streams = streams;
    }

    /// The kernels in use.
    pub fn tier(&self) -> Tier {
        self.kernels.tier
    }

    /// The threads that work on an operation, the caller included.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Lets at most `threads` work on operations until the guard is dropped.
    pub fn fewer(&self, threads: usize) -> Fewer<'_> {
        Fewer { pool: &self.pool, before: self.pool.limit(threads) }
    }

    /// Gives scratch memory back; the next operations take it anew.
    pub fn release(&self) {
        self.scratch.release();
        self.operands.release();
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How activations meet quantised weights.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Layer normalisation: each row minus its mean, over √(variance + `eps`), times `weight`, plus
    /// `bias`. Two passes with sums in `f64`; source: Ba, Kiros and Hinton, arXiv:1607.06450.
    ///
    /// `x` and `out` are rows × `weight.len()`.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn layer_norm(&self, x: Rows<'_>, weight: &[f32], bias: &[f32], eps: f32, mut out: RowsMut<'_>) {
        let cols = x.cols();
        assert_eq!((out.rows(), out.cols()), (x.rows(), cols), "layer_norm: output");
        assert_eq!((weight.len(), bias.len()), (cols, cols), "layer_norm: parameters");
        let out = out.share();
        self.par_rows(x.rows(), cols, |i| {
            // SAFETY: `kernels` checked the tier; each task writes its own rows.
            unsafe { (self.kernels.layer_norm)(x.row(i), weight, bias, eps, out.part(i, 0, cols)) }
        });
    }

    /// GELU in place, x·Φ(x) with the error function (not its tanh approximation). The result is
    /// off by at most 1e-6.
    pub fn gelu(&self, x: &mut [f32]) {
        self.par_chunks_mut(x, 16 * 1024, |_, x| {
            // SAFETY: `kernels` checked the tier.
            unsafe { (self.kernels.gelu)(x) }
        });
    }

    /// Rounds floats to binary16, to nearest, ties to even.
    ///
    /// # Panics
    /// When `out` is not as long as `x`.
    pub fn to_f16(&self, x: &[f32], out: &mut [u16]) {
        // SAFETY: `kernels` checked the tier.
        unsafe { (self.kernels.to_f16)(x, out) };
    }

    /// Replaces each logit x by x − ln Σ eˣ, in place. Logits of −∞ stay −∞; when all are −∞,
    /// nothing changes. The sum is kept in `f64`; the result is the same on every tier.
    pub fn log_softmax(&self, x: &mut [f32]) {
        // SAFETY: `kernels` checked the tier.
        unsafe { (self.kernels.log_softmax)(x) }
    }

    /// Calls `f(i, part)` for the `i`-th `chunk` elements of `data`, on all threads. The last part
    /// may be shorter.
    ///
    /// # Panics
    /// When `chunk` is 0, and with the panic of `f` where a call panics.
    pub fn par_chunks_mut<T: Send>(&self, data: &mut [T], chunk: usize, f: impl Fn(usize, &mut [T]) + Sync) {
        struct Shared<T>(*mut T);
        // SAFETY: each task takes its own part of the slice, and elements may change threads.
        unsafe impl<T: Send> Sync for Shared<T> {}
        impl<T> Shared<T> {
            /// # Safety
            /// `from + len` elements exist and no other task takes any of these.
            unsafe fn part<'a>(&self, from: usize, len: usize) -> &'a mut [T] {
                // SAFETY: passed on to the caller.
                unsafe { std::slice::from_raw_parts_mut(self.0.add(from), len) }
            }
        }
        assert!(chunk > 0, "parts of no elements");
        let total = data.len();
        let shared = Shared(data.as_mut_ptr());
        self.pool.run(total.div_ceil(chunk), |i| {
            let from = i * chunk;
            // SAFETY: the parts are disjoint, inside the slice, and the slice stays borrowed until
            // `run` returns.
            f(i, unsafe { shared.part(from, chunk.min(total - from)) });
        });
    }

    /// `to[j·to_stride + i] = from[i·from_stride + j]` for `i < rows`, `j < cols`.
    fn transpose(
        &self,
        (from, from_stride): (&[f32], usize),
        (rows, cols): (usize, usize),
        (to, to_stride): (&mut [f32], usize),
    ) {
        if rows == 0 || cols == 0 {
            return;
        }
        assert!(from.len() >= (rows - 1) * from_stride + cols);
        assert!(to_stride >= rows && to.len() >= (cols - 1) * to_stride + rows);
        let transpose = Transpose { from: from.as_ptr(), from_stride, rows, cols, to: to.as_mut_ptr(), to_stride };
        // SAFETY: `kernels` checked the tier; the assertions cover both matrices.
        unsafe { (self.kernels.transpose)(&transpose) };
    }

    /// Calls `f` for each row, on all threads where the rows are worth it.
    fn par_rows(&self, rows: usize, cols: usize, f: impl Fn(usize) + Sync) {
        // Less than this is done before another thread wakes.
        let rows_per_task = (8192 / cols.max(1)).max(1);
        self.pool.run(rows.div_ceil(rows_per_task), |task| {
            let from = task * rows_per_task;
            (from..(from + rows_per_task).min(rows)).for_each(&f);
        });
    }
}
