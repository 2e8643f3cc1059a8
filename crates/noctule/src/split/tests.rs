use super::*;
use crate::transcript::{Doubt, Token};
use proptest::prelude::*;

/// A segment from 10 s to 20 s whose token ids are positions in `tokens`.
fn segment(tokens: &[&str]) -> Segment {
    Segment {
        id: 0,
        start: 10.0,
        end: 20.0,
        text: tokens.concat(),
        tokens: (0..tokens.len() as u32).map(|id| Token { id, logprob: -0.5 }).collect(),
        avg_logprob: -0.5,
        no_speech_prob: 0.1,
        compression_ratio: 1.1,
        temperature: 0.2,
        words: Vec::new(),
        speaker: None,
        speaker_turn_next: true,
        doubt: Some(Doubt::Repetition),
    }
}

fn word(text: &str, start: f64, end: f64, token_count: usize) -> Word {
    Word { word: text.into(), start, end, probability: 0.9, token_count }
}

fn split(segment: Segment, tokens: &'static [&'static str], max_len: usize, on_word: bool) -> Vec<Segment> {
    split_segments(vec![segment], max_len, on_word, |id| tokens[id as usize].as_bytes())
}

fn texts(pieces: &[Segment]) -> Vec<&str> {
    pieces.iter().map(|piece| piece.text.as_str()).collect()
}

const ASK: &[&str] = &[" And", " so", " my", " fell", "ow", " Americ", "ans"];

#[test]
fn cuts_between_tokens() {
    let pieces = split(segment(ASK), ASK, 11, false);
    assert_eq!(texts(&pieces), [" And so my", " fellow", " Americans"]);
    let pieces = split(segment(ASK), ASK, 6, false);
    assert_eq!(texts(&pieces), [" And so", " my", " fellow", " Americ", "ans"]);
}

#[test]
fn cuts_between_words() {
    let pieces = split(segment(ASK), ASK, 4, true);
    assert_eq!(texts(&pieces), [" And", " so", " my", " fellow", " Americans"]);
    let tokens: Vec<Vec<u32>> = pieces.iter().map(|p| p.tokens.iter().map(|t| t.id).collect()).collect();
    assert_eq!(tokens, [vec![0], vec![1], vec![2], vec![3, 4], vec![5, 6]]);
}

#[test]
fn times_without_words_follow_the_characters() {
    let pieces = split(segment(&[" abcd", " efgh"]), &[" abcd", " efgh"], 4, false);
    assert_eq!(pieces.iter().map(|p| (p.start, p.end)).collect::<Vec<_>>(), [(10.0, 15.0), (15.0, 20.0)]);
}

#[test]
fn times_with_words_are_theirs() {
    let mut whole = segment(&[" abcd", " efgh"]);
    whole.words = vec![word(" abcd", 10.5, 11.0, 1), word(" efgh", 18.0, 19.5, 1)];
    let pieces = split(whole.clone(), &[" abcd", " efgh"], 4, true);
    assert_eq!(pieces.iter().map(|p| (p.start, p.end)).collect::<Vec<_>>(), [(10.0, 11.0), (18.0, 20.0)]);
    assert_eq!(pieces[0].words, whole.words[..1]);
    assert_eq!(pieces[1].words, whole.words[1..]);
}

#[test]
fn a_cut_word_shares_its_time() {
    let mut whole = segment(&["abcd", "efgh"]);
    whole.words = vec![word("abcdefgh", 12.0, 16.0, 2)];
    let pieces = split(whole, &["abcd", "efgh"], 4, false);
    assert_eq!(pieces[0].words, [word("abcd", 12.0, 14.0, 1)]);
    assert_eq!(pieces[1].words, [word("efgh", 14.0, 16.0, 1)]);
    assert_eq!((pieces[0].end, pieces[1].start), (14.0, 14.0));
}

#[test]
fn words_cut_text_without_blanks() {
    let mut whole = segment(&["今日", "は", "晴れ"]);
    whole.words = vec![word("今日", 10.0, 12.0, 1), word("は", 12.0, 13.0, 1), word("晴れ", 13.0, 20.0, 1)];
    assert_eq!(texts(&split(whole, &["今日", "は", "晴れ"], 3, true)), ["今日は", "晴れ"]);
    assert_eq!(split(segment(&["今日", "は"]), &["今日", "は"], 2, true).len(), 1, "no blank, no words, no cut");
}

