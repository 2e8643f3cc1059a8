//! 16 kHz samples → a FLAC file that is sound up to its last whole block, whatever happens to the program that writes it.
//!
//! The end of a live recording's path. Blocks of a quarter of a second are written as soon as they are full; the header says at first
//! that the length is not known, and is told when the file is finished. A file that was interrupted can be
//! [gone on with](FlacWriter::reopen).

mod reopen;

use crate::SAMPLE_RATE;
use crate::file::{ReadOptions, Reader};
use flacenc::bitsink::ByteSink;
use flacenc::component::{BitRepr, Stream, StreamInfo};
use flacenc::config::Encoder;
use flacenc::error::{Verified, Verify};
use flacenc::source::{Fill, FrameBuf};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Samples of a block: 0.256 s, which compresses nearly as well as longer ones.
const BLOCK: usize = 4096;
/// The shortest block that the encoder takes; a shorter rest gets silence behind it, 2 ms at most.
const SHORTEST: usize = 32;
/// Bits of a sample.
const BITS: usize = 16;
/// Bytes of the header that tell the number of samples (its first four bits share a byte with others, which are zero here).
const LENGTH: std::ops::Range<usize> = 21..26;

/// A FLAC file of one channel, 16 bits and 16 kHz that grows.
pub struct FlacWriter {
    file: File,
    config: Verified<Encoder>,
    info: StreamInfo,
    waiting: Vec<i32>,
    blocks: usize,
    samples: usize,
}

impl std::fmt::Debug for FlacWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlacWriter").field("samples", &self.samples).finish_non_exhaustive()
    }
}

/// Hands out what can be read of a recording: of one that a crash has torn, or that is being written, all before the tear.
pub fn read_whole(path: &Path, each: &mut dyn FnMut(&[f32])) {
    let Ok(mut reader) = Reader::open(path, &ReadOptions::default()) else { return };
    while let Ok(Some(block)) = reader.next_block() {
        each(block);
    }
}

/// What the encoder refuses, which nothing here gives it.
fn refused(error: impl std::fmt::Debug) -> io::Error {
    io::Error::other(format!("FLAC: {error:?}"))
}

