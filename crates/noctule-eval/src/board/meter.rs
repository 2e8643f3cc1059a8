//! The record of a power meter at the supply (an INA219, a USB meter), imported after the measurement.
//!
//! A CSV file with a header enters: `time` (seconds since 1970, or RFC 3339) and `watts`, or `volts` and `amperes`; other
//! columns are left alone. Energies of stretches of time leave. The meter's clock may be off by up to two minutes: the
//! shift under which most power falls into the measurements is taken.

use super::power::{Energy, EnergySource};
use crate::Error;
use serde::Deserialize;
use std::path::Path;

/// How far clocks may be apart, and in which steps it is searched, seconds.
const FARTHEST: f64 = 120.0;
const STEP: f64 = 0.25;

/// Power over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Meter {
    /// Seconds since 1970 and watts, in the order of time.
    points: Vec<(f64, f64)>,
    /// Added to a moment of the measurement, it gives the meter's.
    shift_s: f64,
}

#[derive(Deserialize)]
struct Row {
    #[serde(alias = "timestamp", alias = "Time", alias = "Timestamp")]
    time: String,
    #[serde(alias = "power", alias = "power_w", alias = "W", alias = "Watts")]
    watts: Option<f64>,
    #[serde(alias = "voltage", alias = "V", alias = "Volts")]
    volts: Option<f64>,
    #[serde(alias = "current", alias = "A", alias = "amps", alias = "Amperes")]
    amperes: Option<f64>,
}

impl Meter {
    /// Reads a record.
    ///
    /// # Errors
    /// A file that cannot be read, or a line without time or power.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_path(path)
            .map_err(|error| Error::Corpus { path: path.to_path_buf(), problem: error.to_string() })?;
        let mut points = Vec::new();
        for (index, row) in reader.deserialize::<Row>().enumerate() {
            let bad = |problem: String| Error::line(path, index + 1, problem);
            let row = row.map_err(|error| bad(error.to_string()))?;
            let time = moment(&row.time).ok_or_else(|| {
                bad(format!("'{}' is no time: write seconds since 1970, or 2026-11-26T09:30:00Z", row.time))
            })?;
            let product = || Some(row.volts? * row.amperes?);
            let watts = row.watts.or_else(product);
            points.push((
                time,
                watts.ok_or_else(|| bad("a column 'watts', or 'volts' and 'amperes', is needed".into()))?,
            ));
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        if points.len() < 2 {
            return Err(Error::Corpus { path: path.to_path_buf(), problem: "at least two moments are needed".into() });
        }
        Ok(Self { points, shift_s: 0.0 })
    }

    /// Finds the shift between the meter's clock and that of the measurements, which took place in `spans`.
    pub fn align(&mut self, spans: &[(f64, f64)]) {
        let total = |shift: f64| -> f64 { spans.iter().map(|(from, to)| self.joules(from + shift, to + shift)).sum() };
        let steps = (FARTHEST / STEP) as i32;
        // Nearest first, so that of equal shifts the smallest is taken.
        let mut shifts: Vec<f64> = (-steps..=steps).map(|step| f64::from(step) * STEP).collect();
        shifts.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let mut best = (0.0, total(0.0));
        for shift in shifts {
            let joules = total(shift);
            if joules > best.1 * (1.0 + 1e-9) {
                best = (shift, joules);
            }
        }
        self.shift_s = best.0;
    }

    /// What is added to a moment of the measurement to get the meter's, seconds.
    pub fn shift_s(&self) -> f64 {
        self.shift_s
    }

    /// Energy between two moments, seconds since 1970; `None` where the record does not cover them.
    pub fn energy(&self, from: f64, to: f64) -> Option<Energy> {
        let (first, last) = (self.points.first()?.0, self.points.last()?.0);
        let (from, to) = (from + self.shift_s, to + self.shift_s);
        let covered = first <= from && to <= last && from < to;
        covered.then(|| Energy { source: EnergySource::Meter, joules: self.joules(from, to), seconds: to - from })
    }

    /// The integral by the trapezoid rule, 0 outside the record.
    fn joules(&self, from: f64, to: f64) -> f64 {
        let start = self.points.partition_point(|point| point.0 < from).saturating_sub(1);
        let pairs = self.points[start..].windows(2).take_while(|pair| pair[0].0 < to);
        pairs
            .map(|pair| {
                let [(t0, w0), (t1, w1)] = [pair[0], pair[1]];
                let (a, b) = (from.max(t0), to.min(t1));
                if b <= a {
                    return 0.0;
                }
                let at = |t: f64| if t1 > t0 { w0 + (w1 - w0) * (t - t0) / (t1 - t0) } else { w1 };
                (at(a) + at(b)) / 2.0 * (b - a)
            })
            .sum()
    }
}

fn moment(text: &str) -> Option<f64> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
    seconds.or_else(|| Some(text.parse::<jiff::Timestamp>().ok()?.as_nanosecond() as f64 / 1e9))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(text: &str) -> Result<Meter, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meter.csv");
        std::fs::write(&path, text).unwrap();
        Meter::read(&path)
    }

    #[test]
    fn energy_is_the_area_under_the_power() {
        let meter = meter("time,watts,note\n100,2,\n102,4,x\n104,4,\n").unwrap();
        let energy = |from, to| meter.energy(from, to).map(|energy| (energy.joules * 1e6).round() / 1e6);
        assert_eq!(energy(100.0, 104.0), Some(14.0));
        assert_eq!(energy(101.0, 103.0), Some(3.5 + 4.0));
        assert_eq!(energy(103.5, 104.0), Some(2.0));
        assert_eq!(energy(99.0, 101.0), None);
        assert_eq!(energy(103.0, 105.0), None);
    }

    #[test]
    fn times_and_powers_in_other_words() {
        let record =
            meter("Timestamp, V, A\n1970-01-01T00:01:40Z, 5.0, 0.4\n1970-01-01T00:01:42Z, 5.0, 0.8\n").unwrap();
        assert_eq!(record.points, [(100.0, 2.0), (102.0, 4.0)]);
        for (text, message) in [
            ("time,watts\nyesterday,2\n", "line 2: 'yesterday'"),
            ("time,volts\n1,2\n2,2\n", "amperes"),
            ("time,watts\n1,2\n", "two moments"),
        ] {
            let error = meter(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn clocks_that_differ_are_aligned() {
        // Work from 1000 to 1010 and from 1020 to 1025, seen by a clock that is 7.5 s ahead.
        let busy = |t: f64| (1007.5..1017.5).contains(&t) || (1027.5..1032.5).contains(&t);
        let points = (0..600).map(|i| 990.0 + f64::from(i) * 0.1);
        let text: String = points.map(|t| format!("{t},{}\n", if busy(t) { 6.0 } else { 2.0 })).collect();
        let mut meter = meter(&format!("time,watts\n{text}")).unwrap();
        meter.align(&[(1000.0, 1010.0), (1020.0, 1025.0)]);
        assert_eq!(meter.shift_s(), 7.5);
        let joules = meter.energy(1000.0, 1010.0).unwrap().joules;
        assert!((joules - 60.0).abs() < 0.5, "{joules}");
    }
}
