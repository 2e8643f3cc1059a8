use super::tests::{hostile_transcript, laid_out, parse_clock, segment, transcript};
use super::*;
use crate::transcript::{Segment, Speaker, Word};
use proptest::prelude::*;

fn words(list: &[(&str, f64, f64)]) -> Vec<Word> {
    let word = |(word, start, end): &(&str, f64, f64)| Word {
        word: (*word).into(),
        start: *start,
        end: *end,
        probability: 0.5,
        token_count: 1,
    };
    list.iter().map(word).collect()
}

fn limits(width: usize, count: usize) -> Captions {
    Captions { max_line_width: Some(width), max_line_count: Some(count), ..Captions::default() }
}

/// Four words in four seconds, the first of which begins late.
fn four() -> Segment {
    let list = [(" One", 0.5, 1.0), (" two", 1.0, 2.0), (" three,", 2.0, 3.0), (" four.", 3.2, 3.8)];
    Segment { words: words(&list), ..segment(0.0, 4.0, " One two three, four.") }
}

#[test]
fn lines_are_about_equally_long() {
    let text = " the quick brown fox jumps over the lazy dog";
    let srt = laid_out(Format::Srt, &transcript(vec![segment(0.0, 4.0, text)]), &limits(40, 2));
    assert_eq!(srt, "1\n00:00:00,000 --> 00:00:04,000\nthe quick brown fox\njumps over the lazy dog\n\n");
}

#[test]
fn captions_are_cut_at_the_times_of_words() {
    let vtt = laid_out(Format::Vtt, &transcript(vec![four()]), &limits(8, 1));
    assert_eq!(
        vtt,
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nOne two\n\n00:00:02.000 --> 00:00:03.200\nthree,\n\n\
         00:00:03.200 --> 00:00:04.000\nfour.\n\n"
    );
}

#[test]
fn without_words_the_time_is_shared_out() {
    let srt = laid_out(Format::Srt, &transcript(vec![segment(0.0, 2.1, " abcd efgh ij kl m no")]), &limits(10, 1));
    assert_eq!(srt, "1\n00:00:00,000 --> 00:00:01,050\nabcd efgh\n\n2\n00:00:01,050 --> 00:00:02,100\nij kl m no\n\n");
}

#[test]
fn a_word_longer_than_a_line_is_cut() {
    let srt = laid_out(Format::Srt, &transcript(vec![segment(0.0, 1.0, " Donaudampfschiff")]), &limits(6, 3));
    assert_eq!(srt, "1\n00:00:00,000 --> 00:00:01,000\nDonaud\nampfsc\nhiff\n\n");
}

#[test]
fn a_number_of_lines_alone_means_the_usual_width() {
    let only_count = Captions { max_line_count: Some(1), ..Captions::default() };
    let long = segment(0.0, 10.0, &" word".repeat(20));
    let srt = laid_out(Format::Srt, &transcript(vec![long]), &only_count);
    assert_eq!(srt.matches(" --> ").count(), 3, "{srt}");
    assert!(srt.lines().all(|line| line.len() <= 42), "{srt}");
}

#[test]
fn a_speaker_is_named_once_and_counts() {
    let talk = transcript(vec![Segment { speaker: Some(Speaker::Left), ..segment(0.0, 2.0, " yes indeed") }]);
    let srt = laid_out(Format::Srt, &talk, &limits(12, 2));
    assert!(srt.ends_with("\n(speaker 0)\nyes indeed\n\n"), "{srt}");
    let vtt = laid_out(Format::Vtt, &talk, &limits(6, 1));
    assert_eq!(vtt.matches("<v Speaker0>").count(), 2, "{vtt}");
}

#[test]
fn captions_stay_through_pauses() {
    let slow = Captions { max_cps: Some(5.0), ..Captions::default() };
    // Ten characters in one second, then a pause; the next has time to spare and comes late.
    let talk = transcript(vec![segment(0.0, 1.0, " 0123456789"), segment(1.5, 4.0, " 01234")]);
    let srt = laid_out(Format::Srt, &talk, &slow);
    assert_eq!(srt, "1\n00:00:00,000 --> 00:00:02,000\n0123456789\n\n2\n00:00:02,000 --> 00:00:04,000\n01234\n\n");
    // Nobody can make time where there is none, and no caption ends after the audio (4.0004 s).
    let hasty = transcript(vec![segment(0.0, 2.0, " 0123456789"), segment(2.0, 4.0, " 0123456789012345")]);
    let srt = laid_out(Format::Srt, &hasty, &slow);
    assert!(srt.contains("00:00:00,000 --> 00:00:02,000") && srt.contains("00:00:02,000 --> 00:00:04,000"), "{srt}");
}

