//! One table of functions for each tier, chosen once.

use crate::block::GgmlType;
use crate::cpu::Tier;
use crate::generic::cells::Cells;
use crate::generic::cross::Cross;
use crate::generic::gemm::Tile;
use crate::generic::gemv::{Float, Gemv};
use crate::generic::math::Finish;
use crate::generic::transpose::Transpose;
use crate::scalar;

/// One tile of an integer product:
/// `c[r][j] = Σ_g (a_scale · b_scale[g][j] · Σ_{p in g} a[r][p]·b[p][j] + a_sum[g][r] · b_min[g][j])`.
///
/// Groups of 16 or 32 weights share a scale and an offset; 32 activations share a scale. Operands
/// are interleaved: `unit` codes of a row (of a column) stand side by side, then those of the next
/// row of the tile. The inner sums are exact; the outer ones run in the order of `g`.
pub(crate) struct TileI8 {
    /// Weight groups in a sum.
    pub(crate) groups: usize,
    /// Weights in a group: 16 or 32.
    pub(crate) group: usize,
    /// Codes of the activations, `[k / unit][MR][unit]`, in the form that [`Int8::wide`] tells.
    pub(crate) a: *const u8,
    /// Scales of the activations, `[k / 32][MR]`.
    pub(crate) a_scale: *const f32,
    /// Scale times the sum of a weight group's activation codes, `[groups][MR]`; read only where
    /// there are offsets.
    pub(crate) a_sum: *const f32,
    /// −128 times the sum of a weight group's activation codes, `[groups][MR]`; read where weights are
    /// multiplied as unsigned codes.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "no other processor does that"))]
    pub(crate) a_shift: *const i32,
    /// Codes of the weights, `[k / unit][NR][unit]`, in the form that [`Int8`] tells.
    pub(crate) b: *const u8,
    /// Scales of the weights, `[groups][NR]`.
    pub(crate) b_scale: *const f32,
    /// Offsets of the weights, `[groups][NR]`, or null.
    pub(crate) b_min: *const f32,
    /// Result, row after row.
    pub(crate) c: *mut f32,
    /// Floats from one row to the next in `c`.
    pub(crate) ldc: usize,
}

/// A few rows of activation codes against many rows of weight codes, both row after row; the same
/// sums as [`TileI8`].
pub(crate) struct GemvI8 {
    /// Codes in a row, a multiple of 32.
    pub(crate) k: usize,
    /// Weights in a group: 16 or 32.
    pub(crate) group: usize,
    /// Weights: `n` rows, and their scales and offsets (null where there are none).
    pub(crate) w: *const i8,
    pub(crate) w_scale: *const f32,
    pub(crate) w_min: *const f32,
    pub(crate) n: usize,
    /// Activations: `m` rows, their scales for every 32 codes, and scale times sum for every
    /// weight group.
    pub(crate) x: *const i8,
    pub(crate) x_scale: *const f32,
    pub(crate) x_sum: *const f32,
    pub(crate) m: usize,
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
    /// Packed weights that will be needed next, and how many of their bytes to ask for after each
    /// row. They need not exist.
    pub(crate) next: *const u8,
    pub(crate) row_bytes: usize,
}

/// The `f32` tile of a tier.
#[derive(Clone, Copy)]
pub(crate) struct F32 {
    /// Rows of a tile.
    pub(crate) mr: usize,
    /// Columns of a whole tile.
    pub(crate) nr: usize,
    /// Columns of a vector; tiles may be any number of vectors wide.
    pub(crate) lanes: usize,
    /// Computes a tile of the given number of columns (a multiple of `lanes`, at most `nr`).
    pub(crate) tile: unsafe fn(usize, &Tile),
    /// Length of the sums that one pass over the tile's columns covers, so that they stay in the
    /// nearest cache.
    pub(crate) depth: usize,
}

/// The integer tile of a tier.
#[derive(Clone, Copy)]
pub(crate) struct Int8 {
    pub(crate) mr: usize,
    pub(crate) nr: usize,
    /// Codes of one row that stand side by side.
    pub(crate) unit: usize,
    /// Whether codes are widened to 16 bits in both operands.
    pub(crate) wide: bool,
    pub(crate) tile: unsafe fn(&TileI8),
    pub(crate) gemv: unsafe fn(&GemvI8),
}

