//! Intervals of times.

use super::quantile::median;
use super::{Bootstrap, Error, Interval, SplitMix64};

/// The median of repeated measurements with a percentile interval. Ask for [`Interval::relative_half_width`] after
/// every round and repeat until it is small enough.
///
/// Five runs give about the span from the fastest to the slowest, which holds the true median in 94 of 100 cases. Fails
/// for fewer than two.
pub fn median_interval(values: &[f64], bootstrap: &Bootstrap) -> Result<Interval, Error> {
    let statistic = |drawn: &[usize]| median(&drawn.iter().map(|&i| values[i]).collect::<Vec<_>>()).unwrap_or(f64::NAN);
    bootstrap.percentile(values.len(), statistic)
}

/// The median of `candidate` over that of `baseline`, with a percentile interval: above 1 the candidate is slower. Both
/// are drawn again, each by itself. Fails for fewer than two values of either, and unless all are above 0.
pub fn ratio_of_medians(baseline: &[f64], candidate: &[f64], bootstrap: &Bootstrap) -> Result<Interval, Error> {
    if let Some(&value) = baseline.iter().chain(candidate).find(|&&value| !(value > 0.0 && value.is_finite())) {
        return Err(Error::Value { what: "a time", value });
    }
    let found = baseline.len().min(candidate.len());
    if found < 2 {
        return Err(Error::TooFew { what: "a ratio of medians", needed: 2, found });
    }
    let mut random = SplitMix64::new(bootstrap.seed);
    let mut drawn = |values: &[f64]| {
        let sample: Vec<f64> = values.iter().map(|_| values[random.below(values.len())]).collect();
        median(&sample).unwrap_or(f64::NAN)
    };
    let replicates = (0..bootstrap.replicates.max(1)).map(|_| drawn(candidate) / drawn(baseline)).collect();
    let estimate = median(candidate).unwrap_or(f64::NAN) / median(baseline).unwrap_or(f64::NAN);
    super::Replicates::new(estimate, replicates)?.percentile(bootstrap.level)
}
