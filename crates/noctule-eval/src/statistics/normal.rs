//! The standard normal distribution.

/// The probability of a value below `x`.
pub(super) fn cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// The value below which lies the probability `p`; infinite for 0 and 1. The inverse of [`cdf`] by bisection.
pub(super) fn quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -quantile(1.0 - p);
    }
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    // Below −39 probabilities are smaller than any float.
    let (mut low, mut high) = (-39.0, 0.0);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// The probability of a value at least as far from 0 as `x`.
pub(super) fn two_sided(x: f64) -> f64 {
    libm::erfc(x.abs() / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabulated_values() {
        for (p, x) in [(0.975, 1.959963984540054), (0.5, 0.0), (0.05, -1.6448536269514722), (1e-10, -6.361340902404056)]
        {
            assert!((quantile(p) - x).abs() < 1e-9, "{p}: {}", quantile(p));
            assert!((cdf(x) - p).abs() < 1e-12);
        }
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!((two_sided(-1.959963984540054) - 0.05).abs() < 1e-12);
    }
}
