//! whisper.cpp's ggml file of the Silero voice-activity network.
//!
//! The bytes of a file enter, [`SileroWeights`] leave: all tensors widened to f32, with the shapes
//! of the one architecture that exists in this format (Silero v5 and v6 at 16 kHz). The network
//! itself is run elsewhere; the format is described in `docs/FORMATS.md`.

use std::collections::HashMap;
use std::path::Path;

use noctule_kernels::block::{GgmlType, unpack_f32};

use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Shape, TensorProblem, printable};
use crate::ggml::{self, RawTensor};
use crate::names::Role;
use crate::sniff;
use crate::source::Source;

/// One convolution over time, kernel 3.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolution {
    /// Channels that enter.
    pub inputs: usize,
    /// Channels that leave.
    pub outputs: usize,
    /// Weights: `weight[(o * inputs + i) * 3 + k]` for output `o`, input `i`, kernel position `k`.
    pub weight: Vec<f32>,
    /// One value for each output.
    pub bias: Vec<f32>,
}

/// The Silero network's weights.
#[derive(Debug, Clone, PartialEq)]
pub struct SileroWeights {
    /// The version in the file, such as 6.2.0.
    pub version: (u32, u32, u32),
    /// New samples for each probability: 512 at 16 kHz.
    pub window: usize,
    /// Samples of the previous window that stand before them: 64.
    pub context: usize,
    /// The short-time Fourier transform as a convolution, 258 rows of 256 samples: 129 real parts,
    /// then 129 imaginary parts, the window function multiplied in.
    pub stft: Vec<f32>,
    /// Four convolutions of widths 129, 128, 64, 64, 128 (strides 1, 2, 2, 1, padding 1), each
    /// followed by ReLU.
    pub encoder: [Convolution; 4],
    /// LSTM, input to gates: 512 rows of 128, the gates i, f, g, o one after the other.
    pub lstm_input: Vec<f32>,
    /// LSTM, hidden state to gates: 512 rows of 128.
    pub lstm_hidden: Vec<f32>,
    /// LSTM, bias of the input: 512 values.
    pub lstm_input_bias: Vec<f32>,
    /// LSTM, bias of the hidden state: 512 values.
    pub lstm_hidden_bias: Vec<f32>,
    /// The last layer's 128 weights, after ReLU and before the sigmoid.
    pub output: Vec<f32>,
    /// The last layer's bias.
    pub output_bias: f32,
}

/// Values in the LSTM's state.
const STATE: usize = 128;
const GATES: usize = 4 * STATE;

/// Channels between the convolutions.
const CHANNELS: [usize; 5] = [129, 128, 64, 64, 128];

/// No name has more than a few characters; the field before it is not trusted further.
const MAX_MODEL_NAME: i32 = 64;

/// Reads a Silero file.
///
/// # Errors
/// [`ErrorKind::Io`] and [`ErrorKind::NotAFile`] if the file cannot be read, [`ErrorKind::NotGgml`]
/// if it is something else, and the kinds for headers and tensors if it is not whole or not this
/// architecture.
pub fn read(path: &Path) -> Result<SileroWeights, Error> {
    let source = Source::map(path)?;
    from_bytes(&path.display().to_string(), &source)
}

/// Reads a Silero file from memory; `name` names it in errors.
///
/// # Errors
/// As [`read`], but for the file system's.
pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<SileroWeights, Error> {
    parse(bytes).map_err(|kind| Error::new(name, kind))
}

fn parse(bytes: &[u8]) -> Result<SileroWeights, ErrorKind> {
    if !sniff::is_silero(bytes) {
        let found = if bytes.starts_with(&sniff::MAGIC) {
            "it is a ggml file, but not a Silero voice-activity model".to_string()
        } else {
            sniff::describe(bytes)
        };
        return Err(ErrorKind::NotGgml { found });
    }
    let mut cursor = Cursor::new(bytes);
    let version = read_header(&mut cursor)?;
    let expected = expected();
    let mut tensors = read_tensors(&mut cursor, &expected)?;
    let mut take = |name: &str| tensors.remove(name).unwrap_or_default();
    let encoder = [0, 1, 2, 3].map(|i| Convolution {
        inputs: CHANNELS[i],
        outputs: CHANNELS[i + 1],
        weight: take(&format!("_model.encoder.{i}.reparam_conv.weight")),
        bias: take(&format!("_model.encoder.{i}.reparam_conv.bias")),
    });
    Ok(SileroWeights {
        version,
        window: 512,
        context: 64,
        stft: take("_model.stft.forward_basis_buffer"),
        encoder,
        lstm_input: take("_model.decoder.rnn.weight_ih"),
        lstm_hidden: take("_model.decoder.rnn.weight_hh"),
        lstm_input_bias: take("_model.decoder.rnn.bias_ih"),
        lstm_hidden_bias: take("_model.decoder.rnn.bias_hh"),
        output: take("_model.decoder.decoder.2.weight"),
        output_bias: take("_model.decoder.decoder.2.bias").first().copied().unwrap_or_default(),
    })
}

