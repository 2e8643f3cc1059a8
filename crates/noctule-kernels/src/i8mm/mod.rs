//! 64-bit ARM with the 8-bit matrix products of ARMv8.6 (Graviton 3, Cortex-A710, Apple M2 and later).

pub(crate) mod block8;
