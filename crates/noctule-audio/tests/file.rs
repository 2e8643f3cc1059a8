//! Every supported form of file gives the expected samples, and every
//! unsupported one an error that says what to do.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use noctule_audio::ffmpeg::FfmpegUse;
use noctule_audio::file::{self, Audio, ReadOptions, Reader};
use noctule_audio::{AudioError, wav};

fn sine(rate: u32, hz: f64, frames: usize) -> Vec<f32> {
    let turn = std::f64::consts::TAU * hz / f64::from(rate);
    (0..frames).map(|i| (0.5 * (turn * i as f64).sin()) as f32).collect()
}

fn read(bytes: &[u8]) -> Result<Audio, AudioError> {
    file::read_bytes(bytes, "x.wav", &ReadOptions::default())
}

fn without_ffmpeg() -> ReadOptions {
    ReadOptions { ffmpeg: FfmpegUse::Never, ..Default::default() }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Builds a WAV file around `body`.
struct Wav {
    tag: u16,
    channels: u16,
    rate: u32,
    bits: u16,
    /// `Some(valid bits)` writes WAVE_FORMAT_EXTENSIBLE.
    extensible: Option<u16>,
    riff_len: Option<u32>,
    data_len: Option<u32>,
    before_data: Vec<u8>,
    after_data: Vec<u8>,
    body: Vec<u8>,
}

impl Wav {
    fn new(tag: u16, bits: u16, body: Vec<u8>) -> Self {
        let (channels, rate, extensible, riff_len, data_len) = (1, 16_000, None, None, None);
        let (before_data, after_data) = (Vec::new(), Vec::new());
        Self { tag, channels, rate, bits, extensible, riff_len, data_len, before_data, after_data, body }
    }

    fn bytes(&self) -> Vec<u8> {
        let frame = self.bits / 8 * self.channels;
        let mut fmt = Vec::new();
        fmt.extend(if self.extensible.is_some() { 0xFFFE } else { self.tag }.to_le_bytes());
        fmt.extend(self.channels.to_le_bytes());
        fmt.extend(self.rate.to_le_bytes());
        fmt.extend((self.rate * u32::from(frame)).to_le_bytes());
        fmt.extend(frame.to_le_bytes());
        fmt.extend(self.bits.to_le_bytes());
        if let Some(valid) = self.extensible {
            fmt.extend(22u16.to_le_bytes());
            fmt.extend(valid.to_le_bytes());
            fmt.extend(3u32.to_le_bytes());
            fmt.extend(self.tag.to_le_bytes());
            fmt.extend([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
        }
        let mut rest = b"WAVEfmt ".to_vec();
        rest.extend((fmt.len() as u32).to_le_bytes());
        rest.extend(fmt);
        rest.extend(&self.before_data);
        rest.extend(b"data");
        rest.extend(self.data_len.unwrap_or(self.body.len() as u32).to_le_bytes());
        rest.extend(&self.body);
        rest.extend(&self.after_data);
        let mut out = b"RIFF".to_vec();
        out.extend(self.riff_len.unwrap_or(rest.len() as u32).to_le_bytes());
        out.extend(rest);
        out
    }
}

fn pcm16(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|s| ((s * 32768.0) as i16).to_le_bytes()).collect()
}

#[test]
fn sixteen_bit_mono_at_16_khz_comes_back_exactly() {
    let samples: Vec<f32> = (-500i16..500).map(|i| f32::from(i * 60) / 32768.0).collect();
    let audio = read(&wav::to_bytes(&[&samples], 16_000)).unwrap();
    assert_eq!(audio.samples, samples);
    assert!(audio.warnings.is_empty());
    assert_eq!((audio.source_rate, audio.source_channels), (16_000, 1));
    assert_eq!(audio.duration_s, 1000.0 / 16_000.0);
}

#[test]
fn every_wav_sample_type_is_read() {
    let samples = sine(16_000, 300.0, 1600);
    let i = |scale: f64| samples.iter().map(move |&s| (f64::from(s) * scale).round());
    let forms: Vec<(u16, u16, Vec<u8>, f32)> = vec![
        (1, 8, i(128.0).map(|v| (v + 128.0) as u8).collect(), 1.0 / 200.0),
        (1, 16, i(32768.0).flat_map(|v| (v as i16).to_le_bytes()).collect(), 1.0 / 60_000.0),
        (1, 24, i(8_388_608.0).flat_map(|v| (v as i32).to_le_bytes()[..3].to_vec()).collect(), 1e-6),
        (1, 32, i(2_147_483_648.0).flat_map(|v| (v as i32).to_le_bytes()).collect(), 1e-6),
        (3, 32, samples.iter().flat_map(|s| s.to_le_bytes()).collect(), 0.0),
        (3, 64, samples.iter().flat_map(|&s| f64::from(s).to_le_bytes()).collect(), 0.0),
    ];
    for (tag, bits, body, tolerance) in forms {
        for extensible in [None, Some(bits)] {
            let wav = Wav { extensible, ..Wav::new(tag, bits, body.clone()) };
            let audio = read(&wav.bytes()).unwrap();
            assert_eq!(audio.samples.len(), samples.len(), "tag {tag}, {bits} bits");
            for (a, b) in audio.samples.iter().zip(&samples) {
                assert!((a - b).abs() <= tolerance, "tag {tag}, {bits} bits: {a} for {b}");
            }
        }
    }
}

#[test]
fn twenty_valid_bits_in_24_are_read() {
    let body: Vec<u8> = [0x40_0000i32, -0x40_0000].iter().flat_map(|v| v.to_le_bytes()[..3].to_vec()).collect();
    let wav = Wav { extensible: Some(20), ..Wav::new(1, 24, body) };
    assert_eq!(read(&wav.bytes()).unwrap().samples, [0.5, -0.5]);
}

#[test]
fn companded_telephone_audio_is_read() {
    // ITU-T G.711: 0xFF and 0x7F are ±0 in µ-law, 0x80 is the positive extreme.
    let audio = read(&Wav::new(7, 8, vec![0xFF, 0x7F, 0x80, 0x00]).bytes()).unwrap();
    assert_eq!(audio.samples[..2], [0.0, 0.0]);
    assert!(audio.samples[2] > 0.97 && audio.samples[3] < -0.97);
    let audio = read(&Wav::new(6, 8, vec![0xAA, 0x2A]).bytes()).unwrap();
    assert!(audio.samples[0] > 0.97 && audio.samples[1] < -0.97);
}

#[test]
fn mono_is_the_mean_and_stereo_is_kept_on_request() {
    let (left, right) = (vec![0.5f32; 800], vec![-0.25f32; 800]);
    let bytes = wav::to_bytes(&[&left, &right], 16_000);
    let audio = read(&bytes).unwrap();
    assert!(audio.samples.iter().all(|&s| s == 0.125));
    assert_eq!((audio.source_channels, audio.stereo), (2, None));
    let options = ReadOptions { keep_stereo: true, ..Default::default() };
    let audio = file::read_bytes(&bytes, "x", &options).unwrap();
    assert_eq!(audio.stereo, Some((left.clone(), right)));
    let three = wav::to_bytes(&[&left, &left, &[0.2; 800]], 16_000);
    let mono = read(&three).unwrap().samples;
    assert!(mono.iter().all(|&s| (s - 0.4).abs() < 1e-4));
    let one = wav::to_bytes(&[&left], 16_000);
    assert_eq!(file::read_bytes(&one, "x", &options).unwrap().stereo, None);
}

#[test]
fn an_excerpt_equals_the_same_stretch_of_the_whole() {
    for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
        let source = sine(rate, 440.0, rate as usize * 3);
        excerpts(&wav::to_bytes(&[&source], rate), &rate.to_string());
    }
    for name in ["tone-48000-stereo-24bit.flac", "tone-16000-mono.flac", "tone-44100-stereo.mp3"] {
        excerpts(&std::fs::read(data(name)).unwrap(), name);
    }
    // Larger than the demuxer's search step, so that it seeks.
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/speech/dishes.flac");
    excerpts(&std::fs::read(clip).unwrap(), "dishes.flac");
}

fn excerpts(bytes: &[u8], label: &str) {
    let whole = read(bytes).unwrap().samples;
    for (offset_s, duration_s) in [(0.0, 1.0), (0.5, 0.25), (1.2345, 0.1), (1.4, 9.0), (0.0001, 1.49)] {
        let options = ReadOptions { offset_s, duration_s: Some(duration_s), ..Default::default() };
        let seekable = file::read_bytes(bytes, "x", &options).unwrap();
        let stream = file::read_stream(Cursor::new(bytes), "x", &options).unwrap();
        let sample = |s: f64| ((s * 16_000.0).round() as usize).min(whole.len());
        let expected = &whole[sample(offset_s)..sample(offset_s + duration_s)];
        assert!(seekable.samples == expected, "{label} from {offset_s} s for {duration_s} s");
        assert!(stream.samples == expected, "{label} from {offset_s} s, unseekable");
        assert_eq!(seekable.warnings, [""; 0]);
    }
}

/// A stream that counts what is read.
struct Counting<'a>(Cursor<&'a [u8]>, &'a std::sync::atomic::AtomicUsize);

impl Read for Counting<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.0.read(buf)?;
        self.1.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
        Ok(n)
    }
}

