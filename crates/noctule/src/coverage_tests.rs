use super::*;
use crate::hypothesis::Bounds;
use crate::repetition::LoopRules;
use crate::tokenizer::tests::english;

/// A window in which the given stretches (seconds) sound.
fn sound(stretches: &[(f64, f64)]) -> Sound {
    let at = |i: usize| i as f64 / 100.0;
    let loud = |i: usize| stretches.iter().any(|(from, to)| (*from..*to).contains(&at(i)));
    Sound::of_loudness(&(0..3000).map(|i| if loud(i) { 0.2 } else { -0.6 }).collect::<Vec<_>>())
}

fn words(placed: &[(&str, f64, f64)]) -> Vec<AlignedWord> {
    let word = |(i, (text, start, end)): (usize, &(&str, f64, f64))| AlignedWord {
        text: (*text).to_owned(),
        tokens: i..i + 1,
        start: *start,
        end: *end,
        probability: 0.9,
    };
    placed.iter().enumerate().map(word).collect()
}

/// Segments of start, end (seconds) and text tokens.
fn hypothesis(vocab: &Vocab, segments: &[(f64, f64, &[u32])]) -> Hypothesis {
    let bounds = Bounds {
        seek: 0,
        end: 60_000,
        frames: 3000,
        timestamps: true,
        single_segment: false,
        max_tokens: 0,
        limit: 220,
        loops: LoopRules { entropy: 2.4, compression_ratio: 2.4 },
    };
    let mut hypothesis = Hypothesis::new(&bounds, Vec::new(), None);
    let stamp = |seconds: f64| vocab.beg() + (seconds * 50.0).round() as u32;
    for (start, end, texts) in segments {
        let tokens = [&[stamp(*start)], *texts, &[stamp(*end)]].concat();
        tokens.iter().for_each(|token| hypothesis.push(*token, -0.5, vocab, &bounds));
    }
    hypothesis
}

#[test]
fn sound_is_what_stands_out() {
    let sound = sound(&[(2.0, 4.0), (5.0, 5.5)]);
    assert_eq!((sound.seconds(0, 3000), sound.seconds(300, 520)), (2.5, 1.2));
    assert_eq!(sound.seconds(2900, 9000), 0.0);
    assert_eq!((sound.next(0), sound.next(250), sound.next(450)), (200, 250, 500));
    assert_eq!(sound.pause(300, 520).map(|(from, _)| from), Some(400));
    assert_eq!((sound.pause(200, 400), sound.pause(4000, 5000)), (None, None));
    // A steady hum does not, and neither does nothing.
    for loudness in [vec![0.3; 3000], vec![0.3, 0.4, 0.3], Vec::new()] {
        assert_eq!(Sound::of_loudness(&loudness).seconds(0, 3000), 0.0);
    }
}

#[test]
fn words_are_placed_where_text_is_sparse() {
    let v = english().vocab();
    let sound = sound(&[(0.0, 9.0), (12.0, 14.0)]);
    let sparse = |segments: &[(f64, f64, &[u32])]| is_sparse(&hypothesis(v, segments), v, &sound);
    assert!(!sparse(&[(0.0, 5.0, &[11; 20]), (5.0, 9.0, &[12; 16]), (11.0, 15.0, &[13; 5])]));
    assert!(sparse(&[(0.0, 5.0, &[11; 20]), (5.0, 9.0, &[12; 5])]));
    // A pause does not count.
    assert!(!sparse(&[(0.0, 5.0, &[11; 20]), (9.0, 30.0, &[12; 3])]));
}

#[test]
fn a_word_in_front_of_a_hidden_utterance_stays() {
    let sound = sound(&[(0.0, 4.0), (5.0, 8.0), (9.0, 12.0)]);
    let placed = words(&[(" said", 2.5, 3.6), (" so", 3.6, 7.0), (".\"", 7.0, 8.8), (" Then", 8.8, 9.4)]);
    let cut = find_cut(&placed, &sound, 3000).unwrap();
    assert_eq!((cut.tokens, cut.end), (3, 400));
    assert!((480..=500).contains(&cut.start), "{cut:?}");
    // Too near to the start of the window to hear it again from there.
    let early = words(&[(" so", 0.0, 1.9), (" then", 1.9, 2.5)]);
    assert_eq!(find_cut(&early, &self::sound(&[(0.0, 0.4), (0.8, 2.5)]), 250), None);
}

#[test]
fn a_word_behind_a_hidden_utterance_is_heard_again() {
    let sound = sound(&[(0.0, 12.0)]);
    let placed = words(&[(" one", 3.0, 3.5), (" two", 3.5, 6.0), (" three", 6.0, 6.4)]);
    assert_eq!(find_cut(&placed, &sound, 640), Some(Cut { tokens: 1, end: 350, start: 350 }));
    let usual = words(&[(" one", 3.0, 3.5), (" two", 3.5, 4.6), (" three", 4.6, 5.0)]);
    assert_eq!(find_cut(&usual, &sound, 500), None);
    assert_eq!(find_cut(&[], &sound, 500), None);
}

#[test]
fn what_the_last_segment_leaves_out_is_found() {
    let sound = sound(&[(0.0, 5.0), (7.0, 9.0)]);
    let placed = words(&[(" one", 4.0, 4.6), (" two", 4.6, 5.1)]);
    let cut = find_cut(&placed, &sound, 900).unwrap();
    assert_eq!((cut.tokens, cut.end), (2, 510));
    assert!((685..=700).contains(&cut.start), "{cut:?}");
    // The next window begins before it anyway.
    assert_eq!(find_cut(&placed, &sound, 520), None);
}

#[test]
fn a_shortened_text_ends_where_the_next_window_begins() {
    let v = english().vocab();
    let whole = hypothesis(v, &[(0.0, 4.0, &[11, 12, 13]), (4.0, 12.0, &[14, 15])]);
    let stamp = |seconds: f64| v.beg() + (seconds * 50.0).round() as u32;
    let shortened = |tokens, end, start| {
        let mut text = whole.clone();
        shorten(&mut text, Cut { tokens, end, start }, v);
        assert_eq!((text.result_len, text.logprobs.len()), (text.tokens.len(), text.tokens.len()));
        (text.tokens, text.delta)
    };
    assert_eq!(
        shortened(4, 500, 607),
        (vec![stamp(0.0), 11, 12, 13, stamp(4.0), stamp(4.0), 14, stamp(5.0), stamp(6.06)], 606)
    );
    // A cut in front of a segment takes the segment's start with it.
    assert_eq!(shortened(3, 420, 420), (vec![stamp(0.0), 11, 12, 13, stamp(4.2), stamp(4.2)], 420));
    assert_eq!(shortened(0, 300, 300), (vec![stamp(3.0); 2], 300));
}
