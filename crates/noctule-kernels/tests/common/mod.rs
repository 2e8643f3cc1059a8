//! Data for the tests of [`Compute`](noctule_kernels::Compute).
#![allow(dead_code)]

use noctule_kernels::block::f32_to_f16;
use noctule_kernels::{GgmlType, Streams, Tier};

/// A small generator (Marsaglia's xorshift64*): the tests need variety, not quality.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Uniform in [−1, 1).
    pub fn float(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.float()).collect()
    }

    /// Floats with the occasional large one, like a transformer's activations.
    pub fn activations(&mut self, len: usize) -> Vec<f32> {
        (0..len)
            .map(|_| {
                let x = self.float();
                if self.bits().is_multiple_of(97) { 20.0 * x } else { x * x * x }
            })
            .collect()
    }

    /// Packed weights of moderate size: random codes under scales near 2⁻⁷.
    pub fn weights(&mut self, ty: GgmlType, rows: usize, cols: usize) -> Vec<u8> {
        let bytes = rows * ty.row_bytes(cols).expect("whole blocks");
        match ty {
            GgmlType::F32 => {
                return (0..rows * cols).flat_map(|_| (0.1 * self.float()).to_le_bytes()).collect();
            }
            GgmlType::F16 => {
                return (0..rows * cols).flat_map(|_| f32_to_f16(0.1 * self.float()).to_le_bytes()).collect();
            }
            GgmlType::BF16 => {
                return (0..rows * cols)
                    .flat_map(|_| [self.bits() as u8, 0x3c + 0x80 * (self.bits() % 2) as u8])
                    .collect();
            }
            _ => {}
        }
        let mut data: Vec<u8> = (0..bytes).map(|_| self.bits() as u8).collect();
        for block in data.chunks_exact_mut(ty.block_bytes()) {
            self.tame(ty, block);
        }
        data
    }

    /// Replaces the scales of a random block by moderate ones.
    fn tame(&mut self, ty: GgmlType, block: &mut [u8]) {
        use GgmlType::*;
        let at: &[usize] = match ty {
            Q4_1 | Q5_1 | Q4_K | Q5_K => &[0, 2],
            Q2_K => &[80, 82],
            Q3_K => &[108],
            Q6_K => &[208],
            TQ1_0 => &[52],
            TQ2_0 => &[64],
            IQ1_M => {
                block[55] = 0x20 | block[55] & 0xf;
                return;
            }
            MXFP4 => {
                block[0] = 118 + self.bits() as u8 % 4;
                return;
            }
            NVFP4 => {
                block[..4].iter_mut().for_each(|scale| *scale = 0x10 + *scale % 16);
                return;
            }
            _ => &[0],
        };
        for &at in at {
            let scale = 0.002 * (1.5 + self.float());
            block[at..at + 2].copy_from_slice(&f32_to_f16(scale).to_le_bytes());
        }
    }
}

/// Every type that model files hold weights in.
pub fn weight_types() -> impl Iterator<Item = GgmlType> {
    GgmlType::ALL.into_iter().filter(|ty| ty.is_weight())
}

/// Numbers of threads and ways to read weights that must not change a result.
pub fn ways(tier: Tier) -> impl Iterator<Item = (usize, Streams)> {
    let threads = [1, 3].map(|threads| (threads, Streams::of(tier)));
    threads.into_iter().chain(Streams::ALL.map(|streams| (2, streams)))
}
