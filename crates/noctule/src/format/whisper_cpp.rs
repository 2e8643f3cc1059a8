//! The two JSON shapes of whisper.cpp's command line (`-oj`, `-ojf`), for scripts that read those.
//!
//! Keys, their order and the meaning of every value are whisper.cpp's (commit
//! 233fe1fc), with these differences: times are to the millisecond, not to 10 ms;
//! `systeminfo` names our kernels; the full shape lists text tokens only, without
//! `[_BEG_]` and `[_TT_n]`, and gives them a share of their word's time. `t_dtw` is in 10 ms
//! and -1 unless words were aligned.

use super::Document;
use super::cue::{Clock, milliseconds, speaker};
use crate::tokenizer::Utf8Stream;
use crate::transcript::{Segment, Token};
use noctule_model::{Hparams, Vocab};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use std::io::{self, Write};

/// What whisper.cpp's shapes tell of the model and the order.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The model's file as the user named it.
    pub model_path: &'a str,
    /// Its dimensions.
    pub hparams: &'a Hparams,
    /// Its vocabulary, for the text of tokens.
    pub vocab: &'a Vocab,
    /// Language asked for, "auto" for detection.
    pub language: &'a str,
    /// Translation to English was asked for.
    pub translate: bool,
}

/// Writes the object over many lines, indented with tabs; `full` adds tokens.
pub(super) fn write(document: &Document<'_>, full: bool, writer: &mut impl Write) -> io::Result<()> {
    let origin = document.origin.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "whisper.cpp's JSON tells of the model: set Document::origin")
    })?;
    let mut serializer = Serializer::with_formatter(&mut *writer, PrettyFormatter::with_indent(b"\t"));
    file(document, &origin, full).serialize(&mut serializer)?;
    writeln!(writer)
}

#[derive(Serialize)]
struct File<'a> {
    systeminfo: String,
    model: ModelJson,
    params: Params<'a>,
    result: Outcome<'a>,
    transcription: Vec<SegmentJson<'a>>,
}

#[derive(Serialize)]
struct ModelJson {
    #[serde(rename = "type")]
    kind: &'static str,
    multilingual: bool,
    vocab: usize,
    audio: Tower,
    text: Tower,
    mels: usize,
    ftype: u32,
}

#[derive(Serialize)]
struct Tower {
    ctx: usize,
    state: usize,
    head: usize,
    layer: usize,
}

#[derive(Serialize)]
struct Params<'a> {
    model: &'a str,
    language: &'a str,
    translate: bool,
}

#[derive(Serialize)]
struct Outcome<'a> {
    language: &'a str,
}

#[derive(Serialize)]
struct SegmentJson<'a> {
    #[serde(flatten)]
    times: Times,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<TokenJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speaker_turn_next: Option<bool>,
}

#[derive(Serialize)]
struct TokenJson {
    text: String,
    #[serde(flatten)]
    times: Times,
    id: u32,
    p: f32,
    t_dtw: i64,
}

#[derive(Serialize)]
struct Times {
    timestamps: Span<String>,
    offsets: Span<u64>,
}

#[derive(Serialize)]
struct Span<T> {
    from: T,
    to: T,
}

impl Times {
    fn new(from: u64, to: u64) -> Self {
        let clock = |milliseconds| Clock { milliseconds, separator: ',' }.to_string();
        Self { timestamps: Span { from: clock(from), to: clock(to) }, offsets: Span { from, to } }
    }
}

fn file<'a>(document: &Document<'a>, origin: &Origin<'a>, full: bool) -> File<'a> {
    let transcript = document.transcript;
    let turns = transcript.segments.iter().any(|segment| segment.speaker_turn_next);
    let shown = transcript.segments.iter().filter(|segment| segment.is_shown());
    let kernels = document.kernels;
    File {
        systeminfo: format!(
            "NOCTULE {} : TIER = {} | THREADS = {} | PRECISION = {}",
            env!("CARGO_PKG_VERSION"),
            kernels.tier,
            kernels.threads,
            kernels.precision
        ),
        model: model(origin.hparams),
        params: Params { model: origin.model_path, language: origin.language, translate: origin.translate },
        result: Outcome { language: &transcript.language },
        transcription: shown
            .map(|segment| {
                let (from, to) = span(segment);
                SegmentJson {
                    times: Times::new(from, to),
                    text: &segment.text,
                    tokens: full.then(|| tokens(segment, origin.vocab)),
                    speaker: speaker(segment),
                    speaker_turn_next: turns.then_some(segment.speaker_turn_next),
                }
            })
            .collect(),
    }
}

