//! The reference kernels: portable Rust, no instruction beyond what the target guarantees.

pub(crate) mod block8;
pub(crate) mod int8;
mod words;

use crate::block::{bf16_to_f32, f16_to_f32, f32_to_f16};
use crate::simd::Simd;

/// Four floats in an array: the compiler makes of it what the target has.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

#[inline(always)]
fn map(f: impl Fn(usize) -> f32) -> [f32; 4] {
    [f(0), f(1), f(2), f(3)]
}

// SAFETY: no function needs an instruction; each touches exactly four elements.
unsafe impl Simd for Scalar {
    type V = [f32; 4];
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> [f32; 4] {
        [0.0; 4]
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 4] {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        // SAFETY: the caller promises four floats.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: [f32; 4]) {
        // SAFETY: the caller promises room for four floats.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u8) -> [f32; 4] {
        // SAFETY: the caller promises eight bytes.
        let bytes = unsafe { from.cast::<[[u8; 2]; 4]>().read_unaligned() };
        map(|i| f16_to_f32(u16::from_le_bytes(bytes[i])))
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> [f32; 4] {
        // SAFETY: the caller promises eight bytes.
        let bytes = unsafe { from.cast::<[[u8; 2]; 4]>().read_unaligned() };
        map(|i| bf16_to_f32(u16::from_le_bytes(bytes[i])))
    }
    #[inline(always)]
    unsafe fn store_f16(to: *mut u16, v: [f32; 4]) {
        // SAFETY: the caller promises room for four numbers.
        unsafe { to.cast::<[u16; 4]>().write_unaligned(v.map(f32_to_f16)) }
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        map(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        map(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn div(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        map(|i| a[i] / b[i])
    }
    #[inline(always)]
    unsafe fn abs(v: [f32; 4]) -> [f32; 4] {
        v.map(f32::abs)
    }
    #[inline(always)]
    unsafe fn from_i32(from: *const i32) -> [f32; 4] {
        // SAFETY: the caller promises four integers.
        let n = unsafe { from.cast::<[i32; 4]>().read_unaligned() };
        map(|i| n[i] as f32)
    }
    #[inline(always)]
    unsafe fn fma(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        map(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn mul(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        map(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn min(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        map(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn max(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        map(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn scale(v: [f32; 4], n: [f32; 4]) -> [f32; 4] {
        map(|i| f32::from_bits(v[i].to_bits().wrapping_add(n[i].to_bits() << 23)))
    }
    #[inline(always)]
    unsafe fn sum(v: [f32; 4]) -> f32 {
        (v[0] + v[2]) + (v[1] + v[3])
    }
    #[inline(always)]
    unsafe fn top(v: [f32; 4]) -> f32 {
        let [a, b, c, d] = v;
        a.max(c).max(b.max(d))
    }
    #[inline(always)]
    unsafe fn store_codes(to: *mut i8, n: [f32; 4]) {
        // SAFETY: the caller promises room for four codes.
        unsafe { to.cast::<[i8; 4]>().write_unaligned(n.map(|n| n.to_bits() as i8)) }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller promises a square of four rows on both sides.
        unsafe {
            let rows: [[f32; 4]; 4] = std::array::from_fn(|i| Self::load(from.add(i * from_stride)));
            #[allow(clippy::needless_range_loop)]
            for j in 0..4 {
                Self::store(to.add(j * to_stride), map(|i| rows[i][j]));
            }
        }
    }
    const SQUARE: usize = 4;
}
