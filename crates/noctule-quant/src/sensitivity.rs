//! Which tensors bear coarse weights: one matrix at a time is quantised, and speech tells what it costs.
//!
//! A float model and passages enter, for each matrix the KL divergence leaves that it causes alone ([`Sensitivity`]).
//! Near its float weights a model's divergence grows with the square of the error, so one probe of each matrix
//! predicts every type by the error that the type makes there: `kl · error(type) / error(probe)`, errors weighed by
//! importance. Source of the approximation: the second-order expansion of Optimal Brain Damage (LeCun et al., 1989),
//! with one curvature for each matrix.

use crate::encode;
use crate::error::Error;
use crate::importance::Importance;
use crate::plan::{self, fitting};
use crate::quality::{Divergence, Judge, Passage, View, weighted};
use noctule::{Config, Precision, Transcriber};
use noctule_kernels::GgmlType;
use noctule_kernels::block::{f32_to_bf16, f32_to_f16, unpack_f32};
use noctule_model::{Model, TensorInfo};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The type that matrices are probed with: coarse enough to be heard, fine enough for speech to go on.
const PROBE: GgmlType = GgmlType::Q3_K;

/// What coarse weights cost in each matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// The size and the languages of the model.
    model: String,
    /// Tokens that were compared for each matrix.
    tokens: usize,
    tensors: BTreeMap<String, Probe>,
}

/// One matrix on trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The type it was given, alone among float weights.
    #[serde(rename = "type")]
    pub ty: String,
    /// The KL divergence of the model's distributions from the float model's, mean over tokens, nats.
    pub kl: f64,
    /// The relative error of its weights, weighed by importance.
    pub error: f64,
}

impl Sensitivity {
    /// Probes every matrix of `model` on `passages`. `progress` is told how many of how many are done, and returns
    /// whether to go on. Takes memory for two copies of the model beside it.
    ///
    /// # Errors
    /// [`Error::AlreadyQuantised`] for a model without float weights, [`Error::Stopped`] if `progress` says so,
    /// [`Error::Clip`] if there are no passages, and those of the engine.
    pub fn measure(
        model: &Model,
        passages: &[Passage],
        importance: Option<&Importance>,
        threads: usize,
        progress: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<Sensitivity, Error> {
        if passages.is_empty() {
            let problem = "no speech was heard, so nothing can be measured".into();
            return Err(Error::Clip { clip: "all".into(), problem });
        }
        let mut judge = Judge::new(engine(model.name(), model.file().to_vec(), threads)?);
        let truths: Vec<View> = passages.iter().map(|passage| judge.view(passage)).collect();
        drop(judge);
        let matrices: Vec<&TensorInfo> = plan::matrices(model).collect();
        let mut tensors = BTreeMap::new();
        for (done, tensor) in matrices.iter().enumerate() {
            if !progress(done as u64, matrices.len() as u64) {
                return Err(Error::Stopped);
            }
            let probe = probe(model, tensor, passages, &truths, importance, threads)?;
            tensors.insert(tensor.name.clone(), probe);
        }
        progress(matrices.len() as u64, matrices.len() as u64);
        let tokens = passages.iter().map(|passage| passage.spoken().len()).sum();
        Ok(Sensitivity { model: plan::size_of(model), tokens, tensors })
    }

    /// The probes, by tensor.
    pub fn tensors(&self) -> &BTreeMap<String, Probe> {
        &self.tensors
    }

    /// The KL divergence to expect when only this tensor has a relative error of `error`.
    pub fn predict(&self, tensor: &str, error: f64) -> Option<f64> {
        let probe = self.tensors.get(tensor)?;
        Some(if probe.error > 0.0 { probe.kl * error / probe.error } else { 0.0 })
    }

    /// Reads a file that [`write`](Self::write) wrote, for `model`.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, is something else or of another model.
    pub fn read_for(path: &Path, model: &Model) -> Result<Sensitivity, Error> {
        let wrong = |problem: String| Error::File { path: path.to_path_buf(), problem };
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let found: Sensitivity =
            serde_json::from_str(&text).map_err(|error| wrong(format!("this is no file of sensitivity: {error}")))?;
        let name = plan::size_of(model);
        if found.model != name {
            return Err(wrong(format!("it is of {}, the model is {name}", found.model)));
        }
        let sound = |probe: &Probe| probe.kl.is_finite() && probe.error.is_finite() && probe.kl.min(probe.error) >= 0.0;
        match plan::matrices(model).find(|t| !found.tensors.get(&t.name).is_some_and(sound)) {
            Some(tensor) => Err(wrong(format!("it has nothing sound on {}", tensor.name))),
            None => Ok(found),
        }
    }

    /// Writes the file aside, forces it to the disk and gives it its name.
    ///
    /// # Errors
    /// [`Error::File`] if the folder or the disk does not take it.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::file(path, error))?;
        crate::file::write(path, text.as_bytes())
    }
}

