//! Hostile bytes: every one gives a typed error, none a panic, and none takes memory that the file
//! does not justify (the allocator of this test ends the process at 96 MB).

use std::alloc::System;
use std::sync::LazyLock;

use cap::Cap;
use noctule_kernels::block::GgmlType;
use noctule_model::synthetic::{self, Kind};
use noctule_model::{Error, ErrorKind, Hparams, Model, TensorProblem};

/// A dozen times the small model: room for its copies in parallel tests and no more.
const MEMORY: usize = 96 << 20;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, MEMORY);

/// A whole model, 16 wide with one layer on each side.
static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let hparams = Hparams {
        n_audio_ctx: 40,
        n_audio_state: 16,
        n_audio_head: 1,
        n_audio_layer: 1,
        n_text_ctx: 16,
        n_text_state: 16,
        n_text_head: 1,
        n_text_layer: 1,
        n_mels: 8,
        ..Kind::En.hparams()
    };
    synthetic::model(&synthetic::header(hparams).unwrap(), GgmlType::F16, 1).unwrap()
});

/// Where each tensor's header begins, then where its data begin, then where they end.
static TENSORS: LazyLock<Vec<(String, usize, usize, usize)>> = LazyLock::new(|| {
    let model = Model::from_vec("small", SMALL.clone()).unwrap();
    let places = model.tensors().map(|t| {
        let data = t.range();
        let header = data.start - t.name.len() - 4 * t.ne.len() - 12;
        (t.name.clone(), header, data.start, data.end)
    });
    places.collect()
});

fn open(bytes: &[u8]) -> Result<Model, Error> {
    Model::from_vec("broken", bytes.to_vec())
}

fn refuse(bytes: &[u8]) -> Error {
    match open(bytes) {
        Ok(_) => panic!("accepted"),
        Err(error) => error,
    }
}

fn read(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn patched(at: usize, value: u32) -> Vec<u8> {
    let mut bytes = SMALL.clone();
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    bytes
}

/// Where the count of tokens stands: after the filters.
fn vocabulary() -> usize {
    56 + 4 * 8 * 201
}

#[test]
fn the_model_itself_is_whole() {
    assert!(open(&SMALL).is_ok());
    assert_eq!(read(&SMALL, vocabulary()), 50257);
    assert_eq!(TENSORS.len(), 11 + 15 + 24);
    assert_eq!(TENSORS.last().unwrap().3, SMALL.len());
}

#[test]
fn truncated_anywhere() {
    let mut cuts: Vec<usize> = (0..64).collect();
    cuts.extend([56 + 100, vocabulary() - 1, vocabulary(), vocabulary() + 3, vocabulary() + 100]);
    for (_, header, data, end) in TENSORS.iter() {
        cuts.extend([header - 1, *header, header + 1, header + 12, data - 1, *data, data + 1, end - 1]);
    }
    for cut in cuts {
        let error = refuse(&SMALL[..cut]);
        let first = TENSORS[0].1;
        match error.kind() {
            ErrorKind::NotGgml { .. } if cut < 4 => {}
            ErrorKind::NoWeights if cut == first => {}
            ErrorKind::MissingTensors { count, expected: 50, .. } => {
                let whole = TENSORS.iter().filter(|t| t.3 <= cut).count();
                assert_eq!(*count, 50 - whole, "cut at {cut}");
                assert!(TENSORS.iter().any(|t| t.3 == cut), "cut at {cut}: {error}");
            }
            ErrorKind::Truncated { offset, needed, available, .. } => {
                assert_eq!(offset + available, cut as u64);
                assert!(needed > available);
            }
            _ => panic!("cut at {cut}: {error}"),
        }
    }
}

#[test]
fn every_bit_of_the_header_flipped() {
    for at in (0..56).step_by(4).chain([vocabulary()]) {
        for bit in 0..32 {
            let bytes = patched(at, read(&SMALL, at) ^ 1 << bit);
            let result = open(&bytes);
            // One head of 16 may become two of 8, and any type number may be claimed.
            let heads = matches!(at, 16 | 32) && read(&bytes, at) <= 2 && read(&bytes, at) > 0;
            let ftype = at == 44 && bit < 31;
            match result {
                Ok(_) => assert!(heads || ftype, "field at {at}, bit {bit} accepted"),
                Err(error) => {
                    assert!(!heads && !ftype, "field at {at}, bit {bit}: {error}");
                    assert!(error.to_string().len() < 400, "{error}");
                }
            }
        }
    }
}

#[test]
fn every_bit_of_tensor_headers_flipped() {
    // The first, a convolution, a matrix, a vector and the last.
    for i in [0, 1, 5, 6, TENSORS.len() - 1] {
        let (name, header, data, _) = &TENSORS[i];
        for at in *header..*data {
            for bit in 0..8 {
                let mut bytes = SMALL.clone();
                bytes[at] ^= 1 << bit;
                let error = refuse(&bytes);
                assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::Tensor { .. }
                            | ErrorKind::Truncated { .. }
                            | ErrorKind::TrailingBytes { .. }
                            | ErrorKind::MissingTensors { .. }
                    ),
                    "{name}, byte {at}, bit {bit}: {error}"
                );
            }
        }
    }
}

