//! Confidence intervals by drawing the data again.

use super::quantile::quantile_of_sorted;
use super::{Error, SplitMix64, normal};
use serde::{Deserialize, Serialize};

/// An estimate and the values that the data are compatible with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The statistic of the data as they are.
    pub estimate: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Share of such intervals that contain the true value, as far as the method holds.
    pub level: f64,
}

impl Interval {
    /// Half the distance between the bounds.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Half the width in parts of the estimate; `None` if that is 0. What a measurement is repeated for until it is
    /// small.
    pub fn relative_half_width(&self) -> Option<f64> {
        (self.estimate != 0.0).then(|| self.half_width() / self.estimate.abs())
    }

    /// Whether `value` lies between the bounds or on one.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// How to resample. Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 and
/// 14; for word errors M. Bisani and H. Ney, "Bootstrap estimates for confidence intervals in ASR performance
/// evaluation", ICASSP 2004.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Samples that are drawn, one at least, with replacement and each as large as the data.
    pub replicates: usize,
    /// Level of confidence, between 0 and 1.
    pub level: f64,
    /// Where the random numbers start.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 10,000 replicates, 95 %.
    fn default() -> Self {
        Self { replicates: 10_000, level: 0.95, seed: 1 }
    }
}

impl Bootstrap {
    /// Between the quantiles of the replicates. `statistic` gets the numbers of the blocks that were drawn, out of
    /// 0..`blocks`, each as often as it was drawn.
    pub fn percentile(&self, blocks: usize, statistic: impl Fn(&[usize]) -> f64) -> Result<Interval, Error> {
        self.replicate(blocks, statistic)?.percentile(self.level)
    }

    /// Bias-corrected and accelerated (Efron 1987): the quantiles moved by the median bias of the replicates and by the
    /// skewness that leaving out one block after the other shows. The better one for small rates, which cannot go below
    /// 0.
    pub fn bca(&self, blocks: usize, statistic: impl Fn(&[usize]) -> f64) -> Result<Interval, Error> {
        let replicates = self.replicate(blocks, &statistic)?;
        let without = |left_out: usize| (0..blocks).filter(|&block| block != left_out).collect::<Vec<_>>();
        let jackknife: Vec<f64> = (0..blocks).map(|block| statistic(&without(block))).collect();
        replicates.bca(self.level, &jackknife)
    }

    /// The statistic of the data and of every replicate. Replicates without a finite value, like an error rate over no
    /// words, are left out; if those are more than half, the statistic is not defined.
    pub fn replicate(&self, blocks: usize, statistic: impl Fn(&[usize]) -> f64) -> Result<Replicates, Error> {
        if blocks < 2 {
            return Err(Error::TooFew { what: "an interval by drawing blocks again", needed: 2, found: blocks });
        }
        let mut drawn: Vec<usize> = (0..blocks).collect();
        let estimate = statistic(&drawn);
        let mut random = SplitMix64::new(self.seed);
        let mut replicate = || {
            drawn.iter_mut().for_each(|block| *block = random.below(blocks));
            statistic(&drawn)
        };
        let values =
            (0..self.replicates.max(1)).map(|_| replicate()).filter(|value| value.is_finite()).collect::<Vec<_>>();
        if values.len() * 2 <= self.replicates {
            return Err(Error::Undefined { what: "the statistic of most samples" });
        }
        Replicates::new(estimate, values)
    }
}

/// A statistic of the data and of samples from them.
#[derive(Debug, Clone)]
pub struct Replicates {
    estimate: f64,
    sorted: Vec<f64>,
}

impl Replicates {
    /// `values` in any order; all finite.
    pub fn new(estimate: f64, mut values: Vec<f64>) -> Result<Self, Error> {
        if !estimate.is_finite() || values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return Err(Error::Undefined { what: "the statistic" });
        }
        values.sort_by(f64::total_cmp);
        Ok(Self { estimate, sorted: values })
    }

    /// The statistic of the data.
    pub fn estimate(&self) -> f64 {
        self.estimate
    }

    /// How many replicates there are.
    #[allow(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Share of the replicates below `value`, those equal to it counted half.
    pub fn share_below(&self, value: f64) -> f64 {
        (self.below(value) + self.not_above(value)) as f64 / (2 * self.len()) as f64
    }

    pub(super) fn below(&self, value: f64) -> usize {
        self.sorted.partition_point(|&replicate| replicate < value)
    }

    pub(super) fn not_above(&self, value: f64) -> usize {
        self.sorted.partition_point(|&replicate| replicate <= value)
    }

    /// Between the quantiles.
    pub fn percentile(&self, level: f64) -> Result<Interval, Error> {
        let tail = tail(level)?;
        Ok(self.between(level, tail, 1.0 - tail))
    }

    /// Bias-corrected and accelerated. `jackknife` has the statistic without each block. Falls back to the quantiles as
    /// they are where the correction is not defined: all replicates on one side of the estimate.
    pub fn bca(&self, level: f64, jackknife: &[f64]) -> Result<Interval, Error> {
        let tail = tail(level)?;
        let bias = normal::quantile(self.share_below(self.estimate));
        let acceleration = acceleration(jackknife);
        let moved = |p: f64| {
            let z = bias + normal::quantile(p);
            normal::cdf(bias + z / (1.0 - acceleration * z))
        };
        let (low, high) = (moved(tail), moved(1.0 - tail));
        if bias.is_finite() && low < high { Ok(self.between(level, low, high)) } else { self.percentile(level) }
    }

    fn between(&self, level: f64, low: f64, high: f64) -> Interval {
        let quantile = |p| quantile_of_sorted(&self.sorted, p).unwrap_or(self.estimate);
        Interval { estimate: self.estimate, low: quantile(low), high: quantile(high), level }
    }
}

/// The probability on either side of an interval.
fn tail(level: f64) -> Result<f64, Error> {
    if level > 0.0 && level < 1.0 { Ok((1.0 - level) / 2.0) } else { Err(Error::Level { level }) }
}

/// A sixth of the skewness of the statistic, from leaving blocks out; 0 where it does not change or is not defined.
fn acceleration(jackknife: &[f64]) -> f64 {
    let mean = jackknife.iter().sum::<f64>() / jackknife.len() as f64;
    let sum = |power| jackknife.iter().map(|value| (mean - value).powi(power)).sum::<f64>();
    let squares = sum(2);
    let acceleration = sum(3) / (6.0 * squares * squares.sqrt());
    if acceleration.is_finite() { acceleration } else { 0.0 }
}
