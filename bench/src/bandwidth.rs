//! How fast all threads together read memory.
//!
//! A process of its own measures it, because memory that this program has touched would count as its children's.

use crate::machine;
use crate::process;
use anyhow::{Context, Result, ensure};
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Passes over the buffer in each way; the median counts.
const PASSES: usize = 7;
/// Rows that are read in turn, a cache line of each: some processors read one row fastest, others several. The fastest way
/// counts.
const WAYS: [usize; 3] = [1, 4, 8];
/// Words of a row and of a cache line.
const ROW: usize = 128;
const LINE: usize = 8;
/// The buffer is this many times the largest cache, and no smaller than [`SMALLEST`].
const CACHES: u64 = 4;
/// Bytes.
const SMALLEST: u64 = 256 << 20;
/// Bytes.
const LARGEST: u64 = 1 << 30;

/// Asks a process of this program.
pub fn ask(program: &Path, threads: usize) -> Result<f64> {
    let mut command = Command::new(program);
    command.args(["bandwidth", "--threads", &threads.to_string()]);
    let finished = process::run(command, Duration::from_secs(60))?;
    finished.stdout.trim().parse().context("no number")
}

/// 10⁹ bytes a second.
pub fn measure(threads: usize) -> Result<f64> {
    let wanted = (machine::cache_kib().unwrap_or(0) * 1024 * CACHES).clamp(SMALLEST, LARGEST);
    let bytes = machine::available().map_or(wanted, |free| wanted.min(free / 4));
    ensure!(threads > 0 && bytes >= SMALLEST / 16, "{} MB are too little memory to measure its speed", bytes >> 20);
    Ok(rate(threads, bytes))
}

/// The same with a buffer of so many bytes.
fn rate(threads: usize, bytes: u64) -> f64 {
    let words = bytes as usize / 8 / threads;
    let barrier = Barrier::new(threads + 1);
    let mut rates: Vec<Vec<f64>> = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // Ones, because a page that was never written is the one page of zeros.
                let part = vec![1u64; words];
                for rows in WAYS {
                    for _ in 0..=PASSES {
                        barrier.wait();
                        assert_eq!(black_box(sum(black_box(&part), rows)), words as u64);
                        barrier.wait();
                    }
                }
            });
        }
        let pass = |_| {
            barrier.wait();
            let started = Instant::now();
            barrier.wait();
            (words * 8 * threads) as f64 / started.elapsed().as_secs_f64() / 1e9
        };
        WAYS.map(|_| (0..=PASSES).map(pass).skip(1).collect()).into()
    });
    rates.iter_mut().map(|rates| median(rates)).fold(0.0, f64::max)
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// The sum of all words, so many rows in turn. Sums for each word of a line, so that adding is no limit.
fn sum(words: &[u64], rows: usize) -> u64 {
    let mut sums = [0u64; LINE];
    let blocks = words.chunks_exact(rows * ROW);
    let rest = blocks.remainder();
    for block in blocks {
        for line in (0..ROW).step_by(LINE) {
            for row in block.chunks_exact(ROW) {
                sums.iter_mut().zip(&row[line..line + LINE]).for_each(|(sum, word)| *sum = sum.wrapping_add(*word));
            }
        }
    }
    sums.iter().chain(rest).fold(0, |sum, word| sum.wrapping_add(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read() {
        let words: Vec<u64> = (0..5003).collect();
        for rows in WAYS {
            assert_eq!(sum(&words, rows), 5002 * 5003 / 2);
            assert_eq!(sum(&[], rows), 0);
        }
    }

    #[test]
    fn memory_has_a_speed() {
        let rate = rate(2, SMALLEST / 16);
        assert!((0.05..5000.0).contains(&rate), "{rate}");
        assert!(measure(0).is_err());
    }
}
