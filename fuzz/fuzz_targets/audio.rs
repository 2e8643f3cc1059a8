//! Feeds bytes to the reader of audio files, as a file and as a stream.
//!
//! The first byte of the input says how to read the rest: bits 0 and 1 choose the offset, bit 2 a
//! duration, bit 3 both channels, bit 4 a stream that cannot seek, bit 5 raw samples.
//!
//! A panic in this workspace's crates ends the run. One in a demuxer or decoder, which the reader
//! catches and turns into an error or a warning, is printed once for each place.
#![no_main]

use std::collections::HashSet;
use std::io::Cursor;
use std::panic::PanicHookInfo;
use std::sync::Mutex;

use libfuzzer_sys::fuzz_target;
use noctule_audio::ffmpeg::FfmpegUse;
use noctule_audio::file::{ReadOptions, Reader};
use noctule_audio::pcm::SampleFormat;
use noctule_audio::pcm::Pcm;

/// Seconds of sound after which an input has shown what it does.
const LONGEST_S: usize = 60;

static SEEN: Mutex<Option<HashSet<String>>> = Mutex::new(None);

fn on_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
    if !place.contains(".cargo/registry") {
        eprintln!("{info}");
        std::process::abort();
    }
    let mut seen = SEEN.lock().unwrap_or_else(|e| e.into_inner());
    if seen.get_or_insert_default().insert(place) {
        eprintln!("caught in a dependency: {info}");
    }
}

fuzz_target!(
    init: std::panic::set_hook(Box::new(on_panic)),
    |input: &[u8]| {
        let Some((&mode, bytes)) = input.split_first() else { return };
        let options = options(mode);
        let reader = if mode & 16 == 0 {
            Reader::from_bytes(bytes, "fuzz", &options)
        } else {
            Reader::from_stream(Cursor::new(bytes), "fuzz", &options)
        };
        match reader {
            Ok(reader) => drain(reader, &options),
            Err(error) => check(&error.to_string()),
        }
    }
);

fn options(mode: u8) -> ReadOptions {
    let format = SampleFormat::ALL[usize::from(mode >> 6) % SampleFormat::ALL.len()];
    ReadOptions {
        offset_s: [0.0, 0.0, 0.3, 7.5][usize::from(mode & 3)],
        duration_s: (mode & 4 != 0).then_some(0.4),
        keep_stereo: mode & 8 != 0,
        pcm: (mode & 32 != 0).then_some(Pcm { format, rate: 8_000, channels: 3 }),
        ffmpeg: FfmpegUse::Never,
    }
}

fn drain(mut reader: Reader<'_>, options: &ReadOptions) {
    let mut total = 0;
    loop {
        let len = match reader.next_block() {
            Ok(Some(block)) => {
                assert!(block.iter().all(|sample| sample.is_finite()));
                block.len()
            }
            Ok(None) => break,
            Err(error) => return check(&error.to_string()),
        };
        assert!(len > 0);
        let sides = reader.sides().map(|(left, right)| (left.len(), right.len()));
        assert_eq!(sides, options.keep_stereo.then_some((len, len)));
        total += len;
        if total > LONGEST_S * 16_000 {
            return;
        }
    }
    assert!(options.duration_s.is_none() || total <= 6_400);
    reader.warnings().iter().for_each(|warning| check(warning));
}

fn check(text: &str) {
    assert!(text.len() < 1000, "{text}");
    assert!(text.chars().all(|c| !c.is_control()), "{text:?}");
}
