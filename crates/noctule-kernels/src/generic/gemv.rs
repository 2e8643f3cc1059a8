//! A few rows of activations against many rows of float weights, each weight read once.

use crate::simd::Simd;
use crate::streams::Streams;
use crate::table::AHEAD;

/// How weights lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Float {
    F32,
    F16,
    Bf16,
}

impl Float {
    /// Bytes of a weight.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Float::F32 => 4,
            Float::F16 | Float::Bf16 => 2,
        }
    }
}

/// The most rows of activations that one call takes.
pub(crate) const MAX_M: usize = 8;

/// `out[i·out_stride + j] = Σₚ x[i·x_stride + p] · w[j][p]` for `i < m`, `j < n`.
pub(crate) struct Gemv {
    /// Weights: `n` rows of `k`, `row_bytes` apart, not aligned.
    pub(crate) w: *const u8,
    pub(crate) row_bytes: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    /// Activations.
    pub(crate) x: *const f32,
    pub(crate) x_stride: usize,
    /// Rows of activations, at most [`MAX_M`].
    pub(crate) m: usize,
    pub(crate) streams: Streams,
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
}

trait Load<S: Simd> {
    const BYTES: usize;
    unsafe fn load(from: *const u8) -> S::V;
}

struct F32;
struct F16;
struct Bf16;

impl<S: Simd> Load<S> for F32 {
    const BYTES: usize = 4;
    #[inline(always)]
    unsafe fn load(from: *const u8) -> S::V {
        // SAFETY: passed on to the caller.
        unsafe { S::load(from.cast()) }
    }
}

impl<S: Simd> Load<S> for F16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load(from: *const u8) -> S::V {
        // SAFETY: passed on to the caller.
        unsafe { S::load_f16(from) }
    }
}

impl<S: Simd> Load<S> for Bf16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load(from: *const u8) -> S::V {
        // SAFETY: passed on to the caller.
        unsafe { S::load_bf16(from) }
    }
}

/// `R` rows of weights from `j` on against `M` rows of activations, `A` vectors at a time with sums of their own.
///
/// `A` is the same for every `R`, so that a sum has the same bits however its row is read.
///
/// # Safety
/// As for [`gemv`], for these rows of the weights.
#[inline(always)]
unsafe fn rows<S: Simd, W: Load<S>, const R: usize, const A: usize, const M: usize>(g: &Gemv, ahead: usize, j: usize) {
    // SAFETY: the caller promises the tier, the rows and the columns; the tail is read through
    // copies that are a whole vector long.
    unsafe {
        let mut acc = [[[S::zero(); M]; A]; R];
        let w = g.w.add(j * g.row_bytes);
        let step = A * S::LANES;
        let mut p = 0;
        while p + step <= g.k {
            for (r, acc) in acc.iter_mut().enumerate() {
                let at = w.add(r * g.row_bytes + p * W::BYTES);
                if ahead > 0 {
                    for line in (0..step * W::BYTES).step_by(64) {
                        S::prefetch(at.wrapping_add(ahead + line));
                    }
                }
                for (a, acc) in acc.iter_mut().enumerate() {
                    let weights = W::load(at.add(a * S::LANES * W::BYTES));
                    for (i, acc) in acc.iter_mut().enumerate() {
                        let x = S::load(g.x.add(i * g.x_stride + p + a * S::LANES));
                        *acc = S::fma(x, weights, *acc);
                    }
                }
            }
            p += step;
        }
        while p < g.k {
            let len = (g.k - p).min(S::LANES);
            for (r, acc) in acc.iter_mut().enumerate() {
                let mut bytes = [0u8; 64];
                let at = w.add(r * g.row_bytes + p * W::BYTES);
                std::ptr::copy_nonoverlapping(at, bytes.as_mut_ptr(), len * W::BYTES);
                for (i, acc) in acc[0].iter_mut().enumerate() {
                    let mut x = [0f32; 16];
                    std::ptr::copy_nonoverlapping(g.x.add(i * g.x_stride + p), x.as_mut_ptr(), len);
                    *acc = S::fma(S::load(x.as_ptr()), W::load(bytes.as_ptr()), *acc);
                }
            }
            p += len;
        }
        for (r, acc) in acc.iter().enumerate() {
            for i in 0..M {
                let mut sum = acc[0][i];
                for acc in &acc[1..] {
                    sum = S::add(sum, acc[i]);
                }
                *g.out.add(i * g.out_stride + j + r) = S::sum(sum);
            }
        }
    }
}

/// All rows of weights.
///
/// # Safety
/// As for [`gemv`].
#[inline(always)]
unsafe fn all<S: Simd, W: Load<S>, const R: usize, const A: usize, const M: usize>(g: &Gemv, ahead: usize) {
    let whole = g.n - g.n % R;
    for j in (0..whole).step_by(R) {
        // SAFETY: passed on to the caller.
        unsafe { rows::<S, W, R, A, M>(g, ahead, j) };
    }
    for j in whole..g.n {
        // SAFETY: passed on to the caller.
        unsafe { rows::<S, W, 1, A, M>(g, ahead, j) };
    }
}

/// As many rows of activations as there are: how many vectors of each share a pass, and how many rows of weights are read
/// in turn where [`Streams::Several`] are wanted.
///
/// # Safety
/// As for [`gemv`].
#[inline(always)]
unsafe fn columns<S: Simd, W: Load<S>>(g: &Gemv) {
    let several = S::SEVERAL && g.streams == Streams::Several;
    macro_rules! cases {
        ($($m:literal rows: $a:literal vectors, $r:literal in turn;)+) => {
            match g.m {
                0 => {}
                // SAFETY: passed on to the caller.
                $($m => unsafe {
                    if several { all::<S, W, $r, $a, $m>(g, AHEAD) } else { all::<S, W, 1, $a, $m>(g, S::AHEAD) }
                },)+
                m => panic!("{m} rows of activations, at most {MAX_M} allowed"),
            }
        };
    }
    cases! {
        1 rows: 4 vectors, 4 in turn;
        2 rows: 4 vectors, 2 in turn;
        3 rows: 2 vectors, 2 in turn;
        4 rows: 2 vectors, 2 in turn;
        5 rows: 2 vectors, 2 in turn;
        6 rows: 1 vectors, 1 in turn;
        7 rows: 1 vectors, 1 in turn;
        8 rows: 1 vectors, 1 in turn;
    }
}

/// Computes a [`Gemv`]. Every lane of every vector that is read together has a sum of its own.
///
/// # Safety
/// The processor has the tier of `S`, and all elements that `g` names are valid.
#[inline(always)]
pub(crate) unsafe fn gemv<S: Simd>(float: Float, g: &Gemv) {
    // SAFETY: passed on to the caller.
    unsafe {
        match float {
            Float::F32 => columns::<S, F32>(g),
            Float::F16 => columns::<S, F16>(g),
            Float::Bf16 => columns::<S, Bf16>(g),
        }
    }
}
