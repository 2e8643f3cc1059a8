//! Medians, and ratios of paired measurements with confidence intervals.

/// Resamples of the bootstrap.
const RESAMPLES: usize = 10_000;
/// Fewer pairs than this say nothing about their spread.
const FEWEST: usize = 3;

/// Pseudo-random numbers: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is small against 2⁶⁴.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Puts `items` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }
}

/// The middle value, or the mean of the two middle ones.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// A median and where it lies with 95 % confidence, if that can be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Median.
    pub median: f64,
    /// 2.5th and 97.5th percentile of the medians of resamples (percentile bootstrap: Efron, 1979).
    pub interval: Option<(f64, f64)>,
    /// Values.
    pub count: usize,
}

/// The median of `values` with its interval; `None` without values. The same values give the same interval.
pub fn estimate(values: &[f64]) -> Option<Estimate> {
    let middle = median(values)?;
    let interval = (values.len() >= FEWEST).then(|| {
        let mut random = Random::new(values.len() as u64);
        let mut resample = vec![0.0; values.len()];
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                resample.iter_mut().for_each(|to| *to = values[random.below(values.len())]);
                median(&resample).unwrap_or(middle)
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        let at = |share: f64| medians[(share * (RESAMPLES - 1) as f64).round() as usize];
        (at(0.025), at(0.975))
    });
    Some(Estimate { median: middle, interval, count: values.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0, 3.0, 100.0]), Some(2.5));
    }

    #[test]
    fn intervals_hold_the_median_and_narrow_with_more_values() {
        assert_eq!(estimate(&[]), None);
        let two = estimate(&[1.0, 2.0]).unwrap();
        assert_eq!((two.median, two.interval, two.count), (1.5, None, 2));
        let same = estimate(&[2.0; 5]).unwrap();
        assert_eq!(same.interval, Some((2.0, 2.0)));
        let spread = |n: usize| {
            let values: Vec<f64> = (0..n).map(|i| 1.0 + (i * 7 % n) as f64 / n as f64).collect();
            let found = estimate(&values).unwrap();
            let (low, high) = found.interval.unwrap();
            assert!(low <= found.median && found.median <= high, "{found:?}");
            assert!(low >= 1.0 && high <= 2.0, "{found:?}");
            high - low
        };
        assert!(spread(101) < spread(11));
        let values = [1.0, 5.0, 2.0, 4.0];
        assert_eq!(estimate(&values), estimate(&values), "it can be repeated");
    }

    #[test]
    fn the_interval_covers_the_truth_about_as_often_as_it_says() {
        let mut random = Random::new(1);
        let mut uniform = || random.next() as f64 / u64::MAX as f64;
        let mut covered = 0;
        for _ in 0..100 {
            let values: Vec<f64> = (0..15).map(|_| uniform()).collect();
            let (low, high) = estimate(&values).unwrap().interval.unwrap();
            covered += usize::from(low <= 0.5 && 0.5 <= high);
        }
        assert!((88..=100).contains(&covered), "{covered}");
    }

    #[test]
    fn numbers_are_those_of_splitmix64() {
        // The reference implementation (prng.di.unimi.it/splitmix64.c) with seed 0.
        let mut random = Random::new(0);
        assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn shuffling_keeps_everything() {
        let mut items: Vec<usize> = (0..10).collect();
        Random::new(3).shuffle(&mut items);
        assert_ne!(items, (0..10).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..10).collect::<Vec<_>>());
        Random::new(0).shuffle::<u8>(&mut []);
    }
}
