//! A byte stream with another beginning: `front`, then a stretch of `rest`.
//!
//! The decoder gets this in place of the file where the header had to be
//! rewritten, or where bytes that were looked at cannot be put back.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use super::open::read_up_to;

pub(super) struct Splice<'a> {
    front: Vec<u8>,
    rest: Box<dyn MediaSource + 'a>,
    /// Where in `rest` the stretch starts; `rest` stands there at first.
    rest_start: u64,
    /// The stretch's length in bytes, `u64::MAX` for "to the end".
    rest_len: u64,
    pos: u64,
}

impl<'a> Splice<'a> {
    pub(super) fn new(front: Vec<u8>, rest: Box<dyn MediaSource + 'a>, rest_start: u64, rest_len: Option<u64>) -> Self {
        Self { front, rest, rest_start, rest_len: rest_len.unwrap_or(u64::MAX), pos: 0 }
    }
}

/// The position from the start that is meant, in a stream that stands at `pos` and has `len` bytes if known.
fn from_start(to: SeekFrom, pos: u64, len: Option<u64>) -> io::Result<u64> {
    match to {
        SeekFrom::Start(pos) => Some(pos),
        SeekFrom::Current(delta) => pos.checked_add_signed(delta),
        SeekFrom::End(delta) => len.and_then(|len| len.checked_add_signed(delta)),
    }
    .ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

impl Read for Splice<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let front_len = self.front.len() as u64;
        let read = if self.pos < front_len {
            (&self.front[self.pos as usize..]).read(buf)?
        } else {
            let left = self.rest_len.saturating_sub(self.pos - front_len);
            let len = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.rest.read(&mut buf[..len])?
        };
        self.pos += read as u64;
        Ok(read)
    }
}

impl Seek for Splice<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = from_start(to, self.pos, self.byte_len())?;
        let inside = target.saturating_sub(self.front.len() as u64);
        let start = self.rest_start.saturating_add(inside);
        self.rest.seek(SeekFrom::Start(start))?;
        self.pos = target;
        Ok(target)
    }
}

impl MediaSource for Splice<'_> {
    fn is_seekable(&self) -> bool {
        self.rest.is_seekable()
    }

    fn byte_len(&self) -> Option<u64> {
        let rest = self.rest.byte_len()?.saturating_sub(self.rest_start);
        Some(self.front.len() as u64 + rest.min(self.rest_len))
    }
}

/// A byte stream with the two bytes of each pair exchanged.
pub(super) struct Swapped<'a> {
    inner: Splice<'a>,
    /// The second half of a pair whose first half was given out.
    second: Option<u8>,
    pos: u64,
}

impl<'a> Swapped<'a> {
    pub(super) fn new(inner: Splice<'a>) -> Self {
        Self { inner, second: None, pos: 0 }
    }
}

impl Read for Swapped<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(first) = buf.first_mut() else { return Ok(0) };
        if let Some(byte) = self.second.take() {
            *first = byte;
            self.pos += 1;
            return Ok(1);
        }
        if buf.len() == 1 {
            let mut pair = [0; 2];
            let got = read_up_to(&mut self.inner, &mut pair)?;
            // A single byte at the end is half a sample, which nobody counts.
            if got == 2 {
                self.second = Some(pair[0]);
            }
            buf[0] = pair[got.saturating_sub(1)];
            self.pos += got.min(1) as u64;
            return Ok(got.min(1));
        }
        let whole = buf.len() & !1;
        let mut got = self.inner.read(&mut buf[..whole])?;
        if got % 2 == 1 {
            got += read_up_to(&mut self.inner, &mut buf[got..got + 1])?;
        }
        buf[..got].chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
        self.pos += got as u64;
        Ok(got)
    }
}

impl Seek for Swapped<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = from_start(to, self.pos, self.byte_len())?;
        self.inner.seek(SeekFrom::Start(target & !1))?;
        self.second = None;
        self.pos = target & !1;
        if target % 2 == 1 {
            self.read_exact(&mut [0])?;
        }
        Ok(target)
    }
}

impl MediaSource for Swapped<'_> {
    fn is_seekable(&self) -> bool {
        self.inner.is_seekable()
    }

    fn byte_len(&self) -> Option<u64> {
        self.inner.byte_len()
    }
}
