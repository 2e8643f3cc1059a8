use super::*;
use crate::tokenizer::tests::{bytewise, english};
use proptest::prelude::*;

const RULES: LoopRules = LoopRules { entropy: 2.4, compression_ratio: 2.4 };

/// After how many tokens the text first counts as a loop.
fn stops_at(vocab: &Vocab, ids: &[u32]) -> Option<usize> {
    (1..=ids.len()).find(|&n| RULES.check(vocab, &ids[..n]).is_some())
}

#[test]
fn ratio_is_bytes_over_zlib_bytes() {
    assert_eq!(compression_ratio(""), 0.0);
    // Lengths are Python's `len(zlib.compress(text))`; a few bytes may differ.
    let looped = " Thank you for watching.".repeat(20);
    let phrase = " I do not know what to say about that.".repeat(6);
    let fox = "The quick brown fox jumps over the lazy dog.";
    for (text, zlib) in [("a", 9), (fox, 51), (looped.as_str(), 37), (phrase.as_str(), 47)] {
        let length = text.len() as f32 / compression_ratio(text);
        assert!((length - zlib as f32).abs() <= 4.0, "{length} for {zlib}: {text}");
    }
}

#[test]
fn entropy_is_that_of_the_last_32() {
    assert_eq!(tail_entropy(&[]), 0.0);
    assert_eq!(tail_entropy(&[7; 40]), 0.0);
    let different: Vec<u32> = (0..100).collect();
    assert!((tail_entropy(&different) - 32f32.ln()).abs() < 1e-6);
    let mixed: Vec<u32> = (0..100).chain((0..32).map(|i| i % 2)).collect();
    assert!((tail_entropy(&mixed) - 2f32.ln()).abs() < 1e-6);
    assert!((tail_entropy(&[1, 1, 2, 3]) - 1.5 * 2f32.ln()).abs() < 1e-6);
}

#[test]
fn the_final_verdict_has_whisper_cpps_limits() {
    let v = english().vocab();
    // 32 tokens are not judged by entropy, 33 are.
    let two: Vec<u32> = (0..33).map(|i| 3000 + 7 * (i % 2)).collect();
    let judged = LoopRules { compression_ratio: 1e9, ..RULES };
    assert_eq!(judged.judge(v, &two[..32]).1, None);
    assert!(matches!(judged.judge(v, &two).1, Some(Loop::Entropy { entropy }) if (entropy - 2f32.ln()).abs() < 1e-3));
    let sentence = " I do not know what to say about that.".repeat(6);
    let judged = LoopRules { entropy: 0.0, ..RULES };
    let Some(Loop::Compression { ratio }) = judged.judge(v, &bytewise(sentence.as_bytes())).1 else {
        panic!("no loop")
    };
    assert!((ratio - 228.0 / 47.0).abs() < 0.3, "{ratio}");
    assert_eq!(RULES.judge(v, &bytewise(b" The quick brown fox jumps over the lazy dog, and runs.")).1, None);
    assert_eq!(RULES.judge(v, &[]).1, None);
}

#[test]
fn a_loop_that_varies_now_and_then_is_one() {
    let v = english().vocab();
    let varied: Vec<u32> = (0..220).map(|i| if i % 20 == 19 { 4000 + i } else { 3000 }).collect();
    assert_eq!(stops_at(v, &varied), Some(33));
    // Two words in turn, one of them wandering: too much variety for exact repetition and for a loop.
    let counted: Vec<u32> = (0..220).map(|i| if i % 2 == 0 { 3000 } else { 4000 + i }).collect();
    assert_eq!(stops_at(v, &counted), None);
}

#[test]
fn echoes_are_counted_where_they_are_long_enough() {
    assert_eq!(longest_echo(&[], 1), 1);
    assert_eq!(longest_echo(&[1, 2, 3, 4], 1), 1);
    let cold = [9, 1, 2, 1, 2, 1, 2, 1, 2, 8];
    assert_eq!(longest_echo(&cold, 8), 4);
    assert_eq!(longest_echo(&cold, 9), 1);
    assert_eq!(longest_echo(&[5, 5, 5, 5, 5, 5], 6), 6);
    assert_eq!(longest_echo(&[1, 2, 3, 1, 2, 3, 1, 2], 6), 2);
}

