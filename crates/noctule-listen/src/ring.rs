//! Between the thread that captures and the one that listens: samples that wait.
//!
//! [`Feeder::push`] never waits for computing and never drops what it can keep: up to a minute in memory, then on the
//! [disk](crate::spool). What not even that can take is counted, in its place, and told. [`Drain::pull`] waits for the next samples.

use crate::spool::Spool;
use noctule_audio::SAMPLE_RATE;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Samples that may wait in memory: one minute, 3.8 MB.
pub const IN_MEMORY: usize = 60 * SAMPLE_RATE as usize;
/// Most bytes on the disk: 18 hours.
pub const ON_DISK: u64 = 4 << 30;

/// Puts samples in.
#[derive(Debug, Clone)]
pub struct Feeder(Arc<Shared>);

/// Takes samples out.
#[derive(Debug)]
pub struct Drain(Arc<Shared>);

/// What [`Drain::pull`] gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Pulled {
    /// The next samples are in the buffer.
    Samples {
        /// More that wait.
        waiting: u64,
    },
    /// So many samples were lost here.
    Lost(u64),
    /// Nothing came in time.
    Nothing,
    /// Nothing more will come; why, if that was no wish.
    Ended(Option<String>),
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Debug)]
struct State {
    chunks: VecDeque<Chunk>,
    spool: Spool,
    most: usize,
    in_memory: usize,
    /// Samples in all chunks, lost ones included.
    waiting: u64,
    ended: Option<Option<String>>,
}

#[derive(Debug)]
enum Chunk {
    Memory(VecDeque<f32>),
    Disk(u64),
    Lost(u64),
}

