//! The block decoders of processors with vectors, written once over [`Wide`].
//!
//! A packed block enters, its codes leave through 32-byte vectors; the factors are computed as in
//! the scalar modules. Each tier implements the few operations of [`Wide`] and gets a
//! [`Decode`] through [`Vectors`].

use super::tables::{E2M1_DOUBLED, IQ4_VALUES};
use super::unpack::Decode;
use super::{float4, iq, k, part, u16_at, u32_at};

/// A vector of 32 bytes and the operations that unpacking needs.
///
/// # Safety
/// Every function requires that the processor has the instructions of the implementing tier, and
/// is meant to be inlined into a function that enables them.
pub(crate) trait Wide: Copy {
    /// Bytes from memory.
    unsafe fn load(from: &[u8; 32]) -> Self;
    /// Signed bytes to memory.
    unsafe fn store(self, to: &mut [i8; 32]);
    /// The low nibbles of 16 bytes, then the high ones.
    unsafe fn nibbles(from: &[u8; 16]) -> Self;
    /// All bytes `x`.
    unsafe fn splat(x: u8) -> Self;
    /// All bits of byte `i` set where bit `i` of `bits` is.
    unsafe fn spread(bits: u32) -> Self;
    /// Bitwise and.
    unsafe fn and(self, other: Self) -> Self;
    /// Bitwise or.
    unsafe fn or(self, other: Self) -> Self;
    /// Byte by byte, wrapping.
    unsafe fn sub(self, other: Self) -> Self;
    /// The larger of each signed byte and `low`.
    unsafe fn at_least(self, low: i8) -> Self;
    /// Shifts each byte up.
    unsafe fn shl<const N: i32>(self) -> Self;
    /// Shifts each byte down, filling with zeros.
    unsafe fn shr<const N: i32>(self) -> Self;
    /// All bits of a byte set where it has the single bit of `mask`.
    unsafe fn test(self, mask: u8) -> Self;
    /// Entry `self[i]` of the table; every byte is below 16.
    unsafe fn lookup(self, table: &[i8; 16]) -> Self;
    /// The value of a binary16.
    unsafe fn half(bits: u16) -> f32;
    /// Little-endian binary16 to binary32; `out` has an entry for every two bytes.
    unsafe fn f16(bytes: &[u8], out: &mut [f32]);
    /// Rounds 32 floats to codes and returns their scale; see [`Decode::quantize`].
    unsafe fn quantize(x: &[f32; 32], q: &mut [i8; 32]) -> f32;
}

/// Stores a vector as codes `32·plane ..`.
///
/// # Safety
/// As for [`Wide`].
#[inline(always)]
unsafe fn put<W: Wide>(q: &mut [i8; 256], plane: usize, codes: W) {
    // SAFETY: passed on to the caller.
    unsafe { codes.store(&mut q.as_chunks_mut().0[plane]) }
}

/// The values of two binary16 that follow each other.
///
/// # Safety
/// As for [`Wide`].
#[inline(always)]
unsafe fn halves<W: Wide>(block: &[u8], at: usize) -> [f32; 2] {
    // SAFETY: passed on to the caller.
    unsafe { [W::half(u16_at(block, at)), W::half(u16_at(block, at + 2))] }
}

/// The decoders over the vectors `W`.
pub(crate) struct Vectors<W>(std::marker::PhantomData<W>);

impl<W: Wide> Decode for Vectors<W> {
    #[inline(always)]
    unsafe fn f16(bytes: &[u8], out: &mut [f32]) {
        // SAFETY: passed on to the caller.
        unsafe { W::f16(bytes, out) }
    }

    #[inline(always)]
    unsafe fn quantize(x: &[f32; 32], q: &mut [i8; 32]) -> f32 {
        // SAFETY: passed on to the caller.
        unsafe { W::quantize(x, q) }
    }

    #[inline(always)]
    unsafe fn q4_0(block: &[u8; 18], q: &mut [i8; 32], scale: &mut [f32; 1]) {
        // SAFETY: passed on to the caller.
        unsafe {
            *scale = [W::half(u16_at(block, 0))];
            W::nibbles(part(block, 2)).sub(W::splat(8)).store(q);
        }
    }

    #[inline(always)]
    unsafe fn q4_1(block: &[u8; 20], q: &mut [i8; 32], scale: &mut [f32; 1], min: &mut [f32; 1]) {
        // SAFETY: passed on to the caller.
        unsafe {
            *scale = [W::half(u16_at(block, 0))];
            *min = [W::half(u16_at(block, 2))];
            W::nibbles(part(block, 4)).store(q);
        }
    }

    #[inline(always)]
    unsafe fn q5_0(block: &[u8; 22], q: &mut [i8; 32], scale: &mut [f32; 1]) {
        // SAFETY: passed on to the caller.
        unsafe {
            *scale = [W::half(u16_at(block, 0))];
            let low = W::nibbles(part(block, 6));
            let high = W::spread(u32_at(block, 2)).and(W::splat(16));
            low.or(high).sub(W::splat(16)).store(q);
        }
    }

    #[inline(always)]
    unsafe fn q5_1(block: &[u8; 24], q: &mut [i8; 32], scale: &mut [f32; 1], min: &mut [f32; 1]) {
        // SAFETY: passed on to the caller.
        unsafe {
            *scale = [W::half(u16_at(block, 0))];
            *min = [W::half(u16_at(block, 2))];
            let low = W::nibbles(part(block, 8));
            let high = W::spread(u32_at(block, 4)).and(W::splat(16));
            low.or(high).store(q);
        }
    }

