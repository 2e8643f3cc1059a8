//! The Silero voice-activity net, version 6.2, 16 kHz.
//!
//! Windows of 512 samples enter, one probability each leaves. The graph is
//! that of Silero's published model (snakers4/silero-vad, MIT;
//! `tinygrad_model.py` there states it in full): the previous window's last 64
//! samples stand in front of the window, 64 reflected samples behind it; a
//! short-time Fourier transform as a strided convolution, magnitudes, four
//! convolutions with ReLU, an LSTM cell, ReLU, a linear output and a sigmoid.
//!
//! whisper.cpp runs the same weights without the 64 samples of context, so its
//! probabilities differ from these; these follow the original.
//!
//! Against the original in ONNX Runtime on three clips (`tests/silero.rs`): the
//! largest difference is 1.3e-3 with the half-precision weights of
//! whisper.cpp's file, and 1.1e-6 where the original is given those too.

use crate::AudioError;

/// The sizes of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SileroShape {
    /// Samples per window.
    pub window: usize,
    /// Samples of the previous window in front of it.
    pub context: usize,
    /// Samples of one Fourier transform.
    pub fft: usize,
    /// Samples between two transforms.
    pub hop: usize,
    /// The convolutions: channels in, channels out, stride. Each has 3 taps
    /// and is padded by 1.
    pub encoder: [(usize, usize, usize); 4],
    /// The LSTM's inputs and its state.
    pub hidden: usize,
}

impl SileroShape {
    /// Version 6.2 at 16 kHz: 129 frequencies, 128 LSTM cells.
    pub const V6: Self = Self {
        window: 512,
        context: 64,
        fft: 256,
        hop: 128,
        encoder: [(129, 128, 1), (128, 64, 2), (64, 64, 2), (64, 128, 1)],
        hidden: 128,
    };
}

/// One convolution's weights.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvWeights {
    /// `[out][in][3]`, the tap running fastest.
    pub weight: Vec<f32>,
    /// `[out]`.
    pub bias: Vec<f32>,
}

/// The weights as the model file names them, widened to `f32`, the last index
/// running fastest. Gate order of the LSTM: input, forget, cell, output.
#[derive(Debug, Clone, PartialEq)]
pub struct SileroWeights {
    /// `_model.stft.forward_basis_buffer`, `[258][256]`: 129 cosine rows, then
    /// 129 sine rows, the window included.
    pub stft_basis: Vec<f32>,
    /// `_model.encoder.{0..3}.reparam_conv`.
    pub encoder: [ConvWeights; 4],
    /// `_model.decoder.rnn.weight_ih`, `[512][128]`.
    pub lstm_weight_ih: Vec<f32>,
    /// `_model.decoder.rnn.weight_hh`, `[512][128]`.
    pub lstm_weight_hh: Vec<f32>,
    /// `_model.decoder.rnn.bias_ih`, `[512]`.
    pub lstm_bias_ih: Vec<f32>,
    /// `_model.decoder.rnn.bias_hh`, `[512]`.
    pub lstm_bias_hh: Vec<f32>,
    /// `_model.decoder.decoder.2.weight`, `[128]`.
    pub output_weight: Vec<f32>,
    /// `_model.decoder.decoder.2.bias`, `[1]`.
    pub output_bias: Vec<f32>,
}

impl SileroWeights {
    /// Checks every tensor's size against the shape.
    fn check(&self, shape: &SileroShape) -> Result<(), AudioError> {
        let gates = 4 * shape.hidden;
        let basis = (shape.fft + 2) * shape.fft;
        let [a, b, c, d] = &self.encoder;
        let [na, nb, nc, nd] = shape.encoder.map(|(input, output, _)| (input * output * 3, output));
        let sizes = [
            ("stft_basis", &self.stft_basis, basis),
            ("encoder[0].weight", &a.weight, na.0),
            ("encoder[0].bias", &a.bias, na.1),
            ("encoder[1].weight", &b.weight, nb.0),
            ("encoder[1].bias", &b.bias, nb.1),
            ("encoder[2].weight", &c.weight, nc.0),
            ("encoder[2].bias", &c.bias, nc.1),
            ("encoder[3].weight", &d.weight, nd.0),
            ("encoder[3].bias", &d.bias, nd.1),
            ("lstm_weight_ih", &self.lstm_weight_ih, gates * shape.hidden),
            ("lstm_weight_hh", &self.lstm_weight_hh, gates * shape.hidden),
            ("lstm_bias_ih", &self.lstm_bias_ih, gates),
            ("lstm_bias_hh", &self.lstm_bias_hh, gates),
            ("output_weight", &self.output_weight, shape.hidden),
            ("output_bias", &self.output_bias, 1),
        ];
        for (tensor, values, expected) in sizes {
            let found = values.len();
            if found != expected {
                return Err(AudioError::VadShape { tensor, found, expected });
            }
        }
        Ok(())
    }
}

/// The net with the state of one stream.
pub struct Silero {
    weights: SileroWeights,
    /// The last 64 samples of the previous window.
    context: Vec<f32>,
    hidden: Vec<f32>,
    cell: Vec<f32>,
    scratch: Scratch,
}

/// Buffers that live from window to window.
#[derive(Default)]
struct Scratch {
    signal: Vec<f32>,
    frames: Frames,
    next: Frames,
    patch: Vec<f32>,
    gates: Vec<f32>,
}

