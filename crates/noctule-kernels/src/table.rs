//! One table of functions for each tier, chosen once.

use crate::block::GgmlType;
use crate::cpu::Tier;
use crate::generic::cells::Cells;
use crate::generic::codes::Encoded;
use crate::generic::cross::Cross;
use crate::generic::gemm::Tile;
use crate::generic::gemv::{Float, Gemv};
use crate::generic::math::Finish;
use crate::generic::scale::Scale;
use crate::generic::transpose::Transpose;
use crate::generic::weigh::Weigh;
use crate::simd::Simd;
use crate::streams::Streams;
use std::marker::PhantomData;

/// Exact integer products of many rows and columns: `init[j] + Σₚ a[i][p]·b[j][p]`, for all `panels · mr` rows and
/// `columns · nr` columns.
///
/// Codes of `a` are within [−128, 127] (and have 128 added where [`Int8::unsigned`] says so), those of `b`
/// within ±127. Rows of `a` lie as [`Int8::chunk`] tells, columns of `b` as [`Int8::unit`] does.
#[derive(Clone, Copy)]
pub(crate) struct Block8 {
    /// Codes in a row and in a column: 32, or a multiple of 64.
    pub(crate) k: usize,
    pub(crate) a: *const u8,
    /// Bytes from one row of a panel to the next, where rows are whole.
    pub(crate) a_row: usize,
    /// Bytes from one panel of rows to the next.
    pub(crate) a_panel: usize,
    /// Panels of `mr` rows.
    pub(crate) panels: usize,
    /// How many of these rows are wanted: more than those of all panels but the last. Sums of others need not be written.
    pub(crate) rows: usize,
    pub(crate) b: *const u8,
    /// Bytes from one panel of columns to the next.
    pub(crate) b_panel: usize,
    /// Panels of `nr` columns.
    pub(crate) columns: usize,
    /// Integers and floats from what one panel has in `init` and [`Scaled::column_scale`] to what the next has.
    pub(crate) factors: usize,
    /// Where each column's sums start, or null for 0.
    pub(crate) init: *const i32,
    pub(crate) to: Sums,
}

impl Block8 {
    /// The products with panel `c` of the columns alone.
    #[inline(always)]
    pub(crate) fn panel(&self, c: usize, nr: usize) -> Self {
        let to = match self.to {
            Sums::Raw { out, stride } => Sums::Raw { out: out.wrapping_add(c * nr), stride },
            Sums::Scaled(to) => Sums::Scaled(Scaled {
                column_scale: to.column_scale.wrapping_add(c * self.factors),
                out: to.out.wrapping_add(c * nr),
                ..to
            }),
        };
        let b = self.b.wrapping_add(c * self.b_panel);
        let init = if self.init.is_null() { self.init } else { self.init.wrapping_add(c * self.factors) };
        Self { b, init, to, columns: 1, ..*self }
    }
}

/// What happens to exact sums.
#[derive(Clone, Copy)]
pub(crate) enum Sums {
    /// `out[i][j]` is the sum.
    Raw {
        out: *mut i32,
        /// Integers from one row of `out` to the next.
        stride: usize,
    },
    Scaled(Scaled),
}

/// `out[i][j] = keep[i]·out[i][j] + sum·(row_scale[i]·column_scale[j])`, the last a fused multiplication and addition
/// where the processor has it.
#[derive(Clone, Copy)]
pub(crate) struct Scaled {
    /// One factor a row.
    pub(crate) row_scale: *const f32,
    /// One factor a column.
    pub(crate) column_scale: *const f32,
    /// One factor a row for what `out` holds, or null.
    pub(crate) keep: *const f32,
    /// Whether, where `keep` is null, it counts as 1, and not as 0.
    pub(crate) add: bool,
    pub(crate) out: *mut f32,
    /// Floats from one row of `out` to the next.
    pub(crate) stride: usize,
}

impl Scaled {
    /// Brings vectors of sums of row `i` to their place.
    ///
    /// # Safety
    /// The processor has the tier of `S`; row and columns exist.
    #[inline(always)]
    pub(crate) unsafe fn row<S: Simd, const NV: usize>(&self, i: usize, sums: [S::V; NV]) {
        // SAFETY: passed on to the caller.
        unsafe {
            let out = self.out.add(i * self.stride);
            let factor = S::splat(*self.row_scale.add(i));
            for (v, sum) in sums.into_iter().enumerate() {
                let at = out.add(v * S::LANES);
                let scale = S::mul(factor, S::load(self.column_scale.add(v * S::LANES)));
                let value = if !self.keep.is_null() {
                    S::fma(sum, scale, S::mul(S::splat(*self.keep.add(i)), S::load(at)))
                } else if self.add {
                    S::fma(sum, scale, S::load(at))
                } else {
                    S::mul(sum, scale)
                };
                S::store(at, value);
            }
        }
    }
}

