//! The table of contents of a zip archive (PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.4), with the 64-bit fields.
//!
//! PyTorch stores its entries as they are. An entry that is compressed is refused, so nothing is ever unpacked and no
//! archive can become larger than its file.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::{ErrorKind, printable};

/// More entries than any checkpoint has.
const MAX_ENTRIES: u64 = 100_000;

fn malformed(offset: usize, problem: impl Into<String>) -> ErrorKind {
    ErrorKind::Malformed { format: "zip", offset: offset as u64, problem: problem.into() }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Where the data of every entry lie.
pub(super) fn entries(bytes: &[u8]) -> Result<BTreeMap<String, Range<usize>>, ErrorKind> {
    let cut = || malformed(bytes.len(), "the table of contents is cut; fetch the file again");
    let end = end_record(bytes).ok_or_else(cut)?;
    let (count, start) = table(bytes, end).ok_or_else(cut)?;
    if count > MAX_ENTRIES {
        return Err(malformed(end, format!("{count} entries; at most {MAX_ENTRIES} are read")));
    }
    let mut at = usize::try_from(start).map_err(|_| cut())?;
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        let (name, range, next) = entry(bytes, at)?;
        if entries.insert(name.clone(), range).is_some() {
            return Err(malformed(at, format!("entry {} occurs twice", printable(name.as_bytes()))));
        }
        at = next;
    }
    Ok(entries)
}

/// The end of central directory, which a comment of at most 65535 bytes follows.
fn end_record(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(22)?;
    (last.saturating_sub(65_535)..=last).rev().find(|&at| bytes[at..].starts_with(b"PK\x05\x06"))
}

/// Number of entries and where the first is described.
fn table(bytes: &[u8], end: usize) -> Option<(u64, u64)> {
    let (count, start) = (u16_at(bytes, end + 10)?, u32_at(bytes, end + 16)?);
    let locator = end.checked_sub(20).filter(|&at| bytes[at..].starts_with(b"PK\x06\x07"));
    match locator {
        Some(locator) => {
            let at = usize::try_from(u64_at(bytes, locator + 8)?).ok()?;
            bytes.get(at..)?.starts_with(b"PK\x06\x06").then_some(())?;
            Some((u64_at(bytes, at.checked_add(32)?)?, u64_at(bytes, at.checked_add(48)?)?))
        }
        None => Some((count, start)),
    }
}

/// One entry's name and data, and where the next is described.
fn entry(bytes: &[u8], at: usize) -> Result<(String, Range<usize>, usize), ErrorKind> {
    let cut = || malformed(at, "an entry of the table of contents is cut");
    if !bytes.get(at..).is_some_and(|rest| rest.starts_with(b"PK\x01\x02")) {
        return Err(cut());
    }
    let short = |offset| u16_at(bytes, at + offset).ok_or_else(cut);
    let long = |offset| u32_at(bytes, at + offset).ok_or_else(cut);
    let (flags, method) = (short(8)?, short(10)?);
    let (mut packed, mut size, mut local) = (long(20)?, long(24)?, long(42)?);
    let (name, extra, comment) = (short(28)? as usize, short(30)? as usize, short(32)? as usize);
    let text = bytes.get(at + 46..at + 46 + name).ok_or_else(cut)?;
    let shown = printable(text);
    let extras = bytes.get(at + 46 + name..at + 46 + name + extra).ok_or_else(cut)?;
    widen(extras, &mut [&mut size, &mut packed, &mut local]).ok_or_else(cut)?;
    if method != 0 || flags & 1 != 0 || packed != size {
        return Err(malformed(
            at,
            format!("entry {shown} is compressed or encrypted, which PyTorch never does; it is not unpacked"),
        ));
    }
    let outside = || malformed(at, format!("the data of entry {shown} lie outside the file"));
    let head = usize::try_from(local).map_err(|_| outside())?;
    let variable = (u16_at(bytes, head.saturating_add(26)), u16_at(bytes, head.saturating_add(28)));
    let (Some(name_length), Some(extra_length)) = variable else { return Err(outside()) };
    if !bytes[head..].starts_with(b"PK\x03\x04") {
        return Err(outside());
    }
    let start = head + 30 + name_length as usize + extra_length as usize;
    let stop = usize::try_from(size).ok().and_then(|size| start.checked_add(size));
    let stop = stop.filter(|&stop| stop <= bytes.len()).ok_or_else(outside)?;
    let name_text =
        String::from_utf8(text.to_vec()).map_err(|_| malformed(at, format!("entry {shown} is not UTF-8")))?;
    Ok((name_text, start..stop, at + 46 + name + extra + comment))
}

/// Replaces fields of all ones by those of the 64-bit extra field, in its order.
fn widen(mut extras: &[u8], fields: &mut [&mut u64]) -> Option<()> {
    while extras.len() >= 4 {
        let (id, length) = (u16_at(extras, 0)?, u16_at(extras, 2)? as usize);
        let body = extras.get(4..4 + length)?;
        if id == 1 {
            let mut at = 0;
            for field in fields.iter_mut().filter(|field| ***field == u64::from(u32::MAX)) {
                **field = u64_at(body, at)?;
                at += 8;
            }
        }
        extras = &extras[4 + length..];
    }
    Some(())
}
