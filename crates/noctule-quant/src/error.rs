//! What can keep a model from being quantised, in types.

use noctule_kernels::block::GgmlType;
use std::path::PathBuf;

/// Why a model was not quantised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model could not be read or written.
    #[error(transparent)]
    Model(#[from] noctule_model::Error),

    /// The source has lost precision already, and what is made of it would lose more.
    #[error("the weights of '{model}' are {ty} already: quantise the f16, bf16 or f32 model that it was made from")]
    AlreadyQuantised {
        /// The model's name.
        model: String,
        /// The type of one of its matrices.
        ty: GgmlType,
    },

    /// A type that cannot be made.
    #[error("weights of type {ty} cannot be made: use one of {}", crate::names())]
    Type {
        /// What was asked for.
        ty: GgmlType,
    },

    /// The caller asked to stop; nothing was written.
    #[error("stopped; no file was written")]
    Stopped,

    /// The engine could not run the model.
    #[error(transparent)]
    Engine(#[from] noctule::Error),

    /// A file of importance or sensitivity could not be read or written.
    #[error("{}: {problem}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },

    /// Importance that does not fit.
    #[error("this importance cannot be used here: {problem}")]
    Importance {
        /// Why.
        problem: String,
    },

    /// A clip that cannot be used.
    #[error("clip '{clip}': {problem}")]
    Clip {
        /// Its name.
        clip: String,
        /// What is wrong.
        problem: String,
    },

    /// Two models that are not of one shape.
    #[error("'{candidate}' was not made from '{source_model}': {tensor} differs in shape")]
    Mismatch {
        /// The model that should be the source.
        source_model: String,
        /// The model to compare.
        candidate: String,
        /// Where they differ first.
        tensor: String,
    },

    /// No choice of types makes a file so small.
    #[error("no file of this model has {wanted}: the smallest that can be made has {least}")]
    Target {
        /// What was asked for.
        wanted: String,
        /// What there is.
        least: String,
    },
}

impl Error {
    pub(crate) fn file(path: &std::path::Path, problem: impl std::fmt::Display) -> Error {
        Error::File { path: path.to_path_buf(), problem: problem.to_string() }
    }
}
