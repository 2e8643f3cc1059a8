//! The configuration file: TOML whose keys are long names of options.

use super::{Setting, Settings, is_flag, nearest, option, parts, try_alone};
use crate::failure::Failure;
use clap::{Arg, ArgAction, Command};
use std::io;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads the file at `path`. Without `must_exist` a missing file has no settings.
///
/// # Errors
/// [`Failure::Work`] when it cannot be read, [`Failure::Usage`] with its line when something in it is wrong.
pub fn read(path: &Path, must_exist: bool, verb: &Command) -> Result<Settings, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => return Ok(Settings::new()),
        Err(error) => {
            return Err(Failure::work(format!(
                "cannot read the configuration {}: {error}; correct --config, or go without it by --no-config",
                path.display()
            )));
        }
    };
    parse(&text, &path.display().to_string(), verb)
}

/// Settings in `text`; `name` is the file's, for messages.
fn parse(text: &str, name: &str, verb: &Command) -> Result<Settings, Failure> {
    let place = |byte: usize| format!("{name}:{}", 1 + text[..byte.min(text.len())].matches('\n').count());
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        Failure::usage(format!("{}: this is not TOML: {}", place(start), error.message().replace('\n', "; ")))
    })?;
    let mut settings = Settings::new();
    for (key, value) in table.get_ref() {
        let (long, place) = (key.get_ref().as_ref(), place(key.span().start));
        let Some(arg) = option(verb, long) else {
            return Err(Failure::usage(unknown(&place, long, verb)));
        };
        let values = values(arg, value).map_err(|problem| Failure::usage(format!("{place}: {long} {problem}")))?;
        let setting = Setting { values, place: format!("{place}: {long}") };
        try_alone(arg, &setting)?;
        settings.insert(long.to_owned(), setting);
    }
    Ok(settings)
}

fn unknown(place: &str, key: &str, verb: &Command) -> String {
    let hint = match nearest(key, verb) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "keys are the long names of the options of 'noctule transcribe --help'".into(),
    };
    format!("{place}: there is no option '{key}'; {hint}")
}

/// The texts that a TOML value stands for, or what is wrong with it.
fn values(arg: &Arg, value: &Spanned<DeValue>) -> Result<Vec<String>, &'static str> {
    let several = matches!(arg.get_action(), ArgAction::Append);
    match value.get_ref() {
        DeValue::Boolean(flag) if is_flag(arg) => Ok(vec![flag.to_string()]),
        _ if is_flag(arg) => Err("is a flag: write true or false"),
        DeValue::Boolean(_) => Err("is no flag: write its value"),
        DeValue::Array(list) if several => {
            let texts: Option<Vec<String>> = list.iter().map(|item| scalar(item.get_ref())).collect();
            texts.ok_or("takes strings in its list")
        }
        DeValue::Array(_) => Err("takes one value, not a list"),
        other => scalar(other).map(|text| parts(arg, &text)).ok_or("takes a string or a number"),
    }
}

/// A string or number as it would be typed.
fn scalar(value: &DeValue) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        // Other radixes have no meaning on a command line.
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn read(text: &str) -> Result<Settings, String> {
        let command = crate::args::Cli::command();
        parse(text, "c.toml", super::super::verb(&command)).map_err(|failure| match failure {
            Failure::Usage(message) => message,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn values_of_every_type() {
        let text =
            "# mine\nmodel = \"base.bin\"\nthreads = 2\ntemperature = 0.5\nvad = true\nformat = [\"srt\", \"json\"]\n";
        let settings = read(text).unwrap();
        assert_eq!(settings["model"].values, ["base.bin"]);
        assert_eq!(settings["threads"].values, ["2"]);
        assert_eq!(settings["temperature"].values, ["0.5"]);
        assert_eq!(settings["vad"].values, ["true"]);
        assert_eq!(settings["format"].values, ["srt", "json"]);
        assert_eq!(settings["format"].place, "c.toml:6: format");
        assert_eq!(read("format = \"srt, vtt\"").unwrap()["format"].values, ["srt", "vtt"]);
    }

    #[test]
    fn mistakes_are_blamed_on_their_line() {
        for (text, message) in [
            ("\nthread = 2", "c.toml:2: there is no option 'thread'; did you mean 'threads'?"),
            ("qqq = 2", "c.toml:1: there is no option 'qqq'; keys are"),
            ("vad = true\n\nthreads = 0", "c.toml:3: threads: the value '0' is wrong: 0 is not in 1..=256"),
            ("format = \"sub\"", "c.toml:1: format: the value 'sub' is wrong: use one of txt, srt"),
            ("vad = \"yes\"", "c.toml:1: vad is a flag"),
            ("threads = true", "c.toml:1: threads is no flag"),
            ("threads = [1, 2]", "c.toml:1: threads takes one value"),
            ("format = [true]", "c.toml:1: format takes strings"),
            ("[transcribe]\nthreads = 2", "c.toml:1: there is no option 'transcribe'"),
            ("vad = true\nthreads = = 2", "c.toml:2: this is not TOML"),
            ("config = \"b.toml\"", "c.toml:1: there is no option 'config'"),
            ("threads = 1\nthreads = 2", "c.toml:2: this is not TOML: duplicate key"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(message), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
