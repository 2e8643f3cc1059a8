//! The whole of the module against OpenAI's own code (tests/data/words/make_cases.py), and its limits.

use super::*;
use crate::transcript::{Doubt, Segment, Token};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    seed: u64,
    heads: usize,
    sot_len: usize,
    centres: Vec<usize>,
    frames_used: usize,
    frames_total: usize,
    seek: usize,
    last_speech: f64,
    segments: Vec<CaseSegment>,
    expected: Vec<Expected>,
}

#[derive(Deserialize)]
struct CaseSegment {
    start: f64,
    end: f64,
    words: Vec<Vec<String>>,
}

/// Text, start, end, probability.
type Placed = (String, f64, f64, f32);

#[derive(Deserialize)]
struct Expected {
    start: f64,
    end: f64,
    words: Vec<Placed>,
}

/// The generator of make_cases.py.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1u32 << 31)
    }
}

/// Unnormalised softmax of make_cases.py's attention: [`align`] normalises rows itself.
fn attention(random: &mut Random, case: &Case) -> Vec<f32> {
    let mut weights = Vec::new();
    for _ in 0..case.heads {
        for &centre in &case.centres {
            weights.extend((0..case.frames_total).map(|frame| {
                let peak = 4.0 - 0.5 * frame.abs_diff(centre).min(16) as f64;
                f64::from((peak + 2.0 * random.unit()) as f32).exp() as f32
            }));
        }
    }
    weights
}

fn segment(start: f64, end: f64, tokens: usize) -> Segment {
    Segment {
        id: 0,
        start,
        end,
        text: String::new(),
        tokens: vec![Token { id: 0, logprob: 0.0 }; tokens],
        avg_logprob: 0.0,
        no_speech_prob: 0.0,
        compression_ratio: 0.0,
        temperature: 0.0,
        words: Vec::new(),
        speaker: None,
        speaker_turn_next: false,
        doubt: None::<Doubt>,
    }
}

fn solve(case: &Case) -> (Vec<Segment>, f64) {
    let mut random = Random(case.seed + 1);
    let weights = attention(&mut random, case);
    let words: Vec<&Vec<String>> = case.segments.iter().flat_map(|segment| &segment.words).collect();
    let texts: Vec<&[u8]> = words.iter().flat_map(|word| word.iter().map(String::as_bytes)).collect();
    let token_probs: Vec<f32> = texts.iter().map(|_| (0.05 + 0.9 * random.unit()) as f32).collect();
    let text_tokens: Vec<u32> = (0..texts.len() as u32).collect();
    let mut positions = 0..texts.len();
    let groups: Vec<Vec<usize>> = words.iter().map(|word| positions.by_ref().take(word.len()).collect()).collect();
    let input = AlignmentInput {
        weights: &weights,
        heads: case.heads,
        rows: case.centres.len(),
        frames_total: case.frames_total,
        frames_used: case.frames_used,
        sot_len: case.sot_len,
        text_tokens: &text_tokens,
        token_probs: &token_probs,
    };
    let aligned = align(|id| texts[id as usize], &groups, &input, &mut Scratch::default()).unwrap();
    let count = |segment: &CaseSegment| segment.words.iter().map(Vec::len).sum();
    let mut segments: Vec<Segment> = case.segments.iter().map(|s| segment(s.start, s.end, count(s))).collect();
    let mut last_speech = case.last_speech;
    place_words(&mut segments, aligned, case.seek as f64 / 100.0, &mut last_speech);
    (segments, last_speech)
}

#[test]
fn equals_openai() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/data/words/cases.json")).unwrap();
    assert_eq!(cases.len(), 48);
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
    for case in &cases {
        let (segments, last_speech) = solve(case);
        for (segment, expected) in segments.iter().zip(&case.expected) {
            let words: Vec<_> = segment.words.iter().map(|w| (w.word.clone(), w.start, w.end, w.probability)).collect();
            let same =
                |(a, b): (&Placed, &Placed)| a.0 == b.0 && near(a.1, b.1) && near(a.2, b.2) && (a.3 - b.3).abs() < 2e-5;
            assert!(words.len() == expected.words.len(), "case {}: {words:?}, not {:?}", case.seed, expected.words);
            assert!(
                words.iter().zip(&expected.words).all(same),
                "case {}: {words:?}, not {:?}",
                case.seed,
                expected.words
            );
            assert!(near(segment.start, expected.start) && near(segment.end, expected.end), "case {}", case.seed);
            assert_eq!(segment.words.iter().map(|w| w.token_count).sum::<usize>(), segment.tokens.len());
        }
        assert!(near(last_speech, case.expected.last().unwrap().end));
    }
}

