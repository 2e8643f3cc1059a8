//! Container × codec × rate × channels, made by ffmpeg: what is decoded here is
//! compared with the WAV that ffmpeg decodes from the same file, in length and
//! sample by sample.
//!
//! `cargo test -p noctule-audio --test matrix -- --nocapture` prints the table.
//! Skipped where ffmpeg is not installed; an encoder that it lacks is skipped
//! too, and named.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use noctule_audio::ffmpeg::FfmpegUse;
use noctule_audio::file::{self, Audio, ReadOptions, Reader};

/// How the same sound may differ from what ffmpeg makes of it.
#[derive(Clone, Copy, PartialEq)]
enum Agreement {
    /// To the last bit but for rounding to 32-bit floats: lossless codecs.
    Exact,
    /// Both decoders compute with floats: 90 dB and more.
    Lossy,
    /// ffmpeg rounds to 16 bits, or joint stereo is computed otherwise: 45 dB and more.
    Rounded,
}
use Agreement::{Exact, Lossy, Rounded};

/// One file: its name, rate, channels, the encoder's options, and what may differ.
type Entry = (&'static str, u32, u16, &'static str, Agreement);

const ENTRIES: &[Entry] = &[
    ("u8.wav", 8_000, 1, "-c:a pcm_u8", Exact),
    ("s16.wav", 11_025, 1, "-c:a pcm_s16le", Exact),
    ("s24.wav", 96_000, 2, "-c:a pcm_s24le", Exact),
    ("s32.wav", 192_000, 1, "-c:a pcm_s32le", Exact),
    ("f32.wav", 48_000, 2, "-c:a pcm_f32le", Exact),
    ("f64.wav", 44_100, 1, "-c:a pcm_f64le", Exact),
    ("mulaw.wav", 8_000, 1, "-c:a pcm_mulaw", Exact),
    ("alaw.wav", 8_000, 2, "-c:a pcm_alaw", Exact),
    ("51.wav", 48_000, 6, "-c:a pcm_s16le", Exact),
    ("71.wav", 48_000, 8, "-c:a pcm_s24le", Exact),
    ("ms-adpcm.wav", 22_050, 1, "-c:a adpcm_ms", Exact),
    ("ima-adpcm.wav", 8_000, 1, "-c:a adpcm_ima_wav", Exact),
    ("rf64.wav", 16_000, 2, "-c:a pcm_s16le -rf64 always", Exact),
    ("16.flac", 16_000, 1, "-c:a flac", Exact),
    ("44.flac", 44_100, 2, "-c:a flac", Exact),
    ("51.flac", 48_000, 6, "-c:a flac", Exact),
    ("8.mp3", 8_000, 1, "-c:a libmp3lame -b:a 24k", Lossy),
    ("24.mp3", 24_000, 2, "-c:a libmp3lame -q:a 5", Rounded),
    ("44.mp3", 44_100, 2, "-c:a libmp3lame -b:a 128k", Lossy),
    ("noxing.mp3", 32_000, 1, "-c:a libmp3lame -write_xing 0", Lossy),
    ("16-vorbis.ogg", 16_000, 1, "-c:a libvorbis", Lossy),
    ("44-vorbis.ogg", 44_100, 2, "-c:a libvorbis", Lossy),
    ("flac.ogg", 16_000, 1, "-c:a flac -f ogg", Exact),
    ("voice.opus", 48_000, 1, "-c:a libopus -b:a 16k -application voip", Rounded),
    ("voice60.opus", 16_000, 1, "-c:a libopus -b:a 20k -application voip -frame_duration 60", Rounded),
    ("music.opus", 48_000, 2, "-c:a libopus -b:a 96k", Rounded),
    ("short.opus", 48_000, 2, "-c:a libopus -b:a 64k -frame_duration 2.5", Rounded),
    ("51.opus", 48_000, 6, "-c:a libopus", Rounded),
    ("opus.webm", 48_000, 2, "-c:a libopus", Rounded),
    ("vorbis.webm", 44_100, 1, "-c:a libvorbis", Lossy),
    ("opus.mka", 48_000, 1, "-c:a libopus", Rounded),
    ("aac.mka", 44_100, 2, "-c:a aac", Lossy),
    ("flac.mka", 16_000, 1, "-c:a flac", Exact),
    ("mp3.mka", 44_100, 1, "-c:a libmp3lame", Lossy),
    ("pcm.mka", 44_100, 2, "-c:a pcm_s16le", Exact),
    ("16.m4a", 16_000, 1, "-c:a aac", Lossy),
    ("44.m4a", 44_100, 2, "-c:a aac", Lossy),
    ("48.m4a", 48_000, 2, "-c:a aac -movflags +faststart", Lossy),
    ("alac.m4a", 44_100, 2, "-c:a alac", Exact),
    ("22.aac", 22_050, 1, "-c:a aac", Lossy),
    ("opus.mp4", 48_000, 2, "-c:a libopus", Rounded),
    ("mp3.mp4", 44_100, 1, "-c:a libmp3lame", Lossy),
    ("fragments.mp4", 44_100, 2, "-c:a aac -movflags frag_keyframe+empty_moov", Lossy),
    ("aac.mov", 16_000, 1, "-c:a aac", Lossy),
    ("pcm.mov", 16_000, 1, "-c:a pcm_s16le", Exact),
    ("16.aiff", 16_000, 1, "-c:a pcm_s16be", Exact),
    ("24.aiff", 44_100, 2, "-c:a pcm_s24be", Exact),
    ("16.caf", 44_100, 2, "-c:a pcm_s16be", Exact),
    ("alac.caf", 44_100, 2, "-c:a alac", Exact),
    // What only ffmpeg reads: its own decoding must come through unharmed.
    ("ffmpeg.wma", 44_100, 2, "-c:a wmav2", Exact),
    ("ffmpeg.ac3", 48_000, 6, "-c:a ac3", Exact),
    ("ffmpeg.mp2", 44_100, 1, "-c:a mp2", Exact),
    ("ffmpeg-51.m4a", 48_000, 6, "-c:a aac", Exact),
    ("ffmpeg-51-vorbis.ogg", 48_000, 6, "-c:a libvorbis", Exact),
    ("ffmpeg.wv", 44_100, 2, "-c:a wavpack", Exact),
    ("ffmpeg.ts", 44_100, 2, "-c:a aac -f mpegts", Exact),
];

