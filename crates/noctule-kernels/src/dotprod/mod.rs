//! 64-bit ARM with the dot product of ARMv8.2: floats as in `neon`, integers by `sdot`.

pub(crate) mod block8;
pub(crate) mod int8;
