//! The engines: what each is called, how it is started for a job, and what its output says.

use crate::metric::{Job, Metric};
use crate::process::Finished;
use crate::{ctranslate2, noctule, whisper_cpp};
use anyhow::Result;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program, or a way to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// noctule in one of its arithmetics: `fast` or `accurate`.
    Noctule {
        /// The program.
        program: PathBuf,
        /// The arithmetic.
        precision: &'static str,
    },
    /// A build of whisper.cpp.
    WhisperCpp {
        /// Name in tables.
        name: String,
        /// Folder with `whisper-bench` and `whisper-cli`.
        folder: PathBuf,
    },
    /// CTranslate2 with models of one size.
    CTranslate2 {
        /// Python that has the module.
        python: PathBuf,
        /// Size of the model: `base`.
        size: String,
        /// Folder with `model.bin`.
        folder: PathBuf,
        /// `int8` or `float32`.
        compute_type: String,
    },
    /// whisper.cpp inside this program.
    #[cfg(feature = "whisper-rs")]
    WhisperRs,
}

/// A model file with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// Its path.
    pub path: PathBuf,
    /// Its name without `ggml-`: `base-q5_k`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Bytes of weights that the decoder reads for each token; 0 where the file cannot be read.
    pub token_bytes: u64,
    /// Whether its large matrices are floats.
    pub is_float: bool,
    /// Whether it knows English only.
    pub english_only: bool,
}

impl ModelFile {
    /// The size of the network: `base` of `base-q5_k`.
    pub fn network(&self) -> &str {
        self.name.split('-').next().unwrap_or(&self.name)
    }
}

impl Engine {
    /// Name in records and tables.
    pub fn name(&self) -> String {
        match self {
            Engine::Noctule { precision, .. } => format!("noctule {precision}"),
            Engine::WhisperCpp { name, .. } => format!("whisper.cpp {name}"),
            Engine::CTranslate2 { compute_type, .. } => format!("CTranslate2 {compute_type}"),
            #[cfg(feature = "whisper-rs")]
            Engine::WhisperRs => "whisper.cpp (whisper-rs)".into(),
        }
    }

    /// Whether it can do the job with this model.
    pub fn does(&self, job: Job, model: &ModelFile) -> bool {
        match self {
            // Quantised models have one arithmetic that matters; memory is told for both.
            Engine::Noctule { precision, .. } => *precision == "fast" || model.is_float || job != Job::Network,
            Engine::CTranslate2 { size, .. } => job == Job::Network && size == model.network(),
            Engine::WhisperCpp { .. } => true,
            #[cfg(feature = "whisper-rs")]
            Engine::WhisperRs => true,
        }
    }

    /// How it is started.
    pub fn command(&self, job: Job, model: &ModelFile, threads: usize, clip: &Path) -> Command {
        match self {
            Engine::Noctule { program, precision } => {
                noctule::command(program, precision, job, &model.path, threads, clip)
            }
            Engine::WhisperCpp { folder, .. } => whisper_cpp::command(folder, job, &model.path, threads, clip),
            Engine::CTranslate2 { python, folder, compute_type, .. } => {
                ctranslate2::command(python, folder, compute_type, model.english_only, threads)
            }
            #[cfg(feature = "whisper-rs")]
            Engine::WhisperRs => crate::whisper_rs::command(job, &model.path, threads, clip),
        }
    }

    /// What a run measured. Memory is told beyond the size of the model's file, for every engine.
    ///
    /// # Errors
    /// The output is not what was expected.
    pub fn metrics(&self, job: Job, model: &ModelFile, finished: &Finished) -> Result<Vec<(Metric, f64)>> {
        let mut found = match self {
            Engine::Noctule { .. } => noctule::metrics(job, finished)?,
            Engine::WhisperCpp { .. } => whisper_cpp::metrics(job, finished)?,
            Engine::CTranslate2 { .. } => ctranslate2::metrics(finished)?,
            #[cfg(feature = "whisper-rs")]
            Engine::WhisperRs => crate::whisper_rs::metrics(job, finished)?,
        };
        for (metric, value) in &mut found {
            if matches!(metric, Metric::GreedyRss | Metric::BeamRss) {
                *value -= model.size as f64 / 1e6;
            }
        }
        Ok(found)
    }

