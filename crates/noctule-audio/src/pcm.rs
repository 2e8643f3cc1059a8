//! Raw samples without a header: what they are, as in `s16le:16000:1`.
//!
//! Enters: a description. Leaves: [`Pcm`], with which [`crate::file`] reads
//! such bytes.

use std::fmt;
use std::str::FromStr;

use crate::resample::RATES;

/// The number of channels that can be read, at most.
pub(crate) const MAX_CHANNELS: u16 = 26;

/// How a sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SampleFormat {
    /// Unsigned 8-bit integer; 128 is silence.
    U8,
    /// Signed 16-bit integer, little-endian.
    S16le,
    /// Signed 16-bit integer, big-endian.
    S16be,
    /// Signed 24-bit integer in 3 bytes, little-endian.
    S24le,
    /// Signed 32-bit integer, little-endian.
    S32le,
    /// 32-bit float, little-endian, full scale is 1.
    F32le,
    /// 64-bit float, little-endian, full scale is 1.
    F64le,
    /// µ-law (ITU-T G.711).
    Mulaw,
    /// A-law (ITU-T G.711).
    Alaw,
}

use SampleFormat::{Alaw, F32le, F64le, Mulaw, S16be, S16le, S24le, S32le, U8};

impl SampleFormat {
    /// All formats.
    pub const ALL: [Self; 9] = [U8, S16le, S16be, S24le, S32le, F32le, F64le, Mulaw, Alaw];

    /// The name, as ffmpeg has it.
    pub fn name(self) -> &'static str {
        match self {
            U8 => "u8",
            S16le => "s16le",
            S16be => "s16be",
            S24le => "s24le",
            S32le => "s32le",
            F32le => "f32le",
            F64le => "f64le",
            Mulaw => "mulaw",
            Alaw => "alaw",
        }
    }

    /// Bytes of one sample.
    pub fn bytes(self) -> u16 {
        match self {
            U8 | Mulaw | Alaw => 1,
            S16le | S16be => 2,
            S24le => 3,
            S32le | F32le => 4,
            F64le => 8,
        }
    }
}

/// Raw samples, interleaved: what a header would say.
///
/// Parsed from and printed as `FORMAT:RATE:CHANNELS`, such as `s16le:16000:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pcm {
    /// How a sample is stored.
    pub format: SampleFormat,
    /// The sample rate in Hz, within [`RATES`].
    pub rate: u32,
    /// The number of channels, 1 to 26.
    pub channels: u16,
}

impl fmt::Display for Pcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.format.name(), self.rate, self.channels)
    }
}

/// Why a text is no [`Pcm`]. The messages say what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PcmError {
    /// Not three parts.
    #[error("'{0}' is not FORMAT:RATE:CHANNELS: write for example s16le:16000:1")]
    Parts(String),
    /// No such sample format.
    #[error("there is no sample format '{given}'; did you mean '{nearest}'? ({names})", names = names())]
    Format {
        /// What was given.
        given: String,
        /// The format whose name is the most alike.
        nearest: &'static str,
    },
    /// The rate is no number or out of bounds.
    #[error("the sample rate '{0}' is not a number of Hz from 1000 to 768000: write for example 16000")]
    Rate(String),
    /// The number of channels is no number or out of bounds.
    #[error("the number of channels '{0}' is not a number from 1 to {MAX_CHANNELS}: 1 is mono, 2 is stereo")]
    Channels(String),
}

fn names() -> String {
    SampleFormat::ALL.map(SampleFormat::name).join(", ")
}

impl FromStr for Pcm {
    type Err = PcmError;

    fn from_str(text: &str) -> Result<Self, PcmError> {
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let &[format, rate, channels] = parts.as_slice() else { return Err(PcmError::Parts(text.into())) };
        let lower = format.to_ascii_lowercase();
        let format = SampleFormat::ALL.into_iter().find(|f| f.name() == lower).ok_or_else(|| {
            let nearest = SampleFormat::ALL.into_iter().min_by_key(|f| distance(f.name(), &lower));
            PcmError::Format { given: format.into(), nearest: nearest.unwrap_or(S16le).name() }
        })?;
        let rate = rate.parse().ok().filter(|rate| RATES.contains(rate)).ok_or_else(|| PcmError::Rate(rate.into()))?;
        let channels = channels
            .parse()
            .ok()
            .filter(|count| (1..=MAX_CHANNELS).contains(count))
            .ok_or_else(|| PcmError::Channels(channels.into()))?;
        Ok(Self { format, rate, channels })
    }
}

/// The number of insertions, deletions and substitutions between two words
/// (Levenshtein, 1966).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_come_back_as_they_were() {
        for format in SampleFormat::ALL {
            let pcm = Pcm { format, rate: 44_100, channels: 2 };
            assert_eq!(pcm.to_string().parse(), Ok(pcm));
        }
        assert_eq!("S16LE:8000:1".parse(), Ok(Pcm { format: S16le, rate: 8_000, channels: 1 }));
    }

    #[test]
    fn mistakes_are_explained() {
        for (text, message) in [
            ("s16le", "'s16le' is not FORMAT:RATE:CHANNELS: write for example s16le:16000:1"),
            ("s16el:16000:1", "there is no sample format 's16el'; did you mean 's16le'? (u8, s16le,"),
            ("f32:16000:1", "did you mean 'f32le'?"),
            ("ulaw:8000:1", "did you mean 'mulaw'?"),
            ("s16le:16k:1", "the sample rate '16k' is not a number of Hz"),
            ("s16le:16:1", "the sample rate '16' is not a number of Hz from 1000"),
            ("s16le:16000:0", "the number of channels '0' is not a number from 1 to 26"),
            ("s16le:16000:mono", "the number of channels 'mono'"),
            ("s16le:16000:1:2", "is not FORMAT:RATE:CHANNELS"),
            ("", "'' is not FORMAT:RATE:CHANNELS"),
        ] {
            let error = text.parse::<Pcm>().unwrap_err().to_string();
            assert!(error.contains(message), "{error:?} lacks {message:?}");
        }
    }
}
