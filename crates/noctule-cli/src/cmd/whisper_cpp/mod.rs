//! whisper.cpp's programs as faces of this one, so that scripts written for them run unchanged.
//!
//! Their words enter; `args::whisper_cpp` knows their flags, [`cli`] makes a plan for `transcribe` of them, and
//! `print` writes what such scripts look for. A face is chosen by the verb (`noctule whisper-cli`) or by the name
//! that the program was started under (a link called `whisper-cli`).

mod bench;
mod cli;
mod print;
mod quantize;

use crate::failure::Failure;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

/// A program of whisper.cpp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `whisper-cli`.
    Cli,
    /// `whisper-bench`.
    Bench,
    /// `whisper-quantize`; older builds call it `quantize`.
    Quantize,
}

impl Program {
    /// The face that the first words of a command line ask for, and the words that are left for it.
    pub fn of(words: &[OsString]) -> Option<(Self, &[OsString])> {
        let (own, rest) = words.split_first()?;
        let own = Path::new(own).file_stem()?.to_str();
        if let Some(program) =
            own.and_then(Self::called).or_else(|| (own == Some("quantize")).then_some(Self::Quantize))
        {
            return Some((program, rest));
        }
        let (verb, rest) = rest.split_first()?;
        Some((Self::called(verb.to_str()?)?, rest))
    }

    fn called(name: &str) -> Option<Self> {
        match name {
            "whisper-cli" => Some(Self::Cli),
            "whisper-bench" => Some(Self::Bench),
            "whisper-quantize" => Some(Self::Quantize),
            _ => None,
        }
    }

    /// Does what `words` say; `Ok(false)` when something failed and has been reported.
    ///
    /// # Errors
    /// [`Failure::Usage`] for flags that there are not or that are not done here, [`Failure::Work`] for the rest.
    pub fn run(self, words: &[OsString]) -> Result<bool, Failure> {
        let text = |word: &OsString| {
            let text = word.to_str().map(str::to_owned);
            text.ok_or_else(|| Failure::usage(format!("'{}' is not UTF-8", word.display())))
        };
        let words: Vec<String> = words.iter().map(text).collect::<Result<_, _>>()?;
        match self {
            Self::Cli => cli::run(&words),
            Self::Bench => bench::run(&words),
            Self::Quantize => quantize::run(&words),
        }
    }
}

/// Prints to standard output.
fn print(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::work(format!("cannot write to standard output: {error}")),
    })
}

/// Prints to standard error, which may be closed.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<(Program, usize)> {
        let words: Vec<OsString> = text.split(' ').map(OsString::from).collect();
        Program::of(&words).map(|(program, rest)| (program, rest.len()))
    }

    #[test]
    fn the_name_or_the_verb_chooses() {
        assert_eq!(of("/usr/bin/whisper-cli -m x"), Some((Program::Cli, 2)));
        assert_eq!(of("whisper-cli.exe"), Some((Program::Cli, 0)));
        assert_eq!(of("./quantize a b q4_k"), Some((Program::Quantize, 3)));
        assert_eq!(of("noctule whisper-quantize a b q4_k"), Some((Program::Quantize, 3)));
        assert_eq!(of("noctule whisper-bench"), Some((Program::Bench, 0)));
        assert_eq!(of("noctule quantize a b q4_k"), None, "that verb is noctule's own");
        assert_eq!(of("noctule transcribe whisper-cli"), None);
        assert_eq!(of("noctule"), None);
    }
}
