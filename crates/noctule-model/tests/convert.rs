//! Checkpoints of other programs: every format there and back, and files that were made to do harm.

use std::fs;
use std::path::{Path, PathBuf};

use noctule_kernels::block::GgmlType;
use noctule_model::convert::{self, Report, Settings, Target};
use noctule_model::{Error, Hparams, Model, names, synthetic};

const F32: Settings<'static> = Settings { target: Target::F32, vocab: None, lora: None };

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("convert").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn hparams() -> Hparams {
    Hparams {
        n_vocab: 51865,
        n_audio_ctx: 8,
        n_audio_state: 32,
        n_audio_head: 2,
        n_audio_layer: 2,
        n_text_ctx: 16,
        n_text_state: 32,
        n_text_head: 4,
        n_text_layer: 1,
        n_mels: 80,
        ftype: 0,
    }
}

/// A random model in f32.
fn model() -> Model {
    let header = synthetic::header(hparams()).unwrap();
    Model::from_vec("synthetic", synthetic::model(&header, GgmlType::F32, 3).unwrap()).unwrap()
}

/// The model's vocabulary as a file.
fn vocab_file(folder: &Path) -> PathBuf {
    let path = folder.join("other.bin");
    let header = synthetic::header(hparams()).unwrap();
    fs::write(&path, synthetic::model(&header, GgmlType::F16, 1).unwrap()).unwrap();
    path
}

#[track_caller]
fn same(path: &Path, expected: &Model) {
    let found = Model::open(path).unwrap();
    assert_eq!(found.hparams(), expected.hparams());
    assert_eq!(found.mel_filters(), expected.mel_filters());
    for id in 0..found.vocab().n_text() as u32 {
        assert_eq!(found.vocab().token(id), expected.vocab().token(id));
    }
    for tensor in expected.tensors() {
        let other = found.tensor(&tensor.name).unwrap();
        assert_eq!(found.f32s(other), expected.f32s(tensor), "{}", tensor.name);
    }
}

fn convert(source: &Path, settings: Settings, name: &str) -> Result<(Report, PathBuf), Error> {
    let target = source.with_file_name(format!("{name}.bin"));
    let report = convert::to_ggml(source, settings, &target);
    assert_eq!(report.is_ok(), target.is_file(), "a file is there exactly when it was converted");
    Ok((report?, target))
}

/// The words of an error that must come.
#[track_caller]
fn refused(source: &Path, settings: Settings) -> String {
    convert(source, settings, "refused").expect_err("it was converted").to_string()
}

// --- safetensors and directories -------------------------------------------------------------------------------------

#[test]
fn a_directory_goes_there_and_back() {
    let folder = folder("there-and-back").join("model");
    let model = model();
    convert::to_safetensors(&model, &folder).unwrap();
    let (report, target) = convert(&folder, F32, "back").unwrap();
    same(&target, &model);
    assert_eq!(report.mapped.len(), names::expected(&hparams()).len());
    assert!(report.mapped.contains(&(
        "model.decoder.layers.0.encoder_attn.v_proj.bias".into(),
        "decoder.blocks.0.cross_attn.value.bias".into()
    )));
    assert_eq!(report.left_out, []);
    // The weights alone find what lies beside them.
    let (_, target) = convert(&folder.join("model.safetensors"), F32, "alone").unwrap();
    same(&target, &model);
    // In sixteen bits matrices are rounded and vectors are not.
    let (_, target) = convert(&folder, Settings { target: Target::F16, ..F32 }, "half").unwrap();
    let half = Model::open(&target).unwrap();
    assert_eq!(half.weight_type().to_string(), "f16");
    let bias = half.tensor("encoder.conv1.bias").unwrap();
    assert_eq!(half.f32s(bias), model.f32s(model.tensor("encoder.conv1.bias").unwrap()));
}

/// The parts of a safetensors file: JSON and data.
fn split(path: &Path) -> (serde_json::Value, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    (serde_json::from_slice(&bytes[8..8 + length]).unwrap(), bytes[8 + length..].to_vec())
}

