//! Mixes: more bits where errors cost more.
//!
//! A model enters, a [`Plan`](crate::Plan) leaves whose matrices have several types: by a named [`Recipe`] that knows nothing of
//! the model but its shape, or by [`best`], which spends a budget where the measured [`Sensitivity`](crate::sensitivity::Sensitivity) says.

mod budget;
mod named;

pub use budget::{Budget, best, best_uniform};
pub use named::{RECIPES, Recipe, named};
