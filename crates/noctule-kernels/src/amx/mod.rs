//! x86-64 with AMX's tiles of 8-bit integers (Sapphire Rapids and later); everything else is [`avx512`](crate::avx512)'s.

pub(crate) mod block8;
pub(crate) mod tiles;
