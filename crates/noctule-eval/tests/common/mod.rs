//! What the tests share: reading recorded references.

use serde::de::DeserializeOwned;
use std::path::Path;

/// A file of `testdata/evaluation`: JSON compressed by zlib.
pub fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/evaluation").join(name);
    let packed = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let json = miniz_oxide::inflate::decompress_to_vec_zlib(&packed).unwrap();
    serde_json::from_slice(&json).unwrap()
}
