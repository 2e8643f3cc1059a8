//! What to listen to, and when words stand.

use super::{EngineArgs, MeetingArgs, values};
use clap::Args;
use noctule_audio::mic::Tool;
use noctule_audio::pcm::Pcm;
use noctule_listen::PolicyKind;
use std::path::PathBuf;

/// Arguments of `listen`.
#[derive(Debug, Args)]
pub struct ListenArgs {
    /// Hear this file, played as fast as it was recorded, or `-`, standard input, instead of the microphone.
    #[arg(value_name = "AUDIO")]
    pub audio: Option<PathBuf>,

    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub meeting: MeetingArgs,
    #[command(flatten)]
    pub live: LiveArgs,
    #[command(flatten)]
    pub engine: EngineArgs,

    /// Language spoken, as a code or English name; `auto` lets a multilingual model tell by the first words.
    #[arg(
        short,
        long,
        value_name = "LANG",
        default_value = "auto",
        value_parser = values::language,
        help_heading = "Language and task",
    )]
    pub language: values::Language,
    /// Translate to English.
    #[arg(long, help_heading = "Language and task")]
    pub translate: bool,
    /// Text that sets the scene: spelling of names, style.
    #[arg(long, value_name = "TEXT", help_heading = "Language and task")]
    pub prompt: Option<String>,

    /// Print one JSON object an event and line.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Print no notices and no live view; text, warnings and errors stay.
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// Where the sound comes from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub struct SourceArgs {
    /// Microphone, by a name of --list-devices [default: the system's].
    #[arg(long, value_name = "NAME", conflicts_with = "audio")]
    pub device: Option<String>,
    /// What records [default: the first that works].
    #[arg(long, value_name = "PROGRAM", value_parser = values::recorder(), conflicts_with = "audio")]
    pub recorder: Option<Tool>,
    /// Print what can be recorded from, and end.
    #[arg(long, conflicts_with_all = ["audio", "device", "recorder", "simulate"])]
    pub list_devices: bool,
    /// Read raw samples without a header, such as s16le:16000:1; formats are u8, s16le, s16be, s24le,
    /// s32le, f32le, f64le, mulaw and alaw.
    #[arg(long, value_name = "FORMAT:RATE:CHANNELS", requires = "audio")]
    pub pcm: Option<Pcm>,
    /// Hear AUDIO as fast as it can be computed; times are those of a clock that waits for sound and for computing.
    #[arg(long, requires = "audio")]
    pub simulate: bool,
}

/// When words stand.
#[derive(Debug, Args)]
#[command(next_help_heading = "Live text")]
pub struct LiveArgs {
    /// When words stand.
    #[arg(long, value_name = "POLICY", default_value_t = PolicyKind::AlignAtt, value_parser = values::policy())]
    pub policy: PolicyKind,
    /// With alignatt: words that the model looked at less than this before the end of the sound wait.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0.6",
        value_parser = values::time,
        allow_negative_numbers = true,
    )]
    pub front: f64,
    /// Look for new words after this much speech, or less often where computing takes longer.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0.4",
        value_parser = values::positive_time,
        allow_negative_numbers = true,
    )]
    pub step: f64,
    /// A silence of this length ends an utterance.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0.5",
        value_parser = values::positive_time,
        allow_negative_numbers = true,
    )]
    pub pause: f64,
    /// Beams; 1 is greedy. Where computing falls behind, one is used.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 5,
        value_parser = clap::value_parser!(u8).range(1..=64),
        allow_negative_numbers = true,
    )]
    pub beam_size: u8,
    /// Probability from which a frame is speech.
    #[arg(long, value_name = "P", default_value_t = 0.5, value_parser = values::unit, allow_negative_numbers = true)]
    pub vad_threshold: f32,
    /// Silero model in whisper.cpp's ggml format; without it a small built-in detector.
    #[arg(long, value_name = "PATH")]
    pub vad_model: Option<PathBuf>,
    /// Name the speaker of each segment by the louder of two channels.
    #[arg(long, conflicts_with = "list_devices")]
    pub speakers: bool,
}

/// What the options do not say.
pub const AFTER: &str = "\
Where the sound comes from:
  Without AUDIO the microphone is recorded by pw-record (PipeWire) or arecord
  (ALSA), one of which must be installed, on macOS and Windows by the system.
  Anything else that records can be piped in: `rec -t wav - | noctule listen -`.

Where the text goes:
  Standard output gets one line a sentence, when it is complete. On a terminal the
  words that stand are shown as they come, tentative ones dimmed behind them, and
  below them level, latency and how far computing is behind. --json tells every
  event (docs/schema/listen.schema.json).

Meetings:
  --meeting NAME records NAME.flac while it listens and keeps NAME.minutes.jsonl,
  both on the disk within a second; at the end NAME.txt, .srt and .json are written.
  After a crash or a power cut --meeting NAME --resume writes down what is left, and
  --meeting NAME --continue goes on recording behind it. --refine MODEL hears the
  whole again with a better model, in idle time and when the meeting has ended.

Speakers:
  --speakers is for sound that has each speaker on a channel of its own, such as a
  call, or two microphones: a segment gets the name of the louder channel, 0 for the
  left, 1 for the right, ? where neither is. The recording of a meeting has one
  channel: text of --resume and --refine names no speakers. Voices are not told
  apart.

Policies:
  alignatt         words stand when the model has listened past them: quickest
  local-agreement  words stand when two looks in a row agree
  utterance        words stand when the speaker pauses: best words, longest wait

When computing falls behind, steps get longer, then beams fewer, then text comes
at pauses only; what waits is kept in memory and then in a temporary file. Ctrl-C
ends the recording; what was said by then is still written down, and a second
Ctrl-C ends the program at once.

Exit codes:
  0  the sound ended, or Ctrl-C    1  it could not be heard or written    2  wrong usage";