fn ffmpeg(args: &[&str]) -> bool {
    let out = Command::new("ffmpeg").args(["-v", "error", "-y", "-nostdin"]).args(args).output();
    out.is_ok_and(|out| out.status.success())
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("a plain name").to_string()
}

/// Makes `name` of the first 3.1 s of a recording, the channels at levels of their own.
fn encode(folder: &Path, &(name, rate, channels, options, _): &Entry) -> Option<PathBuf> {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/speech/ls-1995-1837-0001.flac");
    let layout = ["mono", "stereo", "", "", "", "5.1", "", "7.1"][usize::from(channels) - 1];
    let levels: Vec<String> = (0..channels).map(|c| format!("c{c}={:.2}*c0", 0.8 - 0.09 * f32::from(c))).collect();
    let pan = format!("aresample={rate},pan={layout}|{}", levels.join("|"));
    let (clip, out, rate) = (clip.to_str()?.to_string(), path(folder, name), rate.to_string());
    let mut args = vec!["-t", "3.1", "-i", &clip, "-af", &pan, "-ar", &rate];
    args.extend(options.split(' '));
    args.push(&out);
    ffmpeg(&args).then(|| PathBuf::from(out))
}

/// What ffmpeg decodes from the file, as a WAV file of floats.
fn reference(folder: &Path, file: &Path, options: &str) -> Audio {
    let (input, out) = (file.to_str().expect("a plain name"), path(folder, "reference.wav"));
    // ffmpeg's own decoder of Opus resamples voice otherwise than the reference decoder.
    let opus = if options.contains("libopus") { ["-c:a", "libopus"].as_slice() } else { &[] };
    let args = [opus, &["-i", input, "-map", "0:a:0", "-c:a", "pcm_f32le", &out]].concat();
    assert!(ffmpeg(&args), "ffmpeg cannot decode {input}");
    file::read(Path::new(&out), &ReadOptions { ffmpeg: FfmpegUse::Never, ..Default::default() }).unwrap()
}

