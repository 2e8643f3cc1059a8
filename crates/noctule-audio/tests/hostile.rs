//! No bytes make the reader panic or hang: files are cut short, bits are
//! flipped, bytes are replaced, stretches are moved.
//!
//! Seeds are fixed, so a failure repeats. `NOCTULE_HOSTILE_ROUNDS` sets how
//! many variants of each file are tried (300).

use std::io::Cursor;
use std::path::Path;

use noctule_audio::ffmpeg::FfmpegUse;
use noctule_audio::file::{self, ReadOptions};
use noctule_audio::wav;

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut seeds = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        if name.starts_with("tone-") {
            seeds.push((name, std::fs::read(path).unwrap()));
        }
    }
    assert!(seeds.len() >= 12, "{} files", seeds.len());
    // The order of a folder is the file system's.
    seeds.sort();
    let ramp: Vec<f32> = (0..2000).map(|i| i as f32 / 2000.0).collect();
    seeds.push(("mono.wav".into(), wav::to_bytes(&[&ramp], 8_000)));
    seeds.push(("stereo.wav".into(), wav::to_bytes(&[&ramp, &ramp], 44_100)));
    seeds
}

fn mutate(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + random.below(6) {
        // Most damage goes to the headers, where it matters.
        let reach = if random.below(3) > 0 { bytes.len().min(120) } else { bytes.len() };
        let at = random.below(reach);
        match random.below(5) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)],
            3 => {
                let end = (at + 1 + random.below(64)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let end = (at + 4).min(bytes.len());
                let value = (random.next() as u32).to_le_bytes();
                let len = end - at;
                bytes[at..end].copy_from_slice(&value[..len]);
            }
        }
    }
    bytes
}

#[test]
fn damaged_files_give_audio_or_an_error() {
    let rounds = std::env::var("NOCTULE_HOSTILE_ROUNDS").map_or(300, |n| n.parse().unwrap());
    let mut random = Random(7);
    let (mut read, mut refused) = (0, 0);
    for (name, seed) in seeds() {
        for _ in 0..rounds {
            let bytes = mutate(&seed, &mut random);
            let options = ReadOptions {
                offset_s: [0.0, 0.0, 0.3, 1.2][random.below(4)],
                duration_s: [None, None, Some(0.2), Some(3.0)][random.below(4)],
                keep_stereo: random.below(2) == 0,
                ffmpeg: FfmpegUse::Never,
                ..Default::default()
            };
            let result = if random.below(3) == 0 {
                file::read_stream(Cursor::new(&bytes), &name, &options)
            } else {
                file::read_bytes(&bytes, &name, &options)
            };
            match result {
                Ok(audio) => {
                    assert!(audio.samples.iter().all(|s| s.is_finite()));
                    read += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    println!("{read} damaged files gave audio, {refused} an error");
    assert!(read > rounds && refused > rounds);
}

#[test]
fn every_prefix_gives_audio_or_an_error() {
    for (name, seed) in seeds() {
        let step = (seed.len() / 300).max(1);
        for len in (0..seed.len().min(200)).chain((200..seed.len()).step_by(step)) {
            let _ = file::read_bytes(&seed[..len], &name, &ReadOptions::default());
        }
    }
}
