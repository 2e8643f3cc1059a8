//! Which row to run under a budget.
//!
//! A [`Summary`](crate::summary::Summary) and a [`Budget`] enter, a [`Recommendation`] leaves. Budgets hold for the upper
//! bounds of intervals: what is promised is kept. Of what fits the best is looked for, then everything that is not
//! significantly worse counts as equally good, and of that the smaller and cooler is taken.

mod budget;
mod choice;
mod ties;

#[cfg(test)]
mod tests;

pub use budget::{Budget, Goal};
pub use choice::{Candidate, Nearest, Recommendation, Relaxed, candidates, recommend};
pub use ties::Ties;
