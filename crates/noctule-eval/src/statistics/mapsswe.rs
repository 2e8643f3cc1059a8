//! The matched-pairs sentence-segment word error test.
//!
//! The three-way views of two systems enter, a p-value leaves: the cross-check of the paired bootstrap that the field
//! has used since NIST's benchmarks. Utterances are cut into segments at words that both systems have right, so that
//! errors of different segments may be taken as independent; the differences of the errors by segment are then tested
//! against a mean of 0. Source: L. Gillick and S. J. Cox, "Some statistical issues in the comparison of speech
//! recognition algorithms", ICASSP 1989; where segments end as in NIST's SCTK.

use super::{Error, normal};
use crate::align::Row;
use serde::{Deserialize, Serialize};

/// Words in a row that both systems have right, and that end a segment.
pub const BUFFER: usize = 2;

/// Errors of the two systems in a segment; at least one of them has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Errors of the first.
    pub a: u32,
    /// Errors of the second.
    pub b: u32,
}

/// The segments of an utterance. Segments of several utterances are tested together.
pub fn segments(rows: &[Row]) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut open: Option<Segment> = None;
    let mut right = 0;
    for row in rows {
        let (a, b) = (row.a.is_error(), row.b.is_error());
        if a || b {
            let segment = open.get_or_insert(Segment { a: 0, b: 0 });
            segment.a += u32::from(a);
            segment.b += u32::from(b);
            right = 0;
        } else {
            right += 1;
            if right == BUFFER {
                segments.extend(open.take());
            }
        }
    }
    segments.extend(open);
    segments
}

/// What the test says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Segments in which one system has an error at least. The normal approximation wants some fifty.
    pub segments: usize,
    /// Mean of the second's errors less the first's, by segment.
    pub mean: f64,
    /// Standard deviation of that.
    pub deviation: f64,
    /// The mean in parts of its standard error: standard normal if the systems are equally good. 0 where there is no
    /// spread.
    pub statistic: f64,
    /// Two-sided.
    pub p_value: f64,
}

/// Tests whether two systems make equally many errors. Fails for fewer than two segments.
pub fn test(segments: &[Segment]) -> Result<Verdict, Error> {
    let n = segments.len();
    if n < 2 {
        return Err(Error::TooFew { what: "a matched-pairs test over segments", needed: 2, found: n });
    }
    let difference = |segment: &Segment| f64::from(segment.b) - f64::from(segment.a);
    let mean = segments.iter().map(difference).sum::<f64>() / n as f64;
    let squares = segments.iter().map(|segment| (difference(segment) - mean).powi(2)).sum::<f64>();
    let deviation = (squares / (n - 1) as f64).sqrt();
    let statistic = if deviation > 0.0 { mean / (deviation / (n as f64).sqrt()) } else { 0.0 };
    // Without spread either nothing differs or every segment does in the same way, which no normal distribution
    // describes.
    let p_value = if deviation > 0.0 || mean == 0.0 { normal::two_sided(statistic) } else { 0.5f64.powi(n as i32 - 1) };
    Ok(Verdict { segments: n, mean, deviation, statistic, p_value })
}
