//! Writing quantised models: one read of the source, all cores, a bounded amount of memory.
//!
//! A model and plans enter, files leave. The tensors are cut into strips of rows. Each thread takes
//! the next strip, expands it once, packs it for every plan and hands the bytes over; the calling
//! thread puts them into the files in their order. Threads do not run ahead of the writing by more
//! than a few strips, which bounds the memory whatever the size of a tensor. A file appears under
//! its name only when it is complete and on the disk.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Condvar, Mutex, PoisonError};

use noctule_kernels::block::unpack_f32;
use noctule_model::write::FileWriter;
use noctule_model::{Model, TensorInfo};

use crate::encode;
use crate::error::Error;
use crate::plan::Plan;

/// Weights that a thread works on at a time: 256 KiB of floats.
const STRIP: usize = 1 << 16;

/// Strips for each thread that may be worked on or wait to be written.
const AHEAD: usize = 2;

/// Quantises `model` once for each plan into the file beside it. `progress` is told how many source
/// bytes of how many are done, and returns whether to go on. Threads are `threads` and the caller's.
///
/// # Errors
/// [`Error::Model`] if a file cannot be written, [`Error::Stopped`] if `progress` says so. No file is
/// there then that was not there before, except those of a failure while the finished files get their
/// names.
pub fn quantize(
    model: &Model,
    outputs: &[(Plan, PathBuf)],
    threads: usize,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(), Error> {
    let mut files = Vec::with_capacity(outputs.len());
    for (plan, path) in outputs {
        files.push(FileWriter::create(path, &plan.header(model))?);
    }
    let strips = strips(model);
    let queue = Queue::new(strips.len(), AHEAD * threads.max(1));
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (sender, strips, queue) = (sender.clone(), &strips, &queue);
            scope.spawn(move || {
                let _others = StopOnPanic(queue);
                while let Some(i) = queue.next() {
                    if sender.send((i, strips[i].pack(model, outputs))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let result = write(model, &strips, outputs, &mut files, &queue, receiver, progress);
        queue.stop();
        result
    })?;
    for file in files {
        file.finish()?;
    }
    Ok(())
}

/// Takes the packed strips as they come and writes them as they follow each other.
fn write(
    model: &Model,
    strips: &[Strip<'_>],
    outputs: &[(Plan, PathBuf)],
    files: &mut [FileWriter],
    queue: &Queue,
    packed: mpsc::Receiver<(usize, Vec<Vec<u8>>)>,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(), Error> {
    let total = model.tensors().map(|t| t.size_bytes() as u64).sum();
    let (mut next, mut done) = (0, 0);
    let mut waiting = BTreeMap::new();
    for (i, packs) in packed {
        waiting.insert(i, packs);
        while let Some(packs) = waiting.remove(&next) {
            let strip: &Strip<'_> = &strips[next];
            for ((file, (plan, _)), pack) in files.iter_mut().zip(outputs).zip(packs) {
                if strip.rows.start == 0 {
                    file.begin(&strip.tensor.name, plan.choices()[strip.number].to)?;
                }
                file.data(&pack)?;
            }
            done += strip.source_bytes() as u64;
            next += 1;
            queue.written(next);
            if !progress(done, total) {
                return Err(Error::Stopped);
            }
        }
    }
    Ok(())
}

/// Rows of one tensor.
struct Strip<'a> {
    /// The tensor's number in the file and in every plan.
    number: usize,
    tensor: &'a TensorInfo,
    rows: Range<usize>,
    cols: usize,
}

fn strips(model: &Model) -> Vec<Strip<'_>> {
    let mut strips = Vec::new();
    for (number, tensor) in model.tensors().enumerate() {
        let (rows, cols) = tensor.rows_cols();
        let step = (STRIP / cols).max(1);
        for start in (0..rows).step_by(step) {
            strips.push(Strip { number, tensor, rows: start..rows.min(start + step), cols });
        }
    }
    strips
}

impl Strip<'_> {
    fn source_bytes(&self) -> usize {
        self.tensor.size_bytes() / self.tensor.rows_cols().0 * self.rows.len()
    }

    /// The rows in the type of each plan.
    fn pack(&self, model: &Model, outputs: &[(Plan, PathBuf)]) -> Vec<Vec<u8>> {
        let row = self.tensor.size_bytes() / self.tensor.rows_cols().0;
        let source = &model.bytes(self.tensor)[self.rows.start * row..self.rows.end * row];
        let mut values = Vec::new();
        let pack = |(plan, _): &(Plan, PathBuf)| {
            let ty = plan.choices()[self.number].to;
            if ty == self.tensor.ty {
                return source.to_vec();
            }
            if values.is_empty() {
                values = vec![0.0; self.rows.len() * self.cols];
                unpack_f32(self.tensor.ty, source, &mut values);
            }
            let bytes = ty.row_bytes(self.cols).expect("plans choose types that fit the rows");
            let mut packed = vec![0; bytes * self.rows.len()];
            encode::rows(ty, self.cols, &values, plan.importance(self.number), &mut packed);
            packed
        };
        outputs.iter().map(pack).collect()
    }
}

/// Hands out the numbers of strips, not too far ahead of the writing.
struct Queue {
    next: AtomicUsize,
    strips: usize,
    ahead: usize,
    written: Mutex<usize>,
    moved: Condvar,
}

impl Queue {
    fn new(strips: usize, ahead: usize) -> Queue {
        Queue { next: AtomicUsize::new(0), strips, ahead, written: Mutex::new(0), moved: Condvar::new() }
    }

    /// The next strip, once the writing has come near enough; `None` when none is left.
    fn next(&self) -> Option<usize> {
        let i = self.next.fetch_add(1, Ordering::Relaxed);
        if i >= self.strips {
            return None;
        }
        // Nothing is half done under this lock, so a panic elsewhere leaves it usable.
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        while *written != usize::MAX && i >= *written + self.ahead {
            written = self.moved.wait(written).unwrap_or_else(PoisonError::into_inner);
        }
        (*written != usize::MAX).then_some(i)
    }

    /// The first `strips` strips are in the files.
    fn written(&self, strips: usize) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        *written = (*written).max(strips);
        drop(written);
        self.moved.notify_all();
    }

    /// No strip is needed any more.
    fn stop(&self) {
        self.written(usize::MAX);
    }
}

/// Lets the other threads end when this one panics, instead of waiting for its strip.
struct StopOnPanic<'a>(&'a Queue);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}
