//! Log-mel frames → audio features: two convolutions and the encoder's layers.
//!
//! With `d = n_audio_state` and `t` positions (1,500 for 30 s, fewer when
//! trimmed): mel [2t+2 × n_mels] → conv1 → [2t × d] → conv2, stride 2 →
//! [t × d] → layers → features [t × d]. See docs/MODEL.md.

use crate::memory::floats;
use crate::weights::{Attention, EncoderLayer, Mlp, Net};
use noctule_kernels::{Compute, Product, Rows, RowsMut};

/// Added to the variance in every layer norm (PyTorch's default).
pub(crate) const EPSILON: f32 = 1e-5;

/// Buffers of the encoder, kept between windows.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    /// [2t+2 × n_mels]: the window's mel frames between two rows of zeros.
    mel: Vec<f32>,
    /// [t × d]: the residual stream.
    stream: Vec<f32>,
    /// [t × d]: normed input of a block; the encoder's output at the end.
    normed: Vec<f32>,
    /// [t × 4d]: first the output of conv1, then q, k, v and the attention's
    /// output, then the hidden layer of the feed-forward part.
    wide: Vec<f32>,
}

impl Encoder {
    /// Bytes of the mel frames that the convolutions read, and of everything else.
    pub fn size_bytes(&self) -> (u64, u64) {
        (floats(&[&self.mel]), floats(&[&self.stream, &self.normed, &self.wide]))
    }

    /// The buffer that [`Self::run`] reads: `2 × positions + 2` rows of `n_mels`,
    /// the first and the last of them zero.
    pub fn mel_buffer(&mut self, positions: usize, n_mels: usize) -> &mut [f32] {
        self.mel.resize((2 * positions + 2) * n_mels, 0.0);
        &mut self.mel
    }

    /// Encodes what [`Self::mel_buffer`] holds; returns features, positions × d.
    pub fn run(&mut self, net: Net, positions: usize) -> &[f32] {
        let Net { model, weights, compute } = net;
        let d = model.hparams().n_audio_state;
        self.stream.resize(positions * d, 0.0);
        self.normed.resize(positions * d, 0.0);
        // The convolution's output has two rows of padding; q, k, v and output need 4 × t × d.
        self.wide.resize((4 * positions).max(2 * positions + 2) * d, 0.0);
        self.convolve(net, positions);
        for layer in &weights.encoder_layers {
            self.layer(net, layer, positions);
        }
        let norm = &weights.encoder_norm;
        let out = RowsMut::new(&mut self.normed, positions, d);
        compute.layer_norm(Rows::new(&self.stream, positions, d), &norm.weight, &norm.bias, EPSILON, out);
        &self.normed
    }

    /// Both convolutions as products: a row of the first is three neighbouring
    /// mel frames, a row of the second three neighbouring outputs of the first.
    ///
    /// Every file keeps their weights as floats, and they are a thirtieth of the encoder's
    /// products: rounding both operands here would cost more words than it saves time.
    fn convolve(&mut self, net: Net, positions: usize) {
        let Net { model, weights, compute } = net;
        let hparams = model.hparams();
        let (d, mels, frames) = (hparams.n_audio_state, hparams.n_mels, 2 * positions);
        let padded = &mut self.wide[..(frames + 2) * d];
        padded[..d].fill(0.0);
        padded[(frames + 1) * d..].fill(0.0);
        let conv1 = &weights.conv1;
        compute.linear_accurate(
            Rows::strided(&self.mel, frames, 3 * mels, mels),
            &mut [Product::new(conv1.matrix(), RowsMut::new(&mut padded[d..(frames + 1) * d], frames, d))
                .bias(Some(&conv1.bias))
                .gelu()],
        );
        let conv2 = &weights.conv2;
        compute.linear_accurate(
            Rows::strided(padded, positions, 3 * d, 2 * d),
            &mut [Product::new(conv2.matrix(), RowsMut::new(&mut self.stream, positions, d))
                .bias(Some(&conv2.bias))
                .gelu()],
        );
        let info = &weights.encoder_positions;
        let matrix = model.matrix(info);
        let mut row = vec![0.0; d];
        for (i, out) in self.stream.chunks_exact_mut(d).enumerate() {
            noctule_kernels::block::unpack_f32(info.ty, matrix.row(i), &mut row);
            out.iter_mut().zip(&row).for_each(|(x, p)| *x += p);
        }
    }

    fn layer(&mut self, net: Net, layer: &EncoderLayer, positions: usize) {
        self.attention(net, &layer.attention, positions);
        self.feed_forward(net, &layer.mlp, positions);
    }

    fn attention(&mut self, net: Net, block: &Attention, t: usize) {
        let Net { model, compute, .. } = net;
        let hparams = model.hparams();
        let d = hparams.n_audio_state;
        norm_rows(compute, &self.stream, &block.norm, &mut self.normed, d);
        let (q, rest) = self.wide.split_at_mut(t * d);
        let (k, rest) = rest.split_at_mut(t * d);
        let (v, rest) = rest.split_at_mut(t * d);
        let mixed = &mut rest[..t * d];
        // What 8 bits lose here grows in base from layer to layer.
        compute.linear_fine(
            Rows::new(&self.normed, t, d),
            &mut [
                Product::new(block.query.matrix(model), RowsMut::new(q, t, d)).bias(block.query.bias()),
                Product::new(block.key.matrix(model), RowsMut::new(k, t, d)).bias(block.key.bias()),
                Product::new(block.value.matrix(model), RowsMut::new(v, t, d)).bias(block.value.bias()),
            ],
        );
        let (q, k, v) = (Rows::new(q, t, d), Rows::new(k, t, d), Rows::new(v, t, d));
        compute.attention(q, k, v, hparams.n_audio_head, RowsMut::new(mixed, t, d));
        // A twelfth of the linear products, but a quarter of the harm that 8 bits do.
        compute.linear_fine(
            Rows::new(mixed, t, d),
            &mut [Product::new(block.out.matrix(model), RowsMut::new(&mut self.stream, t, d))
                .bias(block.out.bias())
                .add()],
        );
    }

    fn feed_forward(&mut self, net: Net, block: &Mlp, t: usize) {
        let Net { model, compute, .. } = net;
        let d = model.hparams().n_audio_state;
        norm_rows(compute, &self.stream, &block.norm, &mut self.normed, d);
        let hidden = &mut self.wide[..t * 4 * d];
        compute.linear(
            Rows::new(&self.normed, t, d),
            &mut [Product::new(block.up.matrix(model), RowsMut::new(hidden, t, 4 * d)).bias(block.up.bias()).gelu()],
        );
        compute.linear(
            Rows::new(hidden, t, 4 * d),
            &mut [Product::new(block.down.matrix(model), RowsMut::new(&mut self.stream, t, d))
                .bias(block.down.bias())
                .add()],
        );
    }
}

/// Layer norm of `x` (rows of `d`) into `out`.
pub(crate) fn norm_rows(compute: &Compute, x: &[f32], norm: &crate::weights::Norm, out: &mut [f32], d: usize) {
    let rows = x.len() / d;
    compute.layer_norm(Rows::new(x, rows, d), &norm.weight, &norm.bias, EPSILON, RowsMut::new(out, rows, d));
}
