use super::*;
use noctule_model::Model;
use proptest::prelude::*;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What tests/data/make_tokens.py wrote.
#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    gpt2: GoldenVocabulary,
    multilingual: GoldenVocabulary,
}

#[derive(Deserialize)]
struct GoldenVocabulary {
    ids: Vec<Vec<u32>>,
    non_speech: Vec<u32>,
    words: Vec<GoldenWords>,
}

#[derive(Deserialize)]
struct GoldenWords {
    language: String,
    ids: Vec<u32>,
    counts: Vec<usize>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../tests/data/tokens.json")).expect("tokens.json")
}

/// The English model that lies in the repository, for tests all over the crate.
pub(crate) fn english() -> &'static Model {
    static MODEL: LazyLock<Model> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut models: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
        models.retain(|path| path.extension().is_some_and(|e| e == "bin"));
        models.sort();
        Model::open(models.first().expect("a model in the models folder")).expect("a readable model")
    });
    &MODEL
}

/// A multilingual model, where a folder of real models is at hand.
fn multilingual() -> Option<Model> {
    let folder = std::env::var_os("NOCTULE_TEST_MODELS")?;
    Some(Model::open(&Path::new(&folder).join("base.bin")).expect("base.bin in NOCTULE_TEST_MODELS"))
}

/// One token a byte.
pub(crate) fn bytewise(bytes: &[u8]) -> Vec<u32> {
    bytes.iter().map(|&byte| english().vocab().token_to_id(&[byte]).expect("all bytes are tokens")).collect()
}

fn check_against_openai(vocab: &Vocab, texts: &[String], golden: &GoldenVocabulary) {
    let tokenizer = Tokenizer::new(vocab);
    for (text, ids) in texts.iter().zip(&golden.ids) {
        assert_eq!(&tokenizer.encode(text), ids, "{text:?}");
        assert_eq!(&decode(vocab, ids), text);
    }
    assert_eq!(crate::suppress::non_speech_tokens(&tokenizer), golden.non_speech);
    for GoldenWords { language, ids, counts } in &golden.words {
        let groups = word_groups(vocab, ids, language);
        let found: Vec<usize> = groups.iter().map(Vec::len).collect();
        assert_eq!(&found, counts, "{language} {:?}", decode(vocab, ids));
        assert_eq!(groups.concat(), (0..ids.len()).collect::<Vec<_>>());
    }
}

#[test]
fn english_ids_and_words_are_openais() {
    let golden = golden();
    assert!(golden.texts.len() > 250 && golden.gpt2.ids.len() == golden.texts.len());
    check_against_openai(english().vocab(), &golden.texts, &golden.gpt2);
}

#[test]
fn multilingual_ids_and_words_are_openais() {
    let Some(model) = multilingual() else {
        eprintln!("skipped: NOCTULE_TEST_MODELS names no folder of models");
        return;
    };
    let golden = golden();
    check_against_openai(model.vocab(), &golden.texts, &golden.multilingual);
}

#[test]
fn specials_cannot_be_spelled() {
    let model = english();
    let vocab = model.vocab();
    let ids = Tokenizer::new(vocab).encode("<|endoftext|><|startoftranscript|>[_BEG_]");
    assert!(ids.len() > 10 && ids.iter().all(|&id| !vocab.is_special(id)));
}

#[test]
fn pieces_are_those_of_the_gpt2_pattern() {
    let cut = |text: &'static str| pieces(text).collect::<Vec<_>>();
    assert_eq!(cut("Hello world"), ["Hello", " world"]);
    assert_eq!(cut("a   b"), ["a", "  ", " b"]);
    assert_eq!(cut("a \n\tb"), ["a", " \n", "\t", "b"]);
    assert_eq!(cut("a   "), ["a", "   "]);
    assert_eq!(cut("it's 12th!?"), ["it", "'s", " 12", "th", "!?"]);
    assert_eq!(cut("IT'S"), ["IT", "'", "S"]);
    assert_eq!(cut(""), Vec::<&str>::new());
    assert_eq!(cut("\u{3000}\u{3000}あ"), ["\u{3000}", "\u{3000}", "あ"]);
}