#[test]
fn one_word_over_and_over_stops_as_soon_as_it_may() {
    let v = english().vocab();
    assert_eq!(stops_at(v, &[5000; 220]), Some(33));
    // 25 words of speech first, then a loop of three tokens: its 32-token tail must fill.
    let mut ids: Vec<u32> = (6000..6025).collect();
    ids.extend((0..150).map(|i| 7000 + i % 3));
    let stop = stops_at(v, &ids).expect("a loop");
    assert!((25 + 24..25 + 34).contains(&stop), "{stop}");
}

#[test]
fn every_period_is_found_long_before_the_end() {
    let v = english().vocab();
    for period in 1..=60 {
        let mut ids: Vec<u32> = (6000..6020).collect();
        ids.extend((0..200).map(|i| 7000 + 13 * (i % period)));
        let stop = stops_at(v, &ids);
        let repeats = if period <= 11 { 5 } else { 4 };
        let latest = 20 + (repeats * period as usize).max(40);
        assert!(stop.is_some_and(|stop| stop <= latest), "period {period}: {stop:?}, latest {latest}");
    }
}

#[test]
fn identical_segments_with_moving_timestamps_are_a_loop() {
    let v = english().vocab();
    let beg = v.beg();
    let mut ids = Vec::new();
    for i in 0..40 {
        ids.extend([beg + 50 * i, 900, 901, 902, 903, 904, 905, beg + 50 * (i + 1)]);
    }
    let stop = stops_at(v, &ids).expect("a loop");
    assert!(stop <= 40, "{stop}");
}

#[test]
fn people_may_repeat_themselves() {
    let v = english().vocab();
    // "one one one …", twenty times, within a sentence.
    let mut ones: Vec<u32> = (6000..6015).collect();
    ones.extend([777; 20]);
    ones.extend(6015..6030);
    assert_eq!(stops_at(v, &ones), None);
    // Counting: every second token a comma.
    let counted: Vec<u32> = (0..60).flat_map(|i| [500, 8000 + i]).collect();
    assert_eq!(stops_at(v, &counted), None);
    // A chorus of 12 tokens three times, then on.
    let mut chorus: Vec<u32> = (0..36).map(|i| 3000 + 17 * (i % 12)).collect();
    chorus.extend(6000..6040);
    let early = stops_at(v, &chorus);
    assert!(early.is_none() || RULES.judge(v, &chorus[..early.unwrap_or(0)]).1.is_some());
    // Digits of a phone number.
    let phone = bytewise(b" 0800 00 1000 000 00 00, that is 0800 00 1000 000 00 00");
    assert_eq!(stops_at(v, &phone), None);
}

proptest! {
    /// Without timestamps, decoding is only stopped where the final verdict would be a loop as well.
    #[test]
    fn never_stricter_than_the_final_verdict(
        head in prop::collection::vec(256u32..40_000, 0..40),
        unit in prop::collection::vec(256u32..40_000, 1..30),
        repeats in 1usize..12,
    ) {
        let v = english().vocab();
        let mut all = head;
        (0..repeats).for_each(|_| all.extend(&unit));
        if let Some(stop) = stops_at(v, &all) {
            prop_assert!(RULES.judge(v, &all[..stop]).1.is_some());
        }
    }

    #[test]
    fn any_ids_and_text_are_judged(ids: Vec<u32>, text: String) {
        let v = english().vocab();
        let _ = RULES.judge(v, &ids);
        let _ = RULES.check(v, &ids);
        prop_assert!(tail_entropy(&ids) >= 0.0);
        prop_assert!(compression_ratio(&text).is_finite());
    }

    #[test]
    fn a_stream_without_repetition_is_no_loop(seed in 0u32..1000) {
        let v = english().vocab();
        let ids: Vec<u32> = (0..220).map(|i| 256 + (seed + i * 197) % 40_000).collect();
        prop_assert_eq!(stops_at(v, &ids), None);
    }
}
