//! What ends a run early, and the exit code that it gives.

use std::fmt;

/// An end that is not success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The command line is wrong: exit code 2.
    Usage(String),
    /// The work could not be done: exit code 1.
    Work(String),
    /// The user has stopped it: exit code 1. What to say, and the command that goes on.
    Interrupted(String, Option<String>),
    /// The reader of standard output has gone, and there is nothing else to do: exit code 0.
    ReaderGone,
}

impl Failure {
    /// [`Failure::Usage`] with this sentence.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::Usage(message.to_string())
    }

    /// [`Failure::Work`] with this sentence.
    pub fn work(message: impl fmt::Display) -> Self {
        Self::Work(message.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Work(message) | Self::Interrupted(message, _) => f.write_str(message),
            Self::ReaderGone => f.write_str("the reader of standard output has gone"),
        }
    }
}

impl From<noctule::Error> for Failure {
    /// Options that the model cannot follow are wrong usage, found late.
    fn from(error: noctule::Error) -> Self {
        use noctule::Error;
        match error {
            Error::Cpu(_)
            | Error::UnknownLanguage { .. }
            | Error::LanguageNotInModel { .. }
            | Error::CannotTranslate { .. }
            | Error::Option { .. } => Self::usage(error),
            _ => Self::work(error),
        }
    }
}