fn join(path: &Path, json: &serde_json::Value, data: &[u8]) {
    let text = json.to_string();
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    fs::write(path, bytes).unwrap();
}

#[test]
fn shards_are_joined_and_never_followed_outside() {
    let folder = folder("shards").join("model");
    let model = model();
    convert::to_safetensors(&model, &folder).unwrap();
    let (json, data) = split(&folder.join("model.safetensors"));
    fs::remove_file(folder.join("model.safetensors")).unwrap();
    let all = json.as_object().unwrap();
    let mut map = serde_json::Map::new();
    for (number, shard) in ["model-1-of-2.safetensors", "model-2-of-2.safetensors"].iter().enumerate() {
        let keep = |(i, (name, _)): &(usize, (&String, &serde_json::Value))| i % 2 == number && *name != "__metadata__";
        let part: serde_json::Map<_, _> =
            all.iter().enumerate().filter(keep).map(|(_, (k, v))| (k.clone(), v.clone())).collect();
        part.keys().for_each(|name| drop(map.insert(name.clone(), (*shard).into())));
        join(&folder.join(shard), &part.into(), &data);
    }
    let index = folder.join("model.safetensors.index.json");
    fs::write(&index, serde_json::json!({ "weight_map": map }).to_string()).unwrap();
    let (_, target) = convert(&folder, F32, "joined").unwrap();
    same(&target, &model);
    for evil in ["../../../etc/passwd", "/etc/passwd", "..", "a/b.safetensors", "C:\\x", ".hidden", ""] {
        map.insert("model.encoder.conv1.weight".into(), evil.into());
        fs::write(&index, serde_json::json!({ "weight_map": map }).to_string()).unwrap();
        assert!(refused(&folder, F32).contains("no file of this directory"), "{evil}");
    }
}

#[test]
fn tensors_that_do_not_belong_are_named() {
    let folder = folder("belong").join("model");
    convert::to_safetensors(&model(), &folder).unwrap();
    let path = folder.join("model.safetensors");
    let (json, data) = split(&path);
    let change = |change: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut json = json.clone();
        change(json.as_object_mut().unwrap());
        join(&path, &json, &data);
    };
    let bias = json["model.encoder.conv1.bias"].clone();
    change(&|all| drop(all.insert("model.classifier.weight".into(), bias.clone())));
    let message = refused(&folder, F32);
    assert!(message.contains("model.classifier.weight") && message.contains("no such tensor"), "{message}");
    change(&|all| drop(all.remove("model.encoder.layers.1.fc1.bias")));
    assert!(refused(&folder, F32).contains("encoder.blocks.1.mlp.0.bias"), "{}", refused(&folder, F32));
    change(&|all| drop(all.insert("model.encoder.conv2.bias".into(), json["model.encoder.layer_norm.bias"].clone())));
    assert!(convert(&folder, F32, "swapped").is_ok(), "the same shape");
    change(&|all| drop(all.insert("model.encoder.conv2.bias".into(), json["model.encoder.layers.0.fc1.bias"].clone())));
    assert!(refused(&folder, F32).contains("shape"));
    // An output layer of its own is refused, the usual one is left out.
    change(&|all| drop(all.insert("proj_out.weight".into(), json["model.decoder.embed_tokens.weight"].clone())));
    let (report, _) = convert(&folder, F32, "tied").unwrap();
    assert_eq!(report.left_out[0].0, "proj_out.weight");
    change(&|all| drop(all.insert("proj_out.weight".into(), json["model.encoder.conv1.weight"].clone())));
    assert!(refused(&folder, F32).contains("token embedding"));
}

