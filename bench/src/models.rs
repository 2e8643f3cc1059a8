//! Model files: finding them, making the types that are missing, and what a token costs in bytes.

use crate::engine::ModelFile;
use anyhow::{Context, Result, bail, ensure};
use noctule_model::Model;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The ten types of whisper-quantize.
pub const TYPES: [&str; 10] = ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k"];

/// What is known of a file. One that cannot be read is measured all the same: whether an engine reads it is a result.
pub fn describe(path: &Path) -> Result<ModelFile> {
    let size = fs::metadata(path).with_context(|| format!("there is no model {}", path.display()))?.len();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = stem.strip_prefix("ggml-").unwrap_or(&stem).to_owned();
    let english_only = name.split('-').next().is_some_and(|network| network.ends_with(".en"));
    let model = Model::open(path).ok();
    let token_bytes = model.as_ref().map_or(0, token_bytes);
    let is_float =
        model.as_ref().is_none_or(|model| ["f16", "f32", "bf16"].contains(&model.weight_type().to_string().as_str()));
    Ok(ModelFile { path: path.to_owned(), name, size, token_bytes, is_float, english_only })
}

/// Bytes of the matrices that the decoder reads for every token: all but the positions, of which it reads one row, and the
/// projections of the audio's keys and values, which are used once a window.
fn token_bytes(model: &Model) -> u64 {
    let once = |name: &str| name.ends_with("cross_attn.key.weight") || name.ends_with("cross_attn.value.weight");
    let each = |name: &str| name.starts_with("decoder.") && !name.contains("positional") && !once(name);
    model.tensors().filter(|tensor| each(&tensor.name)).map(|tensor| tensor.size_bytes() as u64).sum()
}

/// The types of a network's table. K blocks hold 256 weights, which do not divide tiny's rows of 384.
pub fn types_of(network: &str) -> Vec<&'static str> {
    let fits = |ty: &&str| !network.starts_with("tiny") || !ty.ends_with("_k");
    std::iter::once("f16").chain(TYPES.into_iter().filter(fits)).collect()
}

/// The file of a network in a type: in `folder`, or made there of the one in f16.
pub fn find_or_make(folder: &Path, network: &str, ty: &str, noctule: &Path) -> Result<PathBuf> {
    let name = |ty: &str| if ty == "f16" { network.to_owned() } else { format!("{network}-{ty}") };
    let find = |ty: &str| {
        let stem = name(ty);
        let mut places = [folder.join(format!("{stem}.bin")), folder.join(format!("ggml-{stem}.bin"))].into_iter();
        places.find(|path| path.is_file())
    };
    if let Some(path) = find(ty) {
        return Ok(path);
    }
    let Some(float) = find("f16") else {
        bail!("there is neither {0}.bin nor ggml-{0}.bin in {1}", name(ty), folder.display());
    };
    eprintln!("making {} of {}", name(ty), float.display());
    let mut quantize = Command::new(noctule);
    quantize.arg("quantize").arg(&float).args([ty, "-o"]).arg(folder);
    let output = quantize.output().with_context(|| format!("cannot start {}", noctule.display()))?;
    ensure!(output.status.success(), "noctule quantize: {}", String::from_utf8_lossy(&output.stderr).trim());
    find(ty).with_context(|| format!("noctule quantize made no {}.bin in {}", name(ty), folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiny_has_no_k_types() {
        assert_eq!(types_of("tiny.en"), ["f16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0"]);
        assert_eq!(types_of("base").len(), 11);
    }

    #[test]
    fn files_are_found_under_both_names() {
        let folder = tempfile::tempdir().unwrap();
        let find = |ty| find_or_make(folder.path(), "base", ty, Path::new("/nonexistent/noctule"));
        assert!(find("q5_0").unwrap_err().to_string().contains("neither base-q5_0.bin nor ggml-base-q5_0.bin"));
        fs::write(folder.path().join("ggml-base.bin"), "x").unwrap();
        assert!(find("f16").unwrap().ends_with("ggml-base.bin"));
        assert!(format!("{:#}", find("q5_0").unwrap_err()).contains("cannot start /nonexistent/noctule"));
        fs::write(folder.path().join("base-q5_0.bin"), "x").unwrap();
        assert!(find("q5_0").unwrap().ends_with("base-q5_0.bin"));
        let described = describe(&find("f16").unwrap()).unwrap();
        assert_eq!((described.name.as_str(), described.size, described.token_bytes), ("base", 1, 0));
        assert!(describe(Path::new("/nonexistent.bin")).is_err());
    }

    #[test]
    fn a_token_costs_the_decoders_matrices() {
        let embedded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/noctule/models/tiny.en-q5_0.bin");
        let model = describe(&embedded).unwrap();
        assert_eq!((model.network(), model.is_float, model.english_only), ("tiny.en", false, true));
        // 4 layers of (4 + 2 + 8)·384² and the embedding of 51,864 tokens, 22 bytes for 32 weights, and small vectors.
        let weights = 4 * 14 * 384 * 384 + 51_864 * 384;
        let bytes = weights * 22 / 32;
        assert!((bytes..bytes + bytes / 100).contains(&model.token_bytes), "{} of {bytes}", model.token_bytes);
    }
}