#[test]
fn a_short_excerpt_reads_little() {
    let bytes = wav::to_bytes(&[&vec![0.1; 16_000 * 600]], 16_000);
    let read = std::sync::atomic::AtomicUsize::new(0);
    let options = ReadOptions { duration_s: Some(1.0), ..Default::default() };
    let audio = file::read_stream(Counting(Cursor::new(&bytes), &read), "x", &options).unwrap();
    assert_eq!(audio.samples.len(), 16_000);
    assert!(read.into_inner() < 200_000, "of {} bytes", bytes.len());
}

#[test]
fn compressed_audio_keeps_times_and_levels() {
    for (name, rate, channels, level) in [
        ("tone-48000-stereo-24bit.flac", 48_000, 2, 0.3125),
        ("tone-16000-mono.flac", 16_000, 1, 0.3125),
        ("tone-44100-stereo.mp3", 44_100, 2, 0.3125),
        // Without a Xing header the encoder's delay of 1105 frames stays.
        ("tone-22050-mono-noxing.mp3", 22_050, 1, 0.469),
        ("tone-48000-stereo.opus", 48_000, 2, 0.3125),
        ("tone-48000-mono.webm", 48_000, 1, 0.469),
        ("tone-16000-mono.ogg", 16_000, 1, 0.469),
        // The last packet is full, and nothing tells how much of it is sound.
        ("tone-16000-mono.m4a", 16_000, 1, 0.469),
        ("tone-44100-stereo.aac", 44_100, 2, 0.3125),
        ("tone-16000-mono.caf", 16_000, 1, 0.3125),
        ("tone-8000-mono.aifc", 8_000, 1, 0.3125),
        ("tone-8000-mono-adpcm.wav", 8_000, 1, 0.3125),
    ] {
        let audio = file::read(&data(name), &ReadOptions::default()).unwrap();
        assert_eq!((audio.source_rate, audio.source_channels), (rate, channels), "{name}");
        assert_eq!(audio.warnings, [""; 0], "{name}");
        let whole_packets = ["noxing", "m4a", "aac", "adpcm"].iter().any(|part| name.contains(part));
        let slack = if whole_packets { 2_000 } else { 1 };
        assert!((23_999..=24_001 + slack).contains(&audio.samples.len()), "{name}: {} samples", audio.samples.len());
        let loud = |x: &f32| x.abs() > level / 2.0;
        let first = audio.samples.iter().position(loud).unwrap();
        let last = audio.samples.iter().rposition(loud).unwrap();
        // ADTS and MP3 without a Xing header do not tell the encoder's delay.
        let slack = if name.contains("noxing") || name.ends_with("aac") { 900 } else { 24 };
        assert!(first.abs_diff(8_000) <= slack, "{name}: starts at {first}");
        assert!(last.abs_diff(16_000) <= slack, "{name}: ends at {last}");
        let middle = &audio.samples[9_000..15_000];
        let power = middle.iter().map(|x| x * x).sum::<f32>() / middle.len() as f32;
        let found = (2.0 * power).sqrt();
        assert!((found / level - 1.0).abs() < 0.15, "{name}: {found} for {level}");
    }
}