#[test]
fn giant_numbers_everywhere() {
    let mut places: Vec<usize> = (4..44).step_by(4).collect();
    places.extend([48, 52, vocabulary(), vocabulary() + 4]);
    for (_, header, _, _) in TENSORS.iter() {
        let dims = read(&SMALL, *header) as usize;
        places.extend((0..3 + dims).map(|i| header + 4 * i));
    }
    for at in places {
        for value in [0x7fff_ffff, 0xffff_ffff, 0x8000_0000, 0x0001_0000, 0x0100_0000] {
            let error = refuse(&patched(at, value));
            assert!(error.to_string().len() < 400, "{error}");
        }
    }
}

#[test]
fn lying_lengths_in_the_vocabulary() {
    for length in [1025, 0x7fff_ffff, 0xffff_ffff] {
        let error = refuse(&patched(vocabulary() + 4, length));
        assert!(matches!(error.kind(), ErrorKind::Vocabulary { .. }), "{error}");
    }
    // A length that is allowed but wrong shifts all that follows, and is found there.
    for length in [0, 1, 3, 9, 1024] {
        refuse(&patched(vocabulary() + 4, length));
    }
}

/// The tensor's bytes, header and data.
fn tensor(i: usize) -> &'static [u8] {
    &SMALL[TENSORS[i].1..TENSORS[i].3]
}

#[test]
fn duplicates_in_any_place() {
    for i in 0..TENSORS.len() {
        let mut bytes = SMALL.clone();
        bytes.extend_from_slice(tensor(i));
        let error = refuse(&bytes);
        let ErrorKind::Tensor { tensor: name, offset, problem } = error.kind() else { panic!("{error}") };
        assert_eq!((name, problem), (&TENSORS[i].0, &TensorProblem::Duplicate));
        assert_eq!(*offset, SMALL.len() as u64);
    }
}

#[test]
fn any_order_and_no_gaps() {
    let start = TENSORS[0].1;
    let mut reversed = SMALL[..start].to_vec();
    for i in (0..TENSORS.len()).rev() {
        reversed.extend_from_slice(tensor(i));
    }
    let model = open(&reversed).unwrap();
    let original = open(&SMALL).unwrap();
    for t in original.tensors() {
        assert!(original.bytes(t) == model.bytes(model.tensor(&t.name).unwrap()), "{}", t.name);
    }
    for i in 0..TENSORS.len() {
        let mut bytes = SMALL[..TENSORS[i].1].to_vec();
        bytes.extend_from_slice(&SMALL[TENSORS[i].3..]);
        let error = refuse(&bytes);
        let ErrorKind::MissingTensors { first, count: 1, expected: 50 } = error.kind() else { panic!("{error}") };
        assert_eq!(first, &TENSORS[i].0);
    }
}

