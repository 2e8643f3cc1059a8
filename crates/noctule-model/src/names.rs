//! Every tensor of a Whisper model: its name, its shape and what it is for.
//!
//! [`Hparams`] enter, the list of tensors leaves, in the order in which converted files have them
//! (the order of OpenAI's state dictionary). The reader checks a file against this list, the
//! writers and the engine take names and shapes from it. Names and shapes are OpenAI's.

use crate::hparams::Hparams;

/// What a tensor is for, which decides what types it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A two-dimensional weight that rows of activations are multiplied with, or the token
    /// embedding: any storable type. These are what quantisation makes smaller.
    Matrix,
    /// A convolution's weight, three values fastest: a type with blocks of one.
    Convolution,
    /// A bias or a norm: f32, f16 or bf16.
    Vector,
    /// A table of positions: f32, f16 or bf16.
    Positional,
}

/// One tensor that a model must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The name in the file.
    pub name: String,
    /// The dimensions, fastest first.
    pub ne: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

/// All tensors of a model with these dimensions: 11 + 15 for each encoder layer + 24 for each
/// decoder layer.
pub fn expected(hparams: &Hparams) -> Vec<Expected> {
    let d = hparams.n_audio_state;
    let mut list = List(Vec::new());

    list.put("encoder.positional_embedding", &[d, hparams.n_audio_ctx], Role::Positional);
    list.put("encoder.conv1.weight", &[3, hparams.n_mels, d], Role::Convolution);
    list.put("encoder.conv1.bias", &[1, d], Role::Vector);
    list.put("encoder.conv2.weight", &[3, d, d], Role::Convolution);
    list.put("encoder.conv2.bias", &[1, d], Role::Vector);
    for i in 0..hparams.n_audio_layer {
        let block = format!("encoder.blocks.{i}");
        list.attention(&format!("{block}.attn"), d);
        list.mlp(&block, d);
    }
    list.norm("encoder.ln_post", d);

    list.put("decoder.positional_embedding", &[d, hparams.n_text_ctx], Role::Positional);
    list.put("decoder.token_embedding.weight", &[d, hparams.n_vocab], Role::Matrix);
    for i in 0..hparams.n_text_layer {
        let block = format!("decoder.blocks.{i}");
        list.attention(&format!("{block}.attn"), d);
        list.attention(&format!("{block}.cross_attn"), d);
        list.mlp(&block, d);
    }
    list.norm("decoder.ln", d);
    list.0
}

struct List(Vec<Expected>);

impl List {
    fn put(&mut self, name: &str, ne: &[usize], role: Role) {
        self.0.push(Expected { name: name.to_string(), ne: ne.to_vec(), role });
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize, bias: bool) {
        self.put(&format!("{name}.weight"), &[inputs, outputs], Role::Matrix);
        if bias {
            self.put(&format!("{name}.bias"), &[outputs], Role::Vector);
        }
    }

    fn norm(&mut self, name: &str, d: usize) {
        self.put(&format!("{name}.weight"), &[d], Role::Vector);
        self.put(&format!("{name}.bias"), &[d], Role::Vector);
    }

    /// Keys have no bias: softmax does not see a constant added to all of a query's products.
    fn attention(&mut self, name: &str, d: usize) {
        for (part, bias) in [("query", true), ("key", false), ("value", true), ("out", true)] {
            self.linear(&format!("{name}.{part}"), d, d, bias);
        }
        self.norm(&format!("{name}_ln"), d);
    }

    fn mlp(&mut self, block: &str, d: usize) {
        self.linear(&format!("{block}.mlp.0"), d, 4 * d, true);
        self.linear(&format!("{block}.mlp.2"), 4 * d, d, true);
        self.norm(&format!("{block}.mlp_ln"), d);
    }
}