impl FlacWriter {
    /// Begins an empty `file`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(file: File) -> io::Result<Self> {
        let mut writer = Self::unwritten(file)?;
        writer.file.write_all(&writer.header()?)?;
        Ok(writer)
    }

    /// Goes on with a file that was written by another one of these, which was interrupted or even finished. What is torn behind
    /// the last whole block goes.
    ///
    /// # Errors
    /// If it cannot be read or written, or is another kind of file, which stays as it is ([`io::ErrorKind::InvalidData`]).
    pub fn reopen(path: &Path) -> io::Result<Self> {
        let mut writer = Self::unwritten(OpenOptions::new().read(true).write(true).open(path)?)?;
        let header = writer.header()?;
        let mut there = Vec::new();
        Read::by_ref(&mut writer.file).take(header.len() as u64).read_to_end(&mut there)?;
        let same = |i: usize| LENGTH.contains(&i) || there[i] == header[i];
        if !(0..there.len()).all(same) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it was not recorded by this program"));
        }
        let mut whole = reopen::Whole::default();
        if there.len() == header.len() {
            whole = reopen::whole(path, header.len() as u64)?;
        }
        // A last short block stays until a whole one is written over it.
        writer.file.set_len(whole.end.max(there.len() as u64))?;
        writer.file.seek(SeekFrom::Start(0))?;
        writer.file.write_all(&header)?;
        writer.file.seek(SeekFrom::Start(whole.bytes.max(header.len() as u64)))?;
        (writer.blocks, writer.samples) = (whole.blocks, whole.blocks * BLOCK);
        writer.push(&whole.rest)?;
        Ok(writer)
    }

    /// Samples in the file, and those that wait for a whole block.
    pub fn len(&self) -> u64 {
        (self.samples + self.waiting.len()) as u64
    }

    /// Samples in the file.
    pub fn written(&self) -> u64 {
        self.samples as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn unwritten(file: File) -> io::Result<Self> {
        let mut info = StreamInfo::new(SAMPLE_RATE as usize, 1, BITS).map_err(refused)?;
        info.set_block_sizes(BLOCK, BLOCK).map_err(refused)?;
        // Zero: nobody knows.
        info.set_frame_sizes(0, 0).map_err(refused)?;
        let config = Encoder::default().into_verified().map_err(refused)?;
        Ok(Self { file, config, info, waiting: Vec::new(), blocks: 0, samples: 0 })
    }

    fn header(&self) -> io::Result<Vec<u8>> {
        let mut sink = ByteSink::new();
        Stream::with_stream_info(self.info.clone()).write(&mut sink).map_err(refused)?;
        Ok(sink.as_slice().to_vec())
    }

    /// Takes in samples (−1 to 1; louder ones are clipped) and writes the blocks that are full.
    ///
    /// # Errors
    /// If the disk does not take them; the file is sound up to the block before.
    pub fn push(&mut self, samples: &[f32]) -> io::Result<()> {
        // A float-to-integer `as` saturates, and makes 0 of what is no number.
        self.waiting.extend(samples.iter().map(|x| i32::from((x * 32_768.0).round() as i16)));
        while self.waiting.len() >= BLOCK {
            self.block(BLOCK)?;
        }
        Ok(())
    }

    fn block(&mut self, len: usize) -> io::Result<()> {
        let mut frame = FrameBuf::with_size(1, len).map_err(refused)?;
        frame.fill_interleaved(&self.waiting[..len]).map_err(refused)?;
        let frame = flacenc::encode_fixed_size_frame(&self.config, &frame, self.blocks, &self.info).map_err(refused)?;
        let mut sink = ByteSink::new();
        frame.write(&mut sink).map_err(refused)?;
        self.file.write_all(sink.as_slice())?;
        self.waiting.drain(..len);
        self.blocks += 1;
        self.samples += len;
        Ok(())
    }

    /// Waits until everything that was written is on the disk.
    ///
    /// # Errors
    /// If the disk did not take it.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Writes the rest and the length; returns the number of samples.
    ///
    /// # Errors
    /// If the disk does not take them.
    pub fn finish(mut self) -> io::Result<u64> {
        if !self.waiting.is_empty() {
            let rest = self.waiting.len().max(SHORTEST);
            self.waiting.resize(rest, 0);
            self.block(rest)?;
        }
        self.info.set_total_samples(self.samples);
        let end = self.file.stream_position()?;
        self.file.set_len(end)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&self.header()?)?;
        self.file.sync_all()?;
        Ok(self.samples as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1.5 s of a tone and half a second of noise, as 16-bit values.
    fn sound() -> Vec<f32> {
        let mut state = 1u32;
        let value = |i: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 16) as i16;
            let tone = (12_000.0 * (i as f32 * 0.17).sin()) as i16;
            f32::from(if i < 24_000 { tone } else { noise }) / 32_768.0
        };
        (0..32_000).map(value).collect()
    }

    fn read(path: &Path) -> Vec<f32> {
        let mut all = Vec::new();
        read_whole(path, &mut |block| all.extend_from_slice(block));
        all
    }

    fn written(path: &Path, samples: &[f32]) -> FlacWriter {
        let mut writer = FlacWriter::new(File::create(path).unwrap()).unwrap();
        samples.chunks(333).for_each(|part| writer.push(part).unwrap());
        writer
    }

    #[test]
    fn what_was_recorded_is_read_back_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        let (path, sound) = (folder.path().join("a.flac"), sound());
        for len in [1, 31, 4096, 5000, 32_000] {
            let count = written(&path, &sound[..len]).finish().unwrap() as usize;
            assert!((len..len + SHORTEST).contains(&count), "{len}: {count}");
            let back = read(&path);
            assert_eq!(back.len(), count, "{len}");
            assert!(back[..len] == sound[..len], "{len}");
        }
        assert!(std::fs::metadata(&path).unwrap().len() < 64_000);
    }

    #[test]
    fn a_torn_file_has_its_whole_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let (path, sound) = (folder.path().join("a.flac"), sound());
        drop(written(&path, &sound));
        let whole = std::fs::read(&path).unwrap();
        assert!(read(&path) == sound[..32_000 / BLOCK * BLOCK]);
        for torn in [whole.len() - 1, whole.len() - 3000, whole.len() / 2] {
            std::fs::write(&path, &whole[..torn]).unwrap();
            let back = read(&path);
            assert!(back.len() >= BLOCK && back[..] == sound[..back.len()], "{torn}: {}", back.len());
            // One byte is missing of the last block.
            assert!(whole.len() - torn > 1 || back.len() == (32_000 / BLOCK - 1) * BLOCK, "{}", back.len());
        }
    }

    #[test]
    fn a_recording_goes_on_wherever_it_was_torn() {
        let folder = tempfile::tempdir().unwrap();
        let (path, sound) = (folder.path().join("a.flac"), sound());
        drop(written(&path, &sound));
        let whole = std::fs::read(&path).unwrap();
        let mut torn: Vec<usize> = (0..60).chain((60..whole.len()).step_by(1201)).collect();
        torn.extend(whole.len() - 9..=whole.len());
        for len in torn {
            std::fs::write(&path, &whole[..len]).unwrap();
            let there = read(&path).len();
            let mut writer = FlacWriter::reopen(&path).unwrap();
            let kept = writer.len() as usize;
            assert_eq!(kept, there, "{len} bytes");
            writer.push(&sound[..10_000]).unwrap();
            assert_eq!(writer.finish().unwrap() as usize, kept + 10_000, "{len} bytes");
            assert!(read(&path) == [&sound[..kept], &sound[..10_000]].concat(), "{len} bytes");
        }
    }

    #[test]
    fn a_finished_recording_goes_on_with_its_last_short_block() {
        let folder = tempfile::tempdir().unwrap();
        let (path, sound) = (folder.path().join("a.flac"), sound());
        for len in [0, 1000, 4096, 9000] {
            written(&path, &sound[..len]).finish().unwrap();
            for _ in 0..2 {
                // Interrupted before anything new was heard, too.
                drop(FlacWriter::reopen(&path).unwrap());
            }
            let mut writer = FlacWriter::reopen(&path).unwrap();
            let kept = writer.len() as usize;
            writer.push(&sound[..5000]).unwrap();
            writer.finish().unwrap();
            assert!(read(&path) == [&sound[..kept], &sound[..5000]].concat(), "{len}");
            assert_eq!(kept, len);
        }
    }

    #[test]
    fn other_files_are_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.flac");
        let other = [b"RIFF".as_slice(), &[7; 100]].concat();
        std::fs::write(&path, &other).unwrap();
        assert_eq!(FlacWriter::reopen(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(std::fs::read(&path).unwrap(), other);
        assert!(FlacWriter::reopen(&folder.path().join("none.flac")).is_err());
    }

    #[test]
    fn too_loud_is_clipped_and_no_number_is_silence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.flac");
        written(&path, &[2.0, -2.0, f32::NAN, 0.5]).finish().unwrap();
        assert_eq!(read(&path)[..4], [32_767.0 / 32_768.0, -1.0, 0.0, 0.5]);
    }
}
