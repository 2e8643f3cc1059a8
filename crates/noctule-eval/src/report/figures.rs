//! Numbers for people: as many digits as mean something.

use crate::statistics::Interval;

/// A share as a percentage: "10.9 %".
pub fn percent(share: f64) -> String {
    format!("{} %", digits(100.0 * share))
}

/// "10.9 % (9.1 to 12.9)".
pub fn interval_percent(interval: &Interval) -> String {
    let [low, high] = [interval.low, interval.high].map(|share| digits(100.0 * share));
    format!("{} ({low} to {high})", percent(interval.estimate))
}

/// Three digits, at most two behind the point.
pub(super) fn digits(value: f64) -> String {
    let size = value.abs();
    if size >= 99.95 {
        format!("{value:.0}")
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// Seconds: "0.42 s", "12.6 s".
pub fn seconds(seconds: f64) -> String {
    format!("{} s", digits(seconds))
}

/// A longer time: "48 s", "12.5 min", "3.2 h".
pub fn minutes(seconds: f64) -> String {
    match seconds {
        ..99.5 => format!("{seconds:.0} s"),
        ..5970.0 => format!("{} min", digits(seconds / 60.0)),
        _ => format!("{} h", digits(seconds / 3600.0)),
    }
}

/// Bytes in MB of 1,000,000.
pub fn megabytes(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 9.95 { format!("{megabytes:.1} MB") } else { format!("{megabytes:.0} MB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_digits_as_mean_something() {
        let interval = Interval { estimate: 0.1094, low: 0.0912, high: 0.1291, level: 0.95 };
        assert_eq!(interval_percent(&interval), "10.9 % (9.12 to 12.9)");
        for (value, text) in [(0.0, "0.00"), (1.234, "1.23"), (9.996, "10.0"), (99.96, "100"), (1234.5, "1234")] {
            assert_eq!(digits(value), text);
        }
        for (value, text) in [(48.2, "48 s"), (99.4, "99 s"), (754.0, "12.6 min"), (11_520.0, "3.20 h")] {
            assert_eq!(minutes(value), text);
        }
        assert_eq!((megabytes(4_250_000), megabytes(163_400_000)), ("4.2 MB".into(), "163 MB".into()));
    }
}
