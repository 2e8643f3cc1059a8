//! Sixteen-bit integers in plain Rust.

use super::Scalar;
use crate::words::Words;

type W = [i16; 8];

#[inline(always)]
fn map(f: impl Fn(usize) -> i16) -> W {
    std::array::from_fn(f)
}

#[inline(always)]
fn clamp(x: i64) -> i16 {
    x.clamp(-32768, 32767) as i16
}

// SAFETY: no function needs an instruction; each touches the elements that the trait states.
unsafe impl Words for Scalar {
    type W = W;
    const WORDS: usize = 8;

    #[inline(always)]
    unsafe fn largest(from: *const i32) -> i32 {
        // SAFETY: the caller promises 64 integers.
        unsafe { from.cast::<[i32; 64]>().read_unaligned() }.into_iter().fold(i32::MIN, i32::max)
    }
    #[inline(always)]
    unsafe fn narrow(from: *const i32, top: i32, shift: i32) -> W {
        // SAFETY: the caller promises eight integers.
        let x = unsafe { from.cast::<[i32; 8]>().read_unaligned() };
        map(|i| {
            let x = i64::from(x[i]) - i64::from(top);
            clamp(if shift > 0 { (x + (1 << (shift - 1))) >> shift } else { x << -shift })
        })
    }
    #[inline(always)]
    unsafe fn splat(x: i16) -> W {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn add(a: W, b: W) -> W {
        map(|i| a[i].saturating_add(b[i]))
    }
    #[inline(always)]
    unsafe fn mul(a: W, b: W) -> W {
        map(|i| ((i32::from(a[i]) * i32::from(b[i]) + (1 << 14)) >> 15) as i16)
    }
    #[inline(always)]
    unsafe fn whole(x: W) -> W {
        map(|i| (x[i].saturating_add(512) >> 10).max(-15))
    }
    #[inline(always)]
    unsafe fn fraction(x: W) -> W {
        map(|i| x[i] << 6)
    }
    #[inline(always)]
    unsafe fn lower(a: W, n: W) -> W {
        map(|i| a[i] >> -n[i])
    }
    #[inline(always)]
    unsafe fn store(to: *mut u8, w: W, flip: u8) {
        // SAFETY: the caller promises room for eight bytes.
        unsafe { to.cast::<[u8; 8]>().write_unaligned(w.map(|x| x as u8 ^ flip)) };
    }
    #[inline(always)]
    unsafe fn total(w: W) -> i32 {
        w.into_iter().map(i32::from).sum()
    }
}
