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

/// Passes over the buffer; the median counts.
const PASSES: usize = 7;
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
    ensure!(threads > 0 && bytes >= 16 << 20, "{} MB are too little memory to measure its speed", bytes >> 20);
    let words = bytes as usize / 8 / threads;
    let barrier = Barrier::new(threads + 1);
    let mut rates: Vec<f64> = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // Ones, because a page that was never written is the one page of zeros.
                let part = vec![1u64; words];
                for _ in 0..=PASSES {
                    barrier.wait();
                    assert_eq!(black_box(sum(black_box(&part))), words as u64);
                    barrier.wait();
                }
            });
        }
        let pass = |_| {
            barrier.wait();
            let started = Instant::now();
            barrier.wait();
            (words * 8 * threads) as f64 / started.elapsed().as_secs_f64() / 1e9
        };
        (0..=PASSES).map(pass).skip(1).collect()
    });
    rates.sort_by(f64::total_cmp);
    Ok(rates[rates.len() / 2])
}

/// Sixteen sums side by side, so that adding is no limit.
fn sum(words: &[u64]) -> u64 {
    let mut sums = [0u64; 16];
    let (chunks, rest) = words.as_chunks::<16>();
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, word)| *sum = sum.wrapping_add(*word));
    }
    sums.iter().chain(rest).fold(0, |sum, word| sum.wrapping_add(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read() {
        let words: Vec<u64> = (0..1003).collect();
        assert_eq!(sum(&words), 1002 * 1003 / 2);
        assert_eq!(sum(&[]), 0);
    }

    #[test]
    fn memory_has_a_speed() {
        let rate = measure(2).unwrap();
        assert!((0.05..5000.0).contains(&rate), "{rate}");
        assert!(measure(0).is_err());
    }
}
