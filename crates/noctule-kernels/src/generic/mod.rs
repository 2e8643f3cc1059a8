//! The `f32` kernels, written once over [`Simd`](crate::simd::Simd) and compiled for every tier.
// Register tiles are arrays that share an index.
#![allow(clippy::needless_range_loop)]

pub(crate) mod attention;
pub(crate) mod cells;
pub(crate) mod codes;
pub(crate) mod cross;
pub(crate) mod gemm;
pub(crate) mod gemv;
pub(crate) mod int8;
pub(crate) mod math;
pub(crate) mod scale;
pub(crate) mod transpose;
pub(crate) mod weigh;
pub(crate) mod words;