/// A few rows of activations as 16-bit integers against many rows of weight codes, row after row:
/// `out[i][j] = x_scale[i] · Σ_b (w_scale[j][b] · Σₚ w[j][p]·x[i][p] + w_min[j][b]·x_sum[i][b])` for all groups `b` and
/// the `p` in them. Each inner sum is exact.
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
    /// Activations: `m` rows of integers within ±32385, which lie as [`Kernels::layout`] says.
    pub(crate) x: *const i16,
    /// One scale a row.
    pub(crate) x_scale: *const f32,
    /// The sum of the integers of every weight group.
    pub(crate) x_sum: *const f32,
    pub(crate) m: usize,
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
    /// Packed weights that will be needed next, and how many of their bytes to ask for after each
    /// row. They need not exist.
    pub(crate) next: *const u8,
    pub(crate) row_bytes: usize,
}

/// What multiplies packed weights of a type.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only AVX-512 has some"))]
#[derive(Clone, Copy)]
pub(crate) struct PackedProducts {
    /// Rows are whole multiples of so many weights.
    pub(crate) len: usize,
    /// How it wants activations.
    pub(crate) layout: Layout,
    pub(crate) multiply: unsafe fn(&GemvPacked),
}

/// As [`GemvI8`] with weights as they lie in the file.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only AVX-512 reads it"))]
pub(crate) struct GemvPacked {
    /// Weights in a row, a multiple of [`PackedProducts::len`].
    pub(crate) k: usize,
    /// `n` rows, `row_bytes` apart.
    pub(crate) w: *const u8,
    pub(crate) row_bytes: usize,
    pub(crate) n: usize,
    /// Activations as in [`GemvI8`], in the layout that [`PackedProducts`] states.
    pub(crate) x: *const i16,
    pub(crate) x_scale: *const f32,
    pub(crate) x_sum: *const f32,
    /// Rows of activations, at most 5.
    pub(crate) m: usize,
    pub(crate) streams: Streams,
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
}

