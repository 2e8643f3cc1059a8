//! Options from the environment and the configuration file, under those of the command line.
//!
//! The words of the user enter, a [`Cli`] leaves. What the command line does
//! not give is taken from `NOCTULE_…`, then from [`config`], then from the
//! defaults. Settings become defaults of the argument parser, so that a value from any of
//! the three is read by the same code; each is tried alone first, so that a
//! mistake is blamed on the line or variable that it stands in.

mod config;

use crate::args::{Cli, EXCLUDES, NEEDS};
use crate::failure::Failure;
use clap::builder::BoolishValueParser;
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// What cannot come from a file or the environment.
const WORDS_ONLY: [&str; 4] = ["help", "version", "config", "no-config"];

/// Start of the variables' names.
const PREFIX: &str = "NOCTULE_";

/// `NOCTULE_CPU` chooses the kernels: a variable that is no option.
const NO_OPTION: &str = "NOCTULE_CPU";

/// Values of one option and where they stand, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    values: Vec<String>,
    place: String,
}

/// By the option's long name.
type Settings = BTreeMap<String, Setting>;

/// Reads the command line with everything that stands behind it.
///
/// # Errors
/// Wrong usage, help and version come as the argument parser's own error; a configuration file
/// that cannot be read or has mistakes as a [`Failure`].
pub fn parse(words: &[OsString]) -> Result<Cli, Stop> {
    let command = Cli::command();
    let (words, taken_back) = take_back(words, &command);
    let typed = command.clone().try_get_matches_from(&words)?;
    let Some(("transcribe", typed)) = typed.subcommand() else {
        return Ok(Cli::from_arg_matches(&typed)?);
    };
    let verb = verb(&command);
    let mut settings = match config_file(typed)? {
        Some((path, must_exist)) => config::read(&path, must_exist, verb)?,
        None => Settings::new(),
    };
    settings.extend(from_environment(verb)?);
    settings.retain(|name, _| !taken_back.contains(name) && !excluded(name, typed));
    let command = command.clone().mut_subcommand("transcribe", |verb| with_defaults(verb, &settings));
    let matches = command.try_get_matches_from(&words)?;
    if let Some((_, verb)) = matches.subcommand() {
        check_needs(verb, &settings)?;
    }
    Ok(Cli::from_arg_matches(&matches)?)
}

/// Reads a command line that neither the environment nor a configuration file may change.
///
/// # Errors
/// As [`parse`].
pub fn parse_alone(words: &[OsString]) -> Result<Cli, Stop> {
    let matches = Cli::command().try_get_matches_from(words)?;
    if let Some(("transcribe", verb)) = matches.subcommand() {
        check_needs(verb, &Settings::new())?;
    }
    Ok(Cli::from_arg_matches(&matches)?)
}

/// Why there is no [`Cli`].
#[derive(Debug)]
pub enum Stop {
    /// Wrong usage, or help that was asked for.
    Parser(clap::Error),
    /// Something else.
    Failure(Failure),
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        Self::Parser(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn verb(command: &Command) -> &Command {
    command.find_subcommand("transcribe").expect("the verb exists")
}

/// The option of this long name, if it may be set outside the command line.
fn option<'a>(verb: &'a Command, name: &str) -> Option<&'a Arg> {
    let known = verb.get_arguments().find(|arg| arg.get_long() == Some(name))?;
    (!WORDS_ONLY.contains(&name)).then_some(known)
}

