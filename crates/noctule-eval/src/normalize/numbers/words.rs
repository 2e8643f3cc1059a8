//! The words that numbers are made of.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a word does to a number. Source of the vocabulary: `EnglishNumberNormalizer` in `english.py` of openai-whisper
/// 20250625.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// "o", "oh", "zero".
    Zero,
    /// "one" to "nineteen".
    Ones(u8),
    /// "twenty" to "ninety".
    Tens(u8),
    /// "hundred" to "decillion": a power of ten.
    Multiplier(usize),
    /// Ordinal or plural of a number below a hundred, and its suffix.
    SmallSuffixed(u8, &'static str),
    /// Ordinal or plural of a multiplier, and its suffix.
    MultiplierSuffixed(usize, &'static str),
    /// "minus", "plus": stands before a number.
    Sign(char),
    /// "dollars", "cents": stands behind a number and is written before it.
    Currency(char),
    /// "percent".
    Percent,
    /// "per", of "per cent".
    Per,
    /// "and".
    And,
    /// "point".
    Point,
    /// "double", "triple": how often the next digit is meant.
    Repeat(usize),
}

impl Role {
    /// May follow "point".
    pub fn is_decimal(self) -> bool {
        matches!(self, Self::Zero | Self::Ones(_) | Self::Tens(_))
    }
}

const ONES: [&str; 19] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

const TENS: [&str; 8] = ["twent", "thirt", "fort", "fift", "sixt", "sevent", "eight", "ninet"];

const MULTIPLIERS: [(&str, usize); 12] = [
    ("hundred", 2),
    ("thousand", 3),
    ("million", 6),
    ("billion", 9),
    ("trillion", 12),
    ("quadrillion", 15),
    ("quintillion", 18),
    ("sextillion", 21),
    ("septillion", 24),
    ("octillion", 27),
    ("nonillion", 30),
    ("decillion", 33),
];

const OTHERS: [(&str, Role); 23] = [
    ("o", Role::Zero),
    ("oh", Role::Zero),
    ("zero", Role::Zero),
    ("minus", Role::Sign('-')),
    ("negative", Role::Sign('-')),
    ("plus", Role::Sign('+')),
    ("positive", Role::Sign('+')),
    ("pound", Role::Currency('£')),
    ("pounds", Role::Currency('£')),
    ("euro", Role::Currency('€')),
    ("euros", Role::Currency('€')),
    ("dollar", Role::Currency('$')),
    ("dollars", Role::Currency('$')),
    ("cent", Role::Currency('¢')),
    ("cents", Role::Currency('¢')),
    ("per", Role::Per),
    ("percent", Role::Percent),
    ("and", Role::And),
    ("double", Role::Repeat(2)),
    ("triple", Role::Repeat(3)),
    ("point", Role::Point),
    ("zeroth", Role::SmallSuffixed(0, "th")),
    ("sixes", Role::SmallSuffixed(6, "s")),
];

static ROLES: LazyLock<HashMap<String, Role>> = LazyLock::new(|| {
    let mut roles: HashMap<String, Role> = OTHERS.iter().map(|&(word, role)| (word.to_string(), role)).collect();
    for (value, name) in (1..).zip(ONES) {
        roles.insert(name.to_string(), Role::Ones(value));
        if name != "six" {
            roles.insert(format!("{name}s"), Role::SmallSuffixed(value, "s"));
        }
        let (ordinal, suffix) = ordinal(name);
        roles.insert(ordinal, Role::SmallSuffixed(value, suffix));
    }
    for (value, stem) in (20..).step_by(10).zip(TENS) {
        roles.insert(format!("{stem}y"), Role::Tens(value));
        roles.insert(format!("{stem}ies"), Role::SmallSuffixed(value, "s"));
        roles.insert(format!("{stem}ieth"), Role::SmallSuffixed(value, "th"));
    }
    for (name, zeros) in MULTIPLIERS {
        roles.insert(name.to_string(), Role::Multiplier(zeros));
        roles.insert(format!("{name}s"), Role::MultiplierSuffixed(zeros, "s"));
        roles.insert(format!("{name}th"), Role::MultiplierSuffixed(zeros, "th"));
    }
    roles
});

/// The ordinal of one to nineteen. The reference knows "nineth" and not "ninth".
fn ordinal(name: &str) -> (String, &'static str) {
    match name {
        "one" => ("first".to_string(), "st"),
        "two" => ("second".to_string(), "nd"),
        "three" => ("third".to_string(), "rd"),
        "five" => ("fifth".to_string(), "th"),
        "twelve" => ("twelfth".to_string(), "th"),
        // "eighth" has one t.
        _ => (format!("{}th", name.strip_suffix('t').unwrap_or(name)), "th"),
    }
}

/// What `word` does to a number, if anything.
pub(super) fn role(word: &str) -> Option<Role> {
    ROLES.get(word).copied()
}
