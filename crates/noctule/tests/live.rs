//! Hearing the same audio while it grows, with the embedded model.
#![cfg(feature = "embedded-model")]

mod common;

use common::{model, speech, transcriber};
use noctule::live::{Continued, End, Request};
use noctule::options::{LanguageChoice, Task};
use noctule::{Error, Options, Transcriber};

const CLIP: &str = "ls-1995-1837-0001.flac";

fn embedded() -> Transcriber {
    transcriber(model("tiny.en-q5_0").expect("it is part of the crate"), None)
}

fn request<'a>(prefix: &'a [u32]) -> Request<'a> {
    Request {
        context: &[],
        language: 0,
        task: Task::Transcribe,
        prefix,
        beam_size: 1,
        max_tokens: 100,
        suppress_non_speech: true,
    }
}

fn proceed(transcriber: &mut Transcriber, prefix: &[u32]) -> Continued {
    transcriber.proceed(&request(prefix), &mut || false).expect("it can")
}

fn text(continued: &Continued) -> String {
    continued.words.iter().map(|word| word.text.as_str()).collect()
}

fn ids(continued: &Continued) -> Vec<u32> {
    continued.tokens.iter().map(|token| token.id).collect()
}

#[test]
fn a_whole_clip_is_written_down_and_placed() {
    let mut transcriber = embedded();
    let samples = speech(CLIP);
    transcriber.hear(&samples, None, 1500);
    let all = proceed(&mut transcriber, &[]);
    assert!(text(&all).contains("the first great sorrow of his life"), "{}", text(&all));
    assert_eq!(all.end, End::EndOfText);
    assert!(all.no_speech_prob < 0.2 && (-1.0..0.0).contains(&all.avg_logprob), "{all:?}");
    // Each word once, its tokens in order, its times inside the clip.
    assert_eq!(
        all.words.iter().flat_map(|word| word.tokens.clone()).collect::<Vec<_>>(),
        Vec::from_iter(0..all.tokens.len())
    );
    let length = samples.len() as f64 / 16_000.0;
    assert!(all.words.iter().all(|word| word.start <= word.end && word.end <= length + 0.02));
    assert!(all.words.is_sorted_by(|a, b| a.end <= b.start + 1e-9));

    let options = Options { language: LanguageChoice::Fixed("en".into()), word_timestamps: true, ..Options::default() };
    let offline = transcriber.transcribe(&samples, &options, &mut ()).expect("it can");
    let placed: Vec<_> = offline.segments.iter().flat_map(|segment| &segment.words).collect();
    let plain = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    for word in &all.words {
        let same = placed.iter().filter(|other| plain(&other.word) == plain(&word.text));
        let near = same.map(|other| (other.end - word.end).abs()).fold(f64::INFINITY, f64::min);
        assert!(near < 0.35 || near.is_infinite(), "{word:?} is {near} s off");
        // The model looks at a word's sound while it writes the word.
        let attended = all.tokens[word.tokens.start].attended;
        assert!((word.start - 0.5..word.end + 0.5).contains(&attended), "{word:?} at {attended}");
    }
}

#[test]
fn the_text_goes_on_behind_a_prefix() {
    let mut transcriber = embedded();
    transcriber.hear(&speech(CLIP), None, 1500);
    let all = proceed(&mut transcriber, &[]);
    let cut = all.words[all.words.len() / 2].tokens.start;
    let tokens = ids(&all);
    let rest = proceed(&mut transcriber, &tokens[..cut]);
    assert_eq!(ids(&rest), tokens[cut..]);
    assert!((rest.words[0].start - all.words[all.words.len() / 2].start).abs() < 0.1);
    // Longer batches go through other kernels, which round differently.
    assert!((rest.no_speech_prob - all.no_speech_prob).abs() < 0.01);
    // Behind everything there is nothing.
    let nothing = proceed(&mut transcriber, &tokens);
    assert!(nothing.tokens.is_empty() && nothing.words.is_empty() && nothing.end == End::EndOfText, "{nothing:?}");
    assert!(nothing.avg_logprob < 0.0);
}

#[test]
fn audio_that_is_not_there_yet_is_not_looked_at() {
    let mut transcriber = embedded();
    let samples = &speech(CLIP)[..4 * 16_000];
    transcriber.hear(samples, None, 1500);
    let part = proceed(&mut transcriber, &[]);
    assert!(text(&part).contains("sorrow"), "{}", text(&part));
    assert!(part.tokens.iter().all(|token| token.attended <= 4.0));
    assert!(part.words.iter().all(|word| word.end <= 4.0 + 1e-9));
}

