//! How weights that are read once come from memory.

use crate::cpu::Tier;
use crate::table::kernels;

/// How many rows of weights are read side by side when a few rows of activations meet a matrix.
///
/// Which is faster is a matter of the memory and of what the processor foresees, not of its instructions: two threads of an
/// Intel server (Emerald Rapids) read 16 GB/s row after row, 22 when asked ahead, 37 to 42 when two or four rows are read in
/// turn and asked ahead; an AMD EPYC (Zen 4) decoded f16 slower when one row was asked ahead, and when four were read without
/// asking. Results are the same to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Streams {
    /// One row after the other, asked ahead or not, as the tier does best on processors that are known.
    One,
    /// Two or four rows of floats in turn; everything is asked for 4 KB ahead.
    Several,
}

impl Streams {
    /// Both.
    pub const ALL: [Streams; 2] = [Streams::One, Streams::Several];

    /// `one` or `several`.
    pub const fn name(self) -> &'static str {
        match self {
            Streams::One => "one",
            Streams::Several => "several",
        }
    }

    /// The one of this [name](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|streams| streams.name() == name)
    }

    /// What a processor with `tier` does unless it is told: several where those that were measured gain by it.
    pub const fn of(tier: Tier) -> Self {
        match tier {
            Tier::Amx => Streams::Several,
            _ => Streams::One,
        }
    }

    /// Whether this processor has the kernels of `tier`, and they know more than one way.
    pub fn matter(tier: Tier) -> bool {
        kernels(tier).is_some_and(|kernels| kernels.several)
    }
}
