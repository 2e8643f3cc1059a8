//! Recordings without speech: whatever an engine writes down of them was never said.

use super::Sounds;
use super::find::Entry;
use crate::Error;
use crate::statistics::SplitMix64;
use std::fs;
use std::path::Path;

const RATE: u32 = 16_000;
const SECONDS: u32 = 10;

/// A kind of silence.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Digital zero.
    Silence,
    /// White noise at −50 dBFS: a quiet room.
    Room,
    /// White noise at −20 dBFS: a waterfall.
    Noise,
    /// 50 Hz and its harmonics, as badly shielded cables bring them.
    Hum,
}

const KINDS: [(Kind, &str); 4] =
    [(Kind::Silence, "silence"), (Kind::Room, "room"), (Kind::Noise, "noise"), (Kind::Hum, "hum")];

/// The language code of what is no language, ISO 639-2.
pub const NO_LANGUAGE: &str = "zxx";

/// Writes the probes into `folder`, which must be there.
///
/// # Errors
/// If they cannot be written.
pub fn write(folder: &Path) -> Result<Vec<Entry>, Error> {
    KINDS
        .iter()
        .map(|(kind, name)| {
            let path = folder.join(format!("probe-{name}.wav"));
            let bytes = wav(&samples(*kind));
            // Written once: their digests must not change between runs.
            if fs::read(&path).ok().as_deref() != Some(&bytes[..]) {
                fs::write(&path, &bytes).map_err(Error::io("write", &path))?;
            }
            Ok(Entry {
                id: format!("probe-{name}"),
                audio: path,
                text: Some(String::new()),
                language: Some(NO_LANGUAGE.into()),
                speaker: Some("nobody".into()),
                duration_s: Some(f64::from(SECONDS)),
                ..Entry::default()
            })
        })
        .collect()
}

fn samples(kind: Kind) -> Vec<i16> {
    let mut random = SplitMix64::new(50);
    let scale = |decibels: f64| 32_767.0 * 10f64.powf(decibels / 20.0);
    let mut value = |i: u32| match kind {
        Kind::Silence => 0.0,
        // Uniform noise of amplitude a has an effective value of a / √3.
        Kind::Room => scale(-50.0) * 3f64.sqrt() * (2.0 * random.uniform() - 1.0),
        Kind::Noise => scale(-20.0) * 3f64.sqrt() * (2.0 * random.uniform() - 1.0),
        Kind::Hum => {
            let phase = f64::from(i) / f64::from(RATE) * std::f64::consts::TAU * 50.0;
            scale(-30.0) * [1.0, 2.0, 3.0, 5.0].iter().map(|n| (n * phase).sin() / n).sum::<f64>()
        }
    };
    (0..RATE * SECONDS).map(|i| value(i).round() as i16).collect()
}

/// A WAV file of one channel with 16 bits at 16 kHz.
fn wav(samples: &[i16]) -> Vec<u8> {
    let size = 2 * samples.len() as u32;
    let mut bytes = Vec::with_capacity(44 + size as usize);
    bytes.extend(b"RIFF");
    bytes.extend((36 + size).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend([1, 0, 1, 0]);
    bytes.extend(RATE.to_le_bytes());
    bytes.extend((2 * RATE).to_le_bytes());
    bytes.extend([2, 0, 16, 0]);
    bytes.extend(b"data");
    bytes.extend(size.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// For whoever has no decoder at hand: the lengths of WAV files of 16 kHz, one channel, 16 bits.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainWav;

impl Sounds for PlainWav {
    fn duration_s(&self, path: &Path) -> Result<f64, String> {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        let samples = bytes.strip_prefix(b"RIFF").and_then(|_| bytes.get(44..)).ok_or("this is no WAV file")?;
        Ok(samples.len() as f64 / 2.0 / f64::from(RATE))
    }

    fn extract(&self, path: &Path, span: Option<(f64, f64)>, to: &Path) -> Result<f64, String> {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        let samples = bytes.strip_prefix(b"RIFF").and_then(|_| bytes.get(44..)).ok_or("this is no WAV file")?;
        let all: Vec<i16> = samples.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let at = |second: f64| ((second * f64::from(RATE)) as usize).min(all.len());
        let part = span.map_or(&all[..], |(from, end)| &all[at(from)..at(end)]);
        fs::write(to, wav(part)).map_err(|error| error.to_string())?;
        Ok(part.len() as f64 / f64::from(RATE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_as_loud_as_they_say() {
        let level = |kind| {
            let samples = samples(kind);
            let power: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
            20.0 * (power.sqrt() / 32_767.0).log10()
        };
        assert!(samples(Kind::Silence).iter().all(|s| *s == 0));
        assert!((level(Kind::Room) + 50.0).abs() < 0.1, "{}", level(Kind::Room));
        assert!((level(Kind::Noise) + 20.0).abs() < 0.1, "{}", level(Kind::Noise));
        assert!(level(Kind::Hum) > -35.0);
    }

    #[test]
    fn files_are_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let entries = write(folder.path()).unwrap();
        assert_eq!(entries.len(), 4);
        assert_eq!(PlainWav.duration_s(&entries[1].audio), Ok(10.0));
        let before = fs::metadata(&entries[0].audio).unwrap().modified().unwrap();
        write(folder.path()).unwrap();
        assert_eq!(fs::metadata(&entries[0].audio).unwrap().modified().unwrap(), before);
        let cut = folder.path().join("cut.wav");
        assert_eq!(PlainWav.extract(&entries[2].audio, Some((1.0, 2.5)), &cut), Ok(1.5));
        assert_eq!(PlainWav.duration_s(&cut), Ok(1.5));
    }
}
