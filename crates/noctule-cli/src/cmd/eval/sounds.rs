//! Decoding for the evaluation, which knows no audio itself.

use noctule_audio::file::{ReadOptions, Reader};
use noctule_audio::{SAMPLE_RATE, wav};
use noctule_eval::corpus::Sounds;
use std::fs;
use std::path::Path;

/// This program's own readers.
#[derive(Debug, Clone, Copy)]
pub struct Decoder;

impl Sounds for Decoder {
    fn duration_s(&self, path: &Path) -> Result<f64, String> {
        // Headers may promise what is not there.
        let mut samples = 0;
        read(path, None, |block| samples += block.len())?;
        Ok(samples as f64 / f64::from(SAMPLE_RATE))
    }

    fn extract(&self, path: &Path, span: Option<(f64, f64)>, to: &Path) -> Result<f64, String> {
        let mut samples = Vec::new();
        read(path, span, |block| samples.extend_from_slice(block))?;
        let bytes = wav::to_bytes(&[&samples], SAMPLE_RATE);
        fs::write(to, bytes).map_err(|error| format!("cannot write {}: {error}", to.display()))?;
        Ok(samples.len() as f64 / f64::from(SAMPLE_RATE))
    }
}

fn read(path: &Path, span: Option<(f64, f64)>, mut take: impl FnMut(&[f32])) -> Result<(), String> {
    let (offset_s, duration_s) = span.map_or((0.0, None), |(from, to)| (from, Some(to - from)));
    let options = ReadOptions { offset_s, duration_s, ..ReadOptions::default() };
    let mut reader = Reader::open(path, &options).map_err(|error| error.to_string())?;
    while let Some(block) = reader.next_block().map_err(|error| error.to_string())? {
        take(block);
    }
    Ok(())
}
