//! What the decoder remembers: keys and values of the tokens so far and of the audio.
//!
//! Self-attention keys and values lie in *cells*, one per token and layer. A
//! sequence is a list of cell numbers, so beams that share a prefix share its
//! cells, and reordering beams copies lists of numbers instead of tensors.

use crate::weights::Net;
use noctule_kernels::{Compute, Keys, Operand, Product, Values};

/// Keys and values of one layer in binary16, cells × d each.
#[derive(Debug, Default)]
pub(crate) struct LayerCells {
    pub k: Vec<u16>,
    pub v: Vec<u16>,
}

/// Self-attention cells of all layers and the bookkeeping of which are in use.
#[derive(Debug)]
pub(crate) struct Cells {
    d: usize,
    layers: Vec<LayerCells>,
    free: Vec<u32>,
    capacity: usize,
}

impl Cells {
    pub fn new(layers: usize, d: usize) -> Self {
        Self { d, layers: (0..layers).map(|_| LayerCells::default()).collect(), free: Vec::new(), capacity: 0 }
    }

    /// Forgets every sequence; the memory stays for the next.
    pub fn clear(&mut self) {
        self.free.clear();
        self.free.extend((0..self.capacity as u32).rev());
    }

    /// Forgets every sequence and gives the memory back.
    pub fn release(&mut self) {
        *self = Self::new(self.layers.len(), self.d);
    }

    /// Takes a cell that no sequence uses, growing when there is none.
    pub fn take(&mut self) -> u32 {
        if self.free.is_empty() {
            // Every cell takes room in every layer, used or not.
            const STEP: usize = 16;
            let old = self.capacity;
            self.capacity += STEP;
            for layer in &mut self.layers {
                layer.k.resize(self.capacity * self.d, 0);
                layer.v.resize(self.capacity * self.d, 0);
            }
            self.free.extend((old as u32..self.capacity as u32).rev());
        }
        self.free.pop().expect("cells were just added")
    }

    /// Frees every cell that none of `sequences` uses.
    pub fn retain<'a>(&mut self, sequences: impl Iterator<Item = &'a [u32]>) {
        let mut used = vec![false; self.capacity];
        for cell in sequences.flatten() {
            used[*cell as usize] = true;
        }
        self.free.clear();
        self.free.extend((0..self.capacity as u32).rev().filter(|cell| !used[*cell as usize]));
    }

    /// Bytes of all cells.
    pub fn size_bytes(&self) -> u64 {
        self.layers.iter().map(|layer| 2 * (layer.k.capacity() + layer.v.capacity()) as u64).sum()
    }

    pub fn layer(&self, index: usize) -> &LayerCells {
        &self.layers[index]
    }

    /// Writes keys and values, `d` of each, into a cell of layer `index`.
    pub fn store(&mut self, compute: &Compute, index: usize, cell: u32, k: &[f32], v: &[f32]) {
        let (to, layer) = (cell as usize * self.d..(cell as usize + 1) * self.d, &mut self.layers[index]);
        compute.to_f16(k, &mut layer.k[to.clone()]);
        compute.to_f16(v, &mut layer.v[to]);
    }
}

/// Keys and values of the audio, one of each per decoder layer.
#[derive(Debug)]
pub(crate) struct CrossCache {
    pub layers: Vec<(Keys, Values)>,
}

impl CrossCache {
    pub fn new(layers: usize, heads: usize, head_dim: usize) -> Self {
        Self { layers: (0..layers).map(|_| (Keys::new(heads, head_dim), Values::new(heads, head_dim))).collect() }
    }

    /// Bytes of the keys and values.
    pub fn size_bytes(&self) -> u64 {
        self.layers.iter().map(|(keys, values)| keys.size_bytes() + values.size_bytes()).sum()
    }

    /// Forgets the audio and gives the memory back.
    pub fn release(&mut self) {
        for (keys, values) in &mut self.layers {
            keys.release();
            values.release();
        }
    }

    /// Projects the encoder's `features` to every layer's keys and values.
    pub fn fill(&mut self, net: Net, features: &Operand) {
        let Net { model, weights, compute } = net;
        for ((keys, values), layer) in self.layers.iter_mut().zip(&weights.decoder_layers) {
            let block = &layer.cross;
            compute.reserve_cross_keys(keys, features.rows());
            compute.reserve_cross_values(values, features.rows());
            compute.multiply(
                features,
                &mut [
                    Product::new(block.key.matrix(model), keys).bias(block.key.bias()),
                    Product::new(block.value.matrix(model), values).bias(block.value.bias()),
                ],
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noctule_kernels::block::f32_to_f16;
    use noctule_kernels::{Precision, Tier};

    /// Scalar arithmetic.
    fn compute() -> Compute {
        Compute::new(Tier::Scalar, 1, Precision::Accurate)
    }

    #[test]
    fn cells_of_dropped_sequences_are_reused_and_shared_prefixes_kept() {
        let mut cells = Cells::new(1, 2);
        let prefix = [cells.take(), cells.take()];
        let beams = [[prefix[0], prefix[1], cells.take()], [prefix[0], prefix[1], cells.take()]];
        for (cell, k) in beams[1].iter().zip([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]) {
            cells.store(&compute(), 0, *cell, &k, &[0.5; 2]);
        }
        cells.retain(std::iter::once(beams[1].as_slice()));
        let next = cells.take();
        assert!(!beams[1].contains(&next), "a live cell was handed out again");
        let at = beams[1][2] as usize * 2;
        assert_eq!(cells.layer(0).k[at..at + 2], [5.0, 6.0].map(f32_to_f16));
        assert_eq!(cells.layer(0).v[at..at + 2], [0.5; 2].map(f32_to_f16));
    }

    #[test]
    fn cells_grow_without_losing_content() {
        let mut cells = Cells::new(1, 1);
        let first = cells.take();
        cells.store(&compute(), 0, first, &[7.0], &[8.0]);
        let all: Vec<u32> = (0..200).map(|_| cells.take()).collect();
        assert_eq!(cells.layer(0).k[first as usize], f32_to_f16(7.0));
        assert!(!all.contains(&first));
    }
}
