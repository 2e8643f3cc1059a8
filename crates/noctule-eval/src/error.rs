//! What can go wrong while measuring, apart from the engines: those fail in rows, not in errors.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no evaluation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {source}{}", path.display(), advice(source))]
    Io {
        /// What was tried: "read", "write".
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line of a file is not what it should be.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A file or folder is no set of recordings.
    #[error("{}: {problem}", path.display())]
    Corpus {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A description of an engine has a mistake.
    #[error("{name}: {problem}")]
    Engine {
        /// The description's file, or the engine's name.
        name: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A journal cannot be gone on with or read.
    #[error("{}: {problem}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Two evaluations that cannot be compared.
    #[error("these cannot be compared: {0}")]
    Incomparable(String),
    /// Arguments contradict each other or mean nothing.
    #[error("{0}")]
    Usage(String),
    /// Somebody asked to stop. What was measured is in the journal.
    #[error("stopped; what was measured is kept")]
    Stopped,
}

impl Error {
    /// What `map_err` takes for an [`Error::Io`].
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// An [`Error::Line`]; `index` counts from 0.
    pub(crate) fn line(path: &Path, index: usize, problem: impl ToString) -> Self {
        Self::Line { path: path.to_path_buf(), line: index + 1, problem: problem.to_string() }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded => {
            "; free some space, then go on with --resume: nothing that was measured is lost"
        }
        _ => "",
    }
}
