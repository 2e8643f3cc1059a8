//! What an engine printed → text for each recording, and figures.

use super::{Engine, Files};
use crate::run::Reply;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// What an engine tells of itself; what it does not tell is `None`. Times are wall-clock seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Phases {
    /// Opening the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_s: Option<f64>,
    /// Reading, decoding and resampling audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_s: Option<f64>,
    /// Log-mel spectrogram.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mel_s: Option<f64>,
    /// Encoder, keys and values of the audio included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encode_s: Option<f64>,
    /// Prompts, a part of the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_s: Option<f64>,
    /// Decoder, choosing of tokens included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_s: Option<f64>,
    /// All of it, by the engine's own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_s: Option<f64>,
    /// Until the first text was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_text_s: Option<f64>,
    /// Windows encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<f64>,
    /// Tokens of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<f64>,
    /// Passes of the decoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<f64>,
    /// Second attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallbacks: Option<f64>,
    /// The peak that the engine has seen itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<f64>,
}

impl Phases {
    fn slot(&mut self, name: &str) -> Option<&mut Option<f64>> {
        Some(match name {
            "load_s" => &mut self.load_s,
            "audio_s" => &mut self.audio_s,
            "mel_s" => &mut self.mel_s,
            "encode_s" => &mut self.encode_s,
            "prompt_s" => &mut self.prompt_s,
            "decode_s" => &mut self.decode_s,
            "total_s" => &mut self.total_s,
            "first_text_s" => &mut self.first_text_s,
            "windows" => &mut self.windows,
            "tokens" => &mut self.tokens,
            "steps" => &mut self.steps,
            "fallbacks" => &mut self.fallbacks,
            "peak_rss_bytes" => &mut self.peak_rss_bytes,
            _ => return None,
        })
    }

    /// Adds those of another recording of the same process; peaks are joined, and the first text is the first one's.
    fn join(&mut self, mut other: Self) {
        for name in super::description::FIGURES {
            let theirs = other.slot(name).and_then(|slot| *slot);
            let Some(mine) = self.slot(name) else { continue };
            *mine = match (*mine, theirs) {
                (Some(a), Some(b)) => Some(match name {
                    "peak_rss_bytes" => a.max(b),
                    "first_text_s" => a,
                    _ => a + b,
                }),
                (a, b) => a.or(b),
            };
        }
    }
}

/// The text of one recording, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct HeardText {
    /// What was written down.
    pub text: Result<String, String>,
    /// Of this recording, where the engine tells them apart.
    pub phases: Phases,
}

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// In the order of the recordings that were asked for.
    pub texts: Vec<HeardText>,
    /// Of the whole run.
    pub phases: Phases,
    /// Instruction tier or system line.
    pub tier: Option<String>,
    /// How it computed.
    pub precision: Option<String>,
}

impl Engine {
    /// Reads what the engine printed about the recordings `audio`; `output` is as in the [`Ask`](super::Ask).
    pub fn hear(&self, reply: &Reply, audio: &[PathBuf], output: &Path) -> Heard {
        let rule = &self.description.text;
        let objects: Vec<Value> = match (rule.lines, &rule.json) {
            (true, _) => reply.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
            (false, Some(_)) => serde_json::from_str(&reply.stdout).ok().into_iter().collect(),
            (false, None) => Vec::new(),
        };
        let of_whole: Option<&Value> = objects.first();
        let printed = [reply.stderr.as_str(), reply.stdout.as_str()];
        let mut heard = Heard {
            texts: Vec::new(),
            phases: Phases::default(),
            tier: self.description.facts.get("tier").and_then(|fact| fact.text(&printed, of_whole)),
            precision: self.description.facts.get("precision").and_then(|fact| fact.text(&printed, of_whole)),
        };
        for (index, path) in audio.iter().enumerate() {
            let object = match rule.lines {
                true => self.object_of(&objects, path, index),
                false => of_whole,
            };
            let text = self.text_of(reply, path, output, object);
            let phases = if rule.lines && object.is_some() { self.phases(&[], object) } else { Phases::default() };
            if rule.lines {
                heard.phases.join(phases.clone());
            }
            heard.texts.push(HeardText { text, phases });
        }
        if !rule.lines {
            heard.phases = self.phases(&printed, of_whole);
            if let ([only], Files::One) = (heard.texts.as_mut_slice(), self.description.files) {
                only.phases = heard.phases.clone();
            }
        }
        if self.description.streams && heard.phases.first_text_s.is_none() {
            heard.phases.first_text_s = reply.usage.first_output_s;
        }
        heard
    }

    fn object_of<'a>(&self, objects: &'a [Value], path: &Path, index: usize) -> Option<&'a Value> {
        let Some(pointer) = &self.description.text.file else { return objects.get(index) };
        let name = path.display().to_string();
        objects.iter().find(|object| object.pointer(pointer).and_then(Value::as_str) == Some(&name))
    }

    fn text_of(&self, reply: &Reply, path: &Path, output: &Path, object: Option<&Value>) -> Result<String, String> {
        let rule = &self.description.text;
        if let Some(line) = self.failure_in(&reply.stderr) {
            return Err(line);
        }
        if rule.lines && object.is_none() {
            let name = path.display().to_string();
            let about = reply.stderr.lines().rev().find(|line| line.contains(&name));
            return Err(
                about.map_or_else(|| "it wrote nothing about this recording".into(), |line| line.trim().to_owned())
            );
        }
        let Some(written) = &rule.written else {
            return rule.text(&reply.stdout, object);
        };
        let name = written.replace("{output}", &output.display().to_string());
        let name = name.replace("{audio}", &path.display().to_string());
        let text = fs::read_to_string(&name).map_err(|error| format!("it wrote no {name}: {error}"))?;
        let object = rule.json.as_ref().and_then(|_| serde_json::from_str(&text).ok());
        rule.text(&text, object.as_ref())
    }

    fn failure_in(&self, stderr: &str) -> Option<String> {
        let compiled = super::extract::pattern(self.description.failure.as_deref()?).ok()?;
        compiled.find(stderr).map(|found| found.as_str().trim().to_owned())
    }

    fn phases(&self, printed: &[&str], object: Option<&Value>) -> Phases {
        let mut phases = Phases::default();
        for (name, figure) in &self.description.figures {
            if let Some(slot) = phases.slot(name) {
                *slot = figure.number(printed, object);
            }
        }
        phases
    }
}