fn engine(name: &str, bytes: Vec<u8>, threads: usize) -> Result<Transcriber, Error> {
    let model = Model::from_vec(name, bytes)?;
    // Rounded activations would drown what a single matrix does.
    Ok(Transcriber::new(model, Config { threads, precision: Some(Precision::Accurate), ..Config::default() })?)
}

fn probe(
    model: &Model,
    tensor: &TensorInfo,
    passages: &[Passage],
    truths: &[View],
    importance: Option<&Importance>,
    threads: usize,
) -> Result<Probe, Error> {
    let ty = fitting(PROBE, tensor.rows_cols().1);
    let mut image = model.file().to_vec();
    let columns = importance.and_then(|importance| importance.columns(&tensor.name));
    let error = spoil(&mut image[tensor.range()], model, tensor, ty, columns.as_deref(), threads)?;
    let mut engine = engine(model.name(), image, threads)?;
    let mut found = Divergence::default();
    for (passage, truth) in passages.iter().zip(truths) {
        // What comes after the encoder does not change what it gives.
        if tensor.name.starts_with("encoder.") {
            engine.log_mel(&passage.samples);
            engine.encode(0);
        } else {
            engine.attend(truth.layers.last().map_or(&[], Vec::as_slice));
        }
        found.add_log_probs(&truth.log_probs, &crate::quality::log_probs(&mut engine, passage), passage.spoken());
    }
    Ok(Probe { ty: ty.name().to_owned(), kl: found.mean(), error })
}

/// Gives the float weights of `tensor`, whose bytes in a file are `image`, the error of `ty`; returns it.
fn spoil(
    image: &mut [u8],
    model: &Model,
    tensor: &TensorInfo,
    ty: GgmlType,
    importance: Option<&[f32]>,
    threads: usize,
) -> Result<f64, Error> {
    let (rows, cols) = tensor.rows_cols();
    let even = vec![1.0; cols];
    let weights = importance.unwrap_or(&even);
    let source = model.matrix(tensor);
    let write = match tensor.ty {
        GgmlType::F32 => |x: f32, out: &mut [u8]| out.copy_from_slice(&x.to_le_bytes()),
        GgmlType::F16 => |x: f32, out: &mut [u8]| out.copy_from_slice(&f32_to_f16(x).to_le_bytes()),
        GgmlType::BF16 => |x: f32, out: &mut [u8]| out.copy_from_slice(&f32_to_bf16(x).to_le_bytes()),
        ty => return Err(Error::AlreadyQuantised { model: model.name().to_owned(), ty }),
    };
    let row_bytes = tensor.size_bytes() / rows;
    let share = rows.div_ceil(threads.max(1));
    let work = |first: usize, image: &mut [u8]| {
        let (mut truth, mut packed, mut coarse) = (vec![0.0; cols], vec![0; row_len(ty, cols)], vec![0.0; cols]);
        let mut sums = (0.0, 0.0);
        for (i, image) in image.chunks_exact_mut(row_bytes).enumerate() {
            unpack_f32(source.ty(), source.row(first + i), &mut truth);
            encode::rows(ty, cols, &truth, importance, &mut packed);
            unpack_f32(ty, &packed, &mut coarse);
            let (error, power) = weighted(&truth, &coarse, weights);
            sums = (sums.0 + error, sums.1 + power);
            let values = image.chunks_exact_mut(row_bytes / cols).zip(&coarse);
            values.for_each(|(out, &x)| write(x, out));
        }
        sums
    };
    let sums: Vec<(f64, f64)> = std::thread::scope(|scope| {
        let parts = image.chunks_mut(share * row_bytes).enumerate();
        let threads: Vec<_> = parts.map(|(i, part)| scope.spawn(move || work(i * share, part))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let (error, power) = sums.iter().fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
    Ok(if power > 0.0 { error / power } else { 0.0 })
}

/// Bytes of a row.
fn row_len(ty: GgmlType, cols: usize) -> usize {
    ty.row_bytes(cols).expect("the type was chosen to fit the rows")
}