/// Attention of one head that looks at frame `centres[row]` only.
fn sharp(centres: &[usize], frames: usize) -> Vec<f32> {
    let at = |centre: usize| (0..frames).map(move |frame| if frame.abs_diff(centre) < 4 { 1.0 } else { 0.01 });
    centres.iter().flat_map(|&centre| at(centre)).collect()
}

fn input<'a>(weights: &'a [f32], frames: usize, tokens: &'a [u32], probs: &'a [f32]) -> AlignmentInput<'a> {
    AlignmentInput {
        weights,
        heads: 1,
        rows: tokens.len() + 3,
        frames_total: frames,
        frames_used: frames,
        sot_len: 1,
        text_tokens: tokens,
        token_probs: probs,
    }
}

#[test]
fn words_start_where_their_tokens_look() {
    // Rows: start, no-timestamps, two tokens, end. The row before a token places it.
    let weights = sharp(&[0, 10, 30, 50, 50], 60);
    let words = align(
        |id| [&b" caf\xc3"[..], b"\xa9"][id as usize],
        &[vec![0, 1]],
        &input(&weights, 60, &[0, 1], &[0.5, 0.25]),
        &mut Scratch::default(),
    )
    .unwrap();
    assert_eq!(words.len(), 1);
    assert_eq!((words[0].text.as_str(), words[0].tokens.clone(), words[0].probability), (" café", 0..2, 0.375));
    assert_eq!(words[0].start, 0.0, "the first token takes all frames from the start");
    let (left_the_second, look_at_the_end) = (0.68, 0.94);
    assert!((left_the_second..=look_at_the_end).contains(&words[0].end), "{}", words[0].end);
}

#[test]
fn a_buffer_used_before_changes_nothing() {
    let (long, short) = (sharp(&[0, 10, 30, 50, 50], 60), sharp(&[0, 5, 15, 25, 25], 30));
    let mut scratch = Scratch::default();
    let mut run = |weights: &[f32], frames| {
        align(|_| &b" a"[..], &[vec![0], vec![1]], &input(weights, frames, &[0, 0], &[0.5, 0.5]), &mut scratch).unwrap()
    };
    let first = run(&short, 30);
    run(&long, 60);
    assert_eq!(run(&short, 30), first);
}

#[test]
fn flat_and_broken_attention_still_gives_ordered_times() {
    for weight in [0.0, 1.0, f32::NAN, f32::INFINITY] {
        let weights = vec![weight; 5 * 20];
        let groups = [vec![0], vec![1]];
        let words = align(|_| &b" a"[..], &groups, &input(&weights, 20, &[0, 0], &[0.5, 0.5]), &mut Scratch::default())
            .unwrap();
        assert!(words[0].start <= words[0].end && words[0].end <= words[1].start && words[1].end <= 0.4, "{weight}");
    }
}

#[test]
fn nothing_to_align() {
    let words = align(|_| &b""[..], &[], &input(&[0.5; 30], 10, &[], &[]), &mut Scratch::default());
    assert_eq!(words, Ok(Vec::new()));
    let silent = AlignmentInput { frames_used: 0, ..input(&[0.5; 40], 10, &[7], &[0.5]) };
    let words = align(|_| &b" a"[..], &[vec![0]], &silent, &mut Scratch::default()).unwrap();
    assert_eq!((words[0].start, words[0].end), (0.0, 0.0));
    let mut last_speech = 3.0;
    place_words(&mut [], Vec::new(), 0.0, &mut last_speech);
    assert_eq!(last_speech, 3.0);
    place_words(&mut [segment(5.0, 6.0, 0)], Vec::new(), 0.0, &mut last_speech);
    assert_eq!(last_speech, 6.0, "a segment without words counts as speech, as in OpenAI's loop");
}

#[test]
fn sizes_are_checked() {
    let good = input(&[0.5; 40], 10, &[7], &[0.5]);
    let run = |groups: &[Vec<usize>], input| align(|_| &b" a"[..], groups, &input, &mut Scratch::default()).map(|_| ());
    assert_eq!(run(&[vec![0]], good), Ok(()));
    assert_eq!(run(&[vec![0]], AlignmentInput { heads: 0, ..good }), Err(AlignmentError::NoHeads));
    let rows = AlignmentInput { rows: 5, ..good };
    assert_eq!(run(&[vec![0]], rows), Err(AlignmentError::Rows { rows: 5, expected: 4 }));
    let frames = AlignmentInput { frames_used: 11, ..good };
    assert_eq!(run(&[vec![0]], frames), Err(AlignmentError::Frames { used: 11, total: 10 }));
    let weights = AlignmentInput { weights: &[0.5; 39], ..good };
    assert_eq!(run(&[vec![0]], weights), Err(AlignmentError::Weights { given: 39, expected: 40 }));
    let probs = AlignmentInput { token_probs: &[], ..good };
    assert_eq!(run(&[vec![0]], probs), Err(AlignmentError::Probabilities { given: 0, expected: 1 }));
    for groups in [vec![], vec![vec![1]], vec![vec![0], vec![0]], vec![vec![0, 1]]] {
        assert_eq!(run(&groups, good), Err(AlignmentError::Groups { tokens: 1 }));
    }
}

