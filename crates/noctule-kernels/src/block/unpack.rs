//! From packed rows to weights: one dispatch over the types, compiled once for every tier.
//!
//! [`Decode`] expands single blocks; its provided functions are the scalar truth, and a tier
//! replaces those that its instructions make faster. [`values`] and [`codes`] walk the blocks of a
//! row and are inlined into a function that enables the instructions of the tier, so that the
//! provided functions are compiled with them, too.

use super::GgmlType::{self, *};
use super::{float, float4, iq, k, legacy, ternary};

/// Expands blocks into codes and factors.
///
/// # Safety
/// Each function requires that the processor has the instructions of the implementing tier.
pub(crate) trait Decode {
    /// See [`GgmlType::F16`]; `out` has an entry for every two bytes.
    #[inline(always)]
    unsafe fn f16(bytes: &[u8], out: &mut [f32]) {
        float::f16_row(bytes, out);
    }
    /// Rounds 32 floats to codes and returns their scale, as [`codes`](super::unpack_i8) states.
    #[inline(always)]
    unsafe fn quantize(x: &[f32; 32], q: &mut [i8; 32]) -> f32 {
        float::quantize_group(x, q)
    }
    /// See [`GgmlType::Q4_0`].
    #[inline(always)]
    unsafe fn q4_0(block: &[u8; 18], q: &mut [i8; 32], scale: &mut [f32; 1]) {
        legacy::q4_0(block, q, scale);
    }
    /// See [`GgmlType::Q4_1`].
    #[inline(always)]
    unsafe fn q4_1(block: &[u8; 20], q: &mut [i8; 32], scale: &mut [f32; 1], min: &mut [f32; 1]) {
        legacy::q4_1(block, q, scale, min);
    }
    /// See [`GgmlType::Q5_0`].
    #[inline(always)]
    unsafe fn q5_0(block: &[u8; 22], q: &mut [i8; 32], scale: &mut [f32; 1]) {
        legacy::q5_0(block, q, scale);
    }
    /// See [`GgmlType::Q5_1`].
    #[inline(always)]
    unsafe fn q5_1(block: &[u8; 24], q: &mut [i8; 32], scale: &mut [f32; 1], min: &mut [f32; 1]) {
        legacy::q5_1(block, q, scale, min);
    }
    /// See [`GgmlType::Q8_0`]; codes below `lowest` are raised to it.
    #[inline(always)]
    unsafe fn q8_0(block: &[u8; 34], q: &mut [i8; 32], scale: &mut [f32; 1], lowest: i8) {
        legacy::q8_0(block, q, scale, lowest);
    }
    /// See [`GgmlType::Q2_K`].
    #[inline(always)]
    unsafe fn q2_k(block: &[u8; 84], q: &mut [i8; 256], scale: &mut [f32; 16], min: &mut [f32; 16]) {
        k::q2_k(block, q, scale, min);
    }
    /// See [`GgmlType::Q3_K`].
    #[inline(always)]
    unsafe fn q3_k(block: &[u8; 110], q: &mut [i8; 256], scale: &mut [f32; 16]) {
        k::q3_k(block, q, scale);
    }
    /// See [`GgmlType::Q4_K`].
    #[inline(always)]
    unsafe fn q4_k(block: &[u8; 144], q: &mut [i8; 256], scale: &mut [f32; 8], min: &mut [f32; 8]) {
        k::q4_k(block, q, scale, min);
    }
    /// See [`GgmlType::Q5_K`].
    #[inline(always)]
    unsafe fn q5_k(block: &[u8; 176], q: &mut [i8; 256], scale: &mut [f32; 8], min: &mut [f32; 8]) {
        k::q5_k(block, q, scale, min);
    }
    /// See [`GgmlType::Q6_K`].
    #[inline(always)]
    unsafe fn q6_k(block: &[u8; 210], q: &mut [i8; 256], scale: &mut [f32; 16]) {
        k::q6_k(block, q, scale);
    }
    /// See [`GgmlType::IQ4_NL`].
    #[inline(always)]
    unsafe fn iq4_nl(block: &[u8; 18], q: &mut [i8; 32], scale: &mut [f32; 1]) {
        iq::iq4_nl(block, q, scale);
    }
    /// See [`GgmlType::IQ4_XS`].
    #[inline(always)]
    unsafe fn iq4_xs(block: &[u8; 136], q: &mut [i8; 256], scale: &mut [f32; 8]) {
        iq::iq4_xs(block, q, scale);
    }
    /// See [`GgmlType::MXFP4`].
    #[inline(always)]
    unsafe fn mxfp4(block: &[u8; 17], q: &mut [i8; 32], scale: &mut [f32; 1]) {
        float4::mxfp4(block, q, scale);
    }
}