#[test]
fn lengths_that_a_pipe_could_not_know_are_ignored() {
    let samples = sine(16_000, 300.0, 5_000);
    let plain = read(&Wav::new(1, 16, pcm16(&samples)).bytes()).unwrap().samples;
    for (riff_len, data_len) in
        [(u32::MAX, u32::MAX), (0, 0), (36, 0), (0x7FFF_F024, 0x7FFF_F000), (u32::MAX, 0), (10_036, u32::MAX)]
    {
        let wav = Wav { riff_len: Some(riff_len), data_len: Some(data_len), ..Wav::new(1, 16, pcm16(&samples)) };
        for audio in [
            read(&wav.bytes()).unwrap(),
            file::read_stream(Cursor::new(wav.bytes()), "-", &ReadOptions::default()).unwrap(),
        ] {
            assert!(audio.samples == plain, "sizes {riff_len:#x}, {data_len:#x}");
            assert_eq!(audio.warnings, [""; 0], "sizes {riff_len:#x}, {data_len:#x}");
        }
    }
}

#[test]
fn other_chunks_are_not_audio() {
    let samples = sine(16_000, 300.0, 999);
    let list = b"LIST\x0B\0\0\0INFOabcdefg\0".to_vec();
    let wav = Wav {
        before_data: [b"junk\x03\0\0\0abc\0".to_vec(), list.clone()].concat(),
        after_data: list,
        ..Wav::new(1, 16, pcm16(&samples))
    };
    assert_eq!(read(&wav.bytes()).unwrap().samples.len(), 999);
    let mut long = wav.bytes();
    long[..4].copy_from_slice(b"RF64");
    assert_eq!(read(&long).unwrap().samples.len(), 999);
}

