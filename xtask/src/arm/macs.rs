//! What an instruction multiplies and loads, from its text.

/// The numbers that are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Integers of 8 bits.
    Int8,
    /// Integers of 16 bits.
    Int16,
    /// binary16 or bfloat16.
    F16,
    /// binary32.
    F32,
}

impl Unit {
    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Int8 => "int8",
            Unit::Int16 => "int16",
            Unit::F16 => "f16",
            Unit::F32 => "f32",
        }
    }
}

/// Multiply-adds of an instruction. The first of a chain, which only multiplies, counts too; multiplications of floats
/// that nothing is added to do not: they scale.
pub fn macs(text: &str) -> Option<(Unit, usize)> {
    let (name, operands) = text.split_once(['\t', ' '])?;
    let shape = operands.split([',', ' ']).next()?.split_once('.')?.1;
    let of = |unit, lanes: &[(&str, usize)]| lanes.iter().find(|(at, _)| *at == shape).map(|&(_, count)| (unit, count));
    match name {
        // Long products: the destination's lanes are twice as wide as what is multiplied.
        "smull" | "smull2" | "smlal" | "smlal2" | "smlsl" | "smlsl2" | "umull" | "umull2" | "umlal" | "umlal2"
        | "umlsl" | "umlsl2" => of(Unit::Int8, &[("8h", 8)]).or(of(Unit::Int16, &[("4s", 4)])),
        // Softmax weights are numbers of 16 bits behind the point, and their polynomial nothing but these.
        "sqrdmulh" | "sqdmulh" | "sqrdmlah" | "sqrdmlsh" => of(Unit::Int16, &[("8h", 8), ("4h", 4)]),
        "mul" | "mla" | "mls" => of(Unit::Int8, &[("16b", 16), ("8b", 8)]).or(of(Unit::Int16, &[("8h", 8), ("4h", 4)])),
        "sdot" | "udot" | "usdot" | "sudot" => of(Unit::Int8, &[("4s", 16), ("2s", 8)]),
        // 2 × 2 sums of eight products.
        "smmla" | "ummla" | "usmmla" => of(Unit::Int8, &[("4s", 32)]),
        "fmla" | "fmls" => of(Unit::F32, &[("4s", 4), ("2s", 2)]).or(of(Unit::F16, &[("8h", 8), ("4h", 4)])),
        "fmlal" | "fmlal2" | "bfmlalb" | "bfmlalt" => of(Unit::F16, &[("4s", 4), ("2s", 2)]),
        "bfdot" => of(Unit::F16, &[("4s", 8), ("2s", 4)]),
        "bfmmla" => of(Unit::F16, &[("4s", 16)]),
        _ => None,
    }
}

/// Bytes that an instruction loads.
pub fn loaded(text: &str) -> usize {
    let Some((name, operands)) = text.split_once(['\t', ' ']) else { return 0 };
    let registers = operands.split('[').next().unwrap_or_default();
    match name {
        "ldr" | "ldur" | "ldp" | "ldnp" => registers.split(',').map(|register| width(register.trim())).sum(),
        "ldrb" | "ldrsb" | "ldurb" => 1,
        "ldrh" | "ldrsh" | "ldurh" => 2,
        "ldrsw" | "ldursw" => 4,
        _ if name.starts_with("ld1")
            || name.starts_with("ld2")
            || name.starts_with("ld3")
            || name.starts_with("ld4") =>
        {
            let listed = operands.split(['{', '}']).nth(1).unwrap_or_default();
            let replicates = name.ends_with('r') || operands.contains("}[");
            listed.split(',').map(|register| vector(register.trim(), replicates)).sum()
        }
        _ => 0,
    }
}

/// Bytes of a scalar register.
fn width(register: &str) -> usize {
    match register.as_bytes().first() {
        Some(b'q') => 16,
        Some(b'x' | b'd') => 8,
        Some(b'w' | b's') => 4,
        Some(b'h') => 2,
        Some(b'b') => 1,
        _ => 0,
    }
}

/// Bytes of a vector in a list, or of the one element of it that is loaded.
fn vector(register: &str, element: bool) -> usize {
    let Some((_, shape)) = register.split_once('.') else { return 0 };
    let (lanes, kind) = shape.split_at(shape.len().saturating_sub(1));
    let size = match kind {
        "b" => 1,
        "h" => 2,
        "s" => 4,
        _ => 8,
    };
    if element { size } else { size * lanes.parse::<usize>().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_counted_by_the_destination() {
        for (text, expected) in [
            ("smull\tv0.8h, v5.8b, v16.8b", Some((Unit::Int8, 8))),
            ("smlal2\tv0.8h, v5.16b, v16.16b", Some((Unit::Int8, 8))),
            ("smlal\tv0.4s, v5.4h, v16.4h", Some((Unit::Int16, 4))),
            ("smull2\tv0.4s, v5.8h, v16.8h", Some((Unit::Int16, 4))),
            ("smlal2\tv0.4s, v5.8h, v16.8h", Some((Unit::Int16, 4))),
            ("sqrdmulh\tv0.8h, v5.8h, v16.8h", Some((Unit::Int16, 8))),
            ("mla\tv0.4s, v5.4s, v16.4s", None),
            ("sdot\tv0.4s, v5.16b, v16.4b[2]", Some((Unit::Int8, 16))),
            ("smmla\tv0.4s, v5.16b, v16.16b", Some((Unit::Int8, 32))),
            ("fmla\tv3.4s, v16.4s, v0.s[1]", Some((Unit::F32, 4))),
            ("fmla\tv3.8h, v16.8h, v0.8h", Some((Unit::F16, 8))),
            ("bfdot\tv3.4s, v16.8h, v0.8h", Some((Unit::F16, 8))),
            ("fmul\tv16.4s, v19.4s, v5.s[0]", None),
            ("sadalp\tv0.4s, v1.8h", None),
            ("smull\tx0, w1, w2", None),
            ("mul\tx0, x1, x2", None),
            ("ret", None),
        ] {
            assert_eq!(macs(text), expected, "{text}");
        }
    }

    #[test]
    fn loads_are_counted_in_bytes() {
        for (text, expected) in [
            ("ldp\tq16, q20, [x14, #-0x20]", 32),
            ("ldr\tq19, [x11], #0x10", 16),
            ("ldp\ts6, s7, [x10], #0x10", 8),
            ("ldr\tx9, [x0]", 8),
            ("ldrb\tw8, [x1, #0x38]", 1),
            ("ld1\t{ v0.16b, v1.16b }, [x0], #32", 32),
            ("ld1r\t{ v0.4s }, [x0]", 4),
            ("ld1\t{ v0.s }[1], [x0]", 4),
            ("stp\tq0, q1, [x0]", 0),
            ("fmla\tv3.4s, v16.4s, v0.s[1]", 0),
        ] {
            assert_eq!(loaded(text), expected, "{text}");
        }
    }
}