    #[inline(always)]
    unsafe fn q8_0(block: &[u8; 34], q: &mut [i8; 32], scale: &mut [f32; 1], lowest: i8) {
        // SAFETY: passed on to the caller.
        unsafe {
            *scale = [W::half(u16_at(block, 0))];
            W::load(part(block, 2)).at_least(lowest).store(q);
        }
    }

    #[inline(always)]
    unsafe fn q2_k(block: &[u8; 84], q: &mut [i8; 256], scale: &mut [f32; 16], min: &mut [f32; 16]) {
        // SAFETY: passed on to the caller.
        unsafe {
            k::q2_k_factors(block, halves::<W>(block, 80), scale, min);
            for half in 0..2 {
                let pairs = bit_pairs(W::load(part(block, 16 + 32 * half)));
                for (j, codes) in pairs.into_iter().enumerate() {
                    put(q, 4 * half + j, codes);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn q3_k(block: &[u8; 110], q: &mut [i8; 256], scale: &mut [f32; 16]) {
        // SAFETY: passed on to the caller.
        unsafe {
            k::q3_k_factors(block, W::half(u16_at(block, 108)), scale);
            let high = W::load(part(block, 0));
            for half in 0..2 {
                let pairs = bit_pairs(W::load(part(block, 32 + 32 * half)));
                for (j, codes) in pairs.into_iter().enumerate() {
                    let plane = 4 * half + j;
                    let high = high.test(1 << plane).and(W::splat(4));
                    put(q, plane, codes.or(high).sub(W::splat(4)));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn q4_k(block: &[u8; 144], q: &mut [i8; 256], scale: &mut [f32; 8], min: &mut [f32; 8]) {
        // SAFETY: passed on to the caller.
        unsafe {
            k::scales_and_minima(part(block, 0), halves::<W>(block, 0), scale, min);
            for quarter in 0..4 {
                let x = W::load(part(block, 16 + 32 * quarter));
                put(q, 2 * quarter, x.and(W::splat(15)));
                put(q, 2 * quarter + 1, x.shr::<4>());
            }
        }
    }

    #[inline(always)]
    unsafe fn q5_k(block: &[u8; 176], q: &mut [i8; 256], scale: &mut [f32; 8], min: &mut [f32; 8]) {
        // SAFETY: passed on to the caller.
        unsafe {
            k::scales_and_minima(part(block, 0), halves::<W>(block, 0), scale, min);
            let high = W::load(part(block, 16));
            for quarter in 0..4 {
                let x = W::load(part(block, 48 + 32 * quarter));
                for (plane, low) in [x.and(W::splat(15)), x.shr::<4>()].into_iter().enumerate() {
                    let plane = 2 * quarter + plane;
                    put(q, plane, low.or(high.test(1 << plane).and(W::splat(16))));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn q6_k(block: &[u8; 210], q: &mut [i8; 256], scale: &mut [f32; 16]) {
        // SAFETY: passed on to the caller.
        unsafe {
            k::q6_k_factors(block, W::half(u16_at(block, 208)), scale);
            for half in 0..2 {
                let first = W::load(part(block, 64 * half));
                let second = W::load(part(block, 64 * half + 32));
                let high = W::load(part(block, 128 + 32 * half));
                let (nibble, pair) = (W::splat(15), W::splat(0x30));
                let codes = [
                    first.and(nibble).or(high.shl::<4>().and(pair)),
                    second.and(nibble).or(high.shl::<2>().and(pair)),
                    first.shr::<4>().or(high.and(pair)),
                    second.shr::<4>().or(high.shr::<2>().and(pair)),
                ];
                for (j, codes) in codes.into_iter().enumerate() {
                    put(q, 4 * half + j, codes.sub(W::splat(32)));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn iq4_nl(block: &[u8; 18], q: &mut [i8; 32], scale: &mut [f32; 1]) {
        // SAFETY: passed on to the caller.
        unsafe {
            *scale = [W::half(u16_at(block, 0))];
            W::nibbles(part(block, 2)).lookup(&IQ4_VALUES).store(q);
        }
    }

    #[inline(always)]
    unsafe fn iq4_xs(block: &[u8; 136], q: &mut [i8; 256], scale: &mut [f32; 8]) {
        // SAFETY: passed on to the caller.
        unsafe {
            iq::iq4_xs_scales(part(block, 0), W::half(u16_at(block, 0)), scale);
            for plane in 0..8 {
                let indices = W::nibbles(part(block, 8 + 16 * plane));
                put(q, plane, indices.lookup(&IQ4_VALUES));
            }
        }
    }

    #[inline(always)]
    unsafe fn mxfp4(block: &[u8; 17], q: &mut [i8; 32], scale: &mut [f32; 1]) {
        *scale = [float4::e8m0_halved(block[0])];
        // SAFETY: passed on to the caller.
        unsafe { W::nibbles(part(block, 1)).lookup(&E2M1_DOUBLED).store(q) }
    }
}

/// The four planes of 2-bit codes in 32 bytes.
///
/// # Safety
/// As for [`Wide`].
#[inline(always)]
unsafe fn bit_pairs<W: Wide>(x: W) -> [W; 4] {
    // SAFETY: passed on to the caller.
    unsafe {
        let pair = W::splat(3);
        [x.and(pair), x.shr::<2>().and(pair), x.shr::<4>().and(pair), x.shr::<6>()]
    }
}