/// The functions of one tier. All need the tier's instructions, which [`kernels`] made sure of.
#[derive(Clone, Copy)]
#[allow(clippy::type_complexity)]
pub(crate) struct Kernels {
    pub(crate) tier: Tier,
    pub(crate) f32: F32,
    pub(crate) int8: Int8,
    pub(crate) gemv: unsafe fn(Float, &Gemv),
    pub(crate) unpack_f32: unsafe fn(GgmlType, &[u8], &mut [f32]),
    pub(crate) unpack_i8: unsafe fn(GgmlType, &[u8], &mut [i8], &mut [f32], &mut [f32]),
    pub(crate) gelu: unsafe fn(&mut [f32]),
    pub(crate) log_softmax: unsafe fn(&mut [f32]),
    pub(crate) layer_norm: unsafe fn(&[f32], &[f32], &[f32], f32, &mut [f32]),
    pub(crate) finish: unsafe fn(&mut [f32], Finish<'_>, &mut [f32]),
    pub(crate) quantize: unsafe fn(&[f32], &mut [i8], &mut [f32], &mut [i32]),
    /// One head's softmax step over a block of keys; see [`crate::generic::attention::columns`].
    pub(crate) columns: unsafe fn(&mut [f32], &mut [f32], &mut [f32], &mut [f32]),
    /// One query row and head over listed cells; see [`crate::generic::cells::cells`].
    pub(crate) cells: unsafe fn(&Cells<'_>, &mut [f32], &mut [f32]),
    /// One head of the cross-attention; see [`crate::generic::cross::cross`].
    pub(crate) cross: unsafe fn(&Cross<'_>, &mut [f32], &mut [f32]),
    /// Rounds floats to binary16.
    pub(crate) to_f16: unsafe fn(&[f32], &mut [u16]),
    pub(crate) transpose: unsafe fn(&Transpose),
}

/// Compiles the generic kernels with the instructions of one tier.
macro_rules! instantiate {
    ($name:ident, $simd:ty, tier: $tier:expr, mr: $mr:literal, vectors: [$($nv:literal),+], widest: $widest:literal, depth: $depth:literal, value_vectors: $values:literal, int8: $int8:expr, unpack: $unpack_f32:path, $unpack_i8:path $(, $feature:literal)?) => {
        pub(crate) mod $name {
            //! The generic kernels, compiled with the instructions of this tier.
            use crate::generic::attention;
            use crate::generic::cells::{self, Cells};
            use crate::generic::cross::{self, Cross};
            use crate::generic::gemm::{self, Tile};
            use crate::generic::gemv::{self, Float, Gemv};
            use crate::generic::math::{self, Finish};
            use crate::generic::transpose::{self, Transpose};
            use crate::simd::Simd;
            use crate::table::{F32, Kernels};

            const LANES: usize = <$simd as Simd>::LANES;
            const NR: usize = $widest * LANES;

            $(#[target_feature(enable = $feature)])?
            unsafe fn tile(columns: usize, t: &Tile) {
                // SAFETY: the caller promises the tier and the elements.
                unsafe {
                    match columns / LANES {
                        $($nv => gemm::tile::<$simd, $mr, $nv>(t),)+
                        other => panic!("no tile is {other} vectors wide"),
                    }
                }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gemv(float: Float, g: &Gemv) {
                // SAFETY: the caller promises the tier and the elements.
                unsafe { gemv::gemv::<$simd>(float, g) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gelu(x: &mut [f32]) {
                math::gelu(x);
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn log_softmax(x: &mut [f32]) {
                math::log_softmax(x);
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn layer_norm(x: &[f32], w: &[f32], b: &[f32], eps: f32, out: &mut [f32]) {
                math::layer_norm(x, w, b, eps, out);
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn finish(sums: &mut [f32], how: Finish<'_>, out: &mut [f32]) {
                math::finish(sums, how, out);
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn quantize(x: &[f32], q: &mut [i8], scales: &mut [f32], sums: &mut [i32]) {
                // SAFETY: the caller promises the tier.
                unsafe { math::quantize::<$simd>(x, q, scales, sums) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn transpose(t: &Transpose) {
                // SAFETY: the caller promises the tier and the matrices.
                unsafe { transpose::transpose::<$simd>(t) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn columns(s: &mut [f32], top: &mut [f32], sum: &mut [f32], out: &mut [f32]) {
                // SAFETY: the caller promises the tier; the slices are checked inside.
                unsafe { attention::columns::<$simd, $widest>(s, top, sum, out) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn cells(c: &Cells<'_>, scores: &mut [f32], out: &mut [f32]) {
                // SAFETY: the caller promises the tier; the slices are checked inside.
                unsafe { cells::cells::<$simd, $values>(c, scores, out) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn cross(c: &Cross<'_>, scores: &mut [f32], out: &mut [f32]) {
                // SAFETY: the caller promises the tier; the slices are checked inside.
                unsafe { cross::cross::<$simd, $values>(c, scores, out) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn to_f16(x: &[f32], out: &mut [u16]) {
                // SAFETY: the caller promises the tier; the slices are checked inside.
                unsafe { cross::to_f16::<$simd>(x, out) }
            }

            pub(crate) const KERNELS: Kernels = Kernels {
                tier: $tier,
                f32: F32 { mr: $mr, nr: NR, lanes: LANES, tile, depth: $depth },
                int8: $int8,
                gemv,
                unpack_f32: $unpack_f32,
                unpack_i8: $unpack_i8,
                gelu,
                log_softmax,
                layer_norm,
                finish,
                quantize,
                columns,
                cells,
                cross,
                to_f16,
                transpose,
            };
        }
    };
}

instantiate!(
    scalar_kernels,
    crate::scalar::Scalar,
    tier: crate::cpu::Tier::Scalar,
    mr: 4,
    vectors: [1, 2],
    widest: 2,
    depth: 256,
    value_vectors: 2,
    int8: crate::table::SCALAR_INT8,
    unpack: crate::block::unpack_f32, crate::block::unpack_i8
);

#[cfg(target_arch = "x86_64")]
instantiate!(
    avx2_kernels,
    crate::avx2::Avx2,
    tier: crate::cpu::Tier::Avx2,
    mr: 6,
    vectors: [1, 2],
    widest: 2,
    depth: 256,
    value_vectors: 2,
    int8: crate::avx2::int8::INT8,
    unpack: crate::avx2::unpack::unpack_f32, crate::avx2::unpack::unpack_i8,
    "avx2,fma,f16c"
);

#[cfg(target_arch = "x86_64")]
instantiate!(
    avx512_kernels,
    crate::avx512::Avx512,
    tier: crate::cpu::Tier::Avx512,
    mr: 8,
    vectors: [1, 2, 3],
    widest: 3,
    depth: 128,
    value_vectors: 4,
    int8: crate::avx512::int8::INT8,
    unpack: crate::avx2::unpack::unpack_f32, crate::avx2::unpack::unpack_i8,
    "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"
);

#[cfg(target_arch = "aarch64")]
instantiate!(
    neon_kernels,
    crate::neon::Neon,
    tier: crate::cpu::Tier::Neon,
    mr: 8,
    vectors: [1, 2],
    widest: 2,
    depth: 256,
    value_vectors: 4,
    int8: crate::neon::int8::INT8,
    unpack: crate::neon::unpack::unpack_f32, crate::neon::unpack::unpack_i8,
    "neon"
);

#[cfg(target_arch = "aarch64")]
instantiate!(
    dotprod_kernels,
    crate::neon::Neon,
    tier: crate::cpu::Tier::Dotprod,
    mr: 8,
    vectors: [1, 2],
    widest: 2,
    depth: 256,
    value_vectors: 4,
    int8: crate::dotprod::int8::INT8,
    unpack: crate::neon::unpack::unpack_f32, crate::neon::unpack::unpack_i8,
    "neon,dotprod"
);

const SCALAR_INT8: Int8 = Int8 {
    mr: scalar::int8::MR,
    nr: scalar::int8::NR,
    unit: scalar::int8::UNIT,
    wide: true,
    tile: scalar::int8::tile,
    gemv: scalar::int8::gemv,
};

/// The kernels of `tier`, if this processor has its instructions.
pub(crate) fn kernels(tier: Tier) -> Option<Kernels> {
    if !tier.is_available() {
        return None;
    }
    match tier {
        Tier::Scalar => Some(scalar_kernels::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Tier::Avx2 => Some(avx2_kernels::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Tier::Avx512 => Some(avx512_kernels::KERNELS),
        #[cfg(target_arch = "aarch64")]
        Tier::Neon => Some(neon_kernels::KERNELS),
        #[cfg(target_arch = "aarch64")]
        Tier::Dotprod => Some(dotprod_kernels::KERNELS),
        #[allow(unreachable_patterns)]
        _ => None,
    }
}