/// A pair that holds `in_memory` samples in memory and `on_disk` bytes in a temporary file in `folder`.
pub fn ring(in_memory: usize, folder: &Path, on_disk: u64) -> (Feeder, Drain) {
    let state = State {
        chunks: VecDeque::new(),
        spool: Spool::new(folder, on_disk),
        most: in_memory,
        in_memory: 0,
        waiting: 0,
        ended: None,
    };
    let shared = Arc::new(Shared { state: Mutex::new(state), ready: Condvar::new() });
    (Feeder(shared.clone()), Drain(shared))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No method leaves the state half-changed where it could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feeder {
    /// Takes in the next samples.
    pub fn push(&self, samples: &[f32]) {
        self.0.lock().push(samples);
        self.0.ready.notify_one();
    }

    /// So many samples were lost before they got here.
    pub fn lose(&self, count: u64) {
        self.0.lock().lose(count);
        self.0.ready.notify_one();
    }

    /// Nothing more will come; `reason` if that was no wish.
    pub fn end(&self, reason: Option<String>) {
        self.0.lock().ended.get_or_insert(reason);
        self.0.ready.notify_one();
    }

    /// Whether nothing more is wanted.
    pub fn has_ended(&self) -> bool {
        self.0.lock().ended.is_some()
    }

    /// Samples that wait, lost ones included.
    pub fn waiting(&self) -> u64 {
        self.0.lock().waiting
    }
}

impl Drain {
    /// Appends the next samples to `out`, at most `most`; waits up to `patience` for some.
    pub fn pull(&self, most: usize, patience: Duration, out: &mut Vec<f32>) -> Pulled {
        let state = self.0.lock();
        let idle = |state: &mut State| state.chunks.is_empty() && state.ended.is_none();
        let (mut state, _) =
            self.0.ready.wait_timeout_while(state, patience, idle).unwrap_or_else(PoisonError::into_inner);
        state.pull(most, out)
    }

    /// Takes in nothing more.
    pub fn close(&self) {
        self.0.lock().ended.get_or_insert(None);
    }
}

impl State {
    fn push(&mut self, samples: &[f32]) {
        let only_memory = self.chunks.iter().all(|chunk| matches!(chunk, Chunk::Memory(_)));
        if samples.is_empty() || self.ended.is_some() {
            return;
        }
        if only_memory && self.in_memory + samples.len() <= self.most {
            self.in_memory += samples.len();
            match self.chunks.back_mut() {
                Some(Chunk::Memory(chunk)) => chunk.extend(samples),
                _ => self.chunks.push_back(Chunk::Memory(samples.iter().copied().collect())),
            }
        } else if self.spool.push(samples).is_ok() {
            let count = samples.len() as u64;
            match self.chunks.back_mut() {
                Some(Chunk::Disk(chunk)) => *chunk += count,
                _ => self.chunks.push_back(Chunk::Disk(count)),
            }
        } else {
            self.lose(samples.len() as u64);
            return;
        }
        self.waiting += samples.len() as u64;
    }

    fn lose(&mut self, count: u64) {
        match self.chunks.back_mut() {
            _ if count == 0 || self.ended.is_some() => return,
            Some(Chunk::Lost(lost)) => *lost += count,
            _ => self.chunks.push_back(Chunk::Lost(count)),
        }
        self.waiting += count;
    }

    fn pull(&mut self, most: usize, out: &mut Vec<f32>) -> Pulled {
        let before = out.len();
        let Some(chunk) = self.chunks.front_mut() else {
            return self.ended.clone().map_or(Pulled::Nothing, Pulled::Ended);
        };
        let done = match chunk {
            Chunk::Memory(chunk) => {
                let count = most.min(chunk.len());
                out.extend(chunk.drain(..count));
                self.in_memory -= count;
                chunk.is_empty()
            }
            Chunk::Disk(left) => {
                let count = (*left).min(most as u64);
                if self.spool.pull(count as usize, out).is_err() {
                    // What cannot be read again is lost.
                    let count = *left;
                    out.truncate(before);
                    self.spool.clear();
                    *chunk = Chunk::Lost(count);
                    return self.pull(most, out);
                }
                *left -= count;
                *left == 0
            }
            Chunk::Lost(count) => {
                let count = *count;
                self.chunks.pop_front();
                self.waiting -= count;
                return Pulled::Lost(count);
            }
        };
        if done {
            self.chunks.pop_front();
        }
        self.waiting -= (out.len() - before) as u64;
        Pulled::Samples { waiting: self.waiting }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn pull_all(drain: &Drain) -> (Vec<f32>, Vec<u64>) {
        let (mut out, mut lost) = (Vec::new(), Vec::new());
        loop {
            match drain.pull(1000, NOW, &mut out) {
                Pulled::Lost(count) => lost.push(count),
                Pulled::Samples { .. } => {}
                Pulled::Nothing | Pulled::Ended(_) => return (out, lost),
            }
        }
    }

    fn numbers(from: usize, count: usize) -> Vec<f32> {
        (from..from + count).map(|i| i as f32).collect()
    }

    #[test]
    fn order_is_kept_through_memory_and_disk() {
        let (feeder, drain) = ring(5000, &std::env::temp_dir(), 1 << 20);
        let mut out = Vec::new();
        for i in 0..100 {
            feeder.push(&numbers(i * 160, 160));
            if i % 7 == 0 {
                drain.pull(200, NOW, &mut out);
            }
        }
        assert_eq!(feeder.waiting() as usize, 16_000 - out.len());
        out.extend(pull_all(&drain).0);
        assert_eq!(out, numbers(0, 16_000));
        assert_eq!(feeder.waiting(), 0);
        // The disk was left: memory is used again.
        feeder.push(&[1.0]);
        assert!(matches!(drain.0.lock().chunks[0], Chunk::Memory(_)));
    }

    #[test]
    fn what_nobody_can_keep_is_counted_in_its_place() {
        let (feeder, drain) = ring(1000, Path::new("/nonexistent"), 1 << 20);
        feeder.push(&numbers(0, 900));
        feeder.push(&numbers(900, 200));
        feeder.push(&numbers(1100, 50));
        assert_eq!(feeder.waiting(), 1150);
        let mut out = Vec::new();
        assert!(matches!(drain.pull(2000, NOW, &mut out), Pulled::Samples { waiting: 250 }));
        assert_eq!(drain.pull(2000, NOW, &mut out), Pulled::Lost(250));
        feeder.push(&numbers(1150, 10));
        feeder.lose(7);
        assert_eq!(pull_all(&drain), (numbers(1150, 10), vec![7]));
    }

    #[test]
    fn the_end_comes_after_everything() {
        let (feeder, drain) = ring(1000, &std::env::temp_dir(), 0);
        feeder.push(&[0.5; 10]);
        feeder.end(Some("unplugged".into()));
        feeder.end(None);
        let mut out = Vec::new();
        assert!(matches!(drain.pull(100, NOW, &mut out), Pulled::Samples { .. }));
        assert_eq!(drain.pull(100, NOW, &mut out), Pulled::Ended(Some("unplugged".into())));
        assert_eq!(drain.pull(100, NOW, &mut out), Pulled::Ended(Some("unplugged".into())), "and stays");
    }

    #[test]
    fn pulling_waits_for_pushing() {
        let (feeder, drain) = ring(1000, &std::env::temp_dir(), 0);
        assert_eq!(drain.pull(1, Duration::from_millis(1), &mut Vec::new()), Pulled::Nothing);
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            feeder.push(&[0.25; 3]);
        });
        let mut out = Vec::new();
        assert!(matches!(drain.pull(10, Duration::from_secs(60), &mut out), Pulled::Samples { waiting: 0 }));
        assert_eq!(out, [0.25; 3]);
        thread.join().unwrap();
    }

    #[test]
    fn nothing_comes_in_after_the_end() {
        let (feeder, drain) = ring(1000, &std::env::temp_dir(), 0);
        feeder.push(&[0.5; 10]);
        drain.close();
        feeder.push(&[0.5; 10]);
        feeder.lose(5);
        assert!(feeder.has_ended());
        assert_eq!(pull_all(&drain), (vec![0.5; 10], vec![]));
    }
}
