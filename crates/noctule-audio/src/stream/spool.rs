//! Samples of a stream that comes once, kept in a temporary file.

use crate::AudioError;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::SpooledTempFile;

/// Streams of up to this many bytes stay in memory.
const IN_MEMORY: usize = 4 << 20;

/// 16-bit samples are stored as such.
const NARROW: u64 = 2;
/// Others are stored as `f32`.
const WIDE: u64 = 4;

/// Samples that were written once and can be read at any place.
///
/// Samples of 16-bit recordings at 16 kHz take two bytes; from the first one on
/// that is none, all take four: 115 or 230 MB an hour. The temporary file has
/// no name where the system allows that, and vanishes with the program.
pub struct SampleSpool {
    file: SpooledTempFile,
    name: String,
    folder: PathBuf,
    len: u64,
    /// The first sample that is stored in four bytes.
    wide_from: u64,
}

/// Writes a [`SampleSpool`].
pub struct SampleSpoolWriter {
    file: BufWriter<SpooledTempFile>,
    spool: Layout,
}

#[derive(Clone)]
struct Layout {
    name: String,
    folder: PathBuf,
    len: u64,
    wide_from: Option<u64>,
}

impl SampleSpool {
    /// Begins an empty one in `folder`, or where the system keeps large temporary
    /// files. `name` is what messages call the stream.
    pub fn create(name: &str, folder: Option<&Path>) -> SampleSpoolWriter {
        let folder = folder.map_or_else(temporary_folder, Path::to_path_buf);
        let file = BufWriter::new(tempfile::spooled_tempfile_in(IN_MEMORY, &folder));
        SampleSpoolWriter { file, spool: Layout { name: name.into(), folder, len: 0, wide_from: None } }
    }

    /// How many samples it holds.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `out` with the samples from `start` on.
    ///
    /// # Errors
    /// [`AudioError::TemporaryFile`] if the temporary file cannot be read, or there are not so many samples.
    pub fn read(&mut self, start: u64, out: &mut [f32]) -> Result<(), AudioError> {
        let end = start.checked_add(out.len() as u64).filter(|end| *end <= self.len);
        let result = match end {
            Some(_) => self.read_parts(start, out),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        };
        result.map_err(|source| AudioError::TemporaryFile {
            name: self.name.clone(),
            folder: self.folder.clone(),
            source,
        })
    }

    fn read_parts(&mut self, start: u64, out: &mut [f32]) -> io::Result<()> {
        let narrow = self.wide_from.saturating_sub(start).min(out.len() as u64) as usize;
        let (first, rest) = out.split_at_mut(narrow);
        if !first.is_empty() {
            let bytes = self.bytes(start * NARROW, first.len() * NARROW as usize)?;
            let samples = bytes.as_chunks().0.iter().map(|b| f32::from(i16::from_le_bytes(*b)) / 32768.0);
            first.iter_mut().zip(samples).for_each(|(to, x)| *to = x);
        }
        if !rest.is_empty() {
            let at = self.wide_from * NARROW + (start + narrow as u64 - self.wide_from) * WIDE;
            let bytes = self.bytes(at, rest.len() * WIDE as usize)?;
            let samples = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b));
            rest.iter_mut().zip(samples).for_each(|(to, x)| *to = x);
        }
        Ok(())
    }

    fn bytes(&mut self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl SampleSpoolWriter {
    /// Appends samples.
    ///
    /// # Errors
    /// [`AudioError::TemporaryFile`], mostly because the disk is full.
    pub fn push(&mut self, samples: &[f32]) -> Result<(), AudioError> {
        self.append(samples).map_err(|source| self.spool.error(source))
    }

    /// Ends writing.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(self) -> Result<SampleSpool, AudioError> {
        let Layout { name, folder, len, wide_from } = self.spool.clone();
        let file = self.file.into_inner().map_err(|error| self.spool.error(error.into_error()))?;
        Ok(SampleSpool { file, name, folder, len, wide_from: wide_from.unwrap_or(len) })
    }

    fn append(&mut self, samples: &[f32]) -> io::Result<()> {
        let Layout { len, wide_from, .. } = &mut self.spool;
        for &x in samples {
            match narrow(x) {
                Some(x) if wide_from.is_none() => self.file.write_all(&x.to_le_bytes())?,
                _ => {
                    wide_from.get_or_insert(*len);
                    self.file.write_all(&x.to_le_bytes())?;
                }
            }
            *len += 1;
        }
        Ok(())
    }
}

