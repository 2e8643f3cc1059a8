//! What will be measured: models × types × threads × beams × … for each engine, with what cannot be struck out.
//!
//! A [`Grid`] enters, with engines, models and recordings; [`Cell`]s leave, each with its expected time and memory, or
//! with the reason why it is not measured. Accuracy and timing are separate grids: transcripts do not depend on threads and
//! repetitions, and times need no thousand recordings.

mod cell;
mod estimate;
mod grid;
mod model;
mod range;
mod show;

#[cfg(test)]
mod cell_tests;

pub use cell::{Cell, Ingredients, Struck, cells, clips};
pub use estimate::{Speed, USUAL_BEAMS};
pub use grid::{Grid, Rules, Task};
pub use model::{Dims, ModelFacts, Place};
pub use range::{names, numbers};
pub use show::{duration, show, size};