#[test]
fn few_positions_are_enough_where_silence_follows() {
    let mut transcriber = embedded();
    let samples = speech(CLIP);
    let heard = samples.len().div_ceil(320);
    transcriber.hear(&samples, None, 1500);
    let full = text(&proceed(&mut transcriber, &[]));
    let loudest = transcriber.hear(&samples, None, heard + 500);
    let short = text(&proceed(&mut transcriber, &[]));
    assert_eq!(full.replace(',', ""), short.replace(',', ""));
    // Fewer than the audio needs are raised to that; a louder past is remembered.
    assert_eq!(transcriber.hear(&samples, None, 1), loudest);
    proceed(&mut transcriber, &[]);
    assert_eq!(transcriber.hear(&samples, Some(loudest + 1.0), 1500), loudest + 1.0);
}

#[test]
fn beams_find_what_greedy_decoding_finds_or_better() {
    let mut transcriber = embedded();
    transcriber.hear(&speech(CLIP), None, 1500);
    let greedy = proceed(&mut transcriber, &[]);
    let beams = transcriber.proceed(&Request { beam_size: 5, ..request(&[]) }, &mut || false).expect("it can");
    assert!(beams.avg_logprob >= greedy.avg_logprob - 1e-4, "{} < {}", beams.avg_logprob, greedy.avg_logprob);
    assert!(text(&beams).contains("the first great sorrow of his life"), "{}", text(&beams));
}

#[test]
fn limits_are_kept() {
    let mut transcriber = embedded();
    transcriber.hear(&speech(CLIP), None, 1500);
    let all = proceed(&mut transcriber, &[]);
    let three = transcriber.proceed(&Request { max_tokens: 3, ..request(&[]) }, &mut || false).expect("it can");
    assert_eq!((three.tokens.len(), three.end), (4, End::Limit), "the one over the limit is there");
    assert_eq!(ids(&three), ids(&all)[..4]);
    assert!(matches!(transcriber.proceed(&request(&[]), &mut || true), Err(Error::Cancelled)));
    let long: Vec<u32> = tokens_of(&mut transcriber, " So it was said, and then it was done.").repeat(60);
    let long = &long[..500];
    let error = transcriber.proceed(&request(long), &mut || false).expect_err("no room");
    assert!(error.to_string().contains("500 tokens do not fit"), "{error}");
    // A context of any length is shortened, and a prefix leaves it what is left.
    let context = Request { context: long, ..request(&[]) };
    assert!(!transcriber.proceed(&context, &mut || false).expect("it can").tokens.is_empty());
    let both = Request { context: long, ..request(&long[..430]) };
    transcriber.proceed(&both, &mut || false).expect("it can");
}

#[test]
fn a_loop_ends_before_it_repeats() {
    let mut transcriber = embedded();
    transcriber.hear(&speech("dishes.flac")[..16_000], None, 1500);
    let phrase = tokens_of(&mut transcriber, " go away");
    let looping: Vec<u32> = phrase.iter().copied().cycle().take(60).collect();
    let continued =
        transcriber.proceed(&Request { max_tokens: 220, ..request(&looping) }, &mut || false).expect("it can");
    assert!(continued.tokens.len() < 60, "{} tokens", continued.tokens.len());
}

/// Tokens of a text.
fn tokens_of(transcriber: &mut Transcriber, text: &str) -> Vec<u32> {
    noctule::tokenizer::Tokenizer::new(transcriber.model().vocab()).encode(text)
}

#[test]
fn silence_is_told_from_speech() {
    let mut transcriber = embedded();
    transcriber.hear(&[0.0; 48_000], None, 1500);
    let silence = proceed(&mut transcriber, &[]);
    assert!(silence.no_speech_prob > 0.5, "{}", silence.no_speech_prob);
    assert_eq!(transcriber.heard_language(), (0, 1.0));
}

#[test]
fn a_multilingual_model_hears_the_language() {
    let Some(model) = model("base") else { return };
    let mut transcriber = transcriber(model, None);
    transcriber.hear(&speech("de-kerstin-0004.flac"), None, 1500);
    let (language, probability) = transcriber.heard_language();
    assert_eq!(noctule::language::LANGUAGES[language].0, "de");
    assert!(probability > 0.5);
    let german = Request { language, ..request(&[]) };
    let continued = transcriber.proceed(&german, &mut || false).expect("it can");
    assert!(continued.words.len() > 3 && continued.end == End::EndOfText, "{}", text(&continued));
}
