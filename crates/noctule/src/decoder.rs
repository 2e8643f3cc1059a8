//! Tokens and audio features → logits over the vocabulary.
//!
//! With `m` tokens at once (a prompt, or one token for each beam) and
//! `d = n_text_state`: embedding + position → layers of self-attention,
//! cross-attention and feed-forward → layer norm → product with the token
//! embedding. Logits are computed for the rows that are asked for, not for
//! every token of a prompt. See docs/MODEL.md.

use crate::cache::{Cells, CrossCache};
use crate::encoder::norm_rows;
use crate::memory::floats;
use crate::timing::Passes;
use crate::weights::{Attention, DecoderLayer, Net};
use noctule_kernels::{CrossWeights, Product, Rows, RowsMut};
use std::time::Instant;

/// Tokens to run and where they stand.
pub(crate) struct Batch<'a> {
    /// Vocabulary ids.
    pub tokens: &'a [u32],
    /// Position of each token in its sequence.
    pub positions: &'a [usize],
    /// For each token the cells of its sequence up to and including itself.
    pub cells: &'a [&'a [u32]],
    /// Rows of the batch whose logits are wanted.
    pub wanted: &'a [usize],
}

/// Collects softmaxed cross-attention of chosen heads.
pub(crate) struct Capture<'a> {
    /// (layer, head), sorted by layer.
    pub heads: &'a [(usize, usize)],
    /// [head][token][position of the audio].
    pub weights: &'a mut [f32],
}

/// Buffers of the decoder, kept between steps.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    threads: usize,
    stream: Vec<f32>,
    normed: Vec<f32>,
    wide: Vec<f32>,
    mixed: Vec<f32>,
    last: Vec<f32>,
    logits: Vec<f32>,
    /// Runs so far.
    pub passes: Passes,
}

impl Decoder {
    /// At most `threads` work.
    pub fn new(threads: usize) -> Self {
        Self { threads, ..Self::default() }
    }

    /// Gives the memory back.
    pub fn release(&mut self) {
        *self = Self { passes: self.passes, ..Self::new(self.threads) };
    }

    /// Bytes of the buffers.
    pub fn size_bytes(&self) -> u64 {
        floats(&[&self.stream, &self.normed, &self.wide, &self.mixed, &self.last, &self.logits])
    }

    /// Runs a batch; returns logits, `batch.wanted.len()` × n_vocab.
    pub fn run(
        &mut self,
        net: Net,
        cells: &mut Cells,
        cross: &CrossCache,
        batch: &Batch,
        mut capture: Option<Capture>,
    ) -> &mut [f32] {
        let started = Instant::now();
        let Net { model, weights, compute } = net;
        let _fewer = compute.fewer(self.threads);
        let (m, d) = (batch.tokens.len(), model.hparams().n_text_state);
        self.stream.resize(m * d, 0.0);
        self.normed.resize(m * d, 0.0);
        self.mixed.resize(m * d, 0.0);
        self.wide.resize(m * 4 * d, 0.0);
        self.embed(net, batch);
        for (index, layer) in weights.decoder_layers.iter().enumerate() {
            self.self_attention(net, index, layer, cells, batch);
            self.cross_attention(net, index, layer, cross, &mut capture);
            self.feed_forward(net, layer);
        }
        norm_rows(compute, &self.stream, &weights.decoder_norm, &mut self.normed, d);
        self.project(net, batch.wanted);
        self.passes.add(m, batch.wanted.len(), started.elapsed());
        &mut self.logits
    }

    fn embed(&mut self, net: Net, batch: &Batch) {
        let d = net.model.hparams().n_text_state;
        let embedding = net.weights.token_embedding.matrix(net.model);
        let info = &net.weights.decoder_positions;
        let positions = net.model.matrix(info);
        let place = &mut self.normed[..d];
        for (row, out) in self.stream.chunks_exact_mut(d).enumerate() {
            noctule_kernels::block::unpack_f32(embedding.ty(), embedding.row(batch.tokens[row] as usize), out);
            noctule_kernels::block::unpack_f32(info.ty, positions.row(batch.positions[row]), place);
            out.iter_mut().zip(place.iter()).for_each(|(x, p)| *x += p);
        }
    }

