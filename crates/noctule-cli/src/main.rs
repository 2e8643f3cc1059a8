//! The program `noctule`; everything is in the library beside it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    noctule_cli::run(std::env::args_os())
}