/// Reads everything before the tensors and returns the version. All dimensions must be those of the
/// architecture, because the shapes of the tensors are checked against it and not against the file.
fn read_header(cursor: &mut Cursor<'_>) -> Result<(u32, u32, u32), ErrorKind> {
    let what = || "the header".to_string();
    cursor.take(4, &what)?;
    let offset = cursor.offset() as u64;
    let length = cursor.i32(&what)?;
    if !(1..=MAX_MODEL_NAME).contains(&length) {
        return Err(header_error("name length", offset, length, "1 to 64".to_string()));
    }
    cursor.take(length as u64, &what)?;
    let mut version = [0u32; 3];
    for part in &mut version {
        let offset = cursor.offset() as u64;
        let value = cursor.i32(&what)?;
        *part = u32::try_from(value).map_err(|_| header_error("version", offset, value, "not negative".to_string()))?;
    }
    let mut fields = vec![("window", 512), ("context", 64), ("encoder layers", 4)];
    for i in 0..4 {
        fields.push(("encoder inputs", CHANNELS[i] as i32));
        fields.push(("encoder outputs", CHANNELS[i + 1] as i32));
        fields.push(("encoder kernel", 3));
    }
    fields.extend([
        ("LSTM inputs", STATE as i32),
        ("LSTM state", STATE as i32),
        ("final inputs", STATE as i32),
        ("final outputs", 1),
    ]);
    for (field, expected) in fields {
        let offset = cursor.offset() as u64;
        let value = cursor.i32(&what)?;
        if value != expected {
            let expected = format!("the 16 kHz network of Silero v5 and v6 has {expected}");
            return Err(header_error(field, offset, value, expected));
        }
    }
    Ok((version[0], version[1], version[2]))
}

fn header_error(field: &'static str, offset: u64, value: i32, expected: String) -> ErrorKind {
    ErrorKind::Header { field, offset, value: value.into(), expected }
}

/// Names and shapes, fastest dimension first, without trailing ones.
fn expected() -> Vec<(String, Vec<usize>)> {
    let mut list = Vec::new();
    for i in 0..4 {
        let name = format!("_model.encoder.{i}.reparam_conv");
        list.push((format!("{name}.weight"), vec![3, CHANNELS[i], CHANNELS[i + 1]]));
        list.push((format!("{name}.bias"), vec![CHANNELS[i + 1]]));
    }
    let others: [(&str, &[usize]); 7] = [
        ("_model.decoder.rnn.weight_ih", &[STATE, GATES]),
        ("_model.decoder.rnn.weight_hh", &[STATE, GATES]),
        ("_model.decoder.rnn.bias_ih", &[GATES]),
        ("_model.decoder.rnn.bias_hh", &[GATES]),
        ("_model.decoder.decoder.2.weight", &[STATE]),
        ("_model.decoder.decoder.2.bias", &[]),
        ("_model.stft.forward_basis_buffer", &[256, 1, 258]),
    ];
    list.extend(others.map(|(name, ne)| (name.to_string(), ne.to_vec())));
    list
}

/// Reads all tensors as f32, by name.
fn read_tensors(
    cursor: &mut Cursor<'_>,
    expected: &[(String, Vec<usize>)],
) -> Result<HashMap<String, Vec<f32>>, ErrorKind> {
    let mut tensors = HashMap::new();
    while cursor.left() > 0 {
        let (offset, count) = (cursor.offset() as u64, cursor.left() as u64);
        let trailing = ErrorKind::TrailingBytes { offset, count };
        let complete = tensors.len() == expected.len();
        let header = match RawTensor::read(cursor, tensors.len()) {
            Err(_) if complete => return Err(trailing),
            header => header?,
        };
        let error = |problem| ErrorKind::Tensor { tensor: printable(header.name), offset, problem };
        let Some((name, ne)) = expected.iter().find(|(n, _)| n.as_bytes() == header.name) else {
            return Err(if complete { trailing } else { error(TensorProblem::Unknown) });
        };
        if tensors.contains_key(name) {
            return Err(error(TensorProblem::Duplicate));
        }
        let ty = check(&header, ne).map_err(error)?;
        let elements: usize = ne.iter().product();
        let size = elements * ty.block_bytes();
        let data = cursor.take(size as u64, &|| format!("the data of tensor {name}"))?;
        let mut values = vec![0.0; elements];
        unpack_f32(ty, data, &mut values);
        if let Some(at) = values.iter().position(|x| !x.is_finite()) {
            return Err(error(TensorProblem::NotFinite { at }));
        }
        tensors.insert(name.clone(), values);
    }
    match expected.iter().find(|(name, _)| !tensors.contains_key(name)) {
        None => Ok(tensors),
        Some(_) if tensors.is_empty() => Err(ErrorKind::NoWeights),
        Some((first, _)) => Err(ErrorKind::MissingTensors {
            first: first.clone(),
            count: expected.len() - tensors.len(),
            expected: expected.len(),
        }),
    }
}

/// Checks shape (trailing ones do not count) and type, which must be a float.
fn check(header: &RawTensor<'_>, expected: &[usize]) -> Result<GgmlType, TensorProblem> {
    let longest = header.ne.len().max(expected.len());
    let same = (0..longest).all(|i| {
        let found = header.ne.get(i).copied().unwrap_or(1);
        let wanted = expected.get(i).copied().unwrap_or(1);
        usize::try_from(found) == Ok(wanted)
    });
    if !same {
        return Err(TensorProblem::Shape {
            found: Shape(header.ne.iter().map(|&n| n.into()).collect()),
            expected: Shape(expected.iter().map(|&n| n as i64).collect()),
        });
    }
    let ty = ggml::known_type(header.ty)?;
    ggml::allowed(ty, Role::Vector)?;
    Ok(ty)
}
