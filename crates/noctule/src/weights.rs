//! The model's tensors, looked up once by name and kept as handles.
//!
//! Matrices stay where the file has them (mapped, in the file's type); only the
//! small vectors (biases, layer norms) and the convolutions, whose order the
//! encoder's implicit im2col changes, are copied.

use noctule_kernels::Compute;
use noctule_kernels::block::{GgmlType, Matrix};
use noctule_model::{Model, TensorInfo};

/// Weight and bias of a layer norm, `d` each.
#[derive(Debug)]
pub(crate) struct Norm {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A linear layer: matrix handle and bias (keys have none).
#[derive(Debug)]
pub(crate) struct Linear {
    weight: TensorInfo,
    pub bias: Option<Vec<f32>>,
}

impl Linear {
    /// The matrix, rows × columns as in `y = x · Wᵀ`.
    pub fn matrix<'a>(&self, model: &'a Model) -> Matrix<'a> {
        model.matrix(&self.weight)
    }

    pub fn bias(&self) -> Option<&[f32]> {
        self.bias.as_deref()
    }
}

/// One attention block's projections.
#[derive(Debug)]
pub(crate) struct Attention {
    pub norm: Norm,
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub out: Linear,
}

/// The feed-forward part of a layer: d → 4d → d.
#[derive(Debug)]
pub(crate) struct Mlp {
    pub norm: Norm,
    pub up: Linear,
    pub down: Linear,
}

#[derive(Debug)]
pub(crate) struct EncoderLayer {
    pub attention: Attention,
    pub mlp: Mlp,
}

#[derive(Debug)]
pub(crate) struct DecoderLayer {
    pub attention: Attention,
    pub cross: Attention,
    pub mlp: Mlp,
}

/// A 1-D convolution of width 3 as a matrix: out × (3 · in), tap-major, so that
/// three neighbouring frames of a frames-major buffer are one input row.
#[derive(Debug)]
pub(crate) struct Conv {
    ty: GgmlType,
    rows: usize,
    cols: usize,
    bytes: Vec<u8>,
    pub bias: Vec<f32>,
}

impl Conv {
    pub fn matrix(&self) -> Matrix<'_> {
        Matrix::new(self.ty, self.rows, self.cols, &self.bytes).expect("sizes were computed together")
    }

    fn load(model: &Model, name: &str) -> Self {
        let info = tensor(model, &format!("{name}.weight"));
        let (taps, inputs, outputs) = (info.ne[0], info.ne[1], info.ne[2]);
        let source = model.f32s(info);
        // f16 stays f16: widening it to f32 would double what the convolutions keep resident.
        let ty = if info.ty == GgmlType::F16 { GgmlType::F16 } else { GgmlType::F32 };
        let mut bytes = Vec::with_capacity(source.len() * ty.block_bytes());
        for row in source.chunks_exact(taps * inputs) {
            for tap in 0..taps {
                for input in 0..inputs {
                    let value = row[input * taps + tap];
                    match ty {
                        GgmlType::F16 => bytes.extend(noctule_kernels::block::f32_to_f16(value).to_le_bytes()),
                        _ => bytes.extend(value.to_le_bytes()),
                    }
                }
            }
        }
        Self { ty, rows: outputs, cols: taps * inputs, bytes, bias: vector(model, &format!("{name}.bias")) }
    }
}

/// What every part of the network needs: the file, the tensors in it, the arithmetic.
#[derive(Clone, Copy)]
pub(crate) struct Net<'a> {
    pub model: &'a Model,
    pub weights: &'a Weights,
    pub compute: &'a Compute,
}

/// Every tensor of the model.
#[derive(Debug)]
pub(crate) struct Weights {
    pub conv1: Conv,
    pub conv2: Conv,
    pub encoder_positions: TensorInfo,
    pub encoder_layers: Vec<EncoderLayer>,
    pub encoder_norm: Norm,
    pub token_embedding: Linear,
    pub decoder_positions: TensorInfo,
    pub decoder_layers: Vec<DecoderLayer>,
    pub decoder_norm: Norm,
}

fn tensor<'a>(model: &'a Model, name: &str) -> &'a TensorInfo {
    model.tensor(name).unwrap_or_else(|| unreachable!("the reader has checked that '{name}' is there"))
}

fn vector(model: &Model, name: &str) -> Vec<f32> {
    model.f32s(tensor(model, name))
}

fn norm(model: &Model, name: &str) -> Norm {
    Norm { weight: vector(model, &format!("{name}.weight")), bias: vector(model, &format!("{name}.bias")) }
}

fn linear(model: &Model, name: &str, has_bias: bool) -> Linear {
    Linear {
        weight: tensor(model, &format!("{name}.weight")).clone(),
        bias: has_bias.then(|| vector(model, &format!("{name}.bias"))),
    }
}

fn attention(model: &Model, name: &str) -> Attention {
    Attention {
        norm: norm(model, &format!("{name}_ln")),
        query: linear(model, &format!("{name}.query"), true),
        key: linear(model, &format!("{name}.key"), false),
        value: linear(model, &format!("{name}.value"), true),
        out: linear(model, &format!("{name}.out"), true),
    }
}

fn mlp(model: &Model, name: &str) -> Mlp {
    Mlp {
        norm: norm(model, &format!("{name}.mlp_ln")),
        up: linear(model, &format!("{name}.mlp.0"), true),
        down: linear(model, &format!("{name}.mlp.2"), true),
    }
}

impl Weights {
    /// Looks up all tensors of `model`, whose names and shapes the reader has checked.
    pub fn new(model: &Model) -> Self {
        let hparams = model.hparams();
        let encoder_layers = (0..hparams.n_audio_layer)
            .map(|i| format!("encoder.blocks.{i}"))
            .map(|name| EncoderLayer { attention: attention(model, &format!("{name}.attn")), mlp: mlp(model, &name) })
            .collect();
        let decoder_layers = (0..hparams.n_text_layer)
            .map(|i| format!("decoder.blocks.{i}"))
            .map(|name| DecoderLayer {
                attention: attention(model, &format!("{name}.attn")),
                cross: attention(model, &format!("{name}.cross_attn")),
                mlp: mlp(model, &name),
            })
            .collect();
        Self {
            conv1: Conv::load(model, "encoder.conv1"),
            conv2: Conv::load(model, "encoder.conv2"),
            encoder_positions: tensor(model, "encoder.positional_embedding").clone(),
            encoder_layers,
            encoder_norm: norm(model, "encoder.ln_post"),
            token_embedding: linear(model, "decoder.token_embedding", false),
            decoder_positions: tensor(model, "decoder.positional_embedding").clone(),
            decoder_layers,
            decoder_norm: norm(model, "decoder.ln"),
        }
    }
}