/// How activations of [`GemvI8`] lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each architecture has tables of its own")]
pub(crate) enum Layout {
    /// Row after row, integers of 16 bits.
    Words,
    /// Row after row, integers of 16 bits, of which 64 that follow each other (or 32 at the end of a row) share their
    /// places: first those at even places, then those at odd ones.
    Runs,
    /// Row after row, pairs of signed bytes `h` and `l`, which stand for 256·h + l. Each number here is an eight of integers that
    /// follow each other, among as many as are here; 16 eights share their places: first their `h`, then their `l`.
    Eights(&'static [u8]),
    /// `[k / 32][rows]`, each 32 signed bytes `h` and 32 signed bytes `l`, which stand for 256·h + l.
    Bytes,
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

/// The integer products of a tier for many rows.
#[derive(Clone, Copy)]
pub(crate) struct Int8 {
    /// Rows of a panel of activations.
    pub(crate) mr: usize,
    /// Columns of a panel of weights: a divisor of 64.
    pub(crate) nr: usize,
    /// Codes of one column that stand side by side in a panel, `[k / unit][nr][unit]`.
    pub(crate) unit: usize,
    /// Codes of one row that stand side by side in a panel, `[k / chunk][mr][chunk]`; `usize::MAX` for
    /// whole rows.
    pub(crate) chunk: usize,
    /// Whether codes of activations have 128 added; sums then start at −128 times the sum of a column.
    pub(crate) unsigned: bool,
    /// Multiplies; the calling thread's [session](Int8::begin) has begun.
    pub(crate) block: unsafe fn(&Block8),
    /// The same for [words](crate::generic::words), which lie as twice as many codes do (so that lengths in
    /// [`Block8`] are twice theirs) and are signed; `None` where three products of codes cost less than one of words.
    pub(crate) words: Option<unsafe fn(&Block8)>,
    /// What stands around the calls of [`block`](Self::block); see [`Int8::begin`].
    pub(crate) session: Option<Around>,
}

/// What a thread does before it multiplies, and when it no longer will.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only AMX has it"))]
#[derive(Clone, Copy)]
pub(crate) struct Around {
    pub(crate) begin: unsafe fn(),
    pub(crate) end: unsafe fn(),
}

impl Int8 {
    /// Prepares this thread for [`block`](Self::block), which it may call until the session is dropped. Sessions of a thread
    /// do not overlap.
    pub(crate) fn begin(&self) -> Session {
        let end = self.session.map(|around| {
            // SAFETY: `kernels` checked the tier.
            unsafe { (around.begin)() };
            around.end
        });
        Session { end, thread: PhantomData }
    }
}

/// A time in which one thread multiplies; see [`Int8::begin`].
#[must_use]
pub(crate) struct Session {
    end: Option<unsafe fn()>,
    /// It stays on its thread.
    thread: PhantomData<*const ()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(end) = self.end {
            // SAFETY: `kernels` checked the tier, and the session began on this thread.
            unsafe { end() };
        }
    }
}

/// How far ahead weights are asked for, in bytes.
pub(crate) const AHEAD: usize = 4096;

/// The functions of one tier. All need the tier's instructions, which [`kernels`] made sure of.
#[derive(Clone, Copy)]
#[allow(clippy::type_complexity)]
pub(crate) struct Kernels {
    pub(crate) tier: Tier,
    pub(crate) f32: F32,
    pub(crate) int8: Int8,
    /// See [`crate::generic::codes::spread`].
    pub(crate) spread: unsafe fn(&mut [f32], usize),
    /// See [`crate::generic::codes::encode`].
    pub(crate) encode: unsafe fn(&mut [f32], usize, &mut Encoded<'_>),
    /// See [`crate::generic::scale::scale`].
    pub(crate) scale: unsafe fn(&Scale),
    /// See [`crate::generic::weigh::weigh`].
    pub(crate) weigh: unsafe fn(&mut Weigh<'_>),
    /// How the next ones and the products of packed weights read weights.
    pub(crate) streams: Streams,
    /// Whether they know more than one way.
    pub(crate) several: bool,
    /// From how many rows on [`gemv_i8`](Self::gemv_i8) takes longer than products of floats.
    pub(crate) many: usize,
    pub(crate) gemv: unsafe fn(Float, &Gemv),
    pub(crate) gemv_i8: unsafe fn(&GemvI8),
    /// How activations of [`GemvI8`] lie.
    pub(crate) layout: Layout,
    /// The products of packed weights of a type, where the tier has some.
    pub(crate) packed: fn(GgmlType) -> Option<PackedProducts>,
    pub(crate) unpack_f32: unsafe fn(GgmlType, &[u8], &mut [f32]),
    pub(crate) unpack_i8: unsafe fn(GgmlType, &[u8], &mut [i8], &mut [f32], &mut [f32]),
    pub(crate) gelu: unsafe fn(&mut [f32]),
    pub(crate) softmax: unsafe fn(&mut [f32]),
    pub(crate) log_softmax: unsafe fn(&mut [f32]),
    pub(crate) layer_norm: unsafe fn(&[f32], &[f32], &[f32], f32, &mut [f32]),
    pub(crate) finish: unsafe fn(&mut [f32], Finish<'_>),
    pub(crate) add: unsafe fn(&[f32], &mut [f32]),
    /// See [`crate::generic::math::round`].
    pub(crate) round: unsafe fn(&[f32], &mut [i16], &mut [f32]) -> f32,
    /// See [`crate::generic::codes::split16`].
    pub(crate) split16: unsafe fn(&[f32], &mut [u8], &mut [u8], u8) -> f32,
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
    ($name:ident, $simd:ty, tier: $tier:expr, mr: $mr:literal, vectors: [$($nv:literal),+], widest: $widest:literal, depth: $depth:literal, value_vectors: $values:literal, int8: $int8:expr, gemv_i8: $gemv_i8:path, layout: $layout:expr, packed: $packed:expr, unpack: $unpack_f32:path, $unpack_i8:path $(, $feature:literal)?) => {
        pub(crate) mod $name {
            //! The generic kernels, compiled with the instructions of this tier.
            use crate::generic::attention;
            use crate::generic::codes::{self, Encoded};
            use crate::generic::cells::{self, Cells};
            use crate::generic::cross::{self, Cross};
            use crate::generic::gemm::{self, Tile};
            use crate::generic::gemv::{self, Float, Gemv};
            use crate::generic::math::{self, Finish};
            use crate::generic::scale::{self, Scale};
            use crate::generic::transpose::{self, Transpose};
            use crate::generic::weigh::{self, Weigh};
            use crate::simd::Simd;
            use crate::streams::Streams;
            use crate::table::{F32, Kernels};

            const LANES: usize = <$simd as Simd>::LANES;
            const NR: usize = $widest * LANES;
            /// Vectors of a head of 64 floats, which all Whisper models have.
            const HEAD: usize = 64 / LANES;

            $(#[target_feature(enable = $feature)])?
            unsafe fn tile(columns: usize, t: &Tile) {
                // SAFETY: the caller promises the tier and the elements.
                unsafe {
                    match columns / LANES {
                        $($nv => gemm::tile::<$simd, $mr, $nv, NR>(t),)+
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
            unsafe fn spread(x: &mut [f32], group: usize) {
                // SAFETY: the caller promises the tier.
                unsafe { codes::spread::<$simd>(x, group) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn encode(x: &mut [f32], group: usize, to: &mut Encoded<'_>) {
                // SAFETY: the caller promises the tier.
                unsafe { codes::encode::<$simd>(x, group, to) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn scale(s: &Scale) {
                // SAFETY: the caller promises the tier and the elements.
                unsafe { scale::scale::<$simd>(s) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn weigh(w: &mut Weigh<'_>) {
                // SAFETY: the caller promises the tier and the elements.
                unsafe { weigh::weigh::<$simd, $simd>(w) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gelu(x: &mut [f32]) {
                // SAFETY: the caller promises the tier.
                unsafe { math::gelu::<$simd>(x) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn softmax(x: &mut [f32]) {
                math::softmax(x);
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
            unsafe fn finish(sums: &mut [f32], how: Finish<'_>) {
                // SAFETY: the caller promises the tier.
                unsafe { math::finish::<$simd>(sums, how) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn add(row: &[f32], to: &mut [f32]) {
                math::add(row, to);
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn round(x: &[f32], q: &mut [i16], sums: &mut [f32]) -> f32 {
                math::round(x, q, sums)
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn split16(weights: &[f32], high: &mut [u8], low: &mut [u8], offset: u8) -> f32 {
                // SAFETY: the caller promises the tier and whole fours of vectors.
                unsafe { codes::split16::<$simd>(weights, high, low, offset) }
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
                unsafe { cells::cells::<$simd, HEAD>(c, scores, out) }
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
                spread,
                encode,
                scale,
                weigh,
                streams: Streams::of($tier),
                several: <$simd as Simd>::SEVERAL,
                many: <$simd as Simd>::MANY,
                gemv,
                gemv_i8: $gemv_i8,
                layout: $layout,
                packed: $packed,
                unpack_f32: $unpack_f32,
                unpack_i8: $unpack_i8,
                gelu,
                softmax,
                log_softmax,
                layer_norm,
                finish,
                add,
                round,
                split16,
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
    int8: crate::scalar::block8::INT8,
    gemv_i8: crate::scalar::int8::gemv,
    layout: crate::table::Layout::Words,
    packed: |_| None,
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
    int8: crate::avx2::block8::INT8,
    gemv_i8: crate::avx2::int8::gemv,
    layout: crate::table::Layout::Words,
    packed: |_| None,
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
    int8: crate::avx512::block8::INT8,
    gemv_i8: crate::avx512::int8::gemv,
    layout: crate::table::Layout::Runs,
    packed: crate::avx512::packed::products,
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
    int8: crate::neon::block8::INT8,
    gemv_i8: crate::neon::int8::gemv,
    layout: crate::table::Layout::Words,
    packed: |_| None,
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
    int8: crate::dotprod::block8::INT8,
    gemv_i8: crate::dotprod::int8::gemv,
    layout: crate::table::Layout::Bytes,
    packed: |_| None,
    unpack: crate::neon::unpack::unpack_f32, crate::neon::unpack::unpack_i8,
    "neon,dotprod"
);

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
        Tier::AvxVnni => Some(Kernels { tier, int8: crate::avxvnni::block8::INT8, ..avx2_kernels::KERNELS }),
        #[cfg(target_arch = "x86_64")]
        Tier::Avx512 => Some(avx512_kernels::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Tier::Amx => {
            let streams = Streams::of(tier);
            Some(Kernels { tier, int8: crate::amx::block8::INT8, streams, ..avx512_kernels::KERNELS })
        }
        #[cfg(target_arch = "aarch64")]
        Tier::Neon => Some(neon_kernels::KERNELS),
        #[cfg(target_arch = "aarch64")]
        Tier::Dotprod => Some(dotprod_kernels::KERNELS),
        #[cfg(target_arch = "aarch64")]
        Tier::I8mm => Some(Kernels { tier, int8: crate::i8mm::block8::INT8, ..dotprod_kernels::KERNELS }),
        #[allow(unreachable_patterns)]
        _ => None,
    }
}

#[cfg(test)]
mod check;
#[cfg(test)]
pub(crate) use check::check_block8;
