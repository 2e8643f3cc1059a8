//! whisper-cli: its flags → a [`Plan`] → `transcribe`, with its lines around it.

use super::print::{self, Look, Shades};
use super::say;
use crate::args::whisper_cpp::{self as flags, FLAGS, Given, Meaning, Own};
use crate::args::{Cli, Command};
use crate::cmd::transcribe::{self, Face};
use crate::failure::Failure;
use crate::plan::{Input, Plan, Stdout};
use crate::settings::{self, Stop};
use crate::terminal;
use noctule::format::Format;
use noctule::options::Task;
use noctule::timing::Phases;
use noctule::{Segment, Transcriber};
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

/// The model that is used when none is named.
const MODEL: &str = "models/ggml-base.en.bin";

/// Presets of alignment heads that `-dtw` knows.
const PRESETS: &str =
    "tiny tiny.en base base.en small small.en medium medium.en large.v1 large.v2 large.v3 large.v3.turbo";

/// Does what `words` say.
///
/// # Errors
/// As [`Program::run`](super::Program::run).
pub fn run(words: &[String]) -> Result<bool, Failure> {
    let started = Instant::now();
    let response = response_file(words)?;
    let words = response.as_deref().unwrap_or(words);
    let (given, others) = flags::parse(FLAGS, words).map_err(Failure::Usage)?;
    let wish = Wish::new(&given, &others)?;
    if wish.help {
        return super::print(&flags::cli_usage()).map(|()| true);
    }
    if wish.version {
        return super::print(&format!("noctule {}\n", env!("CARGO_PKG_VERSION"))).map(|()| true);
    }
    let plan = wish.plan()?;
    let mut face = WhisperCli::new(&wish, &plan, started);
    let done = transcribe::run_as(&plan, &mut face)?;
    face.finish();
    Ok(done)
}

/// A single word `@FILE` stands for the lines of that file.
fn response_file(words: &[String]) -> Result<Option<Vec<String>>, Failure> {
    let [word] = words else { return Ok(None) };
    let Some(path) = word.strip_prefix('@') else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::work(format!("cannot read the response file '{path}': {error}")))?;
    Ok(Some(text.lines().map(str::to_owned).collect()))
}

/// What the flags ask for.
#[derive(Debug, Default)]
struct Wish {
    help: bool,
    version: bool,
    /// Options of `transcribe`.
    options: Vec<String>,
    model: String,
    files: Vec<String>,
    stems: Vec<String>,
    quiet: bool,
    look: Look,
    progress: bool,
    detect_language: bool,
    dtw: bool,
}

impl Wish {
    fn new(given: &[Given], others: &[&str]) -> Result<Self, Failure> {
        let mut wish = Self { model: MODEL.into(), ..Self::default() };
        wish.look.times = true;
        wish.options.push("--language=en".into());
        for (flag, value) in given {
            let value = value.unwrap_or_default();
            match flag.meaning {
                Meaning::Own(own) => wish.own(own, value)?,
                Meaning::Same(option) => wish.option(option, flag.value.map(|_| value)),
                Meaning::Unless(_, default) if value == default => {}
                Meaning::Unless(option, _) => wish.option(option, Some(value)),
                Meaning::Milliseconds(option) => {
                    let time: u32 = value.parse().map_err(|_| {
                        Failure::usage(format!("argument {}: '{value}' is no number of milliseconds", flag.long))
                    })?;
                    if time > 0 {
                        wish.option(option, Some(&format!("{time}ms")));
                    }
                }
                Meaning::Only(..) | Meaning::Always(_) | Meaning::Refused(_) => {}
            }
        }
        wish.look.speakers = wish.has("--diarize");
        wish.look.turns = wish.has("--tinydiarize");
        wish.files.extend(others.iter().map(|&file| file.to_owned()));
        Ok(wish)
    }

    fn own(&mut self, own: Own, value: &str) -> Result<(), Failure> {
        match own {
            Own::Help => self.help = true,
            Own::Version => self.version = true,
            Own::File => self.files.push(value.to_owned()),
            Own::OutputFile => self.stems.push(value.to_owned()),
            Own::Model => self.model = value.to_owned(),
            Own::NoPrints => self.quiet = true,
            Own::NoTimestamps => {
                self.look.times = false;
                self.option("--no-timestamps", None);
            }
            Own::Colours => self.look.shades = Shades::Colours,
            Own::Confidence if self.look.shades == Shades::None => self.look.shades = Shades::Styles,
            Own::Confidence => {}
            Own::Progress => self.progress = true,
            Own::DetectLanguage => {
                self.option("--language", Some("auto"));
                self.detect_language = true;
            }
            Own::Dtw if PRESETS.split(' ').any(|preset| preset == value) => self.dtw = true,
            Own::Dtw => {
                return Err(Failure::usage(format!("argument --dtw: no preset '{value}'; there are {PRESETS}")));
            }
        }
        Ok(())
    }

