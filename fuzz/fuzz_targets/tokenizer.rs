//! Feeds text and ids to the tokeniser, and grammars to the grammar reader.
//!
//! The first byte of the input says what the rest is:
//!
//! - 0: text to encode; decoding must give it back;
//! - 1: bytes that arrive in pieces; joined they must be what they are at once;
//! - 2: ids, two bytes each, cut into words and judged for loops;
//! - other: a grammar, a zero byte, and text to read with it.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use noctule::grammar::{BitSet, Grammar, GrammarState, TokenTrie};
use noctule::language::{LANGUAGES, index_of, nearest};
use noctule::repetition::LoopRules;
use noctule::tokenizer::{Tokenizer, Utf8Stream, decode, word_groups};
use noctule_model::Model;

static MODEL: LazyLock<Model> = LazyLock::new(|| noctule::embedded_model().expect("the embedded model"));
static TRIE: LazyLock<TokenTrie> = LazyLock::new(|| TokenTrie::new(MODEL.vocab()));

fuzz_target!(|input: &[u8]| {
    let Some((mode, rest)) = input.split_first() else { return };
    match mode {
        0 => encode(&String::from_utf8_lossy(rest)),
        1 => stream(rest),
        2 => ids(rest),
        _ => grammar(rest),
    }
});

fn encode(text: &str) {
    let vocab = MODEL.vocab();
    let ids = Tokenizer::new(vocab).encode(text);
    assert!(ids.iter().all(|&id| !vocab.is_special(id)));
    assert!(ids.len() <= text.len());
    assert_eq!(decode(vocab, &ids), text);
    if let Some(index) = index_of(text) {
        assert!(index < LANGUAGES.len());
    }
    std::hint::black_box(nearest(text));
}

/// Each piece is as long as its first byte says.
fn stream(bytes: &[u8]) {
    let mut stream = Utf8Stream::new();
    let (mut text, mut rest) = (String::new(), bytes);
    while let Some(&first) = rest.first() {
        let (piece, after) = rest.split_at(rest.len().min(1 + usize::from(first) % 7));
        text.push_str(&stream.push(piece));
        rest = after;
    }
    text.push_str(&stream.finish());
    assert_eq!(text, String::from_utf8_lossy(bytes));
}

fn ids(bytes: &[u8]) {
    let vocab = MODEL.vocab();
    let ids: Vec<u32> = bytes.chunks_exact(2).map(|b| u32::from(u16::from_le_bytes([b[0], b[1]]))).collect();
    for language in ["en", "ja"] {
        let groups = word_groups(vocab, &ids, language);
        assert!(groups.iter().all(|group| !group.is_empty()));
        assert!(groups.concat().into_iter().eq(0..ids.len()));
    }
    let rules = LoopRules { entropy: 2.4, compression_ratio: 2.4 };
    let timestamps = ids.iter().any(|&id| vocab.is_timestamp(id));
    if rules.check(vocab, &ids).is_some() && !timestamps {
        assert!(rules.judge(vocab, &ids).1.is_some());
    }
}

fn grammar(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |&byte| byte == 0);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let input = parts.next().unwrap_or_default();
    match Grammar::parse(&text, "root") {
        Ok(grammar) => run(GrammarState::new(Arc::new(grammar)), &input[..input.len().min(64)]),
        Err(error) => assert!(error.line >= 1 && error.column >= 1 && !error.to_string().is_empty()),
    }
}

/// What is allowed is accepted, and the set of tokens says the same.
fn run(mut state: GrammarState, input: &[u8]) {
    let vocab = MODEL.vocab();
    let mut set = BitSet::new(vocab.len());
    for (i, &byte) in input.iter().enumerate() {
        if i == 0 {
            state.allowed_tokens(&TRIE, &mut set);
            for id in (0..vocab.n_text() as u32).step_by(997) {
                assert_eq!(set.contains(id), state.allows(vocab.token(id)));
            }
        }
        let allowed = state.allows(&[byte]);
        assert_eq!(state.accept(&[byte]), allowed);
        assert!(allowed || !state.can_end());
    }
}
