//! Random Whisper models of any dimensions: they say nothing and cost what real ones cost.
//!
//! Dimensions, a type and a seed enter; the bytes of a whole legacy ggml file leave, the same on
//! every machine. Tests use small ones that no repository has to carry, measurements use the
//! official sizes.
//!
//! The values of a tensor depend only on its name and the seed. A 64-bit state starts as the FNV-1a
//! hash of the name (offset basis `0xcbf29ce484222325`, prime `0x100000001b3`) xor the seed; each
//! value takes one step of SplitMix64, whose upper 24 bits `k` make `u = k / 2^23 - 1` in [-1, 1).
//! Then, with every operation in f32 and one rounding to the tensor's type:
//!
//! | tensor | value |
//! |---|---|
//! | matrices and convolutions | `u * sqrt(3 / inputs)`, inputs being the values in a row (3 × channels in a convolution) |
//! | `…ln….weight` (norms) | `1 + u / 8` |
//! | biases | `u / 32` |
//! | `decoder.positional_embedding` | `u / 32` |
//! | `encoder.positional_embedding` | OpenAI's sinusoids, computed in f64 |
//!
//! Sources: SplitMix64 is Steele, Lea and Flood, "Fast splittable pseudorandom number generators"
//! (2014); FNV-1a is Fowler, Noll and Vo; the mel filters of [`header`] are Slaney's (Auditory
//! Toolbox, 1998), as librosa computes them.

use noctule_kernels::block::{GgmlType, f32_to_bf16, f32_to_f16};

use crate::error::{Error, ErrorKind, TensorProblem};
use crate::header::Header;
use crate::hparams::Hparams;
use crate::mel::MelFilters;
use crate::names::{Expected, Role};
use crate::vocab::Vocab;
use crate::write::Writer;

/// Dimensions of a small multilingual model (`state` wide, heads of 16 values or one head, `layers`
/// on both sides, 80 mels) with a full window and a full vocabulary.
pub fn small_hparams(state: usize, layers: usize) -> Hparams {
    let head = if state.is_multiple_of(16) { state / 16 } else { 1 };
    Hparams {
        n_vocab: 51865,
        n_audio_ctx: 1500,
        n_audio_state: state,
        n_audio_head: head,
        n_audio_layer: layers,
        n_text_ctx: 448,
        n_text_state: state,
        n_text_head: head,
        n_text_layer: layers,
        n_mels: 80,
        ftype: 0,
    }
}

/// A header for these dimensions with Slaney's mel filters and a made-up vocabulary: ids 0 to 255
/// are the single bytes, so that any text can be tokenised, and id `n` from there on is `" wN"`
/// with the number written in base 36.
///
/// # Errors
/// If the dimensions are not those of a Whisper model.
pub fn header(hparams: Hparams) -> Result<Header, Error> {
    let error = |kind| Error::new("synthetic model", kind);
    hparams.check().map_err(error)?;
    let n_text = if hparams.is_multilingual() { 50257 } else { 50256 };
    let tokens: Vec<Vec<u8>> = (0..n_text).map(made_up_token).collect();
    let vocab = Vocab::from_tokens(&hparams, tokens.iter().map(Vec::as_slice)).map_err(error)?;
    let filters = slaney_filters(hparams.n_mels);
    Ok(Header { hparams, filters, vocab })
}

fn made_up_token(id: usize) -> Vec<u8> {
    if let Ok(byte) = u8::try_from(id) {
        return vec![byte];
    }
    let mut digits = Vec::new();
    let mut rest = id;
    while rest > 0 {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[rest % 36]);
        rest /= 36;
    }
    digits.extend(*b"w ");
    digits.reverse();
    digits
}

/// A whole model with random weights: matrices and convolutions in `ty`, everything else in f32 as
/// converters do it. The header's file type is set to match.
///
/// # Errors
/// If the header is not a Whisper's, or `ty` is not f32, f16 or bf16. Quantised models are made by
/// quantising one of these.
pub fn model(header: &Header, ty: GgmlType, seed: u64) -> Result<Vec<u8>, Error> {
    let float = matches!(ty, GgmlType::F32 | GgmlType::F16 | GgmlType::BF16);
    let (true, Some(ftype)) = (float, ty.ftype()) else {
        let problem = TensorProblem::TypeNotAllowed {
            found: ty.name(),
            reason: "random weights are f32, f16 or bf16; quantise those",
        };
        let tensor = "(all)".to_string();
        let kind = ErrorKind::Tensor { tensor, offset: 0, problem };
        return Err(Error::new("synthetic model", kind));
    };
    let mut header = header.clone();
    header.hparams.ftype = ftype;
    let mut writer = Writer::new(Vec::new(), "synthetic model", &header)?;
    for expected in writer.expected().to_vec() {
        let ty = match expected.role {
            Role::Matrix | Role::Convolution => ty,
            Role::Vector | Role::Positional => GgmlType::F32,
        };
        writer.tensor(&expected.name, ty, &pack(&values(&expected, seed), ty))?;
    }
    writer.finish()
}

