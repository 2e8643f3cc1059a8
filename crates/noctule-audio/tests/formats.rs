//! Raw samples, streams that cannot seek, protected files, damage in every
//! container, and ffmpeg in place of a reader that is missing.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use noctule_audio::ffmpeg::FfmpegUse;
use noctule_audio::file::{self, Audio, ReadOptions, Reader, Spool};
use noctule_audio::pcm::{Pcm, SampleFormat};
use noctule_audio::{AudioError, wav};

fn data(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

fn without_ffmpeg() -> ReadOptions {
    ReadOptions { ffmpeg: FfmpegUse::Never, ..Default::default() }
}

fn read(bytes: &[u8]) -> Result<Audio, AudioError> {
    file::read_bytes(bytes, "x", &without_ffmpeg())
}

/// A folder that is gone when the test ends.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Encodes values of −1..1, each exactly representable in 8 bits.
fn encode(format: SampleFormat, samples: &[f32]) -> Vec<u8> {
    let one = |&s: &f32| -> Vec<u8> {
        let scaled = |scale: f64| (f64::from(s) * scale) as i64;
        match format {
            SampleFormat::U8 => vec![(scaled(128.0) + 128) as u8],
            SampleFormat::S16le => (scaled(32_768.0) as i16).to_le_bytes().into(),
            SampleFormat::S16be => (scaled(32_768.0) as i16).to_be_bytes().into(),
            SampleFormat::S24le => (scaled(8_388_608.0) as i32).to_le_bytes()[..3].into(),
            SampleFormat::S32le => (scaled(2_147_483_648.0) as i32).to_le_bytes().into(),
            SampleFormat::F32le => s.to_le_bytes().into(),
            SampleFormat::F64le => f64::from(s).to_le_bytes().into(),
            other => panic!("{} is not linear", other.name()),
        }
    };
    samples.iter().flat_map(one).collect()
}

#[test]
fn raw_samples_of_every_format_are_read() {
    let samples: Vec<f32> = (0..4_000).map(|i| ((i * 37 % 255) - 127) as f32 / 128.0).collect();
    for format in SampleFormat::ALL {
        if matches!(format, SampleFormat::Mulaw | SampleFormat::Alaw) {
            continue;
        }
        let pcm = Pcm { format, rate: 16_000, channels: 1 };
        let options = ReadOptions { pcm: Some(pcm), ..Default::default() };
        let bytes = encode(format, &samples);
        let seekable = file::read_bytes(&bytes, "x", &options).unwrap();
        assert_eq!(seekable.samples, samples, "{pcm}");
        let stream = file::read_stream(Cursor::new(&bytes), "-", &options).unwrap();
        assert_eq!(stream.samples, samples, "{pcm}, as a stream");
        for (offset_s, duration_s, range) in [(0.1, Some(0.05), 1_600..2_400), (0.2, None, 3_200..4_000)] {
            let options = ReadOptions { offset_s, duration_s, ..options.clone() };
            let part = file::read_bytes(&bytes, "x", &options).unwrap();
            assert_eq!(part.samples, samples[range.clone()], "{pcm} from {offset_s} s");
            let part = file::read_stream(Cursor::new(&bytes), "x", &options).unwrap();
            assert_eq!(part.samples, samples[range], "{pcm} from {offset_s} s, as a stream");
        }
    }
    // ITU-T G.711: the extremes of both laws.
    for (format, bytes) in [(SampleFormat::Mulaw, [0x80, 0x00]), (SampleFormat::Alaw, [0xAA, 0x2A])] {
        let options = ReadOptions { pcm: Some(Pcm { format, rate: 16_000, channels: 1 }), ..Default::default() };
        let samples = file::read_bytes(&bytes, "x", &options).unwrap().samples;
        assert!(samples[0] > 0.97 && samples[1] < -0.97, "{samples:?}");
    }
}

#[test]
fn raw_samples_need_no_more_than_a_byte_that_looks_like_a_header() {
    let options = ReadOptions { pcm: "s16le:16000:2".parse().ok(), keep_stereo: true, ..Default::default() };
    let audio = file::read_bytes(b"RIFFabcdWAVE", "x", &options).unwrap();
    assert_eq!((audio.samples.len(), audio.source_channels), (3, 2));
    // Half a frame at the end is none.
    let audio = file::read_stream(Cursor::new(b"fLaC12345"), "x", &options).unwrap();
    assert_eq!(audio.samples.len(), 2);
    let error = file::read_bytes(b"", "raw", &options).unwrap_err().to_string();
    assert_eq!(error, "raw is empty (0 bytes): check the recording or the copy");
}

#[test]
fn streams_give_what_files_give() {
    for name in [
        "tone-48000-stereo.opus",
        "tone-48000-mono.webm",
        "tone-16000-mono.ogg",
        "tone-44100-stereo.aac",
        "tone-44100-stereo.mp3",
        "tone-16000-mono.flac",
        // These go through a temporary file.
        "tone-16000-mono.m4a",
        "tone-16000-mono.caf",
        "tone-8000-mono.aifc",
        "tone-8000-mono-adpcm.wav",
    ] {
        let bytes = data(name);
        let whole = read(&bytes).unwrap();
        let stream = file::read_stream(Cursor::new(&bytes), "x", &without_ffmpeg()).unwrap();
        // The padding of a WebM file stands at its end, which a stream has not seen.
        let surplus = stream.samples.len() - whole.samples.len();
        assert!(surplus == 0 || (name.ends_with("webm") && surplus < 320), "{name}: {surplus} samples more");
        // The filter reaches half a block beyond an end.
        let same = if surplus == 0 { whole.samples.len() } else { whole.samples.len() - 800 };
        assert!(stream.samples[..same] == whole.samples[..same], "{name}");
        let spool = Spool::new(Cursor::new(&bytes), "x").unwrap();
        for _ in 0..2 {
            let mut reader = spool.reader(&without_ffmpeg()).unwrap();
            let mut samples = Vec::new();
            while let Some(block) = reader.next_block().unwrap() {
                samples.extend_from_slice(block);
            }
            assert!(samples == whole.samples, "{name}, spooled");
        }
    }
}

#[test]
fn a_file_that_is_cut_off_gives_what_is_there() {
    for (name, warns) in [
        ("tone-48000-stereo.opus", true),
        ("tone-48000-mono.webm", true),
        ("tone-8000-mono-adpcm.wav", true),
        // Nothing in it tells the length.
        ("tone-44100-stereo.aac", false),
    ] {
        let bytes = data(name);
        let audio = read(&bytes[..bytes.len() * 2 / 3]).unwrap();
        assert!((4_000..23_000).contains(&audio.samples.len()), "{name}: {}", audio.samples.len());
        let warned = audio.warnings.iter().any(|w| w.contains("cut off"));
        assert_eq!(warned, warns, "{name}: {:?}", audio.warnings);
        assert_eq!(read(&bytes).unwrap().warnings, [""; 0], "{name}");
    }
    // The first two have lost the index at their end, the third its only page of sound, without
    // which nothing can be decoded; the last is refused by the demuxer and left to ffmpeg.
    for name in ["tone-16000-mono.m4a", "tone-16000-mono.caf", "tone-16000-mono.ogg", "tone-8000-mono.aifc"] {
        let bytes = data(name);
        let error = read(&bytes[..bytes.len() * 2 / 3]).unwrap_err().to_string();
        assert!(error.starts_with("x is "), "{error}");
    }
}

/// Replaces the only occurrence of `from`.
fn patched(bytes: &[u8], from: &[u8; 4], to: &[u8; 4]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = bytes.windows(4).rposition(|w| w == from).unwrap();
    bytes[at..at + 4].copy_from_slice(to);
    bytes
}

#[test]
fn protected_and_silent_films_are_named() {
    let m4a = data("tone-16000-mono.m4a");
    for entry in [b"drms", b"enca"] {
        let error = read(&patched(&m4a, b"mp4a", entry)).unwrap_err().to_string();
        assert!(error.starts_with("x is protected against copying (DRM)"), "{error}");
    }
    let error = read(&patched(&m4a, b"mp4a", b"zzzz")).unwrap_err().to_string();
    assert!(error.contains("unknown codec") || error.contains("codec that is unknown"), "{error}");
    assert!(error.ends_with("convert it with: ffmpeg -i x -ar 16000 -ac 1 out.wav"), "{error}");
}

#[test]
fn a_single_sample_is_no_error() {
    for rate in [8_000, 16_000, 48_000, 192_000] {
        let audio = read(&wav::to_bytes(&[&[0.5]], rate)).unwrap();
        let expected = (16_000.0 / f64::from(rate)).round() as usize;
        assert_eq!(audio.samples.len(), expected, "{rate} Hz");
        assert_eq!(audio.warnings, [""; 0]);
    }
}

#[test]
fn what_cannot_be_opened_says_what_to_do() {
    let folder = folder();
    let error = file::read(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with(": name the audio files in it"), "{error}");
    let error = file::read(&folder.path().join("none.wav"), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with(": check the name and the folder"), "{error}");
}

/// Whether ffmpeg is there; says that a test is skipped if not.
fn ffmpeg_is_there() -> bool {
    let there = Command::new("ffmpeg").arg("-version").output().is_ok_and(|out| out.status.success());
    if !there {
        eprintln!("skipped: ffmpeg is not installed");
    }
    there
}

/// An AU file, which only ffmpeg reads, of a ramp.
fn au(name: &str, folder: &Path) -> PathBuf {
    let path = folder.join(name);
    let mut bytes = b".snd".to_vec();
    // Header of 24 bytes, unknown length, 16-bit, 16 kHz, two channels.
    for word in [24u32, u32::MAX, 3, 16_000, 2] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend((0..8_000i16).flat_map(|i| [i.to_be_bytes(), (-i).to_be_bytes()]).flatten());
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn ffmpeg_reads_what_is_unknown() {
    if !ffmpeg_is_there() {
        return;
    }
    let folder = folder();
    // Names that would be options, protocols or shell code to a careless caller.
    for name in ["-y.au", "a:b c'$(touch x).au", "line\nbreak.au", "pipe:.au"] {
        let path = au(name, folder.path());
        let options = ReadOptions { keep_stereo: true, ..Default::default() };
        let audio = file::read(&path, &options).unwrap();
        let (left, right) = audio.stereo.unwrap();
        assert_eq!((left.len(), audio.source_rate, audio.source_channels), (8_000, 16_000, 2), "{name}");
        assert!(left.iter().enumerate().all(|(i, &x)| x == i as f32 / 32_768.0), "{name}");
        assert!(right.iter().enumerate().all(|(i, &x)| x == -(i as f32) / 32_768.0), "{name}");
        assert_eq!(audio.warnings, [""; 0]);
        let error = file::read(&path, &without_ffmpeg()).unwrap_err().to_string();
        assert!(error.contains("it looks like Sun audio; convert it with: ffmpeg"), "{error}");
    }
    let path = au("plain.au", folder.path());
    let excerpt = ReadOptions { offset_s: 0.1, duration_s: Some(0.2), ..Default::default() };
    assert_eq!(file::read(&path, &excerpt).unwrap().samples.len(), 3_200);
    let bytes = std::fs::read(&path).unwrap();
    let stream = file::read_stream(Cursor::new(bytes), "-", &ReadOptions::default()).unwrap();
    assert_eq!(stream.samples.len(), 8_000);
    let beyond = ReadOptions { offset_s: 3.0, ..Default::default() };
    let error = file::read(&path, &beyond).unwrap_err();
    assert!(matches!(error, AudioError::OffsetBeyondEnd { .. }), "{error}");
}

#[test]
fn ffmpeg_reads_everything_when_told_to() {
    if !ffmpeg_is_there() {
        return;
    }
    let folder = folder();
    let path = folder.path().join("tone.flac");
    std::fs::write(&path, data("tone-16000-mono.flac")).unwrap();
    let always = ReadOptions { ffmpeg: FfmpegUse::Always, ..Default::default() };
    let own = file::read(&path, &ReadOptions::default()).unwrap();
    assert_eq!(file::read(&path, &always).unwrap(), own);
    let reader = Reader::open(&path, &always).unwrap();
    assert_eq!(reader.info().container, "ffmpeg");
    // Dropped before its end, it takes ffmpeg with it.
    drop(reader);
}

#[test]
fn what_nobody_reads_is_refused_in_one_line() {
    if !ffmpeg_is_there() {
        return;
    }
    let folder = folder();
    let junk: Vec<u8> = (0..5_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 & 0x7F).collect();
    for (name, bytes) in [("junk.amr", junk.as_slice()), ("amr.amr", b"#!AMR\nnonsense")] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = file::read(&path, &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains(name) && !error.contains('\n'), "{error}");
        assert!(error.contains("ffmpeg cannot read it either"), "{error}");
        assert!(error.ends_with(": check the file"), "{error}");
    }
}
