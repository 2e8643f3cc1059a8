//! What the processor can do.
//!
//! A [`Tier`] names one set of kernels. It is chosen once, at start, and handed to
//! [`Compute::new`](crate::Compute::new); everything below takes its functions from the tier's table.

use std::fmt;
use std::str::FromStr;

/// The environment variable that overrides [`Tier::detect`].
pub const CPU_VARIABLE: &str = "NOCTULE_CPU";

/// A set of kernels and the instructions that they need.
///
/// A tier exists on every architecture as a name, and is available only where the processor has its
/// instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Tier {
    /// Portable Rust: the reference, and the only tier on processors that no other tier knows.
    Scalar,
    /// x86-64 with AVX2, FMA and F16C (2013 and later).
    Avx2,
    /// As [`Tier::Avx2`] with the 8-bit dot product AVX-VNNI (Alder Lake, Zen 5 and later).
    AvxVnni,
    /// x86-64 with AVX-512 F, BW, DQ, VL and VNNI (Ice Lake, Zen 4 and later).
    Avx512,
    /// As [`Tier::Avx512`] with AMX's tiles of 8-bit integers (Sapphire Rapids and later), where the system grants them.
    Amx,
    /// 64-bit ARM: the Cortex-A72 of the Raspberry Pi 4.
    Neon,
    /// 64-bit ARM with the dot product of ARMv8.2: the Cortex-A76 of the Raspberry Pi 5.
    Dotprod,
    /// 64-bit ARM with the 8-bit matrix products of ARMv8.6 (Graviton 3, Cortex-A710, Apple M2 and later).
    I8mm,
}

impl Tier {
    /// Every tier, slowest first within an architecture.
    pub const ALL: [Tier; 8] =
        [Tier::Scalar, Tier::Avx2, Tier::AvxVnni, Tier::Avx512, Tier::Amx, Tier::Neon, Tier::Dotprod, Tier::I8mm];

    /// The name that [`CPU_VARIABLE`] takes: `scalar`, `avx2`, `avxvnni`, `avx512`, `amx`, `neon`, `dotprod` or `i8mm`.
    pub const fn name(self) -> &'static str {
        match self {
            Tier::Scalar => "scalar",
            Tier::Avx2 => "avx2",
            Tier::AvxVnni => "avxvnni",
            Tier::Avx512 => "avx512",
            Tier::Amx => "amx",
            Tier::Neon => "neon",
            Tier::Dotprod => "dotprod",
            Tier::I8mm => "i8mm",
        }
    }

    /// The instructions that multiply 8-bit numbers, which is most of the work in the fast mode.
    pub const fn int8_instructions(self) -> &'static str {
        match self {
            Tier::Scalar => "plain multiplications",
            Tier::Avx2 => "vpmaddubsw, 256 bits",
            Tier::AvxVnni => "vpdpbusd, 256 bits",
            Tier::Avx512 => "vpdpbusd, 512 bits",
            Tier::Amx => "tdpbssd",
            Tier::Neon => "smull, smlal2, sadalp",
            Tier::Dotprod => "sdot",
            Tier::I8mm => "smmla",
        }
    }

    /// Whether this processor has the instructions of the tier, and the system lets the process use them.
    pub fn is_available(self) -> bool {
        match self {
            Tier::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Tier::Avx2 => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Tier::AvxVnni => Tier::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Tier::Avx512 => {
                Tier::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
                    && is_x86_feature_detected!("bmi2")
            }
            #[cfg(target_arch = "x86_64")]
            Tier::Amx => Tier::Avx512.is_available() && crate::amx::tiles::granted(),
            #[cfg(target_arch = "aarch64")]
            Tier::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "aarch64")]
            Tier::Dotprod => Tier::Neon.is_available() && std::arch::is_aarch64_feature_detected!("dotprod"),
            #[cfg(target_arch = "aarch64")]
            Tier::I8mm => Tier::Dotprod.is_available() && std::arch::is_aarch64_feature_detected!("i8mm"),
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// The tiers of this processor, slowest first; [`Tier::Scalar`] is always the first.
    pub fn available() -> Vec<Tier> {
        Self::ALL.into_iter().filter(|tier| tier.is_available()).collect()
    }

    /// The fastest tier of this processor, or the one that [`CPU_VARIABLE`] names.
    ///
    /// # Errors
    /// [`CpuError`] when the variable holds an unknown name or a tier that this processor lacks.
    pub fn detect() -> Result<Tier, CpuError> {
        match std::env::var_os(CPU_VARIABLE) {
            Some(name) if !name.is_empty() => Self::choose(&name.to_string_lossy()),
            _ => Ok(Self::available().pop().unwrap_or(Tier::Scalar)),
        }
    }

    /// The tier of this name, if this processor has it.
    ///
    /// # Errors
    /// [`CpuError`] for an unknown name and for a tier that this processor lacks.
    pub fn choose(name: &str) -> Result<Tier, CpuError> {
        let tier: Tier = name.parse()?;
        if tier.is_available() { Ok(tier) } else { Err(CpuError::Unsupported { tier }) }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Tier {
    type Err = CpuError;

    /// Reads a name in any case; whether the processor has the tier is not asked.
    fn from_str(name: &str) -> Result<Self, CpuError> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.name().eq_ignore_ascii_case(name.trim()))
            .ok_or_else(|| CpuError::Unknown { name: name.into() })
    }
}

