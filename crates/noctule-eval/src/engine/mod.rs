//! Engines: commands that turn audio into text.
//!
//! An [`Ask`] enters, a command line leaves; what the command printed enters, [`Heard`] leaves: text for each recording, and
//! the [`Phases`] that the engine tells of itself. An engine is a [`Description`]; noctule and whisper-cli are two of
//! them, so that all are measured with one ruler.

mod description;
mod extract;
mod heard;

pub use description::{Description, DivergenceRule, Files, Options};
pub use extract::{Figure, TextRule};
pub use heard::{Heard, HeardText, Phases};

use crate::digest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An engine that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    /// How it is called and read.
    pub description: Description,
    /// The program's file.
    pub program: PathBuf,
    /// What it says of its version.
    pub version: String,
    /// SHA-256 of the program's file.
    pub sha256: String,
}

/// How much an engine may do for a good text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As the engine does without being told: beams, second attempts.
    #[default]
    Product,
    /// The most probable token each time, one attempt: what the weights say.
    Bare,
}

impl Mode {
    /// For people and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Bare => "bare",
        }
    }
}

/// What the grid varies, beside engine and model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Settings {
    /// Threads; the engine's own choice without.
    pub threads: Option<u32>,
    /// Beams; the engine's own choice without.
    pub beam_size: Option<u32>,
    /// Encoder positions; all without.
    pub audio_ctx: Option<u32>,
    /// Arithmetic of noctule: "accurate", "fast"; its own choice without.
    pub precision: Option<String>,
    /// How much it may do.
    pub mode: Mode,
}

impl fmt::Display for Settings {
    /// What was asked for, in short: "2 threads, 5 beams".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |n: u32, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
        let mut parts = Vec::new();
        parts.extend(self.threads.map(|n| count(n, "thread")));
        parts.extend(self.beam_size.map(|n| count(n, "beam")));
        parts.extend(self.audio_ctx.map(|n| format!("{n} positions")));
        parts.extend(self.precision.clone());
        if self.mode == Mode::Bare {
            parts.push("bare".into());
        }
        f.pad(&parts.join(", "))
    }
}

/// One run of an engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask<'a> {
    /// The model's file; `None` for the one that the engine brings.
    pub model: Option<&'a Path>,
    /// Recordings.
    pub audio: &'a [PathBuf],
    /// Their language, where it is known and one.
    pub language: Option<&'a str>,
    /// What the grid says.
    pub settings: &'a Settings,
    /// Path without ending for files that the engine writes.
    pub output: &'a Path,
}

impl Engine {
    /// Finds the program of a description: a path, or a name in `PATH`; `own` stands for a program called `noctule`.
    ///
    /// # Errors
    /// A sentence if there is none.
    pub fn find(description: Description, own: Option<&Path>) -> Result<Self, String> {
        let word = &description.command[0];
        let own = own.filter(|_| word == "noctule").map(Path::to_path_buf);
        let program = own.or_else(|| locate(word)).ok_or_else(|| {
            format!("there is no program '{word}': install it, or give its path in the description's command")
        })?;
        let sha256 = digest::of_file(&program).map_err(|error| error.to_string())?;
        let version = version(&description, &program);
        Ok(Self { description, program, version, sha256 })
    }

    /// Its name in tables.
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// Why it cannot do what `settings` ask; `None` if it can.
    pub fn obstacle(&self, settings: &Settings) -> Option<String> {
        let options = &self.description.options;
        let cannot = |what: &str| Some(format!("{} has no option for {what}", self.name()));
        match settings {
            Settings { threads: Some(_), .. } if options.threads.is_empty() => cannot("threads"),
            Settings { beam_size: Some(_), .. } if options.beam_size.is_empty() => cannot("beams"),
            Settings { audio_ctx: Some(_), .. } if options.audio_ctx.is_empty() => cannot("the encoder's positions"),
            Settings { precision: Some(_), .. } if options.precision.is_empty() => cannot("precision"),
            Settings { mode: Mode::Bare, .. } if options.bare.is_empty() => {
                cannot("decoding without beams and second attempts")
            }
            Settings { mode: Mode::Bare, beam_size: Some(2..), .. } => Some("bare decoding has one beam".into()),
            _ => None,
        }
    }

    /// Program and words for one run.
    pub fn command(&self, ask: &Ask) -> Vec<String> {
        let description = &self.description;
        let options = self.option_words(ask);
        let audio: Vec<String> = ask.audio.iter().map(|path| path.display().to_string()).collect();
        let mut words = vec![self.program.display().to_string()];
        for word in &description.command[1..] {
            match word.as_str() {
                "{options}" => words.extend(options.iter().cloned()),
                "{audio}" => words.extend(audio.iter().cloned()),
                _ => words.push(word.replace("{audio}", audio.first().map_or("", String::as_str))),
            }
        }
        if !description.command.iter().any(|word| word == "{options}") {
            words.extend(options);
        }
        let output = ask.output.display().to_string();
        words.iter().map(|word| word.replace("{output}", &output)).collect()
    }