fn is_flag(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

/// Removes `--no-FLAG` for every FLAG that is one, and the FLAGs before it; returns the names.
fn take_back(words: &[OsString], command: &Command) -> (Vec<OsString>, Vec<String>) {
    let verb = verb(command);
    let mut kept: Vec<OsString> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut options_over = false;
    for word in words {
        options_over |= word == "--";
        let long = word.to_str().and_then(|word| word.strip_prefix("--")).filter(|_| !options_over);
        if let Some(flag) = long.and_then(|long| negated(verb, long)) {
            kept.retain(|before| before.to_str() != Some(&format!("--{flag}")));
            names.push(flag);
            continue;
        }
        if let Some(long) = long {
            names.retain(|name| name != long);
        }
        kept.push(word.clone());
    }
    (kept, names)
}

/// FLAG of `no-FLAG`; of a flag that is called `no-…` itself, the form without it.
fn negated(verb: &Command, long: &str) -> Option<String> {
    let exists = |name: &str| option(verb, name).is_some_and(is_flag);
    if verb.get_arguments().any(|arg| arg.get_long() == Some(long)) {
        return None;
    }
    match long.strip_prefix("no-") {
        Some(flag) if exists(flag) => Some(flag.to_owned()),
        _ => Some(format!("no-{long}")).filter(|flag| exists(flag)),
    }
}

fn given(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(&name.replace('-', "_")) == Some(ValueSource::CommandLine)
}

/// Whether the command line has an option that excludes this one.
fn excluded(name: &str, typed: &ArgMatches) -> bool {
    EXCLUDES.iter().any(|(a, b)| (*a == name && given(typed, b)) || (*b == name && given(typed, a)))
}

/// Which file to read, and whether it must be there.
fn config_file(typed: &ArgMatches) -> Result<Option<(PathBuf, bool)>, Failure> {
    if typed.get_flag("no_config") {
        return Ok(None);
    }
    if let Some(path) = typed.get_one::<PathBuf>("config") {
        return Ok(Some((path.clone(), true)));
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = set("NOCTULE_CONFIG") {
        return Ok(Some((path, true)));
    }
    // The XDG base directory specification: a path that is not absolute is ignored.
    let base = set("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let base = base.or_else(|| set("HOME").map(|home| home.join(".config")));
    Ok(base.map(|base| (base.join("noctule/config.toml"), false)))
}

/// Settings from `NOCTULE_…`. An empty variable counts as not set.
fn from_environment(verb: &Command) -> Result<Settings, Failure> {
    let mut found = Settings::new();
    for (key, value) in std::env::vars_os() {
        let Some(rest) = key.to_str().and_then(|key| key.strip_prefix(PREFIX)) else { continue };
        let (variable, name) = (format!("{PREFIX}{rest}"), rest.to_lowercase().replace('_', "-"));
        if value.is_empty() || variable == NO_OPTION || name == "config" {
            continue;
        }
        let Some(arg) = option(verb, &name) else {
            warn_of_a_slip(&variable, &name, verb);
            continue;
        };
        let Some(text) = value.to_str() else {
            return Err(Failure::usage(format!("{variable}: the value is not UTF-8")));
        };
        let setting = Setting { values: parts(arg, text), place: variable };
        try_alone(arg, &setting)?;
        found.insert(name, setting);
    }
    Ok(found)
}

/// Other programs may have variables of this prefix, so only what looks like a slip is worth a word.
fn warn_of_a_slip(variable: &str, name: &str, verb: &Command) {
    if let Some(near) = nearest(name, verb).filter(|near| strsim::jaro(name, near) > 0.9) {
        let near = near.to_uppercase().replace('-', "_");
        crate::terminal::warning(&format!("{variable} is no option; did you mean {PREFIX}{near}?"));
    }
}

/// The option with the most similar name.
fn nearest(name: &str, verb: &Command) -> Option<String> {
    let names = verb.get_arguments().filter_map(Arg::get_long).filter(|long| !WORDS_ONLY.contains(long));
    let scored = names.map(|long| (strsim::jaro(name, long), long));
    let (score, best) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.7).then(|| best.to_owned())
}

/// The values in one text, as the option's separator divides them.
fn parts(arg: &Arg, text: &str) -> Vec<String> {
    match arg.get_value_delimiter() {
        Some(delimiter) => text.split(delimiter).map(|part| part.trim().to_owned()).collect(),
        None => vec![text.to_owned()],
    }
}

/// Parses the values as the command line would.
fn try_alone(arg: &Arg, setting: &Setting) -> Result<(), Failure> {
    let long = arg.get_long().unwrap_or_default().to_owned();
    let words: Vec<String> = setting.values.iter().map(|value| format!("--{long}={value}")).collect();
    let parser = if is_flag(arg) { BoolishValueParser::new().into() } else { arg.get_value_parser().clone() };
    let bare = Arg::new("value").long(long).value_parser(parser).action(ArgAction::Append);
    let command = Command::new("noctule").no_binary_name(true).arg(bare);
    match command.try_get_matches_from(words) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::usage(format!("{}: {}", setting.place, reason(&error)))),
    }
}