/// Why a tier cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CpuError {
    /// No tier has this name.
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// The processor lacks the instructions of the tier.
    Unsupported {
        /// The tier that was asked for.
        tier: Tier,
    },
}

impl fmt::Display for CpuError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "no kernels are called {name:?}")?,
            Self::Unsupported { tier } => {
                write!(f, "this processor lacks the instructions of the {tier} kernels")?;
            }
        }
        let names: Vec<_> = Tier::available().iter().map(|tier| tier.name()).collect();
        write!(f, "; {CPU_VARIABLE} may be {} here", names.join(", "))
    }
}

impl std::error::Error for CpuError {}

/// Sizes of one processor's own caches in bytes, by which the blocks of products are cut. They change
/// no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caches {
    /// The first level, for data.
    pub(crate) level1: usize,
}

impl Caches {
    /// A Raspberry Pi 4's, and what is taken where the system tells nothing.
    const LEAST: Self = Self { level1: 32 << 10 };

    /// Asks the system: Linux tells in `/sys`, except on boards whose firmware does not.
    pub(crate) fn detect() -> Self {
        let level1 = (0..4).find_map(|index| {
            let read = |name: &str| {
                std::fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{name}")).ok()
            };
            let is_first = read("level")?.trim() == "1" && read("type")?.trim() == "Data";
            is_first.then(|| read("size")?.trim().strip_suffix('K')?.parse::<usize>().ok()).flatten()
        });
        level1.map_or(Self::LEAST, |kib| Self { level1: (kib << 10).clamp(16 << 10, 256 << 10) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for tier in Tier::ALL {
            assert_eq!(tier.to_string().parse(), Ok(tier));
            assert_eq!(tier.to_string().to_uppercase().parse(), Ok(tier));
        }
    }

    #[test]
    fn errors_list_what_there_is() {
        let error = Tier::choose("mmx").expect_err("there is no such tier");
        assert!(error.to_string().contains("scalar"), "{error}");
        let foreign = if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" };
        let error = Tier::choose(foreign).expect_err("another architecture's tier");
        assert!(matches!(error, CpuError::Unsupported { .. }));
        assert!(error.to_string().contains("scalar"), "{error}");
    }

    #[test]
    fn scalar_is_always_there() {
        assert_eq!(Tier::available().first(), Some(&Tier::Scalar));
        assert_eq!(Tier::choose("scalar"), Ok(Tier::Scalar));
    }
}