    /// What it is, for the record: version and digest.
    pub fn version(&self) -> String {
        match self {
            Engine::Noctule { program, .. } => {
                format!("{}; {}", said(program, &["--version", "--json"]), digest(program))
            }
            Engine::WhisperCpp { folder, .. } => {
                let bench = folder.join("whisper-bench");
                // It prints its build before it misses the model.
                let output = Command::new(&bench).args(["-m", "/nonexistent"]).output();
                let text =
                    output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
                let info = whisper_cpp::system_info(&text).unwrap_or_else(|| "it does not start".into());
                format!("{info}; {}", digest(&bench))
            }
            Engine::CTranslate2 { python, .. } => {
                said(python, &["-c", "import ctranslate2; print(ctranslate2.__version__)"])
            }
            #[cfg(feature = "whisper-rs")]
            Engine::WhisperRs => crate::whisper_rs::version(),
        }
    }
}

/// The first line that a program prints.
fn said(program: &Path, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let text = if output.status.success() { output.stdout } else { output.stderr };
            String::from_utf8_lossy(&text).lines().last().unwrap_or("nothing").to_owned()
        }
        Err(error) => format!("{}: {error}", program.display()),
    }
}

/// SHA-256 of a file, its first twelve digits, which are enough to tell builds apart.
pub fn digest(path: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let (mut sum, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                break Ok(sum.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect());
            }
            sum.update(&buffer[..n]);
        }
    };
    read().map_or_else(|error| format!("{}: {error}", path.display()), |digits| format!("sha256 {digits}"))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn model(name: &str) -> ModelFile {
        ModelFile {
            path: format!("{name}.bin").into(),
            name: name.into(),
            size: 3_000_000,
            token_bytes: 1_000_000,
            is_float: !name.contains('-'),
            english_only: name.contains(".en"),
        }
    }

    #[test]
    fn engines_do_what_they_can() {
        let accurate = Engine::Noctule { program: "noctule".into(), precision: "accurate" };
        assert!(accurate.does(Job::Network, &model("base")));
        assert!(!accurate.does(Job::Network, &model("base-q5_0")));
        assert!(accurate.does(Job::Beam5, &model("base-q5_0")));
        let ct2 = Engine::CTranslate2 {
            python: "python3".into(),
            size: "tiny.en".into(),
            folder: "x".into(),
            compute_type: "int8".into(),
        };
        assert!(ct2.does(Job::Network, &model("tiny.en-q5_0")));
        assert!(!ct2.does(Job::Network, &model("base")));
        assert!(!ct2.does(Job::Greedy, &model("tiny.en")));
        assert_eq!(ct2.name(), "CTranslate2 int8");
    }

    #[test]
    fn memory_is_told_beyond_the_file() {
        let engine = Engine::Noctule { program: "noctule".into(), precision: "fast" };
        let line = r#"{"timing":{"mel_s":0.01}}"#;
        let finished =
            Finished { stdout: line.into(), seconds: 1.0, peak_rss: Some(10_000_000), ..Finished::default() };
        let found = engine.metrics(Job::Greedy, &model("base"), &finished).unwrap();
        assert_eq!(found[2], (Metric::GreedyRss, 7.0));
    }

    #[test]
    fn digests_tell_files_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "abc").unwrap();
        // The first digits of the digest of FIPS 180-2's example.
        assert_eq!(digest(&path), "sha256 ba7816bf8f01");
        assert!(digest(Path::new("/nonexistent")).contains("/nonexistent"));
    }
}