#[test]
fn cut_off_files_give_what_is_there_and_a_warning() {
    let bytes = Wav::new(1, 16, pcm16(&sine(16_000, 300.0, 16_000))).bytes();
    let audio = read(&bytes[..44 + 16_001]).unwrap();
    assert_eq!(audio.samples.len(), 8_000);
    assert_eq!(audio.warnings, ["x.wav is cut off: 0.500 s of 1.000 s are there"]);
    let stream = file::read_stream(Cursor::new(&bytes[..44 + 16_000]), "-", &ReadOptions::default()).unwrap();
    assert_eq!(stream.warnings, ["- is cut off: 0.500 s of 1.000 s are there"]);

    let flac = std::fs::read(data("tone-48000-stereo-24bit.flac")).unwrap();
    let error = read(&flac[..5000]).unwrap_err().to_string();
    assert!(error.starts_with("x.wav is damaged: it ends before its first sample"), "{error}");
    let audio = read(&flac[..flac.len() * 2 / 3]).unwrap();
    assert!((4_000..23_000).contains(&audio.samples.len()), "{}", audio.samples.len());
    assert!(audio.warnings.iter().any(|w| w.contains("cut off")), "{:?}", audio.warnings);

    let mp3 = std::fs::read(data("tone-44100-stereo.mp3")).unwrap();
    let audio = read(&mp3[..mp3.len() / 2]).unwrap();
    assert!((8_000..16_000).contains(&audio.samples.len()), "{}", audio.samples.len());
    assert!(audio.warnings.iter().any(|w| w.contains("cut off")), "{:?}", audio.warnings);
}

