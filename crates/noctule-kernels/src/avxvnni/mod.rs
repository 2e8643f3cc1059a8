//! x86-64 with AVX2 and the 256-bit dot product AVX-VNNI (Alder Lake, Zen 5 and later).

pub(crate) mod block8;
