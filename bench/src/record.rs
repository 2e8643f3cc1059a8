//! Raw samples as CSV, with the machine and the commands in lines of `# key: value` before them.
//!
//! Every sample is written when it is there, so that a run that was stopped goes on where it was.

use crate::metric::{Job, Metric};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Round, from 0: what was measured in one round of one model makes pairs.
    pub round: usize,
    /// Model: `base-q5_k`.
    pub model: String,
    /// Size of its file, bytes.
    pub model_bytes: u64,
    /// Bytes of weights that the decoder reads for a token.
    pub token_bytes: u64,
    /// Engine, or `machine`.
    pub engine: String,
    /// Job.
    pub job: String,
    /// Quantity; `failed` where there is none.
    pub metric: String,
    /// Its value.
    pub value: Option<f64>,
    /// Why there is none; with the machine's own values, its load and heat.
    pub note: String,
}

/// The name of failures.
pub const FAILED: &str = "failed";
/// The engine of what no engine does.
pub const MACHINE: &str = "machine";

/// A record as it stands in a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// Keys and values, in order.
    pub header: Vec<(String, String)>,
    /// Samples, in order.
    pub samples: Vec<Sample>,
}

impl Record {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no record", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let entry = |line: &str| {
            let (key, value) = line.strip_prefix("# ")?.split_once(": ")?;
            Some((key.to_owned(), value.to_owned()))
        };
        let header = text.lines().filter_map(entry).collect();
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
        // The last line may have been cut by what stopped the run.
        let whole = text.ends_with('\n');
        let mut samples = Vec::new();
        let mut lines = reader.deserialize::<Sample>().peekable();
        while let Some(line) = lines.next() {
            match line {
                Err(_) if lines.peek().is_none() && !whole => break,
                line => samples.push(line?),
            }
        }
        Ok(Self { header, samples })
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.header.iter().find(|(other, _)| other == key).map(|(_, value)| value.as_str())
    }

    /// Values of a quantity by round.
    pub fn values(&self, model: &str, engine: &str, metric: Metric) -> Vec<(usize, f64)> {
        let fits =
            |sample: &&Sample| sample.model == model && sample.engine == engine && sample.metric == metric.name();
        self.samples.iter().filter(fits).filter_map(|sample| Some((sample.round, sample.value?))).collect()
    }
}

/// What must not change when a run goes on.
const FIXED: [&str; 4] = ["noctule", "threads", "clip", "cpu"];

/// A record that grows.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    done: HashSet<(usize, String, String, String)>,
}

