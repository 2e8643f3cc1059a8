//! How each type of weights is multiplied here, and how fast: measured, one thread.

use noctule::{Precision, Tier};
use noctule_kernels::{Compute, GgmlType};
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

/// Types that people run, the most bits first.
const TYPES: [GgmlType; 14] = [
    GgmlType::F16,
    GgmlType::Q8_0,
    GgmlType::Q6_K,
    GgmlType::Q5_1,
    GgmlType::Q5_0,
    GgmlType::Q5_K,
    GgmlType::Q4_1,
    GgmlType::Q4_0,
    GgmlType::Q4_K,
    GgmlType::IQ4_NL,
    GgmlType::IQ4_XS,
    GgmlType::Q3_K,
    GgmlType::IQ3_S,
    GgmlType::Q2_K,
];
/// For each type; the products themselves take milliseconds.
const TIME: Duration = Duration::from_millis(40);

/// One type of weights.
#[derive(Debug, Serialize)]
pub struct Kernel {
    #[serde(rename = "type")]
    pub name: &'static str,
    /// How activations meet it without --precision.
    pub precision: &'static str,
    /// Multiply-adds a second in a product of many rows: the encoder.
    pub macs: f64,
    /// Weights a second in a product of one row, read from memory: the decoder.
    pub weights: f64,
}

/// Measures every type.
pub fn measure(tier: Tier) -> Vec<Kernel> {
    let kernel = |ty: GgmlType| {
        let precision = if ty == GgmlType::F16 { Precision::Accurate } else { Precision::Fast };
        let peak = Compute::new(tier, 1, precision).peak(ty, TIME);
        let weights = peak.bytes * 8.0 / ty.bits_per_weight();
        Kernel { name: ty.name(), precision: precision.name(), macs: peak.macs, weights }
    };
    TYPES.into_iter().map(kernel).collect()
}

/// A table.
pub fn table(tier: Tier, kernels: &[Kernel]) -> String {
    let mut text = format!("{:7} {:>16} {:>16}\n", "type", "encoder, GMAC/s", "decoder, G/s");
    for kernel in kernels {
        let how = match kernel.precision {
            "fast" => format!("8-bit: {}", tier.int8_instructions()),
            _ => "32-bit floats".to_owned(),
        };
        let (macs, weights) = (kernel.macs / 1e9, kernel.weights / 1e9);
        let _ = writeln!(text, "{:7} {macs:>16.1} {weights:>16.1}  {how}", kernel.name);
    }
    text
}
