//! The vector operations that the `f32` kernels are written in.
//!
//! Each tier implements [`Simd`] once; the kernels in `generic` are compiled for every tier by a
//! wrapper that enables the tier's instructions, into which everything here is inlined.

/// A vector of floats and the operations on it.
///
/// # Safety
/// Every function of an implementation requires that the processor has the instructions of its
/// tier, and is meant to be inlined into a function that enables them. Pointers need no alignment;
/// a load or store touches exactly [`LANES`](Self::LANES) elements, which must be valid.
pub(crate) unsafe trait Simd: Copy + 'static {
    /// A vector register of [`LANES`](Self::LANES) floats.
    type V: Copy;
    /// Floats in a vector.
    const LANES: usize;
    /// Steps of the tile's loop that are written out: counting costs where few instructions start in a cycle.
    const STEPS: usize = 1;

    /// All lanes 0.
    unsafe fn zero() -> Self::V;
    /// All lanes `x`.
    unsafe fn splat(x: f32) -> Self::V;
    /// Four vectors, each with all lanes one of four floats from memory.
    #[inline(always)]
    unsafe fn splat4(from: *const f32) -> [Self::V; 4] {
        // SAFETY: the caller promises the tier and four floats.
        unsafe { [0, 1, 2, 3].map(|i| Self::splat(*from.add(i))) }
    }
    /// How far ahead the weights of long products are asked for, in bytes; 0 where processors read ahead better by
    /// themselves (a Zen 4 decodes f16 with 26 GB/s of weights that way, and with 22 when asked 4 KB ahead).
    const AHEAD: usize = 0;
    /// From how many rows of activations on it takes less time to unpack weights and multiply in floats than to multiply
    /// integers of 16 bits; none where it never does.
    const MANY: usize = usize::MAX;
    /// Whether the tier knows [`Streams::Several`](crate::Streams::Several).
    const SEVERAL: bool = false;
    /// Asks for the cache line of an address that will be read soon. Any address is allowed.
    #[inline(always)]
    unsafe fn prefetch(_from: *const u8) {}
    /// Floats from memory.
    unsafe fn load(from: *const f32) -> Self::V;
    /// The first `len` floats, at most [`LANES`](Self::LANES), from memory; other lanes are 0.
    #[inline(always)]
    unsafe fn load_part(from: *const f32, len: usize) -> Self::V {
        let mut part = [0f32; 16];
        // SAFETY: the caller promises the tier and so many floats.
        unsafe {
            std::ptr::copy_nonoverlapping(from, part.as_mut_ptr(), len);
            Self::load(part.as_ptr())
        }
    }
    /// Floats to memory.
    unsafe fn store(to: *mut f32, v: Self::V);
    /// IEEE binary16 numbers from memory, widened exactly.
    unsafe fn load_f16(from: *const u8) -> Self::V;
    /// bfloat16 numbers from memory, widened exactly.
    unsafe fn load_bf16(from: *const u8) -> Self::V;
    /// Rounds to IEEE binary16 (to nearest, ties to even) and stores.
    unsafe fn store_f16(to: *mut u16, v: Self::V);
    /// `a + b`.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// `|v|`.
    unsafe fn abs(v: Self::V) -> Self::V;
    /// Integers from memory, converted to the nearest floats.
    unsafe fn from_i32(from: *const i32) -> Self::V;
    /// `a · b + c`, rounded once where the processor can.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a · b`.
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// The smaller of each pair of lanes; either where one is a NaN.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// The larger of each pair of lanes; either where one is a NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// `v` with the low bits of `n` added to its exponent: v · 2ⁿ for a float `n` near 1.5 · 2²³
    /// that holds an integer in its low bits.
    unsafe fn scale(v: Self::V, n: Self::V) -> Self::V;
    /// The sum of all lanes.
    unsafe fn sum(v: Self::V) -> f32;
    /// The sums of all lanes of each of four vectors.
    #[inline(always)]
    unsafe fn sum4(v: [Self::V; 4]) -> [f32; 4] {
        let [a, b, c, d] = v;
        // SAFETY: the caller promises the tier.
        unsafe { [Self::sum(a), Self::sum(b), Self::sum(c), Self::sum(d)] }
    }
    /// The largest lane.
    unsafe fn top(v: Self::V) -> f32;
    /// The low byte of each lane to memory: the integers that `n` holds, as in
    /// [`scale`](Self::scale).
    unsafe fn store_codes(to: *mut i8, n: Self::V);
    /// As [`store_codes`](Self::store_codes) for four vectors, one behind the other.
    #[inline(always)]
    unsafe fn store_codes4(to: *mut i8, n: [Self::V; 4]) {
        for (v, n) in n.into_iter().enumerate() {
            // SAFETY: the caller promises the tier and room for the codes of four vectors.
            unsafe { Self::store_codes(to.add(v * Self::LANES), n) };
        }
    }
    /// Writes the transpose of a square of [`SQUARE`](Self::SQUARE) rows, `from_stride` floats
    /// apart, to rows `to_stride` floats apart.
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize);
    /// Rows and columns of a transposed square.
    const SQUARE: usize;
}