#[test]
fn bytes_after_the_last_tensor() {
    for tail in [1usize, 11, 12, 13, 100, 5000] {
        let mut bytes = SMALL.clone();
        bytes.resize(SMALL.len() + tail, 0);
        let error = refuse(&bytes);
        let ErrorKind::TrailingBytes { offset, count } = error.kind() else { panic!("{error}") };
        assert_eq!((*offset, *count), (SMALL.len() as u64, tail as u64));
    }
}

/// The tensor with this name, its type replaced.
fn retyped(name: &str, ty: u32) -> Error {
    let place = TENSORS.iter().find(|t| t.0 == name).unwrap().1;
    refuse(&patched(place + 8, ty))
}

#[test]
fn messages_name_file_place_and_remedy() {
    let text = |error: Error| error.to_string();
    let embedding = "decoder.token_embedding.weight";
    let at = TENSORS.iter().find(|t| t.0 == embedding).unwrap().1;
    assert_eq!(
        text(retyped(embedding, 2)),
        format!(
            "broken: tensor {embedding} (byte {at}): a row has 16 values, which is not a multiple of the \
             32 in a block of q4_0; such a file was quantised wrongly, use a type with a smaller block \
             (q8_0, q5_1)"
        )
    );
    assert_eq!(
        text(retyped(embedding, 5)),
        format!("broken: tensor {embedding} (byte {at}): type 5 is not a ggml type that this program knows")
    );
    assert_eq!(
        text(retyped(embedding, 9)),
        format!(
            "broken: tensor {embedding} (byte {at}): type q8_1 cannot be used here: it is for activations \
             and never stands in a file"
        )
    );
    assert_eq!(
        text(refuse(&patched(4, 50000))),
        "broken: header field n_vocab (byte 4) is 50000: 51864 to 51866 allowed (51864 (English), 51865 \
         (99 languages) and 51866 (100 languages) exist; the special tokens' ids follow from it and from \
         nothing else)"
    );
    assert_eq!(
        text(refuse(&patched(28, 32))),
        "broken: header field n_text_state (byte 28) is 32: must equal n_audio_state (16), because the \
         decoder attends to the encoder's output"
    );
    assert_eq!(
        text(refuse(&SMALL[..SMALL.len() - 1])),
        format!(
            "broken: ends too early: the data of tensor decoder.ln.bias at byte {} needs 64 bytes and 63 \
             are left; the file is damaged or was not downloaded to its end, fetch it again",
            SMALL.len() - 64
        )
    );
    assert_eq!(
        text(refuse(&SMALL[..TENSORS[0].1])),
        "broken: has a header and no weights (such files are made for tests); give a whole model"
    );
    let place = TENSORS[6].1;
    assert_eq!(
        text(refuse(&patched(place + 12, 17))),
        format!("broken: tensor {} (byte {place}): shape [17], but the header implies [16]", TENSORS[6].0)
    );
}

#[test]
fn names_from_the_file_are_quoted_safely() {
    let (name, _, data, _) = &TENSORS[0];
    let mut bytes = SMALL.clone();
    bytes[data - name.len()..*data].fill(0x1b);
    let error = refuse(&bytes);
    assert!(matches!(error.kind(), ErrorKind::Tensor { problem: TensorProblem::Unknown, .. }));
    assert!(error.to_string().chars().all(|c| !c.is_control()), "{error:?}");
}

#[test]
fn other_files_are_recognised() {
    let cases: [(&[u8], &str); 12] = [
        (b"", "it is empty"),
        (b"GGUF\x03\0\0\0", "GGUF"),
        (b"PK\x03\x04rest", "PyTorch"),
        (b"\x80\x02}q\0", "PyTorch"),
        (b"\x20\0\0\0\0\0\0\0{\"a\":1}", "safetensors"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"ggml\x98\xca\0\0", "big-endian"),
        (b"tjgg\x01\0\0\0", "language model"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>Not found", "web page"),
        (b"RIFF\x24\0\0\0WAVE", "audio file"),
        (b"hello", "it begins with \"hell\" instead of \"lmgg\""),
    ];
    for (bytes, expected) in cases {
        let error = refuse(bytes);
        assert!(matches!(error.kind(), ErrorKind::NotGgml { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
