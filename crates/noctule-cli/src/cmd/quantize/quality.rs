//! What the types cost: quantised files against their source, on speech.

use super::{open, picture, print_json};
use crate::args::QuantizeArgs;
use crate::cmd::imatrix::engine;
use crate::cmd::progress::Progress;
use crate::failure::Failure;
use crate::{interrupt, speech_set, terminal};
use noctule::{Config, Model, Transcriber};
use noctule_quant::Importance;
use noctule_quant::quality::{self, Candidate, Divergence, Judge, TensorError};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What one file costs.
#[derive(Debug, Serialize)]
pub struct Quality {
    /// The file's name without folder and extension.
    pub name: String,
    file: PathBuf,
    size_bytes: u64,
    /// Bits per weight of the matrices.
    pub bits_per_weight: f64,
    /// How activations met the weights.
    precision: &'static str,
    tokens: usize,
    /// KL divergence from the source's distributions, nats.
    kl_mean: f64,
    kl_99: f64,
    kl_max: f64,
    /// Share of the tokens whose most probable successor is the same.
    top_1_agreement: f64,
    perplexity_ratio: f64,
    /// Cosine of the features after each encoder layer with the source's; the last is the encoder's output.
    encoder_cosine: Vec<f64>,
    loop_rate: Option<f64>,
    words_differing: Option<f64>,
    tensors: Vec<Tensor>,
}

#[derive(Debug, Serialize)]
struct Tensor {
    tensor: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Relative squared error of the weights, weighed by importance where it was given.
    error: f64,
}

impl Quality {
    fn new(file: &Path, model: &Model, precision: &'static str, found: &Divergence, tensors: Vec<TensorError>) -> Self {
        let weights: usize = tensors.iter().map(|t| t.elements).sum();
        let bits: f64 = tensors.iter().map(|t| t.elements as f64 * t.ty.bits_per_weight()).sum();
        let tensor = |t: TensorError| Tensor { tensor: t.tensor, kind: t.ty.name(), error: t.relative };
        Quality {
            name: model.name().to_owned(),
            file: file.to_path_buf(),
            size_bytes: model.size_bytes(),
            bits_per_weight: bits / weights.max(1) as f64,
            precision,
            tokens: found.tokens(),
            kl_mean: found.mean(),
            kl_99: found.quantile(0.99),
            kl_max: found.quantile(1.0),
            top_1_agreement: found.agreement(),
            perplexity_ratio: found.perplexity_ratio(),
            encoder_cosine: found.cosines(),
            loop_rate: found.loop_rate(),
            words_differing: found.words_differing(),
            tensors: tensors.into_iter().map(tensor).collect(),
        }
    }

    /// Mean KL divergence, nats.
    pub fn divergence(&self) -> f64 {
        self.kl_mean
    }
}

/// `quantize --compare MODEL FILE…`.
///
/// # Errors
/// As [`measure`].
pub fn compare(args: &QuantizeArgs) -> Result<(), Failure> {
    let source = open(&args.model)?;
    let files: Vec<PathBuf> = args.types.iter().map(PathBuf::from).collect();
    let found = measure(args, &source, &files)?;
    if args.json { print_json(&found) } else { Ok(()) }
}

/// Measures `files` against `source`; prints a table unless JSON is wanted, and draws the picture if one is.
///
/// # Errors
/// [`Failure::Work`] for models and recordings that cannot be read or do not belong together.
pub fn measure(args: &QuantizeArgs, source: &Model, files: &[PathBuf]) -> Result<Vec<Quality>, Failure> {
    let importance = args.imatrix.as_deref().map(|path| Importance::read_for(path, source));
    let importance = importance.transpose().map_err(Failure::work)?;
    let entries = speech_set::find(&args.audio, args.language.as_deref())?;
    let Some(path) = source.path() else { unreachable!("quantize opens files") };
    let mut judge = Judge::new(engine(Model::open(path).map_err(Failure::work)?, args.threads)?);
    let (mut candidates, mut errors) = (Vec::new(), Vec::new());
    for file in files {
        let model = open(file)?;
        errors.push(quality::tensor_errors(source, &model, importance.as_ref()).map_err(Failure::work)?);
        let config = Config { threads: args.threads.map_or(0, usize::from), ..Config::default() };
        candidates.push(Candidate::new(Transcriber::new(model, config).map_err(Failure::work)?));
    }
    let mut bar = Progress::new("quality", args.quiet, 1.0);
    interrupt::listen();
    for (done, entry) in entries.iter().enumerate() {
        bar.update(done as f64, entries.len() as f64);
        if interrupt::requested() {
            bar.finish();
            return Err(Failure::Interrupted("stopped before the comparison was complete".into(), None));
        }
        for passage in judge.passages(&entry.read()?).map_err(Failure::work)? {
            quality::compare(&mut judge, &mut candidates, &passage, true).map_err(Failure::work)?;
        }
    }
    bar.finish();
    if candidates.iter().any(|candidate| candidate.found.tokens() == 0) {
        return Err(Failure::work("no speech was heard in --audio, so nothing could be compared"));
    }
    let rows = files.iter().zip(&mut candidates).zip(errors);
    let found: Vec<Quality> = rows
        .map(|((file, candidate), errors)| {
            let precision = candidate.transcriber().compute().precision().name();
            let found = candidate.found.clone();
            Quality::new(file, candidate.transcriber().model(), precision, &found, errors)
        })
        .collect();
    if !args.json {
        table(&found)?;
    }
    if let Some(path) = &args.svg {
        picture::draw(path, source.name(), &found)?;
        terminal::notice(args.quiet, &format!("{}: bits per weight against divergence", path.display()));
    }
    Ok(found)
}

/// Best first.
fn table(found: &[Quality]) -> Result<(), Failure> {
    let mut rows: Vec<&Quality> = found.iter().collect();
    rows.sort_by(|a, b| a.kl_mean.total_cmp(&b.kl_mean));
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max("file".len());
    let percent = |share: Option<f64>| share.map_or("-".into(), |share| format!("{:.1} %", 100.0 * share));
    let mut text = format!(
        "{:width$}       MB   bits  KL mean   KL 99 %    KL max  top-1 same  perplexity  cosine  loops  words differ\n",
        "file"
    );
    for row in rows {
        text += &format!(
            "{:width$} {:>8.1} {:>6.3} {:>8.5} {:>9.4} {:>9.3} {:>10.2}% {:>11.4} {:>7.4} {:>6} {:>13}\n",
            row.name,
            row.size_bytes as f64 / 1e6,
            row.bits_per_weight,
            row.kl_mean,
            row.kl_99,
            row.kl_max,
            100.0 * row.top_1_agreement,
            row.perplexity_ratio,
            row.encoder_cosine.last().copied().unwrap_or(1.0),
            percent(row.loop_rate),
            percent(row.words_differing),
        );
    }
    io::stdout().write_all(text.as_bytes()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::work(format!("cannot write to standard output: {error}")),
    })
}