impl Layout {
    fn error(&self, source: io::Error) -> AudioError {
        AudioError::TemporaryFile { name: self.name.clone(), folder: self.folder.clone(), source }
    }
}

/// The 16-bit sample that reads as exactly `x`.
fn narrow(x: f32) -> Option<i16> {
    // A float-to-integer `as` saturates and takes NaN to 0; both fail the comparison.
    let sample = (x * 32768.0) as i16;
    ((f32::from(sample) / 32768.0).to_bits() == x.to_bits()).then_some(sample)
}

/// `TMPDIR`, or the folder for large temporary files: `/tmp` is memory on many systems.
pub fn temporary_folder() -> PathBuf {
    let large = Path::new("/var/tmp");
    if std::env::var_os("TMPDIR").is_none() && large.is_dir() { large.into() } else { std::env::temp_dir() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spooled(samples: &[f32], block: usize) -> SampleSpool {
        let mut writer = SampleSpool::create("x", None);
        samples.chunks(block).for_each(|part| writer.push(part).expect("space"));
        writer.finish().expect("space")
    }

    #[test]
    fn sixteen_bits_take_two_bytes() {
        let samples: Vec<f32> = (-32768..32768).map(|i| i as f32 / 32768.0).collect();
        let mut spool = spooled(&samples, 999);
        assert_eq!(spool.wide_from, samples.len() as u64);
        let mut out = vec![9.0; samples.len()];
        spool.read(0, &mut out).expect("all");
        assert_eq!(out, samples);
        assert!(spool.read(1, &mut out).is_err(), "one sample too many");
        assert!(spool.read(u64::MAX, &mut out[..1]).is_err());
    }

    #[test]
    fn more_than_fits_memory_goes_to_the_folder() {
        let samples: Vec<f32> = (0..IN_MEMORY).map(|i| (i as f32 * 0.1).sin()).collect();
        let mut spool = spooled(&samples, 1 << 16);
        assert!(spool.file.is_rolled());
        let mut out = vec![0.0; 1000];
        spool.read(2_000_000, &mut out).expect("a stretch");
        assert_eq!(out, samples[2_000_000..2_001_000]);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let mut writer = SampleSpool::create("x", Some(Path::new("/nonexistent/folder")));
        let error = (0..100).find_map(|_| writer.push(&[0.1; 1 << 16]).err()).expect("no such folder");
        let text = error.to_string();
        assert!(text.contains("/nonexistent/folder") && text.contains("TMPDIR"), "{text}");
    }

    proptest! {
        #[test]
        fn any_samples_come_back_bit_by_bit(
            exact in prop::collection::vec(any::<i16>(), 0..300),
            free in prop::collection::vec(any::<f32>(), 0..300),
            block in 1usize..100,
            cuts in prop::collection::vec((0usize..600, 0usize..600), 1..10),
        ) {
            let mut samples: Vec<f32> = exact.iter().map(|&x| f32::from(x) / 32768.0).collect();
            samples.extend(free);
            let mut spool = spooled(&samples, block);
            prop_assert_eq!(spool.len(), samples.len() as u64);
            for (start, len) in cuts {
                let start = start.min(samples.len());
                let expected = &samples[start..(start + len).min(samples.len())];
                let mut out = vec![9.0; expected.len()];
                spool.read(start as u64, &mut out).expect("inside");
                let bits = |all: &[f32]| all.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&out), bits(expected));
            }
        }
    }
}