#[test]
fn damage_inside_does_not_shift_what_follows() {
    let mut flac = std::fs::read(data("tone-48000-stereo-24bit.flac")).unwrap();
    // The tone is at 1/3 to 2/3 of the time and takes nearly all of the bytes.
    let middle = flac.len() * 6 / 10;
    flac[middle..middle + 3_000].fill(0x55);
    let audio = read(&flac).unwrap();
    assert_eq!(audio.samples.len(), 24_000, "{:?}", audio.warnings);
    assert!(audio.warnings[0].contains("s are damaged and became silence"), "{:?}", audio.warnings);
    let last = audio.samples.iter().rposition(|x| x.abs() > 0.15).unwrap();
    assert!(last.abs_diff(16_000) <= 16, "{last}");
}

#[test]
fn values_that_are_not_numbers_become_silence() {
    let body = [0.5, f32::NAN, f32::INFINITY, -0.5].iter().flat_map(|v| v.to_le_bytes()).collect();
    let audio = read(&Wav::new(3, 32, body).bytes()).unwrap();
    assert_eq!(audio.samples, [0.5, 0.0, 0.0, -0.5]);
    assert_eq!(audio.warnings, ["x.wav: 2 values are not numbers and became 0"]);
}

#[test]
fn bad_input_gives_an_error_that_helps() {
    let some = pcm16(&sine(16_000, 300.0, 100));
    let wav = |tag, bits| Wav::new(tag, bits, some.clone());
    let text = b"This is no audio at all, but a text that goes on for a while. ".repeat(100);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "x.wav is empty (0 bytes)"),
        (text, "x.wav is not audio but plain text: check which file was meant"),
        (b"<!DOCTYPE html><title>404</title>".to_vec(), "x.wav is not audio but a web page (perhaps an error message"),
        (b"%PDF-1.4 \xE2\xE3\xCF\xD3".to_vec(), "x.wav is not audio but a PDF document"),
        (b"RIFF\x01\0".to_vec(), "x.wav is not audio that noctule reads (WAV, FLAC"),
        (b"FORM\0\0\0\x80AIFFCOMM".to_vec(), "x.wav is damaged"),
        (b"OggS\0\x02 and no more".to_vec(), "x.wav is damaged"),
        (b"#!AMR\n\x3C\x54".to_vec(), "it looks like AMR; convert it with: ffmpeg -i x.wav -ar 16000 -ac 1 out.wav"),
        (wav(1, 16).bytes()[..40].to_vec(), "has no data chunk"),
        (wav(1, 16).bytes()[..30].to_vec(), "ends inside the WAV header"),
        (Wav { channels: 0, ..wav(1, 16) }.bytes(), "x.wav says that it has no channels"),
        (Wav { channels: 700, ..wav(1, 16) }.bytes(), "WAV with 700 channels"),
        (Wav { rate: 0, ..wav(1, 16) }.bytes(), "sample rate of 0 Hz"),
        (Wav { rate: 4_000_000, ..wav(1, 16) }.bytes(), "sample rate of 4000000 Hz"),
        (wav(2, 4).bytes(), "x.wav is damaged"),
        (wav(0x55, 0).bytes(), "WAV with format tag 85"),
        (wav(3, 16).bytes(), "WAV with format tag 3 and 16 bits"),
        (Wav::new(1, 16, vec![]).bytes(), "x.wav holds no audio samples"),
    ];
    for (bytes, expected) in cases {
        let seekable = read(&bytes).unwrap_err().to_string();
        assert!(seekable.contains(expected), "{seekable:?} lacks {expected:?}");
        let stream = file::read_stream(Cursor::new(&bytes), "x.wav", &without_ffmpeg());
        let stream = stream.unwrap_err().to_string();
        assert!(stream.contains(expected), "{stream:?} lacks {expected:?}");
    }
    let spaced = file::read_bytes(b"\0\x01\x02\x03", "it's a.wav", &ReadOptions::default()).unwrap_err().to_string();
    assert!(spaced.ends_with(r"ffmpeg -i 'it'\''s a.wav' -ar 16000 -ac 1 out.wav"), "{spaced}");
    let missing = file::read(Path::new("no/such.wav"), &ReadOptions::default()).unwrap_err();
    assert!(missing.to_string().starts_with("cannot open no/such.wav: "));
    let folder = file::read(Path::new(env!("CARGO_MANIFEST_DIR")), &ReadOptions::default()).unwrap_err();
    assert!(matches!(folder, AudioError::Open { .. }), "{folder}");
}

