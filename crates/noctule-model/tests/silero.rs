//! Silero files put together here: read as they were written, refused when damaged.

use std::sync::LazyLock;

use noctule_model::synthetic::uniform;
use noctule_model::{Error, ErrorKind, TensorProblem, silero};

/// Name, dimensions as the converter writes them, and type (0 f32, 1 f16).
const TENSORS: [(&str, &[u32], u32); 15] = [
    ("_model.encoder.0.reparam_conv.weight", &[3, 129, 128], 1),
    ("_model.encoder.0.reparam_conv.bias", &[128], 0),
    ("_model.encoder.1.reparam_conv.weight", &[3, 128, 64], 1),
    ("_model.encoder.1.reparam_conv.bias", &[64], 0),
    ("_model.encoder.2.reparam_conv.weight", &[3, 64, 64], 1),
    ("_model.encoder.2.reparam_conv.bias", &[64], 0),
    ("_model.encoder.3.reparam_conv.weight", &[3, 64, 128], 1),
    ("_model.encoder.3.reparam_conv.bias", &[128], 0),
    ("_model.decoder.rnn.weight_ih", &[128, 512], 0),
    ("_model.decoder.rnn.weight_hh", &[128, 512], 0),
    ("_model.decoder.rnn.bias_ih", &[512], 0),
    ("_model.decoder.rnn.bias_hh", &[512], 0),
    ("_model.decoder.decoder.2.weight", &[128], 1),
    ("_model.decoder.decoder.2.bias", &[], 0),
    ("_model.stft.forward_basis_buffer", &[256, 1, 258], 1),
];

fn put(out: &mut Vec<u8>, values: &[u32]) {
    out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
}

fn header() -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, &[0x6767_6d6c, 10]);
    out.extend(b"silero-16k");
    put(&mut out, &[6, 2, 0, 512, 64, 4]);
    put(&mut out, &[129, 128, 3, 128, 64, 3, 64, 64, 3, 64, 128, 3]);
    put(&mut out, &[128, 128, 128, 1]);
    out
}

/// Multiples of 1/1024 in [-1, 1): exact in f16.
fn values(i: usize) -> Vec<f32> {
    let (name, ne, _) = TENSORS[i];
    let count = ne.iter().product::<u32>() as usize;
    uniform(name, count, 1).map(|u| (u * 1024.0).floor() / 1024.0).collect()
}

fn tensor(i: usize) -> Vec<u8> {
    let (name, ne, ty) = TENSORS[i];
    let mut out = Vec::new();
    put(&mut out, &[ne.len() as u32, name.len() as u32, ty]);
    put(&mut out, ne);
    out.extend(name.as_bytes());
    for x in values(i) {
        match ty {
            0 => out.extend(x.to_le_bytes()),
            _ => out.extend(noctule_kernels::block::f32_to_f16(x).to_le_bytes()),
        }
    }
    out
}

static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut out = header();
    out.extend((0..TENSORS.len()).flat_map(tensor));
    out
});

fn file() -> Vec<u8> {
    FILE.clone()
}

fn refuse(bytes: &[u8]) -> Error {
    match silero::from_bytes("vad", bytes) {
        Ok(_) => panic!("accepted"),
        Err(error) => error,
    }
}

#[test]
fn every_value_arrives() {
    let w = silero::from_bytes("vad", &file()).unwrap();
    assert_eq!((w.version, w.window, w.context), ((6, 2, 0), 512, 64));
    for i in 0..4 {
        assert_eq!(w.encoder[i].weight, values(2 * i));
        assert_eq!(w.encoder[i].bias, values(2 * i + 1));
        assert_eq!(w.encoder[i].weight.len(), 3 * w.encoder[i].inputs * w.encoder[i].outputs);
    }
    assert_eq!((&w.lstm_input, &w.lstm_hidden), (&values(8), &values(9)));
    assert_eq!((&w.lstm_input_bias, &w.lstm_hidden_bias), (&values(10), &values(11)));
    assert_eq!((&w.output, [w.output_bias].as_slice()), (&values(12), values(13).as_slice()));
    assert_eq!(w.stft, values(14));
}

#[test]
fn truncated_anywhere() {
    let whole = file();
    let mut end = header().len();
    let mut cuts: Vec<usize> = (0..end).collect();
    for i in 0..TENSORS.len() {
        let size = tensor(i).len();
        cuts.extend([end, end + 1, end + 12, end + size / 2, end + size - 1]);
        end += size;
    }
    assert_eq!(end, whole.len());
    for cut in cuts {
        match refuse(&whole[..cut]).kind() {
            ErrorKind::NotGgml { .. } if cut < 18 => {}
            ErrorKind::NoWeights if cut == header().len() => {}
            ErrorKind::Truncated { offset, available, .. } => assert_eq!(offset + available, cut as u64),
            ErrorKind::MissingTensors { expected: 15, .. } => {}
            other => panic!("cut at {cut}: {other}"),
        }
    }
}

#[test]
fn every_bit_of_the_header_flipped() {
    for at in 0..header().len() {
        for bit in 0..8 {
            let mut bytes = file();
            bytes[at] ^= 1 << bit;
            // Any version that is not negative is fine.
            if (18..30).contains(&at) && !(bit == 7 && at % 4 == 1) {
                assert!(silero::from_bytes("vad", &bytes).is_ok());
            } else {
                refuse(&bytes);
            }
        }
    }
}

#[test]
fn every_bit_of_a_tensor_header_flipped() {
    for i in [0, 13, 14] {
        let start = header().len() + (0..i).map(|i| tensor(i).len()).sum::<usize>();
        let (name, ne, _) = TENSORS[i];
        for at in start..start + 12 + 4 * ne.len() + name.len() {
            for bit in 0..8 {
                let mut bytes = file();
                bytes[at] ^= 1 << bit;
                refuse(&bytes);
            }
        }
    }
}

#[test]
fn twice_missing_trailing_and_infinite() {
    for (i, (name, _, _)) in TENSORS.iter().enumerate() {
        let mut bytes = file();
        bytes.extend(tensor(i));
        let error = refuse(&bytes);
        assert!(matches!(error.kind(), ErrorKind::Tensor { problem: TensorProblem::Duplicate, .. }), "{error}");
        let mut bytes = header();
        bytes.extend((0..TENSORS.len()).filter(|&j| j != i).flat_map(tensor));
        let error = refuse(&bytes);
        let ErrorKind::MissingTensors { first, count: 1, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(first, name);
    }
    let mut bytes = file();
    bytes.push(0);
    assert!(matches!(refuse(&bytes).kind(), ErrorKind::TrailingBytes { count: 1, .. }));
    let mut bytes = file();
    let last = bytes.len() - 2;
    bytes[last..].copy_from_slice(&0x7c00u16.to_le_bytes());
    let error = refuse(&bytes);
    assert!(
        matches!(error.kind(), ErrorKind::Tensor { problem: TensorProblem::NotFinite { at: 66047 }, .. }),
        "{error}"
    );
}

#[test]
fn other_files_are_named() {
    assert!(refuse(b"GGUF\x03\0\0\0").to_string().contains("GGUF"));
    let whisper = [b"lmgg".as_slice(), &[0x98, 0xca, 0, 0], &[0; 100]].concat();
    assert!(refuse(&whisper).to_string().contains("not a Silero"));
}
