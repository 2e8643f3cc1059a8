//! What an engine is, in TOML: how it is called, and where its text and figures stand in what it prints.

use super::extract::{Figure, TextRule};
use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A command that turns audio into text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Its name in tables.
    pub name: String,
    /// The program and its words. A word `{options}` stands for the words of [`Options`] that are asked for (they go
    /// to the end without one), `{audio}` for the recording or, as a word of its own, for all of them.
    pub command: Vec<String>,
    /// A command whose first line says which version it is.
    #[serde(default)]
    pub version: Vec<String>,
    /// Whether one process may be given several recordings.
    #[serde(default)]
    pub files: Files,
    /// Endings that it reads; others are converted to WAV before. Everything without it.
    #[serde(default)]
    pub reads: Vec<String>,
    /// Whether text comes as it is decided, so that the first of it tells the latency.
    #[serde(default)]
    pub streams: bool,
    /// Whether it reads only model files that stock whisper.cpp reads: one type a file.
    #[serde(default)]
    pub stock: bool,
    /// What it prints when it fails all the same with exit code 0 (a regular expression).
    #[serde(default)]
    pub failure: Option<String>,
    /// Set in its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Words for what the grid may ask.
    #[serde(default)]
    pub options: Options,
    /// Where the text is.
    #[serde(default)]
    pub text: TextRule,
    /// Where figures are, by their names in [`Phases`](super::Phases).
    #[serde(default)]
    pub figures: BTreeMap<String, Figure>,
    /// Where facts about the engine are: `tier`, `precision`.
    #[serde(default)]
    pub facts: BTreeMap<String, Figure>,
    /// How it compares a model with the one that it was made from, if it can.
    #[serde(default)]
    pub divergence: Option<DivergenceRule>,
}

/// A command that compares two models without references.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DivergenceRule {
    /// Program and words, with `{source}`, `{model}` and `{audio}`.
    pub command: Vec<String>,
    /// JSON pointers into standard output by name: `kl_mean` (nats), `kl_99`, `top_1_agreement` (a share),
    /// `perplexity_ratio`, `tokens`.
    pub figures: BTreeMap<String, String>,
}

/// How many recordings one process is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Files {
    /// One.
    #[default]
    One,
    /// Any number.
    Many,
}

/// Words for each thing that may be asked; none where the engine cannot do it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// With `{model}`; without it the engine brings its own model.
    pub model: Vec<String>,
    /// With `{threads}`.
    pub threads: Vec<String>,
    /// With `{beam_size}`.
    pub beam_size: Vec<String>,
    /// With `{audio_ctx}`: encoder positions.
    pub audio_ctx: Vec<String>,
    /// With `{language}`: a code such as `en`.
    pub language: Vec<String>,
    /// With `{precision}`: `accurate` or `fast`.
    pub precision: Vec<String>,
    /// The most probable word each time, and no second attempt.
    pub bare: Vec<String>,
}

/// Names that `figures` may have.
pub(super) const FIGURES: [&str; 13] = [
    "load_s",
    "audio_s",
    "mel_s",
    "encode_s",
    "prompt_s",
    "decode_s",
    "total_s",
    "first_text_s",
    "windows",
    "tokens",
    "steps",
    "fallbacks",
    "peak_rss_bytes",
];

/// Names that `facts` may have.
const FACTS: [&str; 2] = ["tier", "precision"];

impl Description {
    /// noctule itself.
    pub fn noctule() -> Self {
        Self::parse("noctule", include_str!("noctule.toml")).expect("a test reads it")
    }

    /// whisper.cpp's whisper-cli.
    pub fn whisper_cli() -> Self {
        Self::parse("whisper-cli", include_str!("whisper_cli.toml")).expect("a test reads it")
    }

