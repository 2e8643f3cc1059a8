//! The fixed jobs whose instructions are counted.

use super::Processor;
use super::profile::{Emulator, Profile};
use anyhow::Result;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A job of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Job {
    /// One window through the encoder in the fast arithmetic: a run with it less the same run without.
    Encode,
    /// A whole `whisper-cli -dl`: load, mel, one window, the language. Arithmetic as the program chooses.
    Language,
    /// The same in the fast arithmetic, for models of floats: transcription that is stopped after one token.
    LanguageFast,
    /// A whole clip as `noctule transcribe` does it by default: five beams, the fast arithmetic.
    Clip,
}

impl Job {
    /// Jobs whose instructions are counted, with the titles of their columns.
    pub const COUNTED: [(Job, &str); 3] = [
        (Job::Encode, "one encode, fast"),
        (Job::Language, "language detection"),
        (Job::LanguageFast, "the same, fast"),
    ];

    /// Whether it says something of the model that no other job does.
    pub fn suits(self, model: &Path) -> bool {
        self != Self::LanguageFast || is_float(model)
    }

    /// Name in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Encode => "encode",
            Self::Language => "language",
            Self::LanguageFast => "language-fast",
            Self::Clip => "clip",
        }
    }

    /// Runs it.
    pub fn run(
        self,
        emulator: &Emulator,
        processor: &Processor,
        caches: bool,
        model: &Path,
        clip: &Path,
    ) -> Result<Profile> {
        let stem = model.file_stem().unwrap_or_default().to_string_lossy();
        let run = |suffix: &str, words: String| {
            let mut arguments: Vec<String> = words.split(' ').map(str::to_owned).collect();
            arguments.splice(1..1, ["-m".to_owned(), model.display().to_string(), "-t".to_owned(), "1".to_owned()]);
            let mut name = format!("{stem}-{}{suffix}", self.name());
            if self != Self::Encode {
                arguments.push(clip.display().to_string());
                name += &format!("-{}", clip.file_stem().unwrap_or_default().display());
            }
            emulator.run(processor, caches, &name, &arguments)
        };
        match self {
            Self::Encode => {
                let window = |count| {
                    format!("bench --precision fast --no-warm-up --windows {count} --singles 0 --batches 0 --prompts 0")
                };
                Ok(run("", window(1))?.minus(&run("-without", window(0))?))
            }
            Self::Language => run("", "whisper-cli -dl -f".into()),
            Self::LanguageFast => run(
                "",
                "transcribe --no-config -q --precision fast --beam-size 1 --best-of 1 --no-fallback --max-tokens 1"
                    .into(),
            ),
            Self::Clip => run("", "transcribe --no-config -q --precision fast --language en".into()),
        }
    }
}

/// Whether the matrices of a ggml file are floats, by the number behind the magic and ten others in its header: 0 is f32, 1
/// f16, 24 bf16, plus a thousand for each version of the quantisation.
fn is_float(model: &Path) -> bool {
    let mut header = [0; 48];
    let read = File::open(model).and_then(|mut file| file.read_exact(&mut header));
    let [.., a, b, c, d] = header;
    read.is_ok() && matches!(u32::from_le_bytes([a, b, c, d]) % 1000, 0 | 1 | 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_known_by_the_header() {
        let path = std::env::temp_dir().join(format!("noctule-header-{}", std::process::id()));
        for (number, expected) in [(0u32, true), (1, true), (24, true), (2008, false), (1013, false), (1001, true)] {
            let mut bytes = vec![7; 44];
            bytes.extend(number.to_le_bytes());
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(is_float(&path), expected, "{number}");
            assert!(Job::Encode.suits(&path));
        }
        std::fs::write(&path, "short").unwrap();
        assert!(!Job::LanguageFast.suits(&path));
        std::fs::remove_file(&path).unwrap();
    }
}
