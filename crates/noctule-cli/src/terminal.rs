//! Lines on standard error, and what the terminals can do. A closed standard error is no reason to fail.

use std::env;
use std::io::{self, IsTerminal, Write};

/// Something that a person may like to know.
pub fn notice(quiet: bool, message: &str) {
    if !quiet {
        line(format_args!("noctule: {message}"));
    }
}

/// Something that harms the result.
pub fn warning(message: &str) {
    line(format_args!("warning: {message}"));
}

/// Something that could not be done.
pub fn error(message: &str) {
    line(format_args!("error: {message}"));
}

/// A command to copy, on a line of its own.
pub fn command(words: &str) {
    line(format_args!("  {words}"));
}

/// Whether text on `stream` may be coloured: a terminal that knows how, and a user who did not
/// refuse (<https://no-color.org>).
pub fn has_colours(stream: &impl IsTerminal) -> bool {
    can_move(stream) && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether a line on `stream` can be written over.
pub fn can_move(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Names of files come from anywhere; what would break the line or command the terminal is written as `\u{…}`.
fn line(text: std::fmt::Arguments) {
    let _ = writeln!(io::stderr(), "{}", harmless(&text.to_string()));
}

/// `text` with its control characters spelled out.
pub fn harmless(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(harmless("a\nb\u{1b}[31m é"), "a\\nb\\u{1b}[31m é");
    }
}
