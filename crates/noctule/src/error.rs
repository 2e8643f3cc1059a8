//! What can go wrong between samples and text.

use thiserror::Error;

/// Failure of a transcription.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The model file cannot be used.
    #[error(transparent)]
    Model(#[from] noctule_model::Error),
    /// The CPU tier asked for is not there.
    #[error(transparent)]
    Cpu(#[from] noctule_kernels::CpuError),
    /// The model's mel filters cannot be used.
    #[error(transparent)]
    Mel(#[from] crate::mel::MelError),
    /// A language that no Whisper model knows.
    #[error("unknown language '{given}'{}", nearest.map(|n| format!(": did you mean '{n}'?")).unwrap_or_default())]
    UnknownLanguage {
        /// What was asked for.
        given: String,
        /// The known language with the most similar spelling.
        nearest: Option<&'static str>,
    },
    /// A language that this model was not trained on.
    #[error("model '{model}' does not know the language '{language}': {remedy}")]
    LanguageNotInModel {
        /// Name of the model.
        model: String,
        /// Code of the language.
        language: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// Translation asked of an English-only model.
    #[error("model '{model}' is English only and cannot translate: use a multilingual model such as 'base'")]
    CannotTranslate {
        /// Name of the model.
        model: String,
    },
    /// An option is outside its range.
    #[error("option {option}: {problem}")]
    Option {
        /// Name of the option, as on the command line.
        option: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The samples cannot be read.
    #[error(transparent)]
    Source(#[from] crate::source::SourceError),
    /// What should be resumed is not what a checkpoint said.
    #[error("the interrupted run cannot go on: its record contradicts itself; start from the beginning")]
    Checkpoint,
    /// The caller's [`Events`](crate::events::Events) asked to stop.
    #[error("cancelled")]
    Cancelled,
}
