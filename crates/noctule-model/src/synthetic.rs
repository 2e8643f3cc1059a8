//! Random Whisper models of any dimensions: they say nothing and cost what real ones cost.
//!
//! Dimensions, a type and a seed enter; the bytes of a whole legacy ggml file leave, the same on
//! every machine. Tests use small ones that no repository has to carry, measurements use the
//! official sizes.
//!
//! The values of a tensor depend only on its name and the seed. A 64-bit state starts as the FNV-1a
//! hash of the name (offset basis `0xcbf29ce484222325`, prime `0x100000001b3`) xor the seed; each
//! value takes one step of SplitMix64, whose upper 24 bits `k` make `u = k / 2^23 - 1` in [-1, 1).
//! The value is `offset + scale * u`, both operations in f32, then rounded to the tensor's type:
//!
//! | tensor | offset | scale |
//! |---|---|---|
//! | biases | 0 | 0.02 |
//! | weights of norms | 1 | 0.1 |
//! | `encoder.positional_embedding` | 0 | 0.5 |
//! | `decoder.positional_embedding` | 0 | 0.1 |
//! | `decoder.token_embedding.weight` | 0 | 0.35 |
//! | weights of queries and keys | 0 | 3 / √inputs |
//! | other matrices and convolutions | 0 | 1.5 / √inputs |
//!
//! with the inputs of an output, 3 × channels in a convolution. `testdata/make_tiny_models.py` makes
//! the same models in Python, and `testdata/reference/synthetic.json` says what they compute.
//!
//! Sources: SplitMix64 is Steele, Lea and Flood, "Fast splittable pseudorandom number generators"
//! (2014); FNV-1a is Fowler, Noll and Vo; the mel filters of [`header`] are Slaney's (Auditory
//! Toolbox, 1998) with librosa's order of roundings, as in OpenAI's models.

use noctule_kernels::block::{GgmlType, f32_to_bf16, f32_to_f16};

use crate::error::{Error, ErrorKind, TensorProblem};
use crate::header::Header;
use crate::hparams::Hparams;
use crate::mel::MelFilters;
use crate::names::{Expected, Role};
use crate::vocab::Vocab;
use crate::write::Writer;

/// The kinds of Whisper that differ in vocabulary, mel bands or layers, each as a small model:
/// 128 wide, 2 heads, a full window and a full vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// English only, like tiny.en: 2 encoder and 3 decoder layers.
    En,
    /// 99 languages, like tiny: 2 and 3 layers.
    Multilingual,
    /// 100 languages and 128 mel bands, like large-v3: 3 and 3 layers.
    V3,
    /// As V3 with a decoder shorter than the encoder, like turbo: 5 and 4 layers.
    Turbo,
    /// English only with 2 decoder layers, like distil-small.en: 3 and 2 layers.
    DistilEn,
    /// As V3 with 2 decoder layers, like distil-large-v3: 3 and 2 layers.
    DistilV3,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 6] = [Kind::En, Kind::Multilingual, Kind::V3, Kind::Turbo, Kind::DistilEn, Kind::DistilV3];

    /// The name in `testdata`: "en", "multilingual", "v3", "turbo", "distil-en", "distil-v3".
    pub fn name(self) -> &'static str {
        match self {
            Kind::En => "en",
            Kind::Multilingual => "multilingual",
            Kind::V3 => "v3",
            Kind::Turbo => "turbo",
            Kind::DistilEn => "distil-en",
            Kind::DistilV3 => "distil-v3",
        }
    }

    /// The dimensions.
    pub fn hparams(self) -> Hparams {
        let (n_vocab, n_mels, audio_layers, text_layers) = match self {
            Kind::En => (51864, 80, 2, 3),
            Kind::Multilingual => (51865, 80, 2, 3),
            Kind::V3 => (51866, 128, 3, 3),
            Kind::Turbo => (51866, 128, 5, 4),
            Kind::DistilEn => (51864, 80, 3, 2),
            Kind::DistilV3 => (51866, 128, 3, 2),
        };
        Hparams {
            n_vocab,
            n_audio_ctx: 1500,
            n_audio_state: 128,
            n_audio_head: 2,
            n_audio_layer: audio_layers,
            n_text_ctx: 448,
            n_text_state: 128,
            n_text_head: 2,
            n_text_layer: text_layers,
            n_mels,
            ftype: 0,
        }
    }
}

