//! A few rows of activations against many rows of float weights, each weight read once.

use crate::simd::Simd;

/// How far ahead weights are asked for, in bytes. Rows are too short for the processor to notice by
/// itself that they follow each other.
const AHEAD: usize = 4096;

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

/// Computes `R` rows of weights against `M` rows of activations.
///
/// # Safety
/// As for [`gemv`], with `R` rows of weights from row `j` on.
#[inline(always)]
unsafe fn block<S: Simd, W: Load<S>, const R: usize, const M: usize>(g: &Gemv, j: usize) {
    // SAFETY: the caller promises the tier, the rows and the columns; the tail is read through
    // copies that are a whole vector long.
    unsafe {
        let mut acc = [[S::zero(); M]; R];
        let whole = g.k - g.k % S::LANES;
        let w = g.w.add(j * g.row_bytes);
        let mut p = 0;
        while p < whole {
            let mut weights = [S::zero(); R];
            for r in 0..R {
                let at = w.add(r * g.row_bytes + p * W::BYTES);
                S::prefetch(at.wrapping_add(AHEAD));
                weights[r] = W::load(at);
            }
            for i in 0..M {
                let x = S::load(g.x.add(i * g.x_stride + p));
                for r in 0..R {
                    acc[r][i] = S::fma(x, weights[r], acc[r][i]);
                }
            }
            p += S::LANES;
        }
        if whole < g.k {
            let tail = g.k - whole;
            for i in 0..M {
                let mut x = [0f32; 16];
                std::ptr::copy_nonoverlapping(g.x.add(i * g.x_stride + whole), x.as_mut_ptr(), tail);
                let x = S::load(x.as_ptr());
                for r in 0..R {
                    let mut bytes = [0u8; 64];
                    std::ptr::copy_nonoverlapping(
                        w.add(r * g.row_bytes + whole * W::BYTES),
                        bytes.as_mut_ptr(),
                        tail * W::BYTES,
                    );
                    acc[r][i] = S::fma(x, W::load(bytes.as_ptr()), acc[r][i]);
                }
            }
        }
        for i in 0..M {
            for r in 0..R {
                *g.out.add(i * g.out_stride + j + r) = S::sum(acc[r][i]);
            }
        }
    }
}

#[inline(always)]
unsafe fn rows<S: Simd, W: Load<S>, const R: usize, const M: usize>(g: &Gemv) {
    // SAFETY: passed on to the caller; every block stays within `n`.
    unsafe {
        let mut j = 0;
        while j + R <= g.n {
            block::<S, W, R, M>(g, j);
            j += R;
        }
        while j < g.n {
            block::<S, W, 1, M>(g, j);
            j += 1;
        }
    }
}

#[inline(always)]
unsafe fn columns<S: Simd, W: Load<S>>(g: &Gemv) {
    // SAFETY: passed on to the caller.
    unsafe {
        match g.m {
            0 => {}
            1 => rows::<S, W, 4, 1>(g),
            2 => rows::<S, W, 4, 2>(g),
            3 => rows::<S, W, 2, 3>(g),
            4 => rows::<S, W, 2, 4>(g),
            5 => rows::<S, W, 2, 5>(g),
            6 => rows::<S, W, 2, 6>(g),
            7 => rows::<S, W, 2, 7>(g),
            8 => rows::<S, W, 2, 8>(g),
            m => panic!("{m} rows of activations, at most {MAX_M} allowed"),
        }
    }
}

/// Computes a [`Gemv`]. The sums run over the vector's lanes first, in the order of `p`.
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
