//! Importance on disk: a safetensors file, which Python reads too.
//!
//! For every matrix `NAME.in_sum` and `NAME.in_sum2`, f64, one for each column, and `NAME.counts`, one i64: the rows
//! that were summed. The metadata names the model and the clips (a JSON list).

use super::{Importance, Inputs};
use crate::error::Error;
use noctule_model::Model;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

const SUM: &str = "in_sum";
const SQUARES: &str = "in_sum2";
const COUNT: &str = "counts";

/// What the metadata says the file is.
const FORMAT: &str = "noctule-importance-1";

/// Larger files are none of ours: large-v3 has 3 million columns, bytes.
const MOST: u64 = 256 << 20;

impl Importance {
    /// Reads a file that [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read or is something else.
    pub fn read(path: &Path) -> Result<Importance, Error> {
        let wrong = |problem: String| Error::File { path: path.to_path_buf(), problem };
        let size = fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
        if size > MOST {
            return Err(wrong(format!("{size} bytes are too many for a file of importance")));
        }
        let bytes = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        parse(&bytes).map_err(|problem| wrong(format!("{problem}; make it with 'noctule imatrix'")))
    }

    /// Writes a file aside, forces it to the disk and gives it its name.
    ///
    /// # Errors
    /// [`Error::File`] if the folder or the disk does not take it.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let bytes = self.bytes().map_err(|problem| Error::file(path, problem))?;
        crate::file::write(path, &bytes)
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        let mut data: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for (name, inputs) in &self.tensors {
            let floats = |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
            let columns = vec![inputs.sums.len()];
            data.push((format!("{name}.{SUM}"), Dtype::F64, columns.clone(), floats(&inputs.sums)));
            data.push((format!("{name}.{SQUARES}"), Dtype::F64, columns, floats(&inputs.squares)));
            let rows = i64::try_from(inputs.rows).map_err(|error| error.to_string())?;
            data.push((format!("{name}.{COUNT}"), Dtype::I64, vec![1], rows.to_le_bytes().to_vec()));
        }
        let views: Result<Vec<_>, _> = data
            .iter()
            .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect();
        let views = views.map_err(|error: safetensors::SafeTensorError| error.to_string())?;
        let clips = serde_json::to_string(&self.clips).map_err(|error| error.to_string())?;
        let metadata = [("format", FORMAT.to_owned()), ("model", self.model.clone()), ("clips", clips)];
        let metadata: HashMap<String, String> = metadata.map(|(key, value)| (key.to_owned(), value)).into();
        serialize(views, Some(metadata)).map_err(|error| error.to_string())
    }
}

fn parse(bytes: &[u8]) -> Result<Importance, String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let field = |name: &str| metadata.metadata().as_ref().and_then(|fields| fields.get(name)).cloned();
    if field("format").as_deref() != Some(FORMAT) {
        return Err("this is no file of importance".into());
    }
    let clips = field("clips").ok_or("no list of clips")?;
    let clips = serde_json::from_str(&clips).map_err(|error| format!("list of clips: {error}"))?;
    let mut importance =
        Importance { model: field("model").ok_or("no model")?, clips, tensors: std::collections::BTreeMap::new() };
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    for (name, view) in file.tensors() {
        let Some((tensor, part)) = name.rsplit_once('.') else { return Err(format!("unknown tensor {name:?}")) };
        let inputs: &mut Inputs = importance.tensors.entry(tensor.to_owned()).or_default();
        match (part, view.dtype()) {
            (SUM, Dtype::F64) => inputs.sums = floats(view.data()),
            (SQUARES, Dtype::F64) => inputs.squares = floats(view.data()),
            (COUNT, Dtype::I64) => {
                let count = view.data().first_chunk().map(|bytes| i64::from_le_bytes(*bytes));
                inputs.rows =
                    count.and_then(|count| count.try_into().ok()).ok_or_else(|| format!("{name}: no count"))?;
            }
            (_, ty) => return Err(format!("unknown tensor {name:?} of {ty:?}")),
        }
    }
    for (name, inputs) in &importance.tensors {
        let sound = inputs.squares.iter().all(|square| square.is_finite() && *square >= 0.0)
            && inputs.sums.iter().all(|sum| sum.is_finite());
        if inputs.sums.len() != inputs.squares.len() || inputs.rows == 0 || !sound {
            return Err(format!("{name}: sums that cannot be"));
        }
    }
    Ok(importance)
}

fn floats(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
}

impl Importance {
    /// Reads a file and checks that it is of `model`.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::File`] too if it is of another model.
    pub fn read_for(path: &Path, model: &Model) -> Result<Importance, Error> {
        let importance = Importance::read(path)?;
        let wrong = |error: Error| Error::File { path: path.to_path_buf(), problem: error.to_string() };
        importance.check(model).map_err(wrong)?;
        Ok(importance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn some() -> Importance {
        let inputs = Inputs { rows: 7, sums: vec![-1.5, 0.0], squares: vec![2.25, 1e-300] };
        Importance {
            model: "tiny.en".into(),
            clips: BTreeSet::from(["a \"quoted\" name.flac".into()]),
            tensors: BTreeMap::from([("encoder.blocks.0.attn.query.weight".into(), inputs)]),
        }
    }

    #[test]
    fn what_is_written_is_read_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.imatrix");
        some().write(&path).unwrap();
        assert_eq!(Importance::read(&path).unwrap(), some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn damaged_files_are_refused() {
        let bytes = some().bytes().unwrap();
        for end in [0, 7, 100, bytes.len() - 1] {
            assert!(parse(&bytes[..end]).is_err(), "{end}");
        }
        let mut infinite = some();
        infinite.tensors.values_mut().for_each(|inputs| inputs.squares[0] = f64::INFINITY);
        assert!(parse(&infinite.bytes().unwrap()).unwrap_err().contains("cannot be"));
        let mut none = some();
        none.tensors.values_mut().for_each(|inputs| inputs.rows = 0);
        assert!(parse(&none.bytes().unwrap()).is_err());
        let error = Importance::read(Path::new("/nowhere/x")).unwrap_err().to_string();
        assert!(error.contains("/nowhere/x"), "{error}");
    }
}