/// A header for these dimensions with the usual mel filters and a made-up vocabulary of 50257
/// tokens, in which token `i` is a space and the number `i`.
///
/// # Errors
/// If the dimensions are not those of a Whisper model.
pub fn header(hparams: Hparams) -> Result<Header, Error> {
    let error = |kind| Error::new("synthetic model", kind);
    let tokens: Vec<String> = (0..50257).map(|i| format!(" {i}")).collect();
    let vocab = Vocab::from_tokens(&hparams, tokens.iter().map(String::as_bytes)).map_err(error)?;
    let filters = slaney_filters(hparams.n_mels);
    Ok(Header { hparams, filters, vocab })
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
    let (offset, scale) = offset_and_scale(tensor);
    let elements = tensor.ne.iter().product();
    uniform(&tensor.name, elements, seed).map(|u| offset + u * scale).collect()
}

fn offset_and_scale(tensor: &Expected) -> (f32, f32) {
    let name = tensor.name.as_str();
    let inputs: usize = tensor.ne[..tensor.ne.len() - 1].iter().product();
    let spread = |gain: f64| (gain / (inputs as f64).sqrt()) as f32;
    match tensor.role {
        Role::Vector if name.ends_with("bias") => (0.0, 0.02),
        Role::Vector => (1.0, 0.1),
        Role::Positional if name.starts_with("encoder.") => (0.0, 0.5),
        Role::Positional => (0.0, 0.1),
        Role::Matrix if name == "decoder.token_embedding.weight" => (0.0, 0.35),
        Role::Matrix if name.ends_with("query.weight") || name.ends_with("key.weight") => (0.0, spread(3.0)),
        Role::Matrix | Role::Convolution => (0.0, spread(1.5)),
    }
}

/// `count` values in [-1, 1) that depend on the name and the seed only: also what tests use for
/// input that is not a tensor of the model.
pub fn uniform(name: &str, count: usize, seed: u64) -> impl Iterator<Item = f32> {
    let mut state = fnv_1a(name.as_bytes()) ^ seed;
    (0..count).map(move |_| {
        let z = split_mix(&mut state);
        (z >> 40) as f32 / 8_388_608.0 - 1.0
    })
}

fn pack(values: &[f32], ty: GgmlType) -> Vec<u8> {
    match ty {
        GgmlType::F16 => values.iter().flat_map(|&x| f32_to_f16(x).to_le_bytes()).collect(),
        GgmlType::BF16 => values.iter().flat_map(|&x| f32_to_bf16(x).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

/// One step of SplitMix64.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Triangular filters of unit area on Slaney's mel scale, for 201 bins of 16 kHz audio.
///
/// Heights are rounded to f32 before they are scaled to unit area, and again after: librosa's order,
/// which makes the result equal to the filters of OpenAI's models, bit for bit.
pub(crate) fn slaney_filters(n_mel: usize) -> MelFilters {
    const HZ_PER_MEL: f64 = 200.0 / 3.0;
    const BREAK_HZ: f64 = 1000.0;
    let log_step = 6.4f64.ln() / 27.0;
    let break_mel = BREAK_HZ / HZ_PER_MEL;
    let hz = |mel: f64| {
        if mel >= break_mel { BREAK_HZ * (log_step * (mel - break_mel)).exp() } else { HZ_PER_MEL * mel }
    };
    let top = break_mel + (8000.0 / BREAK_HZ).ln() / log_step;
    let step = top / (n_mel + 1) as f64;
    // The last edge is not a product, so that it is 8000 Hz and not a rounding error above.
    let edge = |i: usize| hz(if i <= n_mel { i as f64 * step } else { top });
    let n_fft = 201;
    let mut data = Vec::with_capacity(n_mel * n_fft);
    for band in 0..n_mel {
        let (low, centre, high) = (edge(band), edge(band + 1), edge(band + 2));
        let to_unit_area = 2.0 / (high - low);
        for bin in 0..n_fft {
            let f = bin as f64 * 40.0;
            let rise = (f - low) / (centre - low);
            let fall = (high - f) / (high - centre);
            let height = rise.min(fall).max(0.0) as f32;
            data.push((f64::from(height) * to_unit_area) as f32);
        }
    }
    MelFilters { n_mel, n_fft, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generators_give_published_values() {
        // The first output of SplitMix64 for seed 1234567, as widely quoted test vectors have it.
        assert_eq!(split_mix(&mut 1_234_567), 6_457_827_717_110_365_317);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn other_types_are_refused() {
        let header = header(Kind::En.hparams()).unwrap();
        assert!(model(&header, GgmlType::Q4_0, 1).is_err());
    }

    #[test]
    fn filters_have_unit_area() {
        let filters = slaney_filters(80);
        // A triangle of unit area sampled each 40 Hz; narrow ones miss their peak.
        for band in filters.data.chunks(201).skip(20) {
            let area: f32 = band.iter().sum::<f32>() * 40.0;
            assert!((area - 1.0).abs() < 0.3, "{area}");
        }
    }
}