fn model(hparams: &Hparams) -> ModelJson {
    ModelJson {
        kind: size(hparams.n_audio_layer),
        multilingual: hparams.is_multilingual(),
        vocab: hparams.n_vocab,
        audio: Tower {
            ctx: hparams.n_audio_ctx,
            state: hparams.n_audio_state,
            head: hparams.n_audio_head,
            layer: hparams.n_audio_layer,
        },
        text: Tower {
            ctx: hparams.n_text_ctx,
            state: hparams.n_text_state,
            head: hparams.n_text_head,
            layer: hparams.n_text_layer,
        },
        mels: hparams.n_mels,
        ftype: hparams.ftype_base(),
    }
}

/// whisper.cpp goes by the number of encoder layers alone.
fn size(layers: usize) -> &'static str {
    match layers {
        4 => "tiny",
        6 => "base",
        12 => "small",
        24 => "medium",
        32 => "large",
        _ => "unknown",
    }
}

fn span(segment: &Segment) -> (u64, u64) {
    let start = milliseconds(segment.start);
    (start, milliseconds(segment.end).max(start))
}

/// The text tokens with times; tokens that together make one character are one entry, as in whisper.cpp.
fn tokens(segment: &Segment, vocab: &Vocab) -> Vec<TokenJson> {
    let mut found = Vec::new();
    let mut open: Option<(u64, &Token, bool)> = None;
    let mut stream = Utf8Stream::new();
    let mut text = String::new();
    let places = places(segment, vocab);
    for (i, (token, (start, end, aligned))) in segment.tokens.iter().zip(&places).enumerate() {
        let (from, first, aligned) = *open.get_or_insert((*start, token, *aligned));
        text.push_str(&stream.push(vocab.token(token.id)));
        let last = i + 1 == segment.tokens.len();
        if stream.is_pending() && !last {
            continue;
        }
        if last {
            text.push_str(&std::mem::take(&mut stream).finish());
        }
        open = None;
        found.push(TokenJson {
            text: std::mem::take(&mut text),
            times: Times::new(from, *end),
            id: first.id,
            p: first.logprob.exp(),
            t_dtw: if aligned { from.div_euclid(10) as i64 } else { -1 },
        });
    }
    found
}

/// Start and end of every token, milliseconds, and whether they come from aligned words.
fn places(segment: &Segment, vocab: &Vocab) -> Vec<(u64, u64, bool)> {
    let counted: usize = segment.words.iter().map(|word| word.token_count).sum();
    let mut found = Vec::with_capacity(segment.tokens.len());
    if counted == segment.tokens.len() {
        let mut rest = segment.tokens.as_slice();
        for word in &segment.words {
            let (own, after) = rest.split_at(word.token_count);
            rest = after;
            let start = milliseconds(word.start);
            share(own, vocab, start, milliseconds(word.end).max(start), true, &mut found);
        }
    } else {
        let (start, end) = span(segment);
        share(&segment.tokens, vocab, start, end, false, &mut found);
    }
    found
}

/// Shares a time out to tokens by their bytes.
fn share(tokens: &[Token], vocab: &Vocab, start: u64, end: u64, aligned: bool, found: &mut Vec<(u64, u64, bool)>) {
    let length = |token: &Token| vocab.token(token.id).len() as u64;
    let total = tokens.iter().map(length).sum::<u64>().max(1);
    let mut before = 0;
    for token in tokens {
        let after = before + length(token);
        found.push((start + (end - start) * before / total, start + (end - start) * after / total, aligned));
        before = after;
    }
}