#[test]
fn a_long_piece_takes_no_quadratic_time() {
    let model = english();
    let text = "ab".repeat(200_000);
    let start = std::time::Instant::now();
    let ids = Tokenizer::new(model.vocab()).encode(&text);
    assert_eq!(decode(model.vocab(), &ids), text);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn characters_wait_until_they_are_whole() {
    let mut stream = Utf8Stream::new();
    assert_eq!(stream.push(b"a\xe2"), "a");
    assert!(stream.is_pending());
    assert_eq!(stream.push(b"\x82"), "");
    assert_eq!(stream.push(b"\xac!"), "€!");
    assert!(!stream.is_pending());
    assert_eq!(stream.push(b"\xe2\x82"), "");
    assert_eq!(stream.push(b"x"), "\u{fffd}x");
    assert_eq!(stream.push(b"\xff"), "\u{fffd}");
    assert_eq!(stream.push(b"\xf0\x9f"), "");
    assert_eq!(stream.finish(), "\u{fffd}");
    assert_eq!(stream.finish(), "");
}

#[test]
fn special_and_unknown_ids_have_no_text() {
    let vocab = english().vocab();
    let hi = bytewise(b"hi");
    assert_eq!(decode(vocab, &[hi[0], vocab.eot(), hi[1], vocab.beg() + 3, u32::MAX]), "hi");
}

#[test]
fn broken_characters_and_specials_keep_every_position() {
    let vocab = english().vocab();
    // "a", half a character, a timestamp, " b", half a character.
    let ids = [&bytewise(b"a\xe2\x82")[..], &[vocab.beg()], &bytewise(b" b\xe2")].concat();
    assert_eq!(split_tokens_on_unicode(vocab, &ids), [&[0][..], &[1, 2], &[3], &[4], &[5], &[6]]);
    assert_eq!(word_groups(vocab, &ids, "en"), [&[0, 1, 2][..], &[3], &[4, 5, 6]]);
    assert_eq!(word_groups(vocab, &[], "en"), Vec::<Vec<usize>>::new());
}

proptest! {
    #[test]
    fn a_stream_gives_what_a_lossy_conversion_gives(bytes: Vec<u8>, cuts: Vec<prop::sample::Index>) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut stream = Utf8Stream::new();
        let mut text: String = cuts.windows(2).map(|w| stream.push(&bytes[w[0]..w[1]])).collect();
        prop_assert!(stream.pending.len() <= 3);
        text.push_str(&stream.finish());
        prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn pieces_cover_the_text(text in "(?s).{0,40}|[ \n'sdtlré1\u{a0}]{0,40}") {
        prop_assert_eq!(pieces(&text).collect::<String>(), text.clone());
        prop_assert!(pieces(&text).all(|piece| !piece.is_empty()));
    }

    #[test]
    fn groups_cover_all_positions(ids in prop::collection::vec(0u32..52_000, 0..40), language in 0usize..100) {
        let groups = word_groups(english().vocab(), &ids, crate::language::LANGUAGES[language].0);
        prop_assert!(groups.iter().all(|group| !group.is_empty()));
        prop_assert_eq!(groups.concat(), (0..ids.len()).collect::<Vec<_>>());
    }
}

/// Merging as it is defined, without the heap.
fn merge_by_definition(vocab: &Vocab, piece: &[u8]) -> Vec<u32> {
    let mut parts: Vec<Vec<u8>> = piece.iter().map(|&b| vec![b]).collect();
    loop {
        let ranked = parts.windows(2).enumerate().filter_map(|(i, pair)| Some((vocab.token_to_id(&pair.concat())?, i)));
        let Some((_, i)) = ranked.min() else { break };
        let right = parts.remove(i + 1);
        parts[i].extend(right);
    }
    parts.iter().filter_map(|part| vocab.token_to_id(part)).collect()
}

#[test]
fn the_heap_merges_as_the_definition_does() {
    let model = english();
    let vocab = model.vocab();
    let tokenizer = Tokenizer::new(vocab);
    let mut runner = proptest::test_runner::TestRunner::default();
    let text = "[ a-eot]{1,30}|[a-z]{1,20}|\\PC{1,8}";
    runner
        .run(&text.prop_map(String::from), |text| {
            for piece in pieces(&text) {
                let mut ids = Vec::new();
                tokenizer.merge(piece.as_bytes(), &mut ids);
                prop_assert_eq!(ids, merge_by_definition(vocab, piece.as_bytes()));
            }
            Ok(())
        })
        .expect("equal merges");
}
