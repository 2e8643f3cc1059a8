//! Name of a type → the type, or what would be right.

use super::plans::Kind;
use crate::failure::Failure;
use noctule_quant::recipe::{self, RECIPES};
use noctule_quant::{GgmlType, encode, names};

/// Names more alike than this are taken for a slip.
const ALIKE: f64 = 0.8;

/// Reads the name of a type, in any case.
///
/// # Errors
/// A sentence with the nearest name and all names.
pub fn parse(name: &str) -> Result<GgmlType, String> {
    match GgmlType::from_name(name) {
        Some(ty) if encode::TYPES.contains(&ty) => Ok(ty),
        Some(ty) => Err(format!("files of type {ty} are not made here; the types are {}", names())),
        None => Err(unknown(name)),
    }
}

/// As [`parse`]; also a file type's number, as whisper-quantize takes it.
///
/// # Errors
/// As [`parse`].
pub fn parse_or_number(text: &str) -> Result<GgmlType, String> {
    match text.parse().ok().and_then(GgmlType::from_ftype) {
        Some(ty) => parse(ty.name()),
        None => parse(text),
    }
}

/// As [`parse_or_number`]; also a mix with a name.
///
/// # Errors
/// As [`parse`].
pub fn parse_kind(text: &str) -> Result<Kind, Failure> {
    match recipe::named(text) {
        Some(recipe) => Ok(Kind::Mix(recipe)),
        None => parse_or_number(text).map(Kind::Type).map_err(Failure::Usage),
    }
}

fn unknown(name: &str) -> String {
    let lower = name.to_lowercase();
    let mixes = RECIPES.map(|recipe| recipe.name).join(", ");
    if let Some(base) = ["_s", "_m", "_l"].iter().find_map(|size| lower.strip_suffix(size)) {
        let known = ["q2_k", "q3_k", "q4_k", "q5_k", "iq2", "iq3", "iq4"];
        if known.contains(&base) {
            let near = match base {
                "iq4" => "iq4_xs (4.25 bits) or iq4_nl (4.5 bits)",
                "iq2" => "iq2_s (2.6 bits) or q2_k (2.6 bits)",
                "iq3" => "iq3_s (3.4 bits) or q3_k (3.4 bits)",
                base => base,
            };
            return format!(
                "{lower} is no type of a tensor: names ending in _s, _m and _l are mixes of several types in one \
                 file; the mixes are {mixes}, of the types take {near}"
            );
        }
    }
    let scored = encode::TYPES.into_iter().map(|ty| (strsim::jaro(&lower, ty.name()), ty));
    let near = scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > ALIKE);
    let hint = near.map_or(String::new(), |(_, ty)| format!("did you mean '{ty}'? "));
    format!("there is no type '{name}'; {hint}the types are {}; the mixes are {mixes}", names())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(parse("Q4_K"), Ok(GgmlType::Q4_K));
        assert_eq!(parse_or_number("8"), Ok(GgmlType::Q5_0));
        assert_eq!(parse_or_number("q5_0"), Ok(GgmlType::Q5_0));
        assert!(parse("8").is_err());
        assert!(parse_or_number("4").is_err());
    }

    #[test]
    fn what_is_wrong_is_explained() {
        for (name, part) in [
            ("q4k", "did you mean 'q4_k'?"),
            ("zzz", "the types are f16, bf16, q8_0"),
            ("q8_1", "not made here"),
            ("iq4_s", "iq4_xs (4.25 bits) or iq4_nl"),
            ("Q4_K_L", "take q4_k"),
            ("q4_k_l", "the mixes are q5_k_m, q4_k_m"),
        ] {
            let message = parse(name).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
        assert!(!parse("zzz").unwrap_err().contains("did you mean"));
    }
}
