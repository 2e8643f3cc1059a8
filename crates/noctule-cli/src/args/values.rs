//! Text of one value → the value, or a sentence that says what would be right.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use noctule::format::Format;
use noctule::language;
use noctule::options::{AudioContext, LanguageChoice, SuppressPattern};
use noctule_audio::ffmpeg::FfmpegUse;
use noctule_audio::mic::Tool;
use noctule_listen::PolicyKind;
use std::fmt;

/// No recording is longer (some thirty years, in seconds); more is a slip.
const LONGEST: f64 = 1e9;

/// Encoder positions of every Whisper model: 30 s.
const MOST_POSITIONS: usize = 1500;

/// Reads the name of an output format.
pub fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name)).try_map(|name| name.parse::<Format>())
}

/// Reads when ffmpeg is to be used.
pub fn ffmpeg_use() -> impl TypedValueParser<Value = FfmpegUse> {
    PossibleValuesParser::new(FfmpegUse::ALL.map(FfmpegUse::name)).try_map(|name| name.parse::<FfmpegUse>())
}

/// Reads the name of a program that records.
pub fn recorder() -> impl TypedValueParser<Value = Tool> {
    let named = |name: String| Tool::ALL.into_iter().find(|tool| tool.name() == name).ok_or("no such program");
    PossibleValuesParser::new(Tool::ALL.map(Tool::name)).try_map(named)
}

/// Reads the name of a policy.
pub fn policy() -> impl TypedValueParser<Value = PolicyKind> {
    PossibleValuesParser::new(PolicyKind::ALL.map(PolicyKind::name)).try_map(|name| name.parse::<PolicyKind>())
}

/// A known language or `auto`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language(pub LanguageChoice);

impl fmt::Display for Language {
    /// The code, or "auto".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            LanguageChoice::Auto => f.write_str("auto"),
            LanguageChoice::Fixed(code) => f.write_str(code),
        }
    }
}

/// Reads a language's code or English name, or `auto`.
pub fn language(text: &str) -> Result<Language, String> {
    if text.trim().eq_ignore_ascii_case("auto") {
        return Ok(Language(LanguageChoice::Auto));
    }
    match language::code_of(text) {
        Some(code) => Ok(Language(LanguageChoice::Fixed(code.to_owned()))),
        None => Err(match language::nearest(text) {
            Some(name) => format!("no such language; did you mean '{name}'?"),
            None => "no such language; give a code such as 'en', an English name such as 'german', or 'auto'".into(),
        }),
    }
}

/// Reads `full` (0 is that, too), `auto` or a number of encoder positions.
pub fn audio_ctx(text: &str) -> Result<AudioContext, String> {
    match text {
        "full" | "0" => Ok(AudioContext::Full),
        "auto" => Ok(AudioContext::Auto),
        _ => match text.parse() {
            Ok(n) if n <= MOST_POSITIONS => Ok(AudioContext::Positions(n)),
            _ => Err(format!("give a number from 1 to {MOST_POSITIONS} (50 a second), 'full' or 'auto'")),
        },
    }
}

/// Compiles a suppression pattern.
pub fn pattern(text: &str) -> Result<SuppressPattern, String> {
    SuppressPattern::new(text).map_err(|error| error.to_string())
}

/// Reads any finite number.
pub fn number(text: &str) -> Result<f32, String> {
    within(text, f32::MIN, f32::MAX, "give a number such as 2.4")
}

/// Reads a number from 0 to 1.
pub fn unit(text: &str) -> Result<f32, String> {
    within(text, 0.0, 1.0, "give a number from 0 to 1")
}

/// Reads a step between temperatures: 0, or at most a hundred steps to 1.
pub fn increment(text: &str) -> Result<f32, String> {
    match within(text, 0.0, 1.0, "") {
        Ok(step) if step == 0.0 || step >= 0.01 => Ok(step),
        _ => Err("give 0, or a number from 0.01 to 1".into()),
    }
}

/// Reads a finite number from 0.
pub fn not_negative(text: &str) -> Result<f32, String> {
    within(text, 0.0, f32::MAX, "give a number that is not negative")
}

/// Reads a finite number above 0.
pub fn positive(text: &str) -> Result<f32, String> {
    within(text, f32::MIN_POSITIVE, f32::MAX, "give a number greater than 0")
}

/// Reads a factor for the number of finished hypotheses.
pub fn patience(text: &str) -> Result<f32, String> {
    within(text, f32::MIN_POSITIVE, 100.0, "give a number greater than 0, at most 100")
}

/// Reads characters a second.
pub fn reading_speed(text: &str) -> Result<f32, String> {
    within(text, 1.0, 1000.0, "give characters a second from 1 to 1000; 17 is usual")
}

/// Reads an amount of memory in bytes: `500M`, `2G`, `1.5GiB`, `none` for no limit (`u64::MAX`).
pub fn memory(text: &str) -> Result<u64, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("none") {
        return Ok(u64::MAX);
    }
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let unit = match text[split..].trim_end_matches("iB").trim_end_matches('B') {
        "" => 1.0,
        "K" | "k" => 1024.0,
        "M" => 1024.0 * 1024.0,
        "G" => 1024.0 * 1024.0 * 1024.0,
        _ => 0.0,
    };
    match decimal(text[..split].trim()) {
        Some(value) if value * unit >= 1.0 => Ok((value * unit) as u64),
        _ => Err("give an amount such as 500M or 2G, or 'none'".into()),
    }
}

