//! Scratch memory that is reused from one operation to the next.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// A cache line, the unit in which scratch is aligned.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Floats that start on a cache line. The contents are whatever the last use left.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
}

impl Buffer {
    /// The first `len` floats, of unspecified value.
    pub(crate) fn floats(&mut self, len: usize) -> &mut [f32] {
        let lines = len.div_ceil(16);
        if self.lines.len() < lines {
            self.lines.resize(lines, Line([0.0; 16]));
        }
        // SAFETY: a line is 16 floats without padding, and there are enough lines.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), len) }
    }

    /// All floats that were ever asked for.
    pub(crate) fn as_floats(&self) -> &[f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * 16) }
    }

    /// The first float, for tasks that write disjoint parts of what [`floats`](Self::floats) made room for.
    pub(crate) fn start(&mut self) -> *mut f32 {
        self.lines.as_mut_ptr().cast()
    }

    /// Bytes that the buffer holds on to.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.len() * 64
    }
}

/// Buffers that nobody uses at the moment.
#[derive(Default)]
pub(crate) struct Buffers {
    idle: Mutex<Vec<Buffer>>,
}

impl Buffers {
    /// A buffer, the most recently returned one where there is one.
    pub(crate) fn take(&self) -> Borrowed<'_> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Borrowed { home: self, buffer: idle.unwrap_or_default() }
    }
}

/// A buffer that goes back to its [`Buffers`] when it is dropped.
pub(crate) struct Borrowed<'a> {
    home: &'a Buffers,
    buffer: Buffer,
}

impl Deref for Borrowed<'_> {
    type Target = Buffer;
    fn deref(&self) -> &Buffer {
        &self.buffer
    }
}

impl DerefMut for Borrowed<'_> {
    fn deref_mut(&mut self) -> &mut Buffer {
        &mut self.buffer
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.home.idle.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

/// Cuts the first `len` elements off a slice.
pub(crate) fn cut<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let (head, tail) = std::mem::take(rest).split_at_mut(len);
    *rest = tail;
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back() {
        let buffers = Buffers::default();
        buffers.take().floats(100)[99] = 7.0;
        let mut again = buffers.take();
        assert_eq!(again.bytes(), 7 * 64);
        assert_eq!(again.floats(100)[99], 7.0);
        assert_eq!(again.floats(3).as_ptr().align_offset(64), 0);
        assert_eq!(buffers.take().bytes(), 0);
    }
}
