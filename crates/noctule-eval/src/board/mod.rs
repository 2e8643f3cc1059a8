//! The machine: what it is, and what happens to its clock, heat, power and memory while something runs.
//!
//! Files of `/proc` and `/sys` and Raspberry Pi's `vcgencmd` enter, [`Board`] (what stays) and [`BoardUse`] (what happened
//! in a stretch of time) leave. Everything is read below a [`Root`], so that tests bring a machine of their own.

mod facts;
mod heat;
mod memory;
pub mod meter;
mod power;
mod root;
mod sampler;
mod storage;
mod throttle;

pub use facts::Board;
pub(crate) use facts::boot_id;
pub use heat::Heat;
pub use memory::{Memory, Pressure, Thrash};
pub use power::{Energy, EnergySource};
pub use root::Root;
pub(crate) use root::field;
pub use sampler::{BoardUse, Sampler, Strip};
pub use storage::{Drive, Swap, drive_of};
pub use throttle::{Throttle, describe as describe_throttle};