    /// A later value takes the place of an earlier one, as there.
    fn option(&mut self, option: &str, value: Option<&str>) {
        let Some(value) = value else {
            if !self.has(option) {
                self.options.push(option.to_owned());
            }
            return;
        };
        let start = format!("{option}=");
        // The flag -dl counts more than a language.
        if !(self.detect_language && option == "--language") {
            self.options.retain(|other| !other.starts_with(&start));
            self.options.push(format!("{start}{value}"));
        }
    }

    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|other| other == option)
    }

    /// What `transcribe` has to do for it.
    fn plan(&self) -> Result<Plan, Failure> {
        let is_there = |file: &&String| *file == "-" || Path::new(file).exists();
        let (files, missing): (Vec<&String>, Vec<&String>) = self.files.iter().partition(is_there);
        let missing: Vec<String> = missing.iter().map(|file| format!("input file not found '{file}'")).collect();
        if files.is_empty() {
            missing.iter().for_each(|problem| terminal::error(problem));
            return Err(Failure::usage("no input files specified; --help shows how"));
        }
        let to_stdout = self.stems.iter().any(|stem| stem == "-");
        if to_stdout && files.len() > 1 {
            return Err(Failure::usage("argument --output-file: - takes the results of one file only"));
        }
        let writes = self.options.iter().any(|option| option.starts_with("--output-"));
        let mut words = vec!["noctule".to_owned(), "transcribe".into(), "--quiet".into()];
        words.push(format!("--model={}", self.model));
        words.extend(self.options.iter().cloned());
        if writes && !to_stdout && !self.stems.is_empty() {
            // Those that get no name of their own lie beside their audio.
            let stems = self.files.iter().enumerate().filter(|(_, file)| is_there(file));
            words.extend(stems.map(|(i, file)| format!("--output-file={}", self.stems.get(i).unwrap_or(file))));
        } else if !writes && !self.stems.is_empty() {
            terminal::warning("--output-file without a format such as --output-srt writes no file");
        }
        words.push("--".into());
        words.extend(files.into_iter().cloned());
        let mut plan = Plan::new(&transcribe_args(words)?)?;
        plan.problems.extend(missing);
        plan.options.word_timestamps |= self.dtw || self.look.shades != Shades::None;
        plan.stdout = Stdout::Lines { times: self.look.times };
        if to_stdout {
            plan.items.iter_mut().for_each(|item| item.stem = None);
            let mut formats = std::mem::take(&mut plan.formats).into_iter();
            plan.stdout = formats.next().map_or(Stdout::Nothing, Stdout::Documents);
            if formats.next().is_some() {
                terminal::warning("Not appending multiple file formats to stdout");
            }
        }
        Ok(plan)
    }
}

/// Lets the parser of `transcribe` read `words`; of its complaints the first line counts, the others speak of options
/// that have other names here.
fn transcribe_args(words: Vec<String>) -> Result<crate::args::TranscribeArgs, Failure> {
    let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
    match settings::parse_alone(&words) {
        Ok(Cli { command: Some(Command::Transcribe(args)), .. }) => Ok(*args),
        Ok(_) => Err(Failure::usage("no input files specified; --help shows how")),
        Err(Stop::Failure(failure)) => Err(failure),
        Err(Stop::Parser(error)) => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            Err(Failure::usage(line.strip_prefix("error: ").unwrap_or(line)))
        }
    }
}

/// The lines around the text.
struct WhisperCli<'a> {
    wish: &'a Wish,
    plan: &'a Plan,
    started: Instant,
    load: Duration,
    phases: Phases,
    /// The buffers of the last recording.
    memory: String,
    /// No segment of this recording has been printed.
    first: bool,
    /// Percents that were said.
    said: u32,
    detected: bool,
}

impl<'a> WhisperCli<'a> {
    fn new(wish: &'a Wish, plan: &'a Plan, started: Instant) -> Self {
        let face = Self {
            wish,
            plan,
            started,
            load: Duration::ZERO,
            phases: Phases::default(),
            memory: String::new(),
            first: true,
            said: 0,
            detected: false,
        };
        let model = terminal::harmless(&wish.model);
        face.say(&format!("whisper_init_from_file_with_params_no_state: loading model from '{model}'\n"));
        face
    }

    fn say(&self, text: &str) {
        if !self.wish.quiet {
            say(text);
        }
    }

    fn finish(&self) {
        self.say(&self.memory);
        self.say(&print::timings(self.load, &self.phases, self.started.elapsed()));
    }
}

