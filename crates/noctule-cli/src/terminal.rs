//! Lines on standard error. A closed standard error is no reason to fail.

use std::io::{self, Write};

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

fn line(text: std::fmt::Arguments) {
    let _ = writeln!(io::stderr(), "{text}");
}
