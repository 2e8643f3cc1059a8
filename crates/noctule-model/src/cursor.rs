//! Little-endian reading from a byte slice with positions, for the readers of this crate.
//!
//! Nothing is allocated and nothing is indexed unchecked: a request past the end is an
//! [`ErrorKind::Truncated`] that says what was wanted.

use crate::error::ErrorKind;

/// A position in a byte slice.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    /// Bytes from the beginning of the slice.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// Bytes left.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// All bytes left, without moving.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// The next `n` bytes. `n` is 64 bits wide so that a product of dimensions from the file is
    /// compared before it is narrowed to an address.
    pub(crate) fn take(&mut self, n: u64, what: &dyn Fn() -> String) -> Result<&'a [u8], ErrorKind> {
        if n > self.left() as u64 {
            return Err(ErrorKind::Truncated {
                what: what(),
                offset: self.at as u64,
                needed: n,
                available: self.left() as u64,
            });
        }
        let start = self.at;
        self.at += n as usize;
        Ok(&self.bytes[start..self.at])
    }

    /// The next 32-bit number. The format calls them signed, and no valid one is negative.
    pub(crate) fn i32(&mut self, what: &dyn Fn() -> String) -> Result<i32, ErrorKind> {
        let b = self.take(4, what)?;
        Ok(i32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }
}