    /// Reads a description from a file.
    ///
    /// # Errors
    /// A file that cannot be read, and what [`Description::parse`] refuses.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a description from text; `place` is where it stands.
    ///
    /// # Errors
    /// [`Error::Engine`] for what is no TOML, unknown names, placeholders that are missing, and expressions that are wrong.
    pub fn parse(place: &str, text: &str) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Engine { name: place.to_owned(), problem };
        let description: Self = toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
        description.check().map_err(wrong)?;
        Ok(description)
    }

    fn check(&self) -> Result<(), String> {
        if self.name.is_empty() || self.command.is_empty() {
            return Err("a name and a command are needed".into());
        }
        let all = self.command.iter().filter(|word| word.contains("{audio}"));
        match (all.clone().count(), self.files) {
            (0, _) => return Err("the command has no '{audio}' where the recording goes".into()),
            (1, Files::Many) if all.clone().any(|word| word != "{audio}") => {
                return Err("with files = \"many\", '{audio}' is a word of its own".into());
            }
            _ => {}
        }
        let options = [
            ("model", &self.options.model),
            ("threads", &self.options.threads),
            ("beam_size", &self.options.beam_size),
            ("audio_ctx", &self.options.audio_ctx),
            ("language", &self.options.language),
            ("precision", &self.options.precision),
        ];
        for (name, words) in options {
            let placeholder = format!("{{{name}}}");
            if !words.is_empty() && !words.iter().any(|word| word.contains(&placeholder)) {
                return Err(format!("options.{name} has no '{placeholder}' where the value goes"));
            }
        }
        let unknown = self.figures.keys().find(|name| !FIGURES.contains(&name.as_str()));
        if let Some(name) = unknown {
            return Err(format!("there is no figure '{name}'; figures are {}", FIGURES.join(", ")));
        }
        if let Some(name) = self.facts.keys().find(|name| !FACTS.contains(&name.as_str())) {
            return Err(format!("there is no fact '{name}'; facts are {}", FACTS.join(", ")));
        }
        self.text.check()?;
        self.figures.iter().chain(&self.facts).try_for_each(|(name, figure)| figure.check(name))?;
        super::extract::pattern(self.failure.as_deref().unwrap_or("x")).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptions_of_this_crate_are_right() {
        assert_eq!(Description::noctule().files, Files::Many);
        assert!(Description::whisper_cli().stock);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, message) in [
            ("name = \"x\"", "command"),
            ("name = \"x\"\ncommand = [\"x\"]", "{audio}"),
            ("name = \"x\"\ncommand = [\"x\", \"--in={audio}\"]\nfiles = \"many\"", "word of its own"),
            ("name = \"x\"\ncommand = [\"x\", \"{audio}\"]\ncolour = 1", "colour"),
            ("name = \"x\"\ncommand = [\"x\", \"{audio}\"]\n[options]\nthreads = [\"-t\"]", "'{threads}'"),
            ("name = \"x\"\ncommand = [\"x\", \"{audio}\"]\n[figures]\nspeed = { json = \"/s\" }", "'speed'"),
            ("name = \"x\"\ncommand = [\"x\", \"{audio}\"]\n[figures]\nload_s = { pattern = \"(\" }", "load_s"),
            ("name = \"x\"\ncommand = [\"x\", \"{audio}\"]\n[figures]\nload_s = { pattern = \"x\" }", "a group"),
            ("name = \"x\"\ncommand = [\"x\", \"{audio}\"]\n[figures]\nload_s = {}", "json"),
            ("name = \"x\"\ncommand = [\"x\", \"{audio}\"]\n[facts]\ncpu = { json = \"/s\" }", "'cpu'"),
            ("name = \"x\"\ncommand = [\"x\", \"{audio}\"]\n[text]\npattern = \"[\"", "pattern"),
            ("name = ", "line 1"),
        ] {
            let error = Description::parse("x.toml", text).unwrap_err().to_string();
            assert!(error.starts_with("x.toml: ") && error.contains(message), "{text}: {error}");
        }
        let whole = "name = \"x\"\ncommand = [\"sh\", \"-c\", \"x --in='{audio}'\"]";
        assert_eq!(Description::parse("x.toml", whole).unwrap().files, Files::One);
    }
}
