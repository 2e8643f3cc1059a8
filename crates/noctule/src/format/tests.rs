use super::*;
use crate::transcript::{Doubt, Segment, Speaker, Token, Word};
use proptest::prelude::*;

pub(super) fn segment(start: f64, end: f64, text: &str) -> Segment {
    Segment {
        id: 0,
        start,
        end,
        text: text.into(),
        tokens: vec![Token { id: 400, logprob: -0.25 }],
        avg_logprob: -0.25,
        no_speech_prob: 0.5,
        compression_ratio: 1.5,
        temperature: 0.0,
        words: Vec::new(),
        speaker: None,
        speaker_turn_next: false,
        doubt: None,
    }
}

pub(super) fn transcript(segments: Vec<Segment>) -> Transcript {
    Transcript { language: "en".into(), language_probability: None, duration: 4.0004, segments }
}

fn written(format: Format, transcript: &Transcript) -> String {
    laid_out(format, transcript, &Captions::default())
}

pub(super) fn laid_out(format: Format, transcript: &Transcript, captions: &Captions) -> String {
    let model = Model { name: "tiny.en".into(), kind: "q5_1".into(), size_bytes: 12 };
    let kernels = Kernels { tier: "avx2".into(), threads: 2, precision: "fast".into() };
    let (timing, memory) = (Timing::default(), Memory { peak_rss_bytes: 34 });
    let document =
        Document { file: "a.wav", model: &model, transcript, timing: &timing, memory, kernels: &kernels, origin: None };
    let mut bytes = Vec::new();
    write_captioned(format, &document, captions, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Two ordinary segments around a doubtful one and an empty one.
fn sample() -> Transcript {
    let doubtful = Segment { doubt: Some(Doubt::Repetition), ..segment(1.5, 1.7, " so so so so") };
    transcript(vec![
        segment(0.0004, 1.2345, " Hello, \"world\"."),
        doubtful,
        segment(1.7, 1.8, "  "),
        segment(3661.0, 3662.5, " Done."),
    ])
}

#[test]
fn txt() {
    assert_eq!(written(Format::Txt, &sample()), "Hello, \"world\".\nDone.\n");
}

#[test]
fn srt() {
    let expected = "1\n00:00:00,000 --> 00:00:01,235\nHello, \"world\".\n\n\
                    2\n01:01:01,000 --> 01:01:02,500\nDone.\n\n";
    assert_eq!(written(Format::Srt, &sample()), expected);
}

#[test]
fn vtt() {
    let expected = "WEBVTT\n\n00:00:00.000 --> 00:00:01.235\nHello, \"world\".\n\n\
                    01:01:01.000 --> 01:01:02.500\nDone.\n\n";
    assert_eq!(written(Format::Vtt, &sample()), expected);
}

#[test]
fn lrc() {
    assert_eq!(written(Format::Lrc, &sample()), "[by:noctule]\n[00:00.00]Hello, \"world\".\n[61:01.00]Done.\n");
    let music = transcript(vec![segment(9.996, 12.0, " [Music]")]);
    assert_eq!(written(Format::Lrc, &music), "[by:noctule]\n[00:10.00] [Music]\n");
}

#[test]
fn csv() {
    let expected = "start,end,text\n0,1235,\"Hello, \"\"world\"\".\"\n3661000,3662500,\"Done.\"\n";
    assert_eq!(written(Format::Csv, &sample()), expected);
}

#[test]
fn tsv() {
    assert_eq!(
        written(Format::Tsv, &sample()),
        "start\tend\ttext\n0\t1235\tHello, \"world\".\n3661000\t3662500\tDone.\n"
    );
}

#[test]
fn json() {
    let mut both = transcript(vec![segment(0.0004, 1.2345, " Hi"), segment(2.0, 3.0, " no no")]);
    both.segments[0].words =
        vec![Word { word: " Hi".into(), start: 0.1 + 0.2, end: 1.2, probability: 0.75, token_count: 1 }];
    both.segments[1].doubt = Some(Doubt::Repetition);
    let expected = concat!(
        r#"{"file":"a.wav","model":{"name":"tiny.en","type":"q5_1","size_bytes":12},"language":"en","duration_s":4.0,"#,
        r#""text":"Hi","segments":[{"id":0,"start":0.0,"end":1.235,"text":" Hi","tokens":[400],"avg_logprob":-0.25,"#,
        r#""no_speech_prob":0.5,"compression_ratio":1.5,"temperature":0.0,"#,
        r#""words":[{"word":" Hi","start":0.3,"end":1.2,"probability":0.75}]},"#,
        r#"{"id":0,"start":2.0,"end":3.0,"text":" no no","tokens":[400],"avg_logprob":-0.25,"no_speech_prob":0.5,"#,
        r#""compression_ratio":1.5,"temperature":0.0,"words":[],"doubt":"repetition"}],"#,
        r#""timing":{"load_s":0.0,"audio_s":0.0,"mel_s":0.0,"encode_s":0.0,"decode_s":0.0,"prompt_s":0.0,"total_s":0.0,"#,
        r#""first_text_s":null,"encoder_windows":0,"decoded_tokens":0,"decoder_steps":0,"fallbacks":0,"real_time_factor":0.0},"#,
        r#""memory":{"peak_rss_bytes":34},"kernels":{"tier":"avx2","threads":2,"precision":"fast"}}"#,
        "\n"
    );
    assert_eq!(written(Format::Json, &both), expected);
}

#[test]
fn json_tells_what_was_detected() {
    let mut detected = sample();
    detected.language_probability = Some(0.5);
    detected.segments[0].speaker = Some(Speaker::Unknown);
    detected.segments[0].speaker_turn_next = true;
    detected.segments[0].avg_logprob = f32::NEG_INFINITY;
    let json: serde_json::Value = serde_json::from_str(&written(Format::Json, &detected)).unwrap();
    assert_eq!(json["language_probability"], 0.5);
    assert_eq!(json["segments"][0]["speaker"], "unknown");
    assert_eq!(json["segments"][0]["speaker_turn_next"], true);
    assert!(json["segments"][0]["avg_logprob"].is_null());
    assert!(json["segments"][3].get("speaker").is_none());
}

#[test]
fn empty_transcripts_are_valid() {
    let empty = transcript(Vec::new());
    let headers = ["", "", "WEBVTT\n\n", "[by:noctule]\n", "start,end,text\n", "start\tend\ttext\n"];
    let formats = [Format::Txt, Format::Srt, Format::Vtt, Format::Lrc, Format::Csv, Format::Tsv];
    for (format, header) in formats.into_iter().zip(headers) {
        assert_eq!(written(format, &empty), header, "{format}");
    }
    let json: serde_json::Value = serde_json::from_str(&written(Format::Json, &empty)).unwrap();
    assert_eq!((json["text"].as_str(), json["segments"].as_array().map(Vec::len)), (Some(""), Some(0)));
}

#[test]
fn speakers() {
    let mut talk = transcript(vec![segment(0.0, 1.0, " Hi"), segment(1.0, 2.0, " Yo")]);
    talk.segments[0].speaker = Some(Speaker::Left);
    talk.segments[1].speaker = Some(Speaker::Unknown);
    talk.segments[0].speaker_turn_next = true;
    assert_eq!(written(Format::Txt, &talk), "(speaker 0) Hi [SPEAKER_TURN]\n(speaker ?) Yo\n");
    assert!(written(Format::Srt, &talk).contains("\n(speaker 0) Hi\n"));
    assert!(written(Format::Vtt, &talk).contains("\n<v Speaker?>Yo\n"));
    assert_eq!(written(Format::Csv, &talk), "start,end,speaker,text\n0,1000,0,\"Hi\"\n1000,2000,?,\"Yo\"\n");
}

#[test]
fn arrows_and_tags() {
    let arrows = transcript(vec![segment(0.0, 1.0, " a ----> <b> & c")]);
    assert!(written(Format::Srt, &arrows).ends_with("\na -> <b> & c\n\n"));
    assert!(written(Format::Vtt, &arrows).ends_with("\na ----&gt; &lt;b&gt; &amp; c\n\n"));
}

#[test]
fn formats_are_found_by_name() {
    for format in Format::ALL {
        assert_eq!(format.name().to_uppercase().parse(), Ok(format));
    }
    let error = "docx".parse::<Format>().unwrap_err().to_string();
    assert_eq!(
        error,
        "no output format is called \"docx\": use one of txt, srt, vtt, json, lrc, csv, tsv, wcpp-json, wcpp-json-full"
    );
}

/// Text with everything that has a meaning in some format, and any other character.
fn hostile_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        prop::sample::select(vec![
            "-->",
            "->",
            "<v X>",
            "&amp;",
            "\n\n",
            "\r\n",
            "\r",
            "\t",
            "\0",
            "\u{2028}",
            "\u{85}",
            "\"",
            ",",
            "[00:01.00]",
            "NOTE",
            "WEBVTT",
            "1\n00:00:00,000 --> 00:00:01,000",
            " ",
            "\u{feff}",
            "\\",
            "{",
            "🦇",
            "\u{fffd}",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

fn hostile_time() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..10.0, any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(-1.0)]
}

pub(super) fn hostile_transcript() -> impl Strategy<Value = Transcript> {
    let one = (hostile_time(), hostile_time(), hostile_text(), prop::bool::weighted(0.2)).prop_map(
        |(start, end, text, doubt)| Segment { doubt: doubt.then_some(Doubt::Repetition), ..segment(start, end, &text) },
    );
    prop::collection::vec(one, 0..6).prop_map(transcript)
}

/// Reads `hh:mm:ss` and milliseconds.
pub(super) fn parse_clock(text: &str, separator: char) -> u64 {
    let (clock, milliseconds) = text.split_once(separator).unwrap();
    assert_eq!(milliseconds.len(), 3);
    let parts: Vec<u64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
    assert!(parts.len() == 3 && parts[1] < 60 && parts[2] < 60);
    ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000 + milliseconds.parse::<u64>().unwrap()
}

/// Checks blocks of time line and text, and that times only go forward; returns the number of blocks.
fn check_cues(body: &str, separator: char, numbered: bool) -> usize {
    let mut free = 0;
    let mut count = 0;
    for block in body.split_terminator("\n\n") {
        let mut lines: Vec<&str> = block.split('\n').collect();
        count += 1;
        if numbered {
            assert_eq!(lines.remove(0), count.to_string());
        }
        assert_eq!(lines.len(), 2, "{block:?}");
        let (start, end) = lines[0].split_once(" --> ").unwrap();
        let (start, end) = (parse_clock(start, separator), parse_clock(end, separator));
        assert!(free <= start && start < end);
        free = end;
        assert!(!lines[1].contains("-->") && !lines[1].contains(char::is_control) && !lines[1].trim().is_empty());
    }
    count
}

proptest! {
    #[test]
    fn hostile_captions_stay_well_formed(transcript in hostile_transcript()) {
        let cues = check_cues(&written(Format::Srt, &transcript), ',', true);
        let vtt = written(Format::Vtt, &transcript);
        let body = vtt.strip_prefix("WEBVTT\n\n").unwrap();
        prop_assert_eq!(check_cues(body, '.', false), cues);
        prop_assert!(!body.replace(" --> ", "").contains(['<', '>']));
        prop_assert_eq!(written(Format::Txt, &transcript).lines().count(), cues);
        prop_assert_eq!(written(Format::Lrc, &transcript).lines().count(), cues + 1);
    }

    #[test]
    fn hostile_tables_read_back(transcript in hostile_transcript()) {
        let txt = written(Format::Txt, &transcript);
        let tsv = written(Format::Tsv, &transcript);
        let from_tsv: Vec<&str> = tsv.lines().skip(1).map(|row| row.splitn(3, '\t').nth(2).unwrap()).collect();
        prop_assert_eq!(from_tsv, txt.lines().collect::<Vec<_>>());
        let csv = written(Format::Csv, &transcript);
        let from_csv: Vec<String> = csv.lines().skip(1).map(|row| {
            let quoted = row.splitn(3, ',').nth(2).unwrap();
            let inside = quoted.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            assert_eq!(inside.replace("\"\"", "").matches('"').count(), 0);
            inside.replace("\"\"", "\"")
        }).collect();
        prop_assert_eq!(from_csv, txt.lines().map(str::to_owned).collect::<Vec<_>>());
    }

    #[test]
    fn hostile_json_reads_back(transcript in hostile_transcript()) {
        let line = written(Format::Json, &transcript);
        prop_assert_eq!(line.matches('\n').count(), 1);
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(json["text"].as_str().unwrap(), transcript.text());
        for (read, segment) in json["segments"].as_array().unwrap().iter().zip(&transcript.segments) {
            prop_assert_eq!(read["text"].as_str().unwrap(), &segment.text);
            prop_assert!(read["start"].is_number() && read["end"].is_number());
        }
    }
}
