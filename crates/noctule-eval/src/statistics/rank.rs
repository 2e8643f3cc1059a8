//! Whether the values of one sample tend to be larger than those of another.

use super::{Error, normal};
use serde::{Deserialize, Serialize};

/// The most values a side for which the p-value is exact.
const EXACT: usize = 50;

/// What the test says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MannWhitney {
    /// Pairs in which the first sample's value is the larger one, ties counted half.
    pub u: f64,
    /// That in parts of all pairs: the probability that a value of the first sample exceeds one of the second. 0.5 if
    /// neither tends to.
    pub superiority: f64,
    /// Two-sided.
    pub p_value: f64,
}

/// The rank test of H. B. Mann and D. R. Whitney (1947). It asks nothing of the distributions, so outliers of times do
/// no harm. The p-value is exact up to 50 values a side without ties, else from the normal distribution with
/// corrections for ties and continuity.
///
/// Fails if either sample is empty or a value is not a number.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Result<MannWhitney, Error> {
    if a.is_empty() || b.is_empty() {
        return Err(Error::TooFew { what: "a rank test", needed: 1, found: 0 });
    }
    if let Some(&value) = a.iter().chain(b).find(|value| value.is_nan()) {
        return Err(Error::Value { what: "a value of a rank test", value });
    }
    let mut all: Vec<(f64, bool)> = a.iter().map(|&x| (x, true)).chain(b.iter().map(|&x| (x, false))).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut u, mut below, mut ties) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|x, y| x.0 == y.0) {
        let of_a = equal.iter().filter(|(_, of_a)| *of_a).count() as f64;
        let of_b = equal.len() as f64 - of_a;
        u += of_a * (below + of_b / 2.0);
        below += of_b;
        ties += (equal.len() as f64).powi(3) - equal.len() as f64;
    }
    let pairs = (a.len() * b.len()) as f64;
    let exact = ties == 0.0 && a.len().max(b.len()) <= EXACT;
    let p_value = if exact { exact_p(u, a.len(), b.len()) } else { normal_p(u, a.len() as f64, b.len() as f64, ties) };
    Ok(MannWhitney { u, superiority: u / pairs, p_value })
}

/// Twice the probability of a U at least as far from its mean, all orders being equally probable.
fn exact_p(u: f64, n: usize, m: usize) -> f64 {
    // probabilities[j][u] of U for i values against j; the largest of all values is one of the i with probability i /
    // (i + j).
    let mut probabilities: Vec<Vec<f64>> = vec![vec![1.0]; m + 1];
    for i in 1..=n {
        for j in 1..=m {
            let of_a = i as f64 / (i + j) as f64;
            let mut next = vec![0.0; i * j + 1];
            for (u, p) in probabilities[j].iter().enumerate() {
                next[u + j] += of_a * p;
            }
            for (u, p) in probabilities[j - 1].iter().enumerate() {
                next[u] += (1.0 - of_a) * p;
            }
            probabilities[j] = next;
        }
    }
    let far = u.max((n * m) as f64 - u) as usize;
    (2.0 * probabilities[m][far..].iter().sum::<f64>()).min(1.0)
}

fn normal_p(u: f64, n: f64, m: f64, ties: f64) -> f64 {
    let all = n + m;
    let deviation = (n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)))).sqrt();
    let far = u.max(n * m - u) - n * m / 2.0 - 0.5;
    if deviation > 0.0 { (2.0 * normal::cdf(-far / deviation)).min(1.0) } else { 1.0 }
}
