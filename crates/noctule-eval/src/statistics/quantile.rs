//! Order statistics.

/// The value that a share `p` of `values` does not exceed, between neighbours linearly (type 7 of Hyndman and Fan 1996,
/// the default of NumPy and R). `None` for no values.
pub fn quantile(values: &[f64], p: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, p)
}

/// [`quantile()`] of values in ascending order.
pub(super) fn quantile_of_sorted(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = p.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    Some(below + (above - below) * position.fract())
}

/// The middle value, or the mean of the two in the middle. `None` for no values.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The median of the distances from the median: a spread that outliers do not move. In the unit of the values; 1.4826
/// times it estimates the standard deviation of a normal distribution. `None` for no values.
pub fn median_absolute_deviation(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    median(&values.iter().map(|value| (value - middle).abs()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_worked_out_by_hand() {
        let values = [3.0, 1.0, 10.0, 2.0];
        assert_eq!([0.0, 0.5, 0.75, 1.0].map(|p| quantile(&values, p)), [1.0, 2.5, 4.75, 10.0].map(Some));
        assert_eq!(median_absolute_deviation(&values), Some(1.0));
        assert_eq!((median(&[]), median(&[4.0])), (None, Some(4.0)));
    }
}