#[test]
fn webvtt_highlights_with_times_inside() {
    let karaoke = Captions { highlight_words: true, ..Captions::default() };
    let vtt = laid_out(Format::Vtt, &transcript(vec![four()]), &karaoke);
    assert_eq!(
        vtt,
        "WEBVTT\n\n00:00:00.000 --> 00:00:04.000\n<00:00:00.500><c>One</c> <00:00:01.000><c>two</c> \
         <00:00:02.000><c>three,</c> <00:00:03.200><c>four.</c>\n\n"
    );
}

#[test]
fn subrip_highlights_with_a_caption_for_each_word() {
    let karaoke = Captions { highlight_words: true, ..Captions::default() };
    let srt = laid_out(Format::Srt, &transcript(vec![four()]), &karaoke);
    let expected = "1\n00:00:00,000 --> 00:00:00,500\nOne two three, four.\n\n\
                    2\n00:00:00,500 --> 00:00:01,000\n<u>One</u> two three, four.\n\n\
                    3\n00:00:01,000 --> 00:00:02,000\nOne <u>two</u> three, four.\n\n\
                    4\n00:00:02,000 --> 00:00:03,000\nOne two <u>three,</u> four.\n\n\
                    5\n00:00:03,000 --> 00:00:03,200\nOne two three, four.\n\n\
                    6\n00:00:03,200 --> 00:00:03,800\nOne two three, <u>four.</u>\n\n\
                    7\n00:00:03,800 --> 00:00:04,000\nOne two three, four.\n\n";
    assert_eq!(srt, expected);
}

#[test]
fn lyrics_highlight_with_times_before_words() {
    let karaoke = Captions { highlight_words: true, ..Captions::default() };
    let lrc = laid_out(Format::Lrc, &transcript(vec![four()]), &karaoke);
    assert_eq!(lrc, "[by:noctule]\n[00:00.00]<00:00.50>One <00:01.00>two <00:02.00>three, <00:03.20>four.\n");
}

#[test]
fn whisper_cpp_shapes_want_an_origin() {
    let model = crate::report::Model::default();
    let (timing, kernels, transcript) = (Timing::default(), Kernels::default(), transcript(Vec::new()));
    let document = Document {
        file: "",
        model: &model,
        transcript: &transcript,
        timing: &timing,
        memory: Memory::default(),
        kernels: &kernels,
        origin: None,
    };
    let error = write(Format::WcppJson, &document, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

proptest! {
    #[test]
    fn limits_hold_whatever_the_text(
        transcript in hostile_transcript(),
        width in 1usize..30,
        count in 1usize..4,
        highlight_words: bool,
        cps in prop::option::of(0.1f32..100.0),
    ) {
        let captions = Captions { highlight_words, max_cps: cps, ..limits(width, count) };
        let plain = Captions { highlight_words: false, ..captions };
        for format in [Format::Srt, Format::Vtt] {
            let text = laid_out(format, &transcript, &captions);
            let separator = if format == Format::Srt { ',' } else { '.' };
            let mut free = 0;
            for line in text.lines().filter(|line| line.contains(" --> ")) {
                let (start, end) = line.split_once(" --> ").unwrap();
                let (start, end) = (parse_clock(start, separator), parse_clock(end, separator));
                prop_assert!(free <= start && start < end, "{}", text);
                free = end;
            }
        }
        let srt = laid_out(Format::Srt, &transcript, &plain);
        for block in srt.split_terminator("\n\n") {
            let lines: Vec<&str> = block.split('\n').skip(2).collect();
            prop_assert!((1..=count).contains(&lines.len()), "{:?}", block);
            for line in lines {
                prop_assert!((1..=width).contains(&line.chars().count()) && line.trim() == line, "{:?}", line);
            }
        }
        // No character is lost: shortened arrows apart, the text is that of the plain captions.
        let letters = |text: &str| -> String { text.chars().filter(|c| c.is_alphabetic()).collect() };
        let body = |text: &str| -> String {
            text.split_terminator("\n\n").flat_map(|block| block.split('\n').skip(2)).collect::<Vec<_>>().join("")
        };
        let unlimited = laid_out(Format::Srt, &transcript, &Captions::default());
        prop_assert_eq!(letters(&body(&srt)), letters(&body(&unlimited)));
    }
}
