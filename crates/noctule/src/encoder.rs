//! Log-mel frames → audio features: two convolutions and the encoder's layers.
//!
//! With `d = n_audio_state` and `t` positions (1,500 for 30 s, fewer when
//! trimmed): mel [2t+2 × n_mels] → conv1 → [2t × d] → conv2, stride 2 →
//! [t × d] → layers → features [t × d]. See docs/MODEL.md.
//!
//! Every buffer is given back as soon as the window needs it no more: the decoder's keys and values of the audio take
//! as much again, and the two need not be there at once.

use crate::weights::{Attention, EncoderLayer, Mlp, Net, Norm};
use noctule_kernels::{Buffer, Compute, Input, Keys, Operand, Precision, Product, Rows, RowsMut, Values};

/// Added to the variance in every layer norm (PyTorch's default).
pub(crate) const EPSILON: f32 = 1e-5;

/// Positions that the convolutions make at once, so that the first one's output stays small.
const CONVOLVED: usize = 240;

/// Positions whose hidden layers are held at once where they are floats; a multiple of 48.
const HIDDEN: usize = 192;

/// Buffers of the encoder. Between windows they are empty, but for [`Self::spare`] and where [`Self::keep`] is wished.
#[derive(Debug)]
pub(crate) struct Encoder {
    threads: usize,
    keeps: bool,
    /// [2t+2 × n_mels]: the window's mel frames between two rows of zeros.
    mel: Buffer,
    /// [t × d]: the residual stream.
    stream: Buffer,
    /// What the first convolution gives for some positions, [2 · positions + 1 × d].
    convolved: Buffer,
    /// Normed input of a block, or the result of its attention.
    x: Operand,
    queries: Operand,
    keys: Keys,
    values: Values,
    /// Hidden layer of the feed-forward part.
    hidden: Operand,
    /// Room for the attention of words.
    spare: Vec<f32>,
    /// Bytes that the last run took: mel frames, and everything else.
    taken: (u64, u64),
}

impl Encoder {
    /// For a model with `heads` heads of `depth` numbers; at most `threads` work.
    pub fn new(heads: usize, depth: usize, threads: usize) -> Self {
        Self {
            threads,
            keeps: false,
            mel: Buffer::default(),
            stream: Buffer::default(),
            convolved: Buffer::default(),
            x: Operand::default(),
            queries: Operand::default(),
            keys: Keys::new(heads, depth),
            values: Values::new(heads, depth),
            hidden: Operand::default(),
            spare: Vec::new(),
            taken: (0, 0),
        }
    }

    /// Whether buffers stay for the next run: for windows that follow each other many times a minute, which would take the same pages
    /// from the system again and again.
    pub fn keep(&mut self, keeps: bool) {
        self.keeps = keeps;
    }

    /// Bytes that the last run took: mel frames that the convolutions read, and everything else.
    pub fn size_bytes(&self) -> (u64, u64) {
        self.taken
    }

    /// Bytes of the activations that are held now.
    fn held(&self) -> u64 {
        let operands = [&self.x, &self.queries, &self.hidden].map(Operand::size_bytes).iter().sum::<u64>();
        let rows = (self.stream.bytes() + self.convolved.bytes()) as u64;
        operands + self.keys.size_bytes() + self.values.size_bytes() + rows
    }

    /// The buffer that [`Self::run`] reads: `2 × positions + 2` rows of `n_mels`,
    /// the first and the last of them zero.
    pub fn mel_buffer(&mut self, positions: usize, n_mels: usize) -> &mut [f32] {
        self.mel.floats((2 * positions + 2) * n_mels)
    }

    /// Encodes what [`Self::mel_buffer`] holds. The result waits for [`Self::rows`] and [`Self::finish`].
    pub fn run(&mut self, net: Net, positions: usize) {
        let _fewer = net.compute.fewer(self.threads);
        self.spare = Vec::new();
        self.convolve(net, positions);
        let (mel, stem) = (self.mel.bytes() as u64, self.held());
        if !self.keeps {
            self.mel.release();
            self.convolved.release();
        }
        let layers = &net.weights.encoder_layers;
        for (index, layer) in layers.iter().enumerate() {
            self.layer(net, layer, 2 * index < layers.len(), positions);
        }
        self.taken = (mel, stem.max(self.held()));
        if !self.keeps {
            (self.queries, self.hidden) = (Operand::default(), Operand::default());
            self.keys.release();
            self.values.release();
            net.compute.release();
        }
    }

    /// Room for others, until the next run.
    pub fn spare(&mut self) -> &mut Vec<f32> {
        &mut self.spare
    }

    /// The features of `positions` as the operand of the decoder's products, until [`Self::forget`].
    pub fn finish(&mut self, net: Net, positions: usize) -> &Operand {
        let d = net.model.hparams().n_audio_state;
        let stream = &self.stream.as_floats()[..positions * d];
        load(net.compute, stream, &net.weights.encoder_norm, d, false, &mut self.x);
        if !self.keeps {
            self.stream.release();
        }
        &self.x
    }

    /// Gives the features back.
    pub fn forget(&mut self) {
        if !self.keeps {
            self.x = Operand::default();
        }
    }