/// Signal to difference in dB, and the correlation.
fn compare(ours: &[f32], theirs: &[f32]) -> (f64, f64) {
    let (mut signal, mut difference, mut product, mut own) = (0.0f64, 1e-20f64, 0.0f64, 0.0f64);
    for (&a, &b) in ours.iter().zip(theirs) {
        let (a, b) = (f64::from(a), f64::from(b));
        signal += b * b;
        own += a * a;
        product += a * b;
        difference += (a - b).powi(2);
    }
    (10.0 * (signal / difference).log10(), product / (signal * own).sqrt())
}

#[test]
fn every_format_gives_what_ffmpeg_decodes() {
    if common::too_much() {
        return;
    }
    if !ffmpeg(&["-version"]) {
        eprintln!("skipped: ffmpeg is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut skipped = Vec::new();
    for entry in ENTRIES {
        let &(name, rate, channels, options, agreement) = entry;
        let Some(file) = encode(folder.path(), entry) else {
            skipped.push(name);
            continue;
        };
        let foreign = name.starts_with("ffmpeg");
        let use_ffmpeg = if foreign { FfmpegUse::Auto } else { FfmpegUse::Never };
        let read = ReadOptions { ffmpeg: use_ffmpeg, ..Default::default() };
        let ours = file::read(&file, &read).unwrap();
        let theirs = reference(folder.path(), &file, options);
        let (snr, correlation) = compare(&ours.samples, &theirs.samples);
        let info = Reader::open(&file, &read).unwrap().info().clone();
        println!(
            "{name:20} {:9} {:14} {rate:6} Hz {channels} ch  {} samples, {snr:5.1} dB",
            info.container,
            info.codec,
            ours.samples.len()
        );
        assert_eq!(info.container == "ffmpeg", foreign, "{name}");
        assert_eq!(ours.source_channels, channels, "{name}");
        assert_eq!(ours.warnings, [""; 0], "{name}");
        assert_eq!(ours.samples.len(), theirs.samples.len(), "{name}: the length");
        let least = match agreement {
            Exact => 120.0,
            Lossy => 90.0,
            Rounded => 45.0,
        };
        assert!(snr > least && correlation > 0.999_99, "{name}: {snr:.1} dB, correlation {correlation}");
        if let Some(stated) = info.duration_s {
            let decoded = ours.samples.len() as f64 / 16_000.0;
            assert!((stated - decoded).abs() < 0.15, "{name}: {stated} s stated, {decoded} s decoded");
        }
        let options = ReadOptions { offset_s: 1.7, duration_s: Some(0.6), ..read };
        let part = file::read(&file, &options).unwrap().samples;
        assert!(part == ours.samples[27_200..36_800], "{name}: an excerpt is not that of the whole");
    }
    assert!(skipped.len() < 20, "ffmpeg has too few encoders to test anything: {skipped:?}");
    if !skipped.is_empty() {
        eprintln!("skipped, for ffmpeg cannot encode them: {skipped:?}");
    }
}

#[test]
fn films_give_their_sound_or_say_that_they_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let picture = "testsrc=d=1.5:s=64x48:r=10";
    let (film, silent) = (path(folder.path(), "film.mp4"), path(folder.path(), "silent.mp4"));
    let tone = "sine=d=1.5:r=44100";
    let made = ffmpeg(&["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, "-c:a", "aac", &film])
        && ffmpeg(&["-f", "lavfi", "-i", picture, &silent]);
    if !made {
        eprintln!("skipped: ffmpeg is not installed, or has no encoder of films");
        return;
    }
    let audio = file::read(Path::new(&film), &ReadOptions::default()).unwrap();
    assert!((23_900..25_600).contains(&audio.samples.len()), "{}", audio.samples.len());
    let error = file::read(Path::new(&silent), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with("holds no sound (it has pictures only): check which file was meant"), "{error}");
}