/// The provided functions and nothing else.
pub(crate) struct Scalar;

impl Decode for Scalar {}

/// Expands a row to `f32`; see [`unpack_f32`](super::unpack_f32).
///
/// # Safety
/// The processor has the instructions of `D`.
#[inline(always)]
pub(crate) unsafe fn values<D: Decode>(ty: GgmlType, bytes: &[u8], out: &mut [f32]) {
    // SAFETY: passed on to the caller.
    unsafe {
        match ty {
            F32 => float::f32_row(bytes, out),
            F16 => D::f16(bytes, out),
            BF16 => float::bf16_row(bytes, out),
            _ => blocks::<D, _>(ty, bytes, Values(out)),
        }
    }
}

/// Expands a row to integers; see [`unpack_i8`](super::unpack_i8).
///
/// # Safety
/// The processor has the instructions of `D`.
#[inline(always)]
pub(crate) unsafe fn codes<D: Decode>(ty: GgmlType, bytes: &[u8], q: &mut [i8], scale: &mut [f32], min: &mut [f32]) {
    if !super::has_min(ty) {
        min.fill(0.0);
    }
    // SAFETY: passed on to the caller.
    unsafe {
        match ty {
            F32 => float::quantize::<D, 128>(bytes, q, scale, |b, x| float::f32_row(b, x)),
            F16 => float::quantize::<D, 64>(bytes, q, scale, |b, x| D::f16(b, x)),
            BF16 => float::quantize::<D, 64>(bytes, q, scale, |b, x| float::bf16_row(b, x)),
            _ => blocks::<D, _>(ty, bytes, Codes { q, scale, min }),
        }
    }
}

/// Decodes every block of a row.
///
/// # Safety
/// The processor has the instructions of `D`.
#[inline(always)]
#[expect(
    clippy::redundant_closure,
    reason = "a function passed by name is not inlined, so not compiled with the tier's instructions"
)]
unsafe fn blocks<D: Decode, R: Row>(ty: GgmlType, bytes: &[u8], mut row: R) {
    // SAFETY: every use of `D` below relies on the caller's promise.
    unsafe {
        match ty {
            F32 | F16 | BF16 => unreachable!("{ty} has no blocks"),
            Q4_0 => row.scaled(bytes, |b, q, s| D::q4_0(b, q, s)),
            Q4_1 => row.offset(bytes, |b, q, s, m| D::q4_1(b, q, s, m)),
            Q5_0 => row.scaled(bytes, |b, q, s| D::q5_0(b, q, s)),
            Q5_1 => row.offset(bytes, |b, q, s, m| D::q5_1(b, q, s, m)),
            Q8_0 => row.scaled(bytes, |b, q, s| D::q8_0(b, q, s, R::LOWEST)),
            Q8_1 => row.scaled(bytes, |b, q, s| legacy::q8_1(b, q, s, R::LOWEST)),
            Q2_K => row.offset(bytes, |b, q, s, m| D::q2_k(b, q, s, m)),
            Q3_K => row.scaled(bytes, |b, q, s| D::q3_k(b, q, s)),
            Q4_K => row.offset(bytes, |b, q, s, m| D::q4_k(b, q, s, m)),
            Q5_K => row.offset(bytes, |b, q, s, m| D::q5_k(b, q, s, m)),
            Q6_K => row.scaled(bytes, |b, q, s| D::q6_k(b, q, s)),
            Q8_K => row.scaled(bytes, |b, q, s| k::q8_k(b, q, s, R::LOWEST)),
            IQ2_XXS => row.scaled(bytes, |b, q, s| iq::iq2_xxs(b, q, s)),
            IQ2_XS => row.scaled(bytes, |b, q, s| iq::iq2_xs(b, q, s)),
            IQ2_S => row.scaled(bytes, |b, q, s| iq::iq2_s(b, q, s)),
            IQ3_XXS => row.scaled(bytes, |b, q, s| iq::iq3_xxs(b, q, s)),
            IQ3_S => row.scaled(bytes, |b, q, s| iq::iq3_s(b, q, s)),
            IQ1_S => row.scaled(bytes, |b, q, s| iq::iq1_s(b, q, s)),
            IQ1_M => row.scaled(bytes, |b, q, s| iq::iq1_m(b, q, s)),
            IQ4_NL => row.scaled(bytes, |b, q, s| D::iq4_nl(b, q, s)),
            IQ4_XS => row.scaled(bytes, |b, q, s| D::iq4_xs(b, q, s)),
            TQ1_0 => row.scaled(bytes, |b, q, s| ternary::tq1_0(b, q, s)),
            TQ2_0 => row.scaled(bytes, |b, q, s| ternary::tq2_0(b, q, s)),
            Q1_0 => row.scaled(bytes, |b, q, s| ternary::q1_0(b, q, s)),
            Q2_0 => row.scaled(bytes, |b, q, s| ternary::q2_0(b, q, s)),
            MXFP4 => row.scaled(bytes, |b, q, s| D::mxfp4(b, q, s)),
            NVFP4 => row.scaled(bytes, |b, q, s| float4::nvfp4(b, q, s)),
        }
    }
}