#[cfg(test)]
mod tests {
    use super::super::Description;
    use super::*;
    use crate::run::{Exit, Usage};

    fn engine(description: Description) -> Engine {
        Engine { description, program: "/bin/engine".into(), version: "1".into(), sha256: String::new() }
    }

    fn reply(stdout: &str, stderr: &str) -> Reply {
        let usage = Usage { first_output_s: Some(0.75), ..Usage::default() };
        Reply { exit: Exit::Code(0), killed: None, usage, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn whisper_cli_in_its_own_words() {
        // The lines of v1.9.3 with five beams, shortened.
        let stderr = "\
system_info: n_threads = 2 / 2 | WHISPER : COREML = 0 | CPU : AVX2 = 1 | REPACK = 1 | \n\
whisper_print_timings:     load time =   714.50 ms\n\
whisper_print_timings:     fallbacks =   1 p /   6 h\n\
whisper_print_timings:      mel time =   147.84 ms\n\
whisper_print_timings:   sample time =   600.00 ms /   125 runs (     5.07 ms per run)\n\
whisper_print_timings:   encode time =  5401.00 ms /     2 runs (  2700.50 ms per run)\n\
whisper_print_timings:   decode time =    10.00 ms /     3 runs (     3.33 ms per run)\n\
whisper_print_timings:   batchd time = 16350.00 ms /   122 runs (   134.03 ms per run)\n\
whisper_print_timings:   prompt time =    40.00 ms /     1 runs (    40.00 ms per run)\n\
whisper_print_timings:    total time = 23546.77 ms\n";
        let stdout = "\n[00:00:00.000 --> 00:00:08.000]   And so my fellow Americans\n[00:00:08.000 --> 00:00:11.000]   ask not.\n\n";
        let heard = engine(Description::whisper_cli()).hear(&reply(stdout, stderr), &["a.wav".into()], Path::new("o"));
        assert_eq!(heard.texts[0].text.as_deref(), Ok("And so my fellow Americans ask not."));
        let phases = &heard.phases;
        assert_eq!((phases.load_s, phases.windows, phases.fallbacks), (Some(0.7145), Some(2.0), Some(7.0)));
        assert!((phases.decode_s.unwrap() - 17.0).abs() < 1e-9, "{phases:?}");
        assert_eq!((phases.steps, phases.tokens, phases.first_text_s), (Some(125.0), None, Some(0.75)));
        assert_eq!(heard.tier.as_deref(), Some("CPU : AVX2 = 1 | REPACK = 1"));
        let broken = reply("", "error: failed to read audio file 'a.wav'\nwhisper_print_timings: x\n");
        let heard = engine(Description::whisper_cli()).hear(&broken, &["a.wav".into()], Path::new("o"));
        assert_eq!(heard.texts[0].text, Err("error: failed to read audio file 'a.wav'".into()));
    }

    #[test]
    fn noctule_line_by_line() {
        let line = |file: &str, text: &str, load: f64| {
            serde_json::json!({
                "file": file, "text": text, "memory": {"peak_rss_bytes": 5},
                "timing": {"load_s": load, "encode_s": 2.0, "encoder_windows": 1, "decoded_tokens": 9, "first_text_s": 1.0 + load},
                "kernels": {"tier": "neon", "threads": 4, "precision": "fast"},
            })
            .to_string()
        };
        let stdout = format!("{}\n{}\n", line("a.wav", " one ", 0.5), line("c.wav", "three", 0.0));
        let audio = ["a.wav", "b.wav", "c.wav"].map(PathBuf::from);
        let reply = reply(&stdout, "error: b.wav: this is no audio\n");
        let heard = engine(Description::noctule()).hear(&reply, &audio, Path::new("o"));
        let texts: Vec<_> = heard.texts.iter().map(|heard| heard.text.clone()).collect();
        assert_eq!(texts, [Ok("one".into()), Err("error: b.wav: this is no audio".into()), Ok("three".into())]);
        let phases = &heard.phases;
        assert_eq!((phases.load_s, phases.encode_s, phases.tokens), (Some(0.5), Some(4.0), Some(18.0)));
        assert_eq!((phases.peak_rss_bytes, phases.first_text_s), (Some(5.0), Some(1.5)));
        assert_eq!((heard.tier.as_deref(), heard.precision.as_deref()), (Some("neon"), Some("fast")));
        assert_eq!(heard.texts[2].phases.windows, Some(1.0));
    }

    #[test]
    fn any_command_with_files_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            "name = \"x\"\ncommand = [\"x\", \"{audio}\"]\n[text]\nwritten = \"{output}.json\"\njson = \"/said\"\n";
        let engine = engine(Description::parse("x", text).unwrap());
        let output = folder.path().join("o");
        let hear = || engine.hear(&reply("", ""), &["a.wav".into()], &output).texts.remove(0).text;
        assert!(hear().unwrap_err().contains("it wrote no"));
        fs::write(output.with_extension("json"), "{\"said\": \"hello\"}").unwrap();
        assert_eq!(hear().as_deref(), Ok("hello"));
    }
}