    fn self_attention(&mut self, net: Net, index: usize, layer: &DecoderLayer, cells: &mut Cells, batch: &Batch) {
        let Net { model, compute, .. } = net;
        let (m, d) = (batch.tokens.len(), model.hparams().n_text_state);
        let block = &layer.attention;
        norm_rows(compute, &self.stream, &block.norm, &mut self.normed, d);
        let (q, rest) = self.wide.split_at_mut(m * d);
        let (k, rest) = rest.split_at_mut(m * d);
        let v = &mut rest[..m * d];
        compute.linear(
            Rows::new(&self.normed, m, d),
            &mut [
                Product::new(block.query.matrix(model), RowsMut::new(q, m, d)).bias(block.query.bias()),
                Product::new(block.key.matrix(model), RowsMut::new(k, m, d)).bias(block.key.bias()),
                Product::new(block.value.matrix(model), RowsMut::new(v, m, d)).bias(block.value.bias()),
            ],
        );
        for (row, list) in batch.cells.iter().enumerate() {
            let own = list.last().expect("a sequence holds its own token");
            cells.store(compute, index, *own, &k[row * d..(row + 1) * d], &v[row * d..(row + 1) * d]);
        }
        let held = cells.layer(index);
        let heads = model.hparams().n_text_head;
        let out = RowsMut::new(&mut self.mixed, m, d);
        compute.attention_cells(Rows::new(q, m, d), batch.cells, &held.k, &held.v, heads, out);
        self.add_projection(net, block);
    }

    fn cross_attention(
        &mut self,
        net: Net,
        index: usize,
        layer: &DecoderLayer,
        cross: &CrossCache,
        capture: &mut Option<Capture>,
    ) {
        let Net { model, compute, .. } = net;
        let d = model.hparams().n_text_state;
        let m = self.stream.len() / d;
        let block = &layer.cross;
        let (keys, values) = &cross.layers[index];
        norm_rows(compute, &self.stream, &block.norm, &mut self.normed, d);
        let q = &mut self.wide[..m * d];
        compute.linear(
            Rows::new(&self.normed, m, d),
            &mut [Product::new(block.query.matrix(model), RowsMut::new(q, m, d)).bias(block.query.bias())],
        );
        let mut heads = Vec::new();
        let weights = capture.as_mut().and_then(|capture| {
            let first = capture.heads.iter().position(|(layer, _)| *layer == index)?;
            heads.extend(capture.heads.iter().filter(|(layer, _)| *layer == index).map(|(_, head)| *head));
            let size = m * keys.len();
            Some(&mut capture.weights[first * size..(first + heads.len()) * size])
        });
        let weights = weights.map(|out| CrossWeights { heads: &heads, out });
        compute.attention_cross(Rows::new(q, m, d), keys, values, RowsMut::new(&mut self.mixed, m, d), weights);
        self.add_projection(net, block);
    }

    fn add_projection(&mut self, net: Net, block: &Attention) {
        let d = net.model.hparams().n_text_state;
        let m = self.stream.len() / d;
        net.compute.linear(
            Rows::new(&self.mixed, m, d),
            &mut [Product::new(block.out.matrix(net.model), RowsMut::new(&mut self.stream, m, d))
                .bias(block.out.bias())
                .add()],
        );
    }

    fn feed_forward(&mut self, net: Net, layer: &DecoderLayer) {
        let Net { model, compute, .. } = net;
        let d = model.hparams().n_text_state;
        let m = self.stream.len() / d;
        let block = &layer.mlp;
        norm_rows(compute, &self.stream, &block.norm, &mut self.normed, d);
        let hidden = &mut self.wide[..m * 4 * d];
        compute.linear(
            Rows::new(&self.normed, m, d),
            &mut [Product::new(block.up.matrix(model), RowsMut::new(hidden, m, 4 * d)).bias(block.up.bias()).gelu()],
        );
        compute.linear(
            Rows::new(hidden, m, 4 * d),
            &mut [Product::new(block.down.matrix(model), RowsMut::new(&mut self.stream, m, d))
                .bias(block.down.bias())
                .add()],
        );
    }

    /// Multiplies the wanted rows with the token embedding.
    fn project(&mut self, net: Net, wanted: &[usize]) {
        let hparams = net.model.hparams();
        let (d, n) = (hparams.n_text_state, hparams.n_vocab);
        self.last.clear();
        for row in wanted {
            self.last.extend_from_slice(&self.normed[row * d..(row + 1) * d]);
        }
        self.logits.resize(wanted.len() * n, 0.0);
        if !wanted.is_empty() {
            let out = RowsMut::new(&mut self.logits, wanted.len(), n);
            let product = Product::new(net.weights.token_embedding.matrix(net.model), out);
            net.compute.linear(Rows::new(&self.last, wanted.len(), d), &mut [product]);
        }
    }
}