/// Where the decoded blocks of a row go.
trait Row {
    /// The lowest code that it takes; the 8-bit types may hold −128.
    const LOWEST: i8;

    /// Decodes each block of a type without offsets.
    fn scaled<const BYTES: usize, const LEN: usize, const GROUPS: usize>(
        &mut self,
        bytes: &[u8],
        decode: impl Fn(&[u8; BYTES], &mut [i8; LEN], &mut [f32; GROUPS]),
    );

    /// Decodes each block of a type with offsets.
    fn offset<const BYTES: usize, const LEN: usize, const GROUPS: usize>(
        &mut self,
        bytes: &[u8],
        decode: impl Fn(&[u8; BYTES], &mut [i8; LEN], &mut [f32; GROUPS], &mut [f32; GROUPS]),
    );
}

/// Keeps codes and factors.
struct Codes<'a> {
    q: &'a mut [i8],
    scale: &'a mut [f32],
    min: &'a mut [f32],
}

impl Row for Codes<'_> {
    const LOWEST: i8 = -127;

    #[inline(always)]
    fn scaled<const BYTES: usize, const LEN: usize, const GROUPS: usize>(
        &mut self,
        bytes: &[u8],
        decode: impl Fn(&[u8; BYTES], &mut [i8; LEN], &mut [f32; GROUPS]),
    ) {
        let codes = self.q.as_chunks_mut().0.iter_mut();
        let factors = self.scale.as_chunks_mut().0;
        for ((block, q), scale) in bytes.as_chunks().0.iter().zip(codes).zip(factors) {
            decode(block, q, scale);
        }
    }

    #[inline(always)]
    fn offset<const BYTES: usize, const LEN: usize, const GROUPS: usize>(
        &mut self,
        bytes: &[u8],
        decode: impl Fn(&[u8; BYTES], &mut [i8; LEN], &mut [f32; GROUPS], &mut [f32; GROUPS]),
    ) {
        let codes = self.q.as_chunks_mut().0.iter_mut();
        let scales = self.scale.as_chunks_mut().0.iter_mut();
        let factors = scales.zip(self.min.as_chunks_mut().0);
        for ((block, q), (scale, min)) in bytes.as_chunks().0.iter().zip(codes).zip(factors) {
            decode(block, q, scale, min);
        }
    }
}

/// Multiplies codes by their scales and adds their offsets.
struct Values<'a>(&'a mut [f32]);

