//! What a machine can do at most, measured in a moment.
//!
//! A [`Compute`] enters, two rates leave: the encoder is bound by the one, the decoder by the other, so that they tell how
//! long a transcription will take before there is one.

use crate::block::{GgmlType, Matrix};
use crate::compute::{Compute, Input, Operand, Product};
use crate::view::{Rows, RowsMut};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The fastest of several runs, per second, with the threads and the precision of a [`Compute`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Multiply-adds of a product of many rows, as the encoder's are.
    pub macs: f64,
    /// Bytes of weights that a product of one row reads from memory, as the decoder's do.
    pub bytes: f64,
}

/// Rows, inputs and outputs of the encoder's product: Whisper base, a quarter of its positions.
const MANY: (usize, usize, usize) = (375, 512, 512);
/// Inputs and outputs of the decoder's product: 71 MB of q8_0 weights, more than any cache holds.
const ONE: (usize, usize) = (1024, 65_536);

impl Compute {
    /// Measures with weights of type `ty` for about `time`, and at least two runs of each product.
    pub fn peak(&self, ty: GgmlType, time: Duration) -> Peak {
        let (rows, inputs, outputs) = MANY;
        let macs = (rows * inputs * outputs) as f64 / self.fastest(ty, rows, inputs, outputs, time / 2);
        let (inputs, outputs) = ONE;
        let bytes = ty.row_bytes(inputs).unwrap_or(0) * outputs;
        Peak { macs, bytes: bytes as f64 / self.fastest(ty, 1, inputs, outputs, time / 2) }
    }

    /// Seconds of the fastest product of these sizes.
    fn fastest(&self, ty: GgmlType, rows: usize, inputs: usize, outputs: usize, time: Duration) -> f64 {
        // Not zeros: the system gives untouched memory one page for all.
        let weights = vec![1; ty.row_bytes(inputs).unwrap_or(0) * outputs];
        let Ok(weights) = Matrix::new(ty, outputs, inputs, &weights) else { return f64::INFINITY };
        let x: Vec<f32> = (0..rows * inputs).map(|i| (i % 17) as f32 - 8.0).collect();
        let (mut operand, mut out) = (Operand::default(), vec![0.0; rows * outputs]);
        let (start, mut best, mut runs) = (Instant::now(), f64::INFINITY, 0);
        while runs < 2 || start.elapsed() < time {
            let run = Instant::now();
            let x = Rows::new(&x, rows, inputs);
            let products = &mut [Product::new(weights, RowsMut::new(&mut out, rows, outputs))];
            if rows == 1 {
                self.linear(x, products);
            } else {
                self.load(Input::Rows(x), false, &mut operand);
                self.multiply(&operand, products);
            }
            best = best.min(run.elapsed().as_secs_f64());
            runs += 1;
        }
        black_box(out);
        best
    }
}

#[cfg(test)]
mod tests {
    use crate::{Compute, GgmlType, Precision, Tier};
    use std::time::Duration;

    #[test]
    fn rates_are_rates() {
        let compute = Compute::new(Tier::detect().unwrap(), 1, Precision::Fast);
        for ty in [GgmlType::Q8_0, GgmlType::Q2_K] {
            let peak = compute.peak(ty, Duration::from_millis(1));
            assert!(peak.macs.is_finite() && peak.macs > 1e6, "{ty:?}: {peak:?}");
            assert!(peak.bytes.is_finite() && peak.bytes > 1e6, "{ty:?}: {peak:?}");
        }
    }
}
