//! Conversions between binary32 and the two 16-bit floats of model files.
//!
//! Bits enter, bits leave, with one rounding (to nearest, ties to even) on the way down and none on
//! the way up. Source: IEEE 754-2008 §3.6 for binary16; bfloat16 is the upper half of binary32.

/// The value of an IEEE binary16. A signalling NaN becomes quiet, as in hardware.
#[inline]
pub const fn f16_to_f32(h: u16) -> f32 {
    let sign = ((h & 0x8000) as u32) << 16;
    let exponent = ((h >> 10) & 0x1f) as u32;
    let mantissa = (h & 0x3ff) as u32;
    let magnitude = match (exponent, mantissa) {
        (0, _) => {
            // 2^-24 is the unit of a subnormal; both factors and the product are exact.
            (mantissa as f32 * f32::from_bits(0x3380_0000)).to_bits()
        }
        (0x1f, 0) => 0x7f80_0000,
        (0x1f, _) => 0x7fc0_0000 | (mantissa << 13),
        _ => ((exponent + 112) << 23) | (mantissa << 13),
    };
    f32::from_bits(sign | magnitude)
}

/// The nearest IEEE binary16, ties to even. Values from 65520 up become infinite; a NaN becomes
/// `0x7e00` with its sign, as in ggml.
#[inline]
pub const fn f32_to_f16(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    if magnitude >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    if magnitude < 0x3880_0000 {
        // Adding 0.5 puts the unit 2^-24 of a subnormal at the last bit, so that the addition
        // rounds to it.
        let shifted = f32::from_bits(magnitude) + 0.5;
        return sign | (shifted.to_bits() - 0x3f00_0000) as u16;
    }
    let odd = (magnitude >> 13) & 1;
    let rounded = magnitude - (112 << 23) + 0xfff + odd;
    sign | (rounded >> 13) as u16
}

/// The value of a bfloat16.
#[inline]
pub const fn bf16_to_f32(h: u16) -> f32 {
    f32::from_bits((h as u32) << 16)
}

/// The nearest bfloat16, ties to even. A NaN keeps its upper bits and becomes quiet.
#[inline]
pub const fn f32_to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    if bits & 0x7fff_ffff > 0x7f80_0000 {
        return (bits >> 16) as u16 | 0x40;
    }
    let odd = (bits >> 16) & 1;
    ((bits + 0x7fff + odd) >> 16) as u16
}