#[test]
fn characters_stay_whole() {
    // "晴" and "れ" as byte-level tokens that end inside characters.
    const HALVES: [&[u8]; 3] = [b"\xe6\x99", b"\xb4\xe3", b"\x82\x8c"];
    let mut whole = segment(&["", "", ""]);
    whole.text = "晴れ".into();
    let pieces = split_segments(vec![whole], 1, false, |id| HALVES[id as usize]);
    assert_eq!(texts(&pieces), ["晴れ"], "no token boundary lies between the two characters");
}

#[test]
fn text_that_the_tokens_do_not_spell_is_kept() {
    let mut other = segment(ASK);
    other.text = " Something else entirely".into();
    let pieces = split(other.clone(), ASK, 8, true);
    assert_eq!(texts(&pieces).concat(), other.text);
    assert_eq!(pieces.iter().flat_map(|p| p.tokens.clone()).collect::<Vec<_>>(), other.tokens);
    assert!(pieces.len() > 1);
}

#[test]
fn marks_and_ids() {
    let mut first = segment(ASK);
    first.id = 7;
    let pieces = split_segments(vec![first.clone(), first], 11, true, |id| ASK[id as usize].as_bytes());
    assert_eq!(pieces.iter().map(|p| p.id).collect::<Vec<_>>(), [7, 8, 9, 10, 11, 12]);
    assert_eq!(
        pieces.iter().map(|p| p.speaker_turn_next).collect::<Vec<_>>(),
        [false, false, true, false, false, true]
    );
    assert!(pieces.iter().all(|p| p.doubt == Some(Doubt::Repetition) && p.temperature == 0.2));
}

#[test]
fn nothing_to_cut() {
    assert_eq!(split(segment(ASK), ASK, 0, false), [segment(ASK)]);
    assert_eq!(split(segment(ASK), ASK, 1000, false), [segment(ASK)]);
    assert_eq!(split(segment(&[]), &[], 1, false), [segment(&[])]);
    const BLANKS: &[&str] = &[" ", "  ", "word", " ", " "];
    assert_eq!(texts(&split(segment(BLANKS), BLANKS, 1, false)), ["   word  "], "no blank pieces");
}

fn token_texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![" ?[a-z]{1,5}", "[é晴🦇]{1,3}", " {1,2}", "\\PC{1,4}"], 0..24)
}

proptest! {
    #[test]
    fn nothing_is_lost(texts in token_texts(), max_len in 1usize..20, on_word: bool, timed: bool, spelled: bool) {
        let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut whole = segment(&refs);
        if timed {
            // Pairs of tokens as words.
            let pairs = refs.chunks(2).enumerate();
            whole.words = pairs.map(|(i, pair)| word(&pair.concat(), 10.0 + 0.5 * i as f64, 10.5 + 0.5 * i as f64, pair.len())).collect();
        }
        if !spelled {
            whole.text.push('!');
        }
        let pieces = split_segments(vec![whole.clone()], max_len, on_word, |id| refs[id as usize].as_bytes());
        prop_assert_eq!(pieces.iter().map(|p| p.text.as_str()).collect::<String>(), whole.text.clone());
        prop_assert_eq!(pieces.iter().flat_map(|p| p.tokens.clone()).collect::<Vec<_>>(), whole.tokens.clone());
        let dealt: Vec<Word> = pieces.iter().flat_map(|p| p.words.clone()).collect();
        let spelling = |words: &[Word]| words.iter().map(|w| w.word.as_str()).collect::<String>();
        prop_assert_eq!(spelling(&dealt), spelling(&whole.words));
        prop_assert_eq!(dealt.iter().map(|w| w.token_count).sum::<usize>(), whole.words.iter().map(|w| w.token_count).sum::<usize>());
        prop_assert_eq!((pieces[0].start, pieces[pieces.len() - 1].end), (whole.start, whole.end));
        for (place, piece) in pieces.iter().enumerate() {
            prop_assert_eq!(piece.id, place);
            prop_assert!(piece.start <= piece.end);
            prop_assert!(pieces.len() == 1 || !piece.text.trim().is_empty());
        }
        for pair in pieces.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start + 1e-9, "{:?}", pair);
        }
    }

    #[test]
    fn pieces_fit(texts in prop::collection::vec(" ?[a-z]{1,4}", 1..24), max_len in 5usize..20) {
        let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
        let pieces = split_segments(vec![segment(&refs)], max_len, false, |id| refs[id as usize].as_bytes());
        for piece in pieces {
            prop_assert!(piece.text.trim().chars().count() <= max_len, "{:?}", piece.text);
        }
    }
}
