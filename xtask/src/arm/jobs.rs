//! The fixed jobs whose instructions are counted.

use super::Processor;
use super::profile::{Emulator, Profile};
use anyhow::Result;
use std::path::Path;

/// A job of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
