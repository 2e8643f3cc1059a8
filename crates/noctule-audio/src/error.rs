//! What can go wrong between an audio file and its samples.

use std::borrow::Cow;
use std::path::PathBuf;

/// What is read without ffmpeg, for messages.
const FORMATS: &str = "WAV, FLAC, MP3, Ogg, Opus, M4A, MP4, WebM, AIFF or CAF";

/// A file name as a shell takes it.
fn quoted(name: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if name.chars().all(plain) { Cow::Borrowed(name) } else { Cow::Owned(format!("'{}'", name.replace('\'', r"'\''"))) }
}

/// How to convert a file, for messages.
pub(crate) fn conversion(name: &str) -> String {
    format!("convert it with: ffmpeg -i {} -ar 16000 -ac 1 out.wav", quoted(name))
}

/// What to do about a file that cannot be opened.
fn open_advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => ": check the name and the folder",
        std::io::ErrorKind::PermissionDenied => ": let yourself read it (chmod u+r), or run as its owner",
        std::io::ErrorKind::IsADirectory => ": name the audio files in it",
        _ => "",
    }
}

/// An error of reading, converting or analysing audio.
///
/// Every variant that concerns a file names it (`-` or a caller's label for
/// data that came from elsewhere) and says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The file could not be opened.
    #[error("cannot open {path}: {source}{}", open_advice(.source), path = .path.display())]
    Open {
        /// The file as it was named.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Reading failed after the file was opened.
    #[error("cannot read {name}: {source}")]
    Read {
        /// The file's name or label.
        name: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// There are no bytes at all.
    #[error("{name} is empty (0 bytes): check the recording or the copy")]
    EmptyFile {
        /// The file's name or label.
        name: String,
    },
    /// The container is sound but holds no audio.
    #[error("{name} holds no audio samples: check the recording")]
    NoSamples {
        /// The file's name or label.
        name: String,
    },
    /// The bytes are not in a format that is read here.
    #[error("{name} is not audio that noctule reads ({FORMATS}): {reason}; {remedy}")]
    Unsupported {
        /// The file's name or label.
        name: String,
        /// What was found instead.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// The bytes are something else altogether: a text, a picture, a web page.
    #[error("{name} is not audio but {kind}: check which file was meant")]
    NotAudio {
        /// The file's name or label.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// The file holds pictures or text, but no sound.
    #[error("{name} holds no sound (it has {tracks}): check which file was meant")]
    NoAudioTrack {
        /// The file's name or label.
        name: String,
        /// What it holds instead.
        tracks: &'static str,
    },
    /// The sound is encrypted.
    #[error(
        "{name} is protected against copying (DRM), and only the player of its shop can decode it: \
         get a copy without protection"
    )]
    Protected {
        /// The file's name or label.
        name: String,
    },
    /// ffmpeg was asked for and cannot be started.
    #[error("cannot start ffmpeg to read {name}: {source}; install it, or leave the choice to noctule (auto)")]
    Ffmpeg {
        /// The file's name or label.
        name: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Nothing that could record is installed.
    #[error(
        "there is no program to record with{}: install pipewire-bin (pw-record) or alsa-utils (arecord), \
         or pipe samples in (noctule listen - --pcm s16le:16000:1)",
        wanted.map(|name| format!(" called {name}")).unwrap_or_default()
    )]
    NoRecorder {
        /// The one that was asked for.
        wanted: Option<&'static str>,
    },
    /// Nothing that is installed can record, or the recording has ended.
    #[error("the microphone cannot be recorded: {reason}; noctule listen --list-devices shows what there is")]
    Recorder {
        /// What each program said.
        reason: String,
    },
    /// A stream could not be kept in a temporary file.
    #[error(
        "cannot keep {name} in a temporary file in {folder}: {source}; \
         free space there, or name another folder in TMPDIR",
        folder = .folder.display()
    )]
    TemporaryFile {
        /// The stream's label.
        name: String,
        /// The folder for temporary files.
        folder: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The header promises no channel.
    #[error(
        "{name} says that it has no channels: its header is damaged; {}",
        conversion(.name)
    )]
    ZeroChannels {
        /// The file's name or label.
        name: String,
    },
    /// The bytes break the rules of their own format before any sample was read.
    #[error(
        "{name} is damaged: {reason}; \
         try to repair it with: ffmpeg -i {} -ar 16000 -ac 1 out.wav",
        quoted(.name)
    )]
    Damaged {
        /// The file's name or label.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The sample rate lies outside [`crate::resample::RATES`].
    #[error("{name} has a sample rate of {rate} Hz; 1000 to 768000 Hz can be read")]
    SampleRate {
        /// The file's name or label.
        name: String,
        /// The rate found, in Hz.
        rate: u32,
    },
    /// The requested start lies behind the end of the audio.
    #[error(
        "the offset of {offset_s} s lies beyond the end of {name} ({duration_s:.3} s long): \
         choose a smaller offset"
    )]
    OffsetBeyondEnd {
        /// The file's name or label.
        name: String,
        /// The requested offset in seconds.
        offset_s: f64,
        /// The length of the audio in seconds.
        duration_s: f64,
    },
    /// An option's value makes no sense.
    #[error("{option} is {value}: {expected}")]
    Option {
        /// The option's field name.
        option: &'static str,
        /// The value that was given.
        value: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// Weights of a voice-activity model do not have the shape of the graph.
    #[error("voice-activity weights: {tensor} has {found} values, expected {expected}")]
    VadShape {
        /// The tensor's field name in [`crate::vad::SileroWeights`].
        tensor: &'static str,
        /// How many values it holds.
        found: usize,
        /// How many the shape needs.
        expected: usize,
    },
    /// A file has become shorter between two passes over it.
    #[error("{path} has changed while it was read: run it again when it is complete", path = .path.display())]
    Changed {
        /// The file as it was named.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}", path = .path.display())]
    Write {
        /// The file as it was named.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
}