impl Row for Values<'_> {
    const LOWEST: i8 = -128;

    #[inline(always)]
    fn scaled<const BYTES: usize, const LEN: usize, const GROUPS: usize>(
        &mut self,
        bytes: &[u8],
        decode: impl Fn(&[u8; BYTES], &mut [i8; LEN], &mut [f32; GROUPS]),
    ) {
        let (mut q, mut scale) = ([0i8; LEN], [0f32; GROUPS]);
        let blocks = bytes.as_chunks().0.iter();
        for (block, out) in blocks.zip(self.0.as_chunks_mut::<LEN>().0) {
            decode(block, &mut q, &mut scale);
            let groups = out.chunks_exact_mut(LEN / GROUPS);
            for ((out, q), &scale) in groups.zip(q.chunks_exact(LEN / GROUPS)).zip(&scale) {
                for (out, &q) in out.iter_mut().zip(q) {
                    *out = scale * f32::from(q);
                }
            }
        }
    }

    #[inline(always)]
    fn offset<const BYTES: usize, const LEN: usize, const GROUPS: usize>(
        &mut self,
        bytes: &[u8],
        decode: impl Fn(&[u8; BYTES], &mut [i8; LEN], &mut [f32; GROUPS], &mut [f32; GROUPS]),
    ) {
        let (mut q, mut scale, mut min) = ([0i8; LEN], [0f32; GROUPS], [0f32; GROUPS]);
        let blocks = bytes.as_chunks().0.iter();
        for (block, out) in blocks.zip(self.0.as_chunks_mut::<LEN>().0) {
            decode(block, &mut q, &mut scale, &mut min);
            let groups = out.chunks_exact_mut(LEN / GROUPS);
            let factors = scale.iter().zip(&min);
            for ((out, q), (&scale, &min)) in groups.zip(q.chunks_exact(LEN / GROUPS)).zip(factors) {
                for (out, &q) in out.iter_mut().zip(q) {
                    *out = scale * f32::from(q) + min;
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod check {
    //! The comparison of a tier's unpackers with the scalar ones.

    use super::super::{GgmlType, group_len, unpack_f32, unpack_i8};

    /// A tier's `unpack_f32`.
    pub(crate) type F32 = unsafe fn(GgmlType, &[u8], &mut [f32]);
    /// A tier's `unpack_i8`.
    pub(crate) type I8 = unsafe fn(GgmlType, &[u8], &mut [i8], &mut [f32], &mut [f32]);

    /// Asserts that both give the scalar bits for arbitrary bytes of every type and several
    /// lengths; a NaN may be any NaN.
    ///
    /// # Safety
    /// The processor has the tier's instructions.
    pub(crate) unsafe fn agrees(tier_f32: F32, tier_i8: I8) {
        let mut state = 1u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        for ty in GgmlType::ALL {
            let step = ty.block_len();
            let lens: &[usize] = if step == 1 { &[0, 1, 3, 8, 31, 32, 33, 95, 1024] } else { &[0, 1, 2, 7] };
            for round in 0..40 {
                let len = step * lens[round % lens.len()];
                let size = ty.row_bytes(len).expect("whole blocks");
                // One byte more, so that the blocks lie at odd addresses, too.
                let mut bytes: Vec<u8> = (0..=size).map(|_| random()).collect();
                if round >= 36 {
                    bytes.fill([0, 0x80, 0x7f, 0xff][round - 36]);
                }
                let bytes = &bytes[round % 2..][..size];
                // SAFETY: passed on to the caller.
                unsafe {
                    values_agree(ty, bytes, len, tier_f32);
                    codes_agree(ty, bytes, len, tier_i8);
                }
            }
        }
    }

    unsafe fn values_agree(ty: GgmlType, bytes: &[u8], len: usize, tier: F32) {
        let (mut want, mut got) = (vec![1.0; len], vec![2.0; len]);
        unpack_f32(ty, bytes, &mut want);
        // SAFETY: passed on to the caller.
        unsafe { tier(ty, bytes, &mut got) };
        assert_same(ty, &got, &want);
    }

    unsafe fn codes_agree(ty: GgmlType, bytes: &[u8], len: usize, tier: I8) {
        let groups = len.div_ceil(group_len(ty));
        let (mut want, mut got) = (vec![1; len], vec![2; len]);
        let (mut want_scale, mut got_scale) = (vec![1.0; groups], vec![2.0; groups]);
        let (mut want_min, mut got_min) = (vec![1.0; groups], vec![2.0; groups]);
        unpack_i8(ty, bytes, &mut want, &mut want_scale, &mut want_min);
        // SAFETY: passed on to the caller.
        unsafe { tier(ty, bytes, &mut got, &mut got_scale, &mut got_min) };
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_eq!(got, want, "{ty} code {i}");
        }
        assert_same(ty, &got_scale, &want_scale);
        assert_same(ty, &got_min, &want_min);
    }

    fn assert_same(ty: GgmlType, got: &[f32], want: &[f32]) {
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
            assert!(same, "{ty} {i}: {got} instead of {want}");
        }
    }
}
