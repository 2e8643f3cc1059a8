//! The fixed tables of the block types: grids of the IQ types and code books of 4-bit types.
//!
//! Source: the tables of the same meaning in `ggml-common.h` (ggml in whisper.cpp v1.9.3).

mod iq1;
mod iq2;
mod iq3;

pub use iq1::IQ1_GRID;
pub use iq2::{IQ2_S_GRID, IQ2_XS_GRID, IQ2_XXS_GRID};
pub use iq3::{IQ3_S_GRID, IQ3_XXS_GRID};

/// The sixteen uneven values of `iq4_nl` and `iq4_xs` (`kvalues_iq4nl`).
pub static IQ4_VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Twice the sixteen values of E2M1: sign, two exponent bits, one mantissa bit (OCP Microscaling
/// Formats Specification 1.0, §5.3.3; `kvalues_fp4`).
pub static E2M1_DOUBLED: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];
