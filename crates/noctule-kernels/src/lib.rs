//! The arithmetic of noctule: slices enter, slices leave.
//!
//! This is the lowest crate and the only one with SIMD. Packed weights ([`block::Matrix`], bytes as
//! they lie in a ggml file) meet rows of `f32` ([`Rows`]) in the products of [`Compute`], which the
//! encoder and the decoder are made of.
//!
//! - [`cpu`] finds out what the processor can do and names it, a [`Tier`].
//! - [`block`] knows the bytes of every ggml type.
//! - `pool` keeps the threads; `compute` splits each operation over them, always by outputs and
//!   never along a sum, so that no result depends on how many threads there are.
//! - `generic` holds the `f32` kernels once, over the `Simd` trait; the folders `scalar`, `avx2`,
//!   `avxvnni`, `avx512`, `amx`, `neon`, `dotprod` and `i8mm` hold what differs between processors: the vector type and the
//!   integer kernels. `scalar` is the reference that every test compares with.
//! - `table` puts the functions of one tier into one table, chosen once.
#![warn(unreachable_pub)]

pub mod block;
pub mod cpu;

mod buffer;
mod compute;
mod generic;
mod peak;
mod pool;
mod scalar;
mod simd;
mod streams;
mod table;
mod view;
mod words;

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avxvnni;
#[cfg(target_arch = "aarch64")]
mod dotprod;
#[cfg(target_arch = "aarch64")]
mod i8mm;
#[cfg(target_arch = "aarch64")]
mod neon;

pub use block::{GgmlType, Matrix};
pub use buffer::Buffer;
pub use compute::{
    Activation, Compute, CrossWeights, Fewer, Input, Keys, Observer, Operand, Out, Precision, Product, Values,
};
pub use cpu::{CpuError, Tier};
pub use peak::Peak;
pub use streams::Streams;
pub use view::{Rows, RowsMut};
