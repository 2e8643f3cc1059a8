//! What symphonia leaves unread in WebM and Matroska files: how much of the
//! last packet is padding, which Opus needs to end on time.
//!
//! Enters: a seekable stream. Leaves: a time. Elements are those of RFC 9559
//! (§5.1.3.5.7 DiscardPadding), their coding that of EBML (RFC 8794).

use std::io::{self, SeekFrom};

use symphonia::core::io::MediaSource;

use super::open::read_up_to;

/// `DiscardPadding`: its ID and one byte of length.
const DISCARD_PADDING: [u8; 2] = [0x75, 0xA2];

/// IDs of what may follow the last group of a block.
const FOLLOWERS: [[u8; 4]; 3] = [
    [0x1C, 0x53, 0xBB, 0x6B], // Cues
    [0x12, 0x54, 0xC3, 0x67], // Tags
    [0x1F, 0x43, 0xB6, 0x75], // Cluster
];

/// The padding at the end in nanoseconds; 0 if there is none.
///
/// Only the end of the file is looked at, from its back: the element is the
/// last of its group and the group the last of its cluster. `source`
/// afterwards stands at its start.
pub(super) fn discard_padding(source: &mut (dyn MediaSource + '_)) -> io::Result<u64> {
    const TAIL: u64 = 1 << 16;
    let len = source.byte_len().unwrap_or(0);
    source.seek(SeekFrom::Start(len.saturating_sub(TAIL)))?;
    let mut tail = vec![0; TAIL.min(len) as usize];
    let got = read_up_to(source, &mut tail)?;
    tail.truncate(got);
    source.seek(SeekFrom::Start(0))?;
    let found = (0..tail.len()).rev().find_map(|at| padding_at(&tail[at..]));
    Ok(found.unwrap_or(0))
}

/// The value of an element that starts here, if it is the one.
fn padding_at(bytes: &[u8]) -> Option<u64> {
    // More than a packet of the longest kind (0.12 s) is chance.
    const MOST_NS: u64 = 120_000_000;
    let rest = bytes.strip_prefix(&DISCARD_PADDING)?;
    let (&length, rest) = rest.split_first()?;
    let length = usize::from(length.checked_sub(0x80)?);
    if !(1..=8).contains(&length) {
        return None;
    }
    let (value, after) = rest.split_at_checked(length)?;
    if !after.is_empty() && !FOLLOWERS.iter().any(|id| after.starts_with(id)) {
        return None;
    }
    let value = value.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
    (1..=MOST_NS).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_element_counts() {
        let padding = [0x75, 0xA2, 0x83, 0x9B, 0x3C, 0xD4];
        assert_eq!(padding_at(&padding), Some(10_173_652));
        assert_eq!(padding_at(&[&padding[..], &FOLLOWERS[0]].concat()), Some(10_173_652));
        assert_eq!(padding_at(&[&padding[..], b"something"].concat()), None);
        assert_eq!(padding_at(&[0x75, 0xA2, 0x84, 0x80, 0, 0, 1]), None);
        assert_eq!(padding_at(&padding[..4]), None);
    }
}
