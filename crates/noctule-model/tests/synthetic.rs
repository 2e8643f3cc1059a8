//! Random models: what Python makes of the same recipe, and what the writer and reader make of them.

use std::path::Path;

use noctule_kernels::block::GgmlType;
use noctule_model::synthetic::{self, Kind};
use noctule_model::write::{FileWriter, Writer};
use noctule_model::{ErrorKind, Hparams, Model, TensorProblem, WeightType};

fn small(ty: GgmlType) -> Vec<u8> {
    let hparams = Hparams {
        n_audio_state: 16,
        n_audio_head: 1,
        n_audio_layer: 1,
        n_text_state: 16,
        n_text_head: 1,
        n_text_layer: 1,
        ..Kind::En.hparams()
    };
    synthetic::model(&synthetic::header(hparams).unwrap(), ty, 1).unwrap()
}

/// `"key": number` in the part of the reference that belongs to `kind`.
fn reference(kind: &str, key: &str) -> u64 {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/reference/synthetic.json");
    let text = std::fs::read_to_string(path).expect("the reference is part of the repository");
    let text = &text[text.find("\"models\"").expect("models")..];
    let text = &text[text.find(&format!("\"{kind}\": {{")).expect("the kind")..];
    let text = &text[text.find(&format!("\"{key}\": ")).expect("the key") + key.len() + 4..];
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// The sum of all bit patterns of all tensors, each value as an integer of its own width.
fn sum_of_bit_patterns(model: &Model) -> u64 {
    let mut sum = 0u64;
    for tensor in model.tensors() {
        let width = tensor.ty.block_bytes();
        for value in model.bytes(tensor).chunks_exact(width) {
            let bits = value.iter().rev().fold(0u64, |bits, &b| bits << 8 | u64::from(b));
            sum = sum.wrapping_add(bits);
        }
    }
    sum
}

#[test]
fn kinds_equal_those_that_python_makes() {
    for kind in Kind::ALL {
        let header = synthetic::header(kind.hparams()).unwrap();
        let bytes = synthetic::model(&header, GgmlType::F16, 1).unwrap();
        let model = Model::from_vec(kind.name(), bytes).unwrap();
        assert_eq!(model.tensors().count() as u64, reference(kind.name(), "tensors"));
        let sum = reference(kind.name(), "sum_of_bit_patterns");
        assert_eq!(sum_of_bit_patterns(&model), sum, "{}", kind.name());
        assert_eq!(model.notes(), [] as [String; 0]);
    }
    let header = synthetic::header(Kind::En.hparams()).unwrap();
    let model = Model::from_vec("en", synthetic::model(&header, GgmlType::F32, 1).unwrap()).unwrap();
    assert_eq!(sum_of_bit_patterns(&model), reference("en-f32", "sum_of_bit_patterns"));
}

#[test]
fn a_model_written_again_is_the_same_bytes() {
    for ty in [GgmlType::F32, GgmlType::F16, GgmlType::BF16] {
        let bytes = small(ty);
        let model = Model::from_vec("small", bytes.clone()).unwrap();
        assert_eq!(model.weight_type(), WeightType::Uniform(ty));
        let mut writer = Writer::new(Vec::new(), "copy", model.header()).unwrap();
        for t in model.tensors() {
            writer.tensor(&t.name, t.ty, model.bytes(t)).unwrap();
        }
        assert!(writer.finish().unwrap() == bytes, "{ty}");
    }
}

#[test]
fn values_survive_each_type() {
    let exact = Model::from_vec("f32", small(GgmlType::F32)).unwrap();
    for (ty, tolerance) in [(GgmlType::F16, 1.0 / 2048.0), (GgmlType::BF16, 1.0 / 256.0)] {
        let model = Model::from_vec("rounded", small(ty)).unwrap();
        for t in model.tensors() {
            let want = exact.f32s(exact.tensor(&t.name).unwrap());
            for (a, b) in model.f32s(t).iter().zip(&want) {
                assert!((a - b).abs() <= b.abs() * tolerance + 1e-7, "{} {a} {b}", t.name);
            }
        }
    }
}

#[test]
fn mixed_types_are_read_and_noted() {
    let source = Model::from_vec("f16", small(GgmlType::F16)).unwrap();
    let mut writer = Writer::new(Vec::new(), "mixed", source.header()).unwrap();
    for t in source.tensors() {
        if t.name == "encoder.blocks.0.mlp.2.weight" {
            // 16 rows of 64 values: two blocks of q8_0 each.
            writer.tensor(&t.name, GgmlType::Q8_0, &[0; 16 * 2 * 34]).unwrap();
        } else {
            writer.tensor(&t.name, t.ty, source.bytes(t)).unwrap();
        }
    }
    let model = Model::from_vec("mixed", writer.finish().unwrap()).unwrap();
    assert_eq!(model.weight_type(), WeightType::Mixed(GgmlType::F16));
    assert_eq!(model.weight_type().to_string(), "mixed");
    assert!(model.notes()[0].contains("stock whisper.cpp cannot read"), "{:?}", model.notes());
}

#[test]
fn a_contradicting_file_type_is_noted_and_the_tensors_believed() {
    let mut bytes = small(GgmlType::F16);
    bytes[44..48].copy_from_slice(&2009u32.to_le_bytes());
    let model = Model::from_vec("lying", bytes).unwrap();
    assert_eq!(model.weight_type(), WeightType::Uniform(GgmlType::F16));
    assert_eq!(
        model.notes(),
        ["the header's file type 2009 means q5_1, but the weights are f16; the weights' own type is \
          used (stock whisper.cpp trusts the header)"]
    );
}

#[test]
fn the_writer_refuses_what_the_reader_would() {
    let source = Model::from_vec("f16", small(GgmlType::F16)).unwrap();
    let mut writer = Writer::new(Vec::new(), "out", source.header()).unwrap();
    let mut problem = |name: &str, ty, data: &[u8]| match writer.tensor(name, ty, data).unwrap_err().kind() {
        ErrorKind::Tensor { problem, .. } => problem.clone(),
        other => panic!("{other}"),
    };
    assert_eq!(problem("nonsense", GgmlType::F32, &[]), TensorProblem::Unknown);
    let size = problem("decoder.ln.bias", GgmlType::F32, &[0; 60]);
    assert_eq!(size, TensorProblem::DataSize { needed: 64, given: 60 });
    let kind = problem("decoder.ln.bias", GgmlType::Q8_0, &[]);
    assert!(matches!(kind, TensorProblem::TypeNotAllowed { .. }));
    let row = problem("decoder.token_embedding.weight", GgmlType::Q8_0, &[]);
    assert!(matches!(row, TensorProblem::Row { row: 16, block: 32, .. }));
    writer.tensor("decoder.ln.bias", GgmlType::F32, &[0; 64]).unwrap();
    let twice = writer.tensor("decoder.ln.bias", GgmlType::F32, &[0; 64]).unwrap_err();
    assert!(matches!(twice.kind(), ErrorKind::Tensor { problem: TensorProblem::Duplicate, .. }));
    let missing = writer.finish().unwrap_err();
    assert!(matches!(missing.kind(), ErrorKind::MissingTensors { count: 49, expected: 50, .. }), "{missing}");

    let mut header = source.header().clone();
    header.hparams.n_mels = 128;
    assert!(Writer::new(Vec::new(), "out", &header).is_err());
}

/// A 384-wide model whose rows are cut into super-blocks of 256 as if they were one long row: what
/// whisper.cpp's quantiser makes of tiny and a K type.
#[test]
fn super_blocks_that_straddle_rows() {
    let hparams = Hparams {
        n_audio_state: 384,
        n_audio_head: 6,
        n_audio_layer: 1,
        n_text_state: 384,
        n_text_head: 6,
        n_text_layer: 1,
        ..Kind::En.hparams()
    };
    let header = synthetic::header(hparams).unwrap();
    let bytes = synthetic::model(&header, GgmlType::F16, 1).unwrap();
    let model = Model::from_vec("wide", bytes.clone()).unwrap();
    let t = model.tensor("encoder.blocks.0.attn.query.weight").unwrap();
    let data = t.range();
    let type_at = data.start - t.name.len() - 4 * t.ne.len() - 4;
    let flat = vec![0u8; 384 * 384 / 256 * 144];
    let id = GgmlType::Q4_K.id().to_le_bytes();
    let spliced = [&bytes[..type_at], &id, &bytes[type_at + 4..data.start], &flat, &bytes[data.end..]].concat();
    let error = Model::from_vec("wide-q4_k", spliced).unwrap_err();
    let ErrorKind::Tensor { tensor, problem, .. } = error.kind() else { panic!("{error}") };
    assert_eq!(tensor, &t.name);
    assert_eq!(problem, &TensorProblem::Row { row: 384, block: 256, ty: "q4_k" });
}

/// An empty folder that is removed at the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("noctule-model-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let folder = Folder::new("whole");
    let path = folder.0.join("model.bin");
    let source = Model::from_vec("f16", small(GgmlType::F16)).unwrap();
    let mut tensors = source.tensors();

    let mut writer = FileWriter::create(&path, source.header()).unwrap();
    let first = tensors.next().unwrap();
    writer.tensor(&first.name, first.ty, source.bytes(first)).unwrap();
    assert!(!path.exists(), "half a model under its name");
    drop(writer);
    assert_eq!(folder.names(), [] as [String; 0], "a dropped writer leaves nothing");

    let mut writer = FileWriter::create(&path, source.header()).unwrap();
    writer.tensor(&first.name, first.ty, source.bytes(first)).unwrap();
    let error = writer.finish().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingTensors { .. }), "{error}");
    assert_eq!(folder.names(), [] as [String; 0], "an unfinished file leaves nothing");

    std::fs::write(&path, "an older file").unwrap();
    let mut writer = FileWriter::create(&path, source.header()).unwrap();
    for t in source.tensors() {
        writer.tensor(&t.name, t.ty, source.bytes(t)).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(folder.names(), ["model.bin"]);
    assert!(std::fs::read(&path).unwrap() == small(GgmlType::F16));

    // A mapped model stays what it was while its file is replaced.
    let mapped = Model::open(&path).unwrap();
    assert_eq!((mapped.name(), mapped.path()), ("model", Some(path.as_path())));
    let mut writer = FileWriter::create(&path, source.header()).unwrap();
    for t in source.tensors() {
        writer.tensor(&t.name, t.ty, &vec![0; t.size_bytes()]).unwrap();
    }
    writer.finish().unwrap();
    let t = mapped.tensor("decoder.ln.weight").unwrap();
    assert!(mapped.f32s(t).iter().all(|&x| x != 0.0));
}

#[test]
fn what_is_not_a_file_is_refused_by_name() {
    let folder = Folder::new("kinds");
    let error = Model::open(&folder.0).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotAFile { what: "a directory" }), "{error}");
    let error = Model::open(&folder.0.join("absent.bin")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io { action: "open", .. }), "{error}");
    let source = Model::from_vec("f16", small(GgmlType::F16)).unwrap();
    let error = FileWriter::create(&folder.0, source.header()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotAFile { .. }), "{error}");
    #[cfg(unix)]
    for (path, name) in [("/dev/null", "a device"), ("/dev/zero", "a device")] {
        let error = Model::open(Path::new(path)).unwrap_err();
        assert_eq!(error.to_string(), format!("{path}: is {name}, not a file; give the path of a ggml model (.bin)"));
        let error = FileWriter::create(Path::new(path), source.header()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotAFile { .. }), "{error}");
    }
    #[cfg(unix)]
    {
        let pipe = folder.0.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|status| status.success()) {
            let error = Model::open(&pipe).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::NotAFile { what: "a pipe" }), "{error}");
        } else {
            eprintln!("skipped: mkfifo is not there");
        }
    }
}
