//! When text is sure enough to keep.
//!
//! A hypothesis enters: the words that the model hears behind those that stand
//! already. Leaves: how many of them, from the front, will not change any more.
//! Everything else about a live session (when to compute, what the model is
//! shown) is the [session](crate::session)'s; a policy sees only words.

use std::fmt;
use std::str::FromStr;

/// A word of a hypothesis. Times are seconds in the stretch of audio that was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    /// The word with its leading blank and clinging punctuation.
    pub text: String,
    /// Where it ends.
    pub end: f64,
    /// Where the model looked last while writing it.
    pub attended: f64,
    /// Mean probability of its tokens.
    pub probability: f32,
}

/// What a policy is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Hypothesis<'a> {
    /// Words behind those that stand.
    pub words: &'a [Guess],
    /// Length of the audio that was heard, seconds.
    pub heard: f64,
    /// Whether the model says that nothing follows (it may have been cut off instead).
    pub complete: bool,
}

/// Decides what stays.
pub trait Policy: fmt::Debug + Send {
    /// How many words, from the front, stay. The audio goes on: at its end the session keeps everything.
    fn decide(&mut self, hypothesis: &Hypothesis) -> usize;

    /// What came before does not count any more: the words stand, or other audio follows.
    fn forget(&mut self);
}

/// The policies, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// Nothing stays before the speaker pauses: best words, longest wait.
    Utterance,
    /// What two hypotheses in a row agree on stays ([`Agreement`](crate::agree::Agreement)).
    LocalAgreement,
    /// What lies far enough behind the point to which the model listens stays ([`Front`](crate::alignatt::Front)).
    AlignAtt,
}

impl PolicyKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Utterance, Self::LocalAgreement, Self::AlignAtt];

    /// The name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utterance => "utterance",
            Self::LocalAgreement => "local-agreement",
            Self::AlignAtt => "alignatt",
        }
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no policy: use utterance, local-agreement or alignatt")]
pub struct UnknownPolicy(String);

impl FromStr for PolicyKind {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownPolicy(name.to_owned()))
    }
}

/// Utterance at a time: everything waits for the pause.
#[derive(Debug, Default)]
pub struct Patience;

impl Policy for Patience {
    fn decide(&mut self, _hypothesis: &Hypothesis) -> usize {
        0
    }

    fn forget(&mut self) {}
}
