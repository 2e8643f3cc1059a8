//! Linear models.

use super::Error;

/// A column whose part that the columns before it do not explain is smaller than this says nothing of its own.
const INDEPENDENT: f64 = 1e-9;

/// The values of the P columns and what was observed with them.
pub type Observation<const P: usize> = ([f64; P], f64);

/// Coefficients of P columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit<const P: usize> {
    /// In the order of the columns.
    pub coefficients: [f64; P],
    /// What the model leaves unexplained: observed less fitted, by row.
    pub residuals: Vec<f64>,
    /// Covariance of the coefficients, by row; 0 for those that were held at 0.
    pub covariance: [[f64; P]; P],
}

impl<const P: usize> Fit<P> {
    /// The model's value for `row`.
    pub fn predict(&self, row: &[f64; P]) -> f64 {
        dot(&self.coefficients, row)
    }

    /// Standard error of [`Self::predict`], of the model alone and without the scatter of a single observation.
    pub fn standard_error(&self, row: &[f64; P]) -> f64 {
        self.covariance.iter().zip(row).map(|(line, x)| x * dot(line, row)).sum::<f64>().max(0.0).sqrt()
    }

    /// Standard deviation of a single observation from the model.
    pub fn scatter(&self) -> f64 {
        let kept = self.coefficients.iter().filter(|&&value| value != 0.0).count();
        let freedom = self.residuals.len().saturating_sub(kept).max(1);
        (dot(&self.residuals, &self.residuals) / freedom as f64).sqrt()
    }
}

/// Ordinary least squares: the coefficients with the least sum of squared residuals. `columns` names the columns in
/// errors.
///
/// Fails for fewer than P + 1 rows, values that are not finite, and columns that depend on each other. By modified
/// Gram-Schmidt orthogonalisation (Å. Björck 1967).
pub fn least_squares<const P: usize>(columns: [&str; P], rows: &[Observation<P>]) -> Result<Fit<P>, Error> {
    if rows.len() < P + 1 {
        return Err(Error::TooFew { what: "a fitted model", needed: P + 1, found: rows.len() });
    }
    let values = rows.iter().flat_map(|(row, observed)| row.iter().chain([observed]));
    if let Some(&value) = values.into_iter().find(|value| !value.is_finite()) {
        return Err(Error::Value { what: "a value of a fitted model", value });
    }
    solve(&columns, &(0..P).collect::<Vec<_>>(), rows)
}

/// Least squares with no coefficient below 0, by the active sets of C. L. Lawson and R. J. Hanson, "Solving Least
/// Squares Problems" (1974), chapter 23. Fails as [`least_squares`] does.
pub fn non_negative_least_squares<const P: usize>(
    columns: [&str; P],
    rows: &[Observation<P>],
) -> Result<Fit<P>, Error> {
    let unbounded = least_squares(columns, rows)?;
    if unbounded.coefficients.iter().all(|&value| value >= 0.0) {
        return Ok(unbounded);
    }
    let mut free: Vec<usize> = Vec::new();
    let mut fit = solve(&columns, &free, rows)?;
    // Each round lowers the sum of squares, so no set comes twice; the bound is for rounding.
    for _ in 0..3 * P {
        let Some(next) = steepest(rows, &fit, &free) else { break };
        free.push(next);
        let mut current = fit.coefficients;
        fit = loop {
            free.sort_unstable();
            let candidate = solve(&columns, &free, rows)?;
            // How far towards the candidate until a coefficient reaches 0.
            let negative = |&&i: &&usize| candidate.coefficients[i] <= 0.0;
            let step = |&i: &usize| (current[i] / (current[i] - candidate.coefficients[i]), i);
            let nearest = free.iter().filter(negative).map(step).min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((step, stopped)) = nearest else { break candidate };
            for &i in &free {
                current[i] += step * (candidate.coefficients[i] - current[i]);
            }
            current[stopped] = 0.0;
            free.retain(|&i| current[i] > 0.0);
        };
    }
    Ok(fit)
}

/// The column that is not used yet and would lower the sum of squares fastest.
fn steepest<const P: usize>(rows: &[Observation<P>], fit: &Fit<P>, free: &[usize]) -> Option<usize> {
    let residual = dot(&fit.residuals, &fit.residuals).sqrt();
    let slope =
        |i: usize| rows.iter().zip(&fit.residuals).map(|((row, _), r)| row[i] * r).sum::<f64>() / scale(rows, i);
    let unused = (0..P).filter(|i| !free.contains(i)).map(|i| (slope(i), i));
    unused.filter(|&(slope, _)| slope > 1e-10 * residual).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, i)| i)
}

/// Length of a column.
fn scale<const P: usize>(rows: &[Observation<P>], column: usize) -> f64 {
    rows.iter().map(|(row, _)| row[column].powi(2)).sum::<f64>().sqrt().max(f64::MIN_POSITIVE)
}

/// Least squares over the columns in `free`; the other coefficients are 0.
fn solve<const P: usize>(columns: &[&str; P], free: &[usize], rows: &[Observation<P>]) -> Result<Fit<P>, Error> {
    let p = free.len();
    let mut basis: Vec<Vec<f64>> = free.iter().map(|&i| rows.iter().map(|(row, _)| row[i]).collect()).collect();
    let mut residuals: Vec<f64> = rows.iter().map(|(_, observed)| *observed).collect();
    let mut triangle = vec![vec![0.0; p]; p];
    let mut target = vec![0.0; p];
    for k in 0..p {
        let length = dot(&basis[k], &basis[k]).sqrt();
        if length <= INDEPENDENT * scale(rows, free[k]) {
            return Err(Error::Dependent { column: columns[free[k]].to_string() });
        }
        triangle[k][k] = length;
        basis[k].iter_mut().for_each(|value| *value /= length);
        let (done, rest) = basis.split_at_mut(k + 1);
        let unit = &done[k];
        for (j, column) in (k + 1..).zip(rest) {
            triangle[k][j] = take_out(column, unit);
        }
        target[k] = take_out(&mut residuals, unit);
    }
    let mut coefficients = [0.0; P];
    for (&column, value) in free.iter().zip(back_substitute(&triangle, &target)) {
        coefficients[column] = value;
    }
    let variance = dot(&residuals, &residuals) / (rows.len() - p).max(1) as f64;
    let unit = |k: usize| (0..p).map(|i| f64::from(u8::from(i == k))).collect::<Vec<_>>();
    let inverse: Vec<Vec<f64>> = (0..p).map(|k| back_substitute(&triangle, &unit(k))).collect();
    let mut covariance = [[0.0; P]; P];
    for (i, &row) in free.iter().enumerate() {
        for (j, &column) in free.iter().enumerate() {
            covariance[row][column] = variance * inverse.iter().map(|solution| solution[i] * solution[j]).sum::<f64>();
        }
    }
    Ok(Fit { coefficients, residuals, covariance })
}

/// Removes from `vector` what lies along `unit`, and returns how much that was.
fn take_out(vector: &mut [f64], unit: &[f64]) -> f64 {
    let along = dot(vector, unit);
    vector.iter_mut().zip(unit).for_each(|(value, u)| *value -= along * u);
    along
}

/// x with `triangle` · x = `target`, the triangle being an upper one.
fn back_substitute(triangle: &[Vec<f64>], target: &[f64]) -> Vec<f64> {
    let mut x = vec![0.0; target.len()];
    for k in (0..target.len()).rev() {
        let known = dot(&triangle[k][k + 1..], &x[k + 1..]);
        x[k] = (target[k] - known) / triangle[k][k];
    }
    x
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
