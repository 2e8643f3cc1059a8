//! Feeds transcripts of any text and any times to the writers of every format.
//!
//! The first bytes are wishes for the layout: width, lines, reading speed,
//! highlighting. Each segment follows: a byte of flags, two times, the number of
//! words with their times, text up to a zero byte. Checked is what players and readers rely on: times
//! that only go forward, lines within their limits, blocks that no text can break, JSON that reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use noctule::format::{Captions, Document, Format, Origin, write_captioned};
use noctule::report::{Kernels, Memory, Model, Timing};
use noctule::transcript::{Doubt, Segment, Speaker, Token, Transcript, Word};
use std::sync::LazyLock;

static MODEL: LazyLock<noctule::Model> = LazyLock::new(|| noctule::embedded_model().expect("the embedded model"));

fuzz_target!(|input: &[u8]| {
    let mut bytes = Bytes(input);
    let wishes = Captions {
        max_line_width: Some(usize::from(bytes.one())).filter(|n| *n > 0),
        max_line_count: Some(usize::from(bytes.one() % 8)).filter(|n| *n > 0),
        max_cps: Some(f32::from(bytes.one())).filter(|n| *n > 0.0),
        highlight_words: bytes.one() % 2 == 1,
    };
    let mut segments = Vec::new();
    while !bytes.0.is_empty() && segments.len() < 64 {
        segments.push(segment(&mut bytes));
    }
    let transcript = Transcript { language: "en".into(), duration: bytes.time(), segments, ..Transcript::default() };
    for format in Format::ALL {
        let text = written(format, &transcript, &wishes);
        match format {
            Format::Srt => check_captions(&text, ',', &wishes),
            Format::Vtt => check_captions(text.strip_prefix("WEBVTT\n\n").expect("a header"), '.', &wishes),
            Format::Json | Format::WcppJson | Format::WcppJsonFull => {
                serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
            }
            Format::Tsv => assert!(text.lines().all(|line| line.matches('\t').count() == 2), "{text}"),
            _ => assert!(!text.contains('\r') && !text.contains('\0'), "{text:?}"),
        }
    }
});

/// What is left of the input; zeros follow.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn one(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Mostly a time within some minutes, at times anything.
    fn time(&mut self) -> f64 {
        match self.one() {
            255 => f64::from_bits(u64::from_le_bytes(std::array::from_fn(|_| self.one()))),
            high => (f64::from(high) * 256.0 + f64::from(self.one())) / 100.0,
        }
    }

    fn text(&mut self) -> String {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(self.0.len());
        let text = String::from_utf8_lossy(&self.0[..end]).into_owned();
        self.0 = &self.0[(end + 1).min(self.0.len())..];
        text
    }
}

fn segment(bytes: &mut Bytes) -> Segment {
    let flags = bytes.one();
    let (start, end) = (bytes.time(), bytes.time());
    let times: Vec<(f64, f64)> = (0..bytes.one() % 8).map(|_| (bytes.time(), bytes.time())).collect();
    let text = bytes.text();
    // Words that spell the text, as the aligner makes them, with the times that were read.
    let words = text.split_inclusive(' ').zip(times);
    let words = words.map(|(word, (start, end))| Word { word: word.into(), start, end, probability: 0.5, token_count: 1 });
    Segment {
        id: 0,
        start,
        end,
        words: words.collect(),
        tokens: text.bytes().take(16).map(|b| Token { id: u32::from(b) * 203, logprob: -f32::from(b) }).collect(),
        text,
        avg_logprob: f32::from(flags) - 128.0,
        no_speech_prob: 0.0,
        compression_ratio: 1.0,
        temperature: 0.0,
        speaker: [None, Some(Speaker::Left), Some(Speaker::Right), Some(Speaker::Unknown)][usize::from(flags % 4)],
        speaker_turn_next: flags & 4 != 0,
        doubt: (flags & 24 == 24).then_some(Doubt::Repetition),
    }
}

fn written(format: Format, transcript: &Transcript, wishes: &Captions) -> String {
    let (model, timing, kernels) = (Model::default(), Timing::default(), Kernels::default());
    let origin =
        Origin { model_path: "m", hparams: MODEL.hparams(), vocab: MODEL.vocab(), language: "auto", translate: false };
    let document = Document {
        file: "a.wav",
        model: &model,
        transcript,
        timing: &timing,
        memory: Memory::default(),
        kernels: &kernels,
        origin: Some(origin),
    };
    let mut bytes = Vec::new();
    write_captioned(format, &document, wishes, &mut bytes).expect("memory takes everything");
    String::from_utf8(bytes).expect("all formats are UTF-8")
}

/// Blocks of an optional number, times and lines.
fn check_captions(body: &str, separator: char, wishes: &Captions) {
    let mut free = 0;
    for (place, block) in body.split_terminator("\n\n").enumerate() {
        let mut lines = block.split('\n');
        if separator == ',' {
            assert_eq!(lines.next(), Some((place + 1).to_string().as_str()), "{block:?}");
        }
        let (start, end) = lines.next().and_then(|line| line.split_once(" --> ")).expect("times");
        let (start, end) = (clock(start, separator), clock(end, separator));
        assert!(free <= start && start < end, "{body}");
        free = end;
        let lines: Vec<&str> = lines.collect();
        assert!(!lines.is_empty() && lines.len() <= wishes.max_line_count.unwrap_or(usize::MAX), "{block:?}");
        for line in lines {
            assert!(!line.is_empty() && !line.contains("-->") && !line.contains(char::is_control), "{block:?}");
            if let Some(width) = wishes.max_line_width.filter(|_| separator == ',' && !wishes.highlight_words) {
                assert!(line.chars().count() <= width, "{block:?}");
            }
        }
    }
}

fn clock(text: &str, separator: char) -> u64 {
    let (clock, fraction) = text.split_once(separator).expect("milliseconds");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    clock.split(':').fold(0, |sum, part| sum * 60 + number(part)) * 1000 + number(fraction)
}
