//! Writes 16-bit PCM WAV: samples enter, a file or its bytes leave.
//!
//! For excerpts, recordings and tests; reading is [`crate::file`].

use std::path::Path;

use crate::AudioError;

/// The bytes of a 16-bit PCM WAV file.
///
/// `channels` are equally long (shorter ones are filled with silence); values
/// beyond −1..1 are clipped and NaN becomes 0. `rate` is in Hz. Layout:
/// Microsoft's RIFF/WAVE specification, 44-byte header. The format holds at
/// most 4 GiB; samples beyond that are left out.
pub fn to_bytes(channels: &[&[f32]], rate: u32) -> Vec<u8> {
    let count = channels.len().clamp(1, usize::from(u16::MAX) / 2) as u16;
    let frame_bytes = u32::from(count) * 2;
    let frames = channels.iter().map(|c| c.len()).max().unwrap_or(0);
    let frames = frames.min(((u32::MAX - 36) / frame_bytes) as usize);
    let data_len = frames as u32 * frame_bytes;

    let mut bytes = Vec::with_capacity(44 + data_len as usize);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(36 + data_len).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16u32.to_le_bytes());
    bytes.extend_from_slice(&1u16.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend_from_slice(&rate.to_le_bytes());
    bytes.extend_from_slice(&rate.saturating_mul(frame_bytes).to_le_bytes());
    bytes.extend_from_slice(&(frame_bytes as u16).to_le_bytes());
    bytes.extend_from_slice(&16u16.to_le_bytes());
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&data_len.to_le_bytes());
    for frame in 0..frames {
        for channel in 0..usize::from(count) {
            let sample = channels.get(channel).and_then(|c| c.get(frame)).copied().unwrap_or(0.0);
            bytes.extend_from_slice(&to_i16(sample).to_le_bytes());
        }
    }
    bytes
}

/// Writes mono samples at `rate` Hz to `path` as 16-bit PCM WAV.
///
/// # Errors
/// [`AudioError::Write`] if the file cannot be written.
pub fn write(path: &Path, samples: &[f32], rate: u32) -> Result<(), AudioError> {
    std::fs::write(path, to_bytes(&[samples], rate))
        .map_err(|source| AudioError::Write { path: path.to_path_buf(), source })
}

/// The inverse of a reader that divides by 32768: such samples come back exactly.
fn to_i16(sample: f32) -> i16 {
    // A float-to-integer `as` saturates and takes NaN to 0.
    (sample * 32768.0).round() as i16
}
