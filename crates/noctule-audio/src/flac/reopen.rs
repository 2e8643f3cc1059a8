//! Where a recording that was interrupted is still whole.

use super::BLOCK;
use crate::file::{ReadOptions, Reader};
use crate::{AudioError, SAMPLE_RATE};
use std::fs::File;
use std::io;
use std::path::Path;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::MediaSourceStream;
use symphonia::default::formats::FlacReader;

/// What of a recording can be gone on with.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Whole {
    /// Bytes of whole, full blocks.
    pub bytes: u64,
    /// How many these are.
    pub blocks: usize,
    /// Bytes with the shorter block behind them.
    pub end: u64,
    /// Samples of a shorter block behind them, with which the recording was finished.
    pub rest: Vec<f32>,
}

/// Looks at the blocks behind a header of `header` bytes. The first one that is torn or out of its turn ends the search: the format's
/// checksums and block numbers tell.
pub(super) fn whole(path: &Path, header: u64) -> io::Result<Whole> {
    let mut found = Whole { bytes: header, end: header, ..Whole::default() };
    let source = MediaSourceStream::new(Box::new(File::open(path)?), Default::default());
    let mut reader = match FlacReader::try_new(source, FormatOptions::default()) {
        Ok(reader) => reader,
        Err(Error::IoError(error)) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
        // Not even the first block is there.
        Err(_) => return Ok(found),
    };
    loop {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            Err(Error::IoError(error)) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            Ok(None) | Err(_) => return Ok(found),
        };
        if packet.pts.get() != (found.blocks * BLOCK) as i64 || !is_sound(&packet.data) {
            return Ok(found);
        }
        if packet.dur.get() != BLOCK as u64 {
            found.end += packet.data.len() as u64;
            found.rest = rest(path, found.blocks, packet.dur.get() as usize)?;
            return Ok(found);
        }
        found.blocks += 1;
        found.bytes += packet.data.len() as u64;
        found.end = found.bytes;
    }
}

/// Whether the checksum at a block's end holds (CRC-16, polynomial 8005: over all, checksum included, it is zero; RFC 9639, section 9.3).
fn is_sound(block: &[u8]) -> bool {
    let step = |crc: u16, byte: &u8| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc >> 15 == 1 { crc << 1 ^ 0x8005 } else { crc << 1 })
    };
    block.iter().fold(0, step) == 0
}

/// The `count` samples behind so many blocks.
fn rest(path: &Path, blocks: usize, count: usize) -> io::Result<Vec<f32>> {
    let offset_s = (blocks * BLOCK) as f64 / f64::from(SAMPLE_RATE);
    let mut samples = Vec::new();
    let mut read = || -> Result<(), AudioError> {
        let mut reader = Reader::open(path, &ReadOptions { offset_s, ..ReadOptions::default() })?;
        while let Some(block) = reader.next_block()? {
            samples.extend_from_slice(block);
        }
        Ok(())
    };
    read().map_err(io::Error::other)?;
    samples.truncate(count);
    Ok(samples)
}