/// Channels by time: `values[channel * len + t]`.
#[derive(Default)]
struct Frames {
    values: Vec<f32>,
    len: usize,
}

const SHAPE: SileroShape = SileroShape::V6;

impl Silero {
    /// Makes the net.
    ///
    /// # Errors
    /// [`AudioError::VadShape`] if a tensor does not have the size that
    /// [`SileroShape::V6`] needs.
    pub fn new(weights: SileroWeights) -> Result<Self, AudioError> {
        weights.check(&SHAPE)?;
        Ok(Self {
            weights,
            context: vec![0.0; SHAPE.context],
            hidden: vec![0.0; SHAPE.hidden],
            cell: vec![0.0; SHAPE.hidden],
            scratch: Scratch::default(),
        })
    }

    /// Forgets the stream so far.
    pub fn reset(&mut self) {
        for state in [&mut self.context, &mut self.hidden, &mut self.cell] {
            state.fill(0.0);
        }
    }

    /// The probability of speech in the next 512 samples; a shorter window is
    /// filled with silence, values that are not finite count as 0.
    pub fn predict(&mut self, window: &[f32]) -> f32 {
        self.take_window(window);
        let scratch = &mut self.scratch;
        spectrum(&scratch.signal, &self.weights.stft_basis, &mut scratch.frames);
        for (conv, (_, _, stride)) in self.weights.encoder.iter().zip(SHAPE.encoder) {
            convolve(&scratch.frames, conv, stride, &mut scratch.patch, &mut scratch.next);
            std::mem::swap(&mut scratch.frames, &mut scratch.next);
        }
        self.step();
        let active = self.hidden.iter().map(|&h| h.max(0.0));
        let sum: f32 = active.zip(&self.weights.output_weight).map(|(h, w)| h * w).sum();
        sigmoid(sum + self.weights.output_bias[0])
    }

    /// Lays context, window and 64 reflected samples into `scratch.signal`.
    fn take_window(&mut self, window: &[f32]) {
        let signal = &mut self.scratch.signal;
        signal.clear();
        signal.extend_from_slice(&self.context);
        let taken = window.iter().take(SHAPE.window);
        signal.extend(taken.map(|&x| if x.is_finite() { x } else { 0.0 }));
        let end = SHAPE.context + SHAPE.window;
        signal.resize(end, 0.0);
        self.context.copy_from_slice(&signal[end - SHAPE.context..]);
        // Reflection does not repeat the last sample.
        signal.extend_from_within(end - 1 - SHAPE.context..end - 1);
        signal[end..].reverse();
    }

    /// One step of the LSTM on the only frame that the encoder left.
    fn step(&mut self) {
        let n = SHAPE.hidden;
        let input = &self.scratch.frames.values[..n];
        let weights = &self.weights;
        let rows = weights.lstm_weight_ih.chunks_exact(n).zip(weights.lstm_weight_hh.chunks_exact(n));
        let biases = weights.lstm_bias_ih.iter().zip(&weights.lstm_bias_hh);
        let gates = &mut self.scratch.gates;
        gates.clear();
        gates.extend(rows.zip(biases).map(|((ih, hh), (bi, bh))| dot(ih, input) + dot(hh, &self.hidden) + bi + bh));
        for i in 0..n {
            let (input, forget) = (sigmoid(gates[i]), sigmoid(gates[n + i]));
            let (cell, output) = (gates[2 * n + i].tanh(), sigmoid(gates[3 * n + i]));
            self.cell[i] = forget * self.cell[i] + input * cell;
            self.hidden[i] = output * self.cell[i].tanh();
        }
    }
}

/// Magnitudes of the short-time Fourier transform, `[129][frames]`.
fn spectrum(signal: &[f32], basis: &[f32], out: &mut Frames) {
    let bins = SHAPE.fft / 2 + 1;
    let (cosines, sines) = basis.split_at(bins * SHAPE.fft);
    let rows = cosines.chunks_exact(SHAPE.fft).zip(sines.chunks_exact(SHAPE.fft));
    out.len = (signal.len() - SHAPE.fft) / SHAPE.hop + 1;
    out.values.clear();
    for (cosine, sine) in rows {
        for frame in signal.windows(SHAPE.fft).step_by(SHAPE.hop) {
            let (re, im) = (dot(cosine, frame), dot(sine, frame));
            out.values.push((re * re + im * im).sqrt());
        }
    }
}

/// A convolution of 3 taps, padded by 1, with bias and ReLU.
fn convolve(input: &Frames, conv: &ConvWeights, stride: usize, patch: &mut Vec<f32>, out: &mut Frames) {
    let out_len = (input.len - 1) / stride + 1;
    out.len = out_len;
    out.values.clear();
    out.values.resize(conv.bias.len() * out_len, 0.0);
    for t in 0..out_len {
        patch.clear();
        for channel in input.values.chunks_exact(input.len) {
            for tap in 0..3 {
                let at = (t * stride + tap).checked_sub(1);
                patch.push(at.and_then(|at| channel.get(at)).copied().unwrap_or(0.0));
            }
        }
        let rows = conv.weight.chunks_exact(patch.len());
        for (o, (row, bias)) in rows.zip(&conv.bias).enumerate() {
            out.values[o * out_len + t] = (dot(row, patch) + bias).max(0.0);
        }
    }
}

/// A dot product in many running sums, which the compiler keeps in vector
/// registers: one sum would wait for every addition.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 32;
    let mut sums = [0.0f32; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