    /// The features as rows, positions × d; before [`Self::finish`].
    pub fn rows(&mut self, net: Net, positions: usize) -> Vec<f32> {
        let d = net.model.hparams().n_audio_state;
        let mut rows = vec![0.0; positions * d];
        let stream = &self.stream.as_floats()[..positions * d];
        norm_rows(net.compute, stream, &net.weights.encoder_norm, &mut rows, d);
        rows
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
        let (conv1, conv2) = (&weights.conv1, &weights.conv2);
        let stream = self.stream.floats(positions * d);
        for first in (0..positions).step_by(CONVOLVED) {
            let count = CONVOLVED.min(positions - first);
            // Row r of the buffer is frame 2·first + r − 1; before the first frame and after the last there are zeros.
            let rows = 2 * count + 1;
            let convolved = self.convolved.floats(rows * d);
            let (from, to) = ((2 * first).max(1) - 1, (2 * (first + count)).min(frames));
            let skipped = if first == 0 { 1 } else { 0 };
            convolved[..skipped * d].fill(0.0);
            let made = &mut convolved[skipped * d..][..(to - from) * d];
            let mel = Rows::strided(&self.mel.as_floats()[from * mels..], to - from, 3 * mels, mels);
            compute.load_accurate(Input::Rows(mel), &mut self.hidden);
            compute.multiply(
                &self.hidden,
                &mut [Product::new(conv1.matrix(), RowsMut::new(made, to - from, d)).bias(Some(&conv1.bias)).gelu()],
            );
            convolved[(skipped + to - from) * d..].fill(0.0);
            compute.load_accurate(Input::Rows(Rows::strided(convolved, count, 3 * d, 2 * d)), &mut self.hidden);
            let out = RowsMut::new(&mut stream[first * d..][..count * d], count, d);
            compute.multiply(&self.hidden, &mut [Product::new(conv2.matrix(), out).bias(Some(&conv2.bias)).gelu()]);
        }
        let info = &weights.encoder_positions;
        let matrix = model.matrix(info);
        let mut row = vec![0.0; d];
        for (i, out) in stream.chunks_exact_mut(d).enumerate() {
            noctule_kernels::block::unpack_f32(info.ty, matrix.row(i), &mut row);
            out.iter_mut().zip(&row).for_each(|(x, p)| *x += p);
        }
    }

    /// `fine`: whether values and their projection keep 16 bits where operands are rounded to 8. Those of the first half of
    /// the layers do: for their share of the products they change the most of what comes out in the end.
    fn layer(&mut self, net: Net, layer: &EncoderLayer, fine: bool, positions: usize) {
        self.attention(net, &layer.attention, fine, positions);
        self.feed_forward(net, &layer.mlp, positions);
    }

    fn attention(&mut self, net: Net, block: &Attention, fine: bool, t: usize) {
        let Net { model, compute, .. } = net;
        let hparams = model.hparams();
        let (d, heads) = (hparams.n_audio_state, hparams.n_audio_head);
        let stream = self.stream.floats(t * d);
        load(compute, stream, &block.norm, d, fine, &mut self.x);
        compute.reserve_queries(&mut self.queries, t, heads, d / heads);
        compute.reserve_keys(&mut self.keys, t);
        compute.reserve_values(&mut self.values, t);
        compute.multiply(
            &self.x,
            &mut [
                Product::new(block.query.matrix(model), noctule_kernels::Out::Queries(&mut self.queries))
                    .bias(block.query.bias()),
                Product::new(block.key.matrix(model), &mut self.keys).bias(block.key.bias()),
                Product::new(block.value.matrix(model), &mut self.values).bias(block.value.bias()).fine(fine),
            ],
        );
        compute.attention(&self.queries, &self.keys, &self.values, fine, &mut self.x);
        compute.multiply(
            &self.x,
            &mut [Product::new(block.out.matrix(model), RowsMut::new(stream, t, d))
                .bias(block.out.bias())
                .fine(fine)
                .add()],
        );
    }

    fn feed_forward(&mut self, net: Net, block: &Mlp, t: usize) {
        let Net { model, compute, .. } = net;
        let d = model.hparams().n_audio_state;
        let stream = self.stream.floats(t * d);
        load(compute, stream, &block.norm, d, false, &mut self.x);
        let step = if compute.precision() == Precision::Fast { t } else { HIDDEN };
        for from in (0..t).step_by(step) {
            let count = step.min(t - from);
            compute.reserve(&mut self.hidden, count, 4 * d, false);
            compute.multiply_rows(
                &self.x,
                from..from + count,
                &mut [Product::new(block.up.matrix(model), &mut self.hidden).bias(block.up.bias()).gelu()],
            );
            let out = RowsMut::new(&mut stream[from * d..][..count * d], count, d);
            compute.multiply(
                &self.hidden,
                &mut [Product::new(block.down.matrix(model), out).bias(block.down.bias()).add()],
            );
        }
    }
}

/// Layer norm of `x` (rows of `d`) as the operand of products.
fn load(compute: &Compute, x: &[f32], norm: &Norm, d: usize, fine: bool, to: &mut Operand) {
    let x = Rows::new(x, x.len() / d, d);
    compute.load(Input::Normed { x, weight: &norm.weight, bias: &norm.bias, eps: EPSILON }, fine, to);
}

/// Layer norm of `x` (rows of `d`) into `out`.
pub(crate) fn norm_rows(compute: &Compute, x: &[f32], norm: &Norm, out: &mut [f32], d: usize) {
    let rows = x.len() / d;
    compute.layer_norm(Rows::new(x, rows, d), &norm.weight, &norm.bias, EPSILON, RowsMut::new(out, rows, d));
}
