//! Budgets as people say them: "real time with 1 GB", "an hour's meeting within 10 minutes", "best words in 200 MB".

use regex::Regex;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is wanted, and what it may cost. What is `None` may cost anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// What is best.
    pub goal: Goal,
    /// Seconds for each second of audio.
    pub real_time_factor: Option<f64>,
    /// Seconds for an hour of speech.
    pub hour_s: Option<f64>,
    /// Memory, bytes.
    pub memory_bytes: Option<u64>,
    /// Size of the model's file, bytes.
    pub file_bytes: Option<u64>,
    /// Share of the words that may be wrong.
    pub error_rate: Option<f64>,
}

/// What is best.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Fewest wrong words.
    #[default]
    Words,
    /// Least time.
    Speed,
    /// Least memory.
    Memory,
    /// Least energy.
    Energy,
}

impl Goal {
    /// For people and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Speed => "speed",
            Self::Memory => "memory",
            Self::Energy => "energy",
        }
    }
}

/// A part of a sentence and what it means.
type Phrase = (&'static str, fn(&mut Budget, &[f64], &str));

/// Longest first, because what was understood is taken out.
const PHRASES: &[Phrase] = &[
    (
        r"(?:an|one|1)? ?hours?(?:'s|’s)?(?: of (?:speech|audio|talk)| meeting| recording| talk| lecture)?s? (?:with)?in (?:at most |under )?([0-9.]+) ?(seconds?|secs?|s|minutes?|mins?|m|hours?|h)\b",
        |budget, numbers, unit| budget.hour_s = Some(numbers[0] * seconds(unit)),
    ),
    (
        r"(?:finished |done |ready )?within ([0-9.]+) ?(seconds?|secs?|s|minutes?|mins?|m|hours?|h)\b",
        |budget, numbers, unit| budget.hour_s = Some(numbers[0] * seconds(unit)),
    ),
    (r"([0-9.]+) ?(kb|mb|gb|kib|mib|gib|k|m|g)\b (?:on disk|of disk|file|model)s?\b", |budget, numbers, unit| {
        budget.file_bytes = Some((numbers[0] * bytes(unit)) as u64)
    }),
    (r"([0-9.]+) ?(kb|mb|gb|kib|mib|gib|g)\b(?: of)?(?: memory| ram)?", |budget, numbers, unit| {
        budget.memory_bytes = Some((numbers[0] * bytes(unit)) as u64)
    }),
    (r"([0-9.]+) ?(%|per ?cent)(?: (?:of (?:the )?words )?(?:wrong|errors?|wer))?", |budget, numbers, _| {
        budget.error_rate = Some(numbers[0] / 100.0)
    }),
    (r"([0-9.]+) ?(?:times |x |× ?)(?:faster than )?real[- ]?time()", |budget, numbers, _| {
        budget.real_time_factor = Some(1.0 / numbers[0])
    }),
    (r"(?:in )?real[- ]?time|live\b", |budget, _, _| budget.real_time_factor = Some(1.0)),
    (r"(?:best|fewest|least) (?:words?|errors?|wrong words)|most accurate|best text", |budget, _, _| {
        budget.goal = Goal::Words
    }),
    (r"fastest|quickest|as fast as possible", |budget, _, _| budget.goal = Goal::Speed),
    (r"smallest|least memory", |budget, _, _| budget.goal = Goal::Memory),
    (r"coolest|least energy|least power", |budget, _, _| budget.goal = Goal::Energy),
];

/// Words that say nothing by themselves.
const FILLERS: [&str; 22] = [
    "with",
    "in",
    "within",
    "and",
    "at",
    "most",
    "under",
    "below",
    "of",
    "the",
    "a",
    "an",
    "for",
    "on",
    "less",
    "than",
    "up",
    "to",
    "transcribe",
    "run",
    "please",
    "using",
];

fn seconds(unit: &str) -> f64 {
    match unit.as_bytes().first() {
        Some(b'h') => 3600.0,
        Some(b'm') => 60.0,
        _ => 1.0,
    }
}

/// Decimal units, as shops and cards have them; `GiB` is binary.
fn bytes(unit: &str) -> f64 {
    let base: f64 = if unit.contains('i') { 1024.0 } else { 1000.0 };
    match unit.as_bytes().first() {
        Some(b'g') => base.powi(3),
        Some(b'm') => base.powi(2),
        _ => base,
    }
}

impl Budget {
    /// Reads a sentence.
    ///
    /// # Errors
    /// A sentence about what was not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.to_lowercase();
        let mut budget = Self::default();
        for (pattern, apply) in PHRASES {
            let compiled = Regex::new(pattern).map_err(|error| error.to_string())?;
            let Some(found) = compiled.captures(&rest) else { continue };
            let group = |n: usize| found.get(n).map_or("", |group| group.as_str()).to_owned();
            let (number, unit) = (group(1), group(2));
            let numbers: Vec<f64> = number.parse().into_iter().filter(|number: &f64| *number > 0.0).collect();
            if compiled.captures_len() > 1 && numbers.is_empty() {
                return Err(format!("'{}' needs a number above 0", group(0).trim()));
            }
            apply(&mut budget, &numbers, &unit);
            rest = compiled.replace(&rest, " ").into_owned();
        }
        let left = rest.split(|c: char| !c.is_alphanumeric() && c != '%' && c != '.').filter(|word| !word.is_empty());
        let odd: Vec<&str> = left.filter(|word| !FILLERS.contains(word)).collect();
        match odd.first() {
            None => Ok(budget),
            Some(word) => Err(format!(
                "'{word}' is not understood; say for example \"real time with 1 GB\", \"an hour's meeting within 10 minutes\", \
                 \"best words in 200 MB\", \"fastest with at most 12 % wrong\""
            )),
        }
    }

    /// Whether nothing is limited.
    pub fn is_open(&self) -> bool {
        let limits = [self.real_time_factor, self.hour_s, self.error_rate];
        limits.iter().all(Option::is_none) && self.memory_bytes.is_none() && self.file_bytes.is_none()
    }
}

impl fmt::Display for Budget {
    /// In words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.real_time_factor.map(|factor| match factor {
            1.0 => "real time".to_owned(),
            factor => format!("{:.3} s for a second of audio", factor),
        }));
        parts.extend(self.hour_s.map(|seconds| format!("an hour within {:.1} min", seconds / 60.0)));
        parts.extend(self.memory_bytes.map(|bytes| format!("{:.0} MB of memory", bytes as f64 / 1e6)));
        parts.extend(self.file_bytes.map(|bytes| format!("a file of {:.0} MB", bytes as f64 / 1e6)));
        parts.extend(self.error_rate.map(|rate| format!("{:.1} % of the words wrong", 100.0 * rate)));
        let limits = if parts.is_empty() { "no limits".to_owned() } else { parts.join(", ") };
        let best = match self.goal {
            Goal::Words => "fewest wrong words",
            Goal::Speed => "least time",
            Goal::Memory => "least memory",
            Goal::Energy => "least energy",
        };
        write!(f, "{best}; {limits}")
    }
}
