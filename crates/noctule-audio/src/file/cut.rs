//! Whether a file ends before its container does.
//!
//! Enters: the first bytes and a seekable stream. Leaves: yes or no, for the
//! containers whose demuxer does not tell: Ogg (RFC 3533 §6: the last page has
//! a mark), Matroska (RFC 9559: the segment has a size) and WAV with coded
//! samples (the outer chunk has a size).

use std::io::{self, SeekFrom};

use symphonia::core::io::MediaSource;

use super::open::read_up_to;

/// Looks at `source`, whose first bytes are `start`, and leaves it at its start.
pub(super) fn is_cut_off(start: &[u8], source: &mut (dyn MediaSource + '_)) -> io::Result<bool> {
    let Some(len) = source.byte_len() else { return Ok(false) };
    match start {
        [b'O', b'g', b'g', b'S', ..] => ogg(source, len),
        [b'R', b'I', b'F', b'F', a, b, c, d, ..] => {
            let size = u32::from_le_bytes([*a, *b, *c, *d]);
            // Beyond this a writer to a pipe did not know the size.
            Ok(size < 0x7FFF_0000 && u64::from(size) + 8 > len.saturating_add(1))
        }
        [0x1A, 0x45, 0xDF, 0xA3, rest @ ..] => Ok(matroska(rest).is_some_and(|end| end > len)),
        _ => Ok(false),
    }
}

/// Whether the last page is not marked as such, or not there as a whole.
fn ogg(source: &mut (dyn MediaSource + '_), len: u64) -> io::Result<bool> {
    // A page is at most 65307 bytes long.
    const TAIL: u64 = 1 << 16;
    const LAST: u8 = 4;
    source.seek(SeekFrom::Start(len.saturating_sub(TAIL)))?;
    let mut tail = vec![0; TAIL.min(len) as usize];
    let got = read_up_to(source, &mut tail)?;
    tail.truncate(got);
    source.seek(SeekFrom::Start(0))?;
    let Some(at) = tail.windows(4).rposition(|w| w == b"OggS") else { return Ok(true) };
    let page = &tail[at..];
    let (Some(&flags), Some(&segments)) = (page.get(5), page.get(26)) else { return Ok(true) };
    let Some(table) = page.get(27..27 + usize::from(segments)) else { return Ok(true) };
    let body: usize = table.iter().map(|&n| usize::from(n)).sum();
    Ok(flags & LAST == 0 || page.len() < 27 + table.len() + body)
}

/// Where the segment ends, if its size is known. `rest` follows the file's
/// first identifier.
fn matroska(rest: &[u8]) -> Option<u64> {
    const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];
    let (header, width) = size(rest)?;
    let segment_at = width.checked_add(usize::try_from(header?).ok()?)?;
    let segment = rest.get(segment_at..)?.strip_prefix(&SEGMENT)?;
    let (len, len_width) = size(segment)?;
    // Two identifiers of four bytes.
    len?.checked_add((8 + segment_at + len_width) as u64)
}

/// A size (RFC 8794 §6) and its own width in bytes; all ones mean "unknown".
fn size(bytes: &[u8]) -> Option<(Option<u64>, usize)> {
    let width = bytes.first()?.leading_zeros() as usize + 1;
    let field = bytes.get(..width).filter(|_| width <= 8)?;
    let value = field.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
    let most = (1u64 << (7 * width)) - 1;
    let value = value & most;
    Some(((value != most).then_some(value), width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_wide_as_their_zeros_say() {
        assert_eq!(size(&[0x82]), Some((Some(2), 1)));
        assert_eq!(size(&[0x40, 0x02, 9]), Some((Some(2), 2)));
        assert_eq!(size(&[0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), Some((None, 8)));
        assert_eq!(size(&[0xFF]), Some((None, 1)));
        assert_eq!(size(&[0x00; 9]), None);
        assert_eq!(size(&[0x40]), None);
    }
}
