//! One record ↔ one line: JSON with a checksum as its last member.
//!
//! The checksum is the CRC-32 (ISO-HDLC, as in gzip) of the object without it, in eight hexadecimal digits, so that
//! a line that a power cut tore, or a disk changed, is told from one that is whole.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// `,"crc":"01234567"}`
const TAIL: usize = 18;

/// The line of `record`, its end included.
///
/// # Errors
/// A value that is no JSON object.
pub fn to_line(record: &impl Serialize) -> serde_json::Result<String> {
    let mut text = serde_json::to_string(record)?;
    let sum = crc32fast::hash(text.as_bytes());
    if text.pop() != Some('}') {
        return Err(serde::ser::Error::custom("a record is an object"));
    }
    text += &format!(",\"crc\":\"{sum:08x}\"}}\n");
    Ok(text)
}

/// Why a line is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Torn {
    /// The checksum is missing or belongs to other bytes.
    Checksum,
    /// The checksum is right and the content is not understood: another version wrote it.
    Content(String),
}

/// The record of a line, whose end may be cut off.
///
/// # Errors
/// [`Torn`].
pub fn from_line<T: DeserializeOwned>(line: &[u8]) -> Result<T, Torn> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let (head, tail) = line.len().checked_sub(TAIL).and_then(|at| line.split_at_checked(at)).ok_or(Torn::Checksum)?;
    let digits = tail.strip_prefix(b",\"crc\":\"").and_then(|rest| rest.strip_suffix(b"\"}")).ok_or(Torn::Checksum)?;
    let sum = str::from_utf8(digits).ok().and_then(|text| u32::from_str_radix(text, 16).ok()).ok_or(Torn::Checksum)?;
    let object = [head, b"}"].concat();
    if crc32fast::hash(&object) != sum {
        return Err(Torn::Checksum);
    }
    serde_json::from_slice(&object).map_err(|error| Torn::Content(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn records_come_back_and_lines_are_json() {
        for record in [json!({"a": 1}), json!({"text": "ü \"}\n", "x": [0.1, null]})] {
            let line = to_line(&record).unwrap();
            assert_eq!(line.matches('\n').count(), 1);
            let whole: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(whole["crc"].as_str().unwrap().len(), 8);
            assert_eq!(from_line::<Value>(line.as_bytes()), Ok(record));
        }
        assert!(to_line(&json!([1])).is_err());
    }

    #[test]
    fn any_changed_byte_is_seen() {
        let line = to_line(&json!({"status": "ok", "wall_s": 1.25})).unwrap().into_bytes();
        for at in 0..line.len() - 1 {
            for bit in 0..8 {
                let mut changed = line.clone();
                changed[at] ^= 1 << bit;
                // Hexadecimal digits mean the same in both cases.
                if !changed.eq_ignore_ascii_case(&line) || at < line.len() - TAIL {
                    assert!(from_line::<Value>(&changed).is_err(), "byte {at}, bit {bit}");
                }
            }
        }
        for cut in 0..line.len() - 1 {
            assert_eq!(from_line::<Value>(&line[..cut]), Err(Torn::Checksum), "cut at {cut}");
        }
        assert_eq!(from_line::<Value>(&[0; 100]), Err(Torn::Checksum));
    }

    #[test]
    fn another_versions_record_is_no_damage() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct New {
            field: u32,
        }
        let line = to_line(&json!({"other": 1})).unwrap();
        assert!(matches!(from_line::<New>(line.as_bytes()), Err(Torn::Content(_))));
    }
}