fn within(text: &str, least: f32, most: f32, expected: &str) -> Result<f32, String> {
    match text.trim().parse::<f32>() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(expected.into()),
    }
}

/// Reads a time from 0: `90`, `90.5`, `90s`, `1m30s`, `1h`, `250ms`, `1:30`, `01:02:03.5`. Gives seconds.
pub fn time(text: &str) -> Result<f64, String> {
    let trimmed = text.trim();
    let seconds = if trimmed.contains(':') { clock(trimmed) } else { units(trimmed) };
    match seconds {
        Some(seconds) if seconds <= LONGEST => Ok(seconds),
        _ => Err("give seconds (90.5), units (1m30s, 250ms) or a clock time (hh:mm:ss)".into()),
    }
}

/// As [`time`], but not 0.
pub fn positive_time(text: &str) -> Result<f64, String> {
    match time(text)? {
        seconds if seconds > 0.0 => Ok(seconds),
        _ => Err("give a time greater than 0".into()),
    }
}

/// Digits with at most one point, so that neither signs nor "inf" nor "1e9" pass.
fn decimal(text: &str) -> Option<f64> {
    let digits = text.bytes().any(|b| b.is_ascii_digit());
    let only = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if digits && only { text.parse().ok() } else { None }
}

/// `mm:ss` or `hh:mm:ss`; the last part may have a fraction.
fn clock(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split(':').collect();
    let (last, whole) = parts.split_last()?;
    if whole.len() > 2 || whole.iter().any(|part| part.contains('.')) {
        return None;
    }
    let mut total = 0.0;
    for (i, part) in whole.iter().enumerate() {
        let value = decimal(part)?;
        if i > 0 && value >= 60.0 {
            return None;
        }
        total = (total + value) * 60.0;
    }
    let seconds = decimal(last)?;
    (seconds < 60.0).then_some(total + seconds)
}

/// A plain number of seconds, or numbers with units from the largest to the smallest.
fn units(text: &str) -> Option<f64> {
    if let Some(seconds) = decimal(text) {
        return Some(seconds);
    }
    const UNITS: [(&str, f64); 4] = [("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)];
    let mut rest = text;
    let mut next = 0;
    let mut total = 0.0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let after = &rest[number..];
        let unit = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let place = next + UNITS[next..].iter().position(|(name, _)| *name == &after[..unit])?;
        total += decimal(&rest[..number])? * UNITS[place].1;
        next = place + 1;
        rest = &after[unit..];
    }
    (next > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_all_forms() {
        for (text, seconds) in [
            ("0", 0.0),
            ("90", 90.0),
            ("90.5", 90.5),
            (".5", 0.5),
            ("90s", 90.0),
            ("1m30s", 90.0),
            ("1h", 3600.0),
            ("1h1m1.5s", 3661.5),
            ("250ms", 0.25),
            ("1s250ms", 1.25),
            ("1:30", 90.0),
            ("90:00", 5400.0),
            ("01:02:03.5", 3723.5),
        ] {
            assert!((time(text).unwrap() - seconds).abs() < 1e-9, "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            " ",
            "-1",
            "+1",
            "inf",
            "nan",
            "1e3",
            "s",
            "1x",
            "30s1m",
            "1s1s",
            "1m30",
            "1:2:3:4",
            "1:60",
            "1.5:00",
            "::",
            "1:",
            "١",
            "99999999999",
            ".",
        ] {
            assert!(time(text).is_err(), "{text}");
        }
        assert!(positive_time("0").is_err());
        assert_eq!(positive_time("0.1"), Ok(0.1));
    }

    #[test]
    fn languages() {
        assert_eq!(language("German"), Ok(Language(LanguageChoice::Fixed("de".into()))));
        assert_eq!(language("AUTO"), Ok(Language(LanguageChoice::Auto)));
        assert!(language("germn").unwrap_err().contains("'german'"));
        assert!(language("q").unwrap_err().contains("'auto'"));
    }

    #[test]
    fn numbers_have_limits() {
        assert_eq!(unit("0.5"), Ok(0.5));
        for text in ["-0.1", "1.1", "nan", "inf", "x", ""] {
            assert!(unit(text).is_err(), "{text}");
        }
        assert_eq!(increment("0"), Ok(0.0));
        assert_eq!(increment("0.2"), Ok(0.2));
        assert!(increment("0.001").is_err());
        assert_eq!(number("-1"), Ok(-1.0));
        assert!(number("inf").is_err());
        assert!(positive("0").is_err());
        assert_eq!(audio_ctx("full"), Ok(AudioContext::Full));
        assert_eq!(audio_ctx("0"), Ok(AudioContext::Full));
        assert_eq!(audio_ctx("768"), Ok(AudioContext::Positions(768)));
        assert_eq!(audio_ctx("auto"), Ok(AudioContext::Auto));
        assert!(audio_ctx("1501").is_err());
        assert!(pattern("(").is_err());
        assert_eq!(reading_speed("17"), Ok(17.0));
        assert!(reading_speed("0.5").is_err());
    }

    #[test]
    fn amounts_of_memory() {
        for (text, bytes) in [
            ("1", 1),
            ("500M", 500 << 20),
            ("2G", 2 << 30),
            ("1.5GiB", 3 << 29),
            ("64KB", 64 << 10),
            ("none", u64::MAX),
        ] {
            assert_eq!(memory(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "-1", "5T", "0", "1e9", "all", "3 MM"] {
            assert!(memory(text).is_err(), "{text}");
        }
    }
}