/// The values of one tensor, as the module's description says.
pub fn values(tensor: &Expected, seed: u64) -> Vec<f32> {
    let elements = tensor.ne.iter().product();
    let mut random = Random(fnv_1a(tensor.name.as_bytes()) ^ seed);
    let mut draw = |value: &dyn Fn(f32) -> f32| (0..elements).map(|_| value(random.next())).collect();
    match tensor.role {
        Role::Positional if tensor.name.starts_with("encoder.") => sinusoids(tensor.ne[0], tensor.ne[1]),
        Role::Matrix | Role::Convolution => {
            let inputs: usize = tensor.ne[..tensor.ne.len() - 1].iter().product();
            let scale = (3.0 / inputs as f32).sqrt();
            draw(&|u| u * scale)
        }
        Role::Vector if tensor.name.ends_with(".weight") => draw(&|u| 1.0 + u / 8.0),
        Role::Vector | Role::Positional => draw(&|u| u / 32.0),
    }
}

fn pack(values: &[f32], ty: GgmlType) -> Vec<u8> {
    match ty {
        GgmlType::F16 => values.iter().flat_map(|&x| f32_to_f16(x).to_le_bytes()).collect(),
        GgmlType::BF16 => values.iter().flat_map(|&x| f32_to_bf16(x).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    /// Uniform in [-1, 1), 24 bits.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Sines in the first half of each row, cosines in the second; wavelengths from 2π to 10000·2π in
/// a geometric row (Radford et al. 2022, after Vaswani et al. 2017).
fn sinusoids(channels: usize, positions: usize) -> Vec<f32> {
    let half = channels / 2;
    let step = 10000f64.ln() / (half.max(2) - 1) as f64;
    let mut out = Vec::with_capacity(channels * positions);
    for position in 0..positions {
        let angle = |i: usize| position as f64 * (-step * (i % half) as f64).exp();
        out.extend((0..channels).map(|i| if i < half { angle(i).sin() } else { angle(i).cos() } as f32));
    }
    out
}

/// Triangular filters of unit area on Slaney's mel scale, for 201 bins of 16 kHz audio.
fn slaney_filters(n_mel: usize) -> MelFilters {
    const LINEAR: f64 = 200.0 / 3.0;
    const BREAK_HZ: f64 = 1000.0;
    let log_step = 6.4f64.ln() / 27.0;
    let break_mel = BREAK_HZ / LINEAR;
    let hz = |mel: f64| {
        if mel < break_mel { mel * LINEAR } else { BREAK_HZ * (log_step * (mel - break_mel)).exp() }
    };
    let top = break_mel + (8000.0 / BREAK_HZ).ln() / log_step;
    let edge = |i: usize| hz(top * i as f64 / (n_mel + 1) as f64);
    let n_fft = 201;
    let mut data = Vec::with_capacity(n_mel * n_fft);
    for band in 0..n_mel {
        let (low, centre, high) = (edge(band), edge(band + 1), edge(band + 2));
        for bin in 0..n_fft {
            let f = bin as f64 * 40.0;
            let height = ((f - low) / (centre - low)).min((high - f) / (high - centre)).max(0.0);
            data.push((height * 2.0 / (high - low)) as f32);
        }
    }
    MelFilters { n_mel, n_fft, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_the_published_sequence() {
        // The first outputs for seed 1234567 in the paper's reference implementation begin with
        // 6457827717110365317; its upper 24 bits make the first value.
        let first = (6_457_827_717_110_365_317u64 >> 40) as f32 / 8_388_608.0 - 1.0;
        assert_eq!(Random(1_234_567).next(), first);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn weights_keep_the_variance_of_their_input() {
        let hparams = small_hparams(64, 1);
        let tensor =
            crate::names::expected(&hparams).into_iter().find(|t| t.name == "encoder.blocks.0.mlp.0.weight").unwrap();
        let values = values(&tensor, 7);
        let energy: f32 = values.iter().map(|x| x * x).sum::<f32>() / 256.0;
        assert!((energy - 1.0).abs() < 0.05, "{energy}");
    }

    #[test]
    fn other_types_are_refused() {
        let header = header(small_hparams(16, 1)).unwrap();
        assert!(model(&header, GgmlType::Q4_0, 1).is_err());
    }
}