#[test]
fn hostile_safetensors_are_refused() {
    let folder = folder("hostile-safetensors");
    let path = folder.join("x.safetensors");
    let mut header = (1u64 << 63).to_le_bytes().to_vec();
    header.extend(b"{\"a\":{}}");
    fs::write(&path, &header).unwrap();
    assert!(refused(&path, F32).contains("a header of 9223372036854775808 bytes"));
    for (entry, words) in [
        (r#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#, "need 8"),
        (r#"{"dtype":"F32","shape":[1],"data_offsets":[4,0]}"#, "bytes 4 to 0"),
        (r#"{"dtype":"F32","shape":[1],"data_offsets":[100,104]}"#, "of 8"),
        (r#"{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}"#, "overflows"),
        (r#"{"dtype":"I64","shape":[1],"data_offsets":[0,8]}"#, "type I64"),
        (r#"{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}"#, "no shape"),
        ("7", "type none"),
    ] {
        join(&path, &serde_json::from_str(&format!("{{\"t\":{entry}}}")).unwrap(), &[0; 8]);
        let message = refused(&path, F32);
        assert!(message.contains(words), "{entry}: {message}");
    }
    let deep = format!("{{\"t\":{}", "[".repeat(100_000));
    let mut bytes = (deep.len() as u64).to_le_bytes().to_vec();
    bytes.extend(deep.as_bytes());
    fs::write(&path, bytes).unwrap();
    assert!(refused(&path, F32).contains("header:"));
}

#[test]
fn adapters_are_merged() {
    let folder = folder("lora");
    let model = model();
    convert::to_safetensors(&model, &folder.join("base")).unwrap();
    let adapter = folder.join("adapter");
    fs::create_dir_all(&adapter).unwrap();
    let config = |extra: &str| format!("{{\"r\":2,\"lora_alpha\":4{extra}}}");
    fs::write(adapter.join("adapter_config.json"), config("")).unwrap();
    let a: Vec<f32> = (0..64).map(|i| i as f32 / 64.0).collect();
    let b: Vec<f32> = (0..64).map(|i| 1.0 - i as f32 / 32.0).collect();
    let data: Vec<u8> = a.iter().chain(&b).flat_map(|x| x.to_le_bytes()).collect();
    let name = "base_model.model.model.encoder.layers.1.self_attn.q_proj";
    let write = |shape: [usize; 2]| {
        let json = serde_json::json!({
            format!("{name}.lora_A.weight"): { "dtype": "F32", "shape": shape, "data_offsets": [0, 256] },
            format!("{name}.lora_B.weight"): { "dtype": "F32", "shape": [32, 2], "data_offsets": [256, 512] },
        });
        join(&adapter.join("adapter_model.safetensors"), &json, &data);
    };
    write([2, 32]);
    let settings = Settings { lora: Some(&adapter), ..F32 };
    let (report, target) = convert(&folder.join("base"), settings, "merged").unwrap();
    assert_eq!(report.merged, 1);
    let merged = Model::open(&target).unwrap();
    for tensor in model.tensors() {
        let (before, after) = (model.f32s(tensor), merged.f32s(merged.tensor(&tensor.name).unwrap()));
        if tensor.name != "encoder.blocks.1.attn.query.weight" {
            assert_eq!(before, after, "{}", tensor.name);
            continue;
        }
        for (i, (before, after)) in before.iter().zip(&after).enumerate() {
            let (row, column) = (i / 32, i % 32);
            let change: f32 = (0..2).map(|k| b[row * 2 + k] * a[k * 32 + column]).sum();
            assert!((before + 2.0 * change - after).abs() < 1e-5, "{i}: {before} {after}");
        }
    }
    write([4, 16]);
    assert!(refused(&folder.join("base"), settings).contains("fit no weight"));
    fs::write(adapter.join("adapter_config.json"), config(",\"use_dora\":true")).unwrap();
    assert!(refused(&folder.join("base"), settings).contains("use_dora"));
}

// --- PyTorch ---------------------------------------------------------------------------------------------------------

/// A zip archive; `method` 8 says that entries are compressed.
fn zip(entries: &[(String, Vec<u8>)], method: u16) -> Vec<u8> {
    let (mut file, mut table) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let at = file.len() as u32;
        let mut common = 0u16.to_le_bytes().to_vec();
        common.extend(method.to_le_bytes());
        common.extend([0; 8]);
        common.extend((data.len() as u32).to_le_bytes());
        common.extend((data.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        file.extend(b"PK\x03\x04\x14\0");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(data);
        table.extend(b"PK\x01\x02\x14\0\x14\0");
        table.extend(&common);
        table.extend([0; 10]);
        table.extend(at.to_le_bytes());
        table.extend(name.as_bytes());
    }
    let start = file.len() as u32;
    let count = (entries.len() as u16).to_le_bytes();
    let size = (table.len() as u32).to_le_bytes();
    file.extend(table);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count);
    file.extend(count);
    file.extend(size);
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn integer(out: &mut Vec<u8>, n: usize) {
    out.push(b'J');
    out.extend((n as u32).to_le_bytes());
}

/// The pickle of `{"dims": {...}, "model_state_dict": OrderedDict(...)}` as PyTorch writes it, and the storages.
fn checkpoint(model: &Model) -> Vec<(String, Vec<u8>)> {
    let mut out = b"\x80\x02}(".to_vec();
    text(&mut out, "dims");
    out.extend(b"}(");
    for (name, n) in [("n_audio_head", 2), ("n_text_head", 4)] {
        text(&mut out, name);
        integer(&mut out, n);
    }
    out.push(b'u');
    text(&mut out, "model_state_dict");
    out.extend(b"ccollections\nOrderedDict\n)R(");
    let mut entries = Vec::new();
    for (i, tensor) in model.tensors().enumerate() {
        text(&mut out, &tensor.name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(b"ctorch\nFloatStorage\n");
        text(&mut out, &i.to_string());
        text(&mut out, "cpu");
        integer(&mut out, tensor.elements());
        out.extend(b"tQK\0(");
        let mut shape: Vec<usize> = tensor.ne.iter().rev().copied().collect();
        if tensor.name.ends_with("bias") {
            shape.retain(|&n| n != 1);
        }
        shape.iter().for_each(|&n| integer(&mut out, n));
        out.extend(b"t(");
        (0..shape.len()).for_each(|i| integer(&mut out, shape[i + 1..].iter().product()));
        out.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
        entries.push((format!("archive/data/{i}"), model.bytes(tensor).to_vec()));
    }
    out.extend(b"uu.");
    entries.insert(0, ("archive/data.pkl".to_string(), out));
    entries
}

#[test]
fn a_torch_checkpoint_is_read_without_running_it() {
    let folder = folder("torch");
    let (path, model) = (folder.join("model.pt"), model());
    fs::write(&path, zip(&checkpoint(&model), 0)).unwrap();
    assert!(refused(&path, F32).contains("has no vocabulary"));
    let vocab = vocab_file(&folder);
    let (_, target) = convert(&path, Settings { vocab: Some(&vocab), ..F32 }, "converted").unwrap();
    same(&target, &model);
}

/// An archive with this pickle alone.
fn pickled(folder: &Path, pickle: &[u8]) -> String {
    let path = folder.join("evil.pt");
    fs::write(&path, zip(&[("archive/data.pkl".into(), pickle.to_vec())], 0)).unwrap();
    refused(&path, F32)
}

#[test]
fn pickles_that_would_run_code_are_refused() {
    let folder = folder("evil");
    let mark = folder.join("executed");
    let shell = format!("touch {}", mark.display());
    let mut call = b"\x80\x02cposix\nsystem\n(X".to_vec();
    call.extend((shell.len() as u32).to_le_bytes());
    call.extend(shell.as_bytes());
    call.extend(b"tR.");
    let message = pickled(&folder, &call);
    // Thirty bytes of the local header and sixteen of its name stand before the pickle, the name two bytes into it.
    assert!(message.contains("refused") && message.contains("posix.system at byte 48"), "{message}");
    for (pickle, words) in [
        (&b"\x80\x02c__builtin__\neval\n(U\x011tR."[..], "__builtin__.eval"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"\x80\x02(S'x'\nios\nsystem\n.", "opcode 0x53"),
        (b"\x80\x02(ios\nsystem\n.", "opcode 0x69"),
        (b"\x80\x02}(X\x01\0\0\0aN}N\x81.", "opcode 0x81"),
        (b"\x80\x02\x82\x01.", "opcode 0x82"),
        (b"\x80\x02ccollections\nOrderedDict\n(K\x01tR.", "other arguments"),
        (b"\x80\x02X\x01\0\0\0a)R.", "no name"),
        (b"\x80\x02ctorch.storage\n_load_from_bytes\n.", "_load_from_bytes"),
        (b"\x80\x02", "ends in the middle"),
        (b".", "empty stack"),
        (b"(.", "empty stack"),
        (b"h\x07.", "never written"),
        (b"Nr\xff\xff\xff\xff.", "too large"),
        (b"Na.", "no list or dictionary"),
        (b"NNa.", "no list or dictionary"),
        (b"t.", "no mark"),
        (b"N.", "no dictionary of tensors"),
        (b"X\xff\xff\xff\xff.", "ends in the middle"),
        (b"\x8a\x09aaaaaaaaa.", "64 bits"),
    ] {
        let message = pickled(&folder, pickle);
        assert!(message.contains(words), "{words}: {message}");
    }
    assert!(!mark.exists(), "it was executed");
}

#[test]
fn pickles_with_random_damage_end_in_words() {
    let folder = folder("damage");
    let model = model();
    let entries = checkpoint(&model);
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let path = folder.join("x.pt");
    for _ in 0..300 {
        // Without the values: none of these gets as far as reading them.
        let mut pickle = entries[0].1.clone();
        for _ in 0..1 + random() % 4 {
            let at = random() % pickle.len();
            pickle[at] = random() as u8;
        }
        fs::write(&path, zip(&[("archive/data.pkl".into(), pickle)], 0)).unwrap();
        assert!(!refused(&path, F32).is_empty());
    }
}

#[test]
fn bombs_and_broken_archives_are_refused() {
    let folder = folder("zip");
    let path = folder.join("x.pt");
    let entries = [("archive/data.pkl".to_string(), b"\x80\x02N.".to_vec())];
    fs::write(&path, zip(&entries, 8)).unwrap();
    assert!(refused(&path, F32).contains("compressed"), "{}", refused(&path, F32));
    let whole = zip(&entries, 0);
    for (what, words) in [
        (whole[..whole.len() - 30].to_vec(), "cut"),
        (zip(&[("readme".into(), vec![1])], 0), "data.pkl"),
        (zip(&[entries[0].clone(), entries[0].clone()], 0), "twice"),
    ] {
        fs::write(&path, what).unwrap();
        assert!(refused(&path, F32).contains(words), "{words}: {}", refused(&path, F32));
    }
    // An entry that claims four gigabytes.
    let mut large = whole.clone();
    let table = large.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    large[table + 20..table + 28].copy_from_slice(&[0xfe; 8]);
    fs::write(&path, &large).unwrap();
    assert!(refused(&path, F32).contains("outside the file"));
    for at in 0..whole.len() {
        for value in [0, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            fs::write(&path, bytes).unwrap();
            assert!(!refused(&path, F32).is_empty());
        }
    }
}

// --- GGUF ------------------------------------------------------------------------------------------------------------

/// A GGUF file of these tensors: name, extents fastest first, type, bytes.
fn gguf(heads: [u32; 2], tensors: &[(String, Vec<usize>, GgmlType, Vec<u8>)]) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }
    let mut out = b"GGUF\x03\0\0\0".to_vec();
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend(4u64.to_le_bytes());
    text(&mut out, "general.architecture");
    out.extend(8u32.to_le_bytes());
    text(&mut out, "whisper");
    for (side, heads) in ["encoder", "decoder"].iter().zip(heads) {
        text(&mut out, &format!("whisper.{side}.attention.head_count"));
        out.extend(4u32.to_le_bytes());
        out.extend(heads.to_le_bytes());
    }
    text(&mut out, "tokenizer.ggml.tokens");
    out.extend(9u32.to_le_bytes());
    out.extend(8u32.to_le_bytes());
    out.extend(50258u64.to_le_bytes());
    (0..50257).for_each(|i| text(&mut out, &format!("\u{120}{i}")));
    text(&mut out, "<|endoftext|>");
    let mut at = 0u64;
    for (name, ne, ty, bytes) in tensors {
        text(&mut out, name);
        out.extend((ne.len() as u32).to_le_bytes());
        ne.iter().for_each(|&n| out.extend((n as u64).to_le_bytes()));
        out.extend(ty.id().to_le_bytes());
        out.extend(at.to_le_bytes());
        at += (bytes.len() as u64).next_multiple_of(32);
    }
    for (.., bytes) in tensors {
        out.resize(out.len().next_multiple_of(32), 0);
        out.extend(bytes);
    }
    out
}

fn tensors(model: &Model) -> Vec<(String, Vec<usize>, GgmlType, Vec<u8>)> {
    model.tensors().map(|t| (t.name.clone(), t.ne.clone(), t.ty, model.bytes(t).to_vec())).collect()
}

#[test]
fn gguf_keeps_values_and_types() {
    let folder = folder("gguf");
    let (path, model) = (folder.join("model.gguf"), model());
    fs::write(&path, gguf([2, 4], &tensors(&model))).unwrap();
    let (report, target) = convert(&path, F32, "converted").unwrap();
    same(&target, &model);
    assert_eq!(report.source, "GGUF");
    // One matrix in blocks of q8_0: a scale of 1/64 and the values -16 to 15.
    let mut quantised = tensors(&model);
    let block: Vec<u8> = [0x00, 0x24].into_iter().chain((-16i8..16).map(|x| x as u8)).collect();
    for (name, ne, ty, bytes) in &mut quantised {
        if name.ends_with("mlp.0.weight") {
            (*ty, *bytes) = (GgmlType::Q8_0, block.repeat(ne[1]));
        }
    }
    fs::write(&path, gguf([2, 4], &quantised)).unwrap();
    let (_, target) = convert(&path, Settings { target: Target::Keep, ..F32 }, "kept").unwrap();
    let kept = Model::open(&target).unwrap();
    let matrix = kept.tensor("encoder.blocks.0.mlp.0.weight").unwrap();
    assert_eq!((matrix.ty, kept.bytes(matrix)), (GgmlType::Q8_0, &*block.repeat(128)));
    let (_, target) = convert(&path, F32, "unpacked").unwrap();
    let unpacked = Model::open(&target).unwrap();
    let values = unpacked.f32s(unpacked.tensor("encoder.blocks.0.mlp.0.weight").unwrap());
    assert_eq!(values[..32], (-16..16).map(|x| x as f32 / 64.0).collect::<Vec<_>>());
}

#[test]
fn hostile_gguf_is_refused() {
    let folder = folder("hostile-gguf");
    let path = folder.join("x.gguf");
    let good = gguf([2, 4], &tensors(&model()));
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        fs::write(&path, file).unwrap();
        refused(&path, F32)
    };
    assert!(with(4, &[9]).contains("version 9"));
    assert!(with(8, &[0xff; 8]).contains("tensors"));
    assert!(with(16, &[0xff; 8]).contains("entries"));
    assert!(with(24, &[0xff; 8]).contains("a text of"));
    let at = |needle: &[u8]| good.windows(needle.len()).position(|w| w == needle).unwrap() + needle.len();
    // The first extent of the first tensor, then its type, then its offset.
    let first = at(b"encoder.positional_embedding");
    assert!(with(first, &[200]).contains("200 dimensions"));
    assert!(with(first + 4, &[0xff; 8]).contains("outside the file"));
    assert!(with(first + 20, &[0xee]).contains("type 238"));
    assert!(with(first + 24, &[0xff; 8]).contains("outside the file"));
    assert!(with(at(b"general.architecture\x08\0\0\0\x07\0\0\0\0\0\0\0"), b"speaker").contains("speaker"));
    for length in (0..good.len()).step_by(good.len() / 50) {
        fs::write(&path, &good[..length]).unwrap();
        assert!(!refused(&path, F32).is_empty());
    }
}
