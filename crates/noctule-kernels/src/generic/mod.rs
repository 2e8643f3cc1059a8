//! The `f32` kernels, written once over [`Simd`](crate::simd::Simd) and compiled for every tier.

pub(crate) mod attention;
pub(crate) mod gemm;
pub(crate) mod gemv;
pub(crate) mod math;
pub(crate) mod transpose;