#[test]
fn impossible_ranges_are_refused() {
    let bytes = wav::to_bytes(&[&[0.1; 16_000]], 16_000);
    let with = |offset_s, duration_s| {
        let options = ReadOptions { offset_s, duration_s, ..Default::default() };
        file::read_bytes(&bytes, "x", &options).map(|a| a.samples.len()).map_err(|e| e.to_string())
    };
    assert_eq!(with(0.25, Some(100.0)), Ok(12_000));
    assert_eq!(with(0.25, Some(f64::INFINITY)), Ok(12_000));
    let beyond = with(2.0, None).unwrap_err();
    assert_eq!(beyond, "the offset of 2 s lies beyond the end of x (1.000 s long): choose a smaller offset");
    assert!(with(1.0, None).is_err());
    for (offset, duration) in [(-1.0, None), (f64::NAN, None), (1e300, None), (0.0, Some(0.0)), (0.0, Some(f64::NAN))] {
        assert!(with(offset, duration).unwrap_err().contains("_s is "), "{offset} {duration:?}");
    }
    let mp3 = std::fs::read(data("tone-44100-stereo.mp3")).unwrap();
    let options = ReadOptions { offset_s: 7.0, ..Default::default() };
    let error = file::read_bytes(&mp3, "x.mp3", &options).unwrap_err();
    assert!(matches!(error, AudioError::OffsetBeyondEnd { duration_s, .. } if (duration_s - 1.5).abs() < 0.01));
}

#[test]
fn blocks_joined_are_the_whole() {
    let (left, right) = (sine(44_100, 440.0, 132_301), sine(44_100, 330.0, 132_301));
    let stereo = wav::to_bytes(&[&left, &right], 44_100);
    let flac = std::fs::read(data("tone-48000-stereo-24bit.flac")).unwrap();
    for (bytes, container, codec, duration_s) in
        [(&stereo, "wave", "pcm_s16le", 132_301.0 / 44_100.0), (&flac, "flac", "flac", 1.5)]
    {
        for (offset_s, wanted_s) in [(0.0, None), (0.7, None), (0.3, Some(0.5)), (1.4, Some(60.0))] {
            let options = ReadOptions { offset_s, duration_s: wanted_s, keep_stereo: true, ..Default::default() };
            let whole = file::read_bytes(bytes, "x", &options).unwrap();
            let mut reader = Reader::from_bytes(bytes, "x", &options).unwrap();
            let info = reader.info().clone();
            assert_eq!((info.container, info.codec, info.channels), (container, codec, 2));
            assert_eq!(info.duration_s, Some(duration_s));
            let (mut mono, mut sides) = (Vec::new(), (Vec::new(), Vec::new()));
            while let Some(block) = reader.next_block().unwrap() {
                assert!((1..6_400).contains(&block.len()), "{} samples at once", block.len());
                let len = block.len();
                mono.extend_from_slice(block);
                let (l, r) = reader.sides().unwrap();
                assert_eq!((l.len(), r.len()), (len, len));
                sides.0.extend_from_slice(l);
                sides.1.extend_from_slice(r);
            }
            assert!(reader.next_block().unwrap().is_none(), "the end stays the end");
            assert!(mono == whole.samples && Some(sides) == whole.stereo, "{container} from {offset_s} s");
        }
    }
}