impl Writer {
    /// Begins a record, or goes on with the one that is there, which must be of the same programs and machine.
    pub fn open(path: &Path, header: &[(String, String)]) -> Result<Self> {
        let mut done = HashSet::new();
        if path.exists() {
            let old = Record::read(path)?;
            for key in FIXED {
                let new = header.iter().find(|(other, _)| other == key).map(|(_, value)| value.as_str());
                if let (Some(old), Some(new)) = (old.value(key), new) {
                    ensure!(
                        old == new,
                        "{} was recorded with another {key} ({old}; now {new}): name another --record",
                        path.display()
                    );
                }
            }
            let of = |sample: &Sample| (sample.round, sample.model.clone(), sample.engine.clone(), sample.job.clone());
            done.extend(old.samples.iter().map(of));
            // Without the line that was cut.
            rewrite(path, &old)?;
        } else {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
            }
            rewrite(path, &Record { header: header.to_vec(), samples: Vec::new() })?;
        }
        let file = OpenOptions::new().append(true).open(path).with_context(|| format!("opening {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file, done })
    }

    /// Whether this run stands in the record already.
    pub fn has(&self, round: usize, model: &str, engine: &str, job: Job) -> bool {
        self.done.contains(&(round, model.to_owned(), engine.to_owned(), job.name().to_owned()))
    }

    /// Adds the samples of one run.
    pub fn add(&mut self, samples: &[Sample]) -> Result<()> {
        let text = lines(samples, false)?;
        self.file
            .write_all(&text)
            .and_then(|()| self.file.sync_data())
            .with_context(|| format!("writing {}", self.path.display()))
    }
}

/// Writes a whole record aside and renames it.
fn rewrite(path: &Path, record: &Record) -> Result<()> {
    let mut text = Vec::new();
    for (key, value) in &record.header {
        if key.contains(": ") || key.contains('\n') {
            bail!("'{key}' is no key");
        }
        writeln!(text, "# {key}: {}", value.replace('\n', " "))?;
    }
    text.extend(lines(&record.samples, true)?);
    let aside = path.with_extension("part");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&aside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

fn lines(samples: &[Sample], with_names: bool) -> Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    if with_names {
        writer.write_record([
            "round",
            "model",
            "model_bytes",
            "token_bytes",
            "engine",
            "job",
            "metric",
            "value",
            "note",
        ])?;
    }
    samples.iter().try_for_each(|sample| writer.serialize(sample))?;
    Ok(writer.into_inner()?)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn sample(round: usize, model: &str, engine: &str, metric: Metric, value: f64) -> Sample {
        let job = match metric {
            Metric::GreedyClip | Metric::GreedyRss => Job::Greedy,
            Metric::BeamClip | Metric::BeamRss => Job::Beam5,
            _ => Job::Network,
        };
        Sample {
            round,
            model: model.into(),
            model_bytes: 100_000_000,
            token_bytes: 50_000_000,
            engine: engine.into(),
            job: job.name().into(),
            metric: metric.name().into(),
            value: Some(value),
            note: String::new(),
        }
    }

    fn failure(note: &str) -> Sample {
        Sample { metric: FAILED.into(), value: None, note: note.into(), ..sample(0, "base", "x", Metric::Load, 0.0) }
    }

    fn header(noctule: &str) -> Vec<(String, String)> {
        vec![
            ("noctule".into(), noctule.into()),
            ("threads".into(), "2".into()),
            ("command".into(), "a: b, \"c\"".into()),
        ]
    }

    #[test]
    fn records_grow_and_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/record.csv");
        let mut writer = Writer::open(&path, &header("0.1.0")).unwrap();
        assert!(!writer.has(0, "base", "x", Job::Network));
        let first = [sample(0, "base", "x", Metric::Encode, 0.1 + 0.2), failure("signal, \"4\"\n")];
        writer.add(&first).unwrap();
        let mut writer = Writer::open(&path, &header("0.1.0")).unwrap();
        assert!(writer.has(0, "base", "x", Job::Network) && !writer.has(1, "base", "x", Job::Network));
        assert!(!writer.has(0, "base", "x", Job::Greedy));
        writer.add(&[sample(1, "base", "x", Metric::Encode, 2.0)]).unwrap();
        let record = Record::read(&path).unwrap();
        assert_eq!(record.header, header("0.1.0"));
        assert_eq!(record.samples[..2], first);
        assert_eq!(record.values("base", "x", Metric::Encode), [(0, 0.1 + 0.2), (1, 2.0)]);
        assert_eq!(record.values("base", "y", Metric::Encode), []);
    }

    #[test]
    fn another_program_needs_another_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.csv");
        Writer::open(&path, &header("0.1.0")).unwrap();
        let error = Writer::open(&path, &header("0.2.0")).unwrap_err().to_string();
        assert!(error.contains("another noctule (0.1.0; now 0.2.0)"), "{error}");
        fs::write(&path, "round,model\n1,2\n").unwrap();
        assert!(Writer::open(&path, &header("0.1.0")).unwrap_err().to_string().contains("is no record"));
    }

    #[test]
    fn a_line_that_was_cut_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.csv");
        let mut writer = Writer::open(&path, &header("0.1.0")).unwrap();
        writer
            .add(&[sample(0, "base", "x", Metric::Encode, 1.0), sample(1, "base", "x", Metric::Encode, 1.0)])
            .unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for cut in 1..12 {
            fs::write(&path, &text[..text.len() - cut]).unwrap();
            let writer = Writer::open(&path, &header("0.1.0")).unwrap();
            assert!(writer.has(0, "base", "x", Job::Network), "{cut}");
            assert!(Record::read(&path).is_ok(), "{cut}");
        }
    }
}