/// A flag whose default may be a word such as `true`, `yes` or `1`.
fn prepared(arg: Arg) -> Arg {
    if is_flag(&arg) { arg.value_parser(BoolishValueParser::new()) } else { arg }
}

/// One line of what the parser says.
fn reason(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(value)) => Some(value.clone()),
        Some(ContextValue::Strings(values)) => Some(values.join(", ")),
        _ => None,
    };
    let mut line = format!("the value '{}' is wrong", text(ContextKind::InvalidValue).unwrap_or_default());
    if let Some(valid) = text(ContextKind::ValidValue) {
        line.push_str(&format!(": use one of {valid}"));
    } else if let Some(source) = std::error::Error::source(error) {
        line.push_str(&format!(": {source}"));
    }
    if let Some(near) = text(ContextKind::SuggestedValue) {
        line.push_str(&format!("; did you mean '{near}'?"));
    }
    line
}

/// Makes the settings the defaults of their options.
fn with_defaults(verb: Command, settings: &Settings) -> Command {
    settings.iter().fold(verb, |verb, (name, setting)| {
        let id = name.replace('-', "_");
        verb.mut_arg(id, |arg| prepared(arg).default_values(setting.values.clone()))
    })
}

/// Refuses options of the command line that would do nothing.
fn check_needs(matches: &ArgMatches, settings: &Settings) -> Result<(), Failure> {
    for (option, needed) in NEEDS {
        let there = given(matches, needed)
            || settings.get(needed).is_some_and(|_| {
                let id = needed.replace('-', "_");
                matches.try_get_one::<bool>(&id).map_or(true, |flag| flag.copied().unwrap_or(true))
            });
        if given(matches, option) && !there {
            return Err(Failure::usage(format!("--{option} needs --{needed}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> (Vec<String>, Vec<String>) {
        let words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
        let (kept, names) = take_back(&words, &Cli::command());
        (kept.into_iter().map(|word| word.into_string().unwrap()).collect(), names)
    }

    #[test]
    fn flags_are_taken_back() {
        assert_eq!(taken("n transcribe --vad --no-vad a").0, ["n", "transcribe", "a"]);
        assert_eq!(taken("n transcribe --no-vad a").1, ["vad"]);
        assert_eq!(taken("n transcribe --fallback a").1, ["no-fallback"]);
        assert_eq!(
            taken("n transcribe --no-vad --vad a"),
            (vec!["n".into(), "transcribe".into(), "--vad".into(), "a".into()], vec![])
        );
        assert_eq!(taken("n transcribe --no-fallback -- --no-vad").1, Vec::<String>::new());
        assert_eq!(taken("n transcribe --no-threads a").0[2], "--no-threads", "not a flag");
    }

    #[test]
    fn tables_name_options() {
        let command = Cli::command();
        for (a, b) in NEEDS.iter().chain(&EXCLUDES) {
            for name in [a, b] {
                let arg = option(verb(&command), name).expect(name);
                assert_eq!(arg.get_id().as_str().replace('_', "-"), *name, "ids are long names");
            }
        }
    }

    #[test]
    fn every_option_has_an_id_like_its_name() {
        for arg in verb(&Cli::command()).get_arguments().filter(|arg| arg.get_long().is_some()) {
            assert_eq!(arg.get_id().as_str().replace('_', "-"), arg.get_long().unwrap());
        }
    }

    #[test]
    fn slips_are_near() {
        let command = Cli::command();
        assert_eq!(nearest("thread", verb(&command)).as_deref(), Some("threads"));
        assert_eq!(nearest("qqq", verb(&command)), None);
    }
}