#[test]
fn groups_end_with_their_segment() {
    let groups = [vec![0], vec![1, 2, 3], vec![4]];
    assert_eq!(cut_at_segments(&groups, &[2, 0, 3]), [vec![0], vec![1], vec![2, 3], vec![4]]);
    assert_eq!(cut_at_segments(&groups, &[5]), groups);
}

fn aligned(text: &str, token: usize, start: f64, end: f64) -> AlignedWord {
    AlignedWord { text: text.into(), tokens: token..token + 1, start, end, probability: 0.5 }
}

#[test]
fn punctuation_stays_in_its_segment() {
    let words = vec![aligned(" Go", 0, 0.0, 0.2), aligned(",", 1, 0.2, 0.3), aligned(" on", 2, 0.3, 0.5)];
    let mut segments = [segment(0.0, 0.2, 1), segment(0.2, 0.5, 2)];
    place_words(&mut segments, words, 0.0, &mut 0.0);
    let texts = segments.map(|s| s.words.into_iter().map(|w| (w.word, w.token_count)).collect::<Vec<_>>());
    assert_eq!(texts, [vec![(" Go".to_owned(), 1)], vec![(",".to_owned(), 1), (" on".to_owned(), 1)]]);
}

#[test]
fn a_word_that_swallowed_a_pause_is_cut_from_the_front() {
    let words = vec![aligned(" a", 0, 0.0, 5.0), aligned(" b", 1, 5.0, 5.2), aligned(" c", 2, 5.2, 5.4)];
    let mut segments = [segment(0.0, 5.4, 3)];
    let mut last_speech = 0.0;
    place_words(&mut segments, words, 10.0, &mut last_speech);
    let times: Vec<(f64, f64)> = segments[0].words.iter().map(|w| (w.start, w.end)).collect();
    assert_eq!(times[1..], [(15.0, 15.2), (15.2, 15.4)]);
    assert!((times[0].0 - 14.6).abs() < 1e-9 && times[0].1 == 15.0, "twice the median word, not {times:?}");
    assert_eq!((segments[0].start, segments[0].end, last_speech), (times[0].0, 15.4, 15.4));
}

#[test]
fn a_pair_that_swallowed_a_pause_is_cut_from_the_front() {
    // The usual word lasts 0.2 s, so 0.4 s is long and 0.8 s is long for two. The first is not long by itself.
    let words = vec![
        aligned(" a", 0, 3.0, 3.3),
        aligned(" b", 1, 3.3, 4.0),
        aligned(" c", 2, 4.0, 4.2),
        aligned(" d", 3, 4.2, 4.4),
        aligned(" e", 4, 4.4, 4.6),
    ];
    let mut segments = [segment(3.0, 4.6, 5)];
    place_words(&mut segments, words, 0.0, &mut 0.0);
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    let [first, second, third, ..] = segments[0].words.as_slice() else { panic!("five words") };
    assert!(near(first.start, 3.2) && near(first.end, 3.6), "{first:?}");
    assert!(near(second.start, 3.6) && near(second.end, 4.0) && third.start == 4.0, "{second:?}");
    assert_eq!(segments[0].start, first.start);
}

#[test]
fn a_last_word_that_swallowed_a_pause_ends_with_its_segment() {
    let words = vec![aligned(" a", 0, 0.0, 0.2), aligned(" b", 1, 0.2, 0.4), aligned(" c", 2, 0.4, 3.0)];
    let mut segments = [segment(0.0, 0.9, 3)];
    let mut last_speech = 0.0;
    place_words(&mut segments, words, 0.0, &mut last_speech);
    assert_eq!((segments[0].words[2].end, segments[0].end, last_speech), (0.9, 0.9, 0.9));
}

#[test]
fn the_last_word_never_grows() {
    // The segment ends right after the last word starts, and the median is longer than that word.
    let words = vec![aligned(" a", 0, 0.0, 1.4), aligned(" b", 1, 1.4, 2.8), aligned(" c", 2, 2.8, 3.4)];
    let mut segments = [segment(0.0, 2.82, 3)];
    place_words(&mut segments, words, 0.0, &mut 0.0);
    assert_eq!(segments[0].words[2].end, 3.4);
    assert_eq!(segments[0].end, 2.82);
}
