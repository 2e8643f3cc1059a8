//! LoRA adapters of PEFT, merged into the weights: W + (alpha / r) B A (Hu et al., "LoRA", 2021, section 4.1).

use std::collections::BTreeMap;
use std::path::Path;

use super::checkpoint::{Checkpoint, Found};
use super::{hugging_face, rename, safetensors};
use crate::error::{Error, ErrorKind, printable};
use crate::names::Expected;
use crate::source::Source;

/// An adapter: pairs of matrices by the weight that they change.
pub(super) struct Adapter {
    shown: String,
    checkpoint: Checkpoint,
    pairs: BTreeMap<String, (Found, Found)>,
    scale: f32,
}

impl Adapter {
    /// Opens the directory that PEFT saves: `adapter_config.json` and `adapter_model.safetensors`.
    pub(super) fn open(folder: &Path) -> Result<Adapter, Error> {
        let config_path = folder.join("adapter_config.json");
        let config = hugging_face::adapter_config(&config_path)?;
        let wrong = |path: &Path, problem: String| {
            let kind = ErrorKind::Malformed { format: "LoRA adapter", offset: 0, problem };
            Error::new(path.display().to_string(), kind)
        };
        let (Some(rank), Some(alpha)) = (config["r"].as_f64().filter(|r| *r > 0.0), config["lora_alpha"].as_f64())
        else {
            return Err(wrong(&config_path, "it lacks r or lora_alpha".into()));
        };
        for key in ["use_dora", "fan_in_fan_out", "rank_pattern", "alpha_pattern"] {
            let value = &config[key];
            let set = value.as_bool() == Some(true) || value.as_object().is_some_and(|map| !map.is_empty());
            if set {
                return Err(wrong(&config_path, format!("{key} is not understood; merge the adapter with PEFT")));
            }
        }
        let root = if config["use_rslora"].as_bool() == Some(true) { rank.sqrt() } else { rank };
        let path = folder.join("adapter_model.safetensors");
        let source = Source::map(&path)?;
        let tensors = safetensors::parse(&source).map_err(|kind| Error::new(path.display().to_string(), kind))?;
        let pairs = pair(&tensors).map_err(|problem| wrong(&path, problem))?;
        let mut checkpoint = Checkpoint::new("LoRA adapter", path.display().to_string());
        checkpoint.add_file(source, tensors).map_err(|kind| Error::new(path.display().to_string(), kind))?;
        Ok(Adapter { shown: path.display().to_string(), checkpoint, pairs, scale: (alpha / root) as f32 })
    }

    /// Checks that every pair has a weight of its shape.
    pub(super) fn check(&self, base: &Checkpoint) -> Result<(), Error> {
        for (name, (a, b)) in &self.pairs {
            let fits = match (base.get(name), a.shape.as_slice(), b.shape.as_slice()) {
                (Ok(weight), [rank, inputs], [outputs, same]) => rank == same && weight.shape == [*outputs, *inputs],
                _ => false,
            };
            if !fits {
                let problem =
                    format!("{} and its partner fit no weight of this model", printable(a.original.as_bytes()));
                let kind = ErrorKind::Malformed { format: "LoRA adapter", offset: a.range.start as u64, problem };
                return Err(Error::new(self.shown.clone(), kind));
            }
        }
        Ok(())
    }

    /// Adds the adapter's part to a weight; whether it has one.
    pub(super) fn add_to(&self, tensor: &Expected, values: &mut [f32]) -> Result<bool, Error> {
        let Some((a, b)) = self.pairs.get(&tensor.name) else { return Ok(false) };
        let (rank, inputs) = (a.shape[0], a.shape[1]);
        let (a, b) = (self.checkpoint.values(a), self.checkpoint.values(b));
        for (row, weights) in values.chunks_exact_mut(inputs).enumerate() {
            for k in 0..rank {
                let factor = self.scale * b[row * rank + k];
                for (weight, x) in weights.iter_mut().zip(&a[k * inputs..(k + 1) * inputs]) {
                    *weight += factor * x;
                }
            }
        }
        Ok(true)
    }
}

/// Matches the A and B of each weight.
fn pair(tensors: &[(String, Found)]) -> Result<BTreeMap<String, (Found, Found)>, String> {
    let mut halves: BTreeMap<String, (Option<Found>, Option<Found>)> = BTreeMap::new();
    for (name, found) in tensors {
        let bare = name.strip_prefix("base_model.model.").unwrap_or(name);
        let shown = printable(name.as_bytes());
        let (module, is_a) = match (bare.strip_suffix(".lora_A.weight"), bare.strip_suffix(".lora_B.weight")) {
            (Some(module), _) => (module, true),
            (_, Some(module)) => (module, false),
            _ => return Err(format!("{shown} is no part of LoRA; merge the adapter with PEFT")),
        };
        let rename::Place::Tensor(weight) = rename::from_hugging_face(&format!("{module}.weight")) else {
            return Err(format!("{shown} changes what no file has"));
        };
        let half = halves.entry(weight).or_default();
        *(if is_a { &mut half.0 } else { &mut half.1 }) = Some(found.clone());
    }
    let whole = |(name, half): (String, (Option<Found>, Option<Found>))| match half {
        (Some(a), Some(b)) => Ok((name, (a, b))),
        _ => Err(format!("the adapter of {name} has one matrix only")),
    };
    halves.into_iter().map(whole).collect()
}
