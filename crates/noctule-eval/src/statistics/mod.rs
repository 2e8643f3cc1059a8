//! How sure a figure is, and whether two differ.
//!
//! Error counts by speaker, times by run and covariates enter; estimates with intervals, p-values and fitted models
//! leave. Everything random has a seed: the same data give the same figures on every machine.
//!
//! - [`Bootstrap`] draws speakers or recordings, not utterances, because the errors of one speaker go together;
//!   [`error_rate`] and [`error_rate_difference`] are intervals of pooled error rates and of paired differences;
//! - [`mapsswe`] is the matched-pairs test of the field, as a cross-check; [`holm`] corrects many p-values;
//! - [`quantile()`], [`median`], [`median_interval`], [`ratio_of_medians`] and [`mann_whitney`] are for times, which
//!   have outliers;
//! - [`least_squares`], [`non_negative_least_squares`] and [`CostModel`] explain times by what was done.

mod bootstrap;
mod cost;
mod error_rate;
mod holm;
mod least_squares;
pub mod mapsswe;
mod normal;
mod quantile;
mod random;
mod rank;
#[cfg(test)]
mod tests;
mod timing;

pub use bootstrap::{Bootstrap, Interval, Replicates};
pub use cost::{CostModel, Prediction, Run};
pub use error_rate::{Difference, Pair, blocks, error_rate, error_rate_difference, zero_errors_bound};
pub use holm::holm;
pub use least_squares::{Fit, Observation, least_squares, non_negative_least_squares};
pub use quantile::{median, median_absolute_deviation, quantile};
pub use random::SplitMix64;
pub use rank::{MannWhitney, mann_whitney};
pub use timing::{median_interval, ratio_of_medians};

/// Why there is no figure.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not enough data.
    #[error("{what} needs at least {needed}, and there are {found}: measure more")]
    TooFew {
        /// What was asked for, and of what.
        what: &'static str,
        /// How many it needs.
        needed: usize,
        /// How many there are.
        found: usize,
    },

    /// A level of confidence that is none.
    #[error("a level of confidence lies between 0 and 1, not at {level}")]
    Level {
        /// What was asked for.
        level: f64,
    },

    /// A figure that the data do not define, like an error rate over no words.
    #[error("{what} is not defined by these data")]
    Undefined {
        /// Which.
        what: &'static str,
    },

    /// A value that is not finite, or negative where it must not be.
    #[error("{what} is {value}: leave that measurement out")]
    Value {
        /// Of what.
        what: &'static str,
        /// The value.
        value: f64,
    },

    /// Two quantities that always change together, so that their effects cannot be told apart.
    #[error("the effect of {column} cannot be told from that of the others: measure inputs in which it differs")]
    Dependent {
        /// Which quantity.
        column: String,
    },
}