impl Face for WhisperCli<'_> {
    fn loaded(&mut self, transcriber: &Transcriber) -> Result<(), Failure> {
        self.load = self.started.elapsed();
        if self.wish.detect_language && !transcriber.model().vocab().is_multilingual() {
            let name = transcriber.model().name();
            return Err(Failure::usage(format!("argument --detect-language: the model {name} is English only")));
        }
        self.say(&print::model(transcriber.model()));
        Ok(())
    }

    fn begins(&mut self, transcriber: &Transcriber, input: &Input, duration_s: f64) {
        (self.first, self.said, self.detected) = (true, 0, false);
        let options = &self.plan.options;
        self.say(&print::system(transcriber));
        self.say(&format!(
            "\nmain: processing '{}' ({} samples, {duration_s:.1} sec), {} threads, 1 processors, {} beams + best of {}, \
             lang = {}, task = {}, {}timestamps = {} ...\n\n",
            terminal::harmless(&input.name()),
            (duration_s * noctule::transcriber::SAMPLE_RATE as f64).round(),
            transcriber.compute().threads(),
            options.search.beam_size,
            options.search.best_of,
            self.plan.language,
            if options.task == Task::Translate { "translate" } else { "transcribe" },
            if options.tinydiarize { "tdrz = 1, " } else { "" },
            u8::from(options.timestamps),
        ));
    }

    fn language(&mut self, code: &'static str, probability: f32) {
        self.detected = true;
        self.say(&format!("whisper_full_with_state: auto-detected language: {code} (p = {probability:.6})\n"));
    }

    fn segment(&mut self, segment: &Segment) -> Option<String> {
        Some(print::segment(segment, self.wish.look, std::mem::take(&mut self.first)))
    }

    fn progress(&mut self, done: f64, total: f64) {
        const STEP: u32 = 5;
        let percent = if total > 0.0 { (done / total * 100.0) as u32 } else { 100 };
        if self.wish.progress && percent >= self.said + STEP {
            self.said = percent / STEP * STEP;
            self.say(&format!("whisper_print_progress_callback: progress = {percent:3}%\n"));
        }
    }

    fn has_enough(&self) -> bool {
        self.wish.detect_language && self.detected
    }

    fn ended(&mut self, transcriber: &Transcriber) {
        self.phases += transcriber.phases();
        self.memory = print::memory(transcriber.model(), &transcriber.buffers());
    }

    fn written(&mut self, path: &Path, format: Format) {
        let function = match format {
            Format::WcppJson | Format::WcppJsonFull => "output_json".into(),
            other => format!("output_{}", other.extension()),
        };
        let path = terminal::harmless(&path.display().to_string());
        self.say(&format!("{function}: saving output to '{path}'\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(text: &str) -> Result<Wish, Failure> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let (given, others) = flags::parse(FLAGS, &words).map_err(Failure::Usage)?;
        Wish::new(&given, &others)
    }

    #[test]
    fn flags_become_options() {
        let wish =
            wish("-m a.bin -f b.wav c.wav -ot 1500 -d 0 -mc -1 -ac 0 -bs 1 -bs 2 -l de -nt -ojf -of out").unwrap();
        assert_eq!(wish.model, "a.bin");
        assert_eq!(wish.files, ["b.wav", "c.wav"]);
        assert_eq!(wish.stems, ["out"]);
        let expected = ["--offset=1500ms", "--beam-size=2", "--language=de", "--no-timestamps", "--output-json-full"];
        assert_eq!(wish.options, expected);
        assert!(!wish.look.times);
    }

    #[test]
    fn defaults_are_stocks() {
        let wish = wish("-dtw base.en -np").unwrap();
        assert_eq!((wish.model.as_str(), wish.options.as_slice()), (MODEL, &["--language=en".to_owned()][..]));
        assert!(wish.dtw && wish.quiet && wish.look.times);
    }

    #[test]
    fn a_flag_may_come_twice_and_detection_counts_more_than_a_language() {
        let twice = wish("-nt -nt -tr -tr -l fr -l de").unwrap();
        assert_eq!(twice.options, ["--no-timestamps", "--translate", "--language=de"]);
        for text in ["-dl -l de", "-l de -dl", "-dl -dl"] {
            let wish = wish(text).unwrap();
            assert!(wish.detect_language && wish.options == ["--language=auto"], "{text}: {:?}", wish.options);
        }
    }

    #[test]
    fn wrong_values_are_named() {
        for (text, part) in
            [("-dtw huge", "--dtw"), ("-ot x", "--offset-t"), ("-d -5", "--duration"), ("-p 2", "-p: 2")]
        {
            let message = wish(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        for (text, part) in
            [("-t x", "--threads"), ("-bs 0", "--beam-size"), ("-vt 0.5", "--vad"), ("-l qq", "--language")]
        {
            let message = wish(&format!("{text} -")).unwrap().plan().unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
