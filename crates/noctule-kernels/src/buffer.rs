//! Scratch memory that is reused from one operation to the next.

use memmap2::MmapMut;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A cache line, the unit in which scratch is aligned.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Buffers from this size on, bytes, get pages of their own. What an allocator gets back it may keep, in pieces that the
/// next need does not fit; pages are the system's again as soon as they are released.
const PAGES: usize = 64 << 10;

/// Floats that start on a cache line. The contents are whatever the last use left, or zeros.
#[derive(Debug)]
pub struct Buffer {
    memory: Memory,
    /// Lines that were ever asked for.
    lines: usize,
}

#[derive(Debug)]
enum Memory {
    Heap(Vec<Line>),
    Pages(MmapMut),
}

impl Default for Buffer {
    fn default() -> Self {
        Self { memory: Memory::Heap(Vec::new()), lines: 0 }
    }
}

impl Memory {
    fn new(lines: usize) -> Self {
        let bytes = lines * size_of::<Line>();
        // Where there are no such pages, there is still the heap.
        match if bytes < PAGES { None } else { MmapMut::map_anon(bytes).ok() } {
            Some(map) => {
                // Large pages cost less to take anew for each window. It is a hint.
                #[cfg(target_os = "linux")]
                let _ = map.advise(memmap2::Advice::HugePage);
                Memory::Pages(map)
            }
            None => Memory::Heap(vec![Line([0.0; 16]); lines]),
        }
    }

    fn start(&mut self) -> *mut f32 {
        match self {
            Memory::Heap(lines) => lines.as_mut_ptr().cast(),
            // Pages are aligned to more than a line.
            Memory::Pages(map) => map.as_mut_ptr().cast(),
        }
    }
}

impl Buffer {
    /// The first `len` floats, of unspecified value.
    pub fn floats(&mut self, len: usize) -> &mut [f32] {
        let lines = len.div_ceil(16);
        if self.lines < lines {
            // What is there is worth nothing, so it goes first.
            self.release();
            self.memory = Memory::new(lines);
            self.lines = lines;
        }
        // SAFETY: a line is 16 floats without padding, and there are enough lines.
        unsafe { std::slice::from_raw_parts_mut(self.memory.start(), len) }
    }

    /// All floats that were ever asked for.
    pub fn as_floats(&self) -> &[f32] {
        let start: *const f32 = match &self.memory {
            Memory::Heap(lines) => lines.as_ptr().cast(),
            Memory::Pages(map) => map.as_ptr().cast(),
        };
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(start, self.lines * 16) }
    }

    /// The first float, for tasks that write disjoint parts of what [`floats`](Self::floats) made room for.
    pub(crate) fn start(&mut self) -> *mut f32 {
        self.memory.start()
    }

    /// Bytes that the buffer holds on to.
    pub fn bytes(&self) -> usize {
        self.lines * size_of::<Line>()
    }

    /// Gives the memory back. The buffer can be used again.
    pub fn release(&mut self) {
        *self = Self::default();
    }
}

/// How many lists of idle buffers there are: for more threads than these some share one.
const LISTS: usize = 8;

thread_local! {
    /// Which list this thread uses.
    static LIST: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % LISTS
    };
}

/// Buffers that nobody uses at the moment. Threads have lists of their own: a decoder step takes and returns some
/// hundreds, and a lock that changes hands costs more than what some of its tasks compute.
#[derive(Default)]
pub(crate) struct Buffers {
    idle: [List; LISTS],
}

/// On cache lines of its own; two, because some processors fetch them in pairs.
#[derive(Default)]
#[repr(align(128))]
struct List(Mutex<Vec<Buffer>>);

impl List {
    fn lock(&self) -> MutexGuard<'_, Vec<Buffer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffers {
    /// A buffer, the one that this thread returned last where there is one.
    pub(crate) fn take(&self) -> Borrowed<'_> {
        let idle = self.idle[LIST.with(|&list| list)].lock().pop();
        Borrowed { home: self, buffer: idle.unwrap_or_default() }
    }

    /// Gives the memory of all idle buffers back.
    pub(crate) fn release(&self) {
        self.idle.iter().for_each(|list| list.lock().clear());
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
        self.home.idle[LIST.with(|&list| list)].lock().push(buffer);
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
        drop(again);
        buffers.release();
        assert_eq!(buffers.take().bytes(), 0);
    }

    #[test]
    fn small_and_large_buffers_hold_what_was_written() {
        // Heap, then pages, then pages again, which start as zeros.
        let mut buffer = Buffer::default();
        for len in [100, PAGES / 4, 3 * PAGES / 4 + 1] {
            let floats = buffer.floats(len);
            assert_eq!((floats.len(), floats.as_ptr().align_offset(64)), (len, 0));
            assert!(floats.iter().all(|x| *x == 0.0));
            floats.iter_mut().enumerate().for_each(|(i, x)| *x = i as f32);
            buffer.floats(len / 2)[0] = 5.0;
            assert!(buffer.as_floats()[1..len].iter().enumerate().all(|(i, x)| *x == (i + 1) as f32));
            assert_eq!((buffer.as_floats()[0], buffer.bytes()), (5.0, len.div_ceil(16) * 64));
        }
        buffer.release();
        assert_eq!((buffer.bytes(), buffer.as_floats().len()), (0, 0));
        assert_eq!(buffer.floats(PAGES)[PAGES - 1], 0.0);
    }

    #[test]
    fn pages_go_back_to_the_system() {
        let Ok(statm) = std::fs::read_to_string("/proc/self/statm") else { return };
        let resident = |statm: String| statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096;
        let now = || resident(std::fs::read_to_string("/proc/self/statm").unwrap());
        let before = resident(statm);
        let mut buffer = Buffer::default();
        buffer.floats(64 << 20 >> 2).fill(1.0);
        let held = now();
        buffer.release();
        // Other tests run at the same time, and take less.
        assert!(held > before + (40 << 20) && now() + (40 << 20) < held, "{before} {held} {}", now());
    }
}
