//! The manual of the command line as Markdown, made from the definitions that parse it.

use crate::args::Cli;
use crate::short_forms::SHORT_FORMS;
use clap::{Arg, Command, CommandFactory};
use std::fmt::Write;

/// The text of docs/CLI.md.
pub fn manual() -> String {
    let mut command = Cli::command();
    command.build();
    let mut text = String::from(
        "# The command line\n\n\
         Made from the program's own definitions; the test `the_manual_is_fresh` compares it.\n",
    );
    chapter(&command, "noctule", &mut text);
    let shown = |verb: &&Command| verb.get_name() != "help" && !verb.is_hide_set();
    for verb in command.get_subcommands().filter(shown) {
        let name = format!("noctule {}", verb.get_name());
        chapter(verb, &name, &mut text);
        if verb.get_name() == "transcribe" {
            short_forms(&mut text);
        }
        for inner in verb.get_subcommands().filter(|inner| inner.get_name() != "help") {
            chapter(inner, &format!("{name} {}", inner.get_name()), &mut text);
        }
    }
    text
}

fn short_forms(text: &mut String) {
    text.push_str("\n### Short forms of whisper-cli\n\n");
    for (short, long) in SHORT_FORMS {
        let _ = writeln!(text, "- `{short}`: `{long}`");
    }
}

fn chapter(command: &Command, name: &str, text: &mut String) {
    let usage = command.clone().render_usage().to_string();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = write!(text, "\n## `{name}`\n\n{about}\n\n```text\n{}\n```\n", usage.trim());
    let mut headings: Vec<Option<&str>> = Vec::new();
    let shown = || command.get_arguments().filter(|arg| !arg.is_hide_set());
    for heading in shown().map(Arg::get_help_heading) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let _ = write!(text, "\n### {}\n\n", heading.unwrap_or("General"));
        for arg in shown().filter(|arg| arg.get_help_heading() == heading) {
            entry(arg, text);
        }
    }
    if let Some(after) = command.get_after_long_help() {
        let _ = write!(text, "\n```text\n{after}\n```\n");
    }
}

/// One argument: its forms, what it does, its values, its default.
fn entry(arg: &Arg, text: &mut String) {
    let values = arg.get_value_names().filter(|_| arg.get_action().takes_values()).map(|names| names.join(" "));
    let mut forms = Vec::new();
    if let Some(short) = arg.get_short() {
        forms.push(format!("-{short}"));
    }
    let aliases = arg.get_visible_aliases().unwrap_or_default();
    forms.extend(arg.get_long().into_iter().chain(aliases).map(|long| format!("--{long}")));
    let names = match (forms.is_empty(), &values) {
        (true, Some(value)) => format!("`{value}`"),
        (true, None) => format!("`{}`", arg.get_id()),
        (false, value) => {
            let value = value.as_ref().map_or(String::new(), |value| format!(" {value}"));
            forms.iter().map(|form| format!("`{form}{value}`")).collect::<Vec<_>>().join(", ")
        }
    };
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let stop = if help.trim_end().ends_with('.') { "" } else { "." };
    let _ = write!(text, "- {names}: {}{stop}", escape(help.trim()));
    let possible = arg.get_possible_values();
    if arg.get_action().takes_values() && !possible.is_empty() {
        let names: Vec<String> = possible.iter().map(|value| format!("`{}`", value.get_name())).collect();
        let _ = write!(text, " Values: {}.", names.join(", "));
    }
    let defaults: Vec<String> = arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        let _ = write!(text, " Default: `{}`.", defaults.join(","));
    }
    text.push('\n');
}

/// Characters that Markdown would read as markup outside code.
fn escape(text: &str) -> String {
    let mut code = false;
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        code ^= c == '`';
        if !code && matches!(c, '*' | '_' | '<' | '[' | ']') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