    fn option_words(&self, ask: &Ask) -> Vec<String> {
        let (options, settings) = (&self.description.options, ask.settings);
        let number = |value: Option<u32>| value.map(|value| value.to_string());
        let bare = settings.mode == Mode::Bare;
        let asked = [
            ("{model}", &options.model, ask.model.map(|path| path.display().to_string())),
            ("{threads}", &options.threads, number(settings.threads)),
            ("{beam_size}", &options.beam_size, number(settings.beam_size).filter(|_| !bare)),
            ("{audio_ctx}", &options.audio_ctx, number(settings.audio_ctx)),
            ("{language}", &options.language, ask.language.map(str::to_owned)),
            ("{precision}", &options.precision, settings.precision.clone()),
        ];
        let mut words = Vec::new();
        for (placeholder, template, value) in asked {
            if let Some(value) = value {
                words.extend(template.iter().map(|word| word.replace(placeholder, &value)));
            }
        }
        if bare {
            words.extend(options.bare.iter().cloned());
        }
        words
    }

    /// Whether it reads a file of this ending as it is.
    pub fn reads(&self, audio: &Path) -> bool {
        let ending = audio.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        self.description.reads.is_empty() || self.description.reads.contains(&ending)
    }
}

/// A program by its path or in `PATH`.
fn locate(word: &str) -> Option<PathBuf> {
    if word.contains('/') {
        return std::path::absolute(word).ok().filter(|path| path.is_file());
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(word)).find(|path| path.is_file())
}

fn version(description: &Description, program: &Path) -> String {
    let words = description.version.get(1..).unwrap_or_default();
    if description.version.is_empty() {
        return "unknown".into();
    }
    let output = Command::new(program).args(words).stdin(Stdio::null()).output();
    let Ok(output) = output else { return "unknown".into() };
    let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let line = texts.iter().flat_map(|text| text.lines()).map(str::trim).find(|line| !line.is_empty());
    line.map_or_else(|| "unknown".into(), |line| line.chars().take(100).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(description: Description) -> Engine {
        Engine { description, program: "/bin/engine".into(), version: "1".into(), sha256: String::new() }
    }

    fn words(engine: &Engine, settings: &Settings) -> String {
        let audio = ["a.wav".into(), "b.wav".into()];
        let ask = Ask {
            model: Some(Path::new("m.bin")),
            audio: &audio,
            language: Some("en"),
            settings,
            output: Path::new("o"),
        };
        engine.command(&ask).join(" ")
    }

    #[test]
    fn command_lines_of_the_two_that_are_known() {
        let settings = Settings { threads: Some(2), beam_size: Some(5), ..Settings::default() };
        assert_eq!(
            words(&engine(Description::noctule()), &settings),
            "/bin/engine transcribe --json --quiet --no-config --memory-limit none --model m.bin --threads 2 \
             --beam-size 5 --language en a.wav b.wav"
        );
        let bare = Settings { threads: Some(4), mode: Mode::Bare, ..Settings::default() };
        assert_eq!(
            words(&engine(Description::whisper_cli()), &bare),
            "/bin/engine -m m.bin -t 4 -l en -bs 1 -bo 1 -nf -f a.wav b.wav"
        );
    }

    #[test]
    fn what_an_engine_cannot_do_is_said() {
        let text = "name = \"x\"\ncommand = [\"x\", \"--in={audio}\", \"--out={output}.txt\"]\n";
        let simple = engine(Description::parse("x", text).unwrap());
        assert_eq!(words(&simple, &Settings::default()), "/bin/engine --in=a.wav --out=o.txt");
        let obstacle = simple.obstacle(&Settings { threads: Some(1), ..Settings::default() });
        assert_eq!(obstacle.as_deref(), Some("x has no option for threads"));
        assert_eq!(simple.obstacle(&Settings::default()), None);
        let both = Settings { beam_size: Some(5), mode: Mode::Bare, ..Settings::default() };
        assert!(engine(Description::noctule()).obstacle(&both).is_some());
        assert!(
            Engine::find(
                Description::parse("x", &text.replace("\"x\", \"--", "\"no-such-program\", \"--")).unwrap(),
                None
            )
            .unwrap_err()
            .contains("no-such-program")
        );
    }

    #[test]
    fn endings_decide_what_is_converted() {
        let (noctule, whisper) = (engine(Description::noctule()), engine(Description::whisper_cli()));
        assert!(noctule.reads(Path::new("a.opus")) && whisper.reads(Path::new("a.FLAC")));
        assert!(!whisper.reads(Path::new("a.opus")));
    }
}
