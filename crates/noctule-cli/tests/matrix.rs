//! A clip in every container and codec, made by ffmpeg, gives the same text as
//! the WAV that ffmpeg decodes from that same file. (`noctule-audio` has the
//! same test for the samples.)
//!
//! All files go through one process, two for each entry. Skipped where ffmpeg
//! is not installed; an encoder that it lacks is skipped too, and named.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{folder, speech, transcribe};

/// Seconds from the start of the clip: one sentence, silence after it.
const SECONDS: &str = "4.2";

/// Name, rate, channels, and the encoder's options.
const ENTRIES: &[(&str, &str, &str, &str)] = &[
    ("8-mulaw.wav", "8000", "1", "-c:a pcm_mulaw"),
    ("96.wav", "96000", "2", "-c:a pcm_s24le"),
    ("51.flac", "48000", "6", "-c:a flac"),
    ("8.mp3", "8000", "1", "-c:a libmp3lame -b:a 24k"),
    ("44.mp3", "44100", "2", "-c:a libmp3lame -b:a 96k"),
    ("44.ogg", "44100", "2", "-c:a libvorbis"),
    ("voice.opus", "16000", "1", "-c:a libopus -b:a 16k -application voip"),
    ("music.opus", "48000", "2", "-c:a libopus -b:a 64k"),
    ("opus.webm", "48000", "1", "-c:a libopus"),
    ("aac.mka", "44100", "2", "-c:a aac"),
    ("16.m4a", "16000", "1", "-c:a aac"),
    ("44.m4a", "44100", "2", "-c:a aac"),
    ("22.aac", "22050", "1", "-c:a aac"),
    ("opus.mp4", "48000", "2", "-c:a libopus"),
    ("alac.caf", "44100", "1", "-c:a alac"),
    ("24.aiff", "44100", "2", "-c:a pcm_s24be"),
    ("foreign.wma", "44100", "2", "-c:a wmav2"),
    ("foreign.ac3", "48000", "6", "-c:a ac3"),
];

fn ffmpeg<'a>(args: impl IntoIterator<Item = &'a str>) -> bool {
    let out = Command::new("ffmpeg").args(["-v", "error", "-y", "-nostdin"]).args(args).output();
    out.is_ok_and(|out| out.status.success())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

#[test]
fn every_format_gives_the_text_of_its_wav() {
    if !ffmpeg(["-version"]) {
        eprintln!("skipped: ffmpeg is not installed");
        return;
    }
    let folder = folder("matrix");
    let clip = speech("ls-1995-1837-0001.flac");
    let (mut files, mut names, mut skipped) = (Vec::<PathBuf>::new(), Vec::new(), Vec::new());
    for &(name, rate, channels, options) in ENTRIES {
        let (file, wav) = (folder.join(name), folder.join(format!("{name}.wav")));
        let encode = ["-t", SECONDS, "-i", text(&clip), "-ar", rate, "-ac", channels];
        if !ffmpeg(encode.into_iter().chain(options.split(' ')).chain([text(&file)])) {
            skipped.push(name);
            continue;
        }
        // ffmpeg's own decoder of Opus resamples voice otherwise than the reference decoder.
        let opus = if options.contains("libopus") { ["-c:a", "libopus"].as_slice() } else { &[] };
        let decode = ["-i", text(&file), "-c:a", "pcm_f32le", text(&wav)];
        assert!(ffmpeg(opus.iter().copied().chain(decode)), "ffmpeg cannot decode {name}");
        files.extend([file, wav]);
        names.push(name);
    }
    assert!(names.len() > 10, "ffmpeg has too few encoders to test anything: {skipped:?}");
    if !skipped.is_empty() {
        eprintln!("skipped, for ffmpeg cannot encode them: {skipped:?}");
    }
    let output = transcribe("--quiet --beam-size 1 --no-fallback --json", &files).success();
    let texts: Vec<String> = output
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("one JSON object a line"))
        .map(|json| json["text"].as_str().expect("a text").to_string())
        .collect();
    assert_eq!(texts.len(), files.len());
    for (name, pair) in names.iter().zip(texts.chunks_exact(2)) {
        assert_eq!(pair[0], pair[1], "{name} and the WAV that ffmpeg decodes from it");
        assert!(pair[0].to_lowercase().contains("it was the first great"), "{name}: {}", pair[0]);
    }
}
