//! What can keep a model from being quantised, in types.

use noctule_kernels::block::GgmlType;

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
}
